"""The desktop: a module's panel beside the four views, and what a reader does with mouse and keys."""

from __future__ import annotations

import importlib
import os
import sys
import time
import types
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtTest import QTest

from slicer_desk import faults, pythonqt
from slicer_desk.surface import MANIFEST, stand_in
from slicer_desk.ui_files import STAND_INS


class _MainWindow(QtWidgets.QMainWindow):
    """Found by slicer.util under its real name; offers the module selector."""

    def __init__(self, select: Callable[[str], None]) -> None:
        QtWidgets.QMainWindow.__init__(self)
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("Slicer desk")
        self.setCentralWidget(QtWidgets.QWidget())
        self._selector = types.SimpleNamespace(selectModule=select)

    def moduleSelector(self) -> Any:
        return self._selector


class Desktop:
    """What a test sees of Slicer. Get it from ``start``.

    Attributes:
        window: the main window.
        panel: the widget of the module that is open, or None.
    """

    def __init__(self) -> None:
        from slicer_desk.layout import LayoutManager

        self.layout_manager = LayoutManager(slicer.app._host)
        slicer.app._layout = self.layout_manager
        self.window = _MainWindow(self._show)
        row = QtWidgets.QHBoxLayout(self.window.centralWidget())
        row.setContentsMargins(4, 4, 4, 4)
        self._scroll = QtWidgets.QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFixedWidth(420)
        row.addWidget(self._scroll)
        row.addWidget(self.layout_manager._viewport, 1)
        self.window.resize(1180, 800)
        self.window.show()
        self.panel: Any = None
        self.process_events()

    def open(self, path: Path) -> Any:
        """Load a module from its .py file and enter it; its Python widget object."""
        from slicer_desk.modules import load_module, unload_module

        self.close_module()
        module = load_module(path)
        try:
            self._show(module.objectName)
        except BaseException:
            unload_module(path.stem)  # half a panel must not be heard in the tests that follow
            raise
        self.process_events()
        return self.panel.self()

    def load(self, path: Path) -> Any:
        """Load a module as Slicer does when it starts, without opening its panel."""
        from slicer_desk.modules import load_module

        return load_module(path)

    def close_module(self) -> None:
        """Leave the open module, and unload all."""
        from slicer_desk.modules import unload_module

        if self.panel is not None:
            self._scroll.takeWidget()
            self.panel = None
        for name in slicer.app.moduleManager().modulesNames():
            unload_module(name)
        self.process_events()

    def _show(self, name: str) -> None:
        """Leave the open module for another one that is loaded, as the module selector does."""
        module = slicer.app.moduleManager().module(name)
        panel = module.widgetRepresentation()
        if self.panel is not None and self.panel is not panel:
            self.panel.exit()
            self._scroll.takeWidget()
        self.panel = panel
        self._scroll.setWidget(panel)
        panel.enter()

    def tidy(self) -> None:
        """Close the module and the scene, as for the next test; what this looks like is not drawn."""
        self.window.setUpdatesEnabled(False)
        self.close_module()
        for shortcut in self.window.findChildren(QtGui.QShortcut):  # of a module with a mistake that left it
            shortcut.setParent(None)
        slicer.app._host.clear()
        logic = slicer.app.applicationLogic()
        logic.GetInteractionNode().SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
        self.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self.process_events()
        self.layout_manager._drop_further()
        self.layout_manager._take_sizes()
        self.window.setUpdatesEnabled(True)

    def process_events(self) -> None:
        """Let Qt do what waits, deletions included."""
        slicer.app.processEvents()
        slicer.app.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Let timers and processes run until a condition holds.

        Raises:
            TimeoutError: it does not in that time.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"nothing happened within {seconds} s")
            self.process_events()
            time.sleep(0.005)

    def click(self, widget: Any) -> None:
        """Press and release the left button on a widget, as a person can: it must be shown and enabled."""
        if not (widget.visible and widget.enabled):
            raise AssertionError(f"nobody can click {widget.objectName}: it is hidden or disabled")
        at = QtCore.QPoint(min(12, widget.width // 2), min(12, widget.height // 2))  # of a check box its square
        QTest.mouseClick(widget, QtCore.Qt.MouseButton.LeftButton, pos=at)
        self.process_events()

    def double_click(self, table: Any, row: int, column: int) -> None:
        """Click twice into a cell of a table, as a person can: it must be shown."""
        if not table.visible:
            raise AssertionError(f"nobody can click {table.objectName}: it is hidden")
        at = table.visualItemRect(table.item(row, column)).center()
        QTest.mouseClick(table.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=at)
        QTest.mouseDClick(table.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=at)
        self.process_events()

    def press(self, widget: Any, key: str, modifier: Any = QtCore.Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key, for example ``Key_Down``, on a widget; the window comes to the front first, as for a person."""
        self.window.activateWindow()
        self.wait_until(lambda: self.window.isActiveWindow)
        QTest.keyClick(widget, getattr(QtCore.Qt.Key, key), modifier)
        self.process_events()

    def type(self, widget: Any, text: str) -> None:
        """Write a text into a field as a person can: it must be shown and enabled. What stood there goes."""
        if not (widget.visible and widget.enabled) or widget.readOnly:
            raise AssertionError(f"nobody can write into {widget.objectName}: it is hidden, disabled or read-only")
        widget.selectAll()
        QTest.keyClick(widget, QtCore.Qt.Key.Key_Delete)
        QTest.keyClicks(widget, text)
        self.process_events()

    def click_in_view(self, name: str, ras: Sequence[float]) -> None:
        """Click into a slice view where a point of the patient is shown.

        Raises:
            AssertionError: the point is not on the slice that is shown, or outside the view.
        """
        widget = self.layout_manager.sliceWidget(name)
        to_xy = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(widget.mrmlSliceNode().GetXYToRAS(), to_xy)
        x, y, z, _ = to_xy.MultiplyPoint((*ras, 1))
        view = widget.sliceView()
        position = QtCore.QPoint(round(x), view.height - 1 - round(y))
        if abs(z) > 0.5 or not view.rect.contains(position):
            raise AssertionError(f"the point {np.round(ras, 1)} is not shown in the {name} view")
        QTest.mouseMove(view, position)
        QTest.mouseClick(view, QtCore.Qt.MouseButton.LeftButton, pos=position)
        self.process_events()

    def choose(self, combo: Any, text: str) -> None:
        """Choose the entry of a combo box that begins with a text, as by mouse; also within Slicer's selectors."""
        boxes = [combo] if isinstance(combo, QtWidgets.QComboBox) else combo.findChildren(QtWidgets.QComboBox)
        for box in boxes:
            for index in range(box.count):
                if box.itemText(index).startswith(text):
                    box.setCurrentIndex(index)
                    box.activated.emit(index)
                    self.process_events()
                    return
        raise AssertionError(f"{combo.objectName} offers no {text!r}")

    def answering(self, *buttons: str) -> Any:
        """A context in which questions are asked as in Slicer and answered by pressing these buttons, in turn.

        It gives the list of the questions' texts. More or fewer questions than answers are an AssertionError.
        """
        from slicer_desk.dialogs import answering

        return answering(buttons)

    def choosing(self, path: Path | str) -> Any:
        """A context in which the next file dialog is left with this path; an empty one for Cancel."""
        from slicer_desk.dialogs import choosing

        return choosing(path)

    def screenshot(self, path: Path) -> None:
        """Save a picture of the whole window as PNG."""
        for _ in range(3):  # labels that wrap settle their height in rounds
            self.process_events()
        self.window.grab().save(str(path))


@cache
def start() -> Desktop:
    """Start the desk in this process, for good.

    Raises:
        HCCAssistError: pictures cannot be made on this machine.
    """
    pythonqt.install()
    from slicer_desk.application import Application, base_classes

    slicer.__path__.append(str(base_classes()))
    app = Application()
    slicer.app = app  # in the place of the host's own
    importlib.import_module("slicer.util")  # Slicer has it from the start

    ctk = types.ModuleType("ctk")
    sys.modules["ctk"] = ctk
    _offer(ctk)
    faults.watch()
    return Desktop()


def _offer(ctk: types.ModuleType) -> None:
    """Give every stand-in the name under which modules and .ui files know it."""
    for behaviour in ("ctk_widgets", "mrml_widgets", "plot_view"):
        importlib.import_module(f"slicer_desk.{behaviour}")
    for name in MANIFEST:
        made = stand_in(name)
        setattr(ctk if name.startswith("ctk") else slicer, name, made)
        if issubclass(made, QtWidgets.QWidget):
            STAND_INS[name] = made
