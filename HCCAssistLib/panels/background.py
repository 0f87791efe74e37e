"""What the parts of a panel have done in other processes, and who is told of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.runner import TaskRunner


class Background:
    """Tasks of several parts, each with the part that is told how it ended.

    Args:
        tasks: runs them.

    Attributes:
        wake: called where something begins, so that somebody asks ``poll`` from then on.
    """

    def __init__(self, tasks: TaskRunner) -> None:
        self.tasks = tasks
        self.wake: Callable[[], None] = lambda: None
        self._running: dict[int, tuple[str, Callable[[Event], None], Callable[[float], None]]] = {}

    def start(
        self,
        kind: str,
        arguments: Mapping[str, Any] | None,
        on_end: Callable[[Event], None],
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> None:
        """Begin a task.

        Args:
            kind: its name in ``jobs.tasks``.
            arguments: of the task.
            on_end: told when it is done, was cancelled or failed.
            on_progress: told the share that is done.
        """
        task = self.tasks.start(kind, None if arguments is None else dict(arguments))
        self._running[task] = kind, on_end, on_progress
        self.wake()

    def running(self, *kinds: str) -> bool:
        """Whether a task of these kinds runs; of any kind where none is named."""
        return any(not kinds or kind in kinds for kind, *_ in self._running.values())

    def cancel(self, *kinds: str) -> None:
        """Stop the tasks of these kinds."""
        for job in [job for job, (kind, *_) in self._running.items() if kind in kinds]:
            self.tasks.cancel(job)

    def poll(self, other: Callable[[Event], bool]) -> bool:
        """Tell the parts what ended; whether anything still runs.

        Args:
            other: takes the events of tasks that were not begun here; whether it was one of its own.
        """
        for event in self.tasks.poll():
            if event.details:
                logging.error("%s", event.details)
            if other(event) or event.job not in self._running:
                continue
            _kind, on_end, on_progress = self._running[event.job]
            if event.is_last:
                del self._running[event.job]
                on_end(event)
            else:
                on_progress(event.share)
        return self.running()

    def close(self) -> None:
        """End all tasks; nobody is told."""
        self._running.clear()
        self.tasks.close()
