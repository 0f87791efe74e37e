"""Event-free survival of risk groups, of all patients: those who were lost early count until then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from HCCAssistLib.evaluation.concordance import c_index
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.evaluation.survival import KaplanMeier, kaplan_meier, log_rank
from HCCAssistLib.results.cutoff import CutOff

GROUPS = ("high risk", "low risk")
DRAWS = 1000
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class FollowedPatient:
    """One patient with follow-up and risk.

    Attributes:
        patient_id: whose risk it is.
        months: of follow-up.
        event: whether they ended with the event.
        early: whether the event came early; None of a patient who was lost before anybody could tell.
        risk: predicted probability of an early event.
        cutoff: of the model that gave the risk.
    """

    patient_id: str
    months: float
    event: bool
    early: bool | None
    risk: float
    cutoff: CutOff

    @property
    def high(self) -> bool:
        """Whether the patient is in the group of high risk."""
        return self.risk >= self.cutoff.value


@dataclass(frozen=True, eq=False, slots=True)
class RiskGroups:
    """Patients at and above the cut-off, and those below it.

    Attributes:
        cutoff: that divides them.
        curves: one for each group that has a patient, the high risk first.
        test: log-rank, two-sided; None where all are in one group.
        concordance: Harrell's C-index of the risk, whatever the cut-off.
    """

    cutoff: CutOff
    curves: tuple[KaplanMeier, ...]
    test: HypothesisTest | None
    concordance: Estimate

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "cutoff": self.cutoff.as_json(),
            "curves": [one.as_json() for one in self.curves],
            "log_rank": self.test.as_json() if self.test else None,
            "concordance": self.concordance.as_json(),
        }


def risk_groups(cases: Sequence[FollowedPatient], cutoff: CutOff, scores: Sequence[float]) -> RiskGroups:
    """The groups of all patients.

    Args:
        cases: one or more, censored ones too.
        cutoff: that divides them.
        scores: of the patients, what the C-index ranks; ``score >= cutoff`` is a high risk.
    """
    high = [one for one in cases if one.high]
    low = [one for one in cases if not one.high]
    named = [(name, group) for name, group in zip(GROUPS, (high, low), strict=True) if group]
    followed = [(name, [one.months for one in group], [one.event for one in group]) for name, group in named]
    return RiskGroups(
        cutoff=cutoff,
        curves=tuple(kaplan_meier(months, events, name=name) for name, months, events in followed),
        test=log_rank([(months, events) for _, months, events in followed]) if len(followed) > 1 else None,
        concordance=c_index([one.months for one in cases], [one.event for one in cases], scores, draws=DRAWS),
    )
