"""The volumes of a scene with their roles, confirmed or guessed, and a look at their voxels that disturbs nobody."""

from __future__ import annotations

import math
import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from HCCAssistLib.dicom.phases import Phase, PhaseGuess
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.contrast import ContrastEvidence
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.runner import TaskRunner
from HCCAssistLib.recipes.roles import RoleGuess, guess_role
from HCCAssistLib.scene.handover import hand_over
from HCCAssistLib.scene.inputs import geometry_of_volume
from HCCAssistLib.scene.roles import is_settled, role_of, role_volumes

Key = tuple[str, int]
"""Tells a volume's voxels from others: the node's ID and the time when they changed."""


@dataclass(frozen=True, slots=True)
class LoadedVolume:
    """A volume that can play a role.

    Attributes:
        node: in the scene.
        name: of the node.
        role: that a person confirmed, or None.
        settled: whether a person said something about it.
        disputed: whether another volume has the same role, as after adding a saved scene.
        guess: where no person said anything.
    """

    node: Any
    name: str
    role: str | None
    settled: bool
    disputed: bool
    guess: RoleGuess

    @property
    def state(self) -> str:
        """How things are with its role, in a word or two."""
        if self.disputed:
            return "Disputed"
        if self.settled:
            return "Confirmed" if self.role else "Not used"
        return {"guess": "Guess", "conflict": "Contradiction", "unknown": "Not known", "unsuitable": "Not suitable"}[
            self.guess.state
        ]

    @property
    def reason(self) -> str:
        """Why, and what to do; empty where there is nothing to say."""
        if self.disputed:
            return f"another scan has the role {self.role} too: confirm the right one."
        return "" if self.settled else self.guess.reason


@dataclass(frozen=True, slots=True)
class _Look:
    """What header and voxels of a volume said, or why its voxels could not be looked at."""

    header: PhaseGuess | None = None
    voxels: ContrastEvidence | None = None
    unseen: str = ""


@dataclass(slots=True)
class _HandOver:
    """A volume whose voxels are being written for the other process."""

    key: Key
    steps: Generator[None, None, None]
    folder: Path
    order: dict[str, Any]


class VolumeLooks:
    """What headers and voxels say about volumes, looked at one by one in another process.

    Args:
        tasks: runs that process.
    """

    def __init__(self, tasks: TaskRunner) -> None:
        self._tasks = tasks
        self._found: dict[Key, _Look] = {}
        self._waiting: list[Any] = []
        self._handing: _HandOver | None = None
        self._task: tuple[int, Key] | None = None

    def loaded(self, scene: Any) -> list[LoadedVolume]:
        """The volumes of a scene, with all that is known of their roles now."""
        nodes = list(role_volumes(scene))
        roles = [role_of(node) for node in nodes]
        found = []
        for node, role in zip(nodes, roles, strict=True):
            name = node.GetName() or ""
            look = self._found.get(_key(node), _Look())
            guess = guess_role(name, look.header, look.voxels, unseen=look.unseen)
            disputed = role is not None and roles.count(role) > 1
            found.append(LoadedVolume(node, name, role, is_settled(node), disputed, guess))
        return found

    def want(self, volumes: Sequence[LoadedVolume]) -> None:
        """Look at those that no person said anything about, as far as that was not done; at no others."""
        self._waiting = [v.node for v in volumes if not v.settled and _key(v.node) not in self._found]
        wanted = {_key(node) for node in self._waiting}
        if self._handing is not None and self._handing.key not in wanted:
            self._stop_handing()
        if self._task is not None and self._task[1] not in wanted:
            self._tasks.cancel(self._task[0])

    @property
    def busy(self) -> bool:
        """Whether there is something left to look at."""
        return bool(self._waiting or self._handing or self._task)

    def step(self) -> None:
        """Go on for a hundredth of a second."""
        if self._handing is not None:
            self._hand_on(self._handing)
        elif self._task is None and self._waiting:
            self._begin(self._waiting.pop(0))

    def took(self, event: Event) -> bool:
        """Take up an event; whether it was about a look."""
        if self._task is None or event.job != self._task[0]:
            return False
        if event.is_last:
            key, self._task = self._task[1], None
            if event.kind == "done":
                self._found[key] = _Look(_phase_guess(event.result["header"]), _evidence(event.result["voxels"]))
            elif event.kind == "failed":
                self._found[key] = _Look(unseen=event.message.rstrip("."))
        return True

    def forget(self) -> None:
        """The scene closes: nothing of it is wanted any more."""
        self.want([])
        self._found.clear()

    def _begin(self, node: Any) -> None:
        key = _key(node)
        if key in self._found or node.GetScene() is None:
            return
        try:
            geometry = geometry_of_volume(node).as_json()
        except InputError as error:
            self._found[key] = _Look(unseen=error.problems[0].what)
            return
        folder = self._tasks.prepare()
        voxels = folder / "voxels.npy"
        order = {"voxels": str(voxels), "geometry": geometry, "header": _header_file(node)}
        self._handing = _HandOver(key, hand_over(node, voxels), folder, order)

    def _hand_on(self, handing: _HandOver) -> None:
        try:
            if next(handing.steps, StopIteration) is StopIteration:
                self._handing = None
                self._task = (self._tasks.start("phase", handing.order, folder=handing.folder), handing.key)
        except InputError as error:  # it changed or went
            self._found[handing.key] = _Look(unseen=error.problems[0].what)
            self._stop_handing()
        except OSError as error:
            self._found[handing.key] = _Look(unseen=error.strerror or "the disk cannot be written")
            self._stop_handing()

    def _stop_handing(self) -> None:
        if self._handing is not None:
            self._handing.steps.close()
            shutil.rmtree(self._handing.folder, ignore_errors=True)
            self._handing = None


def _key(node: Any) -> Key:
    data = node.GetImageData()
    scalars = data.GetPointData().GetScalars() if data is not None else None
    return node.GetID() or "", scalars.GetMTime() if scalars is not None else 0


def _header_file(node: Any) -> str:
    """A DICOM file of a volume in Slicer's database, or empty."""
    uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    return str(database.fileForInstance(uids[0]) or "") if uids and database is not None else ""


def _phase_guess(header: dict[str, Any] | None) -> PhaseGuess | None:
    if header is None:
        return None
    return PhaseGuess(Phase(header["phase"]), header["confidence"], tuple(header["evidence"]))


def _evidence(voxels: dict[str, Any]) -> ContrastEvidence:
    fields: dict[str, Any] = {key: math.nan if value is None else value for key, value in voxels.items()}
    return ContrastEvidence(**fields)
