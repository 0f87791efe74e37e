"""How well models predict early recurrence after ablation in patients that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.ablation.evaluated_case import FILES, EvaluatedCase, evaluate_case
from HCCAssistLib.recipes.ablation.recipe import OUTCOME
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.evaluated_cases import Progress, evaluate_cases
from HCCAssistLib.training.recurrence import RecurrenceEvaluation, performance

CLINICAL = "clinical"
"""The model that every other one is measured by."""


def evaluate(
    cohort: Cohort,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    held_out: HeldOut | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> RecurrenceEvaluation[EvaluatedCase]:
    """Figures on the cases of a cohort that the model was not trained on; as ``evaluate_cases`` computes them."""
    found = evaluate_cases(
        cohort,
        model,
        run_options,
        lambda _, study, options, part: evaluate_case(study, model, options, progress=part),
        FILES,
        held_out=held_out,
        folder=folder,
        progress=progress,
    )
    return performance(found, model, OUTCOME, simple=clinical)


def clinical(done: EvaluatedCase) -> dict[str, float]:
    """Risk by clinical values alone, where it is not this model that decides."""
    result = done.result
    known = CLINICAL in result.probabilities and result.decides != CLINICAL
    return {CLINICAL: result.probabilities[CLINICAL]} if known else {}
