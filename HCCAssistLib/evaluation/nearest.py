"""The confirmed cases that look most alike to a network: nearest neighbours among its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.values import FloatArray

NEAREST = 5

AT_RANDOM = 1.4
"""About how far apart two confirmed findings lie that are drawn at random."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One confirmed finding beside another one.

    Attributes:
        row: of the confirmed findings.
        distance: between both, in standard deviations of the confirmed findings' features: the root of the mean square
            over all features. Two that are drawn at random lie about ``AT_RANDOM`` apart.
    """

    row: int
    distance: float


def nearest(
    features: FloatArray, patient: str, confirmed: FloatArray, patients: Sequence[str], *, count: int = NEAREST
) -> tuple[Neighbour, ...]:
    """The confirmed findings that are nearest, never of the same patient; each patient gives one at most.

    Args:
        features: ``(values,)`` of a finding; the values of several members stand one after the other.
        patient: whose it is.
        confirmed: ``(n, values)``.
        patients: ``(n,)`` whose they are.
        count: how many, where there are so many patients.

    Raises:
        InputError: features of different lengths.
    """
    if confirmed.ndim != 2 or confirmed.shape != (len(patients), len(features)):
        raise InputError("the features do not fit together", "nearest cases")
    if not len(patients):
        return ()
    scale = confirmed.std(axis=0)
    used = scale > 0  # what is the same in all of them tells none apart
    if not used.any():
        return ()
    apart = (confirmed[:, used] - features[used]) / scale[used]
    distance = np.sqrt(np.mean(np.square(apart), axis=1))
    found: dict[str, Neighbour] = {}
    for row in np.argsort(distance, kind="stable"):
        name = patients[row]
        if name != patient and name not in found:
            found[name] = Neighbour(int(row), float(distance[row]))
    return tuple(found.values())[:count]
