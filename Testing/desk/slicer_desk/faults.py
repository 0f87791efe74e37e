"""What went wrong where nobody looked: exceptions in slots and observers, errors of VTK and of Qt."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Any

import vtk
from PySide6.QtCore import QtMsgType, qInstallMessageHandler

FAULTS: list[str] = []
"""Since it was last emptied. A test that leaves one behind has failed."""


def watch() -> None:
    """Note faults from now on. Qt and VTK hand exceptions of Python code that they call to ``sys.excepthook``."""
    sys.excepthook = _exception
    qInstallMessageHandler(_qt_message)
    window = vtk.vtkOutputWindow.GetInstance()
    window.SetDisplayModeToNever()
    window.AddObserver("ErrorEvent", _vtk_error)


def take() -> list[str]:
    """The faults so far, which are forgotten."""
    found = FAULTS.copy()
    FAULTS.clear()
    return found


def _exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    FAULTS.append("".join(traceback.format_exception(kind, error, trace)))


def _qt_message(level: QtMsgType, _context: Any, text: str) -> None:
    if level in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg) or text.startswith(("QObject::", "QLayout::")):
        FAULTS.append(f"Qt: {text}")


@vtk.calldata_type(vtk.VTK_STRING)
def _vtk_error(_window: Any, _event: str, text: str) -> None:
    FAULTS.append(f"VTK: {text}")
