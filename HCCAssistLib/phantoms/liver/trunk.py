"""The wall of chest and abdomen with its bones, the diaphragm, the lungs and the heart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.liver.anatomy import Anatomy
from HCCAssistLib.phantoms.liver.canvas import Canvas, capsule, edge
from HCCAssistLib.phantoms.liver.surfaces import CoarseGrid, Depth, blob, smooth_min
from HCCAssistLib.phantoms.liver.texture import Waves


def body_depth(grid: CoarseGrid, a: Anatomy) -> Depth:
    """Depth under the skin."""
    power = np.float32(2.35)
    r = (np.abs(grid.x / a.half_width) ** power + np.abs(grid.y / a.half_depth) ** power) ** (1 / power)
    r = np.maximum(r, 1e-3)
    spacing = (float(grid.y[0, 1, 0] - grid.y[0, 0, 0]), float(grid.x[0, 0, 1] - grid.x[0, 0, 0]))
    gy, gx = np.gradient(r[0], *spacing)
    slope = np.maximum(np.hypot(gy, gx), 0.6 / a.half_width)
    return np.asarray(((1 - r) / slope[None]), dtype=np.float32)


def draw_wall(grid: CoarseGrid, a: Anatomy, skin: Depth, rng: np.random.Generator) -> Depth:
    """Air, table, skin, fat and muscle; returns the depth inside the cavity of chest and abdomen."""
    table = grid.y - (a.half_depth + 14) + (grid.x / 210) ** 2 * 32
    grid.paint(np.asarray(9 - np.abs(table), np.float32), 60.0)
    grid.paint(np.asarray(7.5 - np.abs(table), np.float32), -930.0)
    grid.paint(skin, 10.0)
    grid.paint(skin - np.float32(1.8), -104.0)
    fat = a.fat * (0.75 + 0.2 * np.clip(grid.y / a.half_depth, 0, 1) + 0.35 * np.exp(-((grid.x / 45) ** 2)))
    ripple = Waves(rng, 90).on(grid.patch) * np.float32(1.2)
    muscle = np.asarray(skin - fat + ripple, dtype=np.float32)
    grid.paint(muscle, 56.0)
    back = 17 * np.exp(-((grid.x / 42) ** 2)) * np.clip(2.2 * grid.y / a.half_depth - 0.55, 0, 1)
    cavity = np.asarray(muscle - a.wall - back, dtype=np.float32)
    # fat planes between the layers of the wall
    grid.paint(np.asarray(1.1 - np.abs(muscle - a.wall * 0.55), np.float32), -40.0)
    grid.paint(cavity, -102.0)
    return cavity


def diaphragm(grid: CoarseGrid, a: Anatomy, rng: np.random.Generator) -> Depth:
    """Height (LPS z) of the diaphragm over the axial plane."""
    drop = rng.uniform(8, 20)
    width = a.half_width - a.fat - a.wall

    def cupola(x: float, y: float, top: float) -> npt.NDArray[np.float32]:
        rho = ((grid.x - x) / (0.62 * width)) ** 2 + ((grid.y - y) / (0.74 * a.half_depth)) ** 2
        return np.asarray(top - 42 * rho**1.25, dtype=np.float32)

    right = cupola(-0.55 * width, -8, 0.0)
    left = cupola(0.55 * width, 2, -drop)
    return -smooth_min(8.0, -right, -left)


def draw_chest(grid: CoarseGrid, a: Anatomy, cavity: Depth, dome: Depth, rng: np.random.Generator) -> None:
    """Lungs and heart above the diaphragm."""
    above = grid.z - dome
    lung = np.minimum(cavity, above)
    grid.paint(np.asarray(lung, np.float32), -865.0 + 22 * Waves(rng, 14).on(grid.patch))
    center, size = (28, -0.36 * a.half_depth, 24), (58, 46, 44)
    near = grid.around(center, size)
    heart = np.minimum(blob(near, center, size, 28), lung[near.part])
    near.paint(np.asarray(heart + 6, np.float32), -80.0)
    near.paint(np.asarray(heart, np.float32), 115.0)
    for center, size, hu in (((42, -34, 26), (30, 22, 30), 0.85), ((8, -52, 24), (26, 17, 28), 0.62)):
        chamber = np.minimum(blob(near, center, size, 28), heart - 4)
        near.paint(np.asarray(chamber, np.float32), a.aorta_hu * hu)


def draw_spine(canvas: Canvas, a: Anatomy, rng: np.random.Generator) -> None:
    """Vertebrae with discs, the canal and the muscles of the back."""
    x, y = a.spine
    bottom, top = float(canvas.geometry.origin[2]), float(canvas.geometry.to_world(canvas.geometry.size_ijk - 1)[2])
    middle = (x, y, (bottom + top) / 2)
    muscles = canvas.patch([[-58.0, y + 8, bottom], [58.0, y + 54, top]], 0, samples=(1, 1, 1))
    bones = canvas.patch([[-34.0, y - 22, bottom], [34.0, y + 62, top]], 0, samples=(1, 1, 1))
    if muscles is None or bones is None:
        return
    px, py = muscles.along((1, 0, 0), middle), muscles.along((0, 1, 0), middle)
    for side in (-1, 1):
        back = 1 - np.sqrt(((px - side * 29) / 25) ** 2 + ((py - 31) / 18) ** 2)
        canvas.paint(muscles, edge(back * 20, 1.0), 57.0)
    px, py = bones.along((1, 0, 0), middle), bones.along((0, 1, 0), middle)
    z = bones.along((0, 0, 1))
    period = rng.uniform(33, 38)
    phase = (z + rng.uniform(0, period)) % period
    disc = np.clip((4.0 - np.abs(phase - period / 2)) / 1.5, 0, 1)
    waist = 1 + 0.07 * np.cos(2 * np.pi * phase / period)
    body = (1 - np.sqrt((px / (22 * waist)) ** 2 + (py / (17 * waist)) ** 2)) * 18
    bone = np.where(body > 2.2, np.float32(rng.uniform(140, 200)), np.float32(420))
    canvas.paint(bones, edge(body, 1.0), np.asarray(bone * (1 - disc) + 95 * disc, dtype=np.float32))
    ring = np.sqrt((px / 1.15) ** 2 + (py - 24) ** 2)
    arch = np.minimum(3.4 - np.abs(ring - 12.5), py - 12)
    spinous = np.minimum(3.2 - np.abs(px), 14 - np.abs(py - 44) - 0.35 * np.abs(phase - period / 2))
    transverse = np.minimum(3.2 - np.abs(py - 20 - 0.12 * np.abs(px)), 30 - np.abs(px)) - np.maximum(
        np.abs(phase - 4) - 4, 0
    )
    processes = np.maximum(np.maximum(arch, spinous), transverse)
    canvas.paint(bones, edge(processes, 1.0), np.float32(480) - np.float32(250) * (processes > 1.6))
    canvas.paint(bones, edge(10.0 - ring, 1.0), 25.0)
    canvas.paint(bones, edge(5.5 - ring, 1.5), 42.0)


def draw_ribs(canvas: Canvas, a: Anatomy, rng: np.random.Generator) -> None:
    """Ribs that run down and forward in the wall: cortex around marrow."""
    power, gap = 2.35, rng.uniform(26, 32)
    first = rng.uniform(0, gap)
    angles = np.radians(np.linspace(72, -62, 26))
    for side in (-1, 1):
        for number in range(10):
            head = 75 + first - number * gap
            inset = a.fat * 0.95 + a.wall * 0.45
            path = []
            for step, angle in enumerate(angles):
                c, s = np.cos(angle), np.sin(angle)
                half = a.half_depth - inset - (8 if s > 0.5 else 0)
                t = ((abs(c) / (a.half_width - inset)) ** power + (abs(s) / half) ** power) ** (-1 / power)
                path.append((side * t * c, t * s, head - 62 * (step / (len(angles) - 1)) ** 1.15 * 1.3))
            stop = len(path) - max(0, number - 3) * 2
            radius = rng.uniform(4.2, 5.4)
            for start, end in pairwise(path[:stop]):
                patch = canvas.near([start, end], radius + 0.4)
                if patch is None:
                    continue
                depth = capsule(patch, start, end, radius, radius)
                canvas.paint(patch, edge(depth, 0.8), np.float32(560) - np.float32(350) * (depth > 1.8))
