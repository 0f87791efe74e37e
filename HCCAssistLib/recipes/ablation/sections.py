"""Which slices are seen of a region, and where their pixels lie: by the patient's axes, in any storage order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.axial import STRAIGHT_DEGREES, slice_spacing
from HCCAssistLib.imaging.geometry import Box, FloatArray, Geometry
from HCCAssistLib.imaging.orientation import patient_axes
from HCCAssistLib.recipes.ablation.recipe import MARGIN, PIXEL_MM, SIZE, SLICES
from HCCAssistLib.recipes.ablation.regions import Region, half_voxel

STORED = SIZE + 2 * MARGIN
"""Pixels of a crop along each side with what turned versions bring in."""


@dataclass(frozen=True, eq=False, slots=True)
class Sections:
    """The slice on which a region is largest and its neighbours.

    Attributes:
        center: LPS mm, of the region's extent in its largest slice.
        step_mm: from slice to slice.
        slices: of the three from foot to head: -1, 0 or 1. At the end of a volume the slice beside it stands in.
        size_mm: longest side of the region in its largest slice.
    """

    center: tuple[float, float, float]
    step_mm: float
    slices: tuple[int, int, int]
    size_mm: float

    def grid(self, pixels: int = SIZE) -> Geometry:
        """Of the different slices, each once, with ``pixels`` of 1 mm along both sides around the centre."""
        half, first = (pixels - 1) / 2 * PIXEL_MM, min(self.slices)
        x, y, z = self.center
        origin = (x - half, y - half, z + first * self.step_mm)
        return Geometry.from_parts((self._count, pixels, pixels), (PIXEL_MM, PIXEL_MM, self.step_mm), origin)

    @property
    def rows(self) -> list[int]:
        """Of the three slices: which slice of ``grid`` they are."""
        return [number - min(self.slices) for number in self.slices]

    @property
    def box(self) -> Box:
        """What the network sees, in the patient."""
        grid = self.grid()
        x, y, z = (float(at) for at in grid.center)
        side = SIZE * PIXEL_MM
        return Box((x, y, z), (side, side, self._count * self.step_mm))

    def problems(self, where: str) -> tuple[Problem, ...]:
        """What a reader must know of the slices."""
        found = []
        if self._count < SLICES:
            what = f"it reaches the end of the volume: {self._count} of {SLICES} slices are there, and one stands in"
            found.append(Problem("WARN", what, where, "prefer a series that shows the liver above and below it"))
        if self.size_mm > SIZE * PIXEL_MM:
            what = f"it measures {self.size_mm:.0f} mm, and the network sees {SIZE * PIXEL_MM:.0f} mm of it"
            found.append(Problem("WARN", what, where, "such regions are hardly among those of the paper"))
        return tuple(found)

    @property
    def _count(self) -> int:
        return max(self.slices) - min(self.slices) + 1


def sections_of(region: Region, geometry: Geometry) -> Sections:
    """The slices that are seen of a region.

    Of a volume whose slices are axial they are its own; of a tilted one they are axial all the same, as far apart as
    its own, and interpolated. The slice counts that holds most of the region, the one nearest to its middle of several.
    Of a region that is painted on one slice of a tilted volume, or drawn as a box, it is the one through its middle.

    Args:
        region: in the patient.
        geometry: of the delayed phase.
    """
    step = slice_spacing(geometry)
    if region.segment is None:
        x, y, z = region.box.center
        width, height, _ = region.box.size
        seen = (x, y, _height(z, (x, y), geometry))
        return Sections(seen, step, _neighbours(seen, step, geometry), max(width, height))
    points = region.segment.points
    points = points[geometry.contains(points)]
    straight = geometry.obliquity_degrees <= STRAIGHT_DEGREES
    axis = patient_axes(geometry)[2]
    levels = geometry.to_index(points)[:, axis] if straight else points[:, 2] / step
    numbers = np.floor(np.round(levels, 6) + 0.5).astype(np.int64)
    if not straight and _on_one_slice(region):
        numbers[:] = 0
    found, areas = np.unique(numbers, return_counts=True)
    largest = found[areas == areas.max()]
    chosen = largest[np.abs(largest - numbers.mean()).argmin()]
    within = points[numbers == chosen]
    low, high = within.min(axis=0), within.max(axis=0)
    x, y = (float(at) for at in (low + high)[:2] / 2)
    if straight:
        index = geometry.to_index((x, y, float(within[:, 2].mean())))
        index[axis] = chosen
        z = float(geometry.to_world(index)[2])
    else:
        z = float(within[:, 2].mean()) if _on_one_slice(region) else float(chosen * step)
    sides = high - low + 2 * half_voxel(region.segment.mask.geometry)
    return Sections((x, y, z), step, _neighbours((x, y, z), step, geometry), float(sides[:2].max()))


def sections_of_box(box: Box, geometry: Geometry) -> Sections:
    """The slices whose box a result holds; the size of the region is not known from it.

    Args:
        box: ``Sections.box``.
        geometry: of the delayed phase.
    """
    step = slice_spacing(geometry)
    x, y, middle = box.center
    lowest = middle - (round(box.size[2] / step) - 1) / 2 * step
    # the slice that counts has a neighbour on each side, or the volume ends beside it
    z = lowest + step if geometry.contains((x, y, lowest - step)) or round(box.size[2] / step) == SLICES else lowest
    return Sections((x, y, z), step, _neighbours((x, y, z), step, geometry), float("nan"))


def _height(z: float, beside: tuple[float, float], geometry: Geometry) -> float:
    """Of the volume's own slice that is nearest, where its slices are axial."""
    if geometry.obliquity_degrees > STRAIGHT_DEGREES:
        return z
    axis = patient_axes(geometry)[2]
    index: FloatArray = geometry.to_index((*beside, z))
    index[axis] = np.floor(np.round(index[axis], 6) + 0.5).clip(0, geometry.size_ijk[axis] - 1)
    return float(geometry.to_world(index)[2])


def _neighbours(center: tuple[float, float, float], step: float, geometry: Geometry) -> tuple[int, int, int]:
    x, y, z = center
    below, above = (int(geometry.contains((x, y, z + way * step))) for way in (-1, 1))
    return -below, 0, above


def _on_one_slice(region: Region) -> bool:
    """Whether it is painted on one slice of its own grid."""
    return region.segment is not None and any(len(np.unique(at)) == 1 for at in np.nonzero(region.segment.mask.array))
