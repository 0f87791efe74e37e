"""Clicks into the slice views, told apart from drags; what the views do with the mouse goes on as ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import vtk
from slicer.util import VTKObservationMixin

CLICK_PIXELS = 3
"""A mouse that moved farther between press and release was dragged."""


class ViewPicker(VTKObservationMixin):
    """Watches the slice views of the layout.

    Args:
        on_picked: a slice view was clicked: its slice node, and column and row in pixels from the lower left.
    """

    def __init__(self, *, on_picked: Callable[[Any, tuple[int, int]], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._on_picked = on_picked
        self._pressed: dict[Any, tuple[str, tuple[int, int] | None]] = {}

    def watch(self) -> None:
        """Watch the views from now on, those of later layouts too."""
        self._watch_views()
        slicer.app.layoutManager().connect("layoutChanged(int)", self._watch_views)

    def leave(self) -> None:
        """Watch no more."""
        slicer.app.layoutManager().disconnect("layoutChanged(int)", self._watch_views)
        self.removeObservers()
        self._pressed.clear()

    def _watch_views(self) -> None:
        manager = slicer.app.layoutManager()
        for name in manager.sliceViewNames():
            interactor = manager.sliceWidget(name).sliceView().interactor()
            if interactor not in self._pressed:
                self._pressed[interactor] = (name, None)
                for event, method in (
                    (vtk.vtkCommand.LeftButtonPressEvent, self._press),
                    (vtk.vtkCommand.LeftButtonReleaseEvent, self._release),
                ):
                    self.addObserver(interactor, event, method, priority=100.0)  # before the view takes it

    def _press(self, caller: Any, _event: Any) -> None:
        self._pressed[caller] = (self._pressed[caller][0], caller.GetEventPosition())

    def _release(self, caller: Any, _event: Any) -> None:
        name, pressed = self._pressed[caller]
        column, row = caller.GetEventPosition()
        placing = slicer.app.applicationLogic().GetInteractionNode().GetCurrentInteractionMode()
        if pressed is None or placing == slicer.vtkMRMLInteractionNode.Place:
            return
        if max(abs(column - pressed[0]), abs(row - pressed[1])) <= CLICK_PIXELS:
            self._on_picked(slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode(), (column, row))
