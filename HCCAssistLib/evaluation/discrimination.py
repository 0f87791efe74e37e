"""How well a score tells positive from negative rows: ROC, AUC with DeLong's interval and tests, precision-recall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata, t

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest, Interval
from HCCAssistLib.evaluation.scores import ScoredRows, checked_rows
from HCCAssistLib.evaluation.values import FloatArray, floats, number, whole

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
        prevalence: the precision of a score that knows nothing.
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


def _both_classes(rows: ScoredRows) -> ScoredRows:
    if rows.one_class_reason:
        raise InputError(f"the curve is undefined: {rows.one_class_reason}", remedy="evaluate rows of both classes")
    return rows


def roc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> RocCurve:
    """The ROC curve with a point at every observed score.

    >>> curve = roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> curve.sensitivity.tolist()
    [0.0, 0.5, 0.5, 1.0, 1.0]

    Raises:
        InputError: rows of one class only.
    """
    from sklearn.metrics import roc_curve

    rows = _both_classes(checked_rows(labels, scores))
    fpr, tpr, thresholds = roc_curve(rows.labels, rows.scores, drop_intermediate=False)
    return RocCurve(thresholds, fpr, tpr, rows.positives, rows.negatives, rows.excluded)


def precision_recall(labels: npt.ArrayLike, scores: npt.ArrayLike) -> PrecisionRecallCurve:
    """The precision-recall curve; the made-up end point (precision 1 at recall 0) is left away.

    Raises:
        InputError: rows of one class only.
    """
    from sklearn.metrics import precision_recall_curve

    rows = _both_classes(checked_rows(labels, scores))
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


@dataclass(frozen=True, eq=False, slots=True)
class _Placements:
    """DeLong's structural components: of each positive among the negatives, and the other way round."""

    positive: FloatArray
    negative: FloatArray

    @classmethod
    def of(cls, rows: ScoredRows) -> _Placements:
        positive, negative = rows.scores[rows.labels], rows.scores[~rows.labels]
        m, n = len(positive), len(negative)
        together = rankdata(np.concatenate((positive, negative)))
        return cls(
            (together[:m] - rankdata(positive)) / n,
            1.0 - (together[m:] - rankdata(negative)) / m,
        )

    @property
    def area(self) -> float:
        return float(self.positive.mean())

    @property
    def variance(self) -> float:
        return self.covariance(self)

    def covariance(self, other: _Placements) -> float:
        """Of the two areas when both scores were measured on the same rows."""
        total = 0.0
        for mine, theirs in ((self.positive, other.positive), (self.negative, other.negative)):
            if len(mine) < 2:
                return math.nan
            total += float((mine - mine.mean()) @ (theirs - theirs.mean())) / (len(mine) - 1) / len(mine)
        return total


def _no_variance_reason(rows: ScoredRows, variance: float, area: float) -> str:
    if math.isnan(variance):
        return "a class has fewer than two rows: the variance cannot be estimated"
    if variance <= 1e-15:
        separated = " (complete separation)" if area in (0.0, 1.0) else ""
        return f"the estimated variance is 0{separated}: the rows do not show how uncertain the AUC is"
    return ""


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike, *, unit: str, level: float = 0.95) -> Estimate:
    """The area under the ROC curve with DeLong's interval (Biometrics 1988;44:837).

    A higher score always speaks for positive: an area below 0.5 is reported as it is, never turned round.
    The interval is symmetric about the area and cut at 0 and 1. Where the variance is 0 (complete
    separation) there is no interval, and the reason is given.

    >>> found = auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], unit="patient")
    >>> found.value, found.n, found.unit
    (0.75, 4, 'patient')

    Args:
        labels: ``(rows,)`` of 0 and 1.
        scores: ``(rows,)``; rows without a score are left out and counted.
        unit: what a row is.
        level: confidence level.
    """
    check_level(level)
    rows = checked_rows(labels, scores)
    if rows.one_class_reason:
        reason = f"undefined: {rows.one_class_reason}"
        missing = Interval.missing(reason, DELONG, level)
        return Estimate("AUC", None, rows.n, unit, missing, excluded=rows.excluded, note=reason)
    placements = _Placements.of(rows)
    area, variance = placements.area, placements.variance
    reason = _no_variance_reason(rows, variance, area)
    if reason:
        interval = Interval.missing(reason, DELONG, level)
    else:
        half = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
        interval = Interval(max(0.0, area - half), min(1.0, area + half), DELONG, level)
    return Estimate("AUC", area, rows.n, unit, interval, excluded=rows.excluded, note=_class_counts(rows))


def delong_standard_error(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """DeLong's standard error of the AUC.

    Raises:
        InputError: rows of one class only.
    """
    return math.sqrt(_Placements.of(_both_classes(checked_rows(labels, scores))).variance)


def hanley_mcneil_standard_error(area: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC from the area and the class sizes alone (Radiology 1982;143:29).

    It assumes exponential scores; use it to judge a published AUC whose scores are not at hand.

    Raises:
        InputError: an area outside [0, 1] or an empty class.
    """
    positives, negatives = whole(positives, "positive rows"), whole(negatives, "negative rows")
    if not 0.0 <= number(area, "AUC") <= 1.0 or positives < 1 or negatives < 1:
        raise InputError(f"no AUC {area} of {positives} positive and {negatives} negative rows exists")
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return math.sqrt(variance / (positives * negatives))


def delong_paired_test(
    labels: npt.ArrayLike, scores_a: npt.ArrayLike, scores_b: npt.ArrayLike, *, unit: str, level: float = 0.95
) -> HypothesisTest:
    """Two scores of the same rows: DeLong's test of equal areas, two-sided.

    Rows that lack either score are left out of both.

    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> test = delong_paired_test(labels, [1, 2, 3, 4, 5, 6], [1, 4, 3, 2, 5, 6], unit="patient")
    >>> round(test.p, 2)
    0.37

    Raises:
        InputError: lengths that differ, rows of one class only.
    """
    check_level(level)
    first, second = floats(scores_a, "scores of a"), floats(scores_b, "scores of b")
    if first.shape != second.shape:
        raise InputError(f"the two models scored {first.size} and {second.size} rows", remedy="score the same rows")
    lacking = ~(np.isfinite(first) & np.isfinite(second))
    rows_a = _both_classes(checked_rows(labels, np.where(lacking, np.nan, first)))
    rows_b = checked_rows(labels, np.where(lacking, np.nan, second))
    a, b = _Placements.of(rows_a), _Placements.of(rows_b)
    difference = a.area - b.area
    variance = a.variance + b.variance - 2 * a.covariance(b)
    details = {"auc_a": a.area, "auc_b": b.area, "difference": difference, "excluded": float(rows_a.excluded)}
    name = "DeLong test of two AUCs on the same rows"
    if not variance > 1e-15:
        reason = "the difference of the two areas has no variance on these rows"
        return HypothesisTest(name, None, rows_a.n, unit, reason=reason, details=details)
    error = math.sqrt(variance)
    z = difference / error
    half = float(norm.ppf((1 + level) / 2)) * error
    return HypothesisTest(
        name=name,
        p=float(2 * norm.sf(abs(z))),
        n=rows_a.n,
        unit=unit,
        statistic_name="Z",
        statistic=z,
        details=details
        | {"standard_error": error, "low": difference - half, "high": difference + half, "level": level},
    )


def delong_unpaired_test(
    labels_a: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    labels_b: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    *,
    unit: str,
) -> HypothesisTest:
    """Scores of two different samples: test of equal areas with Satterthwaite's degrees of freedom, as pROC does.

    Raises:
        InputError: a sample with rows of one class only.
    """
    samples = [_both_classes(checked_rows(lab, sco)) for lab, sco in ((labels_a, scores_a), (labels_b, scores_b))]
    a, b = (_Placements.of(rows) for rows in samples)
    n_a, n_b = (rows.n for rows in samples)
    name = "DeLong test of two AUCs on different rows (t distribution, Satterthwaite degrees of freedom)"
    details = {"auc_a": a.area, "auc_b": b.area, "difference": a.area - b.area, "n_a": float(n_a), "n_b": float(n_b)}
    variance_a, variance_b = a.variance, b.variance
    total = variance_a + variance_b
    if not total > 1e-15:
        reason = "neither area has a variance on these rows"
        return HypothesisTest(name, None, n_a + n_b, unit, reason=reason, details=details)
    freedom = total**2 / (variance_a**2 / (n_a - 1) + variance_b**2 / (n_b - 1))
    statistic = (a.area - b.area) / math.sqrt(total)
    return HypothesisTest(
        name=name,
        p=float(2 * t.sf(abs(statistic), freedom)),
        n=n_a + n_b,
        unit=unit,
        statistic_name="D",
        statistic=statistic,
        degrees_of_freedom=freedom,
        details=details,
    )
