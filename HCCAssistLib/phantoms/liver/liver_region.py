"""Where in a liver a lesion can be put, and finding the liver in a real CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

Vector = npt.NDArray[np.float64]

GRID_MM = 3.0


@dataclass(frozen=True, eq=False, slots=True)
class LiverRegion:
    """A liver on a coarse grid.

    Attributes:
        depth: mm to the liver's surface, 0 outside, ``[k, j, i]``.
        geometry: grid of ``depth``.
    """

    depth: npt.NDArray[np.float32]
    geometry: Geometry

    @classmethod
    def from_mask(cls, mask: npt.NDArray[np.bool_], geometry: Geometry) -> LiverRegion:
        """From a mask that is already coarse."""
        depth = np.zeros(mask.shape, dtype=np.float32)
        for box in ndimage.find_objects(mask.astype(np.uint8)):  # one, or none of an empty mask
            distance = ndimage.distance_transform_edt(np.pad(mask[box], 1), sampling=geometry.spacing[::-1])
            depth[box] = distance[1:-1, 1:-1, 1:-1]
        return cls(depth, geometry)

    def depth_at(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Depth in mm under the liver's surface at LPS points ``(..., 3)``; 0 outside."""
        index = self.geometry.to_index(points)
        flat = index.reshape(-1, 3)[:, ::-1].T
        depth = ndimage.map_coordinates(self.depth, flat, order=1, mode="constant", cval=0.0)
        return np.asarray(depth, dtype=np.float64).reshape(index.shape[:-1])

    def outward(self, point: npt.ArrayLike) -> Vector:
        """Unit vector from a point towards the nearest surface of the liver."""
        step = 6.0
        offsets = step * np.vstack([np.eye(3), -np.eye(3)])
        depth = self.depth_at(np.asarray(point, dtype=np.float64) + offsets)
        gradient = depth[3:] - depth[:3]
        length = float(np.linalg.norm(gradient))
        return np.asarray(gradient / length if length > 1e-6 else (-1.0, 0.0, 0.0), dtype=np.float64)

    def sample(self, rng: np.random.Generator, least_mm: float, most_mm: float = np.inf) -> Vector:
        """A random LPS point whose depth lies in a range; the deepest point where there is none."""
        candidates = np.flatnonzero((self.depth >= least_mm) & (self.depth <= most_mm))
        if len(candidates) == 0:
            candidates = np.array([np.argmax(self.depth)])
        place = np.unravel_index(int(candidates[int(rng.integers(len(candidates)))]), self.depth.shape)
        return self.geometry.to_world(np.array(place[::-1]) + rng.uniform(-0.5, 0.5, 3))


def find_liver(image: Image) -> npt.NDArray[np.bool_]:
    """The liver of a CT by its attenuation: the largest compact soft tissue on the patient's right.

    Good enough to place synthetic lesions in; not a segmentation to measure anything with.

    Returns:
        Mask on the image's grid, ``[k, j, i]``.

    Raises:
        InputError: no such organ; for example a chest, a pelvis, a head, or an MR image.
    """
    hu, geometry, steps = _coarse(image)
    right = _right_half(hu, geometry)
    best: npt.NDArray[np.bool_] | None = None
    for level in _levels(hu[right]):
        organ = _largest_compact(np.abs(hu - level) < 17, right, geometry)
        if organ is not None and (best is None or organ.sum() > best.sum()):
            best = organ
    ml = 0.0 if best is None else float(best.sum() * np.prod(geometry.spacing) / 1000)
    if best is None or not 250 <= ml <= 4500:
        raise InputError(
            "no liver can be found in the background volume",
            image.name,
            "give a CT of the upper abdomen with the whole liver, or a mask of its liver",
        )
    index = np.ix_(
        *(np.minimum(np.arange(n) // s, m - 1) for n, s, m in zip(image.array.shape, steps, best.shape, strict=True))
    )
    return np.asarray(best[index])


def coarse_region(mask: npt.NDArray[np.bool_], geometry: Geometry) -> LiverRegion:
    """The region of a mask at full resolution."""
    steps = _steps(geometry)
    starts = [step // 2 for step in steps]
    small = mask[tuple(slice(start, None, step) for start, step in zip(starts, steps, strict=True))]
    return LiverRegion.from_mask(small, _strided(geometry, steps, small.shape))


def _steps(geometry: Geometry) -> tuple[int, int, int]:
    """Voxels per coarse voxel along ``(k, j, i)``."""
    i, j, k = (max(1, round(GRID_MM / s)) for s in geometry.spacing)
    return k, j, i


def _strided(geometry: Geometry, steps: tuple[int, int, int], shape: tuple[int, ...]) -> Geometry:
    affine = geometry.affine.copy()
    affine[:3, 3] = geometry.to_world([step // 2 for step in steps[::-1]])
    affine[:3, :3] *= np.array(steps[::-1])
    return Geometry((shape[0], shape[1], shape[2]), affine)


def _coarse(image: Image) -> tuple[npt.NDArray[np.float32], Geometry, tuple[int, int, int]]:
    """The volume smoothed and thinned out to about ``GRID_MM``; padding counts as air."""
    steps = _steps(image.geometry)
    hu = np.maximum(image.array, -1024).astype(np.float32)
    hu = ndimage.gaussian_filter(hu, 2.5 / image.geometry.spacing[::-1], truncate=2.5)
    hu = hu[tuple(slice(step // 2, None, step) for step in steps)]
    return hu, _strided(image.geometry, steps, hu.shape), steps


def _right_half(hu: npt.NDArray[np.float32], geometry: Geometry) -> npt.NDArray[np.bool_]:
    """The part of the volume to the right of the middle of the body."""
    k, j, i = np.ogrid[tuple(slice(0, n) for n in hu.shape)]
    row = geometry.affine[0]
    x = row[0] * i + row[1] * j + row[2] * k + row[3]
    body = hu > -250
    middle = float(np.median(x[body])) if body.any() else 0.0
    return np.asarray(x < middle)


def _levels(hu: npt.NDArray[np.float32]) -> list[float]:
    """Attenuations that many voxels share: the peaks of the histogram of soft tissue."""
    counts, edges = np.histogram(hu, bins=np.arange(25, 190, 2.0))
    counts = ndimage.gaussian_filter1d(counts.astype(float), 2.0)
    peaks = [n for n in range(1, len(counts) - 1) if counts[n - 1] < counts[n] >= counts[n + 1]]
    peaks.sort(key=lambda n: -counts[n])
    return [float(edges[n] + 1) for n in peaks[:5]]


def _largest_compact(
    mask: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_], geometry: Geometry
) -> npt.NDArray[np.bool_] | None:
    """The largest part of a mask with its middle on the right, cut off from what thin bridges connect it to."""
    sampling = geometry.spacing[::-1]
    core = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=sampling)[1:-1, 1:-1, 1:-1] > 8.0
    labels, count = ndimage.label(core)
    if not count:
        return None
    sizes = np.bincount(labels[right & core], minlength=count + 1).astype(float)
    sizes[0] = 0
    organ = labels == int(np.argmax(sizes))
    if not organ.any() or right[organ].mean() < 0.6:
        return None
    near = ndimage.distance_transform_edt(~organ, sampling=sampling) < 9.0
    organ = ndimage.binary_fill_holes(near & mask)
    away = ndimage.distance_transform_edt(~organ, sampling=sampling) > 5.0
    closed = ndimage.distance_transform_edt(~away, sampling=sampling) > 5.0
    return np.asarray(closed)
