"""Volumes on other grids, touching only the part of the source that the target needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.imaging.cropping import crop, typed
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import to_itk
from HCCAssistLib.imaging.orientation import patient_axes

Interpolation = Literal["linear", "nearest"]
_INTERPOLATORS = {"linear": sitk.sitkLinear, "nearest": sitk.sitkNearestNeighbor}

MARGIN = 2
"""Voxels kept around the part of the source that is needed: one for the interpolation, one for rounding."""


def resample(image: Image, geometry: Geometry, *, interpolation: Interpolation = "linear", fill_value: float) -> Image:
    """The volume's values at the voxels of another grid.

    Cost and memory follow the target: for a box of interest only that part of the source is read.

    >>> import numpy as np
    >>> image = Image(np.full((4, 8, 8), 60, np.int16), Geometry.from_parts((4, 8, 8), (1.0, 1.0, 5.0)))
    >>> finer = axis_aligned_grid(image.geometry, (1.0, 1.0, 1.0))
    >>> resample(image, finer, fill_value=-1024).array.shape
    (20, 8, 8)

    Args:
        image: any volume, in any storage order.
        geometry: the target grid; oblique and left-handed grids are fine.
        interpolation: ``"linear"`` for images (whole numbers are rounded), ``"nearest"`` for labels.
        fill_value: value where the source has no voxel (-1024 for CT, 0 for labels).

    Raises:
        ValueError: ``fill_value`` is not a value of the voxels' type, or an unknown interpolation.
    """
    if interpolation not in _INTERPOLATORS:
        raise ValueError(f"interpolation is one of {', '.join(_INTERPOLATORS)}, not {interpolation!r}")
    fill = typed(fill_value, image.array.dtype)
    first, end = needed(image.geometry, geometry)
    step = f"resampled ({interpolation}) to {' x '.join(f'{mm:.3g}' for mm in geometry.spacing)} mm"
    history = (*image.history, step)
    if (end <= first).any():
        return replace(image, array=np.full(geometry.shape, fill), geometry=geometry, history=history)
    part = crop(image, first.tolist(), (end - first)[::-1].tolist(), fill_value=fill_value)
    source = to_itk(part)
    is_rounded = image.array.dtype.kind != "f" and interpolation == "linear"
    exact = sitk.sitkFloat32 if image.array.dtype.itemsize <= 2 else sitk.sitkFloat64
    resampled = sitk.Resample(
        source,
        geometry.size_ijk.astype(int).tolist(),
        sitk.Transform(3, sitk.sitkIdentity),
        _INTERPOLATORS[interpolation],
        geometry.origin.tolist(),
        geometry.spacing.tolist(),
        geometry.directions.ravel().tolist(),
        float(fill_value),
        # ITK would cut whole numbers towards zero: -682.99 to -682.
        exact if is_rounded else source.GetPixelID(),
    )
    array = sitk.GetArrayFromImage(resampled)
    if is_rounded:
        array = np.rint(array, out=array)
    array = array.astype(image.array.dtype, copy=False)
    return replace(image, array=array, geometry=geometry, history=history)


def axis_aligned_grid(geometry: Geometry, spacing: Sequence[float] | None = None) -> Geometry:
    """The straight grid in LPS order that covers a volume.

    Voxel centres lie at whole multiples of the spacing in LPS millimetres, so that the same patient stored on
    different grids is sampled at the same points.

    Args:
        geometry: the grid of a volume.
        spacing: millimetres along left-right, anterior-posterior and head-foot; by default the volume's own along
            the axis nearest to each.
    """
    steps = geometry.spacing[list(patient_axes(geometry))] if spacing is None else np.asarray(spacing, dtype=float)
    corners = geometry.to_world(_corners(-0.5, geometry.size_ijk - 0.5))
    # Points on the very faces of the volume are left out: rounding decides whether a resampler sees them inside.
    low = np.ceil(corners.min(axis=0) / steps + 1e-4)
    high = np.floor(corners.max(axis=0) / steps - 1e-4)
    middle = np.floor(geometry.center / steps + 0.5)
    low, high = np.where(high < low, middle, low), np.where(high < low, middle, high)
    i, j, k = (high - low + 1).astype(int)
    return Geometry.from_parts((k, j, i), steps.tolist(), (low * steps).tolist())


def needed(source: Geometry, target: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """First and one-past-last voxel ``(i, j, k)`` of the source within reach of the target's voxels."""
    index = source.to_index(target.to_world(_corners(0, target.size_ijk - 1)))
    first = np.clip(np.floor(index.min(axis=0)).astype(int) - MARGIN, 0, source.size_ijk)
    end = np.clip(np.ceil(index.max(axis=0)).astype(int) + MARGIN + 1, 0, source.size_ijk)
    return first.astype(int), end.astype(int)


def _corners(low: float, high: FloatArray) -> FloatArray:
    """The eight corners ``(8, 3)`` of the index box from ``low`` to ``high``."""
    sides = np.stack([np.full(3, float(low)), high])
    corners: FloatArray = np.stack(np.meshgrid(*sides.T, indexing="ij"), -1).reshape(-1, 3)
    return corners
