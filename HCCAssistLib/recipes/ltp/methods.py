"""What a paper says of the method, from the model's own record and the run of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM
from HCCAssistLib.recipes.ltp.performance import LTPEvaluation
from HCCAssistLib.recipes.ltp.recipe import LTP, PATCH_SHAPE, SPACING_MM, WINDOWS
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.wording import listed

DECISION = (
    "Neighbouring patches were merged into candidates, each with its highest score. A candidate at or above the "
    "cut-off counts as positive. A candidate whose centre lies within "
    f"{TOLERANCE_MM:g} mm of an annotated point has found that lesion; all others are false positives. A patient is "
    "flagged where any candidate reaches the cut-off."
)


def described(options: Mapping[str, Value]) -> str:
    """What the method does, whatever it was trained on."""
    k, j, i = PATCH_SHAPE
    windows = ", ".join(f"{window.level:g}/{window.width:g}" for window in WINDOWS)
    in_plane, between = SPACING_MM
    return (
        "Local tumour progression (LTP) after ablation was detected on arterial-phase CT with a three-dimensional "
        f"convolutional network (method: {LTP.paper.rstrip('.')}), as implemented in HCCAssist. The network sees "
        f"patches of {i} x {j} pixels and {k} slices in three windows (level/width {windows} HU); volumes with pixels "
        f"outside {in_plane[0]:g}-{in_plane[1]:g} mm or slices outside {between[0]:g}-{between[1]:g} mm are resampled."
    )


def methods(found: LTPEvaluation, card: ModelCard) -> str:
    """The paragraph on the method itself; that on statistics is the report's."""
    trained = trained_on(card.training) or "an unstated number of patients"
    sizes = card.training.get("cases") or {}
    split = f" ({sizes.get('train', 0)} training and {sizes.get('validation', 0)} validation cases)" if sizes else ""
    chosen = listed(card.options, ", ")
    scanned = listed({name: value for name, value in found.run["options"].items() if name != "heatmap"}, ", ")
    return (
        f"{described(card.options)} It was trained on {trained}{split}, split by patient, with these settings: "
        f"{chosen}. Each of {len(found.results)} evaluated cases, none of them among the training images, was scanned "
        f"with overlapping patches ({scanned}). {DECISION}"
    )
