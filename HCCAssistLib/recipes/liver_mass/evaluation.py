"""How well a model tells liver masses apart that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.liver_mass.evaluated_case import FILES, evaluate_case
from HCCAssistLib.recipes.liver_mass.performance import MassEvaluation, performance
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.evaluated_cases import Progress, evaluate_cases


def evaluate(
    cohort: Cohort,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    held_out: HeldOut | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> MassEvaluation:
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
    return performance(found, model)
