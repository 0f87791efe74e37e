"""The upper abdomen of one patient, drawn into a grid that the motions have brought to the patient's own frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.phantoms.dynamic_t1 import LIVER
from HCCAssistLib.phantoms.liver.canvas import Canvas, Field, Patch, edge, ellipsoid
from HCCAssistLib.phantoms.liver.texture import Waves
from HCCAssistLib.phantoms.liver.vessels import Tube, draw_tubes, grow

TISSUES = ("fat", "muscle", "bone", "bowel", "fluid", "liver", "portal", "hepatic", "spleen", "kidney", "aorta")

SIGNALS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        phase: dict(zip(TISSUES, map(float, values), strict=True))
        for phase, values in {
            "unenhanced": (34, 66, 46, 60, 24, 104, 68, 66, 72, 78, 62),
            "arterial": (34, 72, 52, 96, 24, 120, 150, 84, 188, 226, 330),
            "portal": (35, 84, 60, 112, 25, 172, 232, 222, 184, 232, 226),
            "delayed": (35, 88, 62, 108, 26, 162, 192, 190, 164, 218, 190),
        }.items()
    }
)
"""Of each tissue in each phase, fat suppressed; arbitrary units, before the gain of the scanner."""

RIGHT, RIGHT_MM = LIVER + np.array([-2.0, 10.0, -2.0]), np.array([76.0, 76.0, 72.0])
LEFT, LEFT_MM = LIVER + np.array([46.0, -28.0, 22.0]), np.array([66.0, 40.0, 40.0])
HOLLOW, HOLLOW_MM = LIVER + np.array([50.0, 20.0, -58.0]), np.array([62.0, 46.0, 58.0])
"""Middle and semi-axes of the two lobes, and of the hollow under them."""

BODY_MM, MUSCLE_MM, CAVITY_MM = (138.0, 103.0, 400.0), (127.0, 92.0, 400.0), (117.0, 82.0, 400.0)
SPINE, SPINE_MM = (0.0, 66.0, 0.0), (23.0, 20.0, 400.0)
AORTA, AORTA_MM = (11.0, 38.0, 0.0), (10.0, 10.0, 400.0)
CAVA, CAVA_MM = (-22.0, 33.0, 0.0), (12.0, 10.0, 400.0)

Organ = tuple[str, FloatArray, FloatArray]


@dataclass(frozen=True, eq=False, slots=True)
class Patient:
    """One patient.

    Attributes:
        size: factor of the body.
        lumps, speckle, loops: random fields of the liver's surface, its tissue, and the bowel.
        rough: standard deviation of the liver's tissue as a share of its signal.
        organs: tissue, middle and semi-axes of each, in the order of drawing.
        portal, hepatic: vessels in the liver.
    """

    size: float
    lumps: Waves
    speckle: Waves
    loops: Waves
    rough: float
    organs: tuple[Organ, ...]
    portal: list[Tube]
    hepatic: list[Tube]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Patient:
        """A random patient."""

        def organ(tissue: str, middle: npt.ArrayLike, semi: npt.ArrayLike) -> Organ:
            return tissue, np.asarray(middle) + rng.uniform(-4, 4, 3), np.asarray(semi) * rng.uniform(0.92, 1.08)

        trees = []
        for start, ways in (
            (LIVER + np.array([18, 12, -12]), ((-1, 0.4, -0.4), (-0.9, -0.5, 0.5), (0.8, -1, 0.5))),
            (LIVER + np.array([28, 20, 42]), ((-1, 0.2, -0.6), (-0.6, -0.8, -0.6), (0.3, -1, -0.3))),
        ):
            trees.append(
                [
                    tube
                    for way in ways
                    for tube in grow(
                        rng, start, np.array(way) + rng.normal(0, 0.15, 3), 4.9, inside=_is_deep, thinnest=2.2, reach=6
                    )
                ]
            )
        return cls(
            size=float(rng.uniform(0.96, 1.03)),
            lumps=Waves(rng, 60.0),
            speckle=Waves(rng, 9.0, count=9),
            loops=Waves(rng, 38.0, count=5),
            rough=float(rng.uniform(0.015, 0.04)),
            organs=(
                organ("spleen", (82, 26, 12), (27, 42, 46)),
                organ("bowel", (54, -28, 0), (38, 32, 44)),
                organ("fluid", (54, -28, 0), (32, 26, 38)),
                organ("kidney", (-58, 54, -52), (25, 22, 44)),
                organ("kidney", (56, 54, -44), (25, 22, 44)),
                organ("muscle", (20, -2, -28), (42, 11, 13)),
            ),
            portal=trees[0],
            hepatic=trees[1],
        )

    def liver_depth(self, patch: Patch) -> Field:
        """Depth in mm of each sample under the surface of the liver."""
        lobes = np.maximum(ellipsoid(patch, RIGHT, np.eye(3), RIGHT_MM), ellipsoid(patch, LEFT, np.eye(3), LEFT_MM))
        lumpy = lobes + np.float32(2.5) * self.lumps.on(patch)
        # the lower side is hollow where stomach, pancreas and right kidney lie
        hollow = ellipsoid(patch, HOLLOW, np.eye(3), HOLLOW_MM)
        return np.minimum(lumpy, -hollow)

    def draw_wall(self, grid: Geometry, of: Mapping[str, float]) -> tuple[Field, Field]:
        """Skin to cavity with spine and aorta, and the share of each voxel that lies in the cavity."""
        array = np.full(grid.shape, 2.0, dtype=np.float32)
        canvas = Canvas(grid, array)
        whole = _whole(canvas)
        for semi, tissue in ((BODY_MM, "fat"), (MUSCLE_MM, "muscle")):
            canvas.paint(whole, edge(_cylinder(whole, (0, 0, 0), self._sized(semi)), 2.0), of[tissue])
        for angle in np.radians(np.arange(20, 360, 40)):  # ribs run obliquely
            start = np.array([121 * np.cos(angle), 86 * np.sin(angle), 24 * np.sin(3 * angle)]) * self.size
            way = np.array([-0.6 * np.sin(angle), 0.6 * np.cos(angle), 1.0]) * 60
            draw_tubes(canvas, [Tube(start - way, start + way, 4.2, 4.2)], of["bone"])
        inside = edge(_cylinder(whole, (0, 0, 0), self._sized(CAVITY_MM)), 2.0)
        for middle, semi, tissue in ((SPINE, SPINE_MM, "bone"), (AORTA, AORTA_MM, "aorta")):
            share = edge(_cylinder(whole, middle, semi), 2.0)
            canvas.paint(whole, share, of[tissue])
            inside = inside * (1 - share)
        return array, np.asarray(inside, dtype=np.float32)

    def draw_inside(self, grid: Geometry, of: Mapping[str, float], *, arterial: bool) -> tuple[Canvas, Field]:
        """What the cavity holds, without lesions, and the depth under the liver's surface."""
        canvas = Canvas(grid, np.full(grid.shape, of["fat"], dtype=np.float32))
        whole = _whole(canvas)
        canvas.paint(whole, edge(self.loops.on(whole), 0.5), of["bowel"] * 0.8)
        canvas.paint(whole, edge(_cylinder(whole, CAVA, CAVA_MM), 2.0), of["hepatic"] if not arterial else 118.0)
        for tissue, middle, semi in self.organs:
            patch = canvas.patch(middle, float(semi.max()) + 2, samples=(1, 1, 1))
            if patch is None:
                continue
            depth = ellipsoid(patch, middle, np.eye(3), semi)
            canvas.paint(patch, edge(depth, 2.0), of[tissue])
            if tissue == "kidney" and arterial:
                canvas.paint(patch, edge(depth - np.float32(7), 3.0), 0.5 * of[tissue])
            if tissue == "spleen" and arterial:
                stripes = np.float32(30) * np.sin(patch.along((0.5, 0.3, 0.1)) + np.float32(0.2) * depth)
                canvas.add(patch, edge(depth, 2.0), stripes)
        patch = canvas.patch([RIGHT - RIGHT_MM, RIGHT + RIGHT_MM, LEFT - LEFT_MM, LEFT + LEFT_MM], 8, samples=(1, 1, 1))
        assert patch is not None  # noqa: S101  every grid shows the liver
        depth = self.liver_depth(patch)
        tissue_signal = of["liver"] * (1 + np.float32(self.rough) * self.speckle.on(patch))
        canvas.paint(patch, edge(depth, 2.0), tissue_signal)
        canvas.samples = (1, 1, 1)
        draw_tubes(canvas, self.hepatic, of["hepatic"])
        draw_tubes(canvas, self.portal, of["portal"])
        deep = np.full(grid.shape, -100.0, dtype=np.float32)
        deep[patch.slices] = depth
        return canvas, deep

    def _sized(self, semi: tuple[float, float, float]) -> FloatArray:
        return np.asarray(semi) * (self.size, self.size, 1.0)


def _is_deep(point: FloatArray) -> bool:
    right, left, hollow = (
        float(np.linalg.norm((point - middle) / semi))
        for middle, semi in ((RIGHT, RIGHT_MM), (LEFT, LEFT_MM), (HOLLOW, HOLLOW_MM))
    )
    return min(right, left) < 0.9 and hollow > 1.12


def _whole(canvas: Canvas) -> Patch:
    i, j, k = canvas.geometry.size_ijk - 1
    patch = canvas.patch(canvas.geometry.to_world([[0, 0, 0], [i, j, k]]), 0, samples=(1, 1, 1))
    assert patch is not None  # noqa: S101  the corners are those of the grid
    return patch


def _cylinder(patch: Patch, middle: npt.ArrayLike, semi: npt.ArrayLike) -> Field:
    """Depth in mm under the surface of an upright elliptic cylinder, near the surface."""
    a, b, _ = np.asarray(semi, dtype=float)
    x, y = (patch.along(axis, middle) / np.float32(half) for axis, half in ((np.eye(3)[0], a), (np.eye(3)[1], b)))
    return np.asarray((1 - np.sqrt(x * x + y * y)) * np.float32(min(a, b)), dtype=np.float32)
