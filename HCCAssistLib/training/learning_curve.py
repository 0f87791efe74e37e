"""Trainings on nested parts of a cohort, all evaluated on the same test cases: what more cases would bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.splits import split_patients, training_part
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.evaluated import Evaluation
from HCCAssistLib.evaluation.learning_curve import SIZES, LearningCurve, of_values
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.models.package import ModelPackage, read_package
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.member import Progress
from HCCAssistLib.training.run import train
from HCCAssistLib.training.unseen import unseen


@dataclass(frozen=True, slots=True)
class Part:
    """A cohort with a share of its training patients.

    Attributes:
        name: of the training's folder.
        cohort: with a split for every case.
        seed: of the draw and of the training.
    """

    name: str
    cohort: Cohort
    seed: int

    @property
    def patients(self) -> int:
        """That are trained on."""
        return len({case.patient_id for case in self.cohort.cases if case.split == "train"})


def parts(cohort: Cohort, job: Job, *, sizes: int, draws: int) -> list[Part]:
    """Shares of the training patients, each half as large as the next, the whole among them.

    Args:
        cohort: read with ``tolerant=True``.
        job: of the whole cohort.
        sizes: how many shares.
        draws: trainings of each share, on other patients; of the whole one with other seeds.

    Raises:
        InputError: too few patients for so many sizes.
    """
    spec = cohort_spec(job.recipe, job.options)
    groups = strata(cohort, spec)
    splits = split_patients(cohort, groups, fractions=spec.split, seed=job.seed)
    whole = replace(cohort, cases=tuple(replace(case, split=splits[case.case_id]) for case in cohort.cases))
    found = []
    for share in (0.5**number for number in reversed(range(sizes))):
        for draw in range(draws):
            name, seed = f"share-{round(1000 * share):04d}-draw-{draw}", job.seed + draw
            found.append(Part(name, training_part(whole, share, groups, seed=seed), seed))
    there = len({part.patients for part in found})
    if there < max(sizes, SIZES):
        raise InputError(
            f"{found[-1].patients} patients for training give {there} different sizes, not {sizes}",
            TABLE,
            "ask for fewer sizes, or add patients",
        )
    return found


def learning_curve(
    wanted: Sequence[Part], job: Job, *, progress: Progress, cancelled: Callable[[], bool] | None = None
) -> tuple[LearningCurve, tuple[Estimate, ...]]:
    """Train on every part and evaluate each model on the test cases, which are the same for all.

    Every training reads the cohort anew. One that is finished is kept below ``job.out``, so that a curve goes on where
    it stopped.

    Args:
        wanted: of ``parts``.
        job: of the whole cohort; its folder receives a folder per training.
        progress: called with what is being done, and how much of the whole.
        cancelled: called after every batch.

    Returns:
        The curve, and the figure of each training in its order.

    Raises:
        InputError: the cohort has faults.
    """
    found: list[Estimate] = []
    for number, part in enumerate(wanted):

        def tell(what: str, done: float, number: int = number) -> None:
            progress(f"training {number + 1} of {len(wanted)}: {what}", (number + done) / len(wanted))

        one = replace(job, out=job.out / part.name, name=part.name, seed=part.seed)
        found.append(_figure(part.cohort, one, tell, cancelled))
    values = [(part.patients, one.value) for part, one in zip(wanted, found, strict=True) if one.value is not None]
    return of_values(found[0].name, values, test=found[0].n, seed=job.seed), tuple(found)


def _figure(part: Cohort, job: Job, progress: Progress, cancelled: Callable[[], bool] | None) -> Estimate:
    """The headline of one training on the test cases."""
    package = _trained(part, job, lambda what, done: progress(what, 0.8 * done), cancelled)
    model = load_model(package, device=job.device)
    evaluate: Callable[..., Evaluation] = job.recipe.module("evaluation").evaluate
    evaluation = evaluate(
        part,
        model,
        {},
        held_out=unseen(part, package),
        folder=job.out.with_name(f"{job.out.name}.cases"),
        progress=lambda what, done: progress(what, 0.8 + 0.2 * done),
    )
    return evaluation.headline


def _trained(part: Cohort, job: Job, progress: Progress, cancelled: Callable[[], bool] | None) -> ModelPackage:
    if job.out.is_dir() and any(job.out.iterdir()):
        return read_package(job.out, recipe=job.recipe.id)
    package, _ = train(part, job, progress=progress, cancelled=cancelled)
    return package
