"""Observers of the scene that live no longer than the widget they belong to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import shiboken6


class SceneObserver:
    """Calls a widget's method on events of a VTK object, until the object changes or the widget is deleted."""

    def __init__(self, widget: Any, method: Callable[[], None], events: Iterable[int]) -> None:
        self._widget = widget
        self._method = method
        self._events = tuple(events)
        self._observed: Any = None
        self._tags: list[int] = []

    def watch(self, observed: Any) -> None:
        """Observe an object in place of the last one; None for nothing."""
        if observed is self._observed:
            return
        for tag in self._tags:
            self._observed.RemoveObserver(tag)
        self._observed = observed
        self._tags = [] if observed is None else [observed.AddObserver(event, self._called) for event in self._events]

    def __del__(self) -> None:
        # VTK goes on calling a method whose object the garbage collector has emptied
        if not sys.is_finalizing():
            self.watch(None)

    def _called(self, *_: Any) -> None:
        if shiboken6.isValid(self._widget):
            self._method()
        else:
            self.watch(None)
