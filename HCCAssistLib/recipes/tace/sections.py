"""The axial slices of a tumour's segment, by the patient's axes and with square pixels, however it was stored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from HCCAssistLib.cohort.segments import Segment, mask_on
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.axial import STRAIGHT_DEGREES
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import patient_axes, to_lps_order
from HCCAssistLib.imaging.resampling import axis_aligned_grid
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.recipe import PAPER_SLICE_MM

SQUARE = 0.01
"""Share by which the sides of a pixel may differ that counts as square."""


def stored_mask(segment: Segment, grid: Geometry) -> Image:
    """A segment on the voxels of a volume, on the part around it alone.

    Args:
        segment: on whatever grid it was drawn.
        grid: of the volume.

    Raises:
        InputError: it is empty, or lies outside the volume.
    """
    own = segment.mask.geometry
    corners = np.stack(np.meshgrid(*((-0.5, n - 0.5) for n in own.size_ijk), indexing="ij"), -1).reshape(-1, 3)
    index = grid.to_index(own.to_world(corners))
    first = np.clip(np.floor(index.min(axis=0)) - 1, 0, grid.size_ijk - 1).astype(int)
    end = np.clip(np.ceil(index.max(axis=0)) + 2, first + 1, grid.size_ijk).astype(int)
    try:
        mask = mask_on(segment, grid.crop(first.tolist(), (end - first)[::-1].tolist()))
    except InputError as error:
        (problem,) = error.problems
        raise InputError(problem.what, f"tumour {segment.name!r}", problem.remedy) from error
    return _trimmed(mask)


def axial_mask(segment: Segment, stored: Image, options: Mapping[str, Value]) -> Image:
    """A segment in axial slices of square pixels: rows run to posterior, columns to left and slices to superior.

    Straight volumes keep their slices and, where these are square, their pixels; oblique ones get axial slices as far
    apart as their own. Other pixels take the smaller of their sides.

    Args:
        segment: on whatever grid it was drawn.
        stored: the same of ``stored_mask``.
        options: of the recipe.

    Returns:
        Voxels 0 and 1, cut to those that are 1.
    """
    straight = stored.geometry.obliquity_degrees <= STRAIGHT_DEGREES
    ordered = to_lps_order(stored) if straight else stored
    spacing = ordered.geometry.spacing[list(patient_axes(ordered.geometry))]
    side = float(spacing[:2].min())
    slice_mm = PAPER_SLICE_MM if options["slices"] == "1 mm" else float(spacing[2])
    if not straight:
        return _trimmed(mask_on(segment, axis_aligned_grid(ordered.geometry, (side, side, slice_mm))))
    if spacing[:2].max() <= side * (1 + SQUARE) and slice_mm == spacing[2]:
        return ordered
    return _trimmed(mask_on(segment, _divided(ordered.geometry, (side, side, slice_mm))))


def _divided(grid: Geometry, spacing: tuple[float, float, float]) -> Geometry:
    """Other voxels in the same block; along an axis that keeps its spacing, the very same ones."""
    count = np.maximum(1, np.rint(grid.size_ijk * grid.spacing / spacing)).astype(int)
    first = grid.center - grid.directions @ ((count - 1) / 2 * np.array(spacing))
    return Geometry.from_parts(count[::-1].tolist(), spacing, first.tolist(), grid.directions)


def _trimmed(mask: Image) -> Image:
    first, end = [], []
    for axis in (2, 1, 0):
        painted = np.flatnonzero(mask.array.any(axis=tuple(other for other in range(3) if other != axis)))
        first.append(int(painted[0]))
        end.append(int(painted[-1]) + 1)
    return crop(mask, first, [b - a for a, b in zip(first[::-1], end[::-1], strict=True)], fill_value=0)
