"""The shape of zones, nodules and cysts: an ellipsoid with an irregular surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.liver.canvas import Canvas, Field, Patch, ellipsoid
from HCCAssistLib.phantoms.liver.texture import Waves

Vector = npt.NDArray[np.float64]


def random_axes(rng: np.random.Generator) -> Vector:
    """Three orthonormal directions, as rows."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    axes: Vector = (q * np.sign(np.diag(r))).T
    return axes


@dataclass(frozen=True, eq=False, slots=True)
class IrregularEllipsoid:
    """An ellipsoid with an irregular surface.

    Attributes:
        center: LPS mm.
        axes: orthonormal directions as rows.
        semi_axes: mm along each.
        bumps: random field that moves the surface.
        bump_mm: by how much.
    """

    center: Vector
    axes: Vector
    semi_axes: Vector
    bumps: Waves
    bump_mm: float

    @property
    def radius(self) -> float:
        """Radius in mm of the sphere of the same volume."""
        return float(np.prod(self.semi_axes) ** (1 / 3))

    @property
    def reach(self) -> float:
        """Radius in mm of a sphere that holds it."""
        return float(self.semi_axes.max() + 2.5 * self.bump_mm)

    def patch(self, canvas: Canvas, margin_mm: float = 2.0) -> Patch | None:
        """The voxels around it."""
        return canvas.patch(self.center, self.reach + margin_mm)

    def depth(self, patch: Patch) -> Field:
        """Depth in mm of each sample under the surface, negative outside."""
        smooth = ellipsoid(patch, self.center, self.axes, self.semi_axes)
        return np.asarray(smooth + np.float32(self.bump_mm) * self.bumps.on(patch), dtype=np.float32)

    def depth_at(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Depth in mm at LPS points ``(..., 3)``."""
        offset = np.asarray(points, dtype=np.float64) - self.center
        distance = np.linalg.norm(offset, axis=-1)
        q = np.linalg.norm(offset @ self.axes.T / self.semi_axes, axis=-1)
        smooth = np.where(q > 1e-2, distance / np.maximum(q, 1e-9) - distance, self.semi_axes.min())
        depth: npt.NDArray[np.float64] = smooth + self.bump_mm * self.bumps.at(points)
        return depth

    def margin_point(self, direction: npt.ArrayLike) -> Vector:
        """Where a ray from the centre leaves it for the last time, LPS mm."""
        u = np.asarray(direction, dtype=np.float64)
        t = np.linspace(0, self.reach, 400)
        ray = self.center + t[:, None] * u
        inside = np.flatnonzero(self.depth_at(ray) > 0)
        point: Vector = ray[inside[-1]] if inside.size else self.center
        return point
