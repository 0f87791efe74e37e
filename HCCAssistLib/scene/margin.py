"""An ablation margin in the scene: the tumour's surface coloured by it, its smallest place, candidates beside it.

Everything hangs on one text node that holds the record as JSON; it is saved, found again and removed as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import slicer
import vtk

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import parse_json
from HCCAssistLib.margin.candidates import NearMargin, near_margin
from HCCAssistLib.margin.colors import LEFT_OUT, MARGIN_RANGE
from HCCAssistLib.margin.record import MarginRecord
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.scene.boxes import paint
from HCCAssistLib.scene.colors import LABEL, PENDING_HIGH, margin_color_node, surface_color
from HCCAssistLib.scene.margin_surfaces import SCALARS, PreparedMargin
from HCCAssistLib.scene.records import (
    add_drawn,
    batch,
    drawn_node,
    drawn_nodes,
    records,
    remove_record,
    removed_in_steps,
)
from HCCAssistLib.scene.transforms import lps_to_ras
from HCCAssistLib.wording import rounded

MARGIN = "HCCAssist.margin"
"""Attribute of the text node of a margin."""

INPUTS = "HCCAssist.margin.inputs"
"""Attribute of the text node: digests of the segments, to know an older drawing of them again."""

SURFACE, GREY, OUTLINE, SMALLEST, CANDIDATES = "margin", "left out", "zone", "smallest margin", "candidates"
"""Parts that are drawn."""


@dataclass(frozen=True, eq=False, slots=True)
class DrawnMargin:
    """A margin in the scene.

    Attributes:
        node: text node with the record as JSON.
        record: what was measured.
        near: candidates of a detection in the scene, as they were when it was drawn.
    """

    node: Any
    record: MarginRecord
    near: tuple[NearMargin, ...]

    @property
    def model(self) -> Any | None:
        """The coloured surface; None where it was deleted."""
        return drawn_node(self.node, SURFACE)


def draw_margin(prepared: PreparedMargin, scene: Any, name: str = "Ablation margin") -> DrawnMargin:
    """Draw a margin; an older drawing of the same tumour and zone goes.

    The model stands where the tumour stands, in the scan before the ablation.

    Raises:
        InputError: a candidate that lies nowhere.
    """
    *_, drawn = drawn_in_steps(prepared, scene, name)
    return drawn


def drawn_in_steps(prepared: PreparedMargin, scene: Any, name: str = "Ablation margin") -> Iterator[DrawnMargin]:
    """What ``draw_margin`` does, in steps that are short for a person; the margin stands there after the first one."""
    record = prepared.record
    near = near_margin(record, detected_candidates(scene))
    inputs = json.dumps(dict(record.inputs), sort_keys=True)
    old = [one for one in margin_nodes(scene) if one.GetAttribute(INPUTS) == inputs]
    with batch(scene):
        node = scene.AddNewNodeByClass("vtkMRMLTextNode", scene.GenerateUniqueName(name))
        node.SetForceCreateStorageNode(slicer.vtkMRMLTextNode.CreateStorageNodeAlways)
        node.SetText(prepared.text)
        _surfaces(node, prepared, scene)
        _smallest(node, record, scene)
        _candidates(node, near, scene)
        node.SetAttribute(MARGIN, "1")
        node.SetAttribute(INPUTS, inputs)
    drawn = DrawnMargin(node, record, near)
    yield drawn
    if drawn.model is not None:  # a person may have deleted it by now
        _add_legend(drawn.model)
    yield drawn
    for before in old:
        for _ in removed_in_steps(before):
            yield drawn


def restored_margins(scene: Any) -> tuple[tuple[DrawnMargin, ...], tuple[Problem, ...]]:
    """The margins of a scene that was loaded, and a warning for each that cannot be read."""
    found, problems = [], []
    for node in margin_nodes(scene):
        try:
            record = MarginRecord.from_json(parse_json(node.GetText() or ""))
            found.append(DrawnMargin(node, record, near_margin(record, detected_candidates(scene))))
        except InputError as error:
            problems += [Problem("WARN", one.what, node.GetName(), one.remedy) for one in error.problems]
        except ValueError:
            problems.append(Problem("WARN", "the margin in the scene is damaged", node.GetName(), "measure again"))
    return tuple(found), tuple(problems)


def margin_nodes(scene: Any) -> Iterator[Any]:
    """The text nodes of the margins in a scene."""
    nodes = scene.GetNodesByClass("vtkMRMLTextNode")
    yield from [
        nodes.GetItemAsObject(n)
        for n in range(nodes.GetNumberOfItems())
        if nodes.GetItemAsObject(n).GetAttribute(MARGIN)
    ]


def remove_margin(drawn: DrawnMargin) -> None:
    """Take a margin and all that was drawn with it out of the scene."""
    remove_record(drawn.node)


def detected_candidates(scene: Any) -> dict[int, tuple[float, float, float]]:
    """Centres of the candidates of the latest detection in the scene above its threshold, LPS mm, by number."""
    for node in reversed(list(records(scene))):
        try:
            result = DetectionResult.from_json(parse_json(node.GetText() or ""))
        except (KeyError, TypeError, ValueError):  # another kind of result, or damaged, which restoring it tells
            continue
        return {one.number: one.box.center for one in result.candidates if one.probability >= result.threshold}
    return {}


def _surfaces(node: Any, prepared: PreparedMargin, scene: Any) -> None:
    """The coloured surface, and in grey what does not count."""
    model = _model(node, SURFACE, "margin of the ablation", prepared.surface, scene)
    display = model.GetDisplayNode()
    with changed_once(display):
        display.SetAndObserveColorNodeID(margin_color_node(scene).GetID())
        display.SetActiveScalarName(SCALARS)
        display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseManualScalarRange)
        display.SetScalarRange(*MARGIN_RANGE)
        display.SetScalarVisibility(True)
    model.SetDescription(f"{SCALARS}: positive where the zone reaches beyond the tumour")
    if prepared.grey is not None:
        grey = _model(node, GREY, "not counted: at the liver's surface", prepared.grey, scene)
        grey.GetDisplayNode().SetColor(*LEFT_OUT)
    if prepared.zone is not None:
        zone = _model(node, OUTLINE, "ablation zone, laid on the scan before", prepared.zone, scene)
        with changed_once(zone.GetDisplayNode()):
            zone.GetDisplayNode().SetColor(*surface_color("ablation")[0])
            zone.GetDisplayNode().SetVisibility3D(False)  # it would hide the tumour


def _model(node: Any, part: str, name: str, surface: Any, scene: Any) -> Any:
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    model.SetAndObservePolyData(surface)
    model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    with changed_once(display):
        display.SetVisibility2D(True)
        display.SetBackfaceCulling(False)
    return add_drawn(node, part, model)


def _smallest(node: Any, record: MarginRecord, scene: Any) -> None:
    margin, interval = record.margin, record.margin.smallest_interval
    text = f"margin {rounded(margin.smallest_mm, 1)} mm"  # short: it would run out of a small view
    if interval.low is not None and interval.high is not None:
        text += f" ({rounded(interval.low, 1)} to {rounded(interval.high, 1)})"
    points = _points(node, SMALLEST, [(text, margin.smallest_at)], scene)
    paint(points.GetDisplayNode(), LABEL)


def _candidates(node: Any, near: Iterable[NearMargin], scene: Any) -> None:
    places = [(f"candidate {one.number}: {rounded(one.narrowest_mm, 0)} mm", one.center) for one in near]
    if places:
        paint(_points(node, CANDIDATES, places, scene).GetDisplayNode(), PENDING_HIGH)


@contextmanager
def changed_once(node: Any) -> Iterator[None]:
    """Let whoever watches a node see one change where several are made."""
    modifying = node.StartModify()
    try:
        yield
    finally:
        node.EndModify(modifying)


def _points(node: Any, part: str, places: Iterable[tuple[str, Any]], scene: Any) -> Any:
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", part)
    points.CreateDefaultDisplayNodes()
    for text, place in places:
        points.AddControlPoint(vtk.vtkVector3d(*lps_to_ras(place)), text)
    points.SetLocked(True)
    display = points.GetDisplayNode()
    with changed_once(display):
        display.SetTextScale(3.5)
        display.SetOccludedVisibility(True)
        display.SetOccludedOpacity(0.5)
    return add_drawn(node, part, points)


def _add_legend(model: Any) -> None:
    """Made after the model is shown, or Slicer does not draw it."""
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(model)
    if legend is None:
        return
    views = model.GetScene().GetNodesByClass("vtkMRMLViewNode")
    for index in range(views.GetNumberOfItems()):  # not in slice views, where it would cover the image
        legend.AddViewNodeID(views.GetItemAsObject(index).GetID())
    legend.SetTitleText("Margin, mm")
    legend.SetUseColorNamesForLabels(True)
    legend.SetNumberOfLabels(4)
    legend.SetSize(0.34, 0.4)  # wide: the letters shrink until the longest label fits
    legend.SetPosition(0.98, 0.95)


def shown_parts(drawn: DrawnMargin) -> dict[str, list[Any]]:
    """The nodes of each part that are still in the scene."""
    return {part: drawn_nodes(drawn.node, part) for part in (SURFACE, GREY, OUTLINE, SMALLEST, CANDIDATES)}
