"""What the table tells of the candidates of a detection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.panels.findings_table import Column
from HCCAssistLib.panels.result_words import DETECTION


def detection_columns(review: Callable[[], Any]) -> tuple[Column, ...]:
    """The columns of a detection.

    Args:
        review: the ``CaseReview`` that the table shows.
    """

    def distance(candidate: Any) -> str:
        mm = candidate.distance_to_ablation_mm
        if mm is None:
            return ""
        return _("{mm:.0f} far").format(mm=mm) if review().is_far(candidate.number) else f"{mm:.0f}"

    return (
        Column(
            "No.",
            "Number of the box: 1 has the highest score. It stays, however the table is sorted",
            lambda c: str(c.number),
            lambda c: c.number,
        ),
        Column(
            "Score",
            "The network's score, 0 to 1, a mean over small shifts of the place. Not the risk of this patient",
            lambda c: f"{c.probability:.3f}",
            lambda c: c.probability,
            falling=True,
            leads=True,
        ),
        Column(
            "Image",
            "Number of the image in the scan, counted from 1 in the order in which it is stored (one more than K in "
            "Slicer's data probe). It need not be the number that the scanner wrote",
            lambda c: str(c.slice + 1),
            lambda c: c.slice,
        ),
        Column(
            "To zone\nmm",
            "From the middle of the box to the surface of the ablation zone, in millimetres; negative inside. Far: too "
            "far for a local progression. Needs the zone's segment",
            distance,
            lambda c: c.distance_to_ablation_mm,
        ),
        Column(
            "Verdict",
            "To review, accepted (progression), rejected (no tumour), or another tumour",
            lambda c: _(DETECTION.told[c.review.verdict]),
            lambda c: c.review.verdict.value,
            color=lambda c: review().color(c.number),
        ),
        Column(
            "Comment",
            "Free text, by a double click. It stays in this scene and in the result; it is not exported to a cohort",
            lambda c: c.review.comment,
            lambda c: c.review.comment or None,
            editable=True,
        ),
    )
