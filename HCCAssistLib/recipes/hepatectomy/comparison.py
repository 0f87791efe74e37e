"""Models of early recurrence against each other on the same patients: the tumour alone against its surroundings."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.comparison import SessionComparison, compare_models
from HCCAssistLib.evaluation.model_comparison import Section
from HCCAssistLib.recipes.hepatectomy.performance import RecurrenceEvaluation
from HCCAssistLib.recipes.hepatectomy.survival import DRAWS

NOTE = (
    "Each patient of whom it is known whether the recurrence came early; each model calls it at its own cut-off. The "
    "AUCs are compared as paired."
)


def compare(
    found: Mapping[str, RecurrenceEvaluation],
) -> tuple[tuple[Section, ...], tuple[tuple[str, SessionComparison], ...]]:
    """Each model against the first one.

    Args:
        found: on the same cases, by the name of the model.

    Returns:
        A section of each other model, and comparisons of repeated sessions, of which this method has none.
    """
    control, *others = found
    return tuple(_section(name, found[name], found[control]) for name in others), ()


def _section(name: str, mine: RecurrenceEvaluation, control: RecurrenceEvaluation) -> Section:
    known = [one for one in mine.cases if one.early is not None]
    others = {one.case_id: one.risk for one in control.cases}
    try:
        compared = compare_models(
            [bool(one.early) for one in known],
            [one.risk for one in known],
            [others[one.case_id] for one in known],
            [one.patient_id for one in known],
            cutoff_a=mine.groups.cutoff,
            cutoff_b=control.groups.cutoff,
            unit="patient",
            draws=DRAWS,
        )
    except InputError as error:
        return Section("patient", name, (), (), f"{NOTE} They are not compared: {error.problems[0].what}.")
    tests = (("AUC", compared.delong), ("right and wrong calls", compared.mcnemar))
    return Section("patient", name, compared.differences, tests, NOTE)
