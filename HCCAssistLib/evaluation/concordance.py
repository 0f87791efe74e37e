"""Harrell's C-index: how often the patient with the higher risk has the event first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_interval
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.survival import checked_follow_up
from HCCAssistLib.evaluation.values import FloatArray, floats


@dataclass(frozen=True, eq=False, slots=True)
class Concordance:
    """The pairs of patients of whom it is known who had the event first.

    Attributes:
        comparable: ``(n, n)``, 1 where patient ``i`` had the event before ``j`` was lost or had it.
        agreement: ``(n, n)``, of these 1 where the model ranks them so, 0.5 where it ranks them alike.
    """

    comparable: FloatArray
    agreement: FloatArray

    @classmethod
    def of(cls, months: npt.ArrayLike, events: npt.ArrayLike, risk: npt.ArrayLike) -> Concordance:
        """From follow-up and risk of each patient, ``(n,)``; a higher risk means an earlier event.

        Raises:
            InputError: rows that do not fit, or a value that is missing.
        """
        time, event = checked_follow_up(months, events)
        score = floats(risk, "risk")
        if score.shape != time.shape or not np.isfinite(score).all():
            raise InputError(f"there are {time.size} patients and {np.isfinite(score).sum()} risks")
        first = (time[:, None] < time) | ((time[:, None] == time) & ~event[None, :])
        comparable = (event[:, None] & first).astype(np.float64)
        ranked = (score[:, None] > score) + 0.5 * (score[:, None] == score)
        return cls(comparable, comparable * ranked)

    @property
    def n(self) -> int:
        """How many patients there are."""
        return len(self.comparable)

    @property
    def value(self) -> float | None:
        """The C-index; None where no pair can be compared."""
        pairs = float(self.comparable.sum())
        return float(self.agreement.sum()) / pairs if pairs else None

    def weighted(self, weights: FloatArray) -> FloatArray:
        """The C-index of each draw, from how often each patient was drawn, ``(draws, n)``; NaN without any pair."""
        agreed, pairs = (((weights @ of) * weights).sum(axis=1) for of in (self.agreement, self.comparable))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(agreed / pairs)


def c_index(
    months: npt.ArrayLike, events: npt.ArrayLike, risk: npt.ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """Harrell's C-index with a bootstrap interval over patients.

    >>> c_index([5, 9, 14, 30], [1, 1, 0, 0], [0.9, 0.7, 0.8, 0.1], draws=200).value
    0.8

    Args:
        months: of follow-up.
        events: 1 where it ended with the event.
        risk: higher means an earlier event.
        draws, seed: of the bootstrap.

    Raises:
        InputError: rows that do not fit, or a value that is missing.
    """
    pairs = Concordance.of(months, events, risk)
    interval = bootstrap_interval(pairs.weighted, pairs.n, draws=draws, seed=seed)
    note = "" if pairs.value is not None else "undefined: no two patients can be ranked by their follow-up"
    return Estimate("C-index", pairs.value, pairs.n, "patient", interval, note=note)
