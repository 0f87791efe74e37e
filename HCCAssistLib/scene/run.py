"""A run that goes on: its scan is watched, and its result is drawn in short steps before its last event is given."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from typing import Any, Protocol

from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.requests import Request
from HCCAssistLib.scene.drawing import Drawn, Steps, drawn_in_steps
from HCCAssistLib.scene.run_inputs import RunInputs

STEP_SECONDS = 0.005
"""How long the steps of a drawing that are taken at once may last together; one more may begin before."""

REMOVED = "The scan was removed while it was searched, so the result was dropped."
CHANGED = "The scan changed while it was searched, so the result was dropped. Run again."


class Executor(Protocol):
    """What runs predictions: ``jobs.local.LocalExecutor``, or one that a test controls."""

    def submit(self, study: Any, request: Request) -> int:
        """Begin a prediction of a study, or of what makes one in a thread; its number."""

    def cancel(self, job: int) -> None:
        """Stop it."""

    def poll(self) -> list[Event]:
        """What happened since the last call."""

    def warm_up(self) -> None:
        """Start the worker."""

    def close(self) -> None:
        """End the worker."""


class Run:
    """A prediction that was submitted, to the drawing of its result.

    Attributes:
        inputs: captured when it began.
        drawn: its result, once that is drawn.
    """

    def __init__(self, executor: Executor, inputs: RunInputs, request: Request, scene: Any) -> None:
        self.inputs = inputs
        self.drawn: Drawn | None = None
        self._executor = executor
        self._scene = scene
        self._job = executor.submit(lambda: inputs.study("scan"), request)
        self._dropped = ""
        self._drawing: tuple[Steps, Event] | None = None

    def cancel(self) -> Event | None:
        """Stop it; the last event, where no other comes."""
        if self._drawing is None:
            self._executor.cancel(self._job)
            return None
        self._drawing[0].close()
        return Event(self._job, "cancelled")

    def take(self, event: Event) -> Event | None:
        """One of the executor's events as it is to be passed on now; None where it is not."""
        if event.job != self._job:
            return None
        if not event.is_last:
            return event
        self._look()
        if self._dropped:
            return replace(event, kind="failed", message=self._dropped, result=None)
        if event.kind == "done" and event.result is not None:
            self._drawing = drawn_in_steps(event.result, self.inputs.chosen.volumes, self._scene, alone=True), event
            return None
        return event

    def step(self) -> Event | None:
        """Watch the scan, or draw a little more; the last event where that was the end."""
        if self._drawing is None:
            if not self._dropped and self._look():
                self._executor.cancel(self._job)
            return None
        steps, event = self._drawing
        end = time.monotonic() + STEP_SECONDS
        try:
            while time.monotonic() < end:
                next(steps)
        except StopIteration as finished:
            self.drawn = finished.value
            return event
        except InputError as error:  # the volume went or was moved in the meantime
            return replace(event, kind="failed", message=str(error), result=None)
        except Exception as error:
            message = f"The result could not be shown ({type(error).__name__}). Please report this."
            return replace(event, kind="failed", message=message, details=traceback.format_exc(), result=None)
        return None

    def _look(self) -> bool:
        """Whether the result is for nobody, because its scan is no longer what it was."""
        nodes = self.inputs.chosen.volumes.values()
        if any(node.GetScene() is not self._scene for node in nodes):
            self._dropped = REMOVED
        elif self.inputs.changed_scan(self._scene):
            self._dropped = CHANGED
        return bool(self._dropped)
