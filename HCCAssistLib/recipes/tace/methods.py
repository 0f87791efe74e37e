"""What a paper says of the method, from the model's own record and the run of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.baseline import RULES
from HCCAssistLib.recipes.tace.level import DRAWS
from HCCAssistLib.recipes.tace.performance import TACEEvaluation
from HCCAssistLib.recipes.tace.recipe import SIZE, TACE, window_of, with_backbone
from HCCAssistLib.wording import listed, plural

DECISION = (
    "The probability of an objective response is the sum of those of CR and PR; that of a patient is the mean over the "
    "target tumours, each the mean over its patches. The reference is the response that the cohort's table tells."
)


def described(options: Mapping[str, Value]) -> str:
    """What the method does, whatever it was trained on."""
    window = window_of(options)
    slices = "as stored" if options["slices"] == "stored" else "of 1 mm, interpolated"
    return (
        "The response to transarterial chemoembolization was predicted from the arterial phase before the treatment "
        f"(method: {TACE.paper.rstrip('.')}), as implemented in HCCAssist. Of each segmented target tumour, the "
        f"largest square that lies within it was taken in the axial slice of largest area and in its neighbours "
        f"(slices {slices}), shown in level/width {window.level:g}/{window.width:g} HU and resized to {SIZE} x {SIZE} "
        f"pixels. {_body(options)}"
    )


def methods(found: TACEEvaluation, card: ModelCard) -> str:
    """The paragraph on the method itself; that on statistics is the report's."""
    options = card.options
    trained = trained_on(card.training) or "an unstated number of patients"
    sizes = card.training.get("cases") or {}
    split = f" ({sizes.get('train', 0)} training and {sizes.get('validation', 0)} validation cases)" if sizes else ""
    cases, patches = len(found.cases), found.patch.n
    rules = (
        f"Beside it, logistic regressions on {', on '.join(RULES)} of a tumour were fitted to the same training cases. "
        if found.cases[0].by_rule
        else ""
    )
    return (
        f"{described(options)} It was trained on {trained}{split}, split by patient, with these settings: "
        f"{listed(options, ', ')}. {rules}{patches} {plural('patch', patches)} of {cases} evaluated "
        f"{plural('case', cases)}, none of them among the training images, were classified. {DECISION} Nothing was "
        f"fitted to the evaluated cases. The bootstrap makes {DRAWS:,} draws of patients."
    )


def _body(options: Mapping[str, Value]) -> str:
    if not with_backbone(options):
        return (
            "A small network that was trained whole classified them; it stands in for the ResNet-50 of the paper, "
            "which was not used."
        )
    return (
        "A ResNet-50 with ImageNet weights that stayed as they are "
        f"({_weights(options['backbone'])}) turned each into 2,048 features, and one layer of 8,196 weights that "
        "learnt classified them."
    )


def _weights(backbone: Value) -> str:
    return f"sha256 {backbone}" if len(str(backbone)) == 64 else "those installed"
