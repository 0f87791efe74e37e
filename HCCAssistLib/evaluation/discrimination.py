"""How well a score tells positive from negative rows: ROC, AUC with DeLong's interval, precision-recall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_interval, ranking_statistic
from HCCAssistLib.evaluation.delong import Placements
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.scores import ScoredRows, checked_rows
from HCCAssistLib.evaluation.values import FloatArray

DELONG = "DeLong"


@dataclass(frozen=True, eq=False, slots=True)
class RocCurve:
    """Sensitivity against 1 - specificity at every observed score, rule ``score >= threshold``.

    Attributes:
        thresholds: falling; the first is infinite (nothing is positive), the others are observed scores.
        false_positive_rate, sensitivity: at each threshold.
        positives, negatives: rows of each class.
        excluded: rows without a score.
    """

    thresholds: FloatArray
    false_positive_rate: FloatArray
    sensitivity: FloatArray
    positives: int
    negatives: int
    excluded: int = 0

    @property
    def specificity(self) -> FloatArray:
        """1 - false positive rate."""
        return 1.0 - self.false_positive_rate

    def as_json(self) -> dict[str, Any]:
        """The points; the infinite first threshold is written as null."""
        return {
            "thresholds": [None, *self.thresholds[1:].tolist()],
            "false_positive_rate": self.false_positive_rate.tolist(),
            "sensitivity": self.sensitivity.tolist(),
            "positives": self.positives,
            "negatives": self.negatives,
            "excluded": self.excluded,
        }


@dataclass(frozen=True, eq=False, slots=True)
class PrecisionRecallCurve:
    """Precision (PPV) against recall (sensitivity) at every observed score, rule ``score >= threshold``.

    Attributes:
        thresholds: rising, one per point.
        precision, recall: at each threshold.
        prevalence: the precision of an uninformative score.
        n: rows.
        excluded: rows without a score.
    """

    thresholds: FloatArray
    precision: FloatArray
    recall: FloatArray
    prevalence: float
    n: int
    excluded: int = 0

    def as_json(self) -> dict[str, Any]:
        """The points."""
        return {
            "thresholds": self.thresholds.tolist(),
            "precision": self.precision.tolist(),
            "recall": self.recall.tolist(),
            "prevalence": self.prevalence,
            "n": self.n,
            "excluded": self.excluded,
        }


def roc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> RocCurve:
    """The ROC curve with a point at every observed score.

    >>> curve = roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> curve.sensitivity.tolist()
    [0.0, 0.5, 0.5, 1.0, 1.0]

    Raises:
        InputError: rows of one class only.
    """
    from sklearn.metrics import roc_curve

    rows = checked_rows(labels, scores).of_both_classes()
    fpr, tpr, thresholds = roc_curve(rows.labels, rows.scores, drop_intermediate=False)
    return RocCurve(thresholds, fpr, tpr, rows.positives, rows.negatives, rows.excluded)


def precision_recall(labels: npt.ArrayLike, scores: npt.ArrayLike) -> PrecisionRecallCurve:
    """The precision-recall curve; the made-up end point (precision 1 at recall 0) is left away.

    Raises:
        InputError: rows of one class only.
    """
    from sklearn.metrics import precision_recall_curve

    rows = checked_rows(labels, scores).of_both_classes()
    precision, recall, thresholds = precision_recall_curve(rows.labels, rows.scores)
    prevalence = rows.positives / rows.n
    return PrecisionRecallCurve(thresholds, precision[:-1], recall[:-1], prevalence, rows.n, rows.excluded)


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike, *, unit: str) -> Estimate:
    """Average precision: the step-wise sum of precision over gains in recall, not a trapezoid.

    It has no formula for an interval: ``bootstrap_metrics`` gives one.

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], unit="patch").value, 3)
    0.833
    """
    from sklearn.metrics import average_precision_score

    rows = checked_rows(labels, scores)
    reason = rows.one_class_reason
    return Estimate(
        name="AP",
        value=None if reason else float(average_precision_score(rows.labels, rows.scores)),
        n=rows.n,
        unit=unit,
        interval=Interval.missing(f"undefined: {reason}" if reason else "no formula; bootstrap the rows"),
        excluded=rows.excluded,
        note=f"undefined: {reason}" if reason else _class_counts(rows),
    )


def _class_counts(rows: ScoredRows) -> str:
    return f"{rows.positives} positive, {rows.negatives} negative"


def _no_variance_reason(rows: ScoredRows, variance: float, area: float) -> str:
    if math.isnan(variance):
        return "a class has fewer than two rows: the variance cannot be estimated"
    if variance <= 1e-15:
        separated = " (complete separation)" if area in (0.0, 1.0) else ""
        return f"the estimated variance is 0{separated}: the rows do not show how uncertain the AUC is"
    return ""


def auc(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    unit: str,
    groups: Sequence[object] | npt.NDArray[np.generic] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """The area under the ROC curve with DeLong's interval (Biometrics 1988;44:837).

    A higher score always means positive: an area below 0.5 is reported as it is, never turned round.
    The interval is symmetric about the area and cut at 0 and 1. Where the variance is 0 (complete
    separation) there is no interval, and the reason is given.

    >>> found = auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], unit="patient")
    >>> found.value, found.n, found.unit
    (0.75, 4, 'patient')

    Args:
        labels: ``(rows,)`` of 0 and 1.
        scores: ``(rows,)``; rows without a score are left out and counted.
        unit: what a row is.
        groups: ``(rows,)``, the patient of each row; None where every row is another patient. Where a patient gives
            several rows, the interval of a bootstrap over patients stands beside DeLong's.
        draws, seed: of the bootstrap.
        level: confidence level.
    """
    check_level(level)
    rows = checked_rows(labels, scores, groups)
    if rows.one_class_reason:
        reason = f"undefined: {rows.one_class_reason}"
        missing = Interval.missing(reason, DELONG, level)
        return Estimate("AUC", None, rows.n, unit, missing, excluded=rows.excluded, note=reason)
    placements = Placements.of(rows)
    area, variance = placements.area, placements.variance
    reason = _no_variance_reason(rows, variance, area)
    if reason:
        interval = Interval.missing(reason, DELONG, level)
    else:
        half = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
        interval = Interval(max(0.0, area - half), min(1.0, area + half), DELONG, level)
    clustered = None
    if rows.is_clustered:
        ranking = ranking_statistic(rows)
        clustered = bootstrap_interval(lambda w: ranking(w)[:, 0], rows.patients, draws=draws, seed=seed, level=level)
    return Estimate(
        "AUC",
        area,
        rows.n,
        unit,
        interval,
        clustered=clustered,
        clusters=None if groups is None else rows.patients,
        excluded=rows.excluded,
        note=_class_counts(rows),
    )
