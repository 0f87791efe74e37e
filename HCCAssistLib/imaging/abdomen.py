"""Where the spine, the liver and the great vessels lie in a CT of the abdomen, measured in millimetres.

Each is known by more than one sign, and is None where the signs fail: nothing is guessed. The grid is coarse, so that
all of it takes well under a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import AIR_HU

Array = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

PIXEL_MM, SLICE_MM = 2.5, 5.0
CANAL_MM, CANAL_HU = 8.0, (-50, 220)
"""From the middle of the spinal canal to the vertebral body."""
MIN_FRONT_MM, MIN_BEHIND_MM, MIN_SPINE_MM, MIN_SCORE = 60, 20, 30, 0.3
VERTEBRA_MM = (14, 30)
HARD_HU = 450
VESSEL_MM = (5, 30)
"""How far outside the vertebral bodies the middle of a vessel beside them lies."""
LIVER_HU = (20, 180)
MIN_BALL_MM, MIN_LIVER_ML = 26, 150


@dataclass(frozen=True, eq=False, slots=True)
class Scan:
    """The volume on a grid of about 2.5 x 2.5 x 5 mm, ``[k, j, i]`` in LPS order.

    Attributes:
        hu: block means, from ``AIR_HU`` to 3071.
        body: the largest connected part that is not air.
        steps: mm between blocks along ``(k, j, i)``.
    """

    hu: Array
    body: Mask
    steps: tuple[float, float, float]

    @classmethod
    def of(cls, ordered: Image) -> Scan:
        """The grid of a volume in LPS order; slices further apart than 6.7 mm are interpolated."""
        spacing = ordered.geometry.spacing[::-1]
        wanted = np.array([SLICE_MM, PIXEL_MM, PIXEL_MM])
        factors = np.clip(np.round(wanted / spacing).astype(int), 1, ordered.array.shape)
        hu = _block_means(ordered.array, factors)
        k, j, i = (spacing * factors).tolist()
        if k > 4 / 3 * SLICE_MM:
            between = (hu[1:] + hu[:-1]) / 2
            filled = np.empty((2 * len(hu) - 1, *hu.shape[1:]), dtype=np.float32)
            filled[::2], filled[1::2] = hu, between
            hu, k = filled, k / 2
        body = _largest(ndimage.binary_opening(hu > -250))
        return cls(hu, body, (k, j, i))

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.steps)) / 1000

    def smooth(self, along_mm: float, across_mm: float) -> Array:
        """Gaussian means with standard deviations in mm along and across the patient."""
        k, j, i = self.steps
        return np.asarray(ndimage.gaussian_filter(self.hu, (along_mm / k, across_mm / j, across_mm / i)))


def _block_means(array: npt.NDArray[np.generic], factors: npt.NDArray[np.intp]) -> Array:
    """Means over whole blocks; one slab of slices at a time, since a volume of floats would be large."""
    fk, fj, fi = factors.tolist()
    nk, nj, ni = (n // f for n, f in zip(array.shape, factors.tolist(), strict=True))
    means = np.empty((nk, nj, ni), dtype=np.float32)
    for k in range(nk):
        slab = np.clip(array[k * fk : (k + 1) * fk, : nj * fj, : ni * fi], AIR_HU, 3071).sum(axis=0, dtype=np.float32)
        means[k] = slab.reshape(nj, fj, ni * fi).sum(axis=1).reshape(nj, ni, fi).sum(axis=2)
    return means / np.float32(fk * fj * fi)


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


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
    k, j, i = scan.steps
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


@dataclass(frozen=True, eq=False, slots=True)
class Liver:
    """The liver, or what of it is in the volume.

    Attributes:
        hu: median attenuation.
        mask: ``[k, j, i]`` on the grid, with its vessels.
        levels: the slices that it spans and in which the spine is seen.
        radius: of the largest ball in it, mm.
    """

    hu: float
    mask: Mask
    levels: Mask
    radius: float


def find_liver(scan: Scan, spine: Spine) -> Liver | None:
    """The thickest mass of even soft tissue to the right of the spine."""
    k, j, i = scan.steps
    smooth = scan.smooth(3, 3)[:, ::2, ::2]
    steps = (k, 2 * j, 2 * i)
    left, front = (offset[:, ::n, ::m] for offset, n, m in zip(spine.offsets(scan), (1, 2), (2, 1), strict=True))
    soft = (smooth > LIVER_HU[0]) & (smooth < LIVER_HU[1])
    depth = ndimage.distance_transform_edt(soft, steps).astype(np.float32)
    where = (left < -40) & (left > -150) & (front > -10) & spine.seen[:, None, None]
    inner = np.where(where, depth, 0)
    radius = float(inner.max())
    if radius < MIN_BALL_MM:
        return None
    seed = np.unravel_index(inner.argmax(), inner.shape)
    distance = np.sqrt(
        sum(
            ((np.arange(n) - c) * s).reshape([-1 if a == b else 1 for b in range(3)]) ** 2
            for a, (n, c, s) in enumerate(zip(soft.shape, seed, steps, strict=True))
        )
    )
    ball = distance < 0.8 * radius
    level, spread = float(np.median(smooth[ball])), float(np.std(smooth[ball]))
    even = soft & (np.abs(smooth - level) < max(15.0, 2 * spread))
    deep = ndimage.distance_transform_edt(even, steps) > 7
    labels, _ = ndimage.label(deep)
    if labels[seed] == 0:
        return None
    core = labels == labels[seed]
    mask = ndimage.distance_transform_edt(~core, steps) < 10
    mask &= soft
    if mask.sum() * np.prod(steps) / 1000 < MIN_LIVER_ML:
        return None
    levels = core.any(axis=(1, 2)) & spine.seen
    full = np.repeat(np.repeat(mask, 2, axis=1), 2, axis=2)[:, : scan.hu.shape[1], : scan.hu.shape[2]]
    return Liver(float(np.median(smooth[core])), full, levels, radius)


@dataclass(frozen=True, slots=True)
class Vessel:
    """A vessel along the spine.

    Attributes:
        hu: the middle of its brightness over the slices of the liver.
        steady: the share of these slices in which it is as bright, and no wider than a vessel.
        in_view: the share of these slices in which the place where it lies is inside the volume.
        brightest: what is brightest there whether it goes on or not, calcium included: the middle over the slices.
    """

    hu: float
    steady: float
    in_view: float
    brightest: float


def find_vessel(scan: Scan, spine: Spine, liver: Liver, left_mm: tuple[float, float], front_mm: float) -> Vessel:
    """The brightest tube that goes on for 50 mm along the vertebral bodies and outside them.

    Vertebrae are as bright, but end at their discs and lie inside the ellipses; ribs and calcium are thin, bowel and
    heart are wide, kidneys lie further out.

    Args:
        scan: the grid.
        spine, liver: found in it.
        left_mm: where the middle of the vessel can lie, to the left of the canal.
        front_mm: how far in front of the canal at least.
    """
    k, j, i = scan.steps
    left, front = spine.offsets(scan)
    beyond = spine.beyond_vertebra(left, front)
    place = (beyond > max(VESSEL_MM[0], 2.1 * i)) & (beyond < VESSEL_MM[1]) & (left > left_mm[0]) & (left < left_mm[1])
    place &= (front > front_mm) & scan.body
    box = _box(place, 4)
    smooth = ndimage.gaussian_filter(scan.hu[box], (0, 1.5 / j, 1.5 / i))
    core = ndimage.minimum_filter(smooth, footprint=_disc(3, j, i)[None])
    brightest = np.where(place[box], core, AIR_HU).max(axis=(1, 2))
    hard = scan.hu[box] > HARD_HU  # what is as bright in a broad patch is a vessel at a low tube voltage
    hard &= ~ndimage.binary_opening(hard, _disc(5, j, i)[None])
    core[ndimage.binary_dilation(hard, _disc(3, j, i)[None])] = AIR_HU
    along = np.full(scan.hu.shape, AIR_HU, dtype=np.float32)
    along[box] = np.minimum(_walk(core, k), _walk(core[::-1], k)[::-1])
    along[~place] = AIR_HU
    rows, columns = np.unravel_index(along.reshape(len(along), -1).argmax(axis=1), along.shape[1:])
    levels = np.flatnonzero(liver.levels)
    values = along[levels, rows[levels], columns[levels]]
    hu = float(np.median(values))
    wide = [_around(scan, z, rows[z], columns[z], beyond[z] < 8, 0.7 * hu) for z in levels]
    steady = (np.abs(values - hu) < max(25, 0.2 * hu)) & (np.array(wide) < 0.5)
    edge = [
        round(spine.column[z] + min(left_mm) / i) >= 0
        and round(spine.column[z] + max(left_mm) / i) < scan.hu.shape[2]
        and round(spine.row[z] - 65 / j) >= 0
        for z in levels
    ]
    return Vessel(hu, float(steady.mean()), float(np.mean(edge)), float(np.median(brightest[levels])))


def _box(mask: Mask, margin: int) -> tuple[slice, slice, slice]:
    """All slices of a mask, and the rows and columns that it spans with so many more."""
    rows, columns = np.flatnonzero(mask.any(axis=(0, 2))), np.flatnonzero(mask.any(axis=(0, 1)))
    if rows.size == 0:
        return slice(None), slice(0, 1), slice(0, 1)
    across = (slice(max(0, int(found[0]) - margin), int(found[-1]) + margin + 1) for found in (rows, columns))
    return (slice(None), *across)  # type: ignore[return-value]


def _disc(radius: float, j: float, i: float) -> Mask:
    y, x = np.arange(-int(radius / j), int(radius / j) + 1), np.arange(-int(radius / i), int(radius / i) + 1)
    return np.asarray(np.hypot((y * j)[:, None], x * i) <= radius)


def _around(scan: Scan, z: int, row: int, column: int, bone: Mask, above: float) -> float:
    """Share of a ring of 26 mm about a point that is as bright, without the spine."""
    angles = np.arange(32) * np.pi / 16
    rows = np.round(row + 26 / scan.steps[1] * np.sin(angles)).astype(int)
    columns = np.round(column + 26 / scan.steps[2] * np.cos(angles)).astype(int)
    inside = (rows >= 0) & (columns >= 0) & (rows < bone.shape[0]) & (columns < bone.shape[1])
    rows, columns = rows[inside], columns[inside]
    bright = (scan.hu[z, rows, columns] > above) & ~bone[rows, columns]
    return float(bright.mean()) if bright.size else 1.0


def _walk(bright: Array, step_mm: float, length_mm: float = 25) -> Array:
    """For each pixel the darkest point on the brightest path through the slices before it.

    A path moves aside by at most a pixel from slice to slice, as a winding aorta does.
    """
    reached = bright
    for _ in range(round(length_mm / step_mm)):
        before = ndimage.maximum_filter(np.concatenate([reached[:1], reached[:-1]]), (1, 3, 3))
        reached = np.minimum(bright, before)
    return reached


def veins_share(scan: Scan, liver: Liver, above: float) -> float:
    """Share of the liver brighter than this: its veins, where they are filled."""
    inside = ndimage.binary_closing(liver.mask, np.ones((1, 5, 5), dtype=bool)) & liver.levels[:, None, None]
    inside &= ndimage.binary_erosion(inside, np.ones((1, 3, 3), dtype=bool))
    smooth = scan.smooth(2, 1.5)
    return float((smooth[inside] > above).mean()) if inside.any() else 0.0


def muscle_hu(scan: Scan, spine: Spine) -> float:
    """The commonest attenuation of soft tissue behind and beside the spine, NaN where there is none."""
    left, front = spine.offsets(scan)
    where = (np.abs(left) > 12) & (np.abs(left) < 60) & (front < 0) & (front > -50) & spine.seen[:, None, None]
    values = scan.smooth(3, 2)[where & scan.body]
    values = values[(values > 0) & (values < 120)]
    if values.size * scan.voxel_ml < 10:
        return float("nan")
    counts = np.bincount(values.astype(int), minlength=130)
    return float(np.convolve(counts, np.ones(9), mode="same").argmax())
