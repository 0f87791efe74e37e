"""What a patient's recurrence has to do with how the tumour looks.

The tumour shows the risk, from which the recurrence follows, only as far as ``strength`` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.phantoms.liver.tumour_looks import mixed
from HCCAssistLib.phantoms.recurrence import Recurrence, check_strength
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME

STRENGTH = 0.98
"""Correlation of what the tumour shows with the risk; with 0 it tells nothing, with 1 all it can."""

RECURRENCE = Recurrence(
    OUTCOME,
    log_hazard_ratio=2.0,
    shape=0.9,
    median_months=55.0,
    lost_per_month=0.006,
    study_ends_months=(26.0, 72.0),
)
"""As many recur early as in the paper (94 of 220), and whoever is not lost is followed beyond the horizon."""


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
        check_strength(strength)
        # two streams, so that what the tumour adds of its own does not depend on how many patients were drawn
        fate, own = (np.random.Generator(np.random.SFC64(s)) for s in np.random.SeedSequence((*seed, 2022)).spawn(2))
        one = RECURRENCE.draw(fate, early)
        shown = mixed(one.risk, strength, own)
        return cls(one.risk, shown, strength, one.recurrence_months, one.followed_months, one.months, one.event)
