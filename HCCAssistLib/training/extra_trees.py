"""Extremely randomised trees on clinical variables, fitted by scikit-learn and kept as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.trees import TreeEnsemble

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

TREES = 500


def fit_extra_trees(
    values: npt.ArrayLike,
    events: npt.ArrayLike,
    variables: Sequence[str],
    *,
    trees: int = TREES,
    max_depth: int | None = None,
    min_samples_leaf: int = 1,
    seed: int = 0,
) -> TreeEnsemble:
    """Extra trees as kong2025 fits them on clinical values, with or without a signature of images among them.

    Every tree sees all patients (no bootstrap), and classes are not weighted, so that the probability is one of the
    cohort's own base rate.

    >>> trees = fit_extra_trees([[12.0], [15], [31], [38]], [0, 0, 1, 1], ["tumour_size_mm"], trees=20)
    >>> trees.probabilities([[35.0]]).tolist(), trees.base_rate
    ([1.0], 0.5)

    Args:
        values: ``(patients, variables)``; NaN where a value is missing.
        events: ``(patients,)``, 1 for the event and 0 for none.
        variables: names of the columns.
        trees: how many.
        max_depth: of each tree; None for no limit.
        min_samples_leaf: patients in a leaf at least.
        seed: of the random splits.

    Raises:
        InputError: values and events that do not fit each other, only one class, a variable without any value, an
            option out of range, or a scikit-learn too old for missing values.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    table, labels = _checked(values, events, variables)
    options = {"trees": trees, "max_depth": max_depth, "min_samples_leaf": min_samples_leaf}
    for name, value in options.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise InputError(f"{name} is a whole number from 1 on, not {value!r}", "extra trees")
    model = ExtraTreesClassifier(
        n_estimators=trees,
        max_depth=max_depth,
        min_samples_leaf=min_samples_leaf,
        class_weight=None,
        bootstrap=False,
        random_state=seed,
    )
    unknown = np.isnan(table).sum(axis=0)
    try:
        model.fit(table, labels)
    except ValueError as error:
        if not unknown.any():
            raise
        remedy = "update scikit-learn to 1.6 or later, or fill in the missing values"
        raise InputError("this scikit-learn fits no extra trees with missing values", remedy=remedy) from error
    return as_ensemble(model, variables, unknown)


def as_ensemble(model: ExtraTreesClassifier, variables: Sequence[str], unknown: npt.ArrayLike) -> TreeEnsemble:
    """A fitted forest of scikit-learn as arrays.

    Args:
        model: fitted on the classes 0 and 1, with Gini's impurity and without weights.
        variables: names of its columns.
        unknown: missing values of each in the fitting.

    Raises:
        InputError: other classes, or another criterion.
    """
    if list(model.classes_) != [0, 1] or model.criterion != "gini":
        raise InputError("only forests of the classes 0 and 1 by Gini's impurity are kept as arrays", "extra trees")
    fitted = [estimator.tree_ for estimator in model.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in fitted[:-1])], dtype=np.int32)

    # The attributes of a tree are strided views of its nodes: each is copied.
    def joined(name: str) -> npt.NDArray[np.int32]:
        return np.concatenate([np.ascontiguousarray(getattr(tree, name)) for tree in fitted])

    def children(name: str) -> npt.NDArray[np.int32]:
        first = np.repeat(starts, [tree.node_count for tree in fitted])
        inside = joined(name)
        return np.where(inside < 0, -1, inside + first).astype(np.int32)

    left = children("children_left")
    leaf = left < 0
    return TreeEnsemble(
        variables=tuple(variables),
        unknown=np.asarray(unknown),
        starts=starts,
        feature=np.where(leaf, -1, joined("feature")),
        threshold=np.where(leaf, 0.0, joined("threshold")),
        left=left,
        right=children("children_right"),
        missing_left=joined("missing_go_to_left").astype(bool) & ~leaf,
        probability=np.concatenate([tree.value[:, 0, 1] for tree in fitted]),
        samples=joined("n_node_samples").astype(np.int32),
    )


def _checked(
    values: npt.ArrayLike, events: npt.ArrayLike, variables: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The table and the labels, or why no trees can be fitted on them."""
    try:
        table, labels = np.asarray(values, dtype=np.float64), np.asarray(events, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("clinical values and events are numbers", "extra trees") from error
    if table.ndim != 2 or table.shape != (len(labels), len(variables)) or labels.ndim != 1:
        what = f"values {table.shape}, events {labels.shape} and {len(variables)} variables do not fit each other"
        raise InputError(what, "extra trees")
    if not set(labels.tolist()) <= {0.0, 1.0}:
        raise InputError("events are 1 or 0", "extra trees", "leave out patients whose outcome is not known")
    if len(set(labels.tolist())) < 2:
        raise InputError("all patients have the same outcome", "extra trees", "fit on patients of both outcomes")
    if np.isinf(table).any() or (np.abs(table[~np.isnan(table)]) > np.finfo(np.float32).max).any():
        raise InputError("a clinical value is infinite or too large", "extra trees", "correct it, or leave it out")
    for name, column in zip(variables, table.T, strict=True):
        if np.isnan(column).all():
            raise InputError("no patient has a value", name, "leave the variable out")
    return table, labels.astype(np.int64)
