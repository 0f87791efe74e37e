"""What a paper says of the method, from the model's own record and the run of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.evaluation.risk_groups import DRAWS
from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.hepatectomy.baseline import RULES
from HCCAssistLib.recipes.hepatectomy.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.hepatectomy.recipe import HEPATECTOMY, OUTCOME, VOI_SHAPE, tumour_alone, window_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.recurrence import RecurrenceEvaluation
from HCCAssistLib.wording import listed, plural

DECISION = (
    f"Early is a recurrence within {OUTCOME.horizon_months:g} months. Those who were followed for less without one "
    "count in the survival and in the C-index alone. Beside it, logistic regressions on "
    f"{' and on '.join(RULES)} of the tumour were fitted to the same training cases."
)


def described(options: Mapping[str, Value]) -> str:
    """What the method does, whatever it was trained on."""
    window = window_of(options)
    depth, height, width = VOI_SHAPE
    outside = "voxels outside its segment were set to 0" if tumour_alone(options) else "its surroundings were kept"
    return (
        "Early recurrence after hepatectomy was predicted from the arterial phase before the operation (method: "
        f"{HEPATECTOMY.paper.rstrip('.')}), as implemented in HCCAssist. The volume around the middle of the tumour "
        f"was resampled linearly to {width} x {height} x {depth} voxels of 1 mm, clipped to {window.lower:g} to "
        f"{window.lower + window.width:g} HU and scaled to 0 to 1; {outside}. A three-dimensional convolutional "
        "network gives the risk."
    )


def methods(found: RecurrenceEvaluation[EvaluatedCase], card: ModelCard) -> str:
    """The paragraph on the method itself; that on statistics is the report's."""
    trained = trained_on(card.training) or "an unstated number of patients"
    sizes = card.training.get("cases") or {}
    split = f" ({sizes.get('train', 0)} training and {sizes.get('validation', 0)} validation cases)" if sizes else ""
    cases, known = len(found.cases), found.figures.at_cutoff.n
    members = len(card.members)
    mean = f"the mean over {members} networks" if members > 1 else "that of one network"
    return (
        f"{described(card.options)} It was trained on {trained}{split}, split by patient, with these settings: "
        f"{listed(card.options, ', ')}. The risk is {mean}. {cases} {plural('case', cases)}, none of them among the "
        f"training images, were evaluated; whether the recurrence came early is known of {known} of them. {DECISION} "
        f"Nothing was fitted to the evaluated cases. The bootstrap makes {DRAWS:,} draws of patients."
    )
