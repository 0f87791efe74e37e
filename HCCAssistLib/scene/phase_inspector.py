"""The volumes of a scene with their roles, confirmed or guessed; their voxels are inspected in the background."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from HCCAssistLib.dicom.phases import Phase, PhaseGuess
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.contrast import ContrastEvidence
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.runner import TaskRunner
from HCCAssistLib.recipes.roles import RoleGuess, contradicts, guess_role
from HCCAssistLib.scene.inputs import CapturedVolume, capture_volume
from HCCAssistLib.scene.roles import SYNTHETIC, is_settled, role_of, role_volumes

Key = tuple[str, int]
"""Tells a volume's voxels from others: the node's ID and the time when they changed."""


@dataclass(frozen=True, slots=True)
class LoadedVolume:
    """A volume that can play a role.

    Attributes:
        node: in the scene.
        name: of the node.
        role: that a person confirmed, or None.
        settled: whether a person confirmed a role, or that it has none.
        disputed: whether another volume has the same role, as after adding a saved scene.
        guess: where nobody did.
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
            return ("Confirmed, doubtful" if self.doubtful(self.role) else "Confirmed") if self.role else "Not used"
        return {"guess": "Guess", "conflict": "Contradiction", "unknown": "Not known", "unsuitable": "Not suitable"}[
            self.guess.state
        ]

    @property
    def reason(self) -> str:
        """Why, and what to do; empty where there is nothing to say."""
        if self.disputed:
            return f"another scan has the role {self.role} too: confirm the right one."
        kept = not self.settled or self.doubtful(self.role)
        return self.guess.reason if kept else ""

    def doubtful(self, role: str | None) -> bool:
        """Whether what is known of the scan speaks against a role."""
        return role is not None and contradicts(self.guess, role)


@dataclass(frozen=True, slots=True)
class _Inspection:
    """What header and voxels of a volume tell, or why its voxels could not be read."""

    header: PhaseGuess | None = None
    voxels: ContrastEvidence | None = None
    unseen: str = ""


class _VoxelWriter(threading.Thread):
    """Writes the voxels of a volume into the folder of a task, beside the scene's thread.

    Attributes:
        key: of the volume.
        folder: of the task.
        error: why they could not be written.
    """

    def __init__(self, key: Key, captured: CapturedVolume, folder: Path) -> None:
        super().__init__(daemon=True)
        self.key = key
        self.folder = folder
        self.error: Exception | None = None
        self._captured = captured
        self._wanted = True

    @property
    def file(self) -> Path:
        """Where the voxels are."""
        return self.folder / "voxels.npy"

    def run(self) -> None:
        """Write them."""
        try:
            np.save(self.file, self._captured.read().array, allow_pickle=False)
        except (InputError, OSError) as error:
            self.error = error
        if not self._wanted:
            shutil.rmtree(self.folder, ignore_errors=True)

    def arguments(self, node: Any) -> dict[str, Any]:
        """Of the task that reads them.

        Raises:
            InputError: the volume went or changed in the meantime, or its voxels are no numbers.
            OSError: the disk cannot be written.
        """
        if self.error is not None:
            raise self.error
        if node.GetScene() is None or not self._captured.is_unchanged():
            raise InputError("the volume changed while it was read", remedy="open the module again")
        geometry = self._captured.geometry.as_json()
        return {"voxels": str(self.file), "geometry": geometry, "header": _header_file(node)}

    def abandon(self) -> None:
        """They are not needed any more."""
        self._wanted = False
        if not self.is_alive():
            shutil.rmtree(self.folder, ignore_errors=True)


class PhaseInspector:
    """What headers and voxels say about the phases of volumes, read one by one in another process.

    Args:
        tasks: runs that process.
    """

    def __init__(self, tasks: TaskRunner) -> None:
        self._tasks = tasks
        self._found: dict[Key, _Inspection] = {}
        self._waiting: list[Any] = []
        self._writing: tuple[_VoxelWriter, Any] | None = None
        self._task: tuple[int, Key] | None = None

    def loaded(self, scene: Any) -> list[LoadedVolume]:
        """The volumes of a scene, with all that is known of their roles now."""
        nodes = list(role_volumes(scene))
        roles = [role_of(node) for node in nodes]
        found = []
        for node, role in zip(nodes, roles, strict=True):
            name = node.GetName() or ""
            known = self._found.get(_key(node), _Inspection())
            guess = guess_role(name, known.header, known.voxels, unseen=known.unseen)
            disputed = role is not None and roles.count(role) > 1
            found.append(LoadedVolume(node, name, role, is_settled(node), disputed, guess))
        return found

    def request(self, volumes: Sequence[LoadedVolume]) -> None:
        """Inspect those without a confirmed role, then those with one, as far as that was not done, and no others.

        A confirmed role of a loaded scene is looked at again, so that what speaks against it is seen; one that plays no
        role, or that is synthetic, is not.
        """
        wanted = [v for v in volumes if not v.settled or (v.role is not None and not v.node.GetAttribute(SYNTHETIC))]
        fresh = [v for v in wanted if _key(v.node) not in self._found]
        self._waiting = [v.node for v in sorted(fresh, key=lambda v: v.settled)]
        requested = {_key(node) for node in self._waiting}
        if self._writing is not None and self._writing[0].key not in requested:
            self._writing[0].abandon()
            self._writing = None
        if self._task is not None and self._task[1] not in requested:
            self._tasks.cancel(self._task[0])

    @property
    def busy(self) -> bool:
        """Whether there is something left to inspect."""
        return bool(self._waiting or self._writing or self._task)

    def step(self) -> None:
        """Begin what can begin now."""
        if self._writing is not None and not self._writing[0].is_alive():
            self._start(*self._writing)
        elif self._writing is None and self._task is None and self._waiting:
            self._write(self._waiting.pop(0))

    def handle(self, event: Event) -> bool:
        """Take an event of the tasks; whether it was about an inspection."""
        if self._task is None or event.job != self._task[0]:
            return False
        if event.is_last:
            key, self._task = self._task[1], None
            if event.kind == "done":
                self._found[key] = _Inspection(_phase_guess(event.result["header"]), _evidence(event.result["voxels"]))
            elif event.kind == "failed":
                self._found[key] = _Inspection(unseen=event.message.rstrip("."))
        return True

    def forget(self) -> None:
        """The scene closes: nothing of it is wanted any more."""
        self.request([])
        self._found.clear()

    def _write(self, node: Any) -> None:
        key = _key(node)
        if key in self._found or node.GetScene() is None:
            return
        try:
            captured = capture_volume(node)
        except InputError as error:
            self._found[key] = _Inspection(unseen=error.problems[0].what)
            return
        writer = _VoxelWriter(key, captured, self._tasks.prepare())
        writer.start()
        self._writing = writer, node

    def _start(self, writer: _VoxelWriter, node: Any) -> None:
        self._writing = None
        try:
            self._task = self._tasks.start("phase", writer.arguments(node), folder=writer.folder), writer.key
        except InputError as error:
            self._found[writer.key] = _Inspection(unseen=error.problems[0].what)
            writer.abandon()
        except OSError as error:
            self._found[writer.key] = _Inspection(unseen=error.strerror or "the disk cannot be written")
            writer.abandon()


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
