"""What a paper says of the method, from the model's own record and the run of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.evaluation.risk_groups import DRAWS
from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.ablation.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.ablation.recipe import ABLATION, FIXED, OUTCOME, SIZE, SLICES
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.recurrence import RecurrenceEvaluation
from HCCAssistLib.wording import listed, plural

DECISION = (
    f"Early is a recurrence within {OUTCOME.horizon_months:g} months. Those who were followed for less without one "
    "count in the survival and in the C-index alone. The fullest model that the inputs allow decides on a patient."
)


def described(options: Mapping[str, Value]) -> str:
    """What the method does, whatever it was trained on."""
    return (
        "Early recurrence after ablation was predicted from dynamic T1-weighted MR before and after it and from "
        f"clinical values (method: {ABLATION.paper.rstrip('.')}), as implemented in HCCAssist. The other phases of a "
        f"time point were registered to the {FIXED} phase; {SLICES} slices of {SIZE} x {SIZE} pixels of 1 mm around "
        "the region were given to the networks, and clinical values to extra trees."
    )


def methods(found: RecurrenceEvaluation[EvaluatedCase], card: ModelCard) -> str:
    """The paragraph on the method itself; that on statistics is the report's."""
    trained = trained_on(card.training) or "an unstated number of patients"
    cases, known = len(found.cases), found.figures.at_cutoff.n
    models = list(found.models) or sorted({one.done.result.decides for one in found.cases})
    names = ", ".join(map(ABLATION.printed, models))
    return (
        f"{described(card.options)} The models ({names}) were trained on {trained}, split by patient, with these "
        f"settings: {listed(card.options, ', ')}. {cases} {plural('case', cases)}, none of them among the training "
        f"images, were evaluated; whether the recurrence came early is known of {known} of them. {DECISION} Nothing "
        f"was fitted to the evaluated cases. The bootstrap makes {DRAWS:,} draws of patients."
    )
