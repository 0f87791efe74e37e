"""Slicer's views in Qt widgets: what slicer-core renders is shown, what the mouse does goes to its interactor."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from slicer_desk.surface import behaves

_BUTTONS = {
    QtCore.Qt.MouseButton.LeftButton: "LeftButton",
    QtCore.Qt.MouseButton.RightButton: "RightButton",
    QtCore.Qt.MouseButton.MiddleButton: "MiddleButton",
}


class _View:
    """Shared by slice and 3-D views. Draws lazily: any number of changes cost one rendering.

    A test needs no smooth lines: with one sample of each pixel a view is drawn four times as fast.
    """

    def __init__(self, view: Any, parent: Any = None) -> None:
        QtWidgets.QWidget.__init__(self, parent)
        self._view = view
        self.setMouseTracking(True)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 120)
        view.managers.AddObserver(vtk.vtkCommand.UpdateEvent, lambda *_: self.update())

    def renderWindow(self) -> Any:
        return self._view.window

    def interactor(self) -> Any:
        return self._view.interactor

    def scheduleRender(self) -> None:
        self.update()

    def forceRender(self) -> None:
        self.repaint()

    def resizeEvent(self, _event: Any) -> None:
        self._take_size()

    def _take_size(self, samples: int = 0) -> None:
        """Draw as large as the widget is; pictures that other tests of the process made had sizes of their own."""
        self._view.resize((self.width, self.height), samples)
        self._view.interactor.UpdateSize(self.width, self.height)
        if hasattr(self._view, "logic"):
            self._view.logic.ResizeSliceNode(self.width, self.height)

    def paintEvent(self, _event: Any) -> None:
        pixels = self._view.picture()
        rows, columns = pixels.shape[:2]
        image = QtGui.QImage(pixels.tobytes(), columns, rows, 3 * columns, QtGui.QImage.Format.Format_RGB888)
        painter = QtGui.QPainter(self)
        painter.drawImage(0, 0, image)
        painter.end()

    def enterEvent(self, _event: Any) -> None:
        self._view.interactor.InvokeEvent("EnterEvent")

    def leaveEvent(self, _event: Any) -> None:
        self._view.interactor.InvokeEvent("LeaveEvent")

    def mouseMoveEvent(self, event: Any) -> None:
        self._pass_on(event, "MouseMoveEvent")

    def mousePressEvent(self, event: Any) -> None:
        self._pass_on(event, "MouseMoveEvent")
        self._pass_on(event, f"{_BUTTONS[event.button()]}PressEvent")

    def mouseReleaseEvent(self, event: Any) -> None:
        self._pass_on(event, f"{_BUTTONS[event.button()]}ReleaseEvent")

    def wheelEvent(self, event: Any) -> None:
        forward = event.angleDelta().y() > 0
        self._pass_on(event, "MouseWheelForwardEvent" if forward else "MouseWheelBackwardEvent")

    def _pass_on(self, event: Any, name: str) -> None:
        position, modifiers = event.position(), event.modifiers()
        control = bool(modifiers & QtCore.Qt.KeyboardModifier.ControlModifier)
        shift = bool(modifiers & QtCore.Qt.KeyboardModifier.ShiftModifier)
        upward = self.height - 1 - int(position.y())
        self._view.interactor.SetEventInformation(int(position.x()), upward, int(control), int(shift), chr(0), 0, None)
        self._view.interactor.InvokeEvent(name)
        self.update()


@behaves("qMRMLSliceView")
class SliceView(_View):
    def mrmlSliceNode(self) -> Any:
        return self._view.node


@behaves("qMRMLThreeDView")
class ThreeDView(_View):
    def mrmlViewNode(self) -> Any:
        return self._view.node

    def resetFocalPoint(self) -> None:
        self._view.renderer.ResetCamera()
        self.update()

    resetCamera = resetFocalPoint


@behaves("qMRMLSliceControllerWidget")
class SliceController:
    def __init__(self, view: Any) -> None:
        QtWidgets.QWidget.__init__(self)
        self._view = view

    def sliceLogic(self) -> Any:
        return self._view.logic

    def fitSliceToBackground(self) -> None:
        self._view.logic.FitSliceToBackground()
        self._view.logic.SnapSliceOffsetToIJK()

    def setSliceVisible(self, visible: bool) -> None:
        self._view.node.SetSliceVisible(visible)

    def setSliceOffsetValue(self, offset: float) -> None:
        self._view.logic.SetSliceOffset(offset)


@behaves("qMRMLSliceWidget")
class SliceWidget:
    def __init__(self, view: Any) -> None:
        QtWidgets.QWidget.__init__(self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        # turns the wheel and the keys of a slice view; pictures of the scene do without it
        view.managers.AddDisplayableManager(
            view.managers.InstantiateDisplayableManager("vtkMRMLCrosshairDisplayableManager")
        )
        self._slice_view = SliceView(view, self)
        self._controller = SliceController(view)
        self._logic = view.logic
        layout.addWidget(self._slice_view)

    def sliceView(self) -> Any:
        return self._slice_view

    def sliceController(self) -> Any:
        return self._controller

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self._controller.fitSliceToBackground()


@behaves("qMRMLThreeDWidget")
class ThreeDWidget:
    def __init__(self, view: Any) -> None:
        QtWidgets.QWidget.__init__(self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._view = ThreeDView(view, self)
        layout.addWidget(self._view)

    def threeDView(self) -> Any:
        return self._view

    def mrmlViewNode(self) -> Any:
        return self._view.mrmlViewNode()


def pixels(widget: Any) -> npt.NDArray[np.uint8]:
    """What a widget shows now: ``(rows, columns, 3)``."""
    image = widget.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()
