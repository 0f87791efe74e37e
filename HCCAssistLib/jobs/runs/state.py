"""How a run stands, by its events and the word of its engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from HCCAssistLib.jobs.runs.events import RunEvent
from HCCAssistLib.jobs.runs.executor import EngineState

State = Literal["waiting", "queued", "running", "done", "failed", "cancelled", "lost"]

LOST = "The training ended without a word: the computer was switched off, or the process was killed."


@dataclass(frozen=True, slots=True)
class RunState:
    """How a run stands.

    Attributes:
        state: ``waiting``: not submitted; ``lost``: it ended without a last word, and goes on when it is started again.
        message: why it failed or is lost.
        details: of a failure, for a developer.
        share: of the whole that is done, 0 to 1.
        remaining_s: seconds to go, None while that is not known.
        what: is being done, in words.
        epoch, epochs: finished in the present fit, and at most.
        history: an entry per finished epoch: ``stage``, ``epoch`` and its losses; one that was trained again after
            an attempt was lost is there once.
        attempts: that were begun.
        unfinished: attempts at the end that were begun and ended without a last word.
        updated: time of the last event in seconds since 1970, None before the first.
    """

    state: State
    message: str = ""
    details: str = ""
    share: float = 0.0
    remaining_s: float | None = None
    what: str = ""
    epoch: int = 0
    epochs: int = 0
    history: tuple[dict[str, Any], ...] = ()
    attempts: int = 0
    unfinished: int = 0
    updated: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to come by itself."""
        return self.state in ("waiting", "queued", "running")


def run_state(events: Iterable[RunEvent], engine: EngineState) -> RunState:
    """How a run stands: the newest attempt's last event decides, the engine only fills the gaps.

    >>> run_state([], "queued").state, run_state([RunEvent("started", attempt="1")], "ended").state
    ('queued', 'lost')
    >>> run_state([RunEvent("started", attempt="1"), RunEvent("done", attempt="1")], None).state
    'done'

    Args:
        events: all of the run.
        engine: its word.
    """
    of_attempt: dict[str, list[RunEvent]] = {}
    for event in events:
        of_attempt.setdefault(event.attempt, []).append(event)
    attempts = [of_attempt[name] for name in sorted(of_attempt)]
    newest = attempts[-1] if attempts else []
    finished = next((one[-1] for one in attempts if one[-1].kind in ("done", "already_done")), None)
    last = finished or (newest[-1] if newest else None)
    state = _state(last, engine)
    shown = next((event for event in reversed(newest) if event.kind in ("progress", "epoch")), None)
    epoch = next((event for event in reversed(newest) if event.kind == "epoch"), None)
    failed = last if last and state == "failed" else None
    return RunState(
        state=state,
        message=failed.message if failed else LOST if state == "lost" else "",
        details=failed.details if failed else "",
        share=1.0 if state == "done" else shown.share if shown else 0.0,
        remaining_s=shown.remaining_s if shown and state == "running" else None,
        what=shown.what if shown and state == "running" else "",
        epoch=epoch.epoch if epoch else 0,
        epochs=epoch.epochs if epoch else 0,
        history=_history(attempts),
        attempts=sum(any(event.kind == "started" for event in one) for one in attempts),
        unfinished=_unfinished(attempts),
        updated=last.t if last else None,
    )


def _state(last: RunEvent | None, engine: EngineState) -> State:
    if last is not None and last.kind in ("done", "already_done"):
        return "done"
    if engine in ("queued", "running"):  # also behind a last word: it was started again, and has not yet spoken
        return engine
    if last is not None and last.kind in ("failed", "cancelled"):
        return last.kind
    if last is not None and last.kind == "prepared":
        return "waiting"
    if engine == "cancelled":
        return "cancelled"
    return "waiting" if last is None and engine is None else "lost"


def _history(attempts: list[list[RunEvent]]) -> tuple[dict[str, Any], ...]:
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for attempt in attempts:
        for event in attempt:
            if event.kind == "epoch":
                found[event.stage, event.epoch] = {"stage": event.stage, "epoch": event.epoch, **event.losses}
    return tuple(found.values())


def _unfinished(attempts: list[list[RunEvent]]) -> int:
    count = 0
    for attempt in reversed(attempts):
        if attempt[-1].kind == "fenced":
            continue
        if attempt[-1].is_last:
            break
        count += 1
    return count
