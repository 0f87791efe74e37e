"""The vessels of the late arterial phase: bright arteries, faint portal veins, dark hepatic veins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.liver.anatomy import CAVA_MM, Anatomy
from HCCAssistLib.phantoms.liver.canvas import Canvas, capsule, edge

Point = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Tube:
    """A straight piece of a vessel: two ends (LPS mm) with their radii (mm)."""

    start: Point
    end: Point
    radius_start: float
    radius_end: float


def draw_tubes(canvas: Canvas, tubes: list[Tube], hu: float) -> None:
    """Draw vessels of one attenuation."""
    for tube in tubes:
        patch = canvas.near([tube.start, tube.end], max(tube.radius_start, tube.radius_end) + canvas.pixel / 2)
        if patch is not None:
            depth = capsule(patch, tube.start, tube.end, tube.radius_start, tube.radius_end)
            canvas.paint(patch, edge(depth, canvas.pixel), hu)


def curve(points: npt.ArrayLike, radius_start: float, radius_end: float, pieces: int = 12) -> list[Tube]:
    """A vessel through LPS points, smoothed."""
    knots = np.asarray(points, dtype=np.float64)
    t = np.linspace(0, len(knots) - 1, pieces + 1)
    # Catmull-Rom: passes through the points without kinks
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    n = np.minimum(t.astype(int), len(knots) - 2)
    u = (t - n)[:, None]
    a, b, c, d = (padded[n + offset] for offset in range(4))
    path = 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
    radii = np.linspace(radius_start, radius_end, pieces + 1)
    return [Tube(path[i], path[i + 1], float(radii[i]), float(radii[i + 1])) for i in range(pieces)]


def grow(
    rng: np.random.Generator,
    start: Point,
    heading: Point,
    radius: float,
    *,
    inside: Callable[[Point], bool],
    thinnest: float,
    reach: float = 4.5,
    free_mm: float = 20.0,
) -> list[Tube]:
    """A branching vessel that stays inside the liver.

    Args:
        rng: drawn from.
        start: root, LPS mm.
        heading: direction at the root.
        radius: mm at the root.
        inside: whether a point lies well inside the liver.
        thinnest: radius at which a branch ends.
        reach: length of an unbranched stretch in units of its radius, at least 9 mm.
        free_mm: distance from the root within which the vessel may run outside the liver.
    """
    tubes: list[Tube] = []
    open_ends = [(np.asarray(start, dtype=np.float64), heading / np.linalg.norm(heading), radius)]
    while open_ends and len(tubes) < 260:
        point, direction, r = open_ends.pop(0)
        length = max(9.0, reach * r) * rng.uniform(0.7, 1.4)
        steps = max(2, int(length / 6))
        for _ in range(steps):
            direction = direction + rng.normal(0, 0.16, 3)
            direction /= np.linalg.norm(direction)
            after = point + direction * length / steps
            if not (inside(after) or np.linalg.norm(after - start) < free_mm):
                # turn back towards the root once, then give up
                direction = direction + 1.1 * (start - point) / max(float(np.linalg.norm(start - point)), 1.0)
                direction /= np.linalg.norm(direction)
                after = point + direction * length / steps
                if not inside(after):
                    break
            tubes.append(Tube(point, after, r, r * 0.96))
            point, r = after, r * 0.96
        else:
            side = np.cross(direction, rng.standard_normal(3))
            side /= np.linalg.norm(side)
            share = rng.uniform(0.35, 0.65)
            for sign, part in ((1.0, share), (-1.0, 1 - share)):
                # Murray's law: the cubes of the radii add up
                branch = r * part ** (1 / 3)
                if branch > thinnest:
                    turn = direction + sign * side * rng.uniform(0.4, 0.9) * (1.3 - part)
                    open_ends.append((point, turn / np.linalg.norm(turn), branch))
    return tubes


def draw_great_vessels(canvas: Canvas, a: Anatomy, rng: np.random.Generator) -> None:
    """Aorta with its first branches, vena cava, portal trunk, splenic and renal vessels."""
    bottom, top = -a.liver_height - 30.0, 40.0
    ax, ay = a.aorta
    hx, hy, hz = a.hilum
    sway = rng.normal(0, 4, 2)
    renal = -a.liver_height + 25
    cava_hu = a.liver_hu + rng.uniform(15, 55)
    aorta = rng.uniform(8.5, 11.5)
    celiac = (4 + sway[1], ay - 22, hz - 10)
    confluence = (-6, hy + 6, hz - 34)
    below_the_kidneys = (a.cava[1][0], a.cava[1][1], renal - 12)
    course = [(ax + sway[0], ay + 1, bottom), (ax, ay, -100), (ax + 3, ay + 3, -40), (ax + 8, ay + 12, top)]
    hepatic = [(ax, ay, celiac[2] + 6), celiac, (-14, hy - 4, hz - 6), (hx + 3, hy - 6, hz)]
    splenic = [celiac, (34, ay - 18, celiac[2] + 12), (70, ay + 4, celiac[2] + 20), (98, ay + 12, -62)]
    mesenteric = [(ax, ay - 6, celiac[2] - 14), (ax - 3, ay - 24, celiac[2] - 34), (ax - 8, ay - 34, bottom)]
    splenic_vein = [(92, ay + 8, -68), (48, ay - 10, confluence[2] + 18), confluence]
    vessels: list[tuple[Sequence[Sequence[float]], float, float, float]] = [
        (a.cava, CAVA_MM - 1, CAVA_MM + 1, cava_hu),
        # blood from the legs has not met the contrast medium yet
        ([a.cava[0], below_the_kidneys], CAVA_MM - 1.5, CAVA_MM - 1.5, 55.0),
        (course, aorta, aorta + 2, a.aorta_hu),
        (hepatic, 3.2, 2.2, a.aorta_hu * 0.95),
        (splenic, 2.8, 2.0, a.aorta_hu * 0.92),
        (mesenteric, 3.5, 2.8, a.aorta_hu * 0.97),
        ([(-4, hy + 2, bottom), confluence], 5.5, 6.5, a.portal_hu),
        (splenic_vein, 4, 5, a.portal_hu + 25),
        ([confluence, (-22, hy + 4, hz - 14), a.hilum], 7, 7.5, a.portal_hu),
    ]
    for side in (-1, 1):
        course = [(ax, ay, renal), (side * 30, ay + 8, renal - 2), (side * 52, ay + 18, renal - 6)]
        vessels.append((course, 2.6, 2.2, a.aorta_hu * 0.95))
    for points, start, end, hu in vessels:
        draw_tubes(canvas, curve(points, start, end, 8 * (len(points) - 1)), hu)


def draw_liver_vessels(canvas: Canvas, a: Anatomy, inside: Callable[[Point], bool], rng: np.random.Generator) -> None:
    """Portal tree with its arteries, and the hepatic veins."""
    hilum = np.array(a.hilum)
    portal: list[Tube] = []
    split = hilum + np.array([-12.0, -4.0, 6.0])
    portal += curve([hilum, split], 7.0, 6.0, 3)
    for heading, radius in (((-1.0, 0.55, -0.35), 5.2), ((-0.9, -0.5, 0.55), 5.0), ((0.9, -1.0, 0.45), 4.6)):
        portal += grow(rng, split, np.array(heading) + rng.normal(0, 0.15, 3), radius, inside=inside, thinnest=1.2)
    cava = np.array(a.cava[-1]) - (2, 2, 24)
    veins: list[Tube] = []
    for heading, radius in (((-1.0, 0.3, -0.55), 5.5), ((-0.6, -0.9, -0.55), 5.2), ((0.35, -1.0, -0.4), 4.6)):
        veins += grow(
            rng, cava, np.array(heading) + rng.normal(0, 0.15, 3), radius, inside=inside, thinnest=1.5, reach=6
        )
    draw_tubes(canvas, veins, a.vein_hu)
    draw_tubes(canvas, portal, a.portal_hu)
    offset = rng.normal(0, 1, 3)
    offset /= np.linalg.norm(offset)
    arteries = [
        Tube(
            t.start + offset * (t.radius_start + 0.8),
            t.end + offset * (t.radius_end + 0.8),
            0.25 + 0.15 * t.radius_start,
            0.25 + 0.15 * t.radius_end,
        )
        for t in portal
        if t.radius_start > 2.0
    ]
    draw_tubes(canvas, arteries, a.aorta_hu * 0.85)
