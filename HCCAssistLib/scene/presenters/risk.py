"""A risk: what the networks saw in each volume, heat over these volumes, a table of probabilities, group and values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.recipes.registry import printed_model
from HCCAssistLib.results.cutoff import cutoff_text
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.scene.boxes import paint_box
from HCCAssistLib.scene.colors import Color, verdict_color
from HCCAssistLib.scene.presenters.parts import StyledBox, add_table, boxes_in_steps, heatmaps_in_steps
from HCCAssistLib.scene.presenters.presenter import Drawn, Label
from HCCAssistLib.scene.table import fill_table

COLUMNS = ("what", "value", "remark")


def title(result: RiskResult) -> str:
    """What the folder of the drawing is called."""
    return f"{result.run.recipe.upper()} risk"


def draw(result: RiskResult, record: Any, scene: Any) -> Iterator[None]:
    """Make boxes, heat maps and table in short steps."""
    name = result.run.recipe.upper()
    boxes = (
        StyledBox(number, box, f"{name} {place}", color(None))
        for number, (place, box) in enumerate(result.boxes.items(), 1)
    )
    yield from boxes_in_steps(boxes, record, scene)
    yield from heatmaps_in_steps(result.heatmaps, record, name, scene)
    add_table(record, f"{name} risk", scene)
    yield


def refresh(drawn: Drawn) -> None:
    """Write the table, and show the boxes."""
    result: RiskResult = drawn.result  # type: ignore[assignment]  # the kind of the record says so
    for node in drawn.boxes.values():
        paint_box(node, color(None), Verdict.PENDING)
        node.SetDisplayVisibility(True)
    if drawn.table is not None:
        fill_table(drawn.table, COLUMNS, _rows(result))


def color(_finding: None) -> Color:
    """Of the boxes: nobody judges them one by one."""
    return verdict_color(Verdict.PENDING)


def labels(result: RiskResult) -> tuple[Label, ...]:
    """What marked each place; of a long label beside a wide box a view would cut off the end."""
    return tuple(
        Label(number, place.split("/")[-1], box) for number, (place, box) in enumerate(result.boxes.items(), 1)
    )


def box_of(result: RiskResult, number: int) -> Box | None:
    """One of the boxes, counted from 1."""
    boxes = list(result.boxes.values())
    return boxes[number - 1] if 1 <= number <= len(boxes) else None


def _rows(result: RiskResult) -> list[tuple[str, str, str]]:
    decides = result.decides if result.cutoff else None
    rows = [
        (printed_model(result.run.recipe, name), f"{value:.3f}", "decides the group" if name == decides else "")
        for name, value in result.probabilities.items()
    ]
    if result.cutoff is not None:
        model = printed_model(result.run.recipe, result.decides)
        rows.append(("group", f"{result.group} risk", f"high where {model} {cutoff_text(result.cutoff)}"))
    for value in result.clinical:
        text = "" if value.used is None else f"{value.used:g}"
        remark = {"given": "", "imputed": "not known: a value in its stead", "missing": "not known"}[value.state]
        rows.append((value.column, text, remark))
    return rows
