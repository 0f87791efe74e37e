"""Parts of a drawing that several kinds of results have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.result import Result
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.boxes import NUMBER, add_box, paint_box
from HCCAssistLib.scene.colors import Color
from HCCAssistLib.scene.heatmap import HeatmapAssignment, add_heatmap, heat_of
from HCCAssistLib.scene.presenters.presenter import Drawn
from HCCAssistLib.scene.records import add_drawn, batch, drawn_node, drawn_nodes, volumes_of

BOX, PATCH, HEATMAP, TABLE = "box", "patch", "heatmap", "table"
"""What a drawn node is: a finding's box, a further picture of the finding that the networks saw, and so on."""

PLACE = "HCCAssist.place"
"""Attribute of a heat map: the place of the volume that it lies over."""

BOXES_AT_ONCE = 1
"""Drawn in one step: the views take some milliseconds for each, and more at once the more there are."""


@dataclass(frozen=True, slots=True)
class StyledBox:
    """A box to draw, and how it looks.

    Attributes:
        number: of the finding.
        box: LPS mm.
        name: of the node.
        color: of its outline.
        verdict: on the finding.
        visible: whether it is shown.
    """

    number: int
    box: Box
    name: str
    color: Color
    verdict: Verdict = Verdict.PENDING
    visible: bool = True


def boxes_in_steps(boxes: Iterable[StyledBox], record: Any, scene: Any, kind: str = BOX) -> Iterator[None]:
    """Add boxes as they are to look, since the views take longest for what changes afterwards."""
    listed = list(boxes)
    for start in range(0, len(listed), BOXES_AT_ONCE):
        with batch(scene):
            for one in listed[start : start + BOXES_AT_ONCE]:
                node = add_drawn(record, kind, add_box(one.number, one.box, one.name, scene))
                paint_box(node, one.color, one.verdict)
                node.SetDisplayVisibility(one.visible)
        yield


def heatmaps_in_steps(heatmaps: Mapping[str, Image], record: Any, name: str, scene: Any) -> Iterator[None]:
    """Add heat maps by the places of their volumes."""
    for place, heat in heatmaps.items():
        title = f"{name} Grad-CAM" if len(heatmaps) == 1 else f"{name} Grad-CAM {place}"
        node = add_drawn(record, HEATMAP, add_heatmap(heat, title, scene))
        node.SetAttribute(PLACE, place)
        yield


def add_table(record: Any, name: str, scene: Any) -> None:
    """Add an empty table."""
    add_drawn(record, TABLE, scene.AddNewNodeByClass("vtkMRMLTableNode", name))


def gathered(record: Any, result: Result, assignments: Mapping[str, HeatmapAssignment]) -> Drawn:
    """A result with the nodes of its record that are in the scene now: a person may delete any of them."""
    return Drawn(
        result=result,
        record=record,
        volumes=volumes_of(record),
        boxes={number_of(node): node for node in drawn_nodes(record, BOX)},
        heatmaps={node.GetAttribute(PLACE): node for node in drawn_nodes(record, HEATMAP)},
        assignments=assignments,
        table=drawn_node(record, TABLE),
    )


def number_of(node: Any) -> int:
    """Of the finding that a box belongs to; 0 where it tells none."""
    return int(node.GetAttribute(NUMBER) or 0)


def stored_heat(record: Any) -> dict[str, Image]:
    """The heat maps of a record by the places of their volumes."""
    return {node.GetAttribute(PLACE): heat_of(node) for node in drawn_nodes(record, HEATMAP)}


def assigned(record: Any, boxes: Mapping[int, Box]) -> Iterator[tuple[str, HeatmapAssignment]]:
    """Which finding the heat of each map belongs to, a map at a time."""
    if boxes:
        for node in drawn_nodes(record, HEATMAP):
            yield node.GetAttribute(PLACE), HeatmapAssignment.of(node, boxes)
