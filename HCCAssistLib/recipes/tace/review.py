"""What a reader's review adds to a cohort: nothing that a model could learn its own predictions from.

A verdict before the treatment is an opinion on a prediction, never the response. That is known after the follow-up
alone, and measured (``HCCAssistLib.response``) or written into the column ``response`` by the reader.
"""

from __future__ import annotations

from HCCAssistLib.cohort.points import PointList
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.recipes.annotations import TrainingAnnotations
from HCCAssistLib.recipes.tace.recipe import COLUMN, TUMOURS
from HCCAssistLib.results.classification import ClassificationResult


def training_annotations(result: ClassificationResult, *, missed: PointList | None = None) -> TrainingAnnotations:
    """Neither points nor a label, whatever the verdicts: the segments of the run are what the cohort gets.

    Args:
        result: with the reader's verdicts.
        missed: none; a tumour is added as a segment.

    Raises:
        InputError: points are given as missed tumours.
    """
    if missed is not None and missed.points:
        raise InputError("a tumour is a segment here, not a point", TUMOURS, "draw a segment for it and run again")
    what = f"the column {COLUMN} is filled neither from predictions nor from verdicts"
    warnings = [Problem("WARN", what, "cohort.csv", "measure the follow-up by mRECIST, or write the response there")]
    if not any(finding.target for finding in result.findings):
        what = "no tumour is marked as a target, so that the case cannot be trained on"
        warnings.append(Problem("WARN", what, TUMOURS, "tag the segments that count with target yes"))
    return TrainingAnnotations({}, {}, tuple(warnings))
