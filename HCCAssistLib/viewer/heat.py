"""A heat map on the voxels of its volume, and which finding its heat belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.imaging.resampling import resample

WHOLE_VOXEL = 1e-2
"""Voxels by which a grid may lie beside another one and still count as a part of it."""

MOST_OWNERS = 255


@dataclass(frozen=True, eq=False, slots=True)
class Heat:
    """Heat in bytes, 255 the strongest.

    Attributes:
        start: first voxel ``(i, j, k)`` in the volume.
        strength: ``(k, j, i)``.
        owners: which finding is nearest to each voxel, from 1 on; None where all heat is shown at once.
    """

    start: tuple[int, int, int]
    strength: npt.NDArray[np.uint8]
    owners: npt.NDArray[np.uint8] | None


def heat_on(heatmap: Image, grid: Geometry, boxes: Sequence[Box] = ()) -> Heat | None:
    """The part of a heat map that lies in a volume, cut to what is not cold; None where all of it is cold.

    Args:
        heatmap: 0 to 1, on any grid.
        grid: of the volume, its axes in the order left, posterior and superior.
        boxes: of the findings whose heat is shown or hidden one by one.
    """
    on_grid = to_lps_order(heatmap)
    start = np.rint(grid.to_index(on_grid.geometry.origin)).astype(int)
    if not _is_part(on_grid.geometry, grid, start):
        start, end = _around(on_grid.geometry, grid)
        if (end <= start).any():
            return None
        on_grid = resample(on_grid, grid.crop(start.tolist(), (end - start)[::-1].tolist()), fill_value=0)
    strength = np.rint(np.clip(on_grid.array, 0.0, 1.0) * 255).astype(np.uint8)
    warm = np.argwhere(strength)
    if not len(warm):
        return None
    low, high = warm.min(axis=0), warm.max(axis=0) + 1
    strength = strength[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    start = start + low[::-1]
    i, j, k = (int(n) for n in start)
    owners = _owners(strength, grid, start, boxes) if 0 < len(boxes) <= MOST_OWNERS else None
    return Heat((i, j, k), np.ascontiguousarray(strength), owners)


def _is_part(part: Geometry, whole: Geometry, start: npt.NDArray[np.int64]) -> bool:
    """Whether a grid is a block of another one that begins at a voxel."""
    end = start + part.size_ijk
    if (start < 0).any() or (end > whole.size_ijk).any():
        return False
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) * (part.size_ijk - 1)
    apart = whole.to_index(part.to_world(corners)) - (start + corners)
    return bool(np.abs(apart).max() <= WHOLE_VOXEL)


def _around(part: Geometry, whole: Geometry) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and one-past-last voxel ``(i, j, k)`` of a grid around another one."""
    ends = np.stack([np.full(3, -0.5), part.size_ijk - 0.5])
    corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), -1).reshape(-1, 3)
    index = whole.to_index(part.to_world(corners))
    first, end = np.floor(index.min(axis=0)), np.ceil(index.max(axis=0)) + 1
    return np.clip(first, 0, whole.size_ijk).astype(np.int64), np.clip(end, 0, whole.size_ijk).astype(np.int64)


def _owners(
    strength: npt.NDArray[np.uint8], grid: Geometry, start: npt.NDArray[np.int64], boxes: Sequence[Box]
) -> npt.NDArray[np.uint8]:
    warm = np.argwhere(strength)
    centers = grid.to_index([box.center for box in boxes])
    # millimetres along the grid's own axes: distances are the same, and nothing needs to be turned
    nearest = cKDTree(centers * grid.spacing).query((warm[:, ::-1] + start) * grid.spacing)[1]
    owners = np.zeros(strength.shape, np.uint8)
    owners[tuple(warm.T)] = nearest + 1
    return owners
