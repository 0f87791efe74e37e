"""Calibration of a risk: curve, slope, intercept, Brier score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from scipy.stats import norm

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_interval
from HCCAssistLib.evaluation.decision import checked_risks
from HCCAssistLib.evaluation.intervals import check_level, proportion_interval
from HCCAssistLib.evaluation.optional import statsmodels
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.scores import ScoredRows
from HCCAssistLib.evaluation.values import whole

CLIP = 1e-6
"""Risks nearer to 0 or 1 than this have no finite log odds and are moved to it, counted."""


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """One point of the curve: mean risk, observed share with its Wilson interval, and how many."""

    risk: float
    observed: float
    interval: Interval
    n: int

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"risk": self.risk, "observed": self.observed, "n": self.n, "interval": self.interval.as_json()}


@dataclass(frozen=True, eq=False, slots=True)
class Calibration:
    """How far risks mean what they say.

    Attributes:
        bins: the calibration curve.
        slope: of the logistic recalibration ``logit P = intercept + slope * logit risk``; 1 is perfect.
        intercept: of the same model; 0 is perfect.
        in_the_large: the intercept where the slope is held at 1; above 0, risks are too low on average.
        brier: mean squared error of the risks.
        n, unit, excluded, clipped: rows, what they are, those without a risk, risks moved away from 0 or 1.
        problems: what a reader must know.
    """

    bins: tuple[CalibrationBin, ...]
    slope: Estimate
    intercept: Estimate
    in_the_large: Estimate
    brier: Estimate
    n: int
    unit: str
    excluded: int
    clipped: int
    problems: tuple[Problem, ...]

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Slope, intercept, calibration in the large and Brier score."""
        return self.slope, self.intercept, self.in_the_large, self.brier

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "bins": [one.as_json() for one in self.bins],
            "estimates": [estimate.as_json() for estimate in self.estimates],
            "n": self.n,
            "unit": self.unit,
            "excluded": self.excluded,
            "clipped": self.clipped,
            "problems": [{"what": p.what, "where": p.where, "remedy": p.remedy} for p in self.problems],
        }


def calibration(
    labels: npt.ArrayLike,
    risks: npt.ArrayLike,
    groups: Any = None,
    *,
    unit: str,
    bins: int = 10,
    strategy: Literal["quantile", "uniform"] = "quantile",
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Calibration:
    """Calibration of risks against what happened.

    >>> found = calibration([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.9], unit="patient", bins=2)
    >>> round(found.brier.value, 4)
    0.0675

    Args:
        labels: ``(n,)`` of 0 and 1.
        risks: ``(n,)`` probabilities.
        groups: ``(n,)``, the patient of each row, for the interval of the Brier score.
        unit: what a row is.
        bins: points of the curve at most; equal risks are never torn apart.
        strategy: bins of equal size (``"quantile"``) or of equal width.
        draws, seed: of the bootstrap of the Brier score.
        level: confidence level.

    Raises:
        InputError: a risk outside [0, 1], or fewer than two bins.
        HCCAssistError: statsmodels is not installed.
    """
    check_level(level)
    bins = whole(bins, "bins of the calibration curve", least=2)
    if strategy not in ("quantile", "uniform"):
        raise InputError(f"bins are 'quantile' or 'uniform', not {strategy!r}", "calibration curve")
    rows = checked_risks(labels, risks, groups)
    clipped = int(((rows.scores < CLIP) | (rows.scores > 1 - CLIP)).sum())
    slope, intercept, large = _recalibration(rows, unit, level)
    problems = []
    if clipped:
        what = f"{clipped} of {rows.n} risks were moved from 0 or 1 to {CLIP:g} or 1 - {CLIP:g} to have log odds"
        problems.append(Problem("WARN", what, "calibration", "do not trust slope and intercept far"))
    return Calibration(
        bins=_curve(rows, bins, strategy, level),
        slope=slope,
        intercept=intercept,
        in_the_large=large,
        brier=_brier(rows, unit, groups is not None, draws, seed, level),
        n=rows.n,
        unit=unit,
        excluded=rows.excluded,
        clipped=clipped,
        problems=tuple(problems),
    )


def _curve(rows: ScoredRows, bins: int, strategy: str, level: float) -> tuple[CalibrationBin, ...]:
    shares = np.linspace(0, 1, bins + 1)
    edges = np.quantile(rows.scores, shares) if strategy == "quantile" else shares
    place = np.searchsorted(np.unique(edges)[1:-1], rows.scores, side="left")
    points = []
    for number in np.unique(place):
        inside = place == number
        positives, n = int(rows.labels[inside].sum()), int(inside.sum())
        interval = proportion_interval(positives, n, method="wilson", level=level)
        points.append(CalibrationBin(float(rows.scores[inside].mean()), positives / n, interval, n))
    return tuple(points)


def _brier(rows: ScoredRows, unit: str, grouped: bool, draws: int, seed: int, level: float) -> Estimate:
    errors = (rows.scores - rows.labels) ** 2
    per_patient = np.bincount(rows.groups, errors, rows.patients)
    size = np.bincount(rows.groups, minlength=rows.patients).astype(np.float64)
    interval = bootstrap_interval(
        lambda weights: (weights @ per_patient) / (weights @ size),
        rows.patients,
        draws=draws,
        seed=seed,
        level=level,
        resampled="patient" if grouped else unit,
    )
    return Estimate(
        name="Brier score",
        value=float(errors.mean()),
        n=rows.n,
        unit=unit,
        interval=interval,
        clusters=rows.patients if grouped else None,
        excluded=rows.excluded,
    )


def _recalibration(rows: ScoredRows, unit: str, level: float) -> tuple[Estimate, Estimate, Estimate]:
    names = ("calibration slope", "calibration intercept", "calibration in the large")
    method = "logistic recalibration (Wald)"

    def missing(reason: str) -> tuple[Estimate, Estimate, Estimate]:
        gap = Interval.missing(reason, method, level)
        one, two, three = (Estimate(n, None, rows.n, unit, gap, excluded=rows.excluded, note=reason) for n in names)
        return one, two, three

    log_odds = logit(np.clip(rows.scores, CLIP, 1 - CLIP))
    if rows.one_class_reason:
        return missing(f"undefined: {rows.one_class_reason}")
    if np.ptp(log_odds) == 0:
        return missing("undefined: every risk is the same")
    of_negatives, of_positives = log_odds[~rows.labels], log_odds[rows.labels]
    if of_positives.min() >= of_negatives.max() or of_positives.max() <= of_negatives.min():
        return missing("undefined: the risks separate the classes completely")
    api = statsmodels("api", "the calibration slope")
    outcome = rows.labels.astype(np.float64)
    design = np.stack((np.ones(rows.n), log_odds), axis=1)
    family = api.families.Binomial()
    both = api.GLM(outcome, design, family=family).fit()
    alone = api.GLM(outcome, design[:, :1], family=family, offset=log_odds).fit()
    quantile = float(norm.ppf((1 + level) / 2))

    def estimate(name: str, value: float, error: float) -> Estimate:
        interval = Interval(value - quantile * error, value + quantile * error, method, level)
        return Estimate(name, value, rows.n, unit, interval, excluded=rows.excluded)

    return (
        estimate(names[0], float(both.params[1]), float(both.bse[1])),
        estimate(names[1], float(both.params[0]), float(both.bse[0])),
        estimate(names[2], float(alone.params[0]), float(alone.bse[0])),
    )
