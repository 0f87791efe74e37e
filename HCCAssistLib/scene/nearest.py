"""The confirmed cases of a cohort that lie nearest to the findings of a result, found in a process of its own."""

from __future__ import annotations

import logging
import shutil
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import stored
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.requests import Request, write_request
from HCCAssistLib.jobs.runner import TaskRunner
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.run_inputs import RunInputs
from HCCAssistLib.scene.seen import all_inputs

CLOSED = "The result was removed from the scene, so the search was given up."
CANCELLED = "Cancelled. Cases that were scored are kept: the next search goes on with the others."
OTHER_INPUTS = "what was marked or typed is not what the result rests on any more"
CLINICAL = "clinical"
"""What a run record calls the digest of clinical values, which are the captured ones in any case."""


@dataclass(frozen=True, eq=False, slots=True)
class SeenOf:
    """A picture of a confirmed finding.

    Attributes:
        name: what it shows.
        side_mm: from its left to its right.
        png: as the network saw it.
    """

    name: str
    side_mm: float
    png: bytes


@dataclass(frozen=True, eq=False, slots=True)
class Near:
    """A confirmed finding beside another one.

    Attributes:
        case_id: pseudonym of its case.
        of: which finding of the case it is; empty where it is the case itself.
        label: in words.
        distance: in standard deviations of the confirmed findings' features.
        pictures: what the networks saw of it.
    """

    case_id: str
    of: str
    label: str
    distance: float
    pictures: tuple[SeenOf, ...]


@dataclass(frozen=True, eq=False, slots=True)
class NearestFound:
    """What a search found, or why not.

    Attributes:
        record: of the result that it is about.
        cohort: that was looked at.
        patient: of the cohort, who was left out; empty where none was chosen.
        nearest: by number of the finding.
        confirmed, patients: findings that were looked among, and patients behind them.
        own: ids of the cases that were left out since they are of this patient.
        problems: what is doubtful, in sentences.
        fault: why there is nothing; empty where there is.
    """

    record: Any
    cohort: Path
    patient: str
    nearest: Mapping[int, tuple[Near, ...]] = field(default_factory=dict)
    confirmed: int = 0
    patients: int = 0
    own: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    fault: str = ""


class NearestSearch:
    """One search at a time; nothing here makes the caller wait.

    Args:
        python: the Python to run it with; within Slicer its PythonSlicer.

    Attributes:
        share: done so far, 0 to 1.
    """

    def __init__(self, python: str) -> None:
        self._tasks = TaskRunner(python=python)
        self._writing: InThread[None] = InThread()
        self._asked: NearestFound | None = None
        self._folder = Path()
        self._arguments: dict[str, Any] = {}
        self._task = 0
        self._given_up = ""
        self.share = 0.0

    @property
    def running(self) -> bool:
        """Whether a search goes on."""
        return self._asked is not None

    def begin(self, review: Any, package: ModelPackage, cohort: Path, patient: str) -> None:
        """Begin to look beside all findings of a result.

        Args:
            review: the ``CaseReview`` of the result.
            package: the model that made it.
            cohort: to look at.
            patient: of the cohort, whose scan it is; empty where he is not known to have a case.

        Raises:
            InputError: a search goes on already, or the inputs of the run are not there any more.
        """
        if self._asked is not None:
            raise InputError("a search goes on already", remedy="wait for it, or cancel it")
        captured = all_inputs(review)
        if captured is None:
            raise InputError("the inputs of the run cannot be read any more", remedy="run again")
        result, recipe = review.result, package.recipe
        wanted = {option.name for option in recipe.run_options} & result.run.options.keys()
        options = {name: result.run.options[name] for name in wanted}
        request = Request(package.folder, options, result.run.device)
        self._folder = self._tasks.prepare()
        places = None
        if isinstance(result, DetectionResult):
            places = [[one.number, list(one.box.center)] for one in result.candidates]
        request_folder = self._folder / "request"
        self._arguments = {"folder": str(request_folder), "cohort": str(cohort), "patient": patient, "places": places}
        self._asked = NearestFound(review.drawn.record, cohort, patient)
        self._task, self._given_up, self.share = 0, "", 0.0
        self._writing.begin(lambda: _write(captured, result, request, request_folder))

    def cancel(self, why: str = CANCELLED) -> None:
        """Give the search up."""
        if self._asked is not None:
            self._given_up = self._given_up or why
            if self._task:
                self._tasks.cancel(self._task)

    def poll(self) -> NearestFound | None:
        """What was found, once."""
        asked = self._asked
        if asked is None:
            return None
        if asked.record.GetScene() is None:
            self.cancel(CLOSED)
        if self._writing.busy:
            return self._written(asked)
        for event in self._tasks.poll():
            if event.job == self._task and event.is_last:
                return self._end(_found(asked, event, self._given_up))
            self.share = max(self.share, event.share)
        return None

    def close(self) -> None:
        """End what goes on; nobody is told."""
        self._asked = None
        self._writing.close()
        self._tasks.close()

    def _written(self, asked: NearestFound) -> NearestFound | None:
        """Begin the task as soon as its request is written."""
        try:
            self._writing.take()
        except HCCAssistError as error:
            return self._end(replace(asked, fault=str(error)))
        if self._writing.busy:
            return None
        if self._given_up:
            return self._end(replace(asked, fault=self._given_up))
        self._task = self._tasks.start("nearest", self._arguments, folder=self._folder)
        return None

    def _end(self, found: NearestFound) -> NearestFound:
        self._asked = None
        if not self._task:
            shutil.rmtree(self._folder, ignore_errors=True)
        return found


def _write(captured: RunInputs, result: Any, request: Request, folder: Path) -> None:
    """Write the request, in any thread; refuse marks that are not those of the run."""
    one_scan = dict.fromkeys(captured.volumes, result.geometry)  # that a detection looked at
    study = captured.study("scan", grids=one_scan if isinstance(result, DetectionResult) else result.volumes)
    there = study.digests()
    marks = {name: sha for name, sha in result.run.inputs.items() if name not in (*study.volumes, CLINICAL)}
    if any(there.get(name) != sha for name, sha in marks.items()):
        raise InputError(OTHER_INPUTS, remedy="run again")
    with stored("The scan"):
        write_request(study, request, folder)


def _found(asked: NearestFound, event: Event, given_up: str) -> NearestFound:
    if event.details:
        logging.error("%s", event.details)
    if event.kind != "done":
        return replace(asked, fault=given_up if event.kind == "cancelled" else event.message)
    told = event.result
    pictures = [SeenOf(one["name"], one["side_mm"], b64decode(one["png"])) for one in told["pictures"]]
    return replace(
        asked,
        nearest={number: tuple(_near(one, pictures) for one in near) for number, near in told["findings"]},
        confirmed=told["confirmed"],
        patients=told["patients"],
        own=tuple(told["own"]),
        problems=tuple(told["problems"]),
    )


def _near(told: Mapping[str, Any], pictures: list[SeenOf]) -> Near:
    shown = tuple(pictures[number] for number in told["pictures"])
    return Near(told["case_id"], told["of"], told["label"], told["distance"], shown)
