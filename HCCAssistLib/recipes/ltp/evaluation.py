"""How well a model finds LTP on cases it has not seen: the cases are computed one by one, then reported together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.evaluated_case import FILES, SEED, EvaluatedCase, evaluate_case
from HCCAssistLib.recipes.ltp.performance import LTPEvaluation, performance
from HCCAssistLib.recipes.ltp.recipe import LTP
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
) -> LTPEvaluation:
    """Evaluate a model on the cases of a cohort that it was not trained on.

    A case that cannot be used is left out and named; the others are evaluated.

    Args:
        cohort: with annotated points; the cases of the split ``test`` where there are such.
        model: of the recipe ``ltp``.
        run_options: of the scan.
        held_out: of ``unseen``, where the cohort was checked before.
        folder: where each finished case is kept, as ``evaluate_cases`` does.
        progress: called with what is being done and how much of the whole is done.

    Raises:
        InputError: the cohort cannot be used, the model was trained on one of the scans, or no case is left.
    """
    options = LTP.resolve({**run_options, "heatmap": False}, run=True)  # no figure rests on the heat maps

    def compute(case: Case, study: Study, part: Callable[[float], None]) -> EvaluatedCase:
        return evaluate_case(case, study, model, options, progress=part)

    found = evaluate_cases(
        cohort,
        model,
        options,
        compute,
        FILES,
        decides={"test_patches_seed": SEED},
        held_out=held_out,
        folder=folder,
        progress=progress,
    )
    return performance(found.held_out, found.done, found.left_out, found.run, model)
