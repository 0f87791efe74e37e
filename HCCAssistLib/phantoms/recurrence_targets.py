"""The figures that scores have to come to, by numerical integration over all patients and not by drawing any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.recurrence import Recurrence

RISKS = np.linspace(-6, 6, 241)
STEPS_PER_MONTH = 20

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Targets:
    """What is expected of endlessly many patients.

    Attributes:
        early: share of early recurrences among those of whom it is known.
        unknown: share of those who were lost within the horizon.
        censored: share of those whose follow-up ended without a recurrence, whenever.
        auc: of the score for early recurrence, among those of whom it is known.
        c_index: Harrell's, of all patients.
        free_low, free_high: share free of recurrence at the horizon, of the half with low and with high scores.
    """

    early: float
    unknown: float
    censored: float
    auc: float
    c_index: float
    free_low: float
    free_high: float


def targets(recurrence: Recurrence, correlation: float = 1.0) -> Targets:
    """Figures of a score with a given correlation to the risk, both standard normal.

    >>> from HCCAssistLib.labels import TimeToEvent
    >>> found = targets(Recurrence(TimeToEvent(), 2.0, 0.9, 55.0, 0.006, (26.0, 72.0)), 0.0)
    >>> round(found.auc, 3), round(found.c_index, 3)
    (0.5, 0.5)

    Args:
        recurrence: how it follows from the risk.
        correlation: -1 to 1; 1 for the risk itself.
    """
    share = np.exp(-(RISKS**2) / 2)
    share /= share.sum()
    last = recurrence.study_ends_months[1]
    months = np.linspace(0, last, round(last * STEPS_PER_MONTH) + 1)
    middle = (months[1:] + months[:-1]) / 2
    free = recurrence.survival(RISKS[:, None], months)
    followed = recurrence.still_followed(middle)
    # of all patients, by risk and time: recurrences that are seen, and patients who are still there
    seen = share[:, None] * -np.diff(free, axis=1) * followed
    there = share[:, None] * recurrence.survival(RISKS[:, None], middle) * followed
    horizon = recurrence.outcome.horizon_months
    early = seen[:, middle < horizon].sum(axis=1)
    late = share * recurrence.survival(RISKS, horizon) * recurrence.still_followed(horizon)
    to_score = _scores_by_risk(correlation)
    free_then = share * recurrence.survival(RISKS, horizon)
    low = to_score.T @ np.where(RISKS < 0, 1.0, np.where(RISKS == 0, 0.5, 0.0))
    return Targets(
        early=float(early.sum() / (early.sum() + late.sum())),
        unknown=float(1 - early.sum() - late.sum()),
        censored=float(1 - seen.sum()),
        auc=_above(to_score @ early, to_score @ late),
        c_index=_above(to_score @ seen, to_score @ there),
        free_low=float((free_then * low).sum() / (share * low).sum()),
        free_high=float((free_then * (1 - low)).sum() / (share * (1 - low)).sum()),
    )


def _scores_by_risk(correlation: float) -> Vector:
    """Share of the patients of each risk (columns) that have each score (rows)."""
    if abs(correlation) >= 1:
        return np.eye(len(RISKS))[:: int(np.sign(correlation))]
    away = (RISKS[:, None] - correlation * RISKS) / np.sqrt(1 - correlation**2)
    shares = np.exp(-(away**2) / 2)
    return np.asarray(shares / shares.sum(axis=0))


def _above(worse: Vector, better: Vector) -> float:
    """Of all pairs the share in which the worse has the higher score; ``(scores,)``, or for each time of its own."""
    below = np.cumsum(better, axis=0) - better / 2
    return float((worse * below).sum() / (worse.sum(axis=0) * better.sum(axis=0)).sum())
