"""The grid a recipe works on: the scan as stored where that fits, a straight copy of it where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.imaging.resampling import axis_aligned_grid, needed, resample

OBLIQUE_DEGREES = 1.0
"""A grid tilted by less is taken as straight: 1 degree is 0.5 mm over a 32-pixel patch."""

MOST_VOXELS = 1 << 30
"""Voxels of a working image at most: 2 GB of them, ten times a CT from head to thigh."""

SLICES = 4
"""Of the coarser grid, made at a time."""

TRUNCATE = 4.0
"""Standard deviations at which the Gaussian ends."""

SpacingRange = tuple[tuple[float, float], tuple[float, float]]


def working_image(
    image: Image, spacing_mm: SpacingRange, *, fill_value: float, rough: bool = False
) -> tuple[Image, tuple[Problem, ...]]:
    """The image in LPS order, untouched where the recipe's patches fit its grid.

    Reordering axes moves no value. Only an oblique grid, or voxels outside the range that the recipe was made for,
    are interpolated, which the returned warnings and the image's history say.

    Args:
        image: as stored.
        spacing_mm: lowest and highest spacing in-plane, and between slices.
        fill_value: value beyond the volume (-1024 HU for CT). Values below it, which scanners write where they saw
            nothing, become it before anything is averaged with them.
        rough: take the nearest voxels, neither smoothed nor interpolated: enough to ask what fits into the volume.

    Raises:
        InputError: a size that no patient has, or a grid of more than ``MOST_VOXELS``.
    """
    try:
        image.geometry.check_size()
    except InputError as error:
        raise InputError(replace(problem, where=image.name) for problem in error.problems) from error
    ordered = _without_padding(to_lps_order(image), fill_value)
    in_plane, between = spacing_mm
    bounds = np.array([in_plane, in_plane, between])
    spacing = ordered.geometry.spacing
    # a tenth of tolerance: 0.49 mm pixels are not worth an interpolation
    wanted = np.where(
        (spacing < bounds[:, 0] * 0.9) | (spacing > bounds[:, 1] * 1.1),
        np.clip(spacing, bounds[:, 0], bounds[:, 1]),
        spacing,
    )
    problems = []
    tilt = ordered.geometry.obliquity_degrees
    if tilt > OBLIQUE_DEGREES:
        problems.append(
            Problem(
                "WARN",
                f"the scan is tilted by {tilt:.1f} degrees and was straightened by interpolation",
                image.name,
                "check the findings on the original slices",
            )
        )
    if not np.array_equal(wanted, spacing):
        problems.append(
            Problem(
                "WARN",
                f"voxels of {_mm(spacing)} lie outside what the method was made for "
                f"({in_plane[0]:g}-{in_plane[1]:g} mm in-plane, {between[0]:g}-{between[1]:g} mm between slices); "
                f"the scan was resampled to {_mm(wanted)}",
                image.name,
                "prefer a series reconstructed in that range",
            )
        )
    if not problems:
        return ordered, ()
    grid = axis_aligned_grid(ordered.geometry, spacing=tuple(float(s) for s in wanted))
    if np.prod(grid.size_ijk) > MOST_VOXELS:
        size = " x ".join(f"{n:,.0f}" for n in grid.size_ijk)
        raise InputError(
            f"the scan would have to be resampled to {size} voxels of {_mm(wanted)}, which is too large",
            image.name,
            f"prefer a series reconstructed at {in_plane[0]:g}-{in_plane[1]:g} mm in-plane and {between[0]:g}-"
            f"{between[1]:g} mm between slices, or crop it to the liver",
        )
    if rough:
        return resample(ordered, grid, interpolation="nearest", fill_value=fill_value), tuple(problems)
    return _resampled(ordered, wanted / spacing, grid, fill_value), tuple(problems)


def _without_padding(image: Image, fill_value: float) -> Image:
    if image.array.min() >= fill_value:
        return image
    lowest = image.array.dtype.type(fill_value)
    return image.with_array(np.maximum(image.array, lowest), f"values below {fill_value:g} set to it")


def _resampled(image: Image, coarsening: np.ndarray, grid: Geometry, fill_value: float) -> Image:
    """The image on a grid, some slices at a time: a whole scan of thin slices in floats would be gigabytes."""
    margin = (np.ceil(TRUNCATE * _sigma(coarsening)) + 1).astype(int)
    array = np.empty(grid.shape, np.float32 if _sigma(coarsening).any() else image.array.dtype)
    for k in range(0, grid.shape[0], SLICES):
        slices = grid.crop((0, 0, k), (min(SLICES, grid.shape[0] - k), *grid.shape[1:]))
        first, end = needed(image.geometry, slices)
        first = np.maximum(first - margin, 0)
        end = np.minimum(end + margin, image.geometry.size_ijk.astype(int))
        box = tuple(slice(a, max(a + 1, b)) for a, b in zip(first[::-1], end[::-1], strict=True))
        source = image.array[box]
        part = replace(image, array=source, geometry=image.geometry.crop(first.tolist(), source.shape))
        done = resample(_smoothed(part, coarsening), slices, fill_value=fill_value)
        array[k : k + SLICES] = done.array
    return replace(done, array=array, geometry=grid)


def _sigma(coarsening: np.ndarray) -> np.ndarray:
    """Of the Gaussian along ``(i, j, k)``, in voxels; 0 where nothing is averaged."""
    return np.where(coarsening > 1.2, 0.425 * np.sqrt(np.maximum(coarsening**2 - 1, 0)), 0.0)


def _smoothed(image: Image, coarsening: np.ndarray) -> Image:
    """Average what a coarser grid would skip, so that thin noisy slices become thick quiet ones."""
    array = image.array
    for axis, sigma in zip((2, 1, 0), _sigma(coarsening), strict=True):
        if sigma > 0:
            array = gaussian_filter1d(array, sigma, axis=axis, output=np.float32, truncate=TRUNCATE)
    return image if array is image.array else image.with_array(array, "smoothed before a coarser grid")


def _mm(spacing: np.ndarray) -> str:
    return " x ".join(f"{s:.2f}" for s in spacing) + " mm"
