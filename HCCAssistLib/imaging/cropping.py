"""Boxes of voxels cut from a volume, padded where they leave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image


def crop_start(geometry: Geometry, center_lps: npt.ArrayLike, shape_kji: Sequence[int]) -> tuple[int, int, int]:
    """First voxel ``(i, j, k)`` of the box of ``shape_kji`` voxels around the voxel that holds an LPS point.

    Of an even size, one voxel more lies before the centre than after it: 8 slices are z-4 .. z+3. The rule depends
    on the direction of the axes, so give a grid in LPS order (``to_lps_order``) for boxes that must not depend on
    how the volume was stored.
    """
    # Rounding first keeps a point half-way between two voxels there, whatever the grid's affine left of it.
    nearest = np.floor(np.round(geometry.to_index(center_lps), 6) + 0.5).astype(int)
    i, j, k = (int(n) - int(size) // 2 for n, size in zip(nearest, reversed(shape_kji), strict=True))
    return i, j, k


def crop(image: Image, start_ijk: Sequence[int], shape_kji: Sequence[int], *, fill_value: float) -> Image:
    """The box that begins at voxel ``start_ijk`` and has ``shape_kji`` voxels.

    >>> import numpy as np
    >>> from HCCAssistLib.imaging.geometry import Geometry
    >>> image = Image(np.full((4, 8, 8), 60, np.int16), Geometry.from_parts((4, 8, 8), (1.0, 1.0, 5.0)))
    >>> crop(image, (6, 6, 0), (4, 4, 4), fill_value=-1024).array[0].tolist()  # half of it lies outside
    [[60, 60, -1024, -1024], [60, 60, -1024, -1024], [-1024, -1024, -1024, -1024], [-1024, -1024, -1024, -1024]]

    Args:
        image: any volume.
        start_ijk: first voxel; it may lie outside the volume (negative or beyond the end).
        shape_kji: voxels along ``(k, j, i)``.
        fill_value: value of the voxels that the volume does not have (-1024 for CT).

    Returns:
        A copy with its own grid, at the same place in the patient.

    Raises:
        InputError: an empty box.
        ValueError: ``fill_value`` is not a value of the voxels' type.
    """
    geometry = image.geometry.crop(start_ijk, shape_kji)
    box = np.full(geometry.shape, typed(fill_value, image.array.dtype), dtype=image.array.dtype)
    start = np.array(start_ijk[::-1], dtype=int)
    first = np.clip(start, 0, image.array.shape)
    end = np.clip(start + geometry.shape, first, image.array.shape)
    source = tuple(slice(a, b) for a, b in zip(first, end, strict=True))
    target = tuple(slice(a, b) for a, b in zip(first - start, end - start, strict=True))
    if (end > first).all():
        box[target] = image.array[source]
    step = f"cropped to {geometry.shape[2]} x {geometry.shape[1]} x {geometry.shape[0]} voxels"
    return replace(image, array=box, geometry=geometry, history=(*image.history, step))


def filled_box(array: npt.NDArray[Any]) -> tuple[slice, slice, slice]:
    """The smallest box ``(k, j, i)`` that holds all voxels that are not 0.

    >>> import numpy as np
    >>> mask = np.zeros((4, 8, 8), np.uint8)
    >>> mask[1:3, 5, 2:4] = 1
    >>> filled_box(mask)
    (slice(1, 3, None), slice(5, 6, None), slice(2, 4, None))

    Raises:
        ValueError: all voxels are 0.
    """
    rows = np.array([part.any(axis=1) for part in array])
    if not rows.any():
        raise ValueError("no voxel is filled")
    k, j = (_span(np.flatnonzero(rows.any(axis=axis))) for axis in (1, 0))
    return k, j, _span(np.flatnonzero(array[k, j].any(axis=(0, 1))))


def _span(filled: npt.NDArray[np.intp]) -> slice:
    return slice(int(filled[0]), int(filled[-1]) + 1)


def typed(value: float, dtype: np.dtype) -> np.generic:
    """A fill value in the voxels' type.

    Raises:
        ValueError: the type cannot hold the value (-1024 in an unsigned image).
    """
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if value != int(value) or not limits.min <= value <= limits.max:
            raise ValueError(f"voxels of type {dtype} cannot hold the value {value}")
    filled: np.generic = dtype.type(value)
    return filled
