"""The trainings of this computer, looked at again and again in a thread, and what a person asks of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.jobs.runs.executor import Executor
from HCCAssistLib.jobs.runs.trainings import Trainings, TrainingStatus, TrainingSummary
from HCCAssistLib.scene.in_thread import InThread

LOOK_S = 1.0
"""Between two looks."""

OPEN = ("waiting", "queued", "running")
"""States in which something is still to come by itself."""


@dataclass(frozen=True, slots=True)
class Look:
    """How all trainings were at one time.

    Attributes:
        summaries: the newest first.
        chosen: the one that a person looks at; None where there is none.
        curves: of its members, by name: see ``scene.training_plot``.
        log: the last lines that it said.
    """

    summaries: tuple[TrainingSummary, ...]
    chosen: TrainingStatus | None = None
    curves: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    log: tuple[str, ...] = ()


class TrainingWatch:
    """Looks and acts one after the other in a thread, so that no window waits for a disk or for a cluster.

    Args:
        trainings: of this computer.
        executor: of the cluster of a profile, None where nobody is connected to it.

    Attributes:
        chosen: id of the training that a person looks at; empty for none.
        last: the newest look.
    """

    def __init__(self, trainings: Trainings, executor: Callable[[str], Executor | None]) -> None:
        self.trainings, self.executor = trainings, executor
        self.chosen = ""
        self.last = Look(())
        self._thread: InThread[Any] = InThread()
        self._wanted: deque[tuple[Callable[[], Any], Callable[[Any, str], None]]] = deque()
        self._told: Callable[[Any, str], None] | None = None  # of what goes on; None where that is a look
        self._due = 0.0

    def do(self, work: Callable[[], Any], on_end: Callable[[Any, str], None]) -> None:
        """Do something in the thread, before the next look.

        Args:
            work: to be done.
            on_end: told what came of it, and why it failed; empty where it did not.
        """
        self._wanted.append((work, on_end))

    @property
    def acting(self) -> bool:
        """Whether something that a person asked for is not done yet."""
        return bool(self._wanted) or self._told is not None

    def look_again(self) -> None:
        """Look as soon as possible."""
        self._due = 0.0

    def poll(self) -> bool:
        """Take up what was found or done, and begin what is due; whether there is a new look."""
        if self._thread.busy:
            told, problem, found = self._told, "", None
            try:
                found = self._thread.take()
            except HCCAssistError as error:
                problem = str(error)
            if self._thread.busy:
                return False
            self._told = None
            if told is not None:
                self._due = 0.0
                told(found, problem)
            elif isinstance(found, Look):
                self.last = found
            self._begin()
            return told is None and not problem
        self._begin()
        return False

    def close(self) -> None:
        """Begin nothing more."""
        self._wanted.clear()
        self._thread.close()

    def _begin(self) -> None:
        if self._wanted:
            work, self._told = self._wanted.popleft()
            self._thread.begin(work)
        elif time.monotonic() >= self._due:
            chosen = self.chosen
            self._thread.begin(lambda: self._look(chosen))

    def _look(self, chosen: str) -> Look:
        began = time.monotonic()
        try:
            return look(self.trainings, chosen, self.executor)
        finally:
            took = time.monotonic() - began
            self._due = time.monotonic() + max(LOOK_S, 4 * took)  # a slow disk is asked less often


def look(trainings: Trainings, chosen: str, executor: Callable[[str], Executor | None]) -> Look:
    """How all trainings are now; those that are open are taken a step further.

    Args:
        trainings: of this computer.
        chosen: id of the one that is looked at closely; empty for none.
        executor: of the cluster of a profile, None where nobody is connected to it.
    """
    found: list[TrainingSummary] = []
    status = None
    for summary in trainings.list():
        training = summary.training
        if summary.state in OPEN or training.id == chosen:
            now = trainings.refresh(training.id, executor(training.profile) if training.profile else None)
            summary, status = now.summary, now if training.id == chosen else status
        found.append(summary)
    if status is None:
        return Look(tuple(found))
    return Look(tuple(found), status, trainings.curves(chosen), trainings.log_tail(chosen))
