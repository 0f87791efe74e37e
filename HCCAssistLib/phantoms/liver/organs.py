"""The organs of the upper abdomen in the late arterial phase."""

from __future__ import annotations

import numpy as np

from HCCAssistLib.phantoms.liver.anatomy import CAVA_MM, Anatomy
from HCCAssistLib.phantoms.liver.canvas import Canvas, capsule, edge
from HCCAssistLib.phantoms.liver.surfaces import CoarseGrid, Depth, blob, smooth_min
from HCCAssistLib.phantoms.liver.texture import Waves


def draw_organs(grid: CoarseGrid, a: Anatomy, cavity: Depth, dome: Depth, rng: np.random.Generator) -> None:
    """Kidneys, adrenal fat, spleen, stomach, pancreas and psoas, under the diaphragm."""
    below = dome - grid.z - 4
    inside = np.minimum(cavity - 2, below)
    y = a.spine[1]
    for side in (-1, 1):
        center, size = (side * 38.0, y + 4, -a.liver_height - 25), (15.0, 18.0, 85.0)
        near = grid.around(center, size)
        psoas = blob(near, center, size, side * 20)
        near.paint(np.asarray(np.minimum(psoas, cavity[near.part] + 6), np.float32), 58.0)
    _spleen(grid, a, inside, rng)
    for side in (-1, 1):
        center = (
            side * (61 + rng.uniform(-4, 6)),
            y + rng.uniform(-8, 2),
            -a.liver_height + rng.uniform(8, 24) + (14 if side > 0 else 0),
        )
        size = (rng.uniform(27, 31), rng.uniform(24, 28), rng.uniform(50, 58))
        near = grid.around(center, size)
        kidney = np.minimum(blob(near, center, size, side * 35), cavity[near.part])
        near.paint(np.asarray(kidney, np.float32), a.kidney_hu)
        pyramids = Waves(rng, 19).on(near.patch)
        medulla = np.minimum(kidney - 6.5, 5 * (pyramids + 0.35))
        near.paint(np.asarray(medulla, np.float32), float(rng.uniform(75, 110)))
        sinus = blob(near, (center[0] - side * 13, center[1] - 6, center[2]), (15, 10, 22), side * 35)
        near.paint(np.asarray(sinus, np.float32), -70.0)
    _stomach(grid, a, inside, rng)
    tissue = Waves(rng, 11)
    z = a.hilum[2] - 12
    for center, size, tilt in (
        ((-12.0, y - 58, z - 14), (17.0, 15.0, 22.0), 0.0),
        ((22.0, y - 62, z), (34.0, 11.0, 13.0), -8.0),
        ((62.0, y - 44, z + 12), (34.0, 10.0, 13.0), 32.0),
    ):
        near = grid.around(center, size)
        lobules = tissue.on(near.patch) * 2.5
        pancreas = np.minimum(blob(near, center, size, tilt) + lobules, inside[near.part])
        near.paint(np.asarray(pancreas, np.float32), 104.0 + 8 * lobules / 2.5)


def _spleen(grid: CoarseGrid, a: Anatomy, inside: Depth, rng: np.random.Generator) -> None:
    """The spleen with the stripes of the arterial phase."""
    width = a.half_width - a.fat - a.wall
    center = (width - rng.uniform(24, 34), 0.32 * a.half_depth, -rng.uniform(52, 70))
    size = (rng.uniform(30, 38), rng.uniform(44, 58), rng.uniform(40, 56))
    near = grid.around(center, size)
    hollow = blob(near, (center[0] - 46, center[1] - 30, center[2]), (36, 34, 60))
    spleen = smooth_min(3, np.minimum(blob(near, center, size, -18), inside[near.part]), -hollow)
    warp = 1.6 * Waves(rng, 45).on(near.patch) + 0.6 * Waves(rng, 20).on(near.patch)
    stripes = np.sin(2 * np.pi * np.asarray(spleen, np.float32) / np.float32(rng.uniform(13, 19)) + 2 * warp)
    near.paint(spleen, np.asarray(a.spleen_hu + rng.uniform(18, 34) * stripes, dtype=np.float32))


def _stomach(grid: CoarseGrid, a: Anatomy, inside: Depth, rng: np.random.Generator) -> None:
    """The stomach: enhancing wall, fluid or food, gas over a level."""
    center = (rng.uniform(48, 62), -0.18 * a.half_depth, -rng.uniform(58, 75))
    size = (rng.uniform(30, 44), rng.uniform(28, 40), rng.uniform(38, 50))
    near = grid.around(center, size)
    folds = Waves(rng, 34).on(near.patch) * 2.5
    stomach = np.minimum(blob(near, center, size, 25) + folds, inside[near.part])
    near.paint(np.asarray(stomach, np.float32), 88.0)
    content = stomach - rng.uniform(4, 7)
    near.paint(np.asarray(content, np.float32), float(rng.uniform(5, 45)) + 8 * Waves(rng, 15).on(near.patch))
    level = center[1] - size[1] * rng.uniform(0.0, 0.7)
    near.paint(np.asarray(np.minimum(content, level - near.y), np.float32), -960.0)


def draw_bowel(canvas: Canvas, a: Anatomy, rng: np.random.Generator) -> None:
    """Loops of bowel below the liver and the stomach: wall, then gas, fluid or stool over a level."""
    for _ in range(int(rng.integers(16, 26))):
        x = rng.uniform(-0.45, 0.75) * (a.half_width - a.fat - a.wall - 14)
        y = rng.uniform(-0.62, 0.12) * a.half_depth
        z = -a.liver_height + rng.uniform(-25, 45) - (0.25 * abs(x) if x < 0 else 0)
        start = np.array([x, y, z])
        heading = rng.standard_normal(3) * (1, 0.7, 0.5)
        end = start + heading / np.linalg.norm(heading) * rng.uniform(12, 32)
        radius = rng.uniform(8, 17)
        if canvas.patch([start, end], radius + 2) is None:
            continue
        wall_hu, wall_mm, filled_hu = rng.uniform(70, 105), rng.uniform(2, 3.5), rng.choice([8.0, 25.0, 45.0])
        level = y - radius * rng.uniform(-0.3, 0.5) if rng.random() < 0.45 else None
        patch = canvas.near([start, end], radius + 0.5)
        if patch is None:
            continue
        depth = capsule(patch, start, end, radius, radius)
        canvas.paint(patch, edge(depth, 1.0), float(wall_hu))
        lumen = depth - wall_mm
        canvas.paint(patch, edge(lumen, 1.0), float(filled_hu))
        if level is not None:
            gas = np.minimum(lumen, patch.along((0, -1, 0), (x, level, z)))
            canvas.paint(patch, edge(gas, 1.0), -940.0)


def draw_liver(grid: CoarseGrid, a: Anatomy, cavity: Depth, dome: Depth, rng: np.random.Generator) -> Depth:
    """The liver, with ascites where there is any; returns its depth."""
    height = a.liver_height
    spine_y = a.spine[1]
    below = dome - grid.z - 4
    levels = np.array([-1.15, -0.95, -0.75, -0.55, -0.35, 0.0]) * height
    front = np.array([-75.0, -52.0, -12.0, 0.72 * a.left_lobe, a.left_lobe, a.left_lobe * 0.85])
    behind = np.array([-88.0, -74.0, -58.0, -24.0, -10.0, -2.0])
    z = grid.z.ravel()
    anterior = 1 / (1 + np.exp((grid.y - (spine_y - 66) + 0.18 * np.maximum(grid.x, 0)) / 7))
    border = np.interp(z, levels, front)[:, None, None] * anterior + np.interp(z, levels, behind)[:, None, None] * (
        1 - anterior
    )
    medial = (border - grid.x) * np.float32(0.8)
    slope = 0.62 * np.maximum(grid.x + 70, 0) + 0.1 * np.maximum(-grid.y, 0)
    lower = (grid.z - (-height + slope)) * np.float32(0.8)
    bumps = Waves(rng, 55).on(grid.patch) * np.float32(rng.uniform(1.5, 3.0))
    bumps += Waves(rng, 16).on(grid.patch) * np.float32(rng.uniform(0.2, 0.9))
    right_kidney_bed = -blob(grid, (-56, spine_y + 18, -height + 8), (40, 50, 62))
    inner = np.minimum(cavity - 1.2, below)
    liver = np.minimum(smooth_min(5.0, medial + bumps, lower + bumps, inner, right_kidney_bed), inner)
    fissure = np.maximum(np.abs(grid.x - 6) - 2.0, (grid.y + 0.45 * a.half_depth) * 0.8)
    fissure = np.maximum(fissure, (grid.z + 0.45 * height) * 0.7)
    liver = smooth_min(1.5, np.asarray(liver, np.float32), np.asarray(fissure, np.float32))
    cava = np.array(a.cava)
    axis = [np.interp(z, cava[:, 2], cava[:, n])[:, None, None] for n in (0, 1)]
    liver = np.minimum(liver, np.hypot(grid.x - axis[0], grid.y - axis[1]) - CAVA_MM + 1)
    if a.ascites:
        grid.paint(np.asarray(np.minimum(liver + a.ascites, inner + 2), np.float32), 9.0)
    texture = 1.6 * Waves(rng, 45).on(grid.patch) + rng.uniform(0.8, 2.2) * Waves(rng, 11, count=8).on(grid.patch)
    grid.paint(liver, np.asarray(a.liver_hu + texture, dtype=np.float32))
    if rng.random() < 0.7:
        bladder = blob(grid, (-42 + rng.uniform(-6, 6), spine_y - 82, -0.74 * height), (13, 19, 24), 25)
        grid.paint(np.asarray(bladder, np.float32), 70.0)
        grid.paint(np.asarray(bladder - 2, np.float32), float(rng.uniform(4, 14)))
        liver = np.asarray(np.minimum(liver, -bladder), dtype=np.float32)
    return liver
