"""A detection: a box with its number per candidate, heat of the candidates at the threshold, a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.results.detection import Candidate, DetectionResult
from HCCAssistLib.scene.boxes import paint_box
from HCCAssistLib.scene.colors import Color, verdict_color
from HCCAssistLib.scene.heatmap import show_heat_of
from HCCAssistLib.scene.presenters.parts import StyledBox, add_table, boxes_in_steps, heatmaps_in_steps
from HCCAssistLib.scene.presenters.presenter import Drawn, Label
from HCCAssistLib.scene.table import fill_table

COLUMNS = ("number", "score", "slice", "box (mm)", "distance to ablation (mm)", "verdict", "reader", "comment")


def title(result: DetectionResult) -> str:
    """What the folder of the drawing is called."""
    return f"{prefix(result)} detection"


def prefix(result: DetectionResult) -> str:
    """What names of nodes begin with."""
    return result.run.recipe.upper()


def draw(result: DetectionResult, record: Any, scene: Any) -> Iterator[None]:
    """Make boxes, heat map and table in short steps."""
    name = prefix(result)
    boxes = (
        StyledBox(c.number, c.box, f"{name} {_label(c)}", color(c), c.review.verdict, c.probability >= result.threshold)
        for c in result.candidates
    )
    yield from boxes_in_steps(boxes, record, scene)
    yield from heatmaps_in_steps(result.heatmaps, record, name, scene)
    add_table(record, f"{name} candidates", scene)
    yield


def refresh(drawn: Drawn) -> None:
    """Bring boxes, heat and table in line with threshold and verdicts."""
    result: DetectionResult = drawn.result  # type: ignore[assignment]  # the kind of the record says so
    shown = {candidate.number for candidate in result.shown}
    for candidate in result.candidates:
        if (node := drawn.boxes.get(candidate.number)) is not None:
            paint_box(node, color(candidate), candidate.review.verdict)
            node.SetDisplayVisibility(candidate.number in shown)
    for place, assignment in drawn.assignments.items():
        if (heat := drawn.heatmaps.get(place)) is not None:
            show_heat_of(heat, assignment, shown)
    if drawn.table is not None:
        fill_table(drawn.table, COLUMNS, [_row(candidate) for candidate in result.shown])


def color(candidate: Candidate) -> Color:
    """Of a candidate's box."""
    return verdict_color(candidate.review.verdict, candidate.probability)


def labels(result: DetectionResult) -> tuple[Label, ...]:
    """Number and score of the candidates at the threshold."""
    return tuple(Label(c.number, _label(c), c.box) for c in result.shown)


def box_of(result: DetectionResult, number: int) -> Box | None:
    """The box of a candidate."""
    return next((candidate.box for candidate in result.candidates if candidate.number == number), None)


def _label(candidate: Candidate) -> str:
    return f"{candidate.number}: {score_text(candidate.probability)}"


def score_text(score: float) -> str:
    """Two decimals; nothing is certain, so what rounds to 1 is not written as 1.

    >>> score_text(0.713), score_text(0.998)
    ('0.71', '>0.99')
    """
    text = f"{score:.2f}"
    return ">0.99" if text == "1.00" and score < 1 else text


def _row(candidate: Candidate) -> tuple[str | int, ...]:
    distance = candidate.distance_to_ablation_mm
    return (
        candidate.number,
        f"{candidate.probability:.3f}",
        candidate.slice + 1,
        f"{candidate.diameter_mm:.1f}",
        "" if distance is None else f"{distance:.1f}",
        candidate.review.verdict.value,
        candidate.review.reader,
        candidate.review.comment,
    )
