"""Models of early recurrence against each other on the same patients."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.comparison import SessionComparison, compare_models
from HCCAssistLib.evaluation.model_comparison import Section
from HCCAssistLib.evaluation.risk_groups import DRAWS
from HCCAssistLib.training.recurrence import RecurrenceEvaluation, T

NOTE = (
    "Each patient of whom it is known whether the recurrence came early; each model calls it at its own cut-off. The "
    "AUCs are compared as paired."
)


def compared(
    found: Mapping[str, RecurrenceEvaluation[T]],
) -> tuple[tuple[Section, ...], tuple[tuple[str, SessionComparison], ...]]:
    """Each model against the first one.

    Args:
        found: on the same cases, by the name of the model.

    Returns:
        A section of each other model, and comparisons of repeated sessions, of which these methods have none.
    """
    control, *others = found
    return tuple(_section(name, found[name], found[control]) for name in others), ()


def _section(name: str, mine: RecurrenceEvaluation[T], control: RecurrenceEvaluation[T]) -> Section:
    known = [one for one in mine.cases if one.early is not None]
    others = {one.case_id: one for one in control.cases}
    pairs = [(one.score, others[one.case_id].score) for one in known]
    try:
        compared = compare_models(
            [bool(one.early) for one in known],
            [own for own, _ in pairs],
            [other for _, other in pairs],
            [one.patient_id for one in known],
            cutoff_a=mine.figures.groups.cutoff,
            cutoff_b=control.figures.groups.cutoff,
            unit="patient",
            draws=DRAWS,
        )
    except InputError as error:
        return Section("patient", name, (), (), f"{NOTE} They are not compared: {error.problems[0].what}.")
    tests = (("AUC", compared.delong), ("right and wrong calls", compared.mcnemar))
    return Section("patient", name, compared.differences, tests, NOTE)
