"""What the table tells of the findings of a classification."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.panels.findings_table import Column
from HCCAssistLib.panels.result_words import CLASSIFICATION, WIDE_SPREAD, networks_disagree, spread_width
from HCCAssistLib.scene.presenters.detection import score_text

BLOCKS = "▁▂▃▄▅▆▇█"
"""A bar for a score from 0 to 1: as high as the score."""

SHORT = 6
"""Characters of a category's name in the table; the whole one stands above the table."""


def classification_columns(
    review: Callable[[], Any],
    *,
    categories: Mapping[str, str],
    groups: Mapping[str, Sequence[str]],
    sets: bool = False,
) -> tuple[Column, ...]:
    """The columns of a classification.

    Args:
        review: the ``CaseReview`` that the table shows.
        categories: code to name, as the recipe's label has them.
        groups: categories that are read together, by name.
        sets: whether models of the method may be calibrated.
    """
    of_set = Column(
        "Set",
        "The categories that held-out findings of the training do not exclude; ? where the finding is unlike anything "
        "seen. Empty of a model that is not calibrated",
        _set,
        lambda f: len(f.category_set.codes) if f.category_set else None,
    )

    def bar(code: str) -> Column:
        return Column(
            code,
            f"{code}: {categories[code]}. The score, 0 to 1, a mean over the networks. It is no risk of this patient",
            lambda f: score_bar(f.probabilities.get(code, 0.0)),
            lambda f: f.probabilities.get(code, 0.0),
            falling=True,
        )

    def grouped(name: str, codes: Sequence[str]) -> Column:
        return Column(
            name.replace("_", " ").capitalize(),
            f"Sum of the scores of {' and '.join(codes)}",
            lambda f: score_text(_sum(f, codes)),
            lambda f: _sum(f, codes),
            falling=True,
        )

    return (
        Column("No.", "In the order in which they were marked", lambda f: str(f.number), lambda f: f.number),
        Column(
            "Verdict",
            "To review, agreed, another category (which one), or unsure",
            _verdict,
            lambda f: f.review.verdict.value,
            color=lambda f: review().color(f.number),
        ),
        Column(
            "Predicted",
            "The category with the highest score",
            lambda f: f"{f.predicted} {_short(categories.get(f.predicted, ''))}",
            lambda f: f.predicted,
        ),
        *(bar(code) for code in categories),
        *([of_set] if sets else []),
        *(grouped(name, codes) for name, codes in groups.items()),
        Column(
            "Networks",
            "Lowest and highest score of the predicted category over the networks; ! where they disagree: another "
            f"category is highest for one of them, or their scores differ by {WIDE_SPREAD} or more",
            _spread,
            spread_width,
            falling=True,
        ),
        Column(
            "mm",
            "Longest diameter in the axial plane, of a finding that a segment, a box, a line or a typed size measures",
            lambda f: "" if f.diameter_mm is None else f"{f.diameter_mm:.0f}",
            lambda f: f.diameter_mm,
        ),
        Column(
            "Image",
            "Number of the image in the first scan, counted from 1 in the order in which it is stored",
            lambda f: str(f.slice + 1),
            lambda f: f.slice,
        ),
        Column(
            "Comment",
            "Free text, by a double click. It stays in this scene and in the result; it is not exported to a cohort",
            lambda f: f.review.comment,
            lambda f: f.review.comment or None,
            editable=True,
        ),
    )


def score_bar(score: float) -> str:
    """A bar and the score, as ``▅.62``; a copied cell stays readable."""
    return f"{BLOCKS[min(int(score * len(BLOCKS)), len(BLOCKS) - 1)]}{score_text(score).replace('0.', '.')}"


def _set(finding: Any) -> str:
    found = finding.category_set
    return "" if found is None else f"{' '.join(found.codes)}{' ?' if found.unlike else ''}".strip()


def _spread(finding: Any) -> str:
    if not finding.spread:
        return ""
    low, high = finding.spread[finding.predicted]
    return f"{low:.2f}–{high:.2f}{' !' if networks_disagree(finding) else ''}"


def _sum(finding: Any, codes: Sequence[str]) -> float:
    return min(1.0, sum(finding.probabilities.get(code, 0.0) for code in codes))


def _verdict(finding: Any) -> str:
    review = finding.review
    told = _(CLASSIFICATION.told[review.verdict])
    return str(_("{category} instead").format(category=review.category) if review.category else told)


def _short(name: str) -> str:
    return name if len(name) <= SHORT else name[: SHORT - 1].rstrip(" ,") + "…"
