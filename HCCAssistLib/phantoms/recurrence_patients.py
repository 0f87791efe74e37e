"""Patients with simple measures and their follow-up, and what a regression on these tells of early recurrence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.labels import TimeToEvent
from HCCAssistLib.phantoms.liver.regression import crossed_scores, regression

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Patients:
    """The patients of some cases, one per row.

    Attributes:
        measures: one column each, ``(n, measures)``.
        months: of follow-up, ``(n,)``.
        events: whether they ended with a recurrence, ``(n,)``.
        outcome: with the horizon of an early recurrence.
    """

    measures: Vector
    months: Vector
    events: npt.NDArray[np.bool_]
    outcome: TimeToEvent = field(default_factory=TimeToEvent)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whether it is known if the recurrence came early, ``(n,)``."""
        return self.events | (self.months > self.outcome.horizon_months)

    @property
    def early(self) -> npt.NDArray[np.int64]:
        """1 of an early recurrence, otherwise 0, of those of whom it is known too, ``(n,)``."""
        return (self.events & (self.months <= self.outcome.horizon_months)).astype(np.int64)

    def permuted(self, seed: int) -> Patients:
        """The same with the outcomes dealt out anew."""
        dealt = np.random.default_rng(seed).permutation(len(self.months))
        return replace(self, months=self.months[dealt], events=self.events[dealt])


def fitted_scores(patients: Patients, *, seed: int = 0) -> Vector:
    """Scores of early recurrence by a logistic regression on all measures, ``(n,)``; NaN where that is not known.

    Cross-validated, so that no score is of a patient that was fitted to.

    Args:
        patients: of each kind at least as many as there are folds.
        seed: of the folds.

    Raises:
        InputError: too few patients with or without early recurrence.
    """
    known, scores = patients.known, np.full(len(patients.months), np.nan)
    scores[known] = crossed_scores(patients.measures[known], patients.early[known], "early recurrence", seed=seed)
    return scores


def transferred_scores(train: Patients, test: Patients) -> Vector:
    """Scores of the patients of another cohort by the regression as it was fitted to the first, ``(n,)``.

    Raises:
        InputError: the first cohort has outcomes of one kind only.
    """
    known = train.known
    if len(np.unique(train.early[known])) < 2:
        raise InputError("all patients had the same outcome", remedy="make more cases")
    fitted = regression().fit(train.measures[known], train.early[known])
    return np.asarray(fitted.decision_function(test.measures), dtype=np.float64)


def rule_scores(patients: Patients, column: int) -> Vector:
    """One measure as the score, turned to the side that suits it best on these very patients, ``(n,)``."""
    scores = patients.measures[:, column]
    early, late = scores[patients.early > 0], scores[patients.known & (patients.early == 0)]
    # the mean difference of all pairs' signs: above 0 where early recurrences have more of it
    return scores if np.sign(early[:, None] - late[None, :]).mean() >= 0 else -scores
