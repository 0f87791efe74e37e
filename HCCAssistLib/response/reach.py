"""From which corners of a section a long line may go out: most corners of a section full of small holes see nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

WEDGES = 8
"""Ranges of slopes in which an eighth of all directions is looked at first; they are halved with the distance."""


def reaching(painted: BoolArray, corners: IntArray, step: npt.NDArray[np.float64], longer_than: float) -> BoolArray:
    """Whether a line of more than some length may go out from each corner: where this says no, none does.

    Directions are taken together in wedges so narrow that a wedge meets at most two pixels at each step; it goes on
    while one of the two is painted.

    Args:
        painted: ``(rows, columns)``.
        corners: ``(n, 2)``, whole numbers ``(x, y)`` of the corners of pixels.
        step: mm between pixels along ``(x, y)``.
        longer_than: mm.
    """
    rows, columns = painted.shape
    found = np.zeros(len(corners), bool)
    for is_steep, leftwards, upwards in product((False, True), repeat=3):
        view = painted[:: -1 if upwards else 1, :: -1 if leftwards else 1]
        x = columns - corners[:, 0] if leftwards else corners[:, 0]
        y = rows - corners[:, 1] if upwards else corners[:, 1]
        if is_steep:
            found |= _to_the_right(view.T, y, x, (float(step[1]), float(step[0])), longer_than)
        else:
            found |= _to_the_right(view, x, y, (float(step[0]), float(step[1])), longer_than)
    return found


def _to_the_right(
    painted: BoolArray, x: IntArray, y: IntArray, step: tuple[float, float], longer_than: float
) -> BoolArray:
    """The same of the directions from level to 45 degrees: slopes ``m / wedges`` to ``(m + 1) / wedges``."""
    around = np.pad(painted, 1)
    height, width = around.shape
    found = np.zeros(len(x), bool)
    wedges = WEDGES
    who, m = (part.ravel() for part in np.meshgrid(np.arange(len(x)), np.arange(wedges), indexing="ij"))
    for column in range(width):
        if 2 * column >= wedges:
            wedges *= 2
            who, m = np.repeat(who, 2), np.concatenate([2 * m[:, None], 2 * m[:, None] + 1], axis=1).ravel()
        at, base = np.minimum(x[who] + column + 1, width - 1), y[who] + 1
        low, high = column * m // wedges, column * (m + 1) // wedges
        end_low, end_high = (-(-(column + 1) * slope // wedges) - 1 for slope in (m, m + 1))
        goes_on = np.zeros(len(who), bool)
        for first, second in ((low, high), (end_low, end_high)):
            one, other = (around[np.clip(base + row, 0, height - 1), at] for row in (first, second))
            goes_on = (one | other) if first is low else goes_on & (one | other)
        who, m = who[goes_on], m[goes_on]
        if not len(who):
            break
        far = (column + 1) * np.hypot(step[0], step[1] * (m + 1) / wedges) > longer_than
        found[who[far]] = True
        open_ = ~found[who]
        who, m = who[open_], m[open_]
    return found
