"""Drawing shapes into a CT volume, with partial volume.

Shapes are given in LPS millimetres and evaluated on a patch: the voxels of a box, sampled several times along
thick slices. A patch is a product grid, so a plane, an ellipsoid or a tube costs a few broadcast sums whatever
the orientation of the volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry

Field = npt.NDArray[np.float32]
Vector = npt.ArrayLike

SUBSAMPLE_MM = 1.3
"""Voxels longer than this are sampled several times along their long side."""


@dataclass(frozen=True, eq=False, slots=True)
class Patch:
    """The sample points of a box of voxels.

    Attributes:
        slices: the voxels of the box in the volume's array, ``(k, j, i)``.
        steps: LPS offsets along ``k``, ``j`` and ``i``, each ``(n, 3)``; those along ``k`` hold the origin.
        samples: samples per voxel along ``(k, j, i)``.
    """

    slices: tuple[slice, slice, slice]
    steps: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]
    samples: tuple[int, int, int] = (1, 1, 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of samples along ``(k, j, i)``."""
        k, j, i = self.steps
        return len(k), len(j), len(i)

    def along(self, direction: Vector, origin: Vector = (0.0, 0.0, 0.0)) -> Field:
        """Coordinate of each sample along a direction; broadcasts to ``shape``."""
        d = np.asarray(direction, dtype=np.float64)
        k, j, i = (step @ d for step in self.steps)
        k -= np.asarray(origin, dtype=np.float64) @ d
        return self._sum(k.astype(np.float32), j.astype(np.float32), i.astype(np.float32))

    @staticmethod
    def _sum(k: Field, j: Field, i: Field) -> Field:
        """The sum of what the steps along ``k``, ``j`` and ``i`` add; broadcasts to ``shape``."""
        # an axis across the direction adds nothing: leaving it out keeps the arrays small
        total = (k[:1] if k[0] == k[-1] else k)[:, None, None]
        if max(abs(j[0]), abs(j[-1])) > 1e-6:
            total = total + j[None, :, None]
        if max(abs(i[0]), abs(i[-1])) > 1e-6:
            total = total + i[None, None, :]
        return total

    def squared_distance(self, point: Vector) -> Field:
        """Square of the distance in mm of each sample to a point."""
        k, j, i = self.steps
        offsets = (
            (k - np.asarray(point, dtype=np.float64)).astype(np.float32),
            j.astype(np.float32),
            i.astype(np.float32),
        )
        x, y, z = (self._sum(*parts) for parts in zip(*(step.T for step in offsets), strict=True))
        return x * x + y * y + z * z

    def average(self, values: npt.NDArray[Any]) -> Field:
        """Mean over the samples of each voxel: the partial-volume effect."""
        if values.shape != self.shape:
            values = np.broadcast_to(values, self.shape)
        if self.samples == (1, 1, 1):
            return np.asarray(values, dtype=np.float32)
        (sk, sj, si), (nk, nj, ni) = self.samples, self.shape
        blocks = values.reshape(nk // sk, sk, nj // sj, sj, ni // si, si)
        return np.asarray(np.add.reduce(blocks, axis=(1, 3, 5)) / (sk * sj * si), dtype=np.float32)


class Canvas:
    """A volume being drawn.

    Args:
        geometry: its grid.
        array: float32 voxels to draw over, ``[k, j, i]``; they are changed in place.
    """

    def __init__(self, geometry: Geometry, array: Field) -> None:
        self.geometry = geometry
        self.array = array
        self.limit: Field | None = None
        """How much of each voxel may be drawn over, 0 to 1; None for all of it."""
        self.coverage: Field | None = None
        """Where given, keeps how much of each voxel has been painted over, 0 to 1; what was added does not count."""
        i, j, k = (int(np.ceil(s / SUBSAMPLE_MM)) if s > 2 else 1 for s in geometry.spacing)
        self.samples = (k, j, i)
        self._known_steps: dict[tuple[int, int, int], list[npt.NDArray[np.float64]]] = {}

    @property
    def pixel(self) -> float:
        """Shortest side of a voxel in mm: the width of a sharp edge."""
        return float(self.geometry.spacing.min())

    def patch(
        self, points: npt.ArrayLike, margin_mm: float, *, samples: tuple[int, int, int] | None = None
    ) -> Patch | None:
        """The voxels around LPS points, with a margin; None where they lie outside the volume."""
        reach = margin_mm / self.geometry.spacing
        return self._box(points, reach, samples or self.samples)

    def near(self, points: npt.ArrayLike, distance_mm: float) -> Patch | None:
        """The voxels with samples in a box around LPS points, and no more of them; None where there are none."""
        beyond = [(n + 1) / (2 * n) for n in self.samples[::-1]]  # from the last sample to the next voxel's middle
        return self._box(points, distance_mm / self.geometry.spacing - beyond, self.samples)

    def _box(
        self, points: npt.ArrayLike, reach: npt.NDArray[np.float64], samples: tuple[int, int, int]
    ) -> Patch | None:
        index = np.atleast_2d(self.geometry.to_index(points)).T.tolist()
        slices, steps = [], []
        for axis, n, size, step in zip((2, 1, 0), samples, self.geometry.shape, self._steps(samples), strict=True):
            low = max(floor(min(index[axis]) - reach[axis]), 0)
            high = min(ceil(max(index[axis]) + reach[axis]) + 1, size)
            if high <= low:
                return None
            slices.append(slice(low, high))
            steps.append(step[low * n : high * n])
        return Patch((slices[0], slices[1], slices[2]), (steps[0], steps[1], steps[2]), samples)

    def _steps(self, samples: tuple[int, int, int]) -> list[npt.NDArray[np.float64]]:
        """The steps of a patch of the whole volume, once for all patches."""
        if samples not in self._known_steps:
            affine, shape = self.geometry.affine[:3], self.geometry.shape
            at = [(np.arange(size * n) + 0.5) / n - 0.5 for size, n in zip(shape, samples, strict=True)]
            steps = [places[:, None] * affine[:, axis] for places, axis in zip(at, (2, 1, 0), strict=True)]
            steps[0] += affine[:, 3]
            self._known_steps[samples] = steps
        return self._known_steps[samples]

    def paint(self, patch: Patch, occupancy: npt.NDArray[Any], value: npt.NDArray[Any] | float) -> None:
        """Blend a value (HU, per sample or one) into the voxels of a patch by their occupancy (0 to 1)."""
        weight = patch.average(occupancy)
        if isinstance(value, np.ndarray):
            value = patch.average(occupancy * value) / np.maximum(weight, np.float32(1e-6))
        if self.limit is not None:
            weight = weight * self.limit[patch.slices]
        target = self.array[patch.slices]
        target += weight * (np.asarray(value, dtype=np.float32) - target)
        if self.coverage is not None:
            np.maximum(self.coverage[patch.slices], weight, out=self.coverage[patch.slices])

    def add(self, patch: Patch, occupancy: npt.NDArray[Any], contrast: npt.NDArray[Any] | float) -> None:
        """Add a contrast (HU, per sample or one) to the voxels of a patch by their occupancy (0 to 1)."""
        added = patch.average(occupancy * contrast)
        self.array[patch.slices] += added if self.limit is None else added * self.limit[patch.slices]


def edge(depth: npt.NDArray[Any], width: float) -> Field:
    """Occupancy of a shape from the depth of each sample under its surface (mm), with an edge of a given width."""
    share = np.asarray(depth / np.float32(width), dtype=np.float32)
    share += np.float32(0.5)
    np.maximum(share, 0, out=share)  # in two steps, which for small shapes take half the time of numpy.clip
    return np.minimum(share, 1, out=share)


def capsule(patch: Patch, start: Vector, end: Vector, radius_start: float, radius_end: float) -> Field:
    """Depth in mm under the surface of a straight, tapering tube with round ends."""
    a = np.asarray(start, dtype=np.float64)
    way = np.asarray(end, dtype=np.float64) - a
    length = max(float(np.sqrt(way @ way)), 1e-6)
    t = patch.along(way / length, a)
    nearest = np.maximum(t, 0)
    np.minimum(nearest, np.float32(length), out=nearest)
    beyond = t - nearest
    # in place, since thousands of tubes are drawn
    square = patch.squared_distance(a)
    square -= np.square(t, out=t)
    square += np.square(beyond, out=beyond)
    np.maximum(square, 0, out=square)
    np.sqrt(square, out=square)
    nearest *= np.float32((radius_end - radius_start) / length)
    nearest += np.float32(radius_start)
    return np.subtract(nearest, square, out=square)


def ellipsoid(patch: Patch, center: Vector, axes: npt.ArrayLike, semi_axes: npt.ArrayLike) -> Field:
    """Depth in mm under the surface of an ellipsoid, measured towards its centre.

    Args:
        patch: where.
        center: LPS mm.
        axes: orthonormal directions as rows.
        semi_axes: mm along each of them.
    """
    q = np.zeros((1, 1, 1), dtype=np.float32)
    for direction, semi in zip(np.asarray(axes), np.asarray(semi_axes), strict=True):
        q = q + (patch.along(direction, center) / np.float32(semi)) ** 2
    q = np.sqrt(np.maximum(q, np.float32(1e-6)))
    distance = np.sqrt(patch.squared_distance(center))
    depth = np.asarray(distance / q - distance, dtype=np.float32)
    depth[q <= 1e-2] = np.min(semi_axes)
    return depth
