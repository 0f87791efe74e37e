"""Slicer's view of a plot chart: the curves of its series, drawn by VTK as the real one draws them."""

from __future__ import annotations

from typing import Any

import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from vtk.util.numpy_support import vtk_to_numpy

from slicer_desk.surface import behaves


@behaves("qMRMLPlotView", also=("mrmlScene", "mrmlPlotViewNode"))
class PlotView:
    """Draws when it is painted; nodes that change later are seen at the next painting."""

    def __init__(self, parent: Any = None) -> None:
        QtWidgets.QWidget.__init__(self, parent)
        self._scene: Any = None
        self._node: Any = None

    def mrmlScene(self) -> Any:
        return self._scene

    def mrmlPlotViewNode(self) -> Any:
        return self._node

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def setMRMLPlotViewNode(self, node: Any) -> None:
        self._node = node
        self.update()

    def fitToContent(self) -> None:
        self.update()

    def paintEvent(self, _event: Any) -> None:
        chart = self._node.GetPlotChartNode() if self._node is not None and self._node.GetScene() is not None else None
        if chart is None or self._scene is None:
            return
        window = _drawn(chart, (self.width, self.height))
        shot = vtk.vtkWindowToImageFilter()
        shot.SetInput(window)
        shot.ReadFrontBufferOff()
        shot.Update()
        data = shot.GetOutput()
        columns, rows = data.GetDimensions()[:2]
        pixels = vtk_to_numpy(data.GetPointData().GetScalars()).reshape(rows, columns, 3)[::-1].copy()
        image = QtGui.QImage(pixels.tobytes(), columns, rows, 3 * columns, QtGui.QImage.Format.Format_RGB888)
        painter = QtGui.QPainter(self)
        painter.drawImage(QtCore.QPoint(0, 0), image)
        painter.end()
        window.Finalize()


def _drawn(node: Any, size: tuple[int, int]) -> Any:
    chart, view = vtk.vtkChartXY(), vtk.vtkContextView()
    for index in range(node.GetNumberOfPlotSeriesNodes()):
        series = node.GetNthPlotSeriesNode(index)
        table = series.GetTableNode().GetTable()
        if not table.GetColumnByName(series.GetXColumnName()) or not table.GetColumnByName(series.GetYColumnName()):
            raise ValueError(f"the series {series.GetName()} names a column that its table does not have")
        line = chart.AddPlot(vtk.vtkChart.LINE)
        line.SetInputData(table, series.GetXColumnName(), series.GetYColumnName())
        line.SetColorF(*series.GetColor())
        line.SetOpacity(series.GetOpacity())
        line.SetWidth(series.GetLineWidth())
        line.GetPen().SetLineType(vtk.vtkPen.DASH_LINE if series.GetLineStyle() == 2 else vtk.vtkPen.SOLID_LINE)
    chart.SetTitle(node.GetTitle() or "")
    chart.GetTitleProperties().SetFontSize(node.GetTitleFontSize())
    chart.SetShowLegend(node.GetLegendVisibility())
    for place, title, automatic, limits in (
        (vtk.vtkAxis.BOTTOM, node.GetXAxisTitle(), node.GetXAxisRangeAuto(), node.GetXAxisRange()),
        (vtk.vtkAxis.LEFT, node.GetYAxisTitle(), node.GetYAxisRangeAuto(), node.GetYAxisRange()),
    ):
        axis = chart.GetAxis(place)
        axis.SetTitle(title or "")
        axis.GetTitleProperties().SetFontSize(node.GetAxisTitleFontSize())
        axis.GetLabelProperties().SetFontSize(node.GetAxisLabelFontSize())
        if not automatic:
            axis.SetBehavior(vtk.vtkAxis.FIXED)
            axis.SetRange(*limits)
    view.GetScene().AddItem(chart)
    view.GetRenderer().SetBackground(1.0, 1.0, 1.0)
    window = view.GetRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetSize(*size)
    view.Render()
    return window
