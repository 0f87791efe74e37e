"""A classification: the frame that the networks saw of each finding with its category, heat per volume, a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.results.category_set import NO_SET
from HCCAssistLib.results.classification import ClassificationResult, Finding
from HCCAssistLib.scene.boxes import paint_box
from HCCAssistLib.scene.colors import Color, verdict_color
from HCCAssistLib.scene.presenters.detection import score_text
from HCCAssistLib.scene.presenters.parts import (
    PATCH,
    StyledBox,
    add_table,
    boxes_in_steps,
    heatmaps_in_steps,
    number_of,
)
from HCCAssistLib.scene.presenters.presenter import Drawn, Label
from HCCAssistLib.scene.records import drawn_nodes
from HCCAssistLib.scene.table import fill_table

REVIEW_COLUMNS = ("verdict", "category", "reader", "comment")


def title(result: ClassificationResult) -> str:
    """What the folder of the drawing is called."""
    return f"{result.run.recipe.upper()} classification"


def draw(result: ClassificationResult, record: Any, scene: Any) -> Iterator[None]:
    """Make frames, heat maps and table in short steps."""
    name = result.run.recipe.upper()
    frames = (
        StyledBox(one.number, one.box, f"{name} {_label(one)}", color(one), one.review.verdict)
        for one in result.findings
    )
    yield from boxes_in_steps(frames, record, scene)
    others = (
        StyledBox(one.number, patch.box, f"{name} {_label(one)}, image {patch.slice + 1}", color(one))
        for one in result.findings
        for patch in one.patches[1:]
    )
    yield from boxes_in_steps(others, record, scene, kind=PATCH)
    yield from heatmaps_in_steps(result.heatmaps, record, name, scene)
    add_table(record, f"{name} findings", scene)
    yield


def refresh(drawn: Drawn) -> None:
    """Bring frames and table in line with the reviews."""
    result: ClassificationResult = drawn.result  # type: ignore[assignment]  # the kind of the record says so
    for finding in result.findings:
        if (node := drawn.boxes.get(finding.number)) is not None:
            paint_box(node, color(finding), finding.review.verdict)
            node.SetDisplayVisibility(True)
    by_number = {finding.number: finding for finding in result.findings}
    for node in drawn_nodes(drawn.record, PATCH):
        owner = by_number.get(number_of(node))
        if owner is not None:
            paint_box(node, color(owner), owner.review.verdict)
    if drawn.table is not None:
        names = [f"{code}: {name}" for code, name in result.categories.items()]
        columns = ("number", "finding", "predicted", "category set", *names, *result.groups, *REVIEW_COLUMNS)
        fill_table(drawn.table, columns, [_row(finding, result) for finding in result.findings])


def color(finding: Finding) -> Color:
    """Of a finding's frame."""
    return verdict_color(finding.review.verdict, finding.probabilities[finding.predicted])


def labels(result: ClassificationResult) -> tuple[Label, ...]:
    """Number, predicted category and its score, of all findings."""
    return tuple(Label(finding.number, _label(finding), finding.box) for finding in result.findings)


def box_of(result: ClassificationResult, number: int) -> Box | None:
    """The frame of a finding."""
    return next((finding.box for finding in result.findings if finding.number == number), None)


def _label(finding: Finding) -> str:
    return f"{finding.number}: {finding.predicted} {score_text(finding.probabilities[finding.predicted])}"


def _row(finding: Finding, result: ClassificationResult) -> tuple[str | int, ...]:
    scores = [*finding.probabilities.values(), *result.grouped(finding.probabilities).values()]
    review = finding.review
    return (
        finding.number,
        finding.label,
        finding.predicted,
        finding.category_set.text if finding.category_set else NO_SET,
        *(f"{score:.3f}" for score in scores),
        review.verdict.value,
        review.category,
        review.reader,
        review.comment,
    )
