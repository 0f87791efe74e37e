"""When a tumour recurs, and how long anybody looks: a hazard of known strength, and censoring that knows nothing of it.

Each patient has a risk, standard normal over all of them, and the hazard of recurrence rises with it by a fixed factor
for each standard deviation (Weibull). How long a patient is followed depends neither on the risk nor on the
recurrence: the study ends for each at another time after the treatment, and some are lost before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.cohort_spec import CENSORED
from HCCAssistLib.errors import InputError
from HCCAssistLib.labels import TimeToEvent
from HCCAssistLib.phantoms.cohort import Row

TRIES = 1000

Months = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one patient.

    Attributes:
        risk: standard normal over all patients; higher is worse.
        recurrence_months: when the tumour recurs, whether or not anybody sees it.
        followed_months: how long the patient is followed where it does not.
        months: of follow-up, as in the table, to 0.1.
        event: whether they end with the recurrence.
    """

    risk: float
    recurrence_months: float
    followed_months: float
    months: float
    event: bool


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How recurrence follows from risk, and who is lost.

    Attributes:
        outcome: months and event as the recipe calls them, with its horizon.
        log_hazard_ratio: natural logarithm of the factor between the hazards of two patients whose risks are 1 apart.
        shape: of the Weibull hazard; below 1 it falls with time, as most recurrences come in the first year.
        median_months: to the recurrence of patients of a mean risk.
        lost_per_month: rate at which patients are lost to follow-up.
        study_ends_months: earliest and latest end after the treatment; whoever is not lost is followed until then.
    """

    outcome: TimeToEvent
    log_hazard_ratio: float
    shape: float
    median_months: float
    lost_per_month: float
    study_ends_months: tuple[float, float]

    def draw(self, rng: np.random.Generator, early: bool | None = None) -> Fate:
        """A patient.

        Args:
            rng: drawn from.
            early: draw until the patient has an early recurrence, or surely none; by default the first one is taken.
        """
        for _ in range(TRIES):
            risk = float(rng.standard_normal())
            recurs = float(self.recurrence_months(risk, rng.exponential()))
            ends = float(rng.exponential(1 / self.lost_per_month)), float(rng.uniform(*self.study_ends_months))
            followed = min(ends)
            months, event = max(round(min(recurs, followed), 1), 0.1), recurs <= followed
            if early is None or self.outcome.early(months, event) is early:
                break
        return Fate(risk, recurs, followed, months, event)

    def recurrence_months(self, risk: npt.ArrayLike, cumulative_hazard: npt.ArrayLike) -> Months:
        """When the cumulative hazard of patients has reached a value; a standard exponential one draws the time."""
        factor = np.exp(self.log_hazard_ratio * np.asarray(risk, dtype=np.float64)) * np.log(2)
        return np.asarray(self.median_months * (np.asarray(cumulative_hazard) / factor) ** (1 / self.shape))

    def survival(self, risk: npt.ArrayLike, months: npt.ArrayLike) -> Months:
        """Share of the patients of a risk that are free of recurrence at some months."""
        factor = np.exp(self.log_hazard_ratio * np.asarray(risk, dtype=np.float64)) * np.log(2)
        return np.asarray(np.exp(-factor * (np.asarray(months) / self.median_months) ** self.shape))

    def still_followed(self, months: npt.ArrayLike) -> Months:
        """Share of the patients that are followed for so many months or longer, were there no recurrences."""
        at = np.asarray(months, dtype=np.float64)
        first, last = self.study_ends_months
        return np.asarray(np.exp(-self.lost_per_month * at) * np.clip((last - at) / (last - first), 0, 1))


def check_strength(strength: float) -> None:
    """Refuse what is no correlation between what is shown and the risk.

    Raises:
        InputError: a strength outside 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise InputError(f"the strength {strength} is no correlation", remedy="give a number from 0 to 1")


def wanted_early(seed: int, number: int) -> bool | None:
    """What a case of a cohort has to be: the first two are of either kind, so that small cohorts hold both."""
    return (number + seed) % 2 == 0 if number < 2 else None


def stratum(outcome: TimeToEvent, row: Row) -> str:
    """What the splits of a cohort balance: early recurrence, none, or nobody knows."""
    early = outcome.early(float(str(row[outcome.time])), row[outcome.event] == 1)
    return CENSORED if early is None else str(int(early))
