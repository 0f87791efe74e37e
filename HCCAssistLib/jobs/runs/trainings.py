"""The trainings of this computer, as command and panel see them: begin, look, cancel, go on, install.

Nothing here reads weights but ``install``; whoever has a window calls it from a thread, since a cluster may be slow.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import HCCAssistError, InputError, Problem
from HCCAssistLib.files import remove, remove_whole, stored
from HCCAssistLib.jobs.runs import detached
from HCCAssistLib.jobs.runs.elsewhere import attend, member_state
from HCCAssistLib.jobs.runs.events import last_events, read_events, write_event
from HCCAssistLib.jobs.runs.executor import EngineState, Executor
from HCCAssistLib.jobs.runs.files import LocalFiles
from HCCAssistLib.jobs.runs.local import LocalExecutor
from HCCAssistLib.jobs.runs.runs import CANCEL, PACKS, PLAN, RESULT, RUNS, cancel, resume, run_folder
from HCCAssistLib.jobs.runs.state import RunState, run_state
from HCCAssistLib.jobs.runs.status import (
    MemberStatus,
    TrainingStatus,
    TrainingSummary,
    is_relayed,
    log_line,
    of_members,
)
from HCCAssistLib.jobs.runs.training_file import TRAINING, TRAININGS, Engine, Training
from HCCAssistLib.jobs.runs.training_folder import PREPARED, TrainingFolder
from HCCAssistLib.places import data_folder

if TYPE_CHECKING:
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.models.store import ModelStore

CONDUCT = "HCCAssistLib.jobs.runs.conduct"


def default_root() -> Path:
    """Where trainings lie for this person: ``HCCASSIST_TRAINING``, or the platform's place for data."""
    return data_folder("training")


class Trainings:
    """The trainings below a ROOT of this computer.

    Args:
        root: of trainings, runs and packs; ``default_root()`` where None.
        python: the Python to train with; within Slicer its PythonSlicer.
    """

    def __init__(self, root: Path | None = None, *, python: str = sys.executable) -> None:
        self.root = (root or default_root()).absolute()
        self.files = LocalFiles(self.root)
        self._python = python
        self._local = LocalExecutor(self.root, python=python)

    def list(self) -> tuple[TrainingSummary, ...]:
        """All trainings, the newest first; fast, and without a question to any cluster. Damaged ones are left out."""
        found = []
        for name in self.files.names(TRAININGS):
            if self.files.exists(f"{TRAININGS}/{name}/{TRAINING}"):
                try:
                    found.append(self._summary(Training.read(self.folder(name))))
                except InputError:
                    continue
        return tuple(sorted(found, key=lambda one: one.training.created, reverse=True))

    def get(self, training_id: str) -> Training:
        """What was asked for.

        Raises:
            InputError: there is no such training, or it cannot be read.
        """
        if not training_id.isalnum() or not self.folder(training_id).is_dir():
            raise InputError(f"there is no training {training_id!r}", remedy="see: hccassist jobs list")
        return Training.read(self.folder(training_id))

    def folder(self, training_id: str) -> Path:
        """Of one training."""
        return self.root / TRAININGS / training_id

    def begin(
        self,
        cohort: Path,
        *,
        recipe: str,
        name: str,
        options: Mapping[str, Any],
        engine: Engine = "background",
        preset: str = "",
        folds: int = 1,
        repeats: int = 1,
        seed: int = 0,
        device: str = "auto",
        threads: int = 0,
        profile: str = "",
    ) -> str:
        """Begin a training that goes on without its caller; its id. One like it that is open is attached to.

        Args:
            cohort: folder with cohort.csv.
            recipe: id of the method.
            name: of the model.
            options: of the recipe, resolved.
            engine: ``"background"``, or ``"slurm"`` with a profile: then only reading, packing and assembling is done
                here, and ``refresh`` with an executor sends the pack, submits the members and brings back results.
            preset: that the options came from.
            folds, repeats, seed, device: as in ``training.job.Job``.
            threads: of the processor for each member; 0 for all.
            profile: of the cluster.

        Raises:
            HCCAssistError: the disk does not take it, or no process can be started.
        """
        training = Training(
            id=uuid.uuid4().hex[:10],
            name=name,
            recipe=recipe,
            options=dict(options),
            cohort=str(cohort.absolute()),
            created=time.time(),
            engine=engine,
            preset=preset,
            folds=folds,
            repeats=repeats,
            seed=seed,
            device=device,
            threads=threads,
            profile=profile,
        )
        for other in self.list():
            if other.state in ("waiting", "queued", "running") and other.training.is_like(training):
                return other.training.id
        with stored("the training"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)  # it tells who is who
            self.folder(training.id).mkdir(parents=True)
            training.write(self.folder(training.id))
        self._conduct(training)
        return training.id

    def refresh(
        self,
        training_id: str,
        executor: Executor | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> TrainingStatus:
        """How a training stands now; does what is due: submits, brings back results, has the package assembled.

        Args:
            training_id: of the training.
            executor: of its cluster; None looks at this computer alone.
            progress: of sending the pack: called with what is being done, and how much of it, 0 to 1.

        Raises:
            InputError: there is no such training.
            HCCAssistError: the engine or the connection failed.
        """
        training = self.get(training_id)
        folder = TrainingFolder(self.folder(training_id))
        if training.engine != "background" and executor and folder.prepared and not self._at_work(training_id):
            attend(training, folder, self.files, executor, progress)
            if self._results_are_here(folder) and folder.outcome is None and self._state(training).state == "waiting":
                self._conduct(training)
        outcome = folder.outcome or {}
        package, page = folder.package, outcome.get("report", "")
        return TrainingStatus(
            summary=self._summary(training),
            members=self._members(training, folder),
            problems=tuple(str(Problem(**one)) for one in (folder.prepared or {}).get("problems", ())),
            package=package if package.exists() else None,
            report=folder.path / page if page else None,
            note=outcome.get("note", ""),
        )

    def cancel(self, training_id: str, executor: Executor | None = None) -> None:
        """End a training; what was finished stays, and it can go on.

        Args:
            training_id: of the training.
            executor: of its cluster, where members may be at work there.

        Raises:
            HCCAssistError: members may be at work on a cluster, and there is no executor.
        """
        training = self.get(training_id)
        folder = TrainingFolder(self.folder(training_id))
        engine = self._engine(training, executor)
        if engine is None and folder.seen:
            raise HCCAssistError(f"this training runs on {training.profile}. Connect to it, and cancel then.")
        if folder.outcome is not None:
            return
        with stored("the word to stop"):
            (folder.path / CANCEL).touch()
        detached.end(folder.path)
        if engine:
            for member in TrainingFolder(folder.path).members:
                begun = engine.files.exists(f"{run_folder(member.key)}/{PLAN}")
                if begun and self._run(engine, member.key).is_open:
                    cancel(engine, member.key)
        if self._state(training).state not in ("done", "failed", "cancelled"):
            write_event(self.files, folder.below_root, "cancelled")

    def resume(self, training_id: str, executor: Executor | None = None) -> None:
        """Go on with a training that was cancelled, failed or is lost; nothing happens to one that is at work.

        Args:
            training_id: of the training.
            executor: of its cluster, where it has one.

        Raises:
            HCCAssistError: no process can be started, or the cluster does not take it.
        """
        training = self.get(training_id)
        folder = TrainingFolder(self.folder(training_id))
        if self._at_work(training_id) or folder.outcome is not None:
            return
        (folder.path / CANCEL).unlink(missing_ok=True)
        if training.engine != "background" and executor and folder.prepared:
            for member in folder.members:
                if executor.files.exists(f"{run_folder(member.key)}/{PLAN}"):
                    resume(executor, member.key)
        self._conduct(training)

    def retry(self, training_id: str, executor: Executor | None = None) -> None:
        """Go on as ``resume`` does, and begin anew what failed; finished members stay as they are.

        Args:
            training_id: of the training.
            executor: of its cluster, where it has one.
        """
        from HCCAssistLib.training.manifest import BadPack, verified

        training = self.get(training_id)
        folder = TrainingFolder(self.folder(training_id))
        engine = self._engine(training, executor)
        if engine and folder.prepared and not self._at_work(training_id):
            for member in folder.members:
                run = run_folder(member.key)
                if self._run(engine, member.key).state == "failed":
                    for name in engine.files.names(run):
                        if name.endswith(".safetensors"):  # checkpoints: they may be what it failed of
                            engine.files.remove(f"{run}/{name}")
            try:
                verified(self.root / PACKS / folder.digest, folder.digest)
            except BadPack:
                remove(folder.path / PREPARED)
        self.resume(training_id, executor)

    def log_tail(self, training_id: str, lines: int = 40) -> tuple[str, ...]:
        """The last things that the training and its members said, a line each, oldest first."""
        self.get(training_id)
        folder = TrainingFolder(self.folder(training_id))
        told = [("", event) for event in read_events(self.files, folder.below_root)[0] if not is_relayed(event)]
        for member in folder.members:
            told += [(member.name, event) for event in read_events(self.files, run_folder(member.key))[0]]
        told.sort(key=lambda one: one[1].t)
        said = dict.fromkeys(log_line(name, event) for name, event in told)  # an epoch is told as progress, too
        return tuple(said)[-lines:]

    def curves(self, training_id: str) -> dict[str, tuple[dict[str, Any], ...]]:
        """The course of each member by its name: per epoch ``stage``, ``epoch``, ``train_loss``, ..."""
        training = self.get(training_id)
        return {one.name: one.run.history for one in self._members(training, TrainingFolder(self.folder(training_id)))}

    def install(self, training_id: str, store: ModelStore) -> ModelPackage:
        """Install the trained model.

        Raises:
            InputError: it is not trained yet, or the name is taken by another model.
        """
        package = TrainingFolder(self.folder(self.get(training_id).id)).package
        if not package.exists():
            raise InputError("the model is not trained yet", training_id, "wait until the training is done")
        return store.install(package)

    def remove(self, training_id: str, executor: Executor | None = None) -> None:
        """Delete a training with its runs and its pack, as far as no other training needs them.

        Args:
            training_id: of the training.
            executor: of its cluster, to delete them there too.

        Raises:
            InputError: it is at work.
        """
        training = self.get(training_id)
        if self._summary(training).state in ("queued", "running"):
            raise InputError("the training is at work", training_id, "cancel it first")
        folder = TrainingFolder(self.folder(training_id))
        gone = _used(folder)
        others = [name for name in self.files.names(TRAININGS) if name != training_id]
        for name in others:
            gone -= _used(TrainingFolder(self.folder(name)))
        with stored("the removal"):
            remove_whole(folder.path)
        for path in sorted(gone):
            self.files.remove(path)
            if executor:
                executor.files.remove(path)

    def _conduct(self, training: Training) -> None:
        arguments = [str(self.root), training.id]
        detached.start(CONDUCT, arguments, self.folder(training.id), python=self._python)

    def _engine(self, training: Training, executor: Executor | None) -> Executor | None:
        return self._local if training.engine == "background" else executor

    def _at_work(self, training_id: str) -> bool:
        return detached.pid_of(self.folder(training_id)) is not None

    def _results_are_here(self, folder: TrainingFolder) -> bool:
        return all(self.files.exists(f"{run_folder(member.key)}/{RESULT}") for member in folder.members)

    def _run(self, engine: Executor, key: str) -> RunState:
        events, _ = read_events(engine.files, run_folder(key))
        return run_state(events, engine.engine_states([key])[key])

    def _state(self, training: Training) -> RunState:
        """Of the process that conducts the training."""
        events = last_events(self.files, f"{TRAININGS}/{training.id}")
        return run_state(events, "running" if self._at_work(training.id) else "ended")

    def _members(self, training: Training, folder: TrainingFolder) -> tuple[MemberStatus, ...]:
        keys = [member.key for member in folder.members]
        engine: Mapping[str, EngineState] = (
            self._local.engine_states(keys) if training.engine == "background" else folder.seen.get("engine", {})
        )
        return tuple(
            MemberStatus(one.name, one.key, member_state(self.files, one.key, engine.get(one.key)))
            for one in folder.members
        )

    def _summary(self, training: Training) -> TrainingSummary:
        found = self._state(training)
        if training.engine != "background" and found.state == "waiting":
            members = self._members(training, TrainingFolder(self.folder(training.id)))
            if any(one.run.state != "waiting" for one in members):
                return of_members(training, members)
        return TrainingSummary(
            training, found.state, found.share, found.remaining_s, found.what, found.message, found.updated
        )


def _used(folder: TrainingFolder) -> set[str]:
    """Runs and pack that a training needs, below the ROOT."""
    if folder.prepared is None:
        return set()
    return {f"{PACKS}/{folder.digest}", *(f"{RUNS}/{member.key}" for member in folder.members)}
