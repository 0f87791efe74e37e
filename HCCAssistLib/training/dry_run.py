"""What a training would take: one case is read and sampled and a few batches are trained, then all is forgotten."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CENSORED
from HCCAssistLib.cohort.splits import split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.files import size_on_disk, temporary_folder
from HCCAssistLib.inference.loaded_model import choose_device
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.loop import Fit, SelectionMetric, fit, outputs
from HCCAssistLib.training.member import Member
from HCCAssistLib.training.members import MemberPlan
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.plan import Plan
from HCCAssistLib.training.reading import sample_one
from HCCAssistLib.training.samples import Samples
from HCCAssistLib.wording import duration, megabytes

TRIED = 5
"""Cases at most, where a training would leave one out."""

BATCHES = 3
"""Of these the first is not counted: it finds its way and takes its memory."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a training would take, reckoned from one case and a few batches.

    Attributes:
        case_s: seconds to read and sample one case.
        cases: to be read.
        samples: of the one case.
        batch_s: seconds of a batch.
        batches: of an epoch.
        validation_s: seconds to look at the samples of validation after an epoch.
        epochs: at most, of each network.
        members: networks, or sets of them.
        memory: bytes at most.
        card_memory: bytes on a graphics card, None where there is none.
        disk: bytes of the pack while it is trained.
        device: that it was tried on.
    """

    case_s: float
    cases: int
    samples: int
    batch_s: float
    batches: int
    validation_s: float
    epochs: int
    members: int
    memory: int | None
    card_memory: int | None
    disk: int
    device: str

    @property
    def epoch_s(self) -> float:
        """Seconds of an epoch."""
        return self.batches * self.batch_s + self.validation_s

    @property
    def total_s(self) -> float:
        """Seconds of all networks, if none ends early."""
        return self.cases * self.case_s + self.members * self.epochs * self.epoch_s

    def in_words(self) -> list[str]:
        """A sentence for each of them."""
        networks = f" of each of {self.members} networks" if self.members > 1 else ""
        card = f", on the graphics card {megabytes(self.card_memory)}" if self.card_memory is not None else ""
        return [
            f"reading: about {duration(self.cases * self.case_s)} for {self.cases} cases",
            f"an epoch: about {duration(self.epoch_s)} on {self.device} ({self.batches} batches)",
            f"at most {self.epochs} epochs{networks}: about {duration(self.total_s)} in all, less where it ends early",
            f"memory: about {megabytes(self.memory) if self.memory else 'not known on this system'}{card}",
            f"disk while it trains: about {megabytes(self.disk)}",
            "Reckoned from one case and a few batches; nothing was kept.",
        ]


class _Enough(Exception):
    """A few batches were trained."""


class _Trial(Member):
    """A member of which the first fit is tried for some batches."""

    batch_s = 0.0
    sample_s = 0.0

    def fit(
        self,
        stage: str,
        train: Samples,
        validation: Samples,
        *,
        metric: SelectionMetric | None = None,
        epochs: int | None = None,
        network: str = "",
        span: tuple[float, float] = (0.0, 1.0),
    ) -> Fit:
        """Train some batches, and be done."""
        plan = replace(Plan.of(self.plan.options, seed=0, device=self.device), balance="none", copies=1)
        many = train.select(np.resize(np.arange(len(train)), BATCHES * plan.batch))
        make_batch = self.recipe.module("sampling").batch_maker(self.plan.options)
        built = self._build(network)
        ends: list[float] = []

        def over() -> bool:
            ends.append(time.perf_counter())
            return len(ends) == BATCHES

        try:
            fit(lambda: built, make_batch, self.recipe.module("network").loss, many, many, plan, key="", cancelled=over)
        except Cancelled:
            self.batch_s = (ends[-1] - ends[0]) / (len(ends) - 1)
            began = time.perf_counter()
            outputs(built, make_batch, train, device=self.device)
            self.sample_s = (time.perf_counter() - began) / len(train)
        raise _Enough


def dry_run(cohort: Cohort, job: Job) -> DryRun:
    """Try a training.

    Args:
        cohort: read with ``tolerant=True``.
        job: checked.

    Raises:
        InputError: no case is to be trained on, or the one that was tried has faults.
    """
    train, validation = _parts(cohort, job)
    device = choose_device(job.device)
    with temporary_folder() as folder:
        began = time.perf_counter()
        samples, study = _sampled(cohort, train, job, folder)
        case_s = time.perf_counter() - began
        pack, cases = Pack(folder), tuple(samples.cases())
        samples.save(pack.samples_path)
        plan = MemberPlan(job.recipe.id, job.options, 0, 1, 0, 0, cases, cases, samples.digest(), software_versions())
        trial = _Trial(plan, folder, pack, device)
        with suppress(_Enough):
            job.recipe.module("training").fit_member(trial)
        known = len(samples.of_known(job.recipe.label))
        options = Plan.of(job.options, seed=0)
        of_training = known * len(train) * (job.folds - 1) / job.folds if job.folds > 1 else known * len(train)
        held_out = len(train) / job.folds if job.folds > 1 else len(validation)
        of_case = sum(array.nbytes for array in samples.arrays.values())
        of_samples = of_case * (len(train) + (0 if job.folds > 1 else len(validation)))
        return DryRun(
            case_s=case_s / max(1, min(job.workers, len(cohort.cases))),
            cases=len(cohort.cases),
            samples=len(samples),
            batch_s=trial.batch_s,
            batches=math.ceil(of_training * options.copies / options.batch),
            validation_s=trial.sample_s * known * held_out,
            epochs=options.epochs,
            members=job.folds * job.repeats,
            memory=_with(_peak(), 3 * of_samples),
            card_memory=_card_peak(device, of_samples),
            disk=of_samples + study * len(train),
            device=device,
        )


def _parts(cohort: Cohort, job: Job) -> tuple[Sequence[Case], Sequence[Case]]:
    """The cases for training and for validation; with folds, all that are not for testing and none.

    Raises:
        InputError: the table has faults.
    """
    spec = cohort_spec(job.recipe, job.options)
    if stops := [problem for problem in check_table(cohort, spec) if problem.level == "STOP"]:
        raise InputError(stops)
    splits = split_patients(cohort, strata(cohort, spec), fractions=spec.split, seed=job.seed)
    of = {name: [case for case in cohort.cases if splits[case.case_id] == name] for name in set(splits.values())}
    train, validation = of.get("train", []), of.get("validation", [])
    return ([*train, *validation], []) if job.folds > 1 else (train, validation)


def _sampled(cohort: Cohort, cases: Sequence[Case], job: Job, folder: Path) -> tuple[Samples, int]:
    """The samples of a case of the highest class, and the bytes of its study.

    Nothing is learnt on a case that was lost before its outcome could be told, so that none is tried.

    Raises:
        InputError: the case has faults, a training would leave out all that were tried, or no outcome is known.
    """
    groups = strata(cohort, cohort_spec(job.recipe, job.options)).of
    known = (case for case in cases if groups[case.case_id] != CENSORED)
    in_order = sorted(known, key=lambda one: groups[one.case_id], reverse=True)
    for left, case in reversed(list(enumerate(reversed(in_order[:TRIED])))):
        try:
            samples = sample_one(cohort, case, job.recipe, job.options, folder)
        except InputError as error:
            if left == 0 or not all(problem.leaves_out for problem in error.problems):
                raise
        else:
            return samples, size_on_disk(folder) - sum(array.nbytes for array in samples.arrays.values())
    raise InputError("no case whose label is known is for training", TABLE)


def _peak() -> int | None:
    """Bytes that this process has used at most, None where the system does not say so."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _with(peak: int | None, more: int) -> int | None:
    return None if peak is None else peak + more


def _card_peak(device: str, samples: int) -> int | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.max_memory_reserved(device) + samples
