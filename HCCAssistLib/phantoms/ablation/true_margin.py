"""The signed margin between two surfaces that are given as formulas, exact to a hundredth of a millimetre."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid

LIMITS_MM = (0.0, 5.0, 10.0)
HALVINGS, STEPS = 12, 16


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Points of a surface.

    Attributes:
        points: LPS mm, ``(n, 3)``.
        normals: outward unit vectors.
        areas: mm2 that each stands for.
    """

    points: FloatArray
    normals: FloatArray
    areas: FloatArray

    @classmethod
    def of(cls, shape: IrregularEllipsoid, n: int) -> SurfacePoints:
        """Where rays from the centre, even in angle, leave a shape."""
        number = np.arange(n) + 0.5
        polar, around = np.arccos(1 - 2 * number / n), np.pi * (1 + 5**0.5) * number
        rays = np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], axis=1)
        away = 1 / np.linalg.norm(rays @ shape.axes.T / shape.semi_axes, axis=1)
        for _ in range(STEPS):  # the bumps change slowly along a ray, so that this converges like a contraction
            away = away + shape.depth_at(shape.center + away[:, None] * rays)
        points = shape.center + away[:, None] * rays
        slopes = [shape.depth_at(points - step) - shape.depth_at(points + step) for step in 1e-3 * np.eye(3)]
        normals = np.stack(slopes, axis=1)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        areas = 4 * np.pi / n * away**2 / np.einsum("ni,ni->n", normals, rays)
        return cls(points, normals, areas)

    @cached_property
    def tree(self) -> cKDTree:
        """For the nearest point."""
        return cKDTree(self.points)

    def depth_of(self, places: FloatArray) -> FloatArray:
        """mm of places ``(n, 3)`` to the surface, positive inside: to the tangent plane of the nearest point."""
        number = self.tree.query(places)[1]
        return np.einsum("ni,ni->n", self.points[number] - places, self.normals[number])


@dataclass(frozen=True, slots=True)
class TrueMargin:
    """Of the zone around the tumour.

    Attributes:
        smallest_mm: negative where tumour lies outside the zone.
        smallest_at: place on the tumour's surface, in the patient's own frame.
        under: share of the tumour's surface whose margin is under each of ``LIMITS_MM``, in that order.
    """

    smallest_mm: float
    smallest_at: tuple[float, float, float]
    under: tuple[float, ...]


def true_margin(tumour: IrregularEllipsoid, zone: IrregularEllipsoid, n: int = 8000) -> TrueMargin:
    """The margin at ``n`` places of the tumour's surface."""
    outer, inner = SurfacePoints.of(zone, 2 * n), SurfacePoints.of(tumour, n)
    margins = outer.depth_of(inner.points)
    x, y, z = inner.points[margins.argmin()].tolist()
    whole = inner.areas.sum()
    under = tuple(float(inner.areas[margins < limit].sum() / whole) for limit in LIMITS_MM)
    return TrueMargin(float(margins.min()), (x, y, z), under)


def shift_for(tumour: IrregularEllipsoid, zone: IrregularEllipsoid, way: FloatArray, smallest_mm: float) -> float:
    """How far to shift a zone along a unit vector for its smallest margin to be a given one; 0 where it is less.

    Args:
        tumour: as it lies.
        zone: around it.
        way: unit vector.
        smallest_mm: wanted.
    """
    outer, inner = SurfacePoints.of(zone, 4000), SurfacePoints.of(tumour, 1000)

    def smallest(shift: float) -> float:
        return float(outer.depth_of(inner.points - shift * way).min())

    low, high = 0.0, zone.reach + tumour.reach
    if smallest(low) <= smallest_mm:
        return 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if smallest(middle) > smallest_mm else (low, middle)
    return (low + high) / 2
