"""Decision curves: the net benefit of acting on a calibrated risk (Vickers and Elkin 2006)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_interval
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.scores import ScoredRows, checked_rows
from HCCAssistLib.evaluation.values import FloatArray, floats, number
from HCCAssistLib.results.cutoff import CutOff

DEFAULT_THRESHOLDS = np.arange(1, 100) / 100


@dataclass(frozen=True, eq=False, slots=True)
class DecisionCurve:
    """Net benefit per unit at each threshold probability, in true positives.

    Attributes:
        thresholds: rising, within (0, 1).
        model: acting where ``risk >= threshold``.
        treat_all: acting on everybody; acting on nobody has net benefit 0.
        prevalence: share of positives.
        n, unit, excluded: units, what they are, and those without a risk.
    """

    thresholds: FloatArray
    model: FloatArray
    treat_all: FloatArray
    prevalence: float
    n: int
    unit: str
    excluded: int

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "thresholds": self.thresholds.tolist(),
            "model": self.model.tolist(),
            "treat_all": self.treat_all.tolist(),
            "treat_none": [0.0] * len(self.thresholds),
            "prevalence": self.prevalence,
            "n": self.n,
            "unit": self.unit,
            "excluded": self.excluded,
        }


def checked_risks(labels: npt.ArrayLike, risks: npt.ArrayLike, groups: Any = None) -> ScoredRows:
    """Rows whose score is a probability.

    Raises:
        InputError: a risk outside [0, 1], or no row with one.
    """
    rows = checked_rows(labels, risks, groups)
    if rows.n == 0:
        raise InputError("no row has a risk")
    if rows.scores.min() < 0 or rows.scores.max() > 1:
        raise InputError(
            "a risk lies outside 0 to 1; only calibrated risks have a net benefit or a calibration",
            "risks",
            "turn the scores into risks on other data first",
        )
    return rows


def _checked_thresholds(thresholds: npt.ArrayLike) -> FloatArray:
    values = floats(thresholds if hasattr(thresholds, "__len__") else [thresholds], "threshold probabilities")
    if values.size == 0 or not ((values > 0) & (values < 1)).all():
        raise InputError(
            "a threshold probability must lie between 0 and 1, without either", "thresholds",
            "at 1 the harm of acting is divided by 0",
        )  # fmt: skip
    return values


def net_benefit(
    labels: npt.ArrayLike, risks: npt.ArrayLike, thresholds: npt.ArrayLike = DEFAULT_THRESHOLDS, *, unit: str
) -> DecisionCurve:
    """The decision curve of a risk: TP/n - FP/n * threshold / (1 - threshold).

    >>> curve = net_benefit([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.9], [0.2, 0.5], unit="patient")
    >>> curve.model.round(3).tolist()
    [0.438, 0.5]

    Args:
        labels: ``(n,)`` of 0 and 1.
        risks: ``(n,)`` probabilities that mean what they say; a raw network score is not one.
        thresholds: within (0, 1).
        unit: what a row is.

    Raises:
        InputError: a risk outside [0, 1] or a threshold outside (0, 1).
    """
    rows, at = checked_risks(labels, risks), _checked_thresholds(thresholds)
    called = rows.scores[None] >= at[:, None]
    odds = at / (1 - at)
    prevalence = rows.positives / rows.n
    return DecisionCurve(
        thresholds=at,
        model=(called & rows.labels).mean(axis=1) - (called & ~rows.labels).mean(axis=1) * odds,
        treat_all=prevalence - (1 - prevalence) * odds,
        prevalence=prevalence,
        n=rows.n,
        unit=unit,
        excluded=rows.excluded,
    )


def net_benefit_difference(
    labels: npt.ArrayLike,
    risks_a: npt.ArrayLike,
    risks_b: npt.ArrayLike,
    threshold: float,
    groups: Any = None,
    *,
    unit: str,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """How much more net benefit model a has than model b at a threshold, with a bootstrap interval over patients.

    Rows that lack either risk are left out of both.

    Raises:
        InputError: see ``net_benefit``.
    """
    at = float(_checked_thresholds(number(threshold, "threshold probability"))[0])
    first, second = floats(risks_a, "risks of a"), floats(risks_b, "risks of b")
    if first.shape != second.shape:
        raise InputError(f"the two models gave {first.size} and {second.size} risks", remedy="score the same rows")
    lacking = ~(np.isfinite(first) & np.isfinite(second))
    a = checked_risks(labels, np.where(lacking, np.nan, first), groups)
    b = checked_risks(labels, np.where(lacking, np.nan, second), groups)
    worth = np.where(a.labels, 1.0, -at / (1 - at)) * ((a.scores >= at).astype(float) - (b.scores >= at))
    worth_per_patient = np.bincount(a.groups, worth, a.patients)
    rows_per_patient = np.bincount(a.groups, minlength=a.patients).astype(np.float64)
    interval = bootstrap_interval(
        lambda weights: (weights @ worth_per_patient) / (weights @ rows_per_patient),
        a.patients,
        draws=draws,
        seed=seed,
        level=level,
        resampled="patient" if groups is not None else unit,
    )
    return Estimate(
        name=f"net benefit difference at threshold {at:g}",
        value=float(worth.mean()),
        n=a.n,
        unit=unit,
        interval=interval,
        clusters=a.patients if groups is not None else None,
        cutoff=CutOff(at, "threshold probability of the net benefit"),
        excluded=a.excluded,
    )


def net_benefit_at(
    labels: npt.ArrayLike,
    risks: npt.ArrayLike,
    threshold: float,
    groups: Any = None,
    *,
    unit: str,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """The net benefit of a risk at a threshold with a bootstrap interval over patients.

    Raises:
        InputError: see ``net_benefit``.
    """
    values = floats(risks, "risks")
    nobody = np.where(np.isfinite(values), 0.0, np.nan)  # acting on nobody has net benefit 0
    figure = net_benefit_difference(
        labels, values, nobody, threshold, groups, unit=unit, draws=draws, seed=seed, level=level
    )
    return replace(figure, name=f"net benefit at threshold {threshold:g}")
