"""How far the members of an ensemble disagree about a case, and the ranking of cases by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError

MEANING = (
    "Spread is the mutual information between the answer and which member gives it, in bits: the entropy of the mean "
    "of the members' probabilities less the mean of their entropies. It is 0 where all members say the same, however "
    "unsure each of them is, and at most log2 of the number of classes, where each is sure of another answer."
)
"""What a reader is told."""

SOURCE = (
    "Houlsby N, Huszar F, Ghahramani Z, Lengyel M. Bayesian active learning for classification and preference "
    "learning. arXiv:1112.5745 (BALD); members as in Beluch WH, Genewein T, Nurnberger A, Kohler JM. The power of "
    "ensembles for active learning in image classification. CVPR 2018."
)

TIE = 1e-9
"""Bits within which two cases are told to be equal."""


def mutual_information(probabilities: npt.ArrayLike) -> float:
    """Bits that knowing the member tells about the answer.

    >>> mutual_information([[1, 0], [0, 1]]), mutual_information([[0.5, 0.5], [0.5, 0.5]])
    (1.0, 0.0)

    Args:
        probabilities: ``(members, classes)``.

    Raises:
        InputError: fewer than two members, or rows that are no probabilities.
    """
    given = np.asarray(probabilities, dtype=np.float64)
    if given.ndim != 2 or len(given) < 2:
        raise InputError("a model with one member has no spread", remedy="train it with --folds or --repeats")
    if not np.isfinite(given).all() or (given < -TIE).any() or not np.allclose(given.sum(axis=1), 1.0, atol=1e-4):
        raise InputError("the members' probabilities do not make up 1", "spread")
    found = _entropy(given.mean(axis=0)) - float(np.mean([_entropy(one) for one in given]))
    return min(max(found, 0.0), math.log2(given.shape[1]))


def ranked(spreads: Mapping[str, float]) -> list[tuple[int, str, bool]]:
    """Rank, case and whether another has the same rank: the widest spread first, equal ones by their ids.

    >>> ranked({"b": 0.2, "a": 0.2, "c": 0.5})
    [(1, 'c', False), (2, 'a', True), (2, 'b', True)]
    """
    order: Sequence[str] = sorted(spreads, key=lambda name: (-round(spreads[name] / TIE), name))
    rounded = [round(spreads[name] / TIE) for name in order]
    first = {value: number for number, value in reversed(list(enumerate(rounded, 1)))}
    return [(first[value], name, rounded.count(value) > 1) for value, name in zip(rounded, order, strict=True)]


def _entropy(probabilities: npt.NDArray[np.float64]) -> float:
    some = probabilities[probabilities > 0]
    return float(-(some * np.log2(some)).sum())
