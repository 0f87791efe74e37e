"""PythonQt on PySide6: the flat module ``qt`` that Slicer's modules import."""

from __future__ import annotations

import ctypes
import sys
import types
from functools import cache

from PySide6 import QtCore, QtGui, QtNetwork, QtUiTools, QtWidgets

from slicer_desk import signals  # noqa: F401 - registers connect and disconnect
from slicer_desk.attributes import patch
from slicer_desk.dialogs import FileDialog
from slicer_desk.ui_files import QUiLoader


@cache
def install() -> types.ModuleType:
    """Change PySide6 in this process to PythonQt's ways, for good, and offer it as ``qt``."""
    _make_constants_immortal()
    patch(QtCore.QObject)
    for library in (QtNetwork, QtWidgets, QtGui, QtCore, QtUiTools):
        for name in dir(library):
            member = getattr(library, name)
            if isinstance(member, type) and issubclass(member, QtCore.QObject):
                patch(member)
    qt = types.ModuleType("qt")
    for library in (QtNetwork, QtWidgets, QtGui, QtCore):
        for name in dir(library):
            if not name.startswith("_"):
                setattr(qt, name, getattr(library, name))
    qt.QUiLoader = QUiLoader  # type: ignore[attr-defined]
    qt.QFileDialog = FileDialog  # type: ignore[attr-defined]
    for dialog in (QtWidgets.QDialog, QtWidgets.QMenu):
        dialog.exec_ = dialog.exec
    sys.modules["qt"] = qt
    return qt


def _make_constants_immortal() -> None:
    """PySide 6.12 gives None, True and False away without counting: they are immortal from Python 3.12, not before."""
    if sys.version_info < (3, 12):
        for constant in (None, True, False, (), "", b"", *range(-5, 257)):
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40
