"""Axial sections of a volume, by the patient's axes in whatever order or tilt it was stored, and pictures of them."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from HCCAssistLib.imaging.axial import STRAIGHT_DEGREES, fill_of, slice_spacing
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import patient_axes, to_lps_order
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.recipes.liver_mass.recipe import SIZE

FILTER, FILTER_NAME = Pillow.Resampling.LANCZOS, "Lanczos of 3 lobes, antialiased (Pillow)"
LOBES = 3

JPEG_QUALITY, CAPTURED = 90, 500
"""Of the paper's screen captures: quality, and pixels of what the network sees."""

Place = tuple[float, float, float]


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """A part of an axial section: rows run to posterior and columns to the patient's left.

    Attributes:
        values: Hounsfield units ``(rows, columns)``.
        first: LPS ``(x, y)`` of the first pixel's centre, mm.
        spacing: mm between pixels along ``(x, y)``.
        z: LPS mm of the plane.
    """

    values: npt.NDArray[np.generic]
    first: tuple[float, float]
    spacing: tuple[float, float]
    z: float


def cut(image: Image, center: Place, side_mm: float, size: int) -> Section:
    """The section through a point, as wide as a picture of it needs.

    Straight slices are taken as they were reconstructed, the one nearest to the point, in all storage orders; oblique
    ones are interpolated in the axial plane through the point.

    Args:
        image: of any storage order.
        center: LPS mm.
        side_mm: of the square.
        size: pixels of the picture that it is for, which decides how far its filter reaches.
    """
    grid = image.geometry
    axes = patient_axes(grid)
    spacing = grid.spacing[list(axes)]
    straight = grid.obliquity_degrees <= STRAIGHT_DEGREES
    if not straight:
        spacing[:2] = spacing[:2].min()
    reach = side_mm / 2 + (LOBES * max(1.0, side_mm / size / spacing[:2].min()) + 2) * spacing[:2]
    fill_value = fill_of(image.array.dtype)
    if not straight:
        return _interpolated(image, center, float(spacing[0]), reach, fill_value)
    index = grid.to_index(center)
    start, shape = [0, 0, 0], [1, 1, 1]
    for patient_axis, axis in enumerate(axes):
        if patient_axis == 2:
            start[axis] = int(np.clip(math.floor(round(index[axis], 6) + 0.5), 0, grid.size_ijk[axis] - 1))
        else:
            half = reach[patient_axis] / spacing[patient_axis]
            start[axis] = math.floor(index[axis] - half)
            shape[axis] = math.ceil(index[axis] + half) - start[axis] + 1
    part = to_lps_order(crop(image, start, shape[::-1], fill_value=fill_value))
    x, y, _ = np.asarray(center) - part.geometry.to_index(center) * part.geometry.spacing
    z = float(part.geometry.to_world(part.geometry.to_index(center) * (1, 1, 0))[2])
    return Section(part.array[0], (float(x), float(y)), (float(spacing[0]), float(spacing[1])), z)


def _interpolated(
    image: Image, center: Place, step: float, reach: npt.NDArray[np.float64], fill_value: float
) -> Section:
    count = math.ceil(float(reach.max()) / step)
    x, y, z = center
    first = (x - count * step, y - count * step)
    plane = Geometry.from_parts((1, 2 * count + 1, 2 * count + 1), (step, step, 1.0), (*first, z))
    return Section(resample(image, plane, fill_value=fill_value).array[0], first, (step, step), z)


def picture(
    section: Section, center: Place, side_mm: float, window: Window, *, size: int, jpeg: bool = False
) -> npt.NDArray[np.uint8]:
    """A square of a section in a window, 8 bit ``(size, size)``.

    Args:
        section: cut for this square.
        center: LPS mm.
        side_mm: of the square.
        window: from black to white.
        size: pixels.
        jpeg: pass it through JPEG on the way, as a screen capture.
    """
    grey = Pillow.fromarray(window.to_uint8(section.values))
    places = zip(center[:2], section.first, section.spacing, strict=True)
    middle = [(at - first) / step + 0.5 for at, first, step in places]
    half = [side_mm / 2 / step for step in section.spacing]
    box = (middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1])
    if jpeg:
        captured = grey.resize((CAPTURED * size // SIZE,) * 2, Pillow.Resampling.BICUBIC, box=box)
        file = io.BytesIO()
        captured.save(file, "JPEG", quality=JPEG_QUALITY)
        return np.asarray(Pillow.open(file).resize((size, size), FILTER))
    return np.asarray(grey.resize((size, size), FILTER, box=box))


def mean_hu(section: Section, center: Place, diameter_mm: float) -> float:
    """Mean of the pixels within a circle, of the nearest one at least."""
    rows, columns = section.values.shape
    x = section.first[0] + np.arange(columns) * section.spacing[0] - center[0]
    y = section.first[1] + np.arange(rows) * section.spacing[1] - center[1]
    away = np.hypot(x, y[:, None])
    return float(section.values[away <= max(diameter_mm / 2, float(away.min()))].mean())


def frame(center: Place, side_mm: float, geometry: Geometry) -> Box:
    """The square in the patient, as thick as the slices of a volume."""
    return Box(center, (side_mm, side_mm, slice_spacing(geometry)))


def outside_share(geometry: Geometry, center: Place, side_mm: float) -> float:
    """Which part of a square in the axial plane a volume does not hold."""
    steps = (np.arange(20) + 0.5) / 20 - 0.5
    x, y = np.meshgrid(steps * side_mm, steps * side_mm)
    return 1 - float(geometry.contains(np.stack([x, y, np.zeros_like(x)], -1) + np.asarray(center)).mean())
