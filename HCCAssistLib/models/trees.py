"""An ensemble of decision trees as arrays: its probabilities, what each variable adds to them, and what it is made of.

A forest of scikit-learn can be stored only by pickle, which runs code when it is read, and takes some 20 ms for one
patient. As arrays it is a safetensors file that any program can read and check, and NumPy is all that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.tree_checks import check_ensemble, read_entries

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
IntpArray = npt.NDArray[np.intp]

TOGETHER = 40_000
"""Pairs of patient and tree that are followed together: what fits into a processor's cache."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each variable adds to the probability of each patient.

    Attributes:
        probability: of the event, ``(patients,)``.
        base_rate: the share of events among the patients that the trees were fitted on, where every path begins.
        of_variables: ``(patients, variables)``; ``base_rate + of_variables.sum(axis=1)`` is ``probability`` to 1e-12.
    """

    probability: FloatArray
    base_rate: float
    of_variables: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class TreeEnsemble:
    """Binary decision trees whose probabilities are averaged, such as the extremely randomised trees of kong2025.

    The nodes of all trees lie one after the other; a child comes after its parent in the same tree. A patient goes left
    where the value, rounded to float32, is at most the threshold, and where it is missing (NaN) as ``missing_left``
    says. That, and the order in which the trees are summed, is scikit-learn's: the probabilities are the same bits.

    >>> stump = TreeEnsemble(
    ...     variables=("afp_ng_per_ml",), unknown=(0,), starts=(0,), feature=(0, -1, -1), threshold=(20.5, 0, 0),
    ...     left=(1, -1, -1), right=(2, -1, -1), missing_left=(True, False, False),
    ...     probability=(0.3, 0.1, 0.5), samples=(10, 5, 5),
    ... )
    >>> stump.probabilities([[8.0], [400.0], [float("nan")]]).tolist()
    [0.1, 0.5, 0.1]

    Attributes:
        variables: names of the columns of a patient's values.
        unknown: for each variable, in how many patients of the fitting it was missing. Where it was in none, a missing
            value takes the way of the majority at each node, which nothing was learnt about: warn, or fill it in.
        starts: the root of each tree.
        feature: column that each node asks for, -1 in a leaf.
        threshold: that it asks for, float64; 0 in a leaf.
        left, right: children of each node, counted over all trees; -1 in a leaf.
        missing_left: whether a patient without the value goes left.
        probability: share of events among the patients of the fitting in each node; a leaf's is the tree's answer.
        samples: how many they were.

    Raises:
        InputError: arrays that are no such trees: shapes, ranges, circles, numbers that are none.
    """

    variables: tuple[str, ...]
    unknown: IntArray
    starts: IntArray
    feature: IntArray
    threshold: FloatArray
    left: IntArray
    right: IntArray
    missing_left: npt.NDArray[np.bool_]
    probability: FloatArray
    samples: IntArray
    _packed: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        arrays = check_ensemble(self.variables, {name: getattr(self, name) for name in _ARRAYS})
        for name, array in arrays.items():
            object.__setattr__(self, name, array)
        object.__setattr__(self, "_packed", self._records())

    @property
    def base_rate(self) -> float:
        """The share of events among the patients of the fitting: the mean probability of the roots."""
        return float(np.cumsum(self.probability[self.starts])[-1] / len(self.starts))

    def row(self, values: Mapping[str, float | None]) -> FloatArray:
        """One patient's values in the order of ``variables``; None or an absent name becomes NaN.

        Raises:
            InputError: a name that is none of the variables, or a value that is no number.
        """
        strange = sorted(values.keys() - set(self.variables))
        if strange:
            remedy = f"the trees know {', '.join(self.variables)}"
            raise InputError(f"{', '.join(strange)}: no variable of these trees", remedy=remedy)
        try:
            return np.array([np.nan if (v := values.get(name)) is None else float(v) for name in self.variables])
        except (TypeError, ValueError) as error:
            raise InputError("a clinical value is no number", remedy="correct it, or leave it out") from error

    def probabilities(self, values: npt.ArrayLike) -> FloatArray:
        """The probability of the event.

        Args:
            values: ``(patients, variables)``, or ``(variables,)`` of one patient; NaN where a value is missing.

        Returns:
            ``(patients,)``, equal to the bit to column 1 of scikit-learn's ``predict_proba``.

        Raises:
            InputError: another number of columns, or a value that is infinite or too large for float32.
        """
        rows, found = self._rows(values), []
        for part in self._parts(rows):
            nodes = self._roots(len(part))
            for _, under_way, after in self._steps(part, nodes):
                nodes[under_way] = after
            found.append(self._mean(nodes, len(part)))
        return np.concatenate(found)

    def contributions(self, values: npt.ArrayLike) -> Contributions:
        """What each variable adds to the probability along the paths of the trees (Saabas).

        At each node the share of events changes from the node's to the child's; the change counts for the variable that
        the node asks for, and is averaged over the trees. Such a contribution tells how this model came to this
        probability. It depends on the other variables, and is no effect of the variable on the patient.

        Args:
            values: as in ``probabilities``.

        Raises:
            InputError: as in ``probabilities``.
        """
        rows, n = self._rows(values), len(self.variables)
        found, added = [], []
        for part in self._parts(rows):
            nodes, sums = self._roots(len(part)), np.zeros(part.size)
            for asked, under_way, after in self._steps(part, nodes):
                change = self.probability.take(after) - self.probability.take(nodes.take(under_way))
                sums += np.bincount(asked, change, minlength=part.size)
                nodes[under_way] = after
            found.append(self._mean(nodes, len(part)))
            added.append(sums.reshape(-1, n) / len(self.starts))
        return Contributions(np.concatenate(found), self.base_rate, np.concatenate(added))

    def importances(self) -> FloatArray:
        """Mean decrease in impurity of each variable, ``(variables,)``, with the sum 1; zeros where no tree splits.

        By Gini's impurity, as kong2025 reports it and scikit-learn's ``feature_importances_`` gives it (to 1e-12). It
        favours variables with many different values.
        """
        impurity = 2.0 * self.samples * self.probability * (1 - self.probability)
        inner = np.flatnonzero(self.feature >= 0)
        if not len(inner):
            return np.zeros(len(self.variables))
        decrease = impurity[inner] - impurity[self.left[inner]] - impurity[self.right[inner]]
        tree = np.searchsorted(self.starts, inner, side="right") - 1
        n, trees = len(self.variables), len(self.starts)
        each = np.bincount(tree * n + self.feature[inner], decrease, minlength=n * trees).reshape(trees, n)
        total = each.sum(axis=1, keepdims=True)
        # A tree whose splits told nothing apart counts with zeros, one that is a mere leaf not at all.
        shares = np.divide(each, total, out=np.zeros_like(each), where=total > 0)[np.unique(tree)].mean(axis=0)
        return np.asarray(shares / shares.sum()) if shares.sum() > 0 else shares

    def as_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Contiguous arrays for ``trees.safetensors``; the names of the variables as UTF-8, one a line."""
        names = np.frombuffer("\n".join(self.variables).encode(), dtype=np.uint8)
        return {"variables": names.copy(), **{name: getattr(self, name).copy() for name in _ARRAYS}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> TreeEnsemble:
        """Read what ``as_arrays`` wrote.

        Raises:
            InputError: arrays are missing, unknown or damaged.
        """
        variables, others = read_entries(arrays, _ARRAYS)
        return cls(variables, **others)

    def _rows(self, values: npt.ArrayLike) -> npt.NDArray[np.float32]:
        try:
            rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise InputError("the clinical values are no table of numbers") from error
        n = len(self.variables)
        if rows.ndim != 2 or rows.shape[1] != n or not len(rows):
            what = f"values of the shape {rows.shape} do not fit trees of {n} variables"
            raise InputError(what, remedy=f"give {', '.join(self.variables)}, in this order")
        with np.errstate(over="ignore"):
            single = rows.astype(np.float32)
        if np.isinf(single).any():
            name = self.variables[int(np.flatnonzero(np.isinf(single).any(axis=0))[0])]
            raise InputError("a value is infinite or too large", name, "correct it, or leave it out")
        return single

    def _parts(self, rows: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        each = max(1, TOGETHER // len(self.starts))
        return [rows[begin : begin + each] for begin in range(0, len(rows), each)]

    def _roots(self, patients: int) -> IntpArray:
        """Where all paths begin: the trees of the first patient, then those of the next."""
        return np.tile(self.starts.astype(np.intp), patients)

    def _steps(self, rows: npt.NDArray[np.float32], nodes: npt.NDArray[np.intp]) -> Iterator[tuple[IntpArray, ...]]:
        """Follow all paths level by level; those that reached a leaf take no further part.

        Yields:
            Which entry of ``rows`` each path asked for, counted over the whole table; which paths those are; and the
            nodes that they come to.
        """
        values, columns = rows.ravel(), rows.shape[1]
        some_missing = bool(np.isnan(values).any())
        under_way, here = np.arange(len(nodes)), nodes
        first = np.repeat(np.arange(len(rows)) * columns, len(self.starts))
        while True:
            records = self._packed.take(here, axis=0)
            inner = np.flatnonzero(records[:, 0] >= 0)
            if not len(inner):
                return
            if len(inner) < len(here):
                records = records.take(inner, axis=0)
                under_way, first = under_way.take(inner), first.take(inner)
            asked = (records[:, 0] >> 1) + first
            value = values.take(asked)
            right = value > records.view(np.float32)[:, 1]  # NaN is not, and goes left...
            if some_missing:  # ...unless the node says otherwise
                right |= np.isnan(value) & (records[:, 0] & 1 == 0)
            here = np.where(right, records[:, 3], records[:, 2])
            yield asked, under_way, here

    def _records(self) -> IntArray:
        """All that a path needs of a node side by side, ``(nodes, 4)``, so that it comes from the memory at once.

        Variable and way of a missing value in one number, -1 in a leaf; the bits of the threshold; left; right.
        """
        # A float32 is above a float64 where it is above the largest float32 that is not greater.
        with np.errstate(over="ignore"):
            threshold = self.threshold.astype(np.float32)
        above = threshold > self.threshold
        threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
        asked = np.where(self.feature < 0, -1, 2 * self.feature + self.missing_left)
        return np.stack([asked, threshold.view(np.int32), self.left, self.right], axis=1).astype(np.int32)

    def _mean(self, leaves: IntpArray, patients: int) -> FloatArray:
        # NumPy's sum adds in pairs, scikit-learn tree after tree: the last bits would differ.
        sums = np.cumsum(self.probability.take(leaves).reshape(patients, -1), axis=1)[:, -1]
        return np.asarray(sums / len(self.starts))


_ARRAYS = ("unknown", "starts", "feature", "threshold", "left", "right", "missing_left", "probability", "samples")
