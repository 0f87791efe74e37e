"""Two images in alternating squares: where they fit, edges go on from square to square."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError

RANGE = (1.0, 99.0)
"""Percentiles that become black and white, of each image by itself: MR has no units."""


def checkerboard(
    one: npt.NDArray[np.generic], other: npt.NDArray[np.generic], squares: tuple[int, int, int] = (4, 16, 16)
) -> npt.NDArray[np.float32]:
    """Two images on one grid in alternating boxes, each scaled by itself to 0 (dark) to 1 (bright).

    >>> checkerboard(np.eye(4)[None], 1 - np.eye(4)[None], (1, 2, 2))[0].round().astype(int).tolist()
    [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 1]]

    Args:
        one, other: voxels ``[k, j, i]`` of the same shape; the first voxel is of ``one``.
        squares: edges of the boxes in voxels along ``(k, j, i)``.

    Raises:
        InputError: unequal shapes, or boxes without size.
    """
    if one.shape != other.shape or one.ndim != 3:
        raise InputError(f"images of {one.shape} and {other.shape} voxels make no checkerboard", "checkerboard")
    if len(squares) != 3 or min(squares) < 1:
        raise InputError(f"boxes of {squares} voxels have no size", "checkerboard")
    sides = [np.arange(n) // edge for n, edge in zip(one.shape, squares, strict=True)]
    takes_other = (sides[0][:, None, None] + sides[1][:, None] + sides[2]) % 2 == 1
    board: npt.NDArray[np.float32] = np.where(takes_other, _scaled(other), _scaled(one))
    return board


def _scaled(array: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    values = array.astype(np.float32)
    dark, bright = np.percentile(values, RANGE)
    scaled: npt.NDArray[np.float32] = np.clip((values - dark) / max(float(bright - dark), 1e-6), 0, 1)
    return scaled
