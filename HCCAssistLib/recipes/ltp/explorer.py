"""The threshold of candidates that a reader of the report moves: lesions, false positives and patients at each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from HCCAssistLib.evaluation.explorer import FALSE, MISSED, Scale, steps
from HCCAssistLib.evaluation.froc import lesion_operating_points
from HCCAssistLib.evaluation.thresholds import PROPORTIONS, binary_metrics_at, cutoffs_of, offered_thresholds
from HCCAssistLib.evaluation.values import FloatArray
from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM
from HCCAssistLib.recipes.ltp.performance import LTPEvaluation

FOLLOWS = ("Found", "False positives", "Outcome")
"""Columns of the table of cases that follow the threshold."""


def explorer(found: LTPEvaluation) -> Scale:
    """Every threshold that changes a figure, with the cases in the order of their table."""
    matched = {case_id: volume.matched(TOLERANCE_MM) for case_id, volume in found.volumes.items()}
    hits, false = (np.concatenate([pair[side] for pair in matched.values()]) for side in (0, 1))
    cutoff = found.scan_cutoff
    thresholds = offered_thresholds(hits, false, cutoff.value)
    cutoffs = cutoffs_of(thresholds, cutoff)
    lesions = lesion_operating_points(list(found.volumes.values()), cutoffs, tolerance_mm=TOLERANCE_MM)
    patients = binary_metrics_at(
        list(found.labels.values()), list(found.highest.values()), list(found.labels), cutoffs, unit="patient"
    )
    scores = np.concatenate((hits, false))
    return Scale(
        title="Score of a candidate",
        thresholds=thresholds,
        own=int(np.searchsorted(thresholds, cutoff.value)),
        source=cutoff.source,
        scores=np.unique(scores[np.isfinite(scores)]),
        levels={
            "Lesions, by candidates": tuple(lesions),
            "Patients, by their highest candidate": tuple(tuple(one[name] for name in PROPORTIONS) for one in patients),
        },
        columns=FOLLOWS,
        rows=(
            *(steps(_positions(*matched[case_id], thresholds)) for case_id in found.results),
            *(() for _ in found.left_out),
        ),
        curve=(
            "False positives per volume",
            "Sensitivity, lesions",
            tuple(
                (rate.value or 0.0, sensitivity.value) for sensitivity, rate in lesions if sensitivity.value is not None
            ),
        ),
    )


def _positions(
    lesions: FloatArray, others: FloatArray, thresholds: FloatArray
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for threshold in thresholds:
        hits, false = (int((scores >= threshold).sum()) for scores in (lesions, others))
        marks = (MISSED if hits < len(lesions) else "") + (FALSE if false else "")
        yield marks, (str(hits), str(false), outcome_text(len(lesions), hits, false))


def outcome_text(lesions: int, hits: int, false: int) -> str:
    """The outcome of a case in words: how many of its lesions were found, and whether anything else was.

    >>> outcome_text(2, 1, 3), outcome_text(0, 0, 0)
    ('found in part, false positive', 'true negative')
    """
    truth = "found" if hits == lesions else "found in part" if hits else "missed"
    outcome = [*([truth] if lesions else []), *(["false positive"] if false else [])]
    return ", ".join(outcome) or "true negative"
