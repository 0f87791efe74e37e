"""What a reader's review teaches the next model: each mass with the category that the reader agreed to or named."""

from __future__ import annotations

from HCCAssistLib.cohort.points import Point, PointList, with_own_labels
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.recipes.annotations import TrainingAnnotations
from HCCAssistLib.recipes.liver_mass.recipe import MASSES
from HCCAssistLib.results.classification import ClassificationResult, Finding
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.wording import plural


def training_annotations(result: ClassificationResult, *, missed: PointList | None = None) -> TrainingAnnotations:
    """Points with their categories and sizes, for a cohort to train on.

    Masses that are still to review, and those that the reader is unsure of, are left out. Labels and comments of the
    reader are not taken over, since they may hold names.

    Args:
        result: with the reader's verdicts.
        missed: further masses, each with its category in the description; there are none that a model could miss.

    Raises:
        InputError: no mass has a category of the reader.
    """
    known = [(finding, code) for finding in result.findings if (code := _category(finding))]
    points = [
        Point(f"mass {finding.number}", finding.center, _description(code, finding.diameter_mm))
        for finding, code in known
    ]
    points += list(missed.points) if missed else []
    if not points:
        what = "no mass has a category that the reader agreed to or named"
        raise InputError(what, remedy="give a verdict on each mass first")
    warnings = []
    if left := len(result.findings) - len(known):
        what = f"{left} {plural('mass', left)} without a category of the reader {'is' if left == 1 else 'are'} left out"
        warnings.append(Problem("WARN", what, "", "give a verdict, or leave out those that are unsure"))
    return TrainingAnnotations({MASSES: PointList("masses", with_own_labels(points))}, {}, tuple(warnings))


def _category(finding: Finding) -> str:
    review = finding.review
    return {Verdict.ACCEPTED: finding.predicted, Verdict.OTHER: review.category}.get(review.verdict, "")


def _description(code: str, diameter_mm: float | None) -> str:
    return code if diameter_mm is None else f"{code}, {diameter_mm:.1f} mm"
