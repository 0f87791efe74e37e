"""DeLong's variance of an AUC and tests of two (Biometrics 1988;44:837)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata, t

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.result import HypothesisTest
from HCCAssistLib.evaluation.scores import ScoredRows, checked_rows
from HCCAssistLib.evaluation.values import FloatArray, floats, number, whole


@dataclass(frozen=True, eq=False, slots=True)
class Placements:
    """DeLong's structural components: of each positive among the negatives, and the other way round."""

    positive: FloatArray
    negative: FloatArray

    @classmethod
    def of(cls, rows: ScoredRows) -> Placements:
        """Of rows of both classes."""
        positive, negative = rows.scores[rows.labels], rows.scores[~rows.labels]
        m, n = len(positive), len(negative)
        together = rankdata(np.concatenate((positive, negative)))
        return cls(
            (together[:m] - rankdata(positive)) / n,
            1.0 - (together[m:] - rankdata(negative)) / m,
        )

    @property
    def area(self) -> float:
        """The AUC."""
        return float(self.positive.mean())

    @property
    def variance(self) -> float:
        """Of the area; NaN where a class has fewer than two rows."""
        return self.covariance(self)

    def covariance(self, other: Placements) -> float:
        """Of the two areas when both scores were measured on the same rows."""
        total = 0.0
        for first, second in ((self.positive, other.positive), (self.negative, other.negative)):
            if len(first) < 2:
                return math.nan
            total += float((first - first.mean()) @ (second - second.mean())) / (len(first) - 1) / len(first)
        return total


def delong_standard_error(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """DeLong's standard error of the AUC.

    Raises:
        InputError: rows of one class only.
    """
    return math.sqrt(Placements.of(checked_rows(labels, scores).of_both_classes()).variance)


def hanley_mcneil_standard_error(area: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC from the area and the class sizes alone (Radiology 1982;143:29).

    It assumes exponential scores; use it to judge a published AUC whose scores are not known.

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
    rows_a = checked_rows(labels, np.where(lacking, np.nan, first)).of_both_classes()
    rows_b = checked_rows(labels, np.where(lacking, np.nan, second))
    a, b = Placements.of(rows_a), Placements.of(rows_b)
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
    samples = [checked_rows(lab, sco).of_both_classes() for lab, sco in ((labels_a, scores_a), (labels_b, scores_b))]
    a, b = (Placements.of(rows) for rows in samples)
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
