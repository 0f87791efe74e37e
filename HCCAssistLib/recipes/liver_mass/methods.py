"""What a paper says of the method, from the model's own record and the run of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.liver_mass.performance import MassEvaluation
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, SIZE, WINDOW_OF, phases_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.wording import listed, plural

DECISION = (
    "The category with the highest probability is the decision. A and B were told from C, D and E by an ordinal score "
    "of that category (A and B 4, C 3, D 2, E 1)."
)


def described(options: Mapping[str, Value]) -> str:
    """What the method does, whatever it was trained on."""
    phases = phases_of(options)
    windows = ", ".join(f"{phase} {WINDOW_OF[phase].level:g}/{WINDOW_OF[phase].width:g}" for phase in phases)
    return (
        f"Liver masses were put into five categories on CT with a two-dimensional convolutional network (method: "
        f"{LIVER_MASS.paper.rstrip('.')}), as implemented in HCCAssist. The network sees one axial section through "
        f"each mass in {len(phases)} {plural('phase', len(phases))} ({', '.join(phases)}; level/width in HU: "
        f"{windows}), a square of {options['field_factor']:g} diameters of the mass, at least "
        f"{options['field_least']:g} and at most {options['field_most']:g} mm wide, resized to {SIZE} x {SIZE} pixels "
        "with an antialiasing filter."
    )


def methods(found: MassEvaluation, card: ModelCard) -> str:
    """The paragraph on the method itself; that on statistics is the report's."""
    options = card.options
    trained = trained_on(card.training) or "an unstated number of patients"
    sizes = card.training.get("cases") or {}
    split = f" ({sizes.get('train', 0)} training and {sizes.get('validation', 0)} validation cases)" if sizes else ""
    several = found.session_count > 1
    sessions = (
        f"The probabilities of {found.session_count} sessions, each trained with a seed of its own, are averaged; "
        "median and range are those of the sessions alone."
        if several
        else "The model was trained in one session."
    )
    masses, cases = len(found.masses), len(found.results)
    return (
        f"{described(options)} It was trained on {trained}{split}, split by patient, with these settings: "
        f"{listed(options, ', ')}. {sessions} {masses} {plural('mass', masses)} in {cases} evaluated "
        f"{plural('case', cases)}, none of them among the training images, were classified. {DECISION}"
        + (
            f" Conformal sets of categories ({found.sets.basis}) rest on the probability of the right category in "
            "masses that members were held out of, each patient weighted equally."
            if found.sets
            else ""
        )
    )
