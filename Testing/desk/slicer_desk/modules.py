"""Scripted modules: loaded from their files, shown in a panel, entered and left."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from slicer_desk.surface import behaves


@behaves("qSlicerScriptedLoadableModuleWidget", also=("setup", "cleanup"))
class ModuleWidget:
    def __init__(self) -> None:
        QtWidgets.QWidget.__init__(self)
        QtWidgets.QVBoxLayout(self)
        self._python: Any = None

    def self(self) -> Any:  # the real one's name
        return self._python

    def enter(self) -> None:
        self.isEntered = True
        getattr(self._python, "enter", lambda: None)()

    def exit(self) -> None:
        self.isEntered = False
        getattr(self._python, "exit", lambda: None)()


@behaves(
    "qSlicerScriptedLoadableModule",
    defaults={"widgetRepresentationCreationEnabled": True, "index": -1},
    also=("widgetRepresentation", "logic", "mrmlScene", "setMRMLScene"),
)
class Module:
    def __init__(self, path: str) -> None:
        QtCore.QObject.__init__(self)
        self.path = path
        self.setObjectName(Path(path).stem)
        self._widget: Any = None

    def mrmlScene(self) -> Any:
        return slicer.mrmlScene

    def widgetRepresentation(self) -> Any:
        """The panel, made when it is first asked for."""
        if self._widget is None and self.widgetRepresentationCreationEnabled:
            name = Path(self.path).stem
            widget = ModuleWidget()
            widget.moduleName = name
            widget.setMRMLScene(slicer.mrmlScene)
            self._widget = widget
            try:
                widget._python = getattr(sys.modules[name], f"{name}Widget")(widget)
                setattr(slicer.modules, f"{name}Widget", widget._python)
                widget._python.setup()
            except BaseException:
                self._abandon(widget)
                raise
            widget.layout().addStretch(0)
        return self._widget

    def _abandon(self, widget: Any) -> None:
        """A panel that could not be made lets go of the scene as far as it can, and no later module wakes it.

        Its widgets stay: what still refers to them must not meet deleted ones in the tests that follow.
        """
        python, self._widget = widget._python, None
        _HALF_MADE.append(widget)
        for leave in ("exit", "cleanup", "removeObservers"):
            with contextlib.suppress(Exception):
                getattr(python, leave)()
        for part in widget.findChildren(QtWidgets.QWidget):  # else each list of nodes follows the scene for ever
            if hasattr(part, "setMRMLScene"):
                part.blockSignals(True)
                part.setMRMLScene(None)
        if python is not None:
            signal = "moduleAboutToBeUnloaded(QString)"
            slicer.app.moduleManager().disconnect(signal, python._onModuleAboutToBeUnloaded)


_HALF_MADE: list[Any] = []


def load_module(path: Path) -> Any:
    """Load a module from its .py file, as Slicer does when it starts."""
    name = path.stem
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"not a module: {path.name}")
    python = importlib.util.module_from_spec(spec)
    sys.modules[name] = python
    spec.loader.exec_module(python)
    module = Module(str(path))
    setattr(slicer.modules, name.lower(), module)
    setattr(slicer.modules, f"{name}Instance", getattr(python, name)(module))
    module.widgetRepresentationCreationEnabled = hasattr(python, f"{name}Widget")
    manager = slicer.app.moduleManager()
    manager._modules[name] = module
    manager.moduleLoaded.emit(name)
    return module


def unload_module(name: str) -> None:
    """Let a module clean up, and forget it."""
    manager = slicer.app.moduleManager()
    module = manager._modules.pop(name)
    if module._widget is not None:
        if module._widget.isEntered:
            module._widget.exit()
        manager.moduleAboutToBeUnloaded.emit(name)
        manager.disconnect("moduleAboutToBeUnloaded(QString)", module._widget._python._onModuleAboutToBeUnloaded)
        module._widget.deleteLater()
    for attribute in (name.lower(), f"{name}Instance", f"{name}Widget"):
        if hasattr(slicer.modules, attribute):
            delattr(slicer.modules, attribute)
    sys.modules.pop(name, None)
