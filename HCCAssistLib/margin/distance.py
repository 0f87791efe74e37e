"""Signed distances to a surface: of single points, and from a table for the many points of perturbed registrations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.margin.surface import Surface

BESIDE = 1.5
"""Steps beside the normal of a point within which its tangent plane stands for the surface."""

FEET = 4
"""Times that the place nearest to a point is looked for anew, from the foot of its perpendicular."""

NODES = 48
"""Steps of a table along its longest side."""


class SignedDistance:
    """Distance in mm to the nearest place of a surface, positive inside the segment.

    It is measured to the tangent plane of the nearest point of the surface; where that plane stands for nothing, off
    an edge or a tip, to the point itself. The nearest point is found by going to the foot of the perpendicular and
    looking again there, which is many times as fast as a search among all points.

    Args:
        surface: of the segment.
    """

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._grid, self._number = surface.point_of_voxel()

    def __call__(self, lps: npt.ArrayLike) -> FloatArray:
        """mm of LPS points ``(n, 3)``."""
        places = np.asarray(lps, dtype=np.float64)
        surface, foot = self.surface, places
        best, shortest = np.zeros(len(places), int), np.full(len(places), np.inf)
        for _ in range(FEET):
            number = self._near(foot)
            away = places - surface.points[number]
            length = np.einsum("ni,ni->n", away, away)
            shorter = length < shortest
            best[shorter], shortest[shorter] = number[shorter], length[shorter]
            normal = surface.normals[number]
            foot = places - np.einsum("ni,ni->n", away, normal)[:, None] * normal
        inwards = -np.einsum("ni,ni->n", places - surface.points[best], surface.normals[best])
        beside = np.sqrt(np.maximum(0.0, shortest - inwards**2))
        straight = np.where(surface.contains(places), 1, -1) * np.sqrt(shortest)
        return np.where(beside <= BESIDE * surface.step, inwards, straight)

    def _near(self, lps: FloatArray) -> npt.NDArray[np.int32]:
        index = np.rint(self._grid.to_index(lps)).astype(int)[:, ::-1]
        index = np.clip(index, 0, np.array(self._number.shape) - 1)
        return np.asarray(self._number[tuple(index.T)])


@dataclass(frozen=True, eq=False, slots=True)
class DistanceTable:
    """Signed distances at the nodes of a grid, linear in between.

    Attributes:
        values: mm, positive inside.
        grid: of the nodes, along the patient's axes.
    """

    values: npt.NDArray[np.float32]
    grid: Geometry

    @classmethod
    def around(cls, distance: SignedDistance, lps: FloatArray, reach: float) -> DistanceTable:
        """Good for points ``(n, 3)`` and all places within ``reach`` mm of them."""
        low, high = lps.min(axis=0) - reach, lps.max(axis=0) + reach
        step = max(distance.surface.step, float((high - low).max()) / NODES)
        i, j, k = (np.ceil((high - low) / step).astype(int) + 1).tolist()
        grid = Geometry.from_parts((k, j, i), (step,) * 3, low.tolist())
        nodes = grid.to_world(np.moveaxis(np.indices(grid.shape)[::-1], 0, -1).reshape(-1, 3))
        return cls(distance(nodes).reshape(grid.shape).astype(np.float32), grid)

    def at(self, lps: FloatArray) -> FloatArray:
        """mm at points ``(..., 3)``."""
        from scipy import ndimage

        index = ((lps - self.grid.origin) / self.grid.spacing)[..., ::-1]
        found = ndimage.map_coordinates(self.values, np.moveaxis(index, -1, 0), order=1, mode="nearest")
        return np.asarray(found, dtype=np.float64)
