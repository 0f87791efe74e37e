"""From a cohort to a model package: read and sample, train every member, assemble.

While it runs, ``<out>.training`` holds the pack of samples and a folder per member; each member is a unit of its own,
which ``training.member`` trains here as it would on a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.splits import own_table
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import remove, stored
from HCCAssistLib.inference.loaded_model import choose_device
from HCCAssistLib.locks import locked
from HCCAssistLib.models.package import ModelPackage, check_name, write_package
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.assembled import Assembled, metrics
from HCCAssistLib.training.member import Member, Progress, run_member
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.members import MemberPlan, members
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.parts import check_parts, lock_of, scratch_of
from HCCAssistLib.training.reading import PackedCohort, read_and_pack
from HCCAssistLib.training.record import training_record

READ, TRAINED = 0.15, 0.96
"""Shares of the whole that are done when the cohort is read, and when all members are trained."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training to be done.

    Attributes:
        recipe: which method.
        options: all of the recipe's options, resolved.
        out: folder of the model package; all that it takes lies in ``<out>.training`` until it is done.
        name: of the model.
        seed: of splits, sampling, weights and order.
        folds: 1 trains on the split of the cohort; more trains a member per fold of its training cases.
        repeats: members per fold, each with its own seed.
        device: to train on; ``"auto"`` takes a CUDA card where there is one.
        workers: processes that read the cohort side by side.
        preset: that the options came from, ``""`` where none.
    """

    recipe: Recipe
    options: dict[str, Value]
    out: Path
    name: str
    seed: int = 0
    folds: int = 1
    repeats: int = 1
    device: str = "cpu"
    workers: int = 1
    preset: str = ""

    @property
    def chosen_on(self) -> str:
        """What cut-offs are chosen on, in words."""
        return "validation set" if self.folds == 1 else f"held-out parts of {self.folds} folds"


def train(
    cohort: Cohort, job: Job, *, progress: Progress | None = None, cancelled: Callable[[], bool] | None = None
) -> tuple[ModelPackage, tuple[Problem, ...]]:
    """Train a model on the cases of a cohort that are not for testing.

    A training that was interrupted goes on from its last epoch when it is started again with the same arguments.

    Returns:
        The package, and what is doubtful about the cohort.

    Raises:
        InputError: the cohort has faults that STOP it; all of them are listed.
        HCCAssistError: another process trains into this folder.
        Cancelled: the person stopped it.
    """
    check_name(job.name)
    job = replace(job, options=settled(job.recipe, job.options))
    check_parts(cohort, cohort_spec(job.recipe, job.options), folds=job.folds, seed=job.seed)
    scratch = scratch_of(job.out)
    report = progress or (lambda what, done: None)
    with _scratch(scratch, lock_of(job.out)):
        if job.out.is_dir() and any(job.out.iterdir()):  # the process that held the lock has just written it
            raise InputError("there is something already", f"option --out {job.out.name}", "choose a new folder")
        job, pack = replace(job, device=choose_device(job.device)), Pack(scratch / "pack")
        try:
            packed = _read(cohort, job, pack, report)
            trained = _train_members(packed, job, pack, scratch, report, cancelled)
        except InputError:
            remove(pack.folder)
            raise
        report("choosing the cut-off", TRAINED)
        package = _assemble(packed, job, trained, own_table(cohort))
        for path in (pack.folder, *(scratch / plan.name for plan, _ in trained)):
            remove(path)
        report("done", 1.0)
        return package, packed.problems


def settled(recipe: Recipe, options: dict[str, Value]) -> dict[str, Value]:
    """The options with those settled that stand for what this computer holds, so that the model card says what it was.

    Args:
        recipe: where its ``training`` has a function ``settled``, that one decides.
        options: resolved.

    Raises:
        InputError: something that is asked for by name is not there.
    """
    settle = getattr(recipe.module("training"), "settled", None)
    return options if settle is None else dict(settle(options))


def _read(cohort: Cohort, job: Job, pack: Pack, progress: Progress) -> PackedCohort:
    what = "reading the cohort"
    progress(what, 0.0)
    return read_and_pack(
        cohort,
        job.recipe,
        job.options,
        pack,
        seed=job.seed,
        folds=job.folds,
        workers=job.workers,
        progress=lambda done: progress(what, READ * done),
    )


def _train_members(
    packed: PackedCohort, job: Job, pack: Pack, scratch: Path, progress: Progress, cancelled: Callable[[], bool] | None
) -> list[tuple[MemberPlan, MemberResult]]:
    """Every member, one after the other."""
    used = replace(packed.cohort, cases=tuple(case for case in packed.cohort.cases if case.split != "test"))
    plans = members(
        used,
        packed.samples,
        job.recipe,
        job.options,
        seed=job.seed,
        folds=job.folds,
        repeats=job.repeats,
        software=software_versions(),
    )
    share = (TRAINED - READ) / len(plans)
    trained = []
    for number, plan in enumerate(plans):
        folder = scratch / plan.name
        with stored("the plan of the training"):
            folder.mkdir(exist_ok=True)
            plan.write(folder)

        def report(what: str, done: float, number: int = number) -> None:
            which = f"network {number + 1} of {len(plans)}, " if len(plans) > 1 else ""
            progress(f"{which}{what}", READ + share * (number + done))

        trained.append((plan, run_member(Member(plan, folder, pack, job.device, report, cancelled))))
    return trained


def _assemble(
    packed: PackedCohort, job: Job, trained: Sequence[tuple[MemberPlan, MemberResult]], table: str
) -> ModelPackage:
    """The package of all members."""
    assemble = job.recipe.module("training").assemble
    found: Assembled = assemble([result for _, result in trained], chosen_on=job.chosen_on)
    training = training_record(packed, job.recipe, trained, table=table, seed=job.seed, facts=found.facts)
    return write_package(
        job.out,
        [result.weights for _, result in trained],
        name=job.name,
        recipe=job.recipe,
        options=job.options,
        cutoffs=dict(found.cutoffs),
        default_cutoff=found.default_cutoff,
        input_spec=job.recipe.module("sampling").input_spec(job.options),
        training=training,
        software=software_versions(),
        preset=job.preset,
        metrics={
            **metrics(found.estimates, job.chosen_on),
            **{one.name: one.as_json() for one in found.descriptions},
        },
        extras=dict(found.extras),
    )


@contextmanager
def _scratch(folder: Path, lock: Path) -> Iterator[None]:
    """The folder of the training for one process at a time; one that holds nothing at the end is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(lock, "training"):
            for part in (*folder.rglob("*.part"), *folder.parent.glob(f"{folder.stem}.*.part")):
                remove(part)  # of a training that was killed, since nobody else is at work here
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()
