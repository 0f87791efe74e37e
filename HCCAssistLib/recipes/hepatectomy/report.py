"""The report of an evaluation of early recurrence after hepatectomy: what it has of its own."""

from __future__ import annotations

from HCCAssistLib.evaluation.crop_view import CropView
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.hepatectomy.evaluated_case import SLICES, EvaluatedCase
from HCCAssistLib.recipes.hepatectomy.methods import methods
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME, VOI_SHAPE
from HCCAssistLib.results.stamp import stamp
from HCCAssistLib.training.recurrence import JudgedPatient, RecurrenceEvaluation
from HCCAssistLib.training.recurrence_report import RecurrenceWords, recurrence_report
from HCCAssistLib.training.second_rater import SecondRater

HORIZON = f"{OUTCOME.horizon_months:g} months"

INTENT = (
    "The model predicts, from the arterial phase before a hepatectomy for a single tumour, how probable a recurrence "
    f"within {HORIZON} is. It is meant to help a reader in research, not to choose a treatment. The truth is the "
    "follow-up in the table. Cases of the split test are evaluated where the table names splits; an image that the "
    "model was trained on is refused."
)
IN_THE_PAPER = (
    "In the paper's 42 test patients the AUC is 0.789 (0.637 to 0.941) with the tumour alone, and 0.560 (0.378 to "
    "0.742) with its surroundings. Its cut-offs were chosen on patients that the networks had learnt; that of this "
    "model was chosen on patients that were held out, or as the model card says."
)
BESIDE = (
    "The method takes no clinical values, so that size and mean HU of the tumour stand in for a clinical model. A "
    "network is worth its trouble only where it does better than they do. These rules were fitted to the training "
    "cases of the model, as its card keeps them, and to nothing here."
)
NO_BESIDE = "The network is not compared with simple rules: the model holds none, or all patients are of one kind."


def report(
    found: RecurrenceEvaluation[EvaluatedCase],
    model: LoadedModel,
    *,
    title: str = "Early recurrence after hepatectomy: evaluation",
    external: RecurrenceEvaluation[EvaluatedCase] | None = None,
    rated: SecondRater | None = None,
) -> Report:
    """The report of an evaluation, to be written or added to.

    Args:
        found: on unseen cases.
        model: that was evaluated.
        title: of the report.
        external: on a cohort from elsewhere or from a later period, shown beside; nothing was fitted to it.
        rated: the same cases as a second rater drew them.
    """
    words = RecurrenceWords(
        title=title,
        intent=INTENT,
        in_the_paper=IN_THE_PAPER,
        beside=BESIDE,
        no_beside=NO_BESIDE,
        methods=methods(found, model.package.card),
        seen=_seen,
        seen_note=f"A thumbnail shows what the network saw: the {', '.join(SLICES)} of its ten slices.",
        heading="Pictures of the tumours",
    )
    return recurrence_report(found, model, words, external=external, rated=rated)


def _seen(one: JudgedPatient[EvaluatedCase], synthetic: bool) -> CropView:
    words = stamp(case=synthetic, model=one.done.result.run.synthetic_model)
    return CropView(dict(zip(SLICES, one.done.seen, strict=True)), float(VOI_SHAPE[2]), words)
