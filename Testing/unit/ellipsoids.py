"""Ellipsoids with exact distances, painted into volumes on any grid: truth for surfaces and margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image


@dataclass(frozen=True)
class Ellipsoid:
    """Semi-axes in mm along the columns of ``axes``, around ``center`` in LPS mm."""

    semi: np.ndarray
    center: np.ndarray
    axes: np.ndarray

    @classmethod
    def ball(cls, radius: float, center: tuple[float, float, float] = (0, 0, 0)) -> Ellipsoid:
        return cls(np.full(3, float(radius)), np.array(center, float), np.eye(3))

    @classmethod
    def random(cls, rng: np.random.Generator, semi: tuple[float, float], center: np.ndarray) -> Ellipsoid:
        axes = Rotation.from_rotvec(rng.normal(0, 2, 3)).as_matrix()
        return cls(rng.uniform(*semi, 3), np.asarray(center, float), axes)

    def moved(self, matrix: np.ndarray) -> Ellipsoid:
        """The same body after a rigid transform."""
        turn = matrix[:3, :3]
        return Ellipsoid(self.semi, turn @ self.center + matrix[:3, 3], turn @ self.axes)

    def contains(self, lps: np.ndarray) -> np.ndarray:
        return np.asarray(((((lps - self.center) @ self.axes) / self.semi) ** 2).sum(axis=-1) <= 1)

    def surface(self, n: int = 20_000) -> np.ndarray:
        """Points ``(n, 3)`` of the surface, even in angle."""
        number = np.arange(n) + 0.5
        polar, around = np.arccos(1 - 2 * number / n), np.pi * (1 + 5**0.5) * number
        unit = np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], axis=1)
        return self.center + (unit * self.semi) @ self.axes.T

    def areas(self, n: int = 20_000) -> np.ndarray:
        """mm2 that each point of ``surface`` stands for."""
        unit = ((self.surface(n) - self.center) @ self.axes) / self.semi
        stretch = self.semi.prod() * np.sqrt(((unit / self.semi) ** 2).sum(axis=1))
        return np.asarray(4 * np.pi / n * stretch)

    def depth(self, lps: np.ndarray) -> np.ndarray:
        """Exact distance from points ``(n, 3)`` to the surface, positive inside; by bisection."""
        place, squares = np.abs((lps - self.center) @ self.axes), self.semi**2
        low = np.full(len(place), -squares.min() + 1e-12)
        high = np.full(len(place), float(self.semi.max() * (place.max() + self.semi.max())))
        for _ in range(80):
            middle = (low + high) / 2
            beyond = ((self.semi * place / (middle[:, None] + squares)) ** 2).sum(axis=1) > 1
            low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
        nearest = squares * place / (((low + high) / 2)[:, None] + squares)
        return np.where(self.contains(lps), 1, -1) * np.linalg.norm(nearest - place, axis=1)

    def painted(
        self,
        spacing: tuple[float, float, float] = (1, 1, 1),
        turn: np.ndarray | None = None,
        jitter: tuple[float, float, float] = (0, 0, 0),
        room: float = 3.0,
    ) -> Image:
        """A volume with ``room`` mm around, its axes the columns of ``turn`` (which may mirror)."""
        axes = np.eye(3) if turn is None else turn
        size = 2 * np.ceil((self.semi.max() + room) / np.array(spacing)).astype(int) + 1
        shape = (int(size[2]), int(size[1]), int(size[0]))
        middle = Geometry.from_parts(shape, spacing, (0, 0, 0), axes).to_world((size - 1) / 2)
        grid = Geometry.from_parts(shape, spacing, self.center - middle + jitter, axes)
        places = grid.to_world(np.stack(np.indices(shape)[::-1], axis=-1))
        return Image(self.contains(places).astype(np.uint8), grid)


def rigid(rng: np.random.Generator, angle: float, shift: float) -> np.ndarray:
    """A random rigid transform, degrees and mm about each axis."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.radians(rng.normal(0, angle, 3))).as_matrix()
    matrix[:3, 3] = rng.normal(0, shift, 3)
    return matrix
