"""Labels and scores as they come in: checked, missing scores counted, patients numbered."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.values import BoolArray, FloatArray, IntArray, floats, listed

__all__ = ["BoolArray", "FloatArray", "IntArray", "ScoredRows", "checked_labels", "checked_rows", "numbered_groups"]


@dataclass(frozen=True, eq=False, slots=True)
class ScoredRows:
    """Rows that can be evaluated.

    Attributes:
        labels: whether each row is positive.
        scores: finite; a higher score always means positive and is never flipped.
        groups: number of each row's patient, 0 to ``patients - 1``.
        patients: how many patients gave at least one row.
        excluded: rows left out because their score was missing (NaN or infinite).
    """

    labels: BoolArray
    scores: FloatArray
    groups: IntArray
    patients: int
    excluded: int

    @property
    def n(self) -> int:
        """Rows that stayed."""
        return len(self.scores)

    @property
    def positives(self) -> int:
        """Positive rows."""
        return int(self.labels.sum())

    @property
    def negatives(self) -> int:
        """Negative rows."""
        return self.n - self.positives

    @property
    def is_clustered(self) -> bool:
        """Whether a patient gave more than one row."""
        return self.patients < self.n

    @property
    def digest(self) -> str:
        """SHA-256 of labels and scores in sorted order: tells whether a cut-off was chosen on these rows."""
        order = np.lexsort((self.labels, self.scores))
        content = self.scores[order].astype("<f8").tobytes() + self.labels[order].tobytes()
        return hashlib.sha256(content).hexdigest()

    @property
    def one_class_reason(self) -> str:
        """Why nothing can be discriminated, or nothing."""
        if self.n == 0:
            return "no row has a score"
        if self.positives == 0:
            return "no row is positive"
        return "no row is negative" if self.negatives == 0 else ""

    def of_both_classes(self) -> ScoredRows:
        """These rows, for a curve that needs both classes.

        Raises:
            InputError: rows of one class only.
        """
        if self.one_class_reason:
            raise InputError(f"the curve is undefined: {self.one_class_reason}", remedy="evaluate rows of both classes")
        return self


def checked_labels(labels: npt.ArrayLike) -> BoolArray:
    """Labels as booleans.

    Raises:
        InputError: a label is missing, or neither 0 nor 1.
    """
    values = floats(labels, "labels")
    if np.isnan(values).any():
        raise InputError("a label is missing", "labels", "leave out the rows whose truth is not known")
    if not np.isin(values, (0.0, 1.0)).all():
        raise InputError("a label is neither 0 nor 1", "labels", "code the positive class as 1 and the other as 0")
    return values.astype(np.bool_)


def numbered_groups(groups: Sequence[object] | npt.NDArray[np.generic] | None, n: int) -> IntArray:
    """The patient of each row as a number; every row is its own patient where ``groups`` is None.

    Raises:
        InputError: as many patients as rows are needed.
    """
    if groups is None:
        return np.arange(n, dtype=np.int64)
    names = listed(groups, "groups")
    if len(names) != n:
        raise InputError(f"{len(names)} patients are named for {n} rows", "groups", "name the patient of every row")
    if any(name is None or (isinstance(name, str) and not name.strip()) for name in names):
        raise InputError("the patient of a row is missing", "groups", "name the patient of every row")
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def checked_rows(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: Sequence[object] | npt.NDArray[np.generic] | None = None,
) -> ScoredRows:
    """Check labels and scores and leave out, counted, the rows without a score.

    Args:
        labels: ``(rows,)`` of 0 and 1.
        scores: ``(rows,)``, higher means positive; NaN and infinite scores are missing.
        groups: ``(rows,)``, the patient of each row.

    Raises:
        InputError: lengths that differ, labels other than 0 and 1, no rows.
    """
    truth = checked_labels(labels)
    values = floats(scores, "scores")
    if values.shape != truth.shape:
        raise InputError(f"there are {len(truth)} labels and scores of shape {values.shape}", "scores")
    if len(truth) == 0:
        raise InputError("there is nothing to evaluate: no rows")
    patients = numbered_groups(groups, len(truth))
    kept = np.isfinite(values)
    present, renumbered = np.unique(patients[kept], return_inverse=True)
    return ScoredRows(truth[kept], values[kept], renumbered.astype(np.int64), len(present), int((~kept).sum()))
