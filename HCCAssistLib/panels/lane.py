"""A thread of a panel that does one thing after the other, and tells each time what came of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.scene.in_thread import InThread

Told = Callable[[Any, str], None]
"""Gets what came of some work, and why it failed; empty where it did not."""


class Lane:
    """Work that waits for a disk or a cluster, in the order in which it was asked for."""

    def __init__(self) -> None:
        self._thread: InThread[Any] = InThread()
        self._wanted: deque[tuple[Callable[[], Any], Told]] = deque()
        self._told: Told | None = None  # of what goes on

    @property
    def busy(self) -> bool:
        """Whether something goes on or waits."""
        return self._told is not None or bool(self._wanted)

    def do(self, work: Callable[[], Any], told: Told) -> None:
        """Do something as soon as what was asked for before is done.

        Args:
            work: to be done.
            told: called by ``poll`` at its end.
        """
        self._wanted.append((work, told))
        self._begin()

    def poll(self) -> None:
        """Tell what came of what is done, and begin the next."""
        told, problem, found = self._told, "", None
        if told is None:
            return
        try:
            found = self._thread.take()
        except HCCAssistError as error:
            problem = str(error)
        if not self._thread.busy:
            self._told = None
            self._begin()
            told(found, problem)

    def close(self) -> None:
        """Begin nothing more."""
        self._wanted.clear()
        self._thread.close()

    def _begin(self) -> None:
        if self._told is None and self._wanted:
            work, self._told = self._wanted.popleft()
            self._thread.begin(work)
