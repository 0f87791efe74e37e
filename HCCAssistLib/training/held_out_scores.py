"""Scores of patients by members that were not trained on them: what cut-offs and reference curves rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.survival import LOG_LOG, kaplan_meier, log_rank
from HCCAssistLib.evaluation.values import BoolArray, FloatArray
from HCCAssistLib.labels import TimeToEvent
from HCCAssistLib.models.curves import GROUPS, GroupCurve, ReferenceCurve, RiskGroup
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.member_result import MemberResult


@dataclass(frozen=True, eq=False, slots=True)
class HeldOutScores:
    """One row for each case that was held out of a member.

    Attributes:
        patients: whose case it is.
        months: ``(n,)`` of follow-up.
        events: ``(n,)`` whether they ended with the event.
        scores: ``(n,)`` mean over the members that were not trained on the case.
    """

    patients: tuple[str, ...]
    months: FloatArray
    events: BoolArray
    scores: FloatArray

    def known(self, outcome: TimeToEvent) -> tuple[list[str], BoolArray, FloatArray]:
        """Patients of whom it is known whether the event came early, whether it did, and their scores."""
        told = [outcome.early(time, bool(event)) for time, event in zip(self.months, self.events, strict=True)]
        there = np.array([early is not None for early in told], dtype=np.bool_)
        patients = [patient for patient, one in zip(self.patients, there, strict=True) if one]
        return patients, np.array([early for early in told if early is not None], dtype=np.bool_), self.scores[there]


def held_out_scores(
    results: Sequence[MemberResult], probability: Callable[[npt.NDArray[np.floating]], npt.NDArray[np.floating]]
) -> HeldOutScores:
    """The scores of all cases that were held out, those who were lost early among them.

    Args:
        results: of the members, with outputs for ``Member.held_out``.
        probability: of the event ``(n,)``, from a network's outputs ``(n, ...)``.
    """
    patients: dict[str, str] = {}
    followed: dict[str, tuple[float, bool]] = {}
    scores: dict[str, list[float]] = {}
    for result in results:
        held_out = result.validation
        for row, score in enumerate(probability(result.outputs)):
            origin = held_out.origins[held_out["case"][row]]
            patients[origin.case_id] = origin.patient_id
            followed[origin.case_id] = float(held_out["time"][row]), bool(held_out["event"][row])
            scores.setdefault(origin.case_id, []).append(float(score))
    months, events = zip(*followed.values(), strict=True)
    return HeldOutScores(
        tuple(patients.values()),
        np.array(months, dtype=np.float64),
        np.array(events, dtype=np.bool_),
        np.array([np.mean(scores[case]) for case in patients], dtype=np.float64),
    )


def reference_curve(held_out: HeldOutScores, cutoff: CutOff, *, event: str, source: str) -> ReferenceCurve:
    """Survival of the patients at and above a cut-off and below it, those who were lost early among them.

    Args:
        held_out: of the training cohort.
        cutoff: of the model.
        event: what the time runs to, in words.
        source: whose survival it is and how they were scored, in words.
    """
    high = held_out.scores >= cutoff.value
    inside: dict[RiskGroup, BoolArray] = {"high": high, "low": ~high}
    followed = {name: (held_out.months[inside[name]], held_out.events[inside[name]]) for name in GROUPS}
    followed = {name: group for name, group in followed.items() if len(group[0])}
    curves = {name: kaplan_meier(*group) for name, group in followed.items()}
    return ReferenceCurve(
        event=event,
        source=source,
        cutoff=cutoff,
        groups={
            name: GroupCurve(one.times, one.survival, one.low, one.high, one.at_risk, one.events)
            for name, one in curves.items()
        },
        interval=LOG_LOG,
        log_rank_p=log_rank(list(followed.values())).p if len(followed) > 1 else None,
    )
