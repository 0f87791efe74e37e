"""A patient to put lesions into: drawn, or a real CT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.phantoms.liver.anatomy import Anatomy
from HCCAssistLib.phantoms.liver.canvas import Canvas
from HCCAssistLib.phantoms.liver.liver_region import LiverRegion
from HCCAssistLib.phantoms.liver.organs import draw_bowel, draw_liver, draw_organs
from HCCAssistLib.phantoms.liver.surfaces import CoarseGrid, Depth
from HCCAssistLib.phantoms.liver.texture import scan
from HCCAssistLib.phantoms.liver.trunk import body_depth, diaphragm, draw_chest, draw_ribs, draw_spine, draw_wall
from HCCAssistLib.phantoms.liver.vessels import draw_great_vessels, draw_liver_vessels

FieldOfView = Literal["abdomen", "liver"]


@dataclass(frozen=True, slots=True)
class Scanner:
    """How a scanner shows the same patient.

    Attributes:
        slice_mm: slice thicknesses that occur.
        pixel_mm: smallest and largest pixel of the whole abdomen.
        noise_hu: least and most noise in the liver.
        blur_mm: sharpest and softest kernel, standard deviation.
    """

    slice_mm: tuple[float, ...]
    pixel_mm: tuple[float, float]
    noise_hu: tuple[float, float]
    blur_mm: tuple[float, float]


SCANNERS = {
    "internal": Scanner((3.0, 4.0, 5.0), (0.65, 0.85), (10.0, 16.0), (0.62, 0.82)),
    "external": Scanner((2.0, 2.5, 6.0), (0.86, 0.98), (17.0, 24.0), (0.85, 1.10)),
}
"""The scanner that a model is trained with, and one elsewhere: coarser pixels, other slices, more noise, softer."""
Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """What lesions are drawn into.

    Attributes:
        canvas: the volume; only the liver may be drawn over.
        region: where lesions can lie.
        mask: the liver at full resolution, ``[k, j, i]``.
        liver_hu: attenuation of the liver around an LPS point.
        noise_hu: standard deviation of the noise in the liver.
        develop: the finished volume, int16 HU ``[k, j, i]``; called once, when everything is drawn.
    """

    canvas: Canvas
    region: LiverRegion
    mask: npt.NDArray[np.bool_]
    liver_hu: Callable[[npt.ArrayLike], float]
    noise_hu: float
    develop: Callable[[np.random.Generator], npt.NDArray[np.int16]]


def draw_scene(rng: np.random.Generator, field: FieldOfView, scanner: Scanner = SCANNERS["internal"]) -> Scene:
    """A drawn patient: whole abdomen (512 x 512), or cut to the liver, which is twice as fast."""
    anatomy = Anatomy.draw(rng)
    canvas = Canvas(geometry := _grid(rng, anatomy, field, scanner), np.full(geometry.shape, -1000, dtype=np.float32))
    grid = CoarseGrid(canvas)
    depth = _draw_patient(grid, anatomy, rng)
    region = _region(grid, depth)
    inside = _Lookup(region)
    canvas.limit = grid.occupancy(depth)
    draw_liver_vessels(canvas, anatomy, inside, rng)
    noise_hu = float(rng.uniform(*scanner.noise_hu))
    sigma_px = float(rng.uniform(*scanner.blur_mm)) / canvas.pixel

    def develop(noise: np.random.Generator) -> npt.NDArray[np.int16]:
        clean = scan(
            noise,
            canvas.array,
            sigma_px=sigma_px,
            noise_hu=noise_hu * _noise_profile(grid, anatomy),
            streak_hu=float(noise.uniform(0.5, 2.0)),
        )
        np.rint(clean, out=clean)
        return np.clip(clean, -1024, 3071, out=clean).astype(np.int16)

    return Scene(canvas, region, canvas.limit > 0.5, lambda _point: anatomy.liver_hu, noise_hu, develop)


def _draw_patient(grid: CoarseGrid, a: Anatomy, rng: np.random.Generator) -> Depth:
    """Everything but the liver's own vessels and the disease, from outside to inside; returns the liver's depth."""
    cavity = draw_wall(grid, a, body_depth(grid, a), rng)
    dome = diaphragm(grid, a, rng)
    draw_chest(grid, a, cavity, dome, rng)
    draw_spine(grid.canvas, a, rng)
    draw_ribs(grid.canvas, a, rng)
    draw_organs(grid, a, cavity, dome, rng)
    draw_bowel(grid.canvas, a, rng)
    liver = draw_liver(grid, a, cavity, dome, rng)
    draw_great_vessels(grid.canvas, a, rng)
    return liver


class _Lookup:
    """Whether a point lies well inside the liver; one array access, since vessels ask thousands of times."""

    def __init__(self, region: LiverRegion) -> None:
        self._depth = region.depth
        self._origin = region.geometry.origin
        self._spacing = region.geometry.spacing

    def __call__(self, point: Array) -> bool:
        i, j, k = ((point - self._origin) / self._spacing).round().astype(int)
        nk, nj, ni = self._depth.shape
        return bool(0 <= k < nk and 0 <= j < nj and 0 <= i < ni and self._depth[k, j, i] > 4)


def _grid(rng: np.random.Generator, a: Anatomy, field: FieldOfView, scanner: Scanner) -> Geometry:
    thickness = float(rng.choice(scanner.slice_mm))
    finest, coarsest = scanner.pixel_mm
    width = float(np.clip(2 * a.half_width + rng.uniform(15, 60), 512 * finest, 512 * coarsest))
    shift = rng.uniform(-8, 8, 2)
    pixel = round(width / 512, 4)
    top, bottom = float(rng.uniform(16, 26)), -a.liver_height - float(rng.uniform(10, 22))
    slices = int((top - bottom) / thickness) + 1
    if field == "abdomen":
        low, size = np.array([-width / 2, -width / 2]) + shift, (512, 512)
    else:
        low = np.array([-a.half_width, -a.half_depth]) - 4
        high = np.array([a.left_lobe + 40, a.spine[1] + 45])
        columns, rows = np.ceil((high - low) / pixel).astype(int)
        size = (int(columns), int(rows))
    # the isocentre of a scanner is not the middle of the patient
    return Geometry.from_parts((slices, size[1], size[0]), (pixel, pixel, thickness), (low[0], low[1], bottom))


def _region(grid: CoarseGrid, depth: npt.NDArray[np.float32]) -> LiverRegion:
    affine = np.eye(4)
    axes = (grid.x.ravel(), grid.y.ravel(), grid.z.ravel())
    affine[:3, :3] = np.diag([float(axis[1] - axis[0]) for axis in axes])
    affine[:3, 3] = [float(axis[0]) for axis in axes]
    return LiverRegion.from_mask(depth > 0, Geometry(grid.shape, affine))


def _noise_profile(grid: CoarseGrid, a: Anatomy) -> npt.NDArray[np.float32]:
    """Noise over the slice, relative to the liver: most photons are lost in the middle of the body."""
    geometry = grid.canvas.geometry
    i, j = np.arange(geometry.shape[2]), np.arange(geometry.shape[1])
    x = (geometry.origin[0] + i * geometry.spacing[0]) / a.half_width
    y = (geometry.origin[1] + j * geometry.spacing[1]) / a.half_depth
    square = np.minimum(x[None, :] ** 2 + y[:, None] ** 2, 3.0)
    return np.asarray(0.72 + 0.38 * np.exp(-square), dtype=np.float32)
