"""A part of a liver in the late arterial phase: its outline against fat and air, its vessels, and the scanner.

A part only, as high as the tumours ask for, since the network sees patches inside them: a case is made in a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.canvas import Canvas, Field, Patch, edge, ellipsoid
from HCCAssistLib.phantoms.liver.scene import Scanner
from HCCAssistLib.phantoms.liver.texture import Waves, scan
from HCCAssistLib.phantoms.liver.vessels import Tube, draw_tubes, grow

SEMI_MM = np.array([104.0, 84.0, 92.0])
"""Of the liver, around the origin."""

FIELD_MM = np.array([212.0, 172.0, 0.0])
"""What is seen at least, along the axes of the grid."""

MARGIN_MM = 12.0
"""Seen beyond a tumour."""

FAT_HU, AIR_HU = -100.0, -1000.0
FAT_MM = 20.0

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Region:
    """One patient.

    Attributes:
        portal, hepatic, arteries: vessels.
        bumps: random field that moves the liver's surface.
        liver_hu, portal_hu, hepatic_hu, artery_hu: attenuation.
        noise_hu, blur_mm, streak_hu: of the scanner.
    """

    portal: list[Tube]
    hepatic: list[Tube]
    arteries: list[Tube]
    bumps: Waves
    liver_hu: float
    portal_hu: float
    hepatic_hu: float
    artery_hu: float
    noise_hu: float
    blur_mm: float
    streak_hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator, scanner: Scanner) -> Region:
        """A random patient."""

        def inside(point: Vector) -> bool:
            return bool(np.linalg.norm(point / SEMI_MM) < 0.93)

        trees = []
        for thinnest in (1.4, 1.7):
            start = np.array([rng.uniform(-15, 40), rng.uniform(-20, 40), rng.uniform(-30, 30)])
            trees.append(
                [
                    tube
                    for heading in rng.standard_normal((3, 3))
                    for tube in grow(rng, start, heading, 4.8, inside=inside, thinnest=thinnest, reach=6)
                ]
            )
        aside = rng.standard_normal(3)
        aside /= np.linalg.norm(aside)
        return cls(
            portal=trees[0],
            hepatic=trees[1],
            arteries=[_beside(tube, aside) for tube in trees[0] if tube.radius_start > 2.2],
            bumps=Waves(rng, 70.0),
            liver_hu=float(rng.uniform(56, 84)),
            portal_hu=float(rng.uniform(95, 130)),
            hepatic_hu=float(rng.uniform(42, 52)),
            artery_hu=float(rng.uniform(230, 300)),
            noise_hu=float(rng.uniform(*scanner.noise_hu)),
            blur_mm=float(rng.uniform(*scanner.blur_mm)),
            streak_hu=float(rng.uniform(0.5, 2.0)),
        )

    def depth(self, patch: Patch) -> Field:
        """Depth in mm of each sample under the surface of the liver."""
        smooth = ellipsoid(patch, np.zeros(3), np.eye(3), SEMI_MM)
        return np.asarray(smooth + np.float32(2.5) * self.bumps.on(patch), dtype=np.float32)

    def facts(self) -> dict[str, float]:
        """Attenuations, noise and sharpness by name, for the truth of a case."""
        names = ("liver_hu", "portal_hu", "hepatic_hu", "artery_hu", "noise_hu", "blur_mm", "streak_hu")
        return {name: round(float(getattr(self, name)), 2) for name in names}

    def canvas(self, geometry: Geometry) -> Canvas:
        """The patient without tumours on a grid."""
        canvas = Canvas(geometry, np.full(geometry.shape, AIR_HU, dtype=np.float32))
        i, j, k = geometry.size_ijk
        corners = np.array([(a, b, c) for a in (0, i - 1) for b in (0, j - 1) for c in (0, k - 1)])
        patch = canvas.patch(geometry.to_world(corners), 0, samples=(1, 1, 1))
        if patch is not None:
            depth = self.depth(patch)
            canvas.paint(patch, edge(depth + np.float32(FAT_MM), 2.0), FAT_HU)
            canvas.paint(patch, edge(depth, 2.0), self.liver_hu)
        draw_tubes(canvas, self.hepatic, self.hepatic_hu)
        draw_tubes(canvas, self.portal, self.portal_hu)
        draw_tubes(canvas, self.arteries, self.artery_hu)
        return canvas

    def liver(self, geometry: Geometry) -> Image:
        """0 and 1 on a grid, 1 in the liver and all that lies in it."""
        i, j, k = geometry.size_ijk
        corners = np.array([(a, b, c) for a in (0, i - 1) for b in (0, j - 1) for c in (0, k - 1)])
        empty = Canvas(geometry, np.zeros((1, 1, 1), dtype=np.float32))
        patch = empty.patch(geometry.to_world(corners), 0, samples=(1, 1, 1))
        assert patch is not None  # noqa: S101  the corners are those of the grid
        return Image((self.depth(patch) > 0).astype(np.uint8), geometry, "liver")

    def develop(self, rng: np.random.Generator, canvas: Canvas) -> Image:
        """What the scanner makes of it, int16 HU."""
        geometry = canvas.geometry
        noise = np.full(geometry.shape[1:], self.noise_hu, dtype=np.float32)
        sigma = self.blur_mm / canvas.pixel
        seen = scan(rng, canvas.array, sigma_px=sigma, noise_hu=noise, streak_hu=self.streak_hu)
        return Image(np.clip(np.rint(seen), -1024, 3071).astype(np.int16), geometry, "arterial phantom")


def grid_around(
    centers: npt.ArrayLike,
    reaches: npt.ArrayLike,
    spacing: tuple[float, float, float],
    directions: npt.ArrayLike,
    *,
    seen_mm: float = 0.0,
) -> Geometry:
    """A grid that holds spheres around tumours, and in its slices the whole liver.

    Args:
        centers: LPS mm, ``(n, 3)``.
        reaches: radius of each sphere in mm, ``(n,)``.
        spacing: mm along ``(i, j, k)``.
        directions: orthonormal, as columns.
        seen_mm: seen at least on each side of a centre in its slices.
    """
    axes = np.asarray(directions, dtype=np.float64)
    along = np.asarray(centers, dtype=np.float64) @ axes
    reach = np.asarray(reaches, dtype=np.float64)[:, None] + MARGIN_MM
    reach = np.maximum(reach, (seen_mm, seen_mm, 0.0))
    low, high = (along - reach).min(axis=0), (along + reach).max(axis=0)
    seen = FIELD_MM > 0
    low[seen], high[seen] = np.minimum(low, -FIELD_MM / 2)[seen], np.maximum(high, FIELD_MM / 2)[seen]
    i, j, k = (int(n) for n in np.ceil((high - low) / spacing) + 1)
    return Geometry.from_parts((k, j, i), spacing, (axes @ low).tolist(), axes)


def _beside(tube: Tube, aside: Vector) -> Tube:
    """The artery that runs along a branch of the portal vein."""
    start, end = (
        at + aside * (radius + 0.8) for at, radius in ((tube.start, tube.radius_start), (tube.end, tube.radius_end))
    )
    return Tube(start, end, 0.25 + 0.15 * tube.radius_start, 0.25 + 0.15 * tube.radius_end)
