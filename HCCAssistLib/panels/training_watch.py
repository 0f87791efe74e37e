"""The trainings of this computer, looked at again and again in threads, and what a person asks of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.jobs.runs.executor import Executor
from HCCAssistLib.jobs.runs.trainings import Trainings, TrainingStatus, TrainingSummary
from HCCAssistLib.panels.lane import Lane, Told

LOOK_S, AWAY_S = 1.0, 10.0
"""Between two looks at this computer, and at its clusters."""

OPEN = ("waiting", "queued", "running")
"""States in which something is still to come by itself."""

Executors = Callable[[str], Executor | None]
"""The executor of a profile; None where nobody is connected to its cluster."""


@dataclass(frozen=True, slots=True)
class Look:
    """How all trainings were at one time.

    Attributes:
        summaries: the newest first.
        chosen: the one that a person looks at; None where there is none.
        curves: of its members, by name: see ``scene.training_plot``.
        log: the last lines that it said.
        problem: why the look is not whole.
    """

    summaries: tuple[TrainingSummary, ...] = ()
    chosen: TrainingStatus | None = None
    curves: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    problem: str = ""


class TrainingWatch:
    """Looks and acts in two threads, one for this computer and one for clusters: no window waits for either.

    Args:
        trainings: of this computer.
        executor: of the cluster of a profile.

    Attributes:
        chosen: id of the training that a person looks at; empty for none.
        last: the newest look.
    """

    def __init__(self, trainings: Trainings, executor: Executors) -> None:
        self.trainings, self.executor = trainings, executor
        self.chosen = ""
        self.last = Look()
        self._here, self._away = Lane(), Lane()
        self._acting = 0
        self._due = self._away_due = 0.0
        self._looking = self._looking_away = self._new = False
        self._away_problem = ""

    def do(self, work: Callable[[], Any], told: Told, *, away: bool = False) -> None:
        """Do something that a person asked for, before the next look.

        Args:
            work: to be done.
            told: called at its end.
            away: it waits for a cluster.
        """

        def done(found: Any, problem: str) -> None:
            self._acting -= 1
            self.look_again()
            told(found, problem)

        self._acting += 1
        (self._away if away else self._here).do(work, done)

    @property
    def acting(self) -> bool:
        """Whether something that a person asked for is not done yet."""
        return self._acting > 0

    def look_again(self) -> None:
        """Look as soon as possible."""
        self._due = self._away_due = 0.0

    def poll(self) -> bool:
        """Take up what was found or done, and begin what is due; whether there is a new look."""
        self._here.poll()
        self._away.poll()
        now = time.monotonic()
        if now >= self._due and not self._looking:
            chosen, self._looking, began = self.chosen, True, now

            def looked(found: Look | None, problem: str) -> None:
                took = time.monotonic() - began
                self._looking, self._new = False, True
                self._due = time.monotonic() + max(LOOK_S, 4 * took)  # a slow disk is asked less often
                self.last = found if found is not None else replace(self.last, problem=problem)
                if self._away_problem:
                    self.last = replace(self.last, problem=f"{self.last.problem}\n{self._away_problem}".strip())

            self._here.do(lambda: look(self.trainings, chosen), looked)
        if now >= self._away_due and not self._looking_away:
            asked = self._open_away()
            self._away_due = now + AWAY_S
            self._away_problem = self._away_problem if asked else ""
            if asked:
                self._looking_away = True
                self._away.do(lambda: self._look_away(asked), self._looked_away)
        new, self._new = self._new, False
        return new

    def close(self) -> None:
        """Begin nothing more."""
        self._here.close()
        self._away.close()

    def _open_away(self) -> list[tuple[str, Executor]]:
        """The open trainings of clusters that somebody is connected to."""
        of_clusters = [s.training for s in self.last.summaries if s.training.profile and s.state in OPEN]
        asked = [(training.id, self.executor(training.profile)) for training in of_clusters]
        return [(name, executor) for name, executor in asked if executor is not None]

    def _look_away(self, asked: Sequence[tuple[str, Executor]]) -> str:
        """Take trainings of clusters a step further; what went wrong. What was seen is kept with each of them."""
        problems: dict[str, None] = {}
        for name, executor in asked:
            try:
                self.trainings.refresh(name, executor)
            except HCCAssistError as error:
                problems[str(error)] = None
        return "\n".join(problems)

    def _looked_away(self, found: str | None, problem: str) -> None:
        self._looking_away = False
        self._away_due = time.monotonic() + AWAY_S
        self._away_problem = problem or found or ""
        self._due = 0.0


def look(trainings: Trainings, chosen: str) -> Look:
    """How all trainings are now, by the files of this computer.

    Args:
        trainings: of this computer.
        chosen: id of the one that is looked at closely; empty for none.
    """
    found: list[TrainingSummary] = []
    status, problems = None, []
    for summary in trainings.list():
        name = summary.training.id
        if summary.state in OPEN or name == chosen:
            try:
                now = trainings.refresh(name)
                summary, status = now.summary, now if name == chosen else status
            except HCCAssistError as error:
                problems.append(str(error))
        found.append(summary)
    problem = "\n".join(problems)
    if status is None:
        return Look(tuple(found), problem=problem)
    return Look(tuple(found), status, trainings.curves(chosen), trainings.log_tail(chosen), problem)
