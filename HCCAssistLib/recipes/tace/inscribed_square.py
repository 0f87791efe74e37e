"""The largest square that lies wholly in a mask: exact, by sums over squares of every side that is tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Square:
    """A square of whole pixels.

    Attributes:
        row, column: of its first pixel.
        side: pixels.
    """

    row: int
    column: int
    side: int


def largest_square(mask: npt.NDArray[Any]) -> Square:
    """The largest square of a mask's pixels; of several, the one whose centre is nearest to the mask's centroid.

    The paper's patches come from an "in-house" routine that is not described; patches wholly inside the tumour are
    taken as this square.

    >>> tumour = np.zeros((5, 7), bool)
    >>> tumour[1:4, 2:7] = True
    >>> largest_square(tumour)
    Square(row=1, column=3, side=3)

    Args:
        mask: ``(rows, columns)`` of square pixels, those above 0 inside; it need not hold together.

    Returns:
        The square. Where several are equally near, the first one row by row.

    Raises:
        ValueError: no pixel is inside, or the mask is not flat.
    """
    if mask.ndim != 2 or not mask.any():
        raise ValueError(f"a square lies in a flat mask of one pixel or more, not in one of shape {mask.shape}")
    inside = mask > 0
    sums = np.zeros((inside.shape[0] + 1, inside.shape[1] + 1), dtype=np.int32)
    np.cumsum(np.cumsum(inside, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    # every square holds squares of all smaller sides, so that the largest side is found by halving
    fits, too_large = 1, min(inside.shape) + 1
    while too_large - fits > 1:
        side = (fits + too_large) // 2
        if _full(sums, side).any():
            fits = side
        else:
            too_large = side
    rows, columns = np.nonzero(_full(sums, fits))
    nearest = int((_from_centroid(inside, 0, rows, fits) + _from_centroid(inside, 1, columns, fits)).argmin())
    return Square(int(rows[nearest]), int(columns[nearest]), fits)


def _full(sums: npt.NDArray[np.int32], side: int) -> npt.NDArray[np.bool_]:
    """By the first pixel of each square of a side, whether all of it lies inside."""
    held = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(held == side * side)


def _from_centroid(
    inside: npt.NDArray[np.bool_], axis: int, firsts: npt.NDArray[np.intp], side: int
) -> npt.NDArray[np.int64]:
    """Squared distances along an axis, in whole numbers, so that what is equally near is equal."""
    counts = np.count_nonzero(inside, axis=1 - axis).astype(np.int64)
    pixels, total = int(counts.sum()), int((counts * np.arange(len(counts))).sum())
    away: npt.NDArray[np.int64] = pixels * (2 * firsts.astype(np.int64) + side - 1) - 2 * total
    return away * away
