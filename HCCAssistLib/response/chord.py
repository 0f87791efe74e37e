"""The longest chord of a section that lies wholly inside it: what a reader measures around necrosis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.response.reach import reaching

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]

PAIRS = 250_000
"""Pairs of corners that are looked at together, which bounds the memory."""

CHECKED = 128
"""Pairs that are followed pixel by pixel together, the longest first."""

FEW, SHARE = 160, 4
"""Corners among which a first long chord is looked for, and how many times more in each further round."""

MANY = 2000
"""Corners from which on it pays to ask first from which of them a long line may go out."""

HALVINGS = 6
"""Points at halves, quarters and so on to 64ths of the way rule out most pairs before any is followed."""


def longest_chord(
    section: npt.NDArray[np.generic], spacing: tuple[float, float], longer_than: float = 0.0
) -> FloatArray | None:
    """The longest straight line inside a section, between two corners of the outlines of its pixels.

    Pixels are rectangles, so that lengths go from outer edge to outer edge: one pixel of 0.8 mm measures its diagonal,
    1.13 mm. A line is inside where each of its points but the two ends lies

    * in a painted pixel,
    * on a side between two of them: along a side with tissue on one hand only, a line has no width, and by changing the
      hand it would run through any necrosis, or
    * on a corner of one, unless the painted pixels there touch only diagonally: a line does not slip through between
      two diagonal neighbours of a necrosis.

    The two ends are corners of pixels on an outline, the outer one or that of a hole. The search is exact: places are
    whole numbers, and no line is left out. A line whose ends may lie anywhere can be longer by a part of a pixel.

    >>> section = np.zeros((30, 40), bool)
    >>> section[10:13, 5:25] = True
    >>> longest_chord(section, (0.7, 0.7)).tolist()
    [[4.5, 9.5], [24.5, 12.5]]
    >>> section[:, 15] = False  # a septum breaks it
    >>> longest_chord(section, (0.7, 0.7)).tolist()
    [[4.5, 9.5], [14.5, 12.5]]

    Args:
        section: ``(rows, columns)``, painted where not 0.
        spacing: mm between pixels along ``(x, y)``: columns and rows.
        longer_than: mm; shorter lines are of no interest, which saves their time.

    Returns:
        Both ends as ``(x, y)`` in pixels, the one of smaller x first. 0 is the middle of the first pixel, so that ends
        lie at halves. None where no line is longer.
    """
    from scipy import ndimage

    parts, _ = ndimage.label(section)  # neighbours share a side: a chord never leaves its part
    boxes = ndimage.find_objects(parts)
    step = np.asarray(spacing, dtype=np.float64)
    diagonals = [float(np.hypot(*(step * [box[1].stop - box[1].start, box[0].stop - box[0].start]))) for box in boxes]
    found, best = None, longer_than
    for number in np.argsort(diagonals, kind="stable")[::-1]:
        if diagonals[number] <= best:
            break
        rows, columns = boxes[number]
        ends = _Part(parts[rows, columns] == number + 1, step).longest(best)
        if ends is not None:
            best = float(np.hypot(*((ends[1] - ends[0]) * step)))
            ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
            found = np.add(ends, (columns.start - 0.5, rows.start - 0.5))
    return found


class _Part:
    """Pixels that hang together, with their sides and corners.

    Corners are whole numbers ``(x, y)`` from 0. ``cells`` holds what is inside at twice their scale: corners at even
    rows and columns, pixels at odd ones, sides between them.
    """

    def __init__(self, painted: BoolArray, step: FloatArray) -> None:
        from scipy.spatial import ConvexHull

        self.step = step
        rows, columns = painted.shape
        cells = np.zeros((2 * rows + 1, 2 * columns + 1), bool)
        cells[1::2, 1::2] = painted
        around = np.pad(painted, 1)
        cells[0::2, 1::2] = around[:-1, 1:-1] & around[1:, 1:-1]
        cells[1::2, 0::2] = around[1:-1, :-1] & around[1:-1, 1:]
        four = [around[:-1, :-1], around[:-1, 1:], around[1:, 1:], around[1:, :-1]]  # in a circle
        count = np.sum(four, axis=0)
        diagonal = (count == 2) & (four[0] == four[2])
        cells[0::2, 0::2] = (count > 0) & ~diagonal
        self.cells = cells
        y, x = np.nonzero((count > 0) & (count < 4))
        away = np.hypot(*((np.stack([x, y], 1) - (columns / 2, rows / 2)) * step).T)
        order = np.argsort(away, kind="stable")[::-1]  # far corners have long chords, which rule out the others
        self.corners: IntArray = np.stack([x, y], 1)[order]
        self.hull = (self.corners * step)[ConvexHull(self.corners * step).vertices]

    def longest(self, longer_than: float) -> IntArray | None:
        """Both ends of the longest chord, ``(2, 2)``; a long one between few corners rules out most of the others."""
        from scipy.spatial.distance import cdist

        found, corners = None, self.corners
        each = max(1, len(corners) // FEW)
        while True:
            corners = corners[cdist(corners * self.step, self.hull).max(axis=1) > longer_than]
            if len(corners) > MANY * each:
                corners = corners[reaching(self.cells[1::2, 1::2], corners, self.step, longer_than)]
            found = self._among(corners[::each], found, longer_than)
            if each == 1:
                return found
            longer_than = longer_than if found is None else self._length(found)
            each = max(1, each // SHARE)

    def _among(self, corners: IntArray, found: IntArray | None, longer_than: float) -> IntArray | None:
        """The longest chord between some corners; the one that is known where none is longer."""
        best = longer_than**2
        x, y = (corners * self.step).T
        flat = corners @ (1, self.cells.shape[1])
        begin = 0
        while begin < len(corners):
            end = begin + max(1, PAIRS // (len(corners) - begin))
            squared = (x[begin:end, None] - x[begin:]) ** 2 + (y[begin:end, None] - y[begin:]) ** 2
            squared *= self.cells.ravel()[flat[begin:end, None] + flat[begin:]]  # the middle of a chord is inside
            one, other = np.nonzero(squared > best * (1 + 1e-12))
            later = one < other
            one, other = corners[begin + one[later]], corners[begin + other[later]]
            better = self._first_inside(one, other)
            if better is not None:
                found, best = better, self._length(better) ** 2
            begin = end
        return found

    def _length(self, ends: IntArray) -> float:
        return float(np.hypot(*((ends[1] - ends[0]) * self.step)))

    def _first_inside(self, one: IntArray, other: IntArray) -> IntArray | None:
        """The longest pair that is a chord."""
        order = np.argsort(-(((one - other) * self.step) ** 2).sum(axis=1), kind="stable")
        begin, count = 0, CHECKED
        while begin < len(order):
            chosen = order[begin : begin + count]
            here, there = self._likely(one[chosen], other[chosen])
            for first in range(0, len(here), CHECKED):
                pair = here[first : first + CHECKED], there[first : first + CHECKED]
                inside = np.flatnonzero(self._inside(*pair))
                if len(inside):
                    return np.stack([end[inside[0]] for end in pair])
            begin, count = begin + count, 8 * count
        return None

    def _likely(self, one: IntArray, other: IntArray) -> tuple[IntArray, IntArray]:
        """The pairs that are inside at quarters, eighths, sixteenths... of their way."""
        for halving in range(2, HALVINGS + 1):
            for part in range(1, 1 << halving, 2):
                at = one * ((1 << halving) - part) + other * part
                cell = (at >> halving) - (-at >> halving)
                kept = self.cells[cell[:, 1], cell[:, 0]]
                one, other = one[kept], other[kept]
        return one, other

    def _inside(self, one: IntArray, other: IntArray) -> BoolArray:
        """Whether each pair is a chord, followed from column to column, or from row to row where it is steep."""
        inside = np.zeros(len(one), bool)
        steep = np.abs(other[:, 1] - one[:, 1]) > np.abs(other[:, 0] - one[:, 0])
        for chosen, cells in ((~steep, self.cells), (steep, self.cells.T)):
            if chosen.any():
                ways = (slice(None), slice(None, None, -1 if cells is not self.cells else 1))
                inside[chosen] = _follows(one[chosen][ways], other[chosen][ways], cells)
        return inside


def _follows(one: IntArray, other: IntArray, cells: BoolArray) -> BoolArray:
    """Whether lines that are no steeper than 45 degrees stay inside.

    In one column a line meets at most two pixels: the one where it enters, and the one where it leaves. On the way it
    passes corners only where columns meet.
    """
    backwards = other[:, 0] < one[:, 0]
    left, right = np.where(backwards[:, None], other, one), np.where(backwards[:, None], one, other)
    width, rise = (right - left).T[..., None]
    way, rise = np.sign(rise), np.abs(rise)
    column = np.arange(int(width.max()))
    beyond = column >= width
    x, y = 2 * np.minimum(left[:, :1] + column, right[:, :1] - 1), 2 * left[:, 1:]
    entered = rise * np.minimum(column, width - 1)
    enters, leaves = entered // width, (entered + rise - 1) // width
    inside = cells[y + way * (2 * enters + 1), x + 1] & cells[y + way * (2 * leaves + 1), x + 1]
    at_corner = (entered % width == 0) & (column > 0) & ~beyond
    inside &= ~at_corner | cells[y + way * 2 * enters, x]
    whole: BoolArray = inside.all(axis=1)
    return whole
