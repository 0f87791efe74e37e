"""Conformal p-values: how unusual an answer would be beside those of held-out rows whose answer is known.

A row with a p-value above ``1 - level`` for a category has that category in its set, and the sets hold the right one in
``level`` of new rows, whatever the scores are worth, as long as new patients are exchangeable with the held-out ones
(Vovk, Gammerman, Shafer, Algorithmic learning in a random world, 2005; Sadinle, Lei, Wasserman, J Am Stat Assoc
2019;114:223-234). Rows of one patient are not exchangeable with those of another: patients are, so each counts once,
however many rows it has (Lee, Barber, Willett, arXiv:2306.06342).

That holds exactly where one model gives all scores. Where held-out rows are scored by the members that did not learn
them, and new rows by the mean of all members, it holds as far as members differ little (the "CV" of Barber, Candes,
Ramdas, Tibshirani, Ann Stat 2021;49:486-507): the coverage of an evaluation shows whether it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.values import BoolArray, FloatArray, IntArray

LEVEL = 0.90
"""Share of new rows whose set is to hold the right category."""

LEAST_PATIENTS = 20
"""Of each category, so that each has a level of its own (Mondrian); else all categories are calibrated together."""

ROUNDING = 1e-9


def p_values(scores: FloatArray, patients: IntArray, at: FloatArray) -> FloatArray:
    """The share of patients, the new one counted among them, whose scores are as high as a new one or higher.

    >>> p_values(np.array([0.1, 0.2, 0.3]), np.array([0, 1, 2]), np.array([0.25, 0.9]))
    array([0.5 , 0.25])

    Args:
        scores: ``(n,)`` of held-out rows, higher the more unusual.
        patients: ``(n,)`` numbers; the rows of a patient share one weight.
        at: ``(m,)`` of new rows.

    Returns:
        ``(m,)``, above 0 and at most 1; all 1 where nothing was held out.
    """
    _, of, count = np.unique(patients, return_inverse=True, return_counts=True)
    as_high: FloatArray = (scores >= at[:, None] - ROUNDING) @ (1.0 / count[of])
    return (1.0 + as_high) / (1.0 + len(count))


def in_set(p: npt.ArrayLike, level: float) -> BoolArray:
    """Whether what has such a p-value cannot be excluded at a level.

    >>> in_set([0.1, 0.11], 0.9)  # 1 - 0.9 is a little less than 0.1
    array([False,  True])
    """
    return np.asarray(p, dtype=np.float64) > 1.0 - level + ROUNDING


@dataclass(frozen=True, eq=False, slots=True)
class Calibration:
    """Held-out rows of known category, each judged by the members that it was held out of.

    Attributes:
        probabilities: ``(n,)`` that these members give to its own category, in the mean.
        distances: ``(n,)`` of its features from those that these members were trained on.
        labels: ``(n,)`` category, an index.
        patients: ``(n,)`` numbers that stand for nobody elsewhere.

    Raises:
        InputError: arrays that do not fit together.
    """

    probabilities: FloatArray
    distances: FloatArray
    labels: IntArray
    patients: IntArray

    def __post_init__(self) -> None:
        shapes = {array.shape for array in self.as_arrays().values()}
        if len(shapes) > 1 or self.labels.ndim != 1 or not len(self.labels) or self.labels.min() < 0:
            raise InputError("the calibration of the model is damaged", remedy="train the model again")

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.labels)

    @property
    def n_patients(self) -> int:
        """Patients behind them."""
        return len(np.unique(self.patients))

    def by_category(self, categories: int) -> bool:
        """Whether each of so many categories has patients enough to be calibrated by itself."""
        return all(len(np.unique(self.patients[self.labels == code])) >= LEAST_PATIENTS for code in range(categories))

    def of_categories(self, probabilities: FloatArray) -> FloatArray:
        """How unusual each category would be for new rows: p-values ``(m, categories)`` of probabilities like them."""
        categories = probabilities.shape[1]
        apart = self.by_category(categories)
        columns = []
        for code in range(categories):
            own = self.labels == code if apart else np.ones(self.n, dtype=bool)
            columns.append(p_values(1.0 - self.probabilities[own], self.patients[own], 1.0 - probabilities[:, code]))
        return np.stack(columns, axis=1)

    def of_distances(self, distances: FloatArray) -> FloatArray:
        """How unusual new rows are as such, whatever their category: p-values ``(m,)`` of distances like them."""
        return p_values(self.distances, self.patients, distances)

    def as_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """To be kept in a model package."""
        return {
            "probabilities": self.probabilities,
            "distances": self.distances,
            "labels": self.labels,
            "patients": self.patients,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Calibration:
        """Read what ``as_arrays`` gave.

        Raises:
            InputError: an array is missing, or they do not fit together.
        """
        if missing := {"probabilities", "distances", "labels", "patients"} - set(arrays):
            what = f"the calibration of the model lacks its {min(missing)}"
            raise InputError(what, remedy="train the model again")
        probabilities, distances = (np.asarray(arrays[n], dtype=np.float64) for n in ("probabilities", "distances"))
        labels, patients = (np.asarray(arrays[n], dtype=np.int64) for n in ("labels", "patients"))
        return cls(probabilities, distances, labels, patients)
