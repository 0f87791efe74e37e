"""The tumours as a second rater drew them: the same model, and how far the two segments agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.segments import mask_on
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.agreement import dice
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.hepatectomy.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.hepatectomy.evaluation import evaluate
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, HEPATECTOMY
from HCCAssistLib.recipes.hepatectomy.tumour import tumour_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.evaluated_cases import Progress
from HCCAssistLib.training.recurrence import RecurrenceEvaluation
from HCCAssistLib.training.second_rater import SecondRater, second_rater

VOLUMES = (ARTERIAL,)
"""What both raters drew on."""


def evaluate_rater(
    cohort: Cohort,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    first: RecurrenceEvaluation[EvaluatedCase],
    drawn: HeldOut,
    rater: str,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> SecondRater:
    """Evaluate the same model on a second rater's segments.

    Args:
        cohort: that was evaluated.
        model: that was evaluated.
        run_options: of the prediction.
        first: by the segments of the cohort.
        drawn: of ``rated_cases``.
        rater: name of the rater's folder.
        folder: where each finished case is kept.
        progress: of the whole.

    Raises:
        InputError: none of the rater's cases can be used, or it is known of none whether the recurrence came early.
    """
    used = HeldOut(drawn.cohort, tuple(one for one in drawn.cases if one.case_id in first.results), {}, ())
    second = evaluate(cohort, model, run_options, held_out=used, folder=folder, progress=progress)
    own = {case.case_id: case for case in drawn.cohort.cases}
    agreed = {
        case.case_id: _dice(own[case.case_id], case, model.package.card.options)
        for case in used.cases
        if case.case_id in second.results
    }
    return second_rater(rater, first, second, agreed, drawn.problems)


def _dice(first: Case, second: Case, options: Mapping[str, Value]) -> float | None:
    """Of the tumour by both raters on the grid of the volume; None where one of them drew a box."""
    studies = [read_study(case, HEPATECTOMY, options=options) for case in (first, second)]
    segments = [tumour_of(study, options).segment for study in studies]
    grid = studies[0].volumes[ARTERIAL].geometry
    try:
        masks = [mask_on(segment, grid).array for segment in segments if segment is not None]
    except InputError:
        return None
    return dice(*masks) if len(masks) == 2 else None
