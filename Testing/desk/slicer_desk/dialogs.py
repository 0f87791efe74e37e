"""Dialogs on the desk: questions are real message boxes that a test answers by pressing their buttons.

Slicer's helpers ask nobody in testing mode, so that mode is off while a test answers. File dialogs return what a test
chose, as a string like in PythonQt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

PICTURES: list[Any] = []
"""Pixmaps of the message boxes of the last ``answering``."""


@contextmanager
def answering(buttons: Sequence[str]) -> Iterator[list[str]]:
    """Answer the message boxes that appear, each by the button of that text; gives what they asked."""
    left, asked, wrong = list(buttons), [], []  # type: ignore[var-annotated]
    PICTURES.clear()

    def answer() -> None:
        box = QtWidgets.QApplication.activeModalWidget()
        if not isinstance(box, QtWidgets.QMessageBox):
            return
        asked.append(box.text)
        PICTURES.append(box.grab())
        offered = {str(button.text).replace("&", ""): button for button in box.buttons()}
        wanted = left.pop(0) if left else None
        if wanted not in offered:
            wrong.append(f"{box.text!r} was asked; it offers {', '.join(offered)}, and the answer was {wanted}")
            box.reject()
            return
        offered[wanted].click()

    timer = QtCore.QTimer()
    timer.timeout.connect(answer)
    timer.start(10)
    slicer.app._testing = False
    try:
        yield asked
    finally:
        slicer.app._testing = True
        timer.stop()
    assert not wrong, "; ".join(wrong)
    assert not left, f"nobody asked for {', '.join(left)}"


class FileDialog(QtWidgets.QFileDialog):
    """``qt.QFileDialog``: its questions are answered by ``choosing``, and by nobody otherwise."""

    _choice: str | None = None

    @staticmethod
    def getOpenFileName(
        parent: Any = None, caption: str = "", folder: str = "", kinds: str = "", *_options: Any
    ) -> str:
        assert isinstance(kinds, str)
        return _taken(parent, caption, folder)

    @staticmethod
    def getSaveFileName(
        parent: Any = None, caption: str = "", folder: str = "", kinds: str = "", *_options: Any
    ) -> str:
        assert isinstance(kinds, str)
        return _taken(parent, caption, folder)

    @staticmethod
    def getExistingDirectory(parent: Any = None, caption: str = "", folder: str = "", *_options: Any) -> str:
        return _taken(parent, caption, folder)


@contextmanager
def choosing(path: Path | str) -> Iterator[None]:
    """Leave the next file dialog with a path."""
    FileDialog._choice = str(path)
    try:
        yield
        assert FileDialog._choice is None, "no file dialog was opened"
    finally:
        FileDialog._choice = None


def _taken(parent: Any, caption: str, folder: str) -> str:
    assert parent is None or isinstance(parent, QtWidgets.QWidget)
    assert isinstance(caption, str)
    assert isinstance(folder, str)
    choice, FileDialog._choice = FileDialog._choice, None
    assert choice is not None, f"the file dialog {caption!r} was opened, and no test chose anything"
    return choice
