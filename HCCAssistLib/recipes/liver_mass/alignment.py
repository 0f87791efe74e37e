"""Whether the phases lie on each other around the masses: how far one must be moved to fit another.

Phases are brought together by their positions in the patient alone, as in the paper. Between them the patient breathes,
and a frame may then show another part of the liver. The shift is measured by phase correlation of edges, which a
contrast agent moves less than grey values, in a box around the masses on a coarse grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from HCCAssistLib.imaging.axial import fill_of
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.recipes.liver_mass.sections import Place

STEP_MM = 2.5
MARGIN_MM = 70.0
"""Around the masses: enough of the liver's outline and vessels, even around one mass deep in the liver."""

LARGEST_MM = 160.0
MOST_SHIFT_MM = 30.0
"""Of breathing."""

CLEAR = 1.5
"""How far the highest peak must stand above all others: below it, edges that look alike were taken for each other."""

NEAR = 2
"""Steps from the peak that still belong to it."""

MOSTLY = 0.9
"""Share of the fullest layer of a box that another must be filled."""

SOFT_HU = (-120.0, 200.0)
WARN_MM = 5.0

FloatArray = npt.NDArray[np.float64]


def box_around(places: Sequence[Place]) -> Geometry:
    """A coarse straight grid around places, LPS mm, of at most ``LARGEST_MM`` along each side."""
    points = np.asarray(places, dtype=np.float64)
    low, high = points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM
    size = np.minimum(high - low, LARGEST_MM)
    first = (low + high - size) / 2
    i, j, k = (int(n) for n in np.ceil(size / STEP_MM))
    return Geometry.from_parts((k, j, i), (STEP_MM,) * 3, first.tolist())


def shift_between(fixed: Image, moving: Image, box: Geometry) -> FloatArray | None:
    """How far along left, posterior and superior, in mm, a volume shows what another shows in a box.

    Args:
        fixed, moving: in any storage order.
        box: of ``box_around``.

    Returns:
        ``(3,)``, or None where that cannot be told: too few edges, or several shifts that fit nearly as well.
    """
    box = _in_both(fixed.geometry, moving.geometry, box)
    pair = [edges for image in (fixed, moving) if (edges := _edges(image, box)) is not None]
    if len(pair) < 2:
        return None
    reach = int(MOST_SHIFT_MM / STEP_MM)
    shape = [fft.next_fast_len(n + reach, real=True) for n in box.shape]  # what wraps around is moved by more
    one, other = (fft.rfftn(edges, shape) for edges in pair)
    product = other * np.conj(one)
    surface = fft.irfftn(product / np.maximum(np.abs(product), 1e-9), shape)
    near = np.roll(surface, (reach,) * 3, axis=(0, 1, 2))[tuple(slice(0, 2 * reach + 1) for _ in range(3))]
    peak = np.unravel_index(near.argmax(), near.shape)
    others = near.copy()
    others[tuple(slice(max(0, int(at) - NEAR), int(at) + NEAR + 1) for at in peak)] = 0
    if near[peak] < CLEAR * others.max():
        return None
    offsets = np.array([_between(near, peak, axis) for axis in range(3)]) - reach
    found: FloatArray = offsets[::-1] * STEP_MM
    return found


def _in_both(one: Geometry, other: Geometry, box: Geometry) -> Geometry:
    """The part of a box that both volumes fill: where one ends is an edge of the scan and not of the patient."""
    k, j, i = np.indices(box.shape)
    places = box.to_world(np.stack([i, j, k], axis=-1))
    inside = one.contains(places) & other.contains(places)
    if not inside.any():
        return box
    start, stop = [], []
    for axis in range(3):
        share = inside.mean(axis=tuple(a for a in range(3) if a != axis))
        filled = np.flatnonzero(share > MOSTLY * share.max())
        start.append(int(filled[0]))
        stop.append(int(filled[-1]) + 1)
    return box.crop(start[::-1], [last - first for first, last in zip(start, stop, strict=True)])


def _edges(image: Image, box: Geometry) -> FloatArray | None:
    """Strength of the edges of soft tissue, fading to the sides of the box; None where there are hardly any."""
    soft = resample(image, box, fill_value=fill_of(image.array.dtype)).array.astype(np.float32).clip(*SOFT_HU)
    edges = ndimage.gaussian_gradient_magnitude(soft, 1.0)
    edges -= edges.mean()
    for axis, count in enumerate(edges.shape):
        taper = np.hanning(count + 2)[1:-1]
        edges *= np.expand_dims(taper, tuple(a for a in range(3) if a != axis))
    return edges if edges.std() > 1e-3 else None


def _between(surface: npt.NDArray[np.generic], peak: tuple[np.intp, ...], axis: int) -> float:
    """Place of the peak along an axis, between the voxels."""
    at = int(peak[axis])
    if not 0 < at < surface.shape[axis] - 1:
        return float(at)
    left, middle, right = (
        float(surface[tuple(at + step if a == axis else p for a, p in enumerate(peak))]) for step in (-1, 0, 1)
    )
    bend = left - 2 * middle + right
    return at + (0.5 * (left - right) / bend if bend < 0 else 0.0)
