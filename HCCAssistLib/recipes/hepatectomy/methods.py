"""What a paper says of the method, from the model's own record and the run of an evaluation."""

from __future__ import annotations

from HCCAssistLib.evaluation.risk_groups import DRAWS
from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.hepatectomy.baseline import RULES
from HCCAssistLib.recipes.hepatectomy.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.hepatectomy.recipe import HEPATECTOMY, OUTCOME, VOI_SHAPE, tumour_alone, window_of
from HCCAssistLib.training.recurrence import RecurrenceEvaluation
from HCCAssistLib.wording import listed, plural


def methods(found: RecurrenceEvaluation[EvaluatedCase], card: ModelCard) -> str:
    """The paragraph on the method itself; that on statistics is the report's."""
    window = window_of(card.options)
    depth, height, width = VOI_SHAPE
    trained = trained_on(card.training) or "an unstated number of patients"
    sizes = card.training.get("cases") or {}
    split = f" ({sizes.get('train', 0)} training and {sizes.get('validation', 0)} validation cases)" if sizes else ""
    cases, known = len(found.cases), found.figures.at_cutoff.n
    outside = "voxels outside its segment were set to 0" if tumour_alone(card.options) else "its surroundings were kept"
    members = len(card.members)
    mean = f"the mean over {members} networks" if members > 1 else "that of one network"
    return (
        "Early recurrence after hepatectomy was predicted from the arterial phase before the operation (method: "
        f"{HEPATECTOMY.paper.rstrip('.')}), as implemented in HCCAssist. The volume around the middle of the tumour "
        f"was resampled linearly to {width} x {height} x {depth} voxels of 1 mm, clipped to {window.lower:g} to "
        f"{window.lower + window.width:g} HU and scaled to 0 to 1; {outside}. A three-dimensional convolutional "
        f"network was trained on {trained}{split}, split by patient, with these settings: "
        f"{listed(card.options, ', ')}. The risk is {mean}. {cases} {plural('case', cases)}, none of them among the "
        f"training images, were evaluated; early is a recurrence within {OUTCOME.horizon_months:g} months, which is "
        f"known of {known} of them. Those who were followed for less without one count in the survival and in the "
        f"C-index alone. Beside it, logistic regressions on {', on '.join(RULES)} of the tumour were fitted to the "
        f"same training cases. Nothing was fitted to the evaluated cases. The bootstrap makes {DRAWS:,} draws of "
        "patients."
    )
