"""Kaplan-Meier curves of the training cohort as a plot of the scene, with the group of a patient emphasised."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import slicer
from vtk.util.numpy_support import numpy_to_vtk

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.models.curves import ReferenceCurve
from HCCAssistLib.scene.colors import Color
from HCCAssistLib.scene.records import add_drawn, drawn_node, drawn_nodes
from HCCAssistLib.scene.table import fill_table

CHART, SERIES, POINTS, AT_RISK = "chart", "series", "curve", "at risk"
"""What a drawn node is."""

ABOUT = "HCCAssist.curve"
"""Attribute of a chart: what the curves are, as JSON."""

COLORS: dict[str, Color] = {"high": (0.70, 0.26, 0.17), "low": (0.18, 0.44, 0.62)}
"""Of the groups; told apart by red-green blind readers, and by the width of the patient's own."""

WIDE, NARROW, LIMIT = 5.0, 2.0, 1.0
"""Width of the patient's group, of the other one, and of the limits of both."""

FAINT = 0.5

STEPS_OF_MONTHS = (1, 2, 3, 6, 12, 24, 60)
MOST_TIMES = 6
"""Numbers at risk that are told."""


def draw_survival(curve: ReferenceCurve, group: str, record: Any, scene: Any, *, synthetic: bool = False) -> Any:
    """The chart of a result, made where it is not there yet; it goes with the drawing of the result.

    Args:
        curve: of the training cohort.
        group: ``"high"`` or ``"low"``, the patient's.
        record: of the result.
        scene: that it is drawn in.
        synthetic: whether these patients are phantoms.
    """
    for part in (CHART, SERIES, POINTS, AT_RISK):
        for node in drawn_nodes(record, part):
            scene.RemoveNode(node)
    chart = add_drawn(record, CHART, scene.AddNewNodeByClass("vtkMRMLPlotChartNode", f"Survival without {curve.event}"))
    for name, one in curve.groups.items():
        months, survival = one.steps
        low, high = (_known(np.append(1.0, limit)) for limit in (one.low, one.high))
        columns = {"months": months, name: survival, f"{name} lower limit": low, f"{name} upper limit": high}
        points = add_drawn(record, POINTS, scene.AddNewNodeByClass("vtkMRMLTableNode", f"Survival, {name} risk"))
        _fill(points, {title: _stairs(values, rises=title == "months") for title, values in columns.items()})
        own = name == group
        words = f"{name} risk (n = {one.n})" + (", this patient's group" if own else "")
        for title in columns:
            if title != "months":
                width = LIMIT if title != name else WIDE if own else NARROW
                series = _series(points, title, name, scene, width=width)
                series.SetName(words if title == name else f"{name}, {title.split(' ', 1)[1]}")
                add_drawn(record, SERIES, series)
                chart.AddAndObservePlotSeriesNodeID(series.GetID())
    times = times_at_risk(max(float(one.months[-1]) for one in curve.groups.values()))
    rows = [[f"{name} risk", *(str(one.number_at_risk(at)) for at in times)] for name, one in curve.groups.items()]
    at_risk = add_drawn(record, AT_RISK, scene.AddNewNodeByClass("vtkMRMLTableNode", "Patients at risk"))
    fill_table(at_risk, ("months", *(f"{at:g}" for at in times)), rows)
    _style(chart, curve, synthetic)
    about = {"event": curve.event, "source": curve.source, "n": curve.n, "group": group, "p": curve.log_rank_p}
    chart.SetAttribute(ABOUT, json.dumps({**about, "synthetic": synthetic}))
    _gather(record, scene)
    return chart


def _gather(record: Any, scene: Any) -> None:
    """Put what was drawn into the folder of the result in Slicer's list of data."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(record))
    for node in (node for part in (CHART, SERIES, POINTS, AT_RISK) for node in drawn_nodes(record, part)):
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        hierarchy.SetItemParent(item, folder)


def chart_of(record: Any) -> Any | None:
    """The chart that was drawn with a result, None where there is none."""
    return drawn_node(record, CHART)


def at_risk_of(record: Any) -> list[list[str]]:
    """The table of numbers at risk: a row of headings, then one for each group; empty where there is none."""
    node = drawn_node(record, AT_RISK)
    if node is None:
        return []
    columns = range(node.GetNumberOfColumns())
    cells = [[str(node.GetCellText(row, n)) for n in columns] for row in range(node.GetNumberOfRows())]
    return [[str(node.GetColumnName(n)) for n in columns], *cells]


def times_at_risk(last: float) -> tuple[float, ...]:
    """Round months from 0 to the last follow-up, at most so many that a narrow table holds them.

    >>> times_at_risk(58.0)
    (0.0, 12.0, 24.0, 36.0, 48.0)
    """
    step = next((one for one in STEPS_OF_MONTHS if last / one < MOST_TIMES), STEPS_OF_MONTHS[-1])
    return tuple(float(at) for at in range(0, int(last) + 1, step))[:MOST_TIMES]


def _stairs(values: FloatArray, *, rises: bool) -> FloatArray:
    """The corners of steps: each value holds until the next time."""
    corners = np.repeat(values, 2)
    return corners[1:] if rises else corners[:-1]


def _known(limit: FloatArray) -> FloatArray:
    """A limit that keeps its last value where it does not exist, as once nobody is left without the event."""
    last = np.maximum.accumulate(np.where(np.isfinite(limit), np.arange(len(limit)), 0))
    kept: FloatArray = limit[last]
    return kept


def _fill(node: Any, columns: dict[str, FloatArray]) -> None:
    for title, values in columns.items():
        array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
        array.SetName(title)
        node.AddColumn(array)


def _series(points: Any, title: str, name: str, scene: Any, *, width: float) -> Any:
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode")
    series.SetAndObserveTableNodeID(points.GetID())
    series.SetXColumnName("months")
    series.SetYColumnName(title)
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
    limit = title != name
    style = slicer.vtkMRMLPlotSeriesNode.LineStyleDash if limit else slicer.vtkMRMLPlotSeriesNode.LineStyleSolid
    series.SetLineStyle(style)
    series.SetLineWidth(width)
    series.SetColor(*COLORS[name])
    series.SetOpacity(FAINT if limit else 1.0)
    return series


def _style(chart: Any, curve: ReferenceCurve, synthetic: bool) -> None:
    chart.SetTitle(f"From {curve.n} {'synthetic ' if synthetic else ''}patients")
    chart.SetTitleFontSize(13)
    chart.SetXAxisTitle("months")
    chart.SetYAxisTitle(f"share without {curve.event}")
    chart.SetAxisTitleFontSize(12)
    chart.SetAxisLabelFontSize(11)
    chart.SetLegendVisibility(False)  # it would cover the curves; the panel tells them by their colours
    chart.SetYAxisRangeAuto(False)
    chart.SetYAxisRange(0.0, 1.02)
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(0.0, max(float(one.months[-1]) for one in curve.groups.values()))
