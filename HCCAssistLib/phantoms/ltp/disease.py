"""Ablation zones and the tumour that comes back at their margin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.liver.canvas import Canvas, Field, Patch, edge
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid, random_axes
from HCCAssistLib.phantoms.liver.liver_region import LiverRegion
from HCCAssistLib.phantoms.liver.texture import Waves

Vector = npt.NDArray[np.float64]
Pattern = Literal["homogeneous", "rim", "mosaic", "faint"]
PATTERNS: tuple[Pattern, ...] = ("homogeneous", "rim", "mosaic", "faint")


@dataclass(frozen=True, eq=False, slots=True)
class AblationZone:
    """An ablated part of the liver.

    Attributes:
        shape: the surface.
        hu: attenuation of the necrosis.
        coagulum_hu: attenuation of the blood clot in its middle, None without one.
        gas: whether it holds bubbles.
        rim_mm, rim_hu: width and contrast over the liver of a benign, smooth rim, 0 without one.
        seed: of its inner texture.
    """

    shape: IrregularEllipsoid
    hu: float
    coagulum_hu: float | None
    gas: bool
    rim_mm: float
    rim_hu: float
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, center: Vector, *, liver_hu: float, largest_mm: float) -> AblationZone:
        """A random zone at a place, 20-45 mm across, darker than the liver around it."""
        diameter = rng.uniform(20, max(21.0, largest_mm))
        ratios = np.array([1.0, rng.uniform(0.8, 1.0), rng.uniform(0.75, 1.0)])
        early = rng.random() < 0.3
        return cls(
            shape=IrregularEllipsoid(
                center,
                random_axes(rng),
                diameter / 2 * ratios,
                Waves(rng, max(14.0, 0.6 * diameter)),
                float(rng.uniform(0.5, 1.3)),
            ),
            hu=float(rng.uniform(30, min(52, liver_hu - 22))),
            coagulum_hu=float(rng.uniform(60, 90)) if rng.random() < 0.5 else None,
            gas=bool(rng.random() < 0.08),
            rim_mm=float(rng.uniform(1.0, 2.4)) if early else 0.0,
            rim_hu=float(rng.uniform(18, 40)) if early else 0.0,
            seed=int(rng.integers(2**31)),
        )

    def paint(self, canvas: Canvas, liver_hu: float) -> None:
        """Draw it in a liver of a given attenuation."""
        patch = self.shape.patch(canvas, self.rim_mm + 3)
        if patch is None:
            return
        rng = np.random.default_rng(self.seed)
        depth = self.shape.depth(patch)
        if self.rim_mm:
            shell = edge(depth + self.rim_mm, 1.4)
            canvas.paint(patch, shell, liver_hu + self.rim_hu + 5 * Waves(rng, 14).on(patch))
        zone = edge(depth, 1.8)
        tissue = self.hu + 4 * Waves(rng, 9).on(patch)
        if self.coagulum_hu is not None:
            clot = np.minimum(depth - 0.4 * self.shape.radius, 4 * Waves(rng, 13).on(patch) + 1.0)
            blend = edge(clot, 4.0)
            tissue = tissue * (1 - blend) + self.coagulum_hu * blend
        canvas.paint(patch, zone, np.asarray(tissue, dtype=np.float32))
        if self.gas:
            for _ in range(int(rng.integers(3, 9))):
                offset = rng.normal(0, 0.28 * self.shape.radius, 3)
                bubble = canvas.patch(self.shape.center + offset, 4)
                if bubble is not None:
                    distance = np.sqrt(bubble.squared_distance(self.shape.center + offset))
                    canvas.paint(bubble, edge(rng.uniform(0.8, 2.2) - distance, 0.8), -700.0)


@dataclass(frozen=True, eq=False, slots=True)
class Nodule:
    """Local tumour progression: an arterially enhancing nodule on the margin of an ablation zone.

    Attributes:
        shape: the surface.
        zone: the zone it grows from.
        bite_mm: how deep it reaches under the zone's margin.
        contrast_hu: enhancement over the liver.
        pattern: how it enhances.
        seed: of its inner texture.
    """

    shape: IrregularEllipsoid
    zone: AblationZone
    bite_mm: float
    contrast_hu: float
    pattern: Pattern
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, zone: AblationZone, direction: Vector, *, smallest_mm: float) -> Nodule:
        """A random nodule in a direction from the zone's centre; sizes as in the cohort of Lim 2023 (12 +- 5 mm)."""
        diameter = float(np.clip(rng.lognormal(np.log(11.7), 0.4), smallest_mm, 26.0))
        ratios = rng.uniform(0.8, 1.0, 3)
        ratios /= ratios.max()
        pattern = PATTERNS[int(rng.choice(len(PATTERNS), p=(0.56, 0.14, 0.18, 0.12)))]
        if diameter < 10 and pattern in ("rim", "faint"):
            pattern = "homogeneous"  # a reader would not have seen these
        low, high = (25, 34) if pattern == "faint" else (48 if diameter < 8 else 38, 70)
        contrast = rng.uniform(low, high)
        radius = diameter / 2
        outward = radius * rng.uniform(0.1, 0.6)
        return cls(
            shape=IrregularEllipsoid(
                zone.shape.margin_point(direction) + outward * direction,
                random_axes(rng),
                radius * ratios,
                Waves(rng, max(6.0, 0.9 * diameter)),
                0.06 * radius,
            ),
            zone=zone,
            bite_mm=float(rng.uniform(0.1, 0.45) * radius),
            contrast_hu=float(contrast),
            pattern=pattern,
            seed=int(rng.integers(2**31)),
        )

    @property
    def diameter_mm(self) -> float:
        """Its long axis."""
        return float(2 * self.shape.semi_axes.max())

    def depth(self, patch: Patch) -> Field:
        """Depth in mm under its surface: the tumour lies against the zone like a cap and bites into it a little."""
        return np.asarray(np.minimum(self.shape.depth(patch), self.bite_mm - self.zone.shape.depth(patch)), np.float32)

    def patch(self, canvas: Canvas) -> Patch | None:
        """The voxels around it."""
        return self.shape.patch(canvas)

    def depth_at(self, point: npt.ArrayLike) -> float:
        """Depth in mm under its surface at an LPS point."""
        return float(min(self.shape.depth_at(point), self.bite_mm - self.zone.shape.depth_at(point)))

    def paint(self, canvas: Canvas, liver_hu: float) -> None:
        """Draw it in a liver of a given attenuation."""
        patch = self.patch(canvas)
        if patch is None:
            return
        rng = np.random.default_rng(self.seed)
        depth = self.depth(patch)
        contrast = np.full(patch.shape, self.contrast_hu, dtype=np.float32)
        if self.pattern == "rim":
            contrast *= 1 - np.float32(0.45) * edge(depth - 0.55 * self.shape.radius, 2.0)
        elif self.pattern == "mosaic":
            contrast *= 1 + np.float32(0.22) * Waves(rng, 7).on(patch)
        width = 2.4 if self.pattern == "faint" else 1.4
        canvas.paint(patch, edge(depth, width), liver_hu + contrast)


def place_zones(
    rng: np.random.Generator, liver: LiverRegion, liver_hu: Callable[[npt.ArrayLike], float]
) -> tuple[AblationZone, ...]:
    """One or two zones inside the liver, often near its surface."""
    zones: list[AblationZone] = []
    for _ in range(2 if rng.random() < 0.25 else 1):
        for _attempt in range(30):
            center = liver.sample(rng, 14, 55)
            room = float(liver.depth_at(center))
            zone = AblationZone.draw(rng, center, liver_hu=liver_hu(center), largest_mm=min(45.0, 2.4 * room))
            if all(np.linalg.norm(center - z.shape.center) > z.shape.reach + zone.shape.reach + 22 for z in zones):
                zones.append(zone)
                break
    return tuple(zones)


def place_nodules(
    rng: np.random.Generator,
    liver: LiverRegion,
    zones: tuple[AblationZone, ...],
    avoid: list[tuple[Vector, float]],
    *,
    smallest_mm: float,
) -> tuple[Nodule, ...]:
    """One or two nodules on the margins of the zones (49 lesions in 34 patients), each within the liver.

    Args:
        rng: drawn from.
        liver: where they may lie.
        zones: that they grow from.
        avoid: spheres (centre, radius in mm) of confounders that a nodule must not cover.
        smallest_mm: least diameter; a reader misses what thick slices blur away.
    """
    nodules: list[Nodule] = []
    for _ in range(2 if rng.random() < 15 / 34 else 1):
        best: tuple[float, Nodule] | None = None
        for _attempt in range(40):
            zone = zones[int(rng.integers(len(zones)))]
            # mostly sideways: on thick slices a nodule above or below its zone is seen without it
            direction = rng.standard_normal(3) * (1.0, 1.0, 0.5)
            direction /= np.linalg.norm(direction)
            nodule = Nodule.draw(rng, zone, direction, smallest_mm=smallest_mm)
            center, radius = nodule.shape.center, nodule.shape.radius
            room = float(liver.depth_at(center)) - 0.75 * radius
            taken = [(n.shape.center, n.shape.reach + 12) for n in nodules]
            taken += [(z.shape.center, z.shape.reach) for z in zones if z is not zone]
            gaps = [float(np.linalg.norm(center - c)) - r - radius for c, r in [*avoid, *taken]]
            score = min([room, *gaps, 0.0])
            if best is None or score > best[0]:
                best = (score, nodule)
            if score >= 0:
                break
        if best is not None and (best[0] >= 0 or not nodules):
            nodules.append(best[1])
    return tuple(nodules)
