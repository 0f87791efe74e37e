"""Sections through the smallest margin: tumour and ablation zone, on the scans where they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import stored_slice, to_lps_order
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.margin.ablation_margin import Place
from HCCAssistLib.margin.case import MarginCase
from HCCAssistLib.margin.surface import level_of, surface_of

PIXEL_MM = 0.4
AROUND_MM = 25.0
"""Shown around tumour and zone: enough to know the place again."""

SMOOTH = 2.5
"""Pixels that the outline of the liver, which is only shown, is smoothed by."""

NEAR_MM = 5.0
"""Candidates this far above or below are still marked."""

BEFORE, AFTER, ALONE = "scan before", "scan after, laid on the one before", "segments alone"

Plane = Literal["axial", "coronal", "sagittal"]

ACROSS: Mapping[Plane, tuple[tuple[int, int], tuple[int, int], int]] = {
    "axial": ((0, 1), (1, 1), 2),
    "coronal": ((0, 1), (2, -1), 1),
    "sagittal": ((1, 1), (2, -1), 0),
}
"""Axis and sign to the right and down, and the axis through the plane: left, posterior and superior as 0, 1, 2."""

LETTERS: Mapping[Plane, tuple[str, str, str, str]] = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "H", "F"),
    "sagittal": ("A", "P", "H", "F"),
}
"""At the left and right edge, at the top and at the bottom."""


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """One plane, as radiologists look at it.

    Attributes:
        plane: along the scan before's own axes, which may be tilted.
        grid: of the pixels, one slice, LPS mm of the scan before.
        pictures: ``(rows, columns)`` from 0 (black) to 1 by what they show.
        tumour, zone: mm inside the measured surface of each pixel, 0 on it.
        liver: how much of each pixel is liver, 0 to 1; None where there is no segment.
        smallest: column and row of the place of the smallest margin.
        zone_edge: column and row of the nearest place of the zone's surface.
        out_of_plane_mm: how far that place lies in front of or behind the plane.
        candidates: number, column and row of those near the plane.
        number, slices: of an axial slice of the scan before, from 1 as it is stored, and how many it has; 0 where the
            plane is none.
    """

    plane: Plane
    grid: Geometry
    pictures: Mapping[str, npt.NDArray[np.float32]]
    tumour: npt.NDArray[np.float32]
    zone: npt.NDArray[np.float32]
    liver: npt.NDArray[np.float32] | None
    smallest: tuple[float, float]
    zone_edge: tuple[float, float]
    out_of_plane_mm: float
    candidates: tuple[tuple[int, float, float], ...]
    number: int
    slices: int


def sections_of(case: MarginCase, candidates: Mapping[int, Place] | None = None) -> tuple[Section, Section]:
    """The axial slice of the scan before in which the margin is smallest, and the better one of the other planes.

    That is the coronal or the sagittal one, whichever runs along the shortest way from tumour to zone: where it leads
    up or down, the axial slice shows but the tip of the tumour. Without a scan before the planes are the patient's.

    Args:
        case: as it was measured.
        candidates: places by number, LPS mm on the scan before.
    """
    at = np.array(case.record.margin.smallest_at)
    back = np.linalg.inv(case.record.registration.matrix)
    zone = _moved(case.zone, np.asarray(back, np.float64))
    points = surface_of(zone, "ablation zone").points
    edge = points[np.linalg.norm(points - at, axis=1).argmin()]
    directions = np.eye(3) if case.before is None else _ordered(case.before.geometry).directions
    left, posterior, _ = np.abs((edge - at) @ directions)
    upright: Plane = "coronal" if left >= posterior else "sagittal"
    levels = level_of(case.tumour, "tumour")[0], level_of(zone, "ablation zone")[0]
    axial, other = (_section(case, plane, at, edge, levels, candidates or {}) for plane in ("axial", upright))
    return axial, other


def _section(
    case: MarginCase,
    plane: Plane,
    at: FloatArray,
    edge: FloatArray,
    levels: tuple[Image, Image],
    candidates: Mapping[int, Place],
) -> Section:
    tumour, zone = levels
    grid, number, slices = _grid(case, plane, at, [_corners(level) for level in levels])
    pictures = {}
    for name, scan in ((BEFORE, case.before), (AFTER, case.after)):
        if scan is not None:
            there = grid if name == BEFORE else _moved_grid(grid, case.record.registration.matrix)
            fill = float(scan.array.min())
            pictures[name] = _grey(resample(scan, there, fill_value=fill).array[0], fill)
    if not pictures:
        pictures[ALONE] = np.zeros(grid.shape[1:], np.float32)
    marked = [(n, *grid.to_index(place).tolist()) for n, place in candidates.items()]
    column, row, _ = grid.to_index(at).tolist()
    edge_column, edge_row, edge_depth = grid.to_index(edge).tolist()
    return Section(
        plane=plane,
        grid=grid,
        pictures=pictures,
        tumour=_sampled(tumour, grid),
        zone=_sampled(zone, grid),
        liver=None if case.liver is None else _share(case.liver, grid),
        smallest=(column, row),
        zone_edge=(edge_column, edge_row),
        out_of_plane_mm=abs(edge_depth),
        candidates=tuple((n, x, y) for n, x, y, depth in marked if abs(depth) <= NEAR_MM),
        number=number,
        slices=slices,
    )


def _grid(case: MarginCase, plane: Plane, at: FloatArray, corners: list[FloatArray]) -> tuple[Geometry, int, int]:
    """The pixels of a section, 1 mm thick; number of the slice and of all slices."""
    (right, rightward), (down, downward), through = ACROSS[plane]
    directions, middle, number, slices = np.eye(3), at, 0, 0
    if case.before is not None:
        ordered = _ordered(case.before.geometry)
        directions = ordered.directions
        if plane == "axial":
            index = ordered.to_index(at)
            index[2] = np.clip(np.rint(index[2]), 0, ordered.shape[0] - 1)
            middle = ordered.to_world(index)
            number, slices = stored_slice(case.before.geometry, middle) + 1, ordered.shape[0]
    axes = np.stack([rightward * directions[:, right], downward * directions[:, down], directions[:, through]], axis=1)
    away = (np.concatenate(corners) - middle) @ axes[:, :2]
    low, high = away.min(axis=0) - AROUND_MM, away.max(axis=0) + AROUND_MM
    columns, rows = np.ceil((high - low) / PIXEL_MM).astype(int).tolist()
    origin = middle + axes[:, :2] @ low
    return Geometry.from_parts((1, rows, columns), (PIXEL_MM, PIXEL_MM, 1.0), origin.tolist(), axes), number, slices


def _ordered(grid: Geometry) -> Geometry:
    return to_lps_order(Image(np.zeros(grid.shape, np.uint8), grid)).geometry


def _moved_grid(grid: Geometry, matrix: FloatArray) -> Geometry:
    return replace(grid, affine=matrix @ grid.affine)


def _moved(image: Image, matrix: FloatArray) -> Image:
    return replace(image, geometry=_moved_grid(image.geometry, matrix))


def _corners(level: Image) -> FloatArray:
    """Of the box of what is inside, LPS mm."""
    index = [np.flatnonzero((level.array > 0).any(axis=other)) for other in ((0, 1), (0, 2), (1, 2))]  # of i, j, k
    ends = np.array([(one[0], one[-1]) for one in index])
    return level.geometry.to_world(np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, 3))


def _sampled(level: Image, grid: Geometry) -> npt.NDArray[np.float32]:
    return np.asarray(resample(level, grid, fill_value=float(level.array.min())).array[0], dtype=np.float32)


def _share(mask: Image, grid: Geometry) -> npt.NDArray[np.float32]:
    from scipy import ndimage

    painted = Image((mask.array != 0).astype(np.float32), mask.geometry)
    return ndimage.gaussian_filter(resample(painted, grid, fill_value=0).array[0], SMOOTH)  # without steps of voxels


def _grey(values: npt.NDArray[np.generic], outside: float) -> npt.NDArray[np.float32]:
    """From the 1st to the 99th percentile of what the scan covers: MR has no units."""
    shown = values.astype(np.float32)
    inside = shown[shown > outside]
    low, high = np.percentile(inside, (1, 99)) if inside.size else (0.0, 1.0)
    return np.clip((shown - low) / max(float(high - low), 1e-6), 0, 1)
