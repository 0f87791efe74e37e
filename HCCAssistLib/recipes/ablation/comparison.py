"""Packages of models of early recurrence after ablation against each other on the same patients."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.evaluation.comparison import SessionComparison
from HCCAssistLib.evaluation.model_comparison import Section
from HCCAssistLib.recipes.ablation.evaluated_case import EvaluatedCase
from HCCAssistLib.training.recurrence import RecurrenceEvaluation
from HCCAssistLib.training.recurrence_comparison import compared


def compare(
    found: Mapping[str, RecurrenceEvaluation[EvaluatedCase]],
) -> tuple[tuple[Section, ...], tuple[tuple[str, SessionComparison], ...]]:
    """Each package against the first one; see ``recurrence_comparison.compared``."""
    return compared(found)
