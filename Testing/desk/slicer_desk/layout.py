"""The four views and which of them a layout shows."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from types import SimpleNamespace
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from HCCAssistLib.scene.views import SAMPLES
from slicer_desk.surface import behaves
from slicer_desk.views import SliceWidget, ThreeDWidget

_PLACES = {"Red": (0, 0), "3D": (0, 1), "Yellow": (1, 0), "Green": (1, 1)}
_SHOWN = {
    3: tuple(_PLACES),  # vtkMRMLLayoutNode.SlicerLayoutFourUpView
    4: ("3D",),  # SlicerLayoutOneUp3DView
    6: ("Red",),  # SlicerLayoutOneUpRedSliceView
    7: ("Yellow",),
    8: ("Green",),
}


@behaves("qSlicerLayoutManager", defaults={"layout": 3, "threeDViewCount": 1})
class LayoutManager:
    def __init__(self, host: Any) -> None:
        QtCore.QObject.__init__(self)
        self._host = host
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        host.scene.AddNode(crosshair)
        self._slices = {name: SliceWidget(host.slice_view(name, (300, 300))) for name in host.slice_logics}
        descriptions = slicer.vtkMRMLLayoutNode()
        self._logic = SimpleNamespace(GetLayoutNode=lambda: descriptions)
        self._three_d = ThreeDWidget(host.three_d_view((300, 300)))
        self._viewport = QtWidgets.QWidget()
        grid = QtWidgets.QGridLayout(self._viewport)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        for name, place in _PLACES.items():
            grid.addWidget(self._widget(name), *place)
        self._rows = QtWidgets.QVBoxLayout()  # of the layout that a module describes: rows of slice views
        grid.addLayout(self._rows, 2, 0, 1, 2)

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self._slices)

    def sliceWidget(self, name: str) -> Any:
        return self._slices.get(name)

    def threeDWidget(self, index: int) -> Any:
        return self._three_d if index == 0 else None

    def mrmlSliceLogics(self) -> Any:
        return self._host.application_logic.GetSliceLogics()

    def resetSliceViews(self, *_: Any) -> None:
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self) -> None:
        self._three_d.threeDView().resetFocalPoint()

    def _drop_further(self) -> None:
        """Take the views of described layouts away; Slicer keeps them, and each test would be slower than the last."""
        for name in [name for name in self._slices if name not in _PLACES]:
            widget = self._slices.pop(name)
            widget.setParent(None)
            widget.deleteLater()
            self._host.drop_slice_view(name)

    def _draw_smoothly(self) -> None:
        """For a picture that a person looks at."""
        self._take_sizes(SAMPLES)

    def _take_sizes(self, samples: int = 0) -> None:
        """Let every view be as large as its widget again."""
        for view in (*(widget.sliceView() for widget in self._slices.values()), self._three_d.threeDView()):
            view._take_size(samples)
            view.update()

    def setLayout(self, layout: int) -> None:
        if layout not in _SHOWN and not self._described(layout):
            raise NotImplementedError(f"the desk has no layout {layout}: it has {sorted(_SHOWN)}")
        for row in self._described(layout):
            line = QtWidgets.QHBoxLayout()
            self._rows.addLayout(line)
            for name in row:
                if name not in self._slices:
                    self._slices[name] = SliceWidget(self._host.slice_view(name, (300, 300)))
                line.addWidget(self._slices[name])
        self.layout = layout

    def layoutLogic(self) -> Any:
        return self._logic

    def _described(self, layout: int) -> tuple[tuple[str, ...], ...]:
        """The slice views of a layout that a module described, row by row."""
        node = self._logic.GetLayoutNode()
        if layout in _SHOWN or not node.IsLayoutDescription(layout):
            return ()
        described = ET.fromstring(node.GetLayoutDescription(layout))  # noqa: S314 - written by a module
        rows = described.findall("item/layout") if described.get("type") == "vertical" else [described]
        return tuple(tuple(view.get("singletontag", "") for view in row.iter("view")) for row in rows)

    def _on_layout(self, layout: int) -> None:
        shown = _SHOWN.get(layout) or tuple(name for row in self._described(layout) for name in row)
        for name in (*self._slices, "3D"):
            self._widget(name).setVisible(name in shown)
        self.layoutChanged.emit(layout)

    def _widget(self, name: str) -> Any:
        return self._three_d if name == "3D" else self._slices[name]
