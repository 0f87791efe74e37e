"""``slicer.app``: the Qt application with the scene, the views and the modules."""

from __future__ import annotations

import os
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtWidgets

from HCCAssistLib.scene.host import off_screen_host
from slicer_desk.surface import behaves


@behaves("qSlicerModuleManager")
class ModuleManager:
    def __init__(self) -> None:
        QtCore.QObject.__init__(self)
        self._modules: dict[str, Any] = {}

    def module(self, name: str) -> Any:
        return self._modules.get(name)

    def modulesNames(self) -> tuple[str, ...]:
        return tuple(self._modules)


# testingEnabled and setOverrideCursor are reached from Python in other ways than a declared slot
@behaves(
    "qSlicerApplication",
    defaults={"majorVersion": 5, "minorVersion": 12, "revision": "0", "documentationBaseUrl": "https://localhost/"},
    also=("testingEnabled",),
)
class Application:
    def __init__(self) -> None:
        QtWidgets.QApplication.__init__(self, ["Slicer"])
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-desk-")
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, self._folder.name)
        self.setOrganizationName("SlicerDesk")
        self.setApplicationName("Slicer")
        self.temporaryPath = self._folder.name
        self.slicerHome = self._folder.name
        self._host = off_screen_host()
        self._modules = ModuleManager()
        self._layout: Any = None
        self._testing = True
        self._extensions_manager_opened = 0

    def mrmlScene(self) -> Any:
        return self._host.scene

    def applicationLogic(self) -> Any:
        return self._host.application_logic

    def moduleLogic(self, name: str) -> Any:
        return self._host.logics[name]

    def moduleManager(self) -> Any:
        return self._modules

    def layoutManager(self) -> Any:
        return self._layout

    def testingEnabled(self) -> bool:
        return self._testing

    def commandOptions(self) -> Any:
        return types.SimpleNamespace(testingEnabled=self._testing, noMainWindow=True)

    def openExtensionsManagerDialog(self) -> None:
        """The desk has none; it counts how often somebody wanted it."""
        self._extensions_manager_opened += 1

    def settings(self) -> Any:
        return QtCore.QSettings()

    userSettings = revisionUserSettings = settings

    def startupEnvironment(self) -> dict[str, str]:
        return dict(os.environ)

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"{self.documentationBaseUrl}{name}"

    def pauseRender(self) -> None:
        """The desk draws lazily anyway."""

    resumeRender = pauseRender


def base_classes() -> Path:
    """Where Slicer's Python base classes come from: a source tree of Slicer, or the desk's own.

    Raises:
        FileNotFoundError: SLICER_SOURCE_DIR names no such tree.
    """
    named = os.environ.get("SLICER_SOURCE_DIR")
    if not named:
        return Path(__file__).parent / "slicer_base"
    folder = Path(named) / "Base" / "Python" / "slicer"
    if not (folder / "ScriptedLoadableModule.py").is_file():
        raise FileNotFoundError(f"SLICER_SOURCE_DIR is not a source tree of Slicer: {named}")
    sys.path.append(str(folder.parent))
    return folder
