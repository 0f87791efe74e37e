"""The full evaluation of one score against one binary truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_metrics
from HCCAssistLib.evaluation.confusion import METRICS, Confusion, binary_metrics, confusion_at
from HCCAssistLib.evaluation.discrimination import (
    PrecisionRecallCurve,
    RocCurve,
    auc,
    average_precision,
    precision_recall,
    roc,
)
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.wording import plural


@dataclass(frozen=True, eq=False, slots=True)
class BinaryEvaluation:
    """Every figure of a binary score, by name, with the curves behind it.

    Attributes:
        estimates: accuracy, sensitivity, specificity, PPV, NPV, F1, balanced accuracy, AUC and AP.
        confusion: counts at the cut-off.
        cutoff: the cut-off and its source.
        roc, precision_recall: the curves; None where the rows are of one class only.
        unit: what a row is.
        n, patients, excluded: rows evaluated, patients behind them, rows without a score.
        problems: what a reader must know before trusting the figures.
    """

    estimates: dict[str, Estimate]
    confusion: Confusion
    cutoff: CutOff
    roc: RocCurve | None
    precision_recall: PrecisionRecallCurve | None
    unit: str
    n: int
    patients: int
    excluded: int
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "unit": self.unit,
            "n": self.n,
            "patients": self.patients,
            "excluded": self.excluded,
            "cutoff": self.cutoff.as_json(),
            "confusion": self.confusion.as_json(),
            "estimates": {name: estimate.as_json() for name, estimate in self.estimates.items()},
            "roc": self.roc.as_json() if self.roc else None,
            "precision_recall": self.precision_recall.as_json() if self.precision_recall else None,
            "problems": [{"what": p.what, "where": p.where, "remedy": p.remedy} for p in self.problems],
        }


def binary_evaluation(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: Sequence[object] | npt.NDArray[np.generic] | None,
    *,
    unit: str,
    cutoff: CutOff,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
    stratified: bool = False,
) -> BinaryEvaluation:
    """Evaluate a score: intervals by formula, and the patient-clustered bootstrap beside each of them.

    Accuracy, sensitivity and specificity carry Clopper-Pearson intervals, PPV and NPV Mercaldo logit, AUC
    DeLong; where a patient gives several rows, ``Estimate.clustered`` holds the interval under resampling of
    patients, which is the one to believe. AP, F1 and balanced accuracy have the bootstrap only.

    >>> from HCCAssistLib.results.cutoff import CutOff
    >>> scores, half = [0.1, 0.4, 0.35, 0.8], CutOff(0.5, "chosen before")
    >>> found = binary_evaluation([0, 0, 1, 1], scores, None, unit="patient", cutoff=half)
    >>> found.estimates["sensitivity"].value, found.estimates["specificity"].value
    (0.5, 1.0)

    Args:
        labels: ``(rows,)`` of 0 and 1.
        scores: ``(rows,)``, higher means positive; missing scores are left out and counted.
        groups: ``(rows,)``, the patient of each row; None where every row is another patient.
        unit: what a row is ("patch", "lesion", "patient").
        cutoff: rows with ``score >= cutoff.value`` are called positive.
        draws, seed, level, stratified: of the bootstrap.

    Raises:
        InputError: labels, scores and groups that do not fit, or no row with a score.
    """
    rows = checked_rows(labels, scores, groups)
    if rows.n == 0:
        raise InputError(f"none of the {rows.excluded} rows has a score")
    counts = confusion_at(rows.labels, rows.scores, cutoff.value)
    estimates = binary_metrics(counts, unit=unit, cutoff=cutoff, level=level)
    estimates["AUC"] = auc(rows.labels, rows.scores, unit=unit, level=level)
    estimates["AP"] = average_precision(rows.labels, rows.scores, unit=unit)
    resampled = unit if groups is None else "patient"
    intervals = bootstrap_metrics(
        rows, cutoff.value, draws=draws, seed=seed, level=level, stratified=stratified, resampled=resampled
    )
    for name, estimate in estimates.items():
        has_formula = name not in ("AP", "F1", "balanced accuracy")
        bootstrap = intervals[name]
        if estimate.value is None:  # some draws may define what the sample does not; they say nothing about it
            bootstrap = estimate.interval
        estimates[name] = replace(
            estimate,
            interval=estimate.interval if has_formula else bootstrap,
            clustered=bootstrap if has_formula and rows.is_clustered else None,
            clusters=None if groups is None else rows.patients,
            excluded=rows.excluded,
        )
    both = not rows.one_class_reason
    return BinaryEvaluation(
        estimates={name: estimates[name] for name in (*METRICS, "AUC", "AP")},
        confusion=counts,
        cutoff=cutoff,
        roc=roc(rows.labels, rows.scores) if both else None,
        precision_recall=precision_recall(rows.labels, rows.scores) if both else None,
        unit=unit,
        n=rows.n,
        patients=rows.patients,
        excluded=rows.excluded,
        problems=_problems(rows.one_class_reason, rows.excluded, rows.n, unit, rows.digest == cutoff.data_sha256),
    )


def _problems(one_class: str, excluded: int, n: int, unit: str, same_data: bool) -> tuple[Problem, ...]:
    found = []
    if same_data:
        found.append(
            Problem(
                "WARN",
                "the cut-off was chosen on the very rows it is evaluated on, so every figure at it is optimistic",
                "cut-off",
                "choose it on a validation set",
            )
        )
    if one_class:
        found.append(
            Problem("WARN", f"AUC and AP are undefined: {one_class}", f"{unit} level", "evaluate both classes")
        )
    if excluded:
        share = f"{excluded} of {excluded + n} {plural(unit, excluded + n)} have no score and were left out"
        found.append(Problem("WARN", share, f"{unit} level", "find out why the model gave none"))
    return tuple(found)
