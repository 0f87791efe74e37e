"""How well models predict early recurrence after ablation in patients that they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.evaluated_case import FILES, EvaluatedCase, evaluate_case
from HCCAssistLib.recipes.ablation.recipe import ABLATION, OUTCOME
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
    """Evaluate the models of a package on the cases of a cohort that none was trained on; nothing is fitted to them.

    A case that cannot be used is left out and named; the others are evaluated.

    Args:
        cohort: with the follow-up of each patient; the cases of the split ``test`` where there are such.
        model: of the recipe ``ablation-recurrence``.
        run_options: of a prediction.
        held_out: of ``unseen``, where the cohort was checked before.
        folder: where each finished case is kept, as ``evaluate_cases`` does.
        progress: called with what is being done and how much of the whole is done.

    Raises:
        InputError: the cohort cannot be used, the model was trained on one of the scans, or no case is left.
    """
    options = ABLATION.resolve({**run_options, "heatmap": False}, run=True)  # no figure rests on the heat maps

    def compute(case: Case, study: Study, part: Callable[[float], None]) -> EvaluatedCase:
        return evaluate_case(study, model, options, progress=part)

    found = evaluate_cases(cohort, model, options, compute, FILES, held_out=held_out, folder=folder, progress=progress)
    return performance(found, model, OUTCOME, simple=clinical)


def clinical(done: EvaluatedCase) -> dict[str, float]:
    """Risk by clinical values alone, where it is not this model that decides."""
    result = done.result
    known = CLINICAL in result.probabilities and result.decides != CLINICAL
    return {CLINICAL: result.probabilities[CLINICAL]} if known else {}
