"""A logistic regression on simple measures: what a method has to be better than."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError

FOLDS = 5


def regression() -> Any:
    """Of scaled measures; not yet fitted."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def crossed_scores(
    measures: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    name: str,
    *,
    groups: npt.NDArray[np.generic] | None = None,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """Scores of rows that the regression was not fitted to, ``(n,)``.

    Args:
        measures: ``(n, measures)``.
        labels: ``(n,)`` of 0 and 1.
        name: of what the label 1 is, for messages.
        groups: ``(n,)``, the patient of each row, whose rows stay together; each row is one by default.
        seed: of the folds.

    Raises:
        InputError: fewer patients of a kind than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    patients = np.arange(len(labels)) if groups is None else groups
    fewest = min(len(np.unique(patients[labels == value])) for value in (0, 1))
    if fewest < FOLDS:
        raise InputError(
            f"there are {fewest} patients with or without {name}, and {FOLDS} folds", remedy="make more cases"
        )
    scores: npt.NDArray[np.float64] = cross_val_predict(
        regression(),
        measures,
        labels,
        groups=patients,
        cv=StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed),
        method="decision_function",
    )
    return scores
