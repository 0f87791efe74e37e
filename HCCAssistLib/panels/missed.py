"""Lesions that no finding marks, as points that the reader clicks."""

from __future__ import annotations

from typing import Any

from HCCAssistLib.panels.ui_files import load


class Missed:
    """A point list for missed lesions.

    Args:
        place: layout to be added to.
    """

    def __init__(self, place: Any) -> None:
        self.ui = load("missed", place)
        self.ui.missedSelector.setMRMLScene(self.ui.Missed.mrmlScene())
        self.ui.missedPlaceWidget.setMRMLScene(self.ui.Missed.mrmlScene())
        self.ui.missedSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.ui.missedPlaceWidget.setCurrentNode)

    @property
    def node(self) -> Any | None:
        """The point list, None where none is chosen."""
        return self.ui.missedSelector.currentNode()
