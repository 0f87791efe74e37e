"""Thresholds of a category that a reader of the report moves; the model itself names the most probable one."""

from __future__ import annotations

from dataclasses import replace

from HCCAssistLib.evaluation.explorer import Scale, binary_scale
from HCCAssistLib.recipes.liver_mass.performance import MassEvaluation
from HCCAssistLib.recipes.liver_mass.recipe import MALIGNANT
from HCCAssistLib.recipes.liver_mass.sampling import CODES

COLUMN = "Called A or B"
"""Of the table of masses: whether a mass is called malignant."""

RULE = "the most probable of five categories is named, and there is no cut-off on a probability"
FEWER = 60
"""Thresholds that each of the scales offers: there are several."""


def explorer(found: MassEvaluation) -> list[Scale]:
    """A or B against the others, then each category that occurs; the masses in the order of their table."""
    kinds = {" or ".join(MALIGNANT): MALIGNANT} | {code: (code,) for code in CODES}
    occur = {mass.reference.category for mass in found.masses}
    scales = [
        binary_scale(
            f"Probability of {name}",
            [mass.reference.category in codes for mass in found.masses],
            [min(1.0, sum(mass.finding.probabilities[code] for code in codes)) for mass in found.masses],
            [mass.patient_id for mass in found.masses],
            unit="mass",
            level=f"{name} against the others, masses",
            column=f"Called {name}",
            called=[mass.predicted in codes for mass in found.masses],
            wrong=[not mass.right for mass in found.masses],
            rule=RULE,
            most=FEWER,
        )
        for name, codes in kinds.items()
        if occur & set(codes)
    ]
    return [replace(scale, rows=(*scale.rows, *(() for _ in found.left_out))) for scale in scales]
