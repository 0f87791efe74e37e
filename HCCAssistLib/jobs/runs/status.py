"""How trainings stand, as command and panel show it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from HCCAssistLib.jobs.runs.events import RunEvent
from HCCAssistLib.jobs.runs.state import RunState, State
from HCCAssistLib.jobs.runs.training_file import Training

READ, TRAINED = 0.15, 0.96
"""Shares of the whole when the cohort is read and when all members are trained, as in ``training.run``."""


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """A training at a glance.

    Attributes:
        training: what was asked for.
        state: of the whole.
        share: of the whole that is done, 0 to 1.
        remaining_s: seconds to go, None while that is not known.
        what: is being done, in words.
        message: why it failed or is lost.
        updated: time of the last event in seconds since 1970, None before the first.
    """

    training: Training
    state: State
    share: float = 0.0
    remaining_s: float | None = None
    what: str = ""
    message: str = ""
    updated: float | None = None


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """One network, or set of networks, of a training.

    Attributes:
        name: such as ``fold-0-repeat-0``.
        key: of its run.
        run: how it stands.
    """

    name: str
    key: str
    run: RunState


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """A training in full.

    Attributes:
        summary: the whole.
        members: none before the cohort has been read.
        problems: what is doubtful about the cohort, in words.
        package: the trained model, None before it is there.
        report: page on the test cases, None where there is none.
        note: why there is no report although it is done.
    """

    summary: TrainingSummary
    members: tuple[MemberStatus, ...] = ()
    problems: tuple[str, ...] = ()
    package: Path | None = None
    report: Path | None = None
    note: str = ""


def of_members(training: Training, members: tuple[MemberStatus, ...]) -> TrainingSummary:
    """A training whose members are elsewhere."""
    states = [one.run.state for one in members]
    worst: tuple[State, ...] = ("failed", "cancelled", "lost", "running", "queued", "waiting")
    state: State = next((one for one in worst if one in states), "running")  # all done: they are brought back
    share = READ + (TRAINED - READ) * sum(one.run.share for one in members) / len(members)
    done = sum(one == "done" for one in states)
    times = [one.run.updated for one in members if one.run.updated is not None]
    left = [one.run.remaining_s for one in members if one.run.remaining_s is not None]
    return TrainingSummary(
        training,
        state,
        share,
        max(left) if left and "queued" not in states else None,
        f"{done} of {len(members)} networks are trained" if len(members) > 1 else members[0].run.what,
        next((one.run.message for one in members if one.run.message), ""),
        max(times, default=None),
    )


def is_relayed(event: RunEvent) -> bool:
    """Whether a conductor only repeats what a member has said."""
    return event.kind == "progress" and READ <= event.share < TRAINED


def log_line(name: str, event: RunEvent) -> str:
    """An event as a line for a person: when, who and what.

    Args:
        name: of the member, ``""`` for the training itself.
        event: that it said.
    """
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.t))
    said = event.message or event.what
    kind = "" if event.kind in ("progress", "epoch") and said else event.kind.replace("_", " ")
    return f"{when}  {': '.join(filter(None, (name, kind, said)))}"
