"""An ablation margin in the scene: the tumour's surface coloured by it, its smallest place, candidates beside it.

Everything hangs on one text node that holds the record as JSON; it is saved, found again and removed as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import parse_json
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.margin.candidates import NearMargin, near_margin
from HCCAssistLib.margin.colors import LEFT_OUT, MARGIN_RANGE
from HCCAssistLib.margin.record import MarginRecord
from HCCAssistLib.margin.shape import onto_points, solid_of
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.scene.boxes import paint
from HCCAssistLib.scene.colors import LABEL, PENDING_HIGH, margin_color_node
from HCCAssistLib.scene.records import add_drawn, batch, drawn_node, drawn_nodes, records, remove_record
from HCCAssistLib.scene.transforms import lps_to_ras
from HCCAssistLib.wording import rounded

MARGIN = "HCCAssist.margin"
"""Attribute of the text node of a margin."""

SURFACE, GREY, SMALLEST, CANDIDATES = "margin", "left out", "smallest margin", "candidates"
"""Parts that are drawn."""

SCALARS = "margin, mm"

SMOOTHINGS = 20
"""Of the surface that is drawn: windowed sinc, which does not shrink it."""


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


def draw_margin(record: MarginRecord, scene: Any, name: str = "Ablation margin") -> DrawnMargin:
    """Draw a record; an older drawing of the same tumour and zone goes.

    The model stands where the tumour stands, in the scan before the ablation.

    Raises:
        InputError: a candidate that lies nowhere.
    """
    near = near_margin(record, detected_candidates(scene))
    old = [one for one in margin_nodes(scene) if _inputs(one) == dict(record.inputs)]
    with batch(scene):
        node = scene.AddNewNodeByClass("vtkMRMLTextNode", scene.GenerateUniqueName(name))
        node.SetForceCreateStorageNode(slicer.vtkMRMLTextNode.CreateStorageNodeAlways)
        node.SetText(json.dumps(record.as_json(), allow_nan=False))
        _surfaces(node, record, scene)
        _smallest(node, record, scene)
        _candidates(node, near, scene)
        node.SetAttribute(MARGIN, "1")
    _add_legend(drawn_node(node, SURFACE))
    for before in old:
        remove_record(before)
    return DrawnMargin(node, record, near)


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


def _inputs(node: Any) -> dict[str, str] | None:
    try:
        found = parse_json(node.GetText() or "")["run"]["inputs"]
        return dict(found)
    except (KeyError, TypeError, ValueError):
        return None


def _surfaces(node: Any, record: MarginRecord, scene: Any) -> None:
    """The coloured surface, and in grey what does not count."""
    margin, solid = record.margin, solid_of(record.margin)
    corners, triangles = _contour(solid.level, solid.origin, solid.step)
    places, mm, counted = onto_points(margin, corners)
    whole = counted[triangles].all(axis=1)
    model = _model(node, SURFACE, "margin of the ablation", lps_to_ras(places), triangles[whole], scene)
    scalars = numpy_to_vtk(mm.astype(np.float32), deep=True)
    scalars.SetName(SCALARS)
    model.GetPolyData().GetPointData().SetScalars(scalars)
    display = model.GetDisplayNode()
    display.SetAndObserveColorNodeID(margin_color_node(scene).GetID())
    display.SetActiveScalarName(SCALARS)
    display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseManualScalarRange)
    display.SetScalarRange(*MARGIN_RANGE)
    display.SetScalarVisibility(True)
    model.SetDescription(f"{SCALARS}: positive where the zone reaches beyond the tumour")
    if not whole.all():
        grey = _model(node, GREY, "not counted: at the liver's surface", lps_to_ras(places), triangles[~whole], scene)
        grey.GetDisplayNode().SetColor(*LEFT_OUT)


def _model(node: Any, part: str, name: str, ras: FloatArray, triangles: npt.NDArray[np.int64], scene: Any) -> Any:
    data = vtk.vtkPolyData()
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(ras), deep=True))
    cells = vtk.vtkCellArray()
    sized = np.column_stack([np.full(len(triangles), 3), triangles]).ravel().astype(np.int64)
    cells.ImportLegacyFormat(numpy_to_vtkIdTypeArray(sized, deep=True))
    data.SetPoints(points)
    data.SetPolys(cells)
    smoothed = vtk.vtkWindowedSincPolyDataFilter()
    smoothed.SetInputData(data)
    smoothed.SetNumberOfIterations(SMOOTHINGS)
    smoothed.NormalizeCoordinatesOn()
    smoothed.BoundarySmoothingOff()
    smoothed.FeatureEdgeSmoothingOff()
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(smoothed.GetOutputPort())
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.Update()
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    model.SetAndObservePolyData(normals.GetOutput())
    model.CreateDefaultDisplayNodes()
    model.GetDisplayNode().SetVisibility2D(True)
    model.GetDisplayNode().SetBackfaceCulling(False)
    return add_drawn(node, part, model)


def _contour(level: npt.NDArray[np.float32], origin: FloatArray, step: float) -> tuple[FloatArray, npt.NDArray[Any]]:
    image = vtk.vtkImageData()
    image.SetDimensions(*level.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(level).ravel(), deep=True))
    edges = vtk.vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.5)
    edges.ComputeNormalsOff()
    edges.ComputeScalarsOff()
    edges.Update()
    found = edges.GetOutput()
    corners = vtk_to_numpy(found.GetPoints().GetData()).astype(np.float64) * step + origin
    return corners, vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3)


def _smallest(node: Any, record: MarginRecord, scene: Any) -> None:
    margin, interval = record.margin, record.margin.smallest_interval
    text = f"smallest margin {rounded(margin.smallest_mm, 1)} mm"
    if interval.low is not None and interval.high is not None:
        text += f" ({rounded(interval.low, 1)} to {rounded(interval.high, 1)})"
    points = _points(node, SMALLEST, [(text, margin.smallest_at)], scene)
    paint(points.GetDisplayNode(), LABEL)


def _candidates(node: Any, near: Iterable[NearMargin], scene: Any) -> None:
    places = [(f"candidate {one.number}: {rounded(one.narrowest_mm, 0)} mm", one.center) for one in near]
    if places:
        paint(_points(node, CANDIDATES, places, scene).GetDisplayNode(), PENDING_HIGH)


def _points(node: Any, part: str, places: Iterable[tuple[str, Any]], scene: Any) -> Any:
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", part)
    points.CreateDefaultDisplayNodes()
    for text, place in places:
        points.AddControlPoint(vtk.vtkVector3d(*lps_to_ras(place)), text)
    points.SetLocked(True)
    display = points.GetDisplayNode()
    display.SetTextScale(3.5)
    display.SetOccludedVisibility(True)
    display.SetOccludedOpacity(0.5)
    return add_drawn(node, part, points)


def _add_legend(model: Any) -> None:
    """Made after the model is shown, or Slicer does not draw it."""
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(model)
    if legend is None:
        return
    legend.SetTitleText("Margin, mm")
    legend.SetUseColorNamesForLabels(True)
    legend.SetNumberOfLabels(4)
    legend.SetSize(0.2, 0.35)
    legend.SetPosition(0.95, 0.85)


def shown_parts(drawn: DrawnMargin) -> dict[str, list[Any]]:
    """The nodes of each part that are still in the scene."""
    return {part: drawn_nodes(drawn.node, part) for part in (SURFACE, GREY, SMALLEST, CANDIDATES)}
