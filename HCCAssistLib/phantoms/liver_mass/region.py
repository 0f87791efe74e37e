"""A part of a liver in three phases: its outline against fat and air, its vessels, and what the patient's breath moves.

A part only, since the network sees frames around masses: a case is made in a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.canvas import Canvas, edge, ellipsoid
from HCCAssistLib.phantoms.liver.scene import Scanner
from HCCAssistLib.phantoms.liver.texture import Waves, scan
from HCCAssistLib.phantoms.liver.vessels import Tube, draw_tubes, grow
from HCCAssistLib.recipes.liver_mass.recipe import PHASES

SIZE_MM, HEIGHT_MM = 172.0, 90.0
"""Of the part, in the axial plane and along the body."""

SEMI_MM = np.array([82.0, 82.0, 75.0])
"""Of the liver in it."""

FAT_HU, AIR_HU = -100.0, -1000.0
BREATH_MM = MappingProxyType({"unenhanced": 1.4, "arterial": 0.0, "delayed": 1.2})
"""Standard deviation of the shift along the body from the arterial phase; a third of it to each side."""

MOST_BREATH_MM = 3.0

FISSURE_MM = np.array([3.0, 32.0, 36.0])
STEM_MM, SHEATH_MM = 3.6, 2.5
"""The stem of the portal vein, radius in mm, runs in fat of this thickness."""

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Region:
    """One patient.

    Attributes:
        portal, hepatic: vessels.
        fissure: centre of a flat cleft of fat in the front of the liver, LPS mm.
        bumps: random field that moves the liver's surface.
        liver_hu, portal_hu, hepatic_hu: by phase.
        shifts_mm: by phase, LPS.
        noise_hu, blur_mm: of the scanner.
    """

    portal: list[Tube]
    hepatic: list[Tube]
    fissure: Vector
    bumps: Waves
    liver_hu: Mapping[str, float]
    portal_hu: Mapping[str, float]
    hepatic_hu: Mapping[str, float]
    shifts_mm: Mapping[str, Vector]
    noise_hu: float
    blur_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, scanner: Scanner) -> Region:
        """A random patient."""

        def by_phase(*ranges: tuple[float, float]) -> dict[str, float]:
            return {phase: float(rng.uniform(*limits)) for phase, limits in zip(PHASES, ranges, strict=True)}

        def inside(point: Vector) -> bool:
            return bool(np.linalg.norm(point / SEMI_MM) < 0.93)

        trees = []
        for thinnest in (1.3, 1.6):
            start = np.array([rng.uniform(-10, 35), rng.uniform(-20, 35), rng.uniform(-25, 25)])
            headings = rng.standard_normal((3, 3))
            trees.append(
                [t for h in headings for t in grow(rng, start, h, 4.2, inside=inside, thinnest=thinnest, reach=6)]
            )
        shifts = {
            phase: np.clip(rng.normal(0, (s / 3, s / 3, s)), -MOST_BREATH_MM, MOST_BREATH_MM)
            for phase, s in BREATH_MM.items()
        }
        return cls(
            portal=trees[0],
            hepatic=trees[1],
            fissure=np.array([rng.uniform(-25, 25), rng.uniform(-62, -48), rng.uniform(-15, 15)]),
            bumps=Waves(rng, 60.0),
            liver_hu=by_phase((44, 70), (58, 90), (84, 122)),
            portal_hu=by_phase((38, 46), (95, 135), (122, 142)),
            hepatic_hu=by_phase((38, 46), (42, 52), (120, 140)),
            shifts_mm=shifts,
            noise_hu=float(rng.uniform(*scanner.noise_hu)),
            blur_mm=float(rng.uniform(*scanner.blur_mm)),
        )

    def canvas(self, geometry: Geometry, phase: str) -> Canvas:
        """The patient without masses in a phase; drawn in the frame of the liver, which the breath has moved.

        Args:
            geometry: of the phase, LPS mm.
            phase: whose attenuations and shift.
        """
        affine = geometry.affine.copy()
        affine[:3, 3] -= self.shifts_mm[phase]
        canvas = Canvas(Geometry(geometry.shape, affine), np.full(geometry.shape, AIR_HU, dtype=np.float32))
        i, j, k = geometry.size_ijk
        corners = np.array([(a, b, c) for a in (0, i - 1) for b in (0, j - 1) for c in (0, k - 1)])
        patch = canvas.patch(canvas.geometry.to_world(corners), 0, samples=(1, 1, 1))
        if patch is not None:
            depth = ellipsoid(patch, np.zeros(3), np.eye(3), SEMI_MM) + 2.5 * self.bumps.on(patch)
            canvas.paint(patch, edge(depth + 22, 2.0), FAT_HU)
            canvas.paint(patch, edge(depth, 2.0), self.liver_hu[phase])
        cleft = canvas.patch(self.fissure, FISSURE_MM.max() + 2)
        if cleft is not None:
            depth = ellipsoid(cleft, self.fissure, np.eye(3), FISSURE_MM)
            canvas.paint(cleft, edge(depth, 1.5), FAT_HU)
        stem = [t for t in self.portal if t.radius_start > STEM_MM]
        sheath = [Tube(t.start, t.end, t.radius_start + SHEATH_MM, t.radius_end + SHEATH_MM) for t in stem]
        draw_tubes(canvas, sheath, FAT_HU)
        draw_tubes(canvas, self.hepatic, self.hepatic_hu[phase])
        draw_tubes(canvas, self.portal, self.portal_hu[phase])
        return canvas

    def develop(self, rng: np.random.Generator, canvas: Canvas, geometry: Geometry, name: str) -> Image:
        """What the scanner makes of it, int16 HU."""
        noise = np.full(geometry.shape[1:], self.noise_hu, dtype=np.float32)
        sigma = self.blur_mm / canvas.pixel
        seen = scan(rng, canvas.array, sigma_px=sigma, noise_hu=noise, streak_hu=float(rng.uniform(0.5, 2.0)))
        return Image(np.clip(np.rint(seen), -1024, 3071).astype(np.int16), geometry, name)


def draw_grid(rng: np.random.Generator, slice_mm: float, pixel_mm: float) -> Geometry:
    """A grid that holds the part, not quite where that of another phase lies."""
    columns, slices = int(SIZE_MM / pixel_mm), int(HEIGHT_MM / slice_mm) + 1
    pixel = round(float(pixel_mm), 4)
    low = np.array([-(columns - 1) / 2 * pixel] * 2 + [-(slices - 1) / 2 * slice_mm]) + rng.uniform(-2, 2, 3)
    return Geometry.from_parts((slices, columns, columns), (pixel, pixel, slice_mm), low.tolist())
