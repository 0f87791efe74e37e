"""What an attempt at a run says of itself: lines of JSON in ``events/<attempt>.jsonl``, read from where one stopped."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from HCCAssistLib.files import parse_json
from HCCAssistLib.jobs.runs.files import Files

VERSION = 1
EVENTS = "events"
ENDING = ".jsonl"

Kind = Literal[
    "started", "progress", "epoch", "done", "failed", "cancelled", "preempted", "fenced", "already_done", "prepared"
]
LAST: frozenset[str] = frozenset({"done", "failed", "cancelled", "preempted", "fenced", "already_done", "prepared"})
"""Kinds after which an attempt says no more."""

TIME_DIGITS = 13
"""Of the milliseconds since 1970 that begin the id of an attempt."""

TAIL_BYTES = 2048
"""Of an attempt's events, which most often hold its last words."""

Cursor = Mapping[str, int]
"""How many bytes of each attempt's events have been read, by the name of its file."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One step of an attempt.

    Attributes:
        kind: ``done`` and ``already_done``: the result is there; ``preempted``: the engine ended it, and it goes on
            when it is started again; ``fenced``: a newer attempt owns the run; ``prepared``: of a conductor whose
            members are trained elsewhere.
        t: seconds since 1970, by the clock of the machine that wrote it.
        share: of the whole that is done, 0 to 1.
        remaining_s: seconds to go, None while that is not known.
        what: is being done, in words.
        stage: fit that an epoch belongs to.
        epoch, epochs: of ``epoch``: finished so far, and at most.
        losses: of the epoch: ``train_loss``, ``validation_loss`` and, where the recipe has one, ``metric``.
        message: why it failed, in a sentence or two.
        details: for a developer, where the failure is a mistake of the program.
        attempt: that said it; known by the file, not written into the line.
    """

    kind: Kind
    t: float = 0.0
    share: float = 0.0
    remaining_s: float | None = None
    what: str = ""
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    details: str = ""
    attempt: str = ""

    @property
    def is_last(self) -> bool:
        """Whether the attempt says no more."""
        return self.kind in LAST

    def as_json(self) -> dict[str, Any]:
        """Version, kind and time, and the other fields as far as they say something."""
        told = {name: value for name, value in asdict(self).items() if name != "attempt" and value not in ("", 0, {})}
        return {"v": VERSION, **{name: value for name, value in told.items() if value is not None}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], attempt: str = "") -> RunEvent:
        """The event of such fields; those that a later version added are left out.

        Raises:
            TypeError, ValueError: not an event.
        """
        event = cls(**{**{name: value for name, value in dict(data).items() if name in _FIELDS}, "attempt": attempt})
        if event.kind not in _KINDS:
            raise ValueError(f"an event of an unknown kind: {event.kind!r}")
        return event


_FIELDS = frozenset(one.name for one in fields(RunEvent))
_KINDS = frozenset(get_args(Kind))


def new_attempt(files: Files, folder: str) -> str:
    """An id of an attempt that sorts behind all there are, also where the clock of another machine is ahead."""
    times = [int(name[:TIME_DIGITS]) for name in files.names(f"{folder}/{EVENTS}") if name[:TIME_DIGITS].isdigit()]
    now = max([int(time.time() * 1000), *(before + 1 for before in times)])
    return f"{now:0{TIME_DIGITS}d}-{uuid.uuid4().hex[:6]}"


def write_event(files: Files, folder: str, kind: Kind) -> None:
    """Say in place of an attempt, which cannot do so itself, how it ended."""
    line = json.dumps(RunEvent(kind, round(time.time(), 3)).as_json()) + "\n"
    files.write(f"{folder}/{EVENTS}/{new_attempt(files, folder)}{ENDING}", line.encode())


def read_events(files: Files, folder: str, cursor: Cursor | None = None) -> tuple[list[RunEvent], dict[str, int]]:
    """The events that were added to a folder since the last look, attempt after attempt, and the new cursor.

    A line that is not finished is left for the next look, and one that is no event is passed over.

    Args:
        files: of the ROOT.
        folder: that holds ``events``.
        cursor: of the last look; None for the first.
    """
    found: list[RunEvent] = []
    read = dict(cursor or {})
    for name in files.names(f"{folder}/{EVENTS}"):
        if not name.endswith(ENDING):
            continue
        path = f"{folder}/{EVENTS}/{name}"
        if name in read and (files.size(path) or 0) <= read[name]:
            continue
        data = files.read(path, read.get(name, 0))
        read[name] = read.get(name, 0) + data.rfind(b"\n") + 1
        found += _whole(data, name.removesuffix(ENDING))
    return found, read


def last_events(files: Files, folder: str) -> list[RunEvent]:
    """The last few events of each attempt: enough to tell how it stands, and fast however much it has said."""
    found: list[RunEvent] = []
    for name in files.names(f"{folder}/{EVENTS}"):
        if name.endswith(ENDING):
            path, attempt = f"{folder}/{EVENTS}/{name}", name.removesuffix(ENDING)
            tail = files.read(path, max(0, (files.size(path) or 0) - TAIL_BYTES))
            found += _whole(tail, attempt) or _whole(files.read(path), attempt)  # a failure can say more
    return found


def _whole(data: bytes, attempt: str) -> list[RunEvent]:
    """The events of whole lines."""
    found = []
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            found.append(RunEvent.from_json(parse_json(line), attempt))
        except (TypeError, ValueError):
            continue
    return found
