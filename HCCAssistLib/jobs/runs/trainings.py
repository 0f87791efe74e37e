"""The trainings of this computer, as command and panel see them: begin, look, cancel, go on, install.

Nothing here waits long, and nothing but ``install`` reads weights; whoever has a window calls it from a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.runs.events import RunEvent, read_events
from HCCAssistLib.jobs.runs.executor import Executor
from HCCAssistLib.jobs.runs.files import LocalFiles
from HCCAssistLib.jobs.runs.state import RunState, State, run_state
from HCCAssistLib.jobs.runs.training_file import TRAINING, TRAININGS, Engine, Training
from HCCAssistLib.places import data_folder

if TYPE_CHECKING:
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.models.store import ModelStore

PACKAGE, REPORT = "package", "report"


def default_root() -> Path:
    """Where trainings lie for this person: ``HCCASSIST_TRAINING``, or the platform's place for data."""
    return data_folder("training")


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """A training at a glance.

    Attributes:
        training: what was asked for.
        state: of the whole; ``waiting`` while members wait for somebody to submit them.
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
    """

    summary: TrainingSummary
    members: tuple[MemberStatus, ...] = ()
    problems: tuple[str, ...] = ()
    package: Path | None = None
    report: Path | None = None


class Trainings:
    """The trainings below a ROOT of this computer.

    Args:
        root: of trainings, runs and packs; ``default_root()`` where None.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        self.files = LocalFiles(self.root)

    def list(self) -> tuple[TrainingSummary, ...]:
        """All trainings, the newest first, as they were when somebody last looked; fast."""
        names = (n for n in self.files.names(TRAININGS) if self.files.exists(f"{TRAININGS}/{n}/{TRAINING}"))
        found = [self._summary(self.get(name)) for name in names]
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
        raise NotImplementedError

    def refresh(self, training_id: str, executor: Executor | None = None) -> TrainingStatus:
        """How a training stands now; does what is due: submits, brings back results, has the package assembled.

        Args:
            training_id: of the training.
            executor: of its cluster; None looks at this computer alone.

        Raises:
            InputError: there is no such training.
            HCCAssistError: the engine or the connection failed.
        """
        raise NotImplementedError

    def cancel(self, training_id: str, executor: Executor | None = None) -> None:
        """End a training; what was finished stays, and it can go on."""
        raise NotImplementedError

    def resume(self, training_id: str, executor: Executor | None = None) -> None:
        """Go on with a training that was cancelled or is lost."""
        raise NotImplementedError

    def retry(self, training_id: str, executor: Executor | None = None) -> None:
        """Try again what failed; finished members stay as they are."""
        raise NotImplementedError

    def log_tail(self, training_id: str, lines: int = 40) -> tuple[str, ...]:
        """The last things that the training and its members said, a line each, oldest first."""
        raise NotImplementedError

    def curves(self, training_id: str) -> dict[str, tuple[dict[str, Any], ...]]:
        """The course of each member by its name: per epoch ``stage``, ``epoch``, ``train_loss``, ..."""
        raise NotImplementedError

    def install(self, training_id: str, store: ModelStore) -> ModelPackage:
        """Install the trained model.

        Raises:
            InputError: it is not trained yet, or the name is taken by another model.
        """
        raise NotImplementedError

    def remove(self, training_id: str) -> None:
        """Delete a training with its runs and its pack, as far as no other training needs them.

        Raises:
            InputError: it is at work.
        """
        raise NotImplementedError

    def _summary(self, training: Training) -> TrainingSummary:
        events, _ = read_events(self.files, f"{TRAININGS}/{training.id}")
        return _summary(training, events, None)


def _summary(training: Training, events: list[RunEvent], engine: Any) -> TrainingSummary:
    state = run_state(events, engine)
    return TrainingSummary(
        training, state.state, state.share, state.remaining_s, state.what, state.message, state.updated
    )
