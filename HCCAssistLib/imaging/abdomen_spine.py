"""The spine in a CT of the abdomen: known by its canal, which no sternum, rib, pelvis or vessel has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from HCCAssistLib.imaging.abdomen import Array, Floats, Mask, Scan

CANAL_MM, CANAL_HU = 8.0, (-50, 220)
"""From the middle of the spinal canal to the vertebral body; what a canal can hold."""

MIN_FRONT_MM, MIN_BEHIND_MM = 60, 20
"""Tissue in front of the canal and behind it."""

MIN_SPINE_MM, MIN_SCORE = 30, 0.3
VERTEBRA_MM = (14, 30)
"""Half the width of a vertebral body."""


@dataclass(frozen=True, eq=False, slots=True)
class Spine:
    """The spinal canal through the slices, and the size of the vertebral bodies in front of it.

    Attributes:
        row, column: centre of the canal on the grid, one of each slice.
        seen: the slices in which it looks like one.
        half_width, half_depth: of the vertebral bodies, mm, one of each slice.
    """

    row: Floats
    column: Floats
    seen: Mask
    half_width: Floats
    half_depth: Floats

    def offsets(self, scan: Scan) -> tuple[Floats, Floats]:
        """Mm to the patient's left of the canal ``[k, 1, i]``, and in front of it ``[k, j, 1]``."""
        _, j, i = scan.steps
        rows, columns = np.arange(scan.hu.shape[1]), np.arange(scan.hu.shape[2])
        left = (columns - self.column[:, None, None]) * i
        front = (self.row[:, None, None] - rows[:, None]) * j
        return left, front

    def beyond_vertebra(self, left: Floats, front: Floats) -> Floats:
        """Mm outside the vertebral bodies (inside below 0), roughly: they are drawn as ellipses."""
        width, depth = self.half_width[:, None, None], self.half_depth[:, None, None]
        middle = CANAL_MM + depth
        ellipse = (np.hypot(left / width, (front - middle) / depth) - 1) * (width + depth) / 2
        # the hind half with the roots of the arches and the heads of the ribs is no ellipse
        return np.where(front < middle, np.abs(left) - width - 6, ellipse)


def find_spine(scan: Scan) -> Spine | None:
    """The path of the spinal canal, None where less than 40 mm of it are seen.

    The signs: a canal without bone, arches on both of its sides and behind it, a vertebral body before it, tissue in
    front and behind, and all this going on from slice to slice.
    """
    k, j, _ = scan.steps
    score = _canal_scores(scan)
    rows = np.arange(scan.hu.shape[1])[:, None]
    first, last = scan.body.argmax(axis=1)[:, None], rows.size - 1 - scan.body[:, ::-1].argmax(axis=1)[:, None]
    is_cut_behind = last >= rows.size - 2
    is_deep = ((rows - first) * j > MIN_FRONT_MM) & (((last - rows) * j > MIN_BEHIND_MM) | is_cut_behind)
    score[~(is_deep & scan.body)] = -1
    best = score.copy()
    for z in range(1, len(best)):
        best[z] += ndimage.maximum_filter(best[z - 1], 3)
    path = np.empty((len(best), 2), dtype=int)
    path[-1] = np.unravel_index(best[-1].argmax(), best.shape[1:])
    for z in range(len(best) - 2, -1, -1):
        low = np.maximum(path[z + 1] - 1, 0)
        near = best[z, low[0] : path[z + 1, 0] + 2, low[1] : path[z + 1, 1] + 2]
        path[z] = low + np.unravel_index(near.argmax(), near.shape)
    along = score[np.arange(len(score)), path[:, 0], path[:, 1]]
    seen = ndimage.uniform_filter1d(along, max(1, round(25 / k))) > MIN_SCORE
    if seen.sum() * k < MIN_SPINE_MM:
        return None
    row, column = (ndimage.gaussian_filter1d(path[:, axis].astype(float), 8 / k) for axis in (0, 1))
    return Spine(row, column, seen, *_vertebrae(scan, row, column))


def _canal_scores(scan: Scan) -> Array:
    """How much each block looks like the middle of the spinal canal."""
    k, j, i = scan.steps
    bone = np.clip((scan.hu - 140) / 240, 0, 1)
    bone = ndimage.gaussian_filter(bone, (9 / k, 3.5 / j, 3.5 / i))

    def at(left: float, front: float) -> Array:
        return _shifted(bone, round(-front / j), round(left / i))

    arch = np.minimum(at(11, -2) + at(8, -12), at(-11, -2) + at(-8, -12)) / 2
    vertebra = (at(0, 13) + at(0, 24) + at(10, 20) + at(-10, 20)) / 4
    behind = (at(0, -55) + at(12, -42) + at(-12, -42)) / 3  # bone there means that this lies before the spine
    score = arch + 0.5 * np.minimum(vertebra, 0.5) + 0.5 * at(0, -20) - 1.5 * bone - behind
    inner = scan.smooth(9, 2)
    score[(inner < CANAL_HU[0]) | (inner > CANAL_HU[1])] = -1
    return np.asarray(score)


def _shifted(volume: Array, rows: int, columns: int) -> Array:
    """``volume[k, j + rows, i + columns]``, 0 outside."""
    moved = np.zeros_like(volume)
    nj, ni = volume.shape[1:]
    to_j, to_i = slice(max(0, -rows), nj - max(0, rows)), slice(max(0, -columns), ni - max(0, columns))
    from_j, from_i = slice(max(0, rows), nj - max(0, -rows)), slice(max(0, columns), ni - max(0, -columns))
    moved[:, to_j, to_i] = volume[:, from_j, from_i]
    return moved


def _vertebrae(scan: Scan, row: Floats, column: Floats) -> tuple[Floats, Floats]:
    """Half the width and half the depth of the vertebral bodies, mm, one of each slice.

    Measured to the right of the middle, where no aorta lies; discs, waists and soft bone leave gaps, so that the upper
    quartile over a vertebra and more counts.
    """
    k, j, i = scan.steps
    widths, depths = (np.full(len(row), np.nan) for _ in range(2))
    for z, (at, middle) in enumerate(zip(np.round(row).astype(int), np.round(column).astype(int), strict=True)):
        rows = slice(max(0, at - round(24 / j)), max(1, at - round(16 / j)))
        bone = np.flatnonzero(scan.hu[z, rows, max(0, middle - round(35 / i)) : middle + 1].max(axis=0)[::-1] > 150)
        far = np.flatnonzero((np.diff(bone) * i > 6) & (bone[1:] * i > VERTEBRA_MM[0]))  # a gap, then another organ
        bone = bone[: far[0] + 1] if far.size else bone
        widths[z] = (bone[-1] + 0.5) * i if bone.size else np.nan
        columns = slice(max(0, middle - round(12 / i)), max(1, middle - round(2 / i)))
        bone = np.flatnonzero(scan.hu[z, max(0, at - round(60 / j)) : at + 1, columns].max(axis=1)[::-1] > 150)
        depths[z] = ((bone[-1] + 0.5) * j - CANAL_MM) / 2 if bone.size else np.nan
    reach = round(35 / k)
    near = [slice(max(0, z - reach), z + reach + 1) for z in range(len(row))]
    width = np.array([_upper(widths[part], VERTEBRA_MM[0]) for part in near]).clip(*VERTEBRA_MM)
    depth = np.array([_upper(depths[part], 0.0) for part in near]).clip(0.75 * width, 0.95 * width)
    return width, depth


def _upper(values: Floats, otherwise: float) -> float:
    seen = values[np.isfinite(values)]
    return float(np.percentile(seen, 75)) if seen.size else otherwise
