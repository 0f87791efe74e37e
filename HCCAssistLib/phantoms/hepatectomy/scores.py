"""What a patient's recurrence has to do with how the tumour looks: a hazard of known strength, and who is lost.

Each patient has a risk, standard normal over all of them, and the hazard of recurrence rises with it by a fixed factor
for each standard deviation (Weibull). The tumour shows that risk only as far as ``strength`` says. How long a patient
is followed depends neither on the risk nor on the recurrence: the study ends for each at another time after the
operation, and some are lost before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.phantoms.liver.tumour_looks import mixed
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME

STRENGTH = 0.98
"""Correlation of what the tumour shows with the risk; with 0 it tells nothing, with 1 all it can."""

LOG_HAZARD_RATIO = 2.0
"""Natural logarithm of the factor between the hazards of two patients whose risks are 1 apart."""

SHAPE = 0.9
"""Of the Weibull hazard; below 1 it falls with time, as most recurrences come in the first year."""

MEDIAN_MONTHS = 55.0
"""To the recurrence of patients of a mean risk; with it, as many recur early as in the paper (94 of 220)."""

LOST_PER_MONTH = 0.006
"""Rate at which patients are lost to follow-up."""

STUDY_ENDS_MONTHS = (26.0, 72.0)
"""After the operation; whoever is not lost is followed beyond the horizon."""

TRIES = 1000

Months = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Risk and outcome of one patient.

    Attributes:
        risk: standard normal over all patients; higher is worse.
        tumour: what the tumour shows of it, on the same scale.
        strength: correlation of the two.
        recurrence_months: when the tumour recurs, whether or not anybody sees it.
        followed_months: how long the patient is followed where it does not.
        months: of follow-up, as in the table, to 0.1.
        event: whether they end with the recurrence.
    """

    risk: float
    tumour: float
    strength: float
    recurrence_months: float
    followed_months: float
    months: float
    event: bool

    @property
    def early(self) -> bool | None:
        """Whether the recurrence came within the horizon; None where the follow-up ended before that was known."""
        return OUTCOME.early(self.months, self.event)

    @classmethod
    def draw(cls, seed: Sequence[int], strength: float = STRENGTH, early: bool | None = None) -> Scores:
        """A patient.

        >>> Scores.draw((1, 2), early=True).early
        True

        Args:
            seed: numbers of the case.
            strength: 0 to 1.
            early: draw until the patient has an early recurrence, or surely none; by default the first one is taken.

        Raises:
            InputError: a strength outside 0 to 1.
        """
        if not 0 <= strength <= 1:
            raise InputError(f"the strength {strength} is no correlation", remedy="give a number from 0 to 1")
        # two streams, so that what the tumour adds of its own does not depend on how many patients were drawn
        fate, own = (np.random.Generator(np.random.SFC64(s)) for s in np.random.SeedSequence((*seed, 2022)).spawn(2))
        for _ in range(TRIES):
            risk = float(fate.standard_normal())
            recurs = float(recurrence_months(risk, fate.exponential()))
            followed = min(float(fate.exponential(1 / LOST_PER_MONTH)), float(fate.uniform(*STUDY_ENDS_MONTHS)))
            months, event = max(round(min(recurs, followed), 1), 0.1), recurs <= followed
            if early is None or OUTCOME.early(months, event) is early:
                break
        return cls(risk, mixed(risk, strength, own), strength, recurs, followed, months, event)


def recurrence_months(risk: npt.ArrayLike, cumulative_hazard: npt.ArrayLike) -> Months:
    """When the cumulative hazard of patients has reached a value; a standard exponential one draws the time."""
    factor = np.exp(LOG_HAZARD_RATIO * np.asarray(risk, dtype=np.float64)) * np.log(2)
    return np.asarray(MEDIAN_MONTHS * (np.asarray(cumulative_hazard) / factor) ** (1 / SHAPE))


def survival(risk: npt.ArrayLike, months: npt.ArrayLike) -> Months:
    """Share of the patients of a risk that are free of recurrence at some months."""
    factor = np.exp(LOG_HAZARD_RATIO * np.asarray(risk, dtype=np.float64)) * np.log(2)
    return np.asarray(np.exp(-factor * (np.asarray(months) / MEDIAN_MONTHS) ** SHAPE))


def still_followed(months: npt.ArrayLike) -> Months:
    """Share of the patients that are followed for so many months or longer, were there no recurrences."""
    at = np.asarray(months, dtype=np.float64)
    first, last = STUDY_ENDS_MONTHS
    return np.asarray(np.exp(-LOST_PER_MONTH * at) * np.clip((last - at) / (last - first), 0, 1))


def wanted_early(seed: int, number: int) -> bool | None:
    """What a case of a cohort has to be: the first two are of either kind, so that small cohorts hold both."""
    return (number + seed) % 2 == 0 if number < 2 else None
