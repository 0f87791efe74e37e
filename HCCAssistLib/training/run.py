"""From a cohort to a model package: sample, train, choose the cut-off, pack."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.fingerprints import Fingerprint
from HCCAssistLib.cohort.splits import folds as patient_folds
from HCCAssistLib.cohort.splits import own_table, split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.cohort.synthetic import counted_apart, unclear
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.cohort.validation import in_order, read_files
from HCCAssistLib.errors import Cancelled, InputError, Problem
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.files import remove
from HCCAssistLib.inference.loaded_model import choose_device
from HCCAssistLib.labels import Classes
from HCCAssistLib.locks import locked
from HCCAssistLib.models.package import ModelPackage, check_name, write_package
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.loop import Fit, Plan, fit, outputs
from HCCAssistLib.training.parts import check_parts, lock_of, scratch_of
from HCCAssistLib.training.samples import Samples, joined

if TYPE_CHECKING:
    from torch import nn

ROUGH_EPOCHS = 3
"""Epochs of the first fit where its false alarms are all that is wanted of it."""

CHECKING = "checking the cohort"

Say = Callable[[str, float], None]
"""Told what is being done and how much of the whole is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training to be done.

    Attributes:
        recipe: which method.
        options: all of the recipe's options, resolved.
        out: folder of the model package; checkpoints lie in ``<out>.training`` until it is done.
        name: of the model.
        seed: of splits, sampling, weights and order.
        folds: 1 trains on the split of the cohort; more trains one network per fold of its training cases.
        device: to train on; ``"auto"`` takes a CUDA card where there is one.
        workers: processes that read the cohort side by side while it is checked.
    """

    recipe: Recipe
    options: dict[str, Value]
    out: Path
    name: str
    seed: int = 0
    folds: int = 1
    device: str = "cpu"
    workers: int = 1


def train(
    cohort: Cohort, job: Job, *, say: Say | None = None, cancelled: Callable[[], bool] | None = None
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
    check_parts(cohort, cohort_spec(job.recipe, job.options), folds=job.folds, seed=job.seed)
    scratch = scratch_of(job.out)
    with _scratch(scratch, lock_of(job.out)):
        if job.out.is_dir() and any(job.out.iterdir()):  # the process that held the lock has just written it
            raise InputError("there is something already", f"option --out {job.out.name}", "choose a new folder")
        return _train(cohort, job, scratch, say or (lambda what, done: None), cancelled)


def _train(
    cohort: Cohort, job: Job, scratch: Path, tell: Say, cancelled: Callable[[], bool] | None
) -> tuple[ModelPackage, tuple[Problem, ...]]:
    tell(CHECKING, 0.0)
    recipe = job.recipe
    spec = cohort_spec(recipe, job.options)
    of_table = [*check_table(cohort, spec), *unclear(cohort.cases)]
    files = read_files(
        cohort,
        spec,
        check=partial(recipe.module("checks").problems, options=job.options),
        workers=job.workers,
        progress=lambda done: tell(CHECKING, 0.02 * done),
    )
    table = own_table(cohort)
    problems = in_order([*of_table, *files.problems()])
    if stops := [problem for problem in problems if problem.level == "STOP"]:
        raise InputError(stops)
    cohort = with_splits(cohort, spec, job.seed)
    used = replace(cohort, cases=tuple(case for case in cohort.cases if case.split != "test"))
    job = replace(job, device=choose_device(job.device))
    sampling = job.recipe.module("sampling")
    samples: Samples = sampling.sample_cohort(
        used, job.options, seed=job.seed, progress=lambda done: tell("cutting patches", 0.02 + 0.13 * done)
    )
    if job.options.get("permute_labels"):
        samples = samples.permuted(job.seed)
    folds = _train_folds(used, samples, job, scratch, tell, cancelled)
    scores, truth, patients = (np.concatenate(parts) for parts in zip(*(fold.validated for fold in folds), strict=True))
    tell("choosing the cut-off", 0.94)
    chosen_on = "validation set" if job.folds == 1 else f"held-out parts of {job.folds} folds"
    cutoff = job.recipe.module("prediction").choose_cutoff(truth, scores, chosen_on=chosen_on)
    unit = "patch" if job.recipe.task == "detection" else "patient"
    validated = binary_evaluation(truth, scores, patients, unit=unit, cutoff=cutoff).estimates
    estimates = [validated[name] for name in ("AUC", "sensitivity", "specificity")]
    cutoffs = {unit: cutoff}
    if job.recipe.task == "detection":
        choose = job.recipe.module("operating_point").choose_scan_cutoff
        cutoffs["candidate"], of_scans = choose(
            [(fold.network, fold.held_out) for fold in folds], device=job.device, chosen_on=chosen_on
        )
        estimates += of_scans
    package = write_package(
        job.out,
        [{"": fold.found.weights} for fold in folds],
        name=job.name,
        recipe=job.recipe,
        options=job.options,
        cutoffs=cutoffs,
        default_cutoff=list(cutoffs)[-1],
        input_spec=job.recipe.module("sampling").input_spec(job.options),
        training=_training_record(cohort, table, samples, files.fingerprints, job, folds),
        software=software_versions(),
        metrics=_metrics(estimates, chosen_on),
    )
    for path in scratch.glob("*.safetensors"):
        path.unlink()
    tell("done", 1.0)
    return package, problems


@contextmanager
def _scratch(folder: Path, lock: Path) -> Iterator[None]:
    """The folder of the checkpoints for one process at a time; one that holds none at the end is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(lock, "training"):
            for part in (*folder.glob("*.part"), *folder.parent.glob(f"{folder.stem}.*.part")):
                remove(part)  # of a training that was killed, since nobody else is at work here
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def with_splits(cohort: Cohort, spec: CohortSpec, seed: int) -> Cohort:
    """The cohort with a split for every case: the table's own, or a patient-level one drawn by the seed."""
    drawn = split_patients(cohort, strata(cohort, spec), fractions=spec.split, seed=seed)
    return replace(cohort, cases=tuple(replace(case, split=drawn[case.case_id]) for case in cohort.cases))


def _train_folds(
    cohort: Cohort,
    samples: Samples,
    job: Job,
    scratch: Path,
    tell: Say,
    cancelled: Callable[[], bool] | None,
) -> list[_Trained]:
    """Every fold's network, fitted."""
    trained = []
    for fold, parts in enumerate(_parts(cohort, samples, job)):
        start, share = 0.15 + 0.79 * fold / job.folds, 0.79 / job.folds

        def report(what: str, done: float, fold: int = fold, start: float = start, share: float = share) -> None:
            tell(f"fold {fold + 1}, {what}" if job.folds > 1 else what, start + share * done)

        one = _Fold(job, fold, scratch, report, cancelled)
        found, validation = one.train(cohort, *parts)
        # a case stands in the list once more with its hard negatives
        names = dict.fromkeys(validation.case_ids[number] for number in sorted(set(validation.case)))
        held_out = tuple(cohort.case(name) for name in names)
        validated = one.scores(validation), validation.labels, validation.patients
        trained.append(_Trained(found, one.network.eval(), validated, held_out, dict(one.mined)))
    return trained


@dataclass(frozen=True, eq=False, slots=True)
class _Trained:
    """A fitted network, what it was validated on (scores, labels and patients; cases), and its hard negatives."""

    found: Fit
    network: nn.Module
    validated: tuple[np.ndarray, np.ndarray, np.ndarray]
    held_out: tuple[Case, ...]
    hard_negatives: dict[str, int]


class _Fold:
    """One network: fitted once, or a second time with the false alarms of the first among its negatives."""

    def __init__(self, job: Job, fold: int, scratch: Path, report: Say, cancelled: Callable[[], bool] | None) -> None:
        self.job, self.fold, self.scratch, self.report, self.cancelled = job, fold, scratch, report, cancelled
        self.mined: dict[str, int] = {}
        self.network = job.recipe.module("network").build(job.options)
        self.make_batch = job.recipe.module("sampling").batch_maker(job.options)

    def train(self, cohort: Cohort, train: Samples, validation: Samples) -> tuple[Fit, Samples]:
        """The fit, and the samples that it was validated on."""
        options = self.job.options
        epochs = int(options["epochs"])
        if not options.get("hard_negatives") or options.get("permute_labels"):
            return self._fit(train, validation, epochs, "plain", 0.0, 1.0), validation
        self._fit(train, validation, min(epochs, ROUGH_EPOCHS), "rough", 0.0, 0.2)
        hard = self._mined(cohort, train, "train", 0.2, 0.15)
        hard_validation = self._mined(cohort, validation, "validation", 0.35, 0.05)
        self.mined = {"train": len(hard), "validation": len(hard_validation)}
        train, validation = joined([train, hard]), joined([validation, hard_validation])
        return self._fit(train, validation, epochs, "final", 0.4, 0.6), validation

    def scores(self, samples: Samples) -> np.ndarray:
        """Probabilities of samples, without augmentation."""
        logits = outputs(self.network, self.make_batch, samples, device=self.job.device)
        scores: np.ndarray = self.job.recipe.module("prediction").probabilities(logits)
        return scores

    def _fit(self, train: Samples, validation: Samples, epochs: int, stage: str, start: float, share: float) -> Fit:
        options = self.job.options

        def report(epoch: int, losses: dict[str, float]) -> None:
            course = f"epoch {epoch}: loss {losses['train_loss']:.4f}, validation {losses['validation_loss']:.4f}"
            self.report(course, start + share * epoch / epochs)

        plan = Plan(
            epochs=epochs,
            patience=int(options["patience"]),
            batch=int(options["batch"]),
            learning_rate=float(options["learning_rate"]),
            averaging=float(options["averaging"]),
            seed=self.job.seed + self.fold,
            device=self.job.device,
        )
        found = fit(
            self.network,
            self.make_batch,
            self.job.recipe.module("network").loss,
            train,
            validation,
            plan,
            key=_key(train, validation, self.job, self.fold),
            criterion=self.job.recipe.module("prediction").criterion,
            checkpoint=self.scratch / f"{stage}-{self.fold}.safetensors",
            progress=report,
            cancelled=self.cancelled,
        )
        self.network.load_state_dict(found.weights)
        return found

    def _mined(self, cohort: Cohort, samples: Samples, use: str, start: float, share: float) -> Samples:
        """Hard negatives of the cases behind some samples; kept on disk, so that a resumed training has the same."""
        path = self.scratch / f"hard-{use}-{self.fold}.safetensors"
        if path.exists():
            return Samples.load(path)
        mine = self.job.recipe.module("mining").mine_case
        wanted = sorted(set(samples.case))
        parts = []
        for number, case in enumerate(wanted):
            if self.cancelled and self.cancelled():
                raise Cancelled("the training was cancelled; run the same command again to go on")
            one = cohort.case(samples.case_ids[case])
            parts.append(mine(one, self.job.options, [self.network.eval()], device=self.job.device))
            self.report("looking for false alarms", start + share * (number + 1) / len(wanted))
        found = joined(parts)
        found.save(path)
        return found


def _parts(cohort: Cohort, samples: Samples, job: Job) -> Sequence[tuple[Samples, Samples]]:
    """Training and validation samples of each fold, never with a patient on both sides."""
    if job.folds == 1:
        parts = [(samples.of_split("train"), samples.of_split("validation"))]
    else:
        held_out = patient_folds(cohort, job.folds, strata(cohort, cohort_spec(job.recipe)), seed=job.seed)
        fold_of = np.array([held_out[case_id] for case_id in samples.case_ids])[samples.case]
        parts = [(samples.select(fold_of != fold), samples.select(fold_of == fold)) for fold in range(job.folds)]
    for train_part, validation_part in parts:
        for part, use in ((train_part, "training"), (validation_part, "validation")):
            if len(np.unique(part.labels)) < 2:
                raise InputError(
                    f"the cases for {use} show only one class",
                    "cohort.csv",
                    "add cases, or change the column split so that both classes occur in each part",
                )
        shared = set(train_part.patients) & set(validation_part.patients)
        if shared:
            raise InputError(f"patients on both sides of the split: {', '.join(sorted(shared))}", "cohort.csv")
    return parts


def _key(train_part: Samples, validation_part: Samples, job: Job, fold: int) -> str:
    facts = {
        "train": train_part.digest(),
        "validation": validation_part.digest(),
        "recipe": job.recipe.id,
        # how long to train may be changed when a training goes on; everything else would make it another one
        "options": {name: value for name, value in job.options.items() if name not in {"epochs", "patience"}},
        "seed": job.seed,
        "fold": fold,
        "folds": job.folds,
        "software": software_versions(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _metrics(estimates: Sequence[Estimate], chosen_on: str) -> dict[str, Any]:
    """Figures for the model card; they rest on the samples that chose the epoch and the cut-off, and say so."""
    note = "the epoch and the cut-off were chosen on these very samples: expect less on unseen patients"
    return {
        e.name: replace(
            e, name=f"{e.name}, {chosen_on} (optimistic)", note="; ".join(filter(None, (e.note, note)))
        ).as_json()
        for e in estimates
    }


def _per_class(samples: Samples, job: Job) -> dict[str, int]:
    codes = job.recipe.label.codes if isinstance(job.recipe.label, Classes) else ()
    return {code: int(np.count_nonzero(samples.labels == output)) for output, code in enumerate(codes)}


def _training_record(
    cohort: Cohort,
    table: str,
    samples: Samples,
    fingerprints: Mapping[str, Sequence[Fingerprint]],
    job: Job,
    folds: Sequence[_Trained],
) -> dict[str, Any]:
    counts = {split: sum(case.split == split for case in cohort.cases) for split in ("train", "validation", "test")}
    trained_on = counted_apart(case for case in cohort.cases if case.split != "test")
    return {
        "cohort_digest": samples.digest(),
        "image_digests": list(samples.image_digests),
        "image_fingerprints": [
            list(one) for name in dict.fromkeys(samples.case_ids) for one in fingerprints[name] if one
        ],
        "splits_drawn_from": table,
        "cases": counts,
        "patients": len(set(samples.patient_ids)),
        "trained_on": trained_on,
        "samples_per_class": {split: _per_class(samples.of_split(split), job) for split in ("train", "validation")},
        "permuted_labels": bool(job.options.get("permute_labels", False)),
        "seed": job.seed,
        "folds": job.folds,
        "hard_negatives": [fold.hard_negatives for fold in folds],
        "best_epoch": [fold.found.best_epoch for fold in folds],
        "history": [list(fold.found.history) for fold in folds],
    }
