"""The report of an evaluation of early recurrence after ablation: what it has of its own."""

from __future__ import annotations

from HCCAssistLib.evaluation.crop_view import CropView
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.ablation.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.ablation.methods import methods
from HCCAssistLib.recipes.ablation.recipe import OUTCOME, PIXEL_MM, SIZE
from HCCAssistLib.results.stamp import stamp
from HCCAssistLib.training.recurrence import JudgedPatient, RecurrenceEvaluation
from HCCAssistLib.training.recurrence_report import RecurrenceWords, recurrence_report

INTENT = (
    "The models predict, from MR before and after an ablation and from clinical values, how probable a recurrence "
    f"within {OUTCOME.horizon_months:g} months is. They are meant to help a reader in research, not to choose a "
    "treatment. The truth is the follow-up in the table. Cases of the split test are evaluated where the table names "
    "splits; an image that a model was trained on is refused."
)
IN_THE_PAPER = (
    "In the paper's 35 external patients the AUC is 0.571 (0.253 to 0.885) by clinical values, 0.648 (0.384 to 0.907) "
    "by MR before the ablation, 0.689 (0.368 to 0.935) by MR before and after it, and 0.740 (0.462 to 0.935) by MR and "
    "clinical values; all four intervals include 0.5, and the AUCs were not compared by a test."
)
BESIDE = (
    "A model of images is worth its trouble only where it does better than clinical values alone, which the trees of "
    "the model Clinical take. They were fitted to the training patients of the package and to nothing here."
)
NO_BESIDE = (
    "No model is compared with clinical values alone: they are not known, decide, or all patients are of one kind."
)


def report(
    found: RecurrenceEvaluation[EvaluatedCase],
    model: LoadedModel,
    *,
    title: str = "Early recurrence after ablation: evaluation",
    external: RecurrenceEvaluation[EvaluatedCase] | None = None,
) -> Report:
    """The report of an evaluation, to be written or added to.

    Args:
        found: on unseen cases.
        model: that was evaluated.
        title: of the report.
        external: on a cohort from elsewhere or from a later period, shown beside; nothing was fitted to it.
    """
    words = RecurrenceWords(
        title=title,
        intent=INTENT,
        in_the_paper=IN_THE_PAPER,
        beside=BESIDE,
        no_beside=NO_BESIDE,
        methods=methods(found, model.package.card),
        seen=_seen,
        seen_note="A thumbnail shows what the networks saw: the middle slice of each phase.",
        heading="Pictures of the regions",
    )
    return recurrence_report(found, model, words, external=external)


def _seen(one: JudgedPatient[EvaluatedCase], synthetic: bool) -> CropView:
    words = stamp(case=synthetic, model=one.done.result.run.synthetic_model)
    return CropView(dict(one.done.seen), SIZE * PIXEL_MM, words)
