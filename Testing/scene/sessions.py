"""Sessions for tests: an executor that does what the test says, and two recipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cases import PLACE, result

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.requests import Request
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.session import Session

LTP = get_recipe("ltp")

OTHER = replace(LTP, id="other-method", title="Another method on the same scan")
"""A second recipe with the same inputs."""


@dataclass
class Puppet:
    """An executor whose events a test makes."""

    events: list[Event] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    closed: bool = False
    study: Study | None = None
    request: Request | None = None
    jobs: int = 0

    def submit(self, study: Callable[[], Study], request: Request) -> int:
        self.jobs += 1
        self.study, self.request = study(), request
        return self.jobs

    def cancel(self, job: int) -> None:
        self.cancelled.append(job)
        self.events.append(Event(job, "cancelled"))

    def poll(self) -> list[Event]:
        told, self.events = self.events, []
        return told

    def warm_up(self) -> None:
        self.events.append(Event(0, "ready"))

    def close(self) -> None:
        self.closed = True

    def finish(self, found: Any) -> None:
        self.events.append(Event(self.jobs, "done", 1.0, result=found))


OPEN: list[Session] = []
"""Sessions of the test that runs, to be closed after it."""


def session_of(scene: Any, recipe: Recipe = LTP) -> tuple[Session, Puppet]:
    executor = Puppet()
    OPEN.append(Session(recipe, executor, scene=scene))
    return OPEN[-1], executor


def ran(executor: Puppet, volume: Image, *, recipe: Recipe = LTP, **changes: Any) -> DetectionResult:
    """A result of the run that the executor was given last, with its inputs."""
    found = result(volume, **changes)
    assert executor.study is not None
    run = replace(found.run, recipe=recipe.id, inputs=executor.study.digests())
    return replace(found, run=run)


def poll_to_end(session: Session) -> Event:
    """Poll until a run has ended; its last event."""
    for _ in range(1000):
        for event in session.poll():
            if event.is_last:
                return event
    raise AssertionError("the run did not end")


def run_through(session: Session, executor: Puppet, chosen: ChosenInputs, volume: Image, **changes: Any) -> Any:
    """A whole run on what is chosen, which becomes the chosen scan; its review."""
    session.run(chosen, REQUEST)
    executor.finish(ran(executor, volume, recipe=session.recipe, **changes))
    assert poll_to_end(session).kind == "done"
    session.choose(chosen.main)
    assert session.current is not None
    return session.current


def scan(node: Any) -> ChosenInputs:
    return ChosenInputs({PLACE: node})


REQUEST = Request("model")  # type: ignore[arg-type]  # nobody opens it
