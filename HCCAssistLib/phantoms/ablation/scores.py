"""What a patient's recurrence has to do with clinical values, the tumour before and the zone after the ablation.

The risk is a weighted sum of four independent parts, each standard normal over all patients: what clinical values
tell, what the tumour shows before, what the ablation zone shows after, and what nobody sees. So each model's best
score has a known correlation with the risk, and from it a known AUC: clinical values least, the zone most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from HCCAssistLib.phantoms.liver.tumour_looks import mixed
from HCCAssistLib.phantoms.recurrence import Recurrence, check_strength
from HCCAssistLib.phantoms.recurrence_targets import Targets, targets
from HCCAssistLib.recipes.ablation.recipe import OUTCOME

STRENGTH = 0.98
"""Correlation of what is shown of each part with the part itself; with 0 nothing tells, with 1 all it can."""

PARTS: Mapping[str, float] = MappingProxyType({"clinical": 0.34, "tumour": 0.48, "zone": 0.76})
"""Correlation of each part with the risk; what is left of it nobody sees."""

MODELS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "clinical": ("clinical",),
        "pre": ("tumour",),
        "prepost": ("tumour", "zone"),
        "dl_clinical": ("clinical", "tumour", "zone"),
    }
)
"""What each model of the recipe sees."""

RECURRENCE = Recurrence(
    OUTCOME,
    log_hazard_ratio=2.0,
    shape=0.9,
    median_months=66.0,
    lost_per_month=0.006,
    study_ends_months=(26.0, 72.0),
)
"""Two patients in five recur early, more than in the paper (66 of 289): small cohorts shall hold enough of either."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Risk and outcome of one patient, and what is shown of them.

    Attributes:
        risk: standard normal over all patients; higher is worse.
        clinical, tumour, zone: what is shown of the three parts, each on the same scale.
        strength: correlation of each with its part.
        recurrence_months: when the tumour recurs, whether or not anybody sees it.
        followed_months: how long the patient is followed where it does not.
        months: of follow-up, as in the table, to 0.1.
        event: whether they end with the recurrence.
    """

    risk: float
    clinical: float
    tumour: float
    zone: float
    strength: float
    recurrence_months: float
    followed_months: float
    months: float
    event: bool

    @property
    def early(self) -> bool | None:
        """Whether the recurrence came within the horizon; None where the follow-up ended before that was known."""
        return OUTCOME.early(self.months, self.event)

    def of_model(self, model: str) -> float:
        """The best score that a model of the recipe can come to.

        Args:
            model: a key of ``MODELS``.
        """
        return float(sum(PARTS[part] * getattr(self, part) for part in MODELS[model]))

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
        # two streams, so that what parts have of their own does not depend on how many patients were drawn
        fate, own = (np.random.Generator(np.random.SFC64(s)) for s in np.random.SeedSequence((*seed, 2025)).spawn(2))
        one = RECURRENCE.draw(fate, early)
        weights = np.array([*PARTS.values(), np.sqrt(1 - sum(weight**2 for weight in PARTS.values()))])
        free = own.standard_normal(len(weights))
        # the parts given their weighted sum: what is drawn across the weights, and the risk along them
        parts = free + weights * (one.risk - weights @ free)
        clinical, tumour, zone = (mixed(float(part), strength, own) for part in parts[:3])
        return cls(
            risk=one.risk,
            clinical=clinical,
            tumour=tumour,
            zone=zone,
            strength=strength,
            recurrence_months=one.recurrence_months,
            followed_months=one.followed_months,
            months=one.months,
            event=one.event,
        )


def correlation_of(model: str, strength: float = STRENGTH) -> float:
    """Correlation of the best score of a model with the risk.

    >>> [round(correlation_of(model, 1.0), 2) for model in MODELS]
    [0.34, 0.48, 0.9, 0.96]
    """
    return float(strength * np.sqrt(sum(PARTS[part] ** 2 for part in MODELS[model])))


def model_targets(strength: float = STRENGTH) -> dict[str, Targets]:
    """The figures that the best score of each model comes to, by integration over all patients."""
    return {model: targets(RECURRENCE, correlation_of(model, strength)) for model in MODELS}
