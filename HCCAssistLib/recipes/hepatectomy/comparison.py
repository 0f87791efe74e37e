"""Models of early recurrence against each other on the same patients: the tumour alone against its surroundings."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.evaluation.comparison import SessionComparison
from HCCAssistLib.evaluation.model_comparison import Section
from HCCAssistLib.recipes.hepatectomy.evaluated_case import EvaluatedCase
from HCCAssistLib.training.recurrence import RecurrenceEvaluation
from HCCAssistLib.training.recurrence_comparison import compared


def compare(
    found: Mapping[str, RecurrenceEvaluation[EvaluatedCase]],
) -> tuple[tuple[Section, ...], tuple[tuple[str, SessionComparison], ...]]:
    """Each model against the first one; see ``recurrence_comparison.compared``."""
    return compared(found)
