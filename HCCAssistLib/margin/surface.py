"""The surface of a segment between its voxels: points with normals and areas, and the signed distance to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image

SMOOTHING = 2.5
"""Standard deviation of the smoothing, in edges of a cube as large as a voxel..."""

SMOOTHING_OF_RADIUS = 0.18
"""...but at most so much of the radius of the largest ball in the segment, or what is small or slim would lose its
tips."""

WIDER = 1.5
"""Ratio of the two Gaussians whose difference leaves planes, cylinders and balls where they are."""

LONGEST = 96
"""Steps of the working grid along the longest side of a segment: coarser from there on, to bound time and memory."""

BAND = 1.5
"""Half the width of the layer of voxels around a surface that are moved onto it, in steps of the working grid."""

FEWEST = 8
"""Voxels: two along each axis."""

PAD = 8
"""Steps of the working grid around a segment."""

MOVES, CLOSE = 5, 0.05
"""Times that a voxel is moved towards the surface, and steps from it at which a point counts as on it."""


@dataclass(frozen=True, eq=False, slots=True)
class Surface:
    """The surface of a segment: outside, and of cavities in it.

    Attributes:
        points: LPS mm, ``(n, 3)``, three or so for each face of a voxel.
        normals: unit vectors out of the segment, LPS.
        areas: mm2 of the surface that each point stands for.
        step: mm between voxels of the working grid.
    """

    points: FloatArray
    normals: FloatArray
    areas: FloatArray
    step: float
    _grid: Geometry
    _inside: npt.NDArray[np.bool_]
    _voxels: npt.NDArray[np.intp]

    def contains(self, lps: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether LPS points ``(n, 3)`` lie in the segment, to half a step of the working grid."""
        index = np.rint(self._grid.to_index(lps)).astype(int)[:, ::-1]
        within = ((index >= 0) & (index < self._inside.shape)).all(axis=1)
        found = np.zeros(len(index), bool)
        found[within] = self._inside[tuple(index[within].T)]
        return found

    def point_of_voxel(self) -> tuple[Geometry, npt.NDArray[np.int32]]:
        """The working grid, and for each of its voxels the number of a point that is among the nearest to it."""
        from scipy import ndimage

        number = np.full(self._inside.shape, -1, np.int32)
        number[tuple(self._voxels.T)] = np.arange(len(self.points))
        to = ndimage.distance_transform_edt(number < 0, return_distances=False, return_indices=True)
        return self._grid, number[tuple(to)]


def surface_of(mask: Image, name: str) -> Surface:
    """The surface of a segment, more exact than its voxels.

    The distance to the border between painted and other voxels is brought onto steps of one length and smoothed by
    the difference of two Gaussians, which does not shrink round bodies; the surface is where it is zero. Voxels around
    it are moved onto it along the gradient. Areas are those of the coarea formula: each voxel of the layer counts by
    how near it lay.

    Args:
        mask: painted where not 0, on any grid.
        name: of the segment, for messages.

    Raises:
        InputError: nothing is painted, or nothing but one slice, or too little to have a surface.
    """
    level, step = level_of(mask, name)
    found = _on_surface(level.array, level.geometry, step)
    if found is None:
        raise InputError("the segment is too small to have a surface", name, "paint it on a finer volume")
    points, normals, areas, voxels = found
    return Surface(points, normals, areas, step, level.geometry, level.array > 0, voxels)


def level_of(mask: Image, name: str) -> tuple[Image, float]:
    """What the surface is found in: mm inside the segment, 0 on its surface, negative outside; and mm between voxels.

    Raises:
        InputError: nothing is painted, or nothing but one slice.
    """
    from scipy import ndimage

    painted = mask.array != 0
    boxes = ndimage.find_objects(painted.astype(np.uint8))
    if not boxes:
        raise InputError("the segment is empty", name, "paint it, or choose another one")
    first = np.array([side.start for side in boxes[0]][::-1])
    size = np.array([side.stop - side.start for side in boxes[0]][::-1])
    if size.min() < 2:
        what = f"the segment is painted in one slice only ({' x '.join(map(str, size))} voxels)"
        raise InputError(what, name, "paint it in all slices: a margin is measured in space")
    count = int(np.count_nonzero(painted))
    if count < FEWEST:
        what = f"the segment holds {count} voxels, too few to have a surface"
        raise InputError(what, name, "paint it on a finer volume")
    spacing = mask.geometry.spacing
    step = max(float(spacing.min()), float((size * spacing).max()) / LONGEST)
    around = np.ceil(PAD * step / spacing).astype(int)
    part = crop(mask, (first - around).tolist(), (size + 2 * around)[::-1].tolist(), fill_value=0)
    painted, grid = _in_blocks(part.array != 0, part.geometry, np.maximum(1, step // spacing).astype(int))
    return _level(painted, grid, step), step


def _in_blocks(
    painted: npt.NDArray[np.bool_], grid: Geometry, sides: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.bool_], Geometry]:
    """Blocks of so many voxels ``(i, j, k)``, painted where half of one is: a coarse working grid needs no more."""
    if (sides == 1).all():
        return painted, grid
    k, j, i = (-(-n // side) for n, side in zip(painted.shape, sides[::-1], strict=True))
    c, b, a = sides.tolist()
    whole = np.zeros((k * a, j * b, i * c), np.float32)
    whole[tuple(slice(n) for n in painted.shape)] = painted
    means = whole.reshape(k, a, j, b, i, c).mean(axis=(1, 3, 5))
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world((sides - 1) / 2)
    affine[:3, :3] *= sides
    return means >= 0.5, Geometry((k, j, i), affine)


def _level(painted: npt.NDArray[np.bool_], geometry: Geometry, step: float) -> Image:
    """Smoothed signed distance in mm, positive inside, and its grid: the same axes, steps of one length."""
    from scipy import ndimage

    spacing = geometry.spacing[::-1]
    half = spacing.min() / 2  # from the centre of a voxel to the border
    inner, outer = (ndimage.distance_transform_edt(one, sampling=spacing) for one in (painted, ~painted))
    distance = np.where(painted, inner - half, half - outer)
    shape = np.floor((np.array(geometry.shape) - 1) * spacing / step + 1e-6).astype(int) + 1
    if not np.allclose(spacing, step):
        # cubic: between thick slices a straight line would cut off what is round
        distance = ndimage.affine_transform(
            distance, step / spacing, output_shape=tuple(shape.tolist()), order=3, mode="nearest"
        )
    affine = geometry.affine.copy()
    affine[:3, :3] = geometry.directions * step
    sigma = min(SMOOTHING * float(np.cbrt(spacing.prod())), SMOOTHING_OF_RADIUS * float(distance.max())) / step
    narrow, wide = (ndimage.gaussian_filter(distance, factor * sigma, mode="nearest") for factor in (1.0, WIDER))
    k, j, i = distance.shape
    return Image((WIDER**2 * narrow - wide) / (WIDER**2 - 1), Geometry((k, j, i), affine))


def _on_surface(
    level: FloatArray, grid: Geometry, step: float
) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.intp]] | None:
    """Points, outward normals, areas and the voxels they come from; None where the level is nowhere above zero."""
    if not (level > 0).any():
        return None
    slopes = np.stack(list(np.gradient(level / step)))
    steep = np.sqrt((slopes**2).sum(axis=0))
    away = level / step / np.maximum(steep, 0.2)  # in steps, also where smoothing made the slope another one
    index = np.argwhere(np.abs(away) < BAND)
    near = away[tuple(index.T)]
    areas = (1 + np.cos(np.pi * near / BAND)) / (2 * BAND) * step**2
    place = index.astype(np.float64)
    for _ in range(MOVES):
        value, slope = _sampled(level / step, place), np.stack([_sampled(one, place) for one in slopes], axis=1)
        move = value[:, None] * slope / np.maximum((slope**2).sum(axis=1), 0.04)[:, None]
        place -= move / np.maximum(1, np.linalg.norm(move, axis=1))[:, None]
    slope = np.stack([_sampled(one, place) for one in slopes], axis=1)
    length = np.linalg.norm(slope, axis=1)
    kept = (np.abs(_sampled(level / step, place)) < CLOSE) & (length > 0.2)
    if not kept.any():
        return None
    normals = -(slope[kept] / length[kept, None])[:, ::-1] @ grid.directions.T
    return grid.to_world(place[kept][:, ::-1]), normals, areas[kept], index[kept]


def _sampled(values: FloatArray, place: FloatArray) -> FloatArray:
    from scipy import ndimage

    return np.asarray(ndimage.map_coordinates(values, place.T, order=1, mode="nearest"))
