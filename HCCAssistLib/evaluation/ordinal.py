"""AUC of an ordinal score made from a predicted category (Yasaka 2018)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.values import listed

YASAKA_2018: Mapping[str, float] = {"A": 4.0, "B": 4.0, "C": 3.0, "D": 2.0, "E": 1.0}
"""Suspicion of malignancy by predicted category: A and B malignant, C indeterminate, D haemangioma, E cyst."""


def ordinal_auc(
    labels: npt.ArrayLike,
    predictions: Sequence[Hashable],
    score_of: Mapping[str, float] = YASAKA_2018,
    *,
    unit: str,
    groups: Sequence[object] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """The AUC of a score with one level per group of categories; it is not the AUC of the network's probabilities.

    >>> found = ordinal_auc([1, 1, 0, 0], ["A", "C", "C", "E"], unit="mass")
    >>> found.name, found.value
    ('AUC of the ordinal score', 0.875)

    Args:
        labels: ``(n,)`` 1 where the truth belongs to the positive categories (A or B).
        predictions: ``(n,)`` the category that the model named.
        score_of: the score of each category.
        unit: what a row is.
        groups: ``(n,)``, the patient of each row, as of ``auc``.
        draws, seed: of the bootstrap over patients.
        level: confidence level.

    Raises:
        InputError: a prediction without a score.
    """
    scores = ordinal_scores(predictions, score_of)
    estimate = auc(labels, scores, unit=unit, groups=groups, draws=draws, seed=seed, level=level)
    levels = len(set(score_of.values()))
    note = f"ordinal score of the predicted category, {levels} levels; not the AUC of probabilities"
    return replace(estimate, name="AUC of the ordinal score", note="; ".join(filter(None, (estimate.note, note))))


def ordinal_scores(predictions: Sequence[Hashable], score_of: Mapping[str, float] = YASAKA_2018) -> list[float]:
    """The score of each predicted category.

    >>> ordinal_scores(["B", "C", "E"])
    [4.0, 3.0, 1.0]

    Raises:
        InputError: a prediction without a score.
    """
    predictions = listed(predictions, "predictions")
    unknown = sorted({str(p) for p in predictions if p not in score_of})
    if unknown:
        raise InputError(f"no score is given for {', '.join(unknown)}", "predictions")
    return [score_of[p] for p in predictions]
