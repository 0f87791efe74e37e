"""The liver, the vessels along the spine and the muscle behind it, in a CT of the abdomen.

Each is known by more than one sign, and is None where the signs fail: nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from HCCAssistLib.imaging.abdomen import Array, Mask, Scan
from HCCAssistLib.imaging.abdomen_spine import Spine
from HCCAssistLib.imaging.windows import AIR_HU

LIVER_HU, MIN_BALL_MM, MIN_LIVER_ML = (20, 180), 26, 150
SEED_FRONT_MM = 20
"""How far the middle of the liver's largest ball lies in front of the canal at least: gluteal muscle lies behind."""

HARD_HU = 450
"""Cortical bone, calcium and metal."""

VESSEL_MM = (5, 30)
"""How far outside the vertebral bodies the middle of a vessel beside them lies."""


@dataclass(frozen=True, eq=False, slots=True)
class Liver:
    """The liver, or what of it is in the volume.

    Attributes:
        hu: median attenuation.
        mask: ``[k, j, i]`` on the grid, with its vessels.
        levels: the slices that it spans and in which the spine is seen.
    """

    hu: float
    mask: Mask
    levels: Mask


def find_liver(scan: Scan, spine: Spine) -> Liver | None:
    """The thickest mass of even soft tissue to the right of the spine, None where there is no such mass.

    The signs: a ball of at least 26 mm radius fits in it, to the right and well in front of the spinal canal, and what
    has the same attenuation and hangs together with it holds 150 ml or more.
    """
    k, j, i = scan.steps
    smooth = scan.smooth(3, 3)[:, ::2, ::2]
    steps = (k, 2 * j, 2 * i)
    left, front = (offset[:, ::n, ::m] for offset, n, m in zip(spine.offsets(scan), (1, 2), (2, 1), strict=True))
    soft = (smooth > LIVER_HU[0]) & (smooth < LIVER_HU[1])
    depth = ndimage.distance_transform_edt(soft, steps).astype(np.float32)
    where = (left < -40) & (left > -150) & (front > SEED_FRONT_MM) & spine.seen[:, None, None]
    inner = np.where(where, depth, 0)
    radius = float(inner.max())
    if radius < MIN_BALL_MM:
        return None
    seed = np.unravel_index(inner.argmax(), inner.shape)
    z, y, x = ((np.arange(n) - at) * step for n, at, step in zip(soft.shape, seed, steps, strict=True))
    distance = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    ball = distance < 0.8 * radius
    level, spread = float(np.median(smooth[ball])), float(np.std(smooth[ball]))
    even = soft & (np.abs(smooth - level) < max(15.0, 2 * spread))
    deep = ndimage.distance_transform_edt(even, steps) > 7
    labels, _ = ndimage.label(deep)
    counts = np.bincount(labels[ball])
    counts[0] = 0  # a lesion or a vessel in the middle of the ball
    if not counts.any():
        return None
    core = labels == counts.argmax()
    mask = ndimage.distance_transform_edt(~core, steps) < 10
    mask &= soft
    if mask.sum() * np.prod(steps) / 1000 < MIN_LIVER_ML:
        return None
    levels = core.any(axis=(1, 2)) & spine.seen
    full = np.repeat(np.repeat(mask, 2, axis=1), 2, axis=2)[:, : scan.hu.shape[1], : scan.hu.shape[2]]
    return Liver(float(np.median(smooth[core])), full, levels)


@dataclass(frozen=True, slots=True)
class Vessel:
    """A vessel along the spine.

    Attributes:
        hu: the middle of its brightness over the slices of the liver.
        left: where it lies to the left of the spinal canal, mm: the middle over these slices.
        steady: the share of these slices in which it is as bright, and no wider than a vessel.
        in_view: the share of these slices in which the place where it lies is inside the volume.
        brightest: what is brightest there whether it goes on or not, calcium included: the middle over the slices.
    """

    hu: float
    left: float
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
    wide = [_around(scan, int(z), int(rows[z]), int(columns[z]), beyond[z] < 8, 0.7 * hu) for z in levels]
    steady = (np.abs(values - hu) < max(25, 0.2 * hu)) & (np.array(wide) < 0.5)
    edge = [
        round(spine.column[z] + min(left_mm) / i) >= 0
        and round(spine.column[z] + max(left_mm) / i) < scan.hu.shape[2]
        and round(spine.row[z] - 65 / j) >= 0
        for z in levels
    ]
    aside = float(np.median(left[levels, 0, columns[levels]]))
    return Vessel(hu, aside, float(steady.mean()), float(np.mean(edge)), float(np.median(brightest[levels])))


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
