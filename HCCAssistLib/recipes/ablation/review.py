"""What a reader's review adds to a cohort: nothing that a model could learn its own predictions from.

Whether a recurrence came, and when, is known after the follow-up alone: the reader writes it into the table.
"""

from __future__ import annotations

from HCCAssistLib.cohort.points import PointList
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.recipes.ablation.recipe import OUTCOME, TUMOUR
from HCCAssistLib.recipes.annotations import TrainingAnnotations
from HCCAssistLib.results.risk import RiskResult


def training_annotations(result: RiskResult, *, missed: PointList | None = None) -> TrainingAnnotations:
    """Neither points nor an outcome: the regions of the run are what the cohort gets.

    Args:
        result: a risk, which has no findings to judge.
        missed: none; the method is for the tumour that was ablated.

    Raises:
        InputError: points are given as missed tumours.
    """
    if missed is not None and missed.points:
        raise InputError("the tumour is a segment or a box here, not a point", TUMOUR, "draw one and run again")
    what = f"the columns {OUTCOME.time} and {OUTCOME.event} are filled from no prediction"
    remedy = "write the months of follow-up, and 1 where a recurrence ended them"
    return TrainingAnnotations({}, {}, (Problem("WARN", what, "cohort.csv", remedy),))
