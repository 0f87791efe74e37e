"""Storage order made irrelevant: volumes with their axes along left, posterior and superior."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image


def patient_axes(geometry: Geometry) -> tuple[int, int, int]:
    """Which of ``(i, j, k)`` runs closest to left-right, anterior-posterior and head-foot: a permutation.

    Oblique grids can have two axes nearest to the same patient axis; the pairing with the largest sum of cosines
    is taken.
    """
    cosines = np.abs(geometry.directions)
    i, j, k = max(permutations(range(3)), key=lambda axes: sum(cosines[axis, one] for axis, one in enumerate(axes)))
    return i, j, k


def to_lps_order(image: Image) -> Image:
    """The same voxels at the same places, with i nearest to left, j to posterior and k to superior.

    Axes are permuted and flipped only: no value is changed or interpolated. The array is C-contiguous.

    >>> import numpy as np
    >>> from HCCAssistLib.imaging.geometry import Geometry
    >>> upwards = Geometry.from_parts((4, 8, 8), (1.0, 1.0, 5.0), (0, 0, 0), np.diag((-1.0, -1.0, 1.0)))
    >>> to_lps_order(Image(np.zeros((4, 8, 8), np.int16), upwards)).geometry.directions.diagonal().tolist()
    [1.0, 1.0, 1.0]
    """
    geometry = image.geometry
    axes = patient_axes(geometry)
    flips = [geometry.directions[patient_axis, axis] < 0 for patient_axis, axis in enumerate(axes)]
    array = image.array.transpose([2 - axis for axis in reversed(axes)])
    array = array[tuple(slice(None, None, -1 if flip else 1) for flip in reversed(flips))]
    affine = geometry.affine.copy()
    first = [geometry.size_ijk[axis] - 1 if flips[axes.index(axis)] else 0 for axis in range(3)]
    affine[:3, 3] = geometry.to_world(first)
    for patient_axis, axis in enumerate(axes):
        affine[:3, patient_axis] = geometry.affine[:3, axis] * (-1 if flips[patient_axis] else 1)
    k, j, i = array.shape
    reordered = replace(image, array=np.ascontiguousarray(array), geometry=Geometry((k, j, i), affine))
    if axes == (0, 1, 2) and not any(flips):
        return reordered
    return replace(reordered, history=(*image.history, "axes put in the order left, posterior, superior"))


def stored_slice(geometry: Geometry, lps: npt.ArrayLike) -> int:
    """Number (from 0) of the axial slice, as stored, nearest to an LPS point; clamped to the volume."""
    axis = geometry.axial_axis
    index = np.floor(np.round(geometry.to_index(lps)[axis], 6) + 0.5)
    return int(np.clip(index, 0, geometry.size_ijk[axis] - 1))
