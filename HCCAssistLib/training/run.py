"""From a cohort to a model package: read and pack, train every member, assemble.

Each step stands for itself, so that a job in the background or a cluster takes the same ones. Here they follow one
another: ``<out>.training`` holds the pack and a folder per member until the package is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import remove, stored
from HCCAssistLib.inference.loaded_model import choose_device
from HCCAssistLib.locks import locked
from HCCAssistLib.models.package import ModelPackage, write_package
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.training.assembled import Assembled, metrics
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.member import Member, Progress, run_member
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.members import MemberPlan
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.parts import lock_of, scratch_of
from HCCAssistLib.training.preparing import Prepared, prepare
from HCCAssistLib.training.record import training_record

READ, TRAINED = 0.15, 0.96
"""Shares of the whole that are done when the cohort is read, and when all members are trained."""


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
    job = job.checked(cohort)
    scratch = scratch_of(job.out)
    report = progress or (lambda what, done: None)
    with _scratch(scratch, lock_of(job.out)):
        if job.out.is_dir() and any(job.out.iterdir()):  # the process that held the lock has just written it
            raise InputError("there is something already", f"option --out {job.out.name}", "choose a new folder")
        job, pack = replace(job, device=choose_device(job.device)), Pack(scratch / "pack")
        try:
            what = "reading the cohort"
            report(what, 0.0)
            prepared = prepare(cohort, job, pack, lambda done: report(what, READ * done))
            trained = _train_members(prepared.plans, job, pack, scratch, report, cancelled)
        except InputError:
            remove(pack.folder)
            raise
        report("choosing the cut-off", TRAINED)
        package = assemble(prepared, job, trained)
        for path in (pack.folder, *(scratch / plan.name for plan in prepared.plans)):
            remove(path)
        report("done", 1.0)
        return package, prepared.problems


def member_words(number: int, members: int, what: str) -> str:
    """What a member does, in words.

    Args:
        number: of the member, counted from 0.
        members: how many there are.
        what: it does.
    """
    return f"network {number + 1} of {members}, {what}" if members > 1 else what


def _train_members(
    plans: Sequence[MemberPlan],
    job: Job,
    pack: Pack,
    scratch: Path,
    progress: Progress,
    cancelled: Callable[[], bool] | None,
) -> list[MemberResult]:
    """Every member, one after the other."""
    share = (TRAINED - READ) / len(plans)
    trained = []
    for number, plan in enumerate(plans):
        folder = scratch / plan.name
        with stored("the plan of the training"):
            folder.mkdir(exist_ok=True)
            plan.write(folder)

        def report(what: str, done: float, number: int = number) -> None:
            progress(member_words(number, len(plans), what), READ + share * (number + done))

        trained.append(run_member(Member(plan, folder, pack, job.device, report, cancelled)))
    return trained


def assemble(prepared: Prepared, job: Job, results: Sequence[MemberResult]) -> ModelPackage:
    """The package of all members, in ``job.out``.

    Args:
        prepared: with their plans.
        job: name, seed and preset of the model.
        results: of the members, in the order of the plans.
    """
    recipe, options = job.recipe, prepared.plans[0].options
    found: Assembled = recipe.module("training").assemble(results, chosen_on=job.chosen_on)
    trained = list(zip(prepared.plans, results, strict=True))
    return write_package(
        job.out,
        [result.weights for result in results],
        name=job.name,
        recipe=recipe,
        options=options,
        cutoffs=dict(found.cutoffs),
        default_cutoff=found.default_cutoff,
        input_spec=recipe.module("sampling").input_spec(options),
        training=training_record(prepared.record, trained, seed=job.seed, facts=found.facts),
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
