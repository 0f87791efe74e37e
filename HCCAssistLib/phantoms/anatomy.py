"""The upper abdomen of one imaginary patient in the late arterial phase.

Frame: LPS mm with x = 0 at the midline, y = 0 in the middle of the body and z = 0 at the right dome of the diaphragm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.canvas import Canvas, capsule, edge
from HCCAssistLib.phantoms.surfaces import CoarseGrid, blob, smooth_min
from HCCAssistLib.phantoms.texture import Waves

Depth = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Sizes (mm) and attenuations (HU) of one patient.

    Attributes:
        half_width, half_depth: of the body at the skin.
        fat, wall: thickness of the subcutaneous fat at the flank and of the muscle under it.
        liver_height: from the dome to the lower tip.
        left_lobe: how far the left lobe reaches over the midline.
        ascites: thickness of fluid around the liver, often 0.
        liver_hu, aorta_hu, portal_hu, vein_hu, spleen_hu, kidney_hu: attenuation.
    """

    half_width: float
    half_depth: float
    fat: float
    wall: float
    liver_height: float
    left_lobe: float
    ascites: float
    liver_hu: float
    aorta_hu: float
    portal_hu: float
    vein_hu: float
    spleen_hu: float
    kidney_hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Anatomy:
        """A random patient, 35 s after the injection."""
        liver_hu = float(rng.uniform(58, 78))
        return cls(
            half_width=float(rng.uniform(148, 180)),
            half_depth=float(rng.uniform(106, 130)),
            fat=float(rng.uniform(7, 24)),
            wall=float(rng.uniform(13, 19)),
            liver_height=float(rng.uniform(135, 175)),
            left_lobe=float(rng.uniform(35, 85)),
            ascites=float(rng.uniform(4, 12)) if rng.random() < 0.15 else 0.0,
            liver_hu=liver_hu,
            aorta_hu=float(rng.uniform(280, 350)),
            portal_hu=float(liver_hu + rng.uniform(25, 60)),
            vein_hu=float(rng.uniform(38, 48)),
            spleen_hu=float(rng.uniform(105, 135)),
            kidney_hu=float(rng.uniform(170, 225)),
        )

    @property
    def spine(self) -> tuple[float, float]:
        """Middle of the vertebral bodies in the axial plane."""
        return 0.0, self.half_depth - 66.0

    @property
    def aorta(self) -> tuple[float, float]:
        """Middle of the aorta in the axial plane."""
        return 9.0, self.spine[1] - 30.0

    @property
    def cava(self) -> tuple[float, float]:
        """Middle of the inferior vena cava in the axial plane."""
        return -24.0, self.spine[1] - 34.0

    @property
    def hilum(self) -> tuple[float, float, float]:
        """Where the portal vein and the hepatic artery enter the liver."""
        return -34.0, self.spine[1] - 58.0, -0.56 * self.liver_height


def draw_patient(canvas: Canvas, anatomy: Anatomy, rng: np.random.Generator) -> tuple[CoarseGrid, Depth]:
    """Draw everything but the vessels and the disease; returns the liver's depth (mm) on a coarse grid."""
    grid = CoarseGrid(canvas)
    skin = _body(grid, anatomy)
    cavity = _trunk(grid, anatomy, skin, rng)
    dome = _diaphragm(grid, anatomy, rng)
    _chest(grid, anatomy, cavity, dome, rng)
    _spine(canvas, anatomy, rng)
    _ribs(canvas, anatomy, rng)
    _organs(grid, anatomy, cavity, dome, rng)
    _bowel(canvas, anatomy, rng)
    return grid, _liver(grid, anatomy, cavity, dome, rng)


def _body(grid: CoarseGrid, a: Anatomy) -> Depth:
    """Depth under the skin."""
    power = np.float32(2.35)
    r = (np.abs(grid.x / a.half_width) ** power + np.abs(grid.y / a.half_depth) ** power) ** (1 / power)
    r = np.maximum(r, 1e-3)
    spacing = (float(grid.y[0, 1, 0] - grid.y[0, 0, 0]), float(grid.x[0, 0, 1] - grid.x[0, 0, 0]))
    gy, gx = np.gradient(r[0], *spacing)
    slope = np.maximum(np.hypot(gy, gx), 0.6 / a.half_width)
    return np.asarray(((1 - r) / slope[None]), dtype=np.float32)


def _trunk(grid: CoarseGrid, a: Anatomy, skin: Depth, rng: np.random.Generator) -> Depth:
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


def _diaphragm(grid: CoarseGrid, a: Anatomy, rng: np.random.Generator) -> Depth:
    """Height (LPS z) of the diaphragm over the axial plane."""
    drop = rng.uniform(8, 20)
    width = a.half_width - a.fat - a.wall

    def cupola(x: float, y: float, top: float) -> npt.NDArray[np.float32]:
        rho = ((grid.x - x) / (0.62 * width)) ** 2 + ((grid.y - y) / (0.74 * a.half_depth)) ** 2
        return np.asarray(top - 42 * rho**1.25, dtype=np.float32)

    right = cupola(-0.55 * width, -8, 0.0)
    left = cupola(0.55 * width, 2, -drop)
    return -smooth_min(8.0, -right, -left)


def _chest(grid: CoarseGrid, a: Anatomy, cavity: Depth, dome: Depth, rng: np.random.Generator) -> None:
    """Lungs and heart above the diaphragm."""
    above = grid.z - dome
    lung = np.minimum(cavity, above)
    grid.paint(np.asarray(lung, np.float32), -865.0 + 22 * Waves(rng, 14).on(grid.patch))
    heart = np.minimum(blob(grid, (28, -0.36 * a.half_depth, 24), (58, 46, 44), 28), np.minimum(cavity, above))
    grid.paint(np.asarray(heart + 6, np.float32), -80.0)
    grid.paint(np.asarray(heart, np.float32), 115.0)
    for center, size, hu in (((42, -34, 26), (30, 22, 30), 0.85), ((8, -52, 24), (26, 17, 28), 0.62)):
        chamber = np.minimum(blob(grid, center, size, 28), heart - 4)
        grid.paint(np.asarray(chamber, np.float32), a.aorta_hu * hu)


def _organs(grid: CoarseGrid, a: Anatomy, cavity: Depth, dome: Depth, rng: np.random.Generator) -> None:
    """Kidneys, adrenal fat, spleen, stomach, pancreas and psoas, under the diaphragm."""
    below = dome - grid.z - 4
    inside = np.minimum(cavity - 2, below)
    x, y = a.spine
    for side in (-1, 1):
        psoas = blob(grid, (side * 38, y + 4, -a.liver_height - 25), (15, 18, 85), side * 20)
        grid.paint(np.asarray(np.minimum(psoas, cavity + 6), np.float32), 58.0)
    _spleen(grid, a, inside, rng)
    for side in (-1, 1):
        center = (
            side * (61 + rng.uniform(-4, 6)),
            y + rng.uniform(-8, 2),
            -a.liver_height + rng.uniform(8, 24) + (14 if side > 0 else 0),
        )
        size = (rng.uniform(27, 31), rng.uniform(24, 28), rng.uniform(50, 58))
        kidney = np.minimum(blob(grid, center, size, side * 35), cavity)
        grid.paint(np.asarray(kidney, np.float32), a.kidney_hu)
        pyramids = Waves(rng, 19).on(grid.patch)
        medulla = np.minimum(kidney - 6.5, 5 * (pyramids + 0.35))
        grid.paint(np.asarray(medulla, np.float32), float(rng.uniform(75, 110)))
        sinus = blob(grid, (center[0] - side * 13, center[1] - 6, center[2]), (15, 10, 22), side * 35)
        grid.paint(np.asarray(sinus, np.float32), -70.0)
    _stomach(grid, a, inside, rng)
    lobules = Waves(rng, 11).on(grid.patch) * 2.5
    z = a.hilum[2] - 12
    for center, size, tilt in (
        ((-12.0, y - 58, z - 14), (17.0, 15.0, 22.0), 0.0),
        ((22.0, y - 62, z), (34.0, 11.0, 13.0), -8.0),
        ((62.0, y - 44, z + 12), (34.0, 10.0, 13.0), 32.0),
    ):
        pancreas = np.minimum(blob(grid, center, size, tilt) + lobules, inside)
        grid.paint(np.asarray(pancreas, np.float32), 104.0 + 8 * lobules / 2.5)


def _spleen(grid: CoarseGrid, a: Anatomy, inside: Depth, rng: np.random.Generator) -> None:
    """The spleen with the stripes of the arterial phase."""
    width = a.half_width - a.fat - a.wall
    center = (width - rng.uniform(24, 34), 0.32 * a.half_depth, -rng.uniform(52, 70))
    size = (rng.uniform(30, 38), rng.uniform(44, 58), rng.uniform(40, 56))
    hollow = blob(grid, (center[0] - 46, center[1] - 30, center[2]), (36, 34, 60))
    spleen = smooth_min(3, np.minimum(blob(grid, center, size, -18), inside), -hollow)
    warp = 1.6 * Waves(rng, 45).on(grid.patch) + 0.6 * Waves(rng, 20).on(grid.patch)
    stripes = np.sin(2 * np.pi * np.asarray(spleen, np.float32) / np.float32(rng.uniform(13, 19)) + 2 * warp)
    grid.paint(spleen, np.asarray(a.spleen_hu + rng.uniform(18, 34) * stripes, dtype=np.float32))


def _stomach(grid: CoarseGrid, a: Anatomy, inside: Depth, rng: np.random.Generator) -> None:
    """The stomach: enhancing wall, fluid or food, gas over a level."""
    center = (rng.uniform(48, 62), -0.18 * a.half_depth, -rng.uniform(58, 75))
    size = (rng.uniform(30, 44), rng.uniform(28, 40), rng.uniform(38, 50))
    folds = Waves(rng, 34).on(grid.patch) * 2.5
    stomach = np.minimum(blob(grid, center, size, 25) + folds, inside)
    grid.paint(np.asarray(stomach, np.float32), 88.0)
    content = stomach - rng.uniform(4, 7)
    grid.paint(np.asarray(content, np.float32), float(rng.uniform(5, 45)) + 8 * Waves(rng, 15).on(grid.patch))
    level = center[1] - size[1] * rng.uniform(0.0, 0.7)
    grid.paint(np.asarray(np.minimum(content, level - grid.y), np.float32), -960.0)


def _bowel(canvas: Canvas, a: Anatomy, rng: np.random.Generator) -> None:
    """Loops of bowel below the liver and the stomach: wall, then gas, fluid or stool over a level."""
    for _ in range(int(rng.integers(16, 26))):
        x = rng.uniform(-0.45, 0.75) * (a.half_width - a.fat - a.wall - 14)
        y = rng.uniform(-0.62, 0.12) * a.half_depth
        z = -a.liver_height + rng.uniform(-25, 45) - (0.25 * abs(x) if x < 0 else 0)
        start = np.array([x, y, z])
        heading = rng.standard_normal(3) * (1, 0.7, 0.5)
        end = start + heading / np.linalg.norm(heading) * rng.uniform(12, 32)
        radius = rng.uniform(8, 17)
        patch = canvas.patch([start, end], radius + 2)
        if patch is None:
            continue
        depth = capsule(patch, start, end, radius, radius)
        canvas.paint(patch, edge(depth, 1.0), float(rng.uniform(70, 105)))
        lumen = depth - rng.uniform(2, 3.5)
        canvas.paint(patch, edge(lumen, 1.0), float(rng.choice([8.0, 25.0, 45.0])))
        if rng.random() < 0.45:
            level = patch.along((0, -1, 0), (x, y - radius * rng.uniform(-0.3, 0.5), z))
            canvas.paint(patch, edge(np.minimum(lumen, level), 1.0), -940.0)


def _spine(canvas: Canvas, a: Anatomy, rng: np.random.Generator) -> None:
    """Vertebrae with discs, the canal and the muscles of the back."""
    x, y = a.spine
    bottom, top = float(canvas.geometry.origin[2]), float(canvas.geometry.to_world(canvas.geometry.size_ijk - 1)[2])
    middle = (x, y, (bottom + top) / 2)
    corners = [[-75.0, y - 25, bottom], [75.0, y + 62, top]]
    patch = canvas.patch(corners, 0, samples=(1, 1, 1))
    if patch is None:
        return
    px, py = patch.along((1, 0, 0), middle), patch.along((0, 1, 0), middle)
    z = patch.along((0, 0, 1))
    for side in (-1, 1):
        back = 1 - np.sqrt(((px - side * 29) / 25) ** 2 + ((py - 31) / 18) ** 2)
        canvas.paint(patch, edge(back * 20, 1.0), 57.0)
    period = rng.uniform(33, 38)
    phase = (z + rng.uniform(0, period)) % period
    disc = np.clip((4.0 - np.abs(phase - period / 2)) / 1.5, 0, 1)
    waist = 1 + 0.07 * np.cos(2 * np.pi * phase / period)
    body = (1 - np.sqrt((px / (22 * waist)) ** 2 + (py / (17 * waist)) ** 2)) * 18
    bone = np.where(body > 2.2, np.float32(rng.uniform(140, 200)), np.float32(420))
    canvas.paint(patch, edge(body, 1.0), np.asarray(bone * (1 - disc) + 95 * disc, dtype=np.float32))
    ring = np.sqrt((px / 1.15) ** 2 + (py - 24) ** 2)
    arch = np.minimum(3.4 - np.abs(ring - 12.5), py - 12)
    spinous = np.minimum(3.2 - np.abs(px), 14 - np.abs(py - 44) - 0.35 * np.abs(phase - period / 2))
    transverse = np.minimum(3.2 - np.abs(py - 20 - 0.12 * np.abs(px)), 30 - np.abs(px)) - np.maximum(np.abs(phase - 4) - 4, 0)
    processes = np.maximum(np.maximum(arch, spinous), transverse)
    canvas.paint(patch, edge(processes, 1.0), np.where(processes > 1.6, np.float32(230), np.float32(480)))
    canvas.paint(patch, edge(10.0 - ring, 1.0), 25.0)
    canvas.paint(patch, edge(5.5 - ring, 1.5), 42.0)


def _ribs(canvas: Canvas, a: Anatomy, rng: np.random.Generator) -> None:
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
            for start, end in zip(path[: stop - 1], path[1:stop], strict=True):
                patch = canvas.patch([start, end], radius + 1)
                if patch is None:
                    continue
                depth = capsule(patch, start, end, radius, radius)
                canvas.paint(patch, edge(depth, 0.8), np.where(depth > 1.8, np.float32(210), np.float32(560)))


def _liver(grid: CoarseGrid, a: Anatomy, cavity: Depth, dome: Depth, rng: np.random.Generator) -> Depth:
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
    right_kidney_bed = -blob(grid, (-60, spine_y + 4, -height + 10), (36, 36, 62), -35)
    inner = np.minimum(cavity - 1.2, below)
    liver = np.minimum(smooth_min(5.0, medial + bumps, lower + bumps, inner, right_kidney_bed), inner)
    fissure = np.maximum(np.abs(grid.x - 6) - 2.0, (grid.y + 0.45 * a.half_depth) * 0.8)
    fissure = np.maximum(fissure, (grid.z + 0.45 * height) * 0.7)
    liver = smooth_min(1.5, np.asarray(liver, np.float32), np.asarray(fissure, np.float32))
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
