"""The threshold of an objective response that a reader of the report moves."""

from __future__ import annotations

from dataclasses import replace

from HCCAssistLib.evaluation.explorer import Scale, binary_scale
from HCCAssistLib.recipes.tace.level import DRAWS
from HCCAssistLib.recipes.tace.performance import MORE_LIKELY, TACEEvaluation

COLUMN = "CR or PR"
"""Of the table of cases: whether an objective response is told at the threshold."""


def explorer(found: TACEEvaluation) -> Scale:
    """Every threshold that changes a figure, with the cases in the order of their table."""
    scale = binary_scale(
        "Probability of an objective response (CR, PR)",
        [one.responded for one in found.cases],
        [one.objective for one in found.cases],
        [one.patient_id for one in found.cases],
        unit="patient",
        level="Objective response, patients",
        column=COLUMN,
        cutoff=MORE_LIKELY,
        draws=DRAWS,
    )
    return replace(scale, rows=(*scale.rows, *(() for _ in found.left_out)))
