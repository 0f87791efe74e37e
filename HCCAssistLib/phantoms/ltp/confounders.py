"""What looks like local tumour progression and is not (Lim 2023, Fig. 3 and discussion)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.liver.canvas import Canvas, edge
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid, random_axes
from HCCAssistLib.phantoms.liver.liver_region import LiverRegion
from HCCAssistLib.phantoms.liver.texture import Waves
from HCCAssistLib.phantoms.liver.vessels import curve, draw_tubes
from HCCAssistLib.phantoms.ltp.disease import AblationZone

Vector = npt.NDArray[np.float64]
Kind = Literal[
    "arterioportal shunt", "shunt at the zone", "unenhanced vein beside an enhanced vessel",
    "hypervascular pseudo-nodule", "cyst", "vessel at the zone's margin", "benign rim",
]  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Confounder:
    """Something that imitates a lesion.

    Attributes:
        kind: what it is.
        center: LPS mm.
        size_mm: its largest extent.
        direction: unit vector: of a wedge towards the surface, of a vessel along its course.
        contrast_hu: over the liver (negative: darker).
        zone: the ablation zone it belongs to, if any.
        seed: of its shape.
    """

    kind: Kind
    center: Vector
    size_mm: float
    direction: Vector
    contrast_hu: float
    zone: AblationZone | None
    seed: int


def place_confounders(
    rng: np.random.Generator, liver: LiverRegion, zones: tuple[AblationZone, ...]
) -> tuple[Confounder, ...]:
    """A random set, drawn alike for patients with and without progression."""
    found: list[Confounder] = []

    def seed() -> int:
        return int(rng.integers(2**31))

    def away(least_mm: float, most_mm: float, radius: float) -> Vector | None:
        """A place in the liver clear of the zones and of the other confounders."""
        for _ in range(25):
            point = liver.sample(rng, least_mm, most_mm)
            clear = all(np.linalg.norm(point - z.shape.center) > z.shape.reach + radius + 18 for z in zones)
            if clear and all(np.linalg.norm(point - c.center) > c.size_mm / 2 + radius + 4 for c in found):
                return point
        return None

    for zone in zones:
        if zone.rim_mm:
            size = 2 * (zone.shape.reach + zone.rim_mm)
            found.append(Confounder("benign rim", zone.shape.center, size, np.eye(3)[0], zone.rim_hu, zone, seed()))
        if rng.random() < 0.3:
            outward = liver.outward(zone.shape.center) + rng.normal(0, 0.45, 3)
            outward /= np.linalg.norm(outward)
            apex = zone.shape.margin_point(outward)
            size = float(rng.uniform(14, 26))
            center = apex + outward * size * 0.35
            found.append(
                Confounder("shunt at the zone", center, size, outward, float(rng.uniform(14, 34)), zone, seed())
            )
        if rng.random() < 0.45:
            side = rng.standard_normal(3)
            side /= np.linalg.norm(side)
            along = np.cross(side, rng.standard_normal(3))
            along /= np.linalg.norm(along)
            radius = rng.uniform(1.4, 2.8)
            center = zone.shape.margin_point(side) + side * (radius + rng.uniform(0.0, 1.5))
            found.append(
                Confounder(
                    "vessel at the zone's margin", center, 2 * radius, along, float(rng.uniform(35, 110)), zone, seed()
                )
            )
    for _ in range(int(rng.choice([0, 1, 2], p=(0.5, 0.35, 0.15)))):
        size = float(rng.uniform(14, 30))
        point = away(size * 0.3, size * 0.75, size / 2)
        if point is not None:
            outward = liver.outward(point)
            contrast = float(rng.uniform(14, 36))
            found.append(Confounder("arterioportal shunt", point, size, outward, contrast, None, seed()))
    if rng.random() < 0.45:
        point = away(12, 45, 12)
        if point is not None:
            along = rng.standard_normal(3) * (1, 1, 0.7)
            along /= np.linalg.norm(along)
            contrast = float(rng.uniform(30, 75))
            kind: Kind = "unenhanced vein beside an enhanced vessel"
            found.append(Confounder(kind, point, float(rng.uniform(9, 17)), along, contrast, None, seed()))
    for _ in range(int(rng.choice([0, 1, 2], p=(0.55, 0.35, 0.1)))):
        size = float(rng.uniform(5.5, 12))
        point = away(size * 0.6, 18, size / 2)
        if point is not None:
            contrast = float(rng.uniform(28, 70))
            kind = "hypervascular pseudo-nodule"
            found.append(Confounder(kind, point, size, liver.outward(point), contrast, None, seed()))
    for _ in range(int(rng.choice([0, 1, 2, 3], p=(0.45, 0.3, 0.15, 0.1)))):
        size = float(rng.uniform(5, 18))
        point = away(size * 0.6, 60, size / 2)
        if point is not None:
            found.append(Confounder("cyst", point, size, np.eye(3)[0], 0.0, None, seed()))
    return tuple(found)


def paint_confounder(canvas: Canvas, item: Confounder, liver_hu: float) -> None:
    """Draw one in a liver of a given attenuation; the benign rim is drawn with its zone."""
    rng = np.random.default_rng(item.seed)
    if item.kind in ("arterioportal shunt", "shunt at the zone"):
        _paint_shunt(canvas, item, rng)
    elif item.kind == "unenhanced vein beside an enhanced vessel":
        _paint_vein_and_vessel(canvas, item, liver_hu, rng)
    elif item.kind == "vessel at the zone's margin":
        _paint_margin_vessel(canvas, item, liver_hu, rng)
    elif item.kind in ("hypervascular pseudo-nodule", "cyst"):
        ratios = rng.uniform(0.85, 1.15, 3)
        ratios /= ratios.max()
        shape = IrregularEllipsoid(
            item.center, random_axes(rng), item.size_mm / 2 * ratios, Waves(rng, 8), 0.03 * item.size_mm
        )
        patch = shape.patch(canvas)
        if patch is not None:
            hu = rng.uniform(2, 14) if item.kind == "cyst" else liver_hu + item.contrast_hu
            canvas.paint(patch, edge(shape.depth(patch), 1.4), float(hu))


def _paint_shunt(canvas: Canvas, item: Confounder, rng: np.random.Generator) -> None:
    """Transient enhancement: a wedge that widens towards the surface, or an ill-defined patch."""
    patch = canvas.patch(item.center, item.size_mm)
    if patch is None:
        return
    along = patch.along(item.direction, item.center)
    ragged = 1.4 * Waves(rng, 9).on(patch)
    if rng.random() < 0.6:
        apex = along + np.float32(item.size_mm * 0.5)
        across = np.sqrt(np.maximum(patch.squared_distance(item.center) - along**2, 0))
        depth = np.minimum(apex * np.float32(np.tan(np.radians(rng.uniform(18, 32)))) - across, item.size_mm - apex)
        soft = 2.5
    else:
        flat = patch.squared_distance(item.center) + 0.8 * along**2
        depth = item.size_mm * 0.42 - np.sqrt(flat)
        soft = item.size_mm * 0.35
    weight = edge(depth + ragged, soft)
    canvas.add(patch, weight, item.contrast_hu * (1 + 0.15 * Waves(rng, 10).on(patch)))


def _paint_vein_and_vessel(canvas: Canvas, item: Confounder, liver_hu: float, rng: np.random.Generator) -> None:
    """A wide, dark hepatic vein with a bright vessel along or across it."""
    side = np.cross(item.direction, rng.standard_normal(3))
    side /= np.linalg.norm(side)
    radius = item.size_mm / 2
    length = rng.uniform(22, 36)
    sway = rng.normal(0, 3, 3)
    ends = [item.center - item.direction * length / 2, item.center + sway, item.center + item.direction * length / 2]
    draw_tubes(canvas, curve(ends, radius * 0.7, radius * 1.1, 6), float(rng.uniform(38, 48)))
    bright = rng.uniform(1.8, 3.4)
    turn = item.direction + rng.uniform(-0.8, 0.8) * np.cross(item.direction, side)
    turn /= np.linalg.norm(turn)
    beside = item.center + side * (radius + bright + 0.3)
    path = [beside - turn * length * 0.4 + side * 4, beside, beside + turn * length * 0.4 + side * 4]
    draw_tubes(canvas, curve(path, bright, bright * 0.8, 6), liver_hu + item.contrast_hu)


def _paint_margin_vessel(canvas: Canvas, item: Confounder, liver_hu: float, rng: np.random.Generator) -> None:
    """An enhanced vessel that bends around the zone."""
    away = item.center - item.zone.shape.center if item.zone is not None else np.eye(3)[0]
    away = away / np.linalg.norm(away)
    length = rng.uniform(24, 42)
    bend = length**2 / 8 / max(float(np.linalg.norm(item.center - item.zone.shape.center)), 8.0) if item.zone else 0.0
    ends = [item.center + s * item.direction * length / 2 - away * bend * rng.uniform(0.2, 0.9) for s in (-1, 1)]
    draw_tubes(
        canvas,
        curve([ends[0], item.center, ends[1]], item.size_mm / 2, item.size_mm * 0.4, 8),
        liver_hu + item.contrast_hu,
    )
