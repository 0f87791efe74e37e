"""Voxels as a page carries them: whole numbers of 16 bits in the patient's order, packed in slabs of slices.

A slab is deflated and written in base64. Before that each voxel is replaced by its difference to the left neighbour,
folded to numbers from 0 on, and high and low bytes are put apart: a CT takes a third less than its plain bytes.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import patient_axes, to_lps_order
from HCCAssistLib.imaging.windows import AIR_HU

SLAB_BYTES = 4 << 20
"""Plain bytes of a slab at most, unless one slice takes more: what a browser unpacks between two pictures."""

LEVEL = 1
"""Of deflate: higher ones take three times as long and save 2 %."""

STEPS = 65_000
"""Grey steps that fractions are rounded to: 0.06 HU in a CT."""


@dataclass(frozen=True, eq=False, slots=True)
class Packed:
    """A volume, its i nearest to the patient's left, j to posterior and k to superior.

    Attributes:
        geometry: of the voxels in that order.
        slope, intercept: a voxel's value is ``slope * number + intercept``.
        first: number of the first slice along each axis as the volume is stored, from 1, and 1 or -1 for the next.
        numbers: ``(k, j, i)``.
        slab: slices in each slab.
    """

    geometry: Geometry
    slope: float
    intercept: float
    first: tuple[tuple[int, int], ...]
    numbers: npt.NDArray[np.int16]
    slab: int

    def slabs(self) -> Iterator[str]:
        """The slabs from the feet on."""
        for begin in range(0, len(self.numbers), self.slab):
            yield packed_bytes(folded(self.numbers[begin : begin + self.slab]))


def packed(image: Image, *, hounsfield: bool) -> Packed:
    """A volume for the page.

    Args:
        image: in any storage order.
        hounsfield: whether the voxels are Hounsfield units; what scanners pad with, below those of air, becomes air.
    """
    ordered = to_lps_order(image)
    array = np.maximum(ordered.array, AIR_HU) if hounsfield else ordered.array
    numbers, slope, intercept = _whole(array)
    slice_bytes = 2 * numbers[0].size
    return Packed(
        ordered.geometry, slope, intercept, _stored_numbers(image.geometry), numbers, max(1, SLAB_BYTES // slice_bytes)
    )


def packed_bytes(data: bytes) -> str:
    """Bytes deflated, in base64."""
    return base64.b64encode(zlib.compress(data, LEVEL)).decode("ascii")


def folded(numbers: npt.NDArray[np.int16]) -> bytes:
    """Differences to the left neighbour, 0, -1, 1, -2, ... as 0, 1, 2, 3, ...: all high bytes, then all low ones."""
    steps = numbers.copy()
    steps[..., 1:] -= numbers[..., :-1]  # wraps around, and so does the sum of the reader
    from_zero = ((steps << 1) ^ (steps >> 15)).view(np.uint16)
    return (from_zero >> 8).astype(np.uint8).tobytes() + from_zero.astype(np.uint8).tobytes()


def _whole(array: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int16], float, float]:
    """Whole numbers of 16 bits, and slope and intercept that give the values back: exactly where they are whole."""
    low, high = float(array.min()), float(array.max())
    limits = np.iinfo(np.int16)
    is_whole = array.dtype.kind in "biu" or bool((np.rint(array) == array).all())
    if is_whole and limits.min <= low and high <= limits.max:
        return array.astype(np.int16), 1.0, 0.0
    if is_whole and high - low <= limits.max - limits.min:
        slope, intercept = 1.0, low - limits.min
    else:
        slope, intercept = (high - low) / STEPS or 1.0, (high + low) / 2
    return np.rint((array.astype(np.float64) - intercept) / slope).astype(np.int16), slope, intercept


def _stored_numbers(geometry: Geometry) -> tuple[tuple[int, int], ...]:
    """First number and step along left, posterior and superior of slices that are numbered as stored."""
    found = []
    for patient_axis, axis in enumerate(patient_axes(geometry)):
        is_flipped = geometry.directions[patient_axis, axis] < 0
        found.append((int(geometry.size_ijk[axis]), -1) if is_flipped else (1, 1))
    return tuple(found)
