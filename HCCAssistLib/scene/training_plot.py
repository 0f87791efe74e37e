"""Loss by epoch of the networks of a training, as a plot of the scene; it goes with the training and is never saved."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import slicer
from vtk.util.numpy_support import numpy_to_vtk

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.scene.colors import Color

TRAINING = "HCCAssist.training"
"""Attribute of every node that was drawn: id of the training."""

PART = "HCCAssist.trainingPart"
"""Attribute beside it: the chart, or the curve and what it holds."""

CHART = "chart"
TRAIN, VALIDATION = "train_loss", "validation_loss"
WORDS = {TRAIN: "training", VALIDATION: "validation"}

MOST = 8
"""Networks whose curves can be told from each other."""

Curves = Mapping[str, Sequence[Mapping[str, Any]]]
"""Per epoch ``stage``, ``epoch`` and its losses, by the name of the member."""


def draw_training(training_id: str, title: str, curves: Curves, scene: Any) -> Any | None:
    """The chart of a training, made or brought up to date; None while no epoch is finished.

    Args:
        training_id: of the training.
        title: of the chart.
        curves: of its members; the first ``MOST`` of them are drawn.
        scene: that it is drawn in.
    """
    drawn = dict(list(curves.items())[:MOST])
    lines = {(name, loss): _points(epochs, loss) for name, epochs in drawn.items() for loss in (TRAIN, VALIDATION)}
    lines = {line: points for line, points in lines.items() if len(points[0]) > 1}  # one point is no line
    if not lines:
        return None
    chart = chart_of_training(training_id, scene)
    if chart is None:
        chart = _node("vtkMRMLPlotChartNode", title, CHART, training_id, scene)
        _style(chart, title)
    tables = {str(node.GetAttribute(PART)): node for node in _of(training_id, scene) if node.IsA("vtkMRMLTableNode")}
    for (name, loss), (epochs, losses) in lines.items():
        part = f"{name} {loss}"
        if part in tables:
            _fill(tables[part], epochs, losses)
            continue
        table = _node("vtkMRMLTableNode", f"{title}, {name}, {WORDS[loss]}", part, training_id, scene)
        _fill(table, epochs, losses)
        series = _node("vtkMRMLPlotSeriesNode", f"{name}, {WORDS[loss]}", part, training_id, scene)
        _draw(series, table, loss, color_of(list(drawn).index(name)))
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    last = max(float(epochs[-1]) for epochs, _ in lines.values())
    chart.SetXAxisRange(0.0, max(last, 2.0))
    return chart


def chart_of_training(training_id: str, scene: Any) -> Any | None:
    """The chart that was drawn of a training; None where there is none."""
    return next((node for node in _of(training_id, scene) if node.GetAttribute(PART) == CHART), None)


def forget_training(scene: Any, *, but: str = "") -> None:
    """Remove what was drawn of all trainings, but for one."""
    for kind in ("vtkMRMLPlotChartNode", "vtkMRMLPlotSeriesNode", "vtkMRMLTableNode"):
        nodes = scene.GetNodesByClass(kind)
        for node in [nodes.GetItemAsObject(index) for index in range(nodes.GetNumberOfItems())]:
            if node.GetAttribute(TRAINING) not in (None, but):
                scene.RemoveNode(node)


def color_of(index: int) -> Color:
    """Of the curves of a network, by its number."""
    return colorsys.hsv_to_rgb((0.58 + index / MOST) % 1.0, 0.75, 0.70)


def _points(epochs: Sequence[Mapping[str, Any]], loss: str) -> tuple[FloatArray, FloatArray]:
    """Epochs and losses; the epochs of a further stage go on counting behind the one before."""
    counted = [(number + 1, float(epoch[loss])) for number, epoch in enumerate(epochs) if loss in epoch]
    found = np.array([one for one in counted if np.isfinite(one[1])], dtype=float).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _of(training_id: str, scene: Any) -> Iterator[Any]:
    for kind in ("vtkMRMLPlotChartNode", "vtkMRMLTableNode"):
        nodes = scene.GetNodesByClass(kind)
        for index in range(nodes.GetNumberOfItems()):
            node = nodes.GetItemAsObject(index)
            if node.GetAttribute(TRAINING) == training_id:
                yield node


def _node(kind: str, name: str, part: str, training_id: str, scene: Any) -> Any:
    """A node that belongs to a training: neither saved with the patient's scene nor listed among its data."""
    node = scene.CreateNodeByClass(kind)
    node.UnRegister(None)
    node.SetName(name)
    node.SetSaveWithScene(False)
    node.SetHideFromEditors(True)
    node.SetAttribute(TRAINING, training_id)
    node.SetAttribute(PART, part)
    return scene.AddNode(node)


def _fill(table: Any, epochs: FloatArray, losses: FloatArray) -> None:
    if table.GetNumberOfRows() == len(epochs) and len(epochs):
        return
    blocked = table.StartModify()
    table.RemoveAllColumns()
    for title, values in (("epoch", epochs), ("loss", losses)):
        array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
        array.SetName(title)
        table.AddColumn(array)
    table.EndModify(blocked)


def _draw(series: Any, table: Any, loss: str, color: Color) -> None:
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("epoch")
    series.SetYColumnName("loss")
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
    kind = slicer.vtkMRMLPlotSeriesNode
    series.SetLineStyle(kind.LineStyleSolid if loss == VALIDATION else kind.LineStyleDash)
    series.SetLineWidth(3.0 if loss == VALIDATION else 1.5)
    series.SetColor(*color)


def _style(chart: Any, title: str) -> None:
    chart.SetTitle(title)
    chart.SetTitleFontSize(13)
    chart.SetXAxisTitle("epoch")
    chart.SetYAxisTitle("loss")
    chart.SetAxisTitleFontSize(12)
    chart.SetAxisLabelFontSize(11)
    chart.SetLegendVisibility(False)  # it would cover the curves; the panel tells them by their colours
    chart.SetXAxisRangeAuto(False)
