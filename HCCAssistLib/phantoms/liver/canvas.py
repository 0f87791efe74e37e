"""Drawing shapes into a CT volume, with partial volume.

Shapes are given in LPS millimetres and evaluated on a patch: the voxels of a box, sampled several times along
thick slices. A patch is a product grid, so a plane, an ellipsoid or a tube costs a few broadcast sums whatever
the orientation of the volume.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        return self._sum(k - np.dot(np.asarray(origin, dtype=np.float64), d), j, i)

    @staticmethod
    def _sum(*parts: npt.NDArray[np.float64]) -> Field:
        """The sum of what the steps along ``k``, ``j`` and ``i`` add; broadcasts to ``shape``."""
        k, j, i = (part.astype(np.float32) for part in parts)
        total = k[:, None, None]
        # an axis across the direction adds nothing: leaving it out keeps the arrays small
        if max(j.max(), -j.min()) > 1e-6:
            total = total + j[None, :, None]
        if max(i.max(), -i.min()) > 1e-6:
            total = total + i[None, None, :]
        return total

    def squared_distance(self, point: Vector) -> Field:
        """Square of the distance in mm of each sample to a point."""
        k, j, i = self.steps
        x, y, z = (
            self._sum(k[:, n] - at, j[:, n], i[:, n]) for n, at in enumerate(np.asarray(point, dtype=np.float64))
        )
        return x**2 + y**2 + z**2

    def average(self, values: npt.NDArray[Any]) -> Field:
        """Mean over the samples of each voxel: the partial-volume effect."""
        values = np.broadcast_to(values, self.shape)
        if self.samples == (1, 1, 1):
            return np.asarray(values, dtype=np.float32)
        (sk, sj, si), (nk, nj, ni) = self.samples, self.shape
        blocks = values.reshape(nk // sk, sk, nj // sj, sj, ni // si, si)
        return np.asarray(blocks.mean(axis=(1, 3, 5)), dtype=np.float32)


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

    @property
    def pixel(self) -> float:
        """Shortest side of a voxel in mm: the width of a sharp edge."""
        return float(self.geometry.spacing.min())

    def patch(
        self, points: npt.ArrayLike, margin_mm: float, *, samples: tuple[int, int, int] | None = None
    ) -> Patch | None:
        """The voxels around LPS points, with a margin; None where they lie outside the volume."""
        samples = samples or self.samples
        index = np.atleast_2d(self.geometry.to_index(points))
        reach = margin_mm / self.geometry.spacing
        low = np.maximum(np.floor(index.min(axis=0) - reach), 0).astype(int)
        high = np.minimum(np.ceil(index.max(axis=0) + reach) + 1, self.geometry.size_ijk).astype(int)
        if (high <= low).any():
            return None
        steps = []
        for axis in (2, 1, 0):
            n = samples[2 - axis]
            at = np.arange(low[axis] * n, high[axis] * n, dtype=np.float64)
            at = (at + 0.5) / n - 0.5
            steps.append(at[:, None] * self.geometry.affine[:3, axis])
        steps[0] = steps[0] + self.geometry.affine[:3, 3]
        slices = tuple(slice(int(low[a]), int(high[a])) for a in (2, 1, 0))
        return Patch(slices, (steps[0], steps[1], steps[2]), samples)  # type: ignore[arg-type]

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
    return np.asarray(np.clip(depth / np.float32(width) + np.float32(0.5), 0, 1), dtype=np.float32)


def capsule(patch: Patch, start: Vector, end: Vector, radius_start: float, radius_end: float) -> Field:
    """Depth in mm under the surface of a straight, tapering tube with round ends."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    length = max(float(np.linalg.norm(b - a)), 1e-6)
    t = patch.along((b - a) / length, a)
    nearest = np.clip(t, 0, np.float32(length))
    square = patch.squared_distance(a) - t * t + (t - nearest) ** 2
    radius = np.float32(radius_start) + nearest * np.float32((radius_end - radius_start) / length)
    return np.asarray(radius - np.sqrt(np.maximum(square, 0)), dtype=np.float32)


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
    return np.asarray(np.where(q > 1e-2, distance / q - distance, np.float32(np.min(semi_axes))), dtype=np.float32)
