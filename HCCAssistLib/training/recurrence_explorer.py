"""The cut-off on the risk that a reader of the report moves: early recurrences, and both groups of patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from HCCAssistLib.evaluation.explorer import OUTCOMES, Scale, binary_scale
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.risk_figures import OWN
from HCCAssistLib.evaluation.risk_groups import DRAWS, GROUPS
from HCCAssistLib.evaluation.survival import kaplan_meier
from HCCAssistLib.training.recurrence import JudgedPatient, RecurrenceEvaluation, T

FOLLOWS = ("Group", "Outcome")
"""Columns of the table of cases that follow the cut-off."""

WORDS = {key: ("right" if not marks else "wrong", marks) for key, (_, marks) in OUTCOMES.items()}
GROUP_LEVEL = "Groups, all patients: without a recurrence at {months:g} months (Kaplan-Meier)"


def explorer(found: RecurrenceEvaluation[T]) -> Scale:
    """Every threshold that changes a figure, with the cases in the order of their table.

    No P value is given: the smallest of many is none.
    """
    cutoffs = {one.cutoff for one in found.cases}
    mixed = len(cutoffs) > 1
    level = GROUP_LEVEL.format(months=found.outcome.horizon_months)
    horizon = f"{found.outcome.horizon_months:g} months"
    scale = binary_scale(
        "Risk above the cut-off of the model that decides" if mixed else "Risk",
        [one.early for one in found.cases],
        [one.score for one in found.cases],
        [one.patient_id for one in found.cases],
        unit="patient",
        level=f"Recurrence within {horizon}, patients of whom it is known",
        column=FOLLOWS[1],
        cutoff=OWN if mixed else min(cutoffs, key=lambda one: one.value),
        more=lambda threshold: {level: _groups(found, threshold)},
        words=WORDS,
        columns=FOLLOWS[:1],
        cells=lambda row, high: ("high" if high else "low",),
        draws=DRAWS,
    )
    return replace(scale, rows=(*scale.rows, *(() for _ in found.left_out)))


def _groups(found: RecurrenceEvaluation[T], threshold: float) -> tuple[Estimate, ...]:
    """Share without the event in the group of high and in that of low risk."""
    groups: Mapping[str, list[JudgedPatient[T]]] = {
        GROUPS[0]: [one for one in found.cases if one.score >= threshold],
        GROUPS[1]: [one for one in found.cases if one.score < threshold],
    }
    return tuple(_share(name, group, found.outcome.horizon_months) for name, group in groups.items())


def _share(name: str, group: list[JudgedPatient[T]], months: float) -> Estimate:
    if not group:
        nobody = "no patient is in this group"
        return Estimate(name, None, 0, "patient", Interval.missing(nobody), note=nobody)
    curve = kaplan_meier([one.months for one in group], [one.event for one in group], name=name)
    return replace(curve.survival_at(months), name=name)
