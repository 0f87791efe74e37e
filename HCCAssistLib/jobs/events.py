"""What is reported of a job, whatever runs it, and the sentences for what can end one."""

from __future__ import annotations

import itertools
import queue
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from HCCAssistLib.errors import Cancelled, HCCAssistError, is_out_of_memory
from HCCAssistLib.files import disk_fault

Kind = Literal["ready", "started", "progress", "done", "cancelled", "failed"]

DIED = (
    "The computing process ended unexpectedly, most likely because the memory of this computer was full. "
    "Close other programs, and try again."
)
NEVER_STARTED = (
    "The computing process could not be started. Restart the application and try again; "
    "where that does not help, check PyTorch in the module HCC Study."
)
NO_MEMORY = "There is not enough memory. Close other programs, and try again."
NOT_WRITTEN = (
    "The scan could not be written for the computing process: the disk for temporary files is full or not writable. "
    "Free some space, and run again."
)


@dataclass(frozen=True, eq=False, slots=True)
class Event:
    """One step in the life of a job; as a line of JSON it crosses from one process to another.

    >>> event = Event.from_json({"job": 3, "kind": "progress", "share": 0.25, "remaining_s": 12.0})
    >>> event.share, event.is_last
    (0.25, False)
    >>> Event(3, "failed", message="The disk is full.").as_json()
    {'job': 3, 'kind': 'failed', 'message': 'The disk is full.'}

    Attributes:
        job: its number; 0 for the worker itself, which is ``ready`` or has ``failed`` to start.
        kind: ``done``, ``cancelled`` and ``failed`` are the last of a job.
        share: done so far, 0 to 1.
        remaining_s: seconds to go, None while that is not known.
        message: why it failed, in one sentence or two.
        details: for a developer's log where the failure is a mistake of the program.
        result: of a job that is done: a result of any kind, or what a task returns.
    """

    job: int
    kind: Kind
    share: float = 0.0
    remaining_s: float | None = None
    message: str = ""
    details: str = ""
    result: Any = None

    @property
    def is_last(self) -> bool:
        """Whether nothing more comes of the job."""
        return self.kind in ("done", "cancelled", "failed")

    def as_json(self) -> dict[str, Any]:
        """Its fields, as far as they differ from their defaults."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Event:
        """The event of such fields.

        Raises:
            TypeError, ValueError: not an event.
        """
        event = cls(**data)
        if event.kind not in get_args(Kind):
            raise ValueError(f"an event of an unknown kind: {event.kind!r}")
        return event


def event_of(job: int, error: Exception) -> Event:
    """The last event of a job that an error ended.

    >>> event_of(3, MemoryError()).message
    'There is not enough memory. Close other programs, and try again.'
    """
    if isinstance(error, Cancelled):
        return Event(job, "cancelled")
    if isinstance(error, HCCAssistError):
        return Event(job, "failed", message=str(error))
    if is_out_of_memory(error):
        return Event(job, "failed", message=NO_MEMORY)
    details = "".join(traceback.format_exception(error))
    message = f"This failed ({type(error).__name__}). Please report it."
    if isinstance(error, OSError):
        message = disk_fault(error)
    return Event(job, "failed", message=message[:1].upper() + message[1:], details=details)


class OpenJobs:
    """The jobs that have not ended, and the events that were not read; used from several threads.

    A job gets exactly one last event. What was cancelled ends as cancelled, whatever came of it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled: dict[int, bool] = {}  # of each open job
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._numbers = itertools.count(1)

    def open(self) -> int:
        """The number of a new job."""
        job = next(self._numbers)
        self._cancelled[job] = False
        return job

    def __contains__(self, job: int) -> bool:
        return job in self._cancelled

    def cancel(self, job: int) -> bool:
        """Note that a job is to be cancelled; False where it was already, or has ended."""
        with self._lock:
            first = self._cancelled.get(job) is False
            if first:
                self._cancelled[job] = True
            return first

    def put(self, event: Event) -> None:
        """Add an event that is not the last of its job; what a cancelled job still does is of no interest."""
        if event.job == 0 or self._cancelled.get(event.job) is False:
            self._events.put(event)

    def end(self, event: Event, clean: Callable[[], None] = lambda: None) -> bool:
        """End a job: it is cleaned up, then its last event is added; False where it has ended before."""
        with self._lock:
            cancelled = self._cancelled.pop(event.job, None)
        if cancelled is not None:
            clean()
            self._events.put(Event(event.job, "cancelled") if cancelled else event)
        return cancelled is not None

    def poll(self) -> list[Event]:
        """The events since the last call."""
        return [self._events.get_nowait() for _ in range(self._events.qsize())]

    def clear(self) -> None:
        """Forget all jobs and events: nobody waits for them."""
        self._cancelled.clear()
        self.poll()
