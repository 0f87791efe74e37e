"""A tumour in the arterial phase: its body with texture, capsule and necrosis, and the shunts through it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.phantoms.liver.arterial_region import Region
from HCCAssistLib.phantoms.liver.canvas import Canvas, Field, Patch, capsule, edge
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid, random_axes
from HCCAssistLib.phantoms.liver.texture import Waves
from HCCAssistLib.phantoms.liver.tumour_looks import Looks
from HCCAssistLib.phantoms.liver.vessels import Tube, curve, draw_tubes

NODES = 30
"""Along each side of the grid by which a tumour is measured; so what it measures depends on no scanner."""

WEDGE_MM = 22.0
Vector = npt.NDArray[np.float64]


class Painted(NamedTuple):
    """A box of the volume, and the voxels in it that are mostly tumour, and mostly necrotic tumour."""

    slices: tuple[slice, slice, slice]
    inside: npt.NDArray[np.bool_]
    necrotic: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class PlantedTumour:
    """A tumour.

    Attributes:
        shape: its surface.
        looks: how it looks.
        texture, gaps, spots: random fields of its texture, of the gaps in its capsule, and of its necrosis.
        soft_mm: width of its margin.
        shunts: tubes, the pieces of all of them.
        outward: direction from its centre in which the shunts feed the liver behind it.
        necrotic_from: value of the field of necrosis above which it is necrotic.
        bare_from: value of the field of gaps above which there is no capsule.
        viable_hu: attenuation of what is neither necrosis, nor capsule, nor shunt.
        artery_hu: of the shunts.
        volume_ml: of all of it.
        middle: centre of all of it, LPS mm; the irregular surface moves it from the shape's own.
    """

    shape: IrregularEllipsoid
    looks: Looks
    texture: Waves
    gaps: Waves
    spots: Waves
    soft_mm: float
    shunts: tuple[Tube, ...]
    outward: Vector
    necrotic_from: float
    bare_from: float
    viable_hu: float
    artery_hu: float
    volume_ml: float
    middle: Vector

    @property
    def diameter_mm(self) -> float:
        """Its longest axis."""
        return float(2 * self.shape.semi_axes.max())

    @property
    def axial_mm(self) -> float:
        """Its longest diameter in the axial plane through its centre."""
        axes, semi = self.shape.axes, self.shape.semi_axes
        # the section of an ellipsoid through its centre: the inverse of the axial part of its quadratic form
        form = (axes.T @ np.diag(semi**-2.0) @ axes)[:2, :2]
        return float(2 / np.sqrt(np.linalg.eigvalsh(form).min()))

    def paint(self, canvas: Canvas, region: Region) -> Painted | None:
        """Draw it into a patient; None where it lies outside the volume."""
        if self.looks.wedge_hu:
            self._paint_wedge(canvas, region)
        patch = self.shape.patch(canvas, self.soft_mm + 1)
        if patch is None:
            return None
        depth = self.shape.depth(patch)
        necrosis = self.necrosis(patch, depth)
        canvas.paint(patch, edge(depth, self.soft_mm), self.body(patch, depth, necrosis, self.viable_hu))
        draw_tubes(canvas, list(self.shunts), self.artery_hu)
        inside = patch.average(edge(depth, canvas.pixel)) > 0.5
        return Painted(patch.slices, inside, inside & (patch.average(necrosis) > 0.5))

    def necrosis(self, patch: Patch, depth: Field) -> Field:
        """How necrotic each sample is, 0 to 1."""
        if not self.looks.necrosis:
            return np.zeros((1, 1, 1), dtype=np.float32)
        return edge(_necrosis_field(self.shape, self.spots, patch, depth) - np.float32(self.necrotic_from), 0.3)

    def body(self, patch: Patch, depth: Field, necrosis: Field, viable_hu: float) -> Field:
        """Attenuation of each sample, without the shunts."""
        looks = self.looks
        hu = self.texture.on(patch)
        hu *= np.float32(looks.texture_hu)
        hu += np.float32(viable_hu)
        if looks.necrosis:
            hu += necrosis * (np.float32(looks.necrosis_hu) - hu)
        if looks.capsule:
            enclosed = edge(np.float32(self.bare_from) - self.gaps.on(patch), 0.3)
            hu += edge(np.float32(looks.capsule_mm) - depth, 1.0) * enclosed * np.float32(looks.capsule_hu)
        return hu

    def _paint_wedge(self, canvas: Canvas, region: Region) -> None:
        wide = 0.35 * self.shape.radius
        start = self.shape.center + 0.8 * self.shape.radius * self.outward
        end = start + (WEDGE_MM + 0.3 * self.shape.radius) * self.outward
        patch = canvas.patch([start, end], 1.6 * wide + 4)
        if patch is not None:
            depth = capsule(patch, start, end, wide, 1.6 * wide)
            canvas.add(patch, edge(depth, 4.0) * edge(region.depth(patch), 2.0), self.looks.wedge_hu)


def plant(rng: np.random.Generator, looks: Looks, shape: IrregularEllipsoid, region: Region) -> PlantedTumour:
    """A tumour of given looks: its random fields and shunts, and what makes its share of necrosis and its mean true."""
    diameter = float(2 * shape.semi_axes.max())
    outward = shape.center + 20 * rng.standard_normal(3)
    patch, cell_mm = _own_patch(shape)
    depth = shape.depth(patch)
    inside = depth > 0
    shell = inside & (depth < max(looks.capsule_mm, 1.5 * cell_mm))
    gaps, spots = Waves(rng, max(10.0, 0.6 * diameter)), Waves(rng, max(7.0, 0.45 * diameter))
    tumour = PlantedTumour(
        shape=shape,
        looks=looks,
        texture=Waves(rng, looks.texture_mm, count=10),
        gaps=gaps,
        spots=spots,
        soft_mm=float(rng.uniform(1.0, 2.5)),
        shunts=tuple(tube for _ in range(looks.shunts) for tube in _shunt(rng, shape)),
        outward=outward / np.linalg.norm(outward),
        necrotic_from=float(np.quantile(_necrosis_field(shape, spots, patch, depth)[inside], 1 - looks.necrosis)),
        bare_from=float(np.quantile(gaps.on(patch)[shell], looks.capsule)),
        viable_hu=0.0,
        artery_hu=0.85 * region.artery_hu,
        volume_ml=float(inside.sum()) * cell_mm**3 / 1000,
        middle=np.array([np.broadcast_to(patch.along(axis), patch.shape)[inside].mean() for axis in np.eye(3)]),
    )
    shunted = np.zeros(patch.shape, dtype=np.float32)
    for tube in tumour.shunts:
        tubular = capsule(patch, tube.start, tube.end, tube.radius_start, tube.radius_end)
        shunted = np.maximum(shunted, edge(tubular, cell_mm))

    necrosis = tumour.necrosis(patch, depth)

    def mean(viable_hu: float) -> float:
        hu = tumour.body(patch, depth, necrosis, viable_hu)
        return float((hu + shunted * (np.float32(tumour.artery_hu) - hu))[inside].mean())

    # the mean is linear in what the viable part has
    at_0, at_100 = mean(0.0), mean(100.0)
    return replace(tumour, viable_hu=100 * (region.liver_hu + looks.mean_hu - at_0) / (at_100 - at_0))


def draw_shape(rng: np.random.Generator, diameter_mm: float, center: npt.ArrayLike) -> IrregularEllipsoid:
    """A surface around an LPS point."""
    ratios = np.array([1.0, rng.uniform(0.82, 1.0), rng.uniform(0.75, 1.0)])
    bumps = Waves(rng, 0.8 * diameter_mm)
    middle = np.asarray(center, dtype=np.float64)
    return IrregularEllipsoid(middle, random_axes(rng), diameter_mm / 2 * ratios, bumps, 0.03 * diameter_mm)


def _necrosis_field(shape: IrregularEllipsoid, spots: Waves, patch: Patch, depth: Field) -> Field:
    """Irregular, and rising to the middle of the tumour."""
    return np.asarray(spots.on(patch) + np.float32(1.5 / shape.semi_axes.min()) * depth, dtype=np.float32)


def _own_patch(shape: IrregularEllipsoid) -> tuple[Patch, float]:
    """Samples all over a tumour, and their distance in mm."""
    cell = 2 * shape.reach / NODES
    low = (shape.center - (NODES - 1) / 2 * cell).tolist()
    canvas = Canvas(Geometry.from_parts((NODES,) * 3, (cell,) * 3, low), np.zeros((1, 1, 1), dtype=np.float32))
    patch = canvas.patch(shape.center, shape.reach, samples=(1, 1, 1))
    assert patch is not None  # noqa: S101  the grid was made around it
    return patch, cell


def _shunt(rng: np.random.Generator, shape: IrregularEllipsoid) -> list[Tube]:
    """A winding vessel from outside a tumour through most of it."""
    towards, aside = rng.standard_normal((2, 3))
    towards /= np.linalg.norm(towards)
    aside /= np.linalg.norm(aside)
    radius = float(np.clip(0.035 * shape.radius, 0.9, 2.0)) * rng.uniform(0.85, 1.15)
    steps = np.array([1.35, 0.75, 0.25, -0.25, -0.65])[:, None] * towards
    bends = np.array([0.2, 0.3, -0.25, 0.3, 0.1])[:, None] * rng.uniform(0.6, 1.4, (5, 1)) * aside
    knots = shape.center + shape.radius * (steps + bends)
    return curve(knots, radius, 0.8 * radius, 10)
