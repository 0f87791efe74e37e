"""A moving image on another grid, touching only the part of it that is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop, typed
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import to_itk
from HCCAssistLib.imaging.resampling import Interpolation
from HCCAssistLib.registration.registration import Registration

MARGIN = 2
"""Voxels kept around the part that is needed: one for the interpolation, one for rounding."""

_INTERPOLATORS = {"linear": sitk.sitkLinear, "nearest": sitk.sitkNearestNeighbor}


def moved(
    moving: Image,
    registration: Registration,
    grid: Geometry,
    *,
    interpolation: Interpolation = "linear",
    fill_value: float = 0.0,
    despite_failure: bool = False,
) -> Image:
    """The moving image at the voxels of a grid of the fixed image.

    Cost and memory follow the grid: for a box of interest only that part of the moving image is read.

    Args:
        moving: the image that was registered.
        registration: from fixed to moving.
        grid: any grid in the fixed image's frame.
        interpolation: ``"linear"`` for images (whole numbers are rounded), ``"nearest"`` for labels.
        fill_value: value where the moving image has no voxel.
        despite_failure: show a registration that failed, so that a person can judge it.

    Raises:
        InputError: the registration failed.
        ValueError: ``fill_value`` is not a value of the voxels' type, or an unknown interpolation.
    """
    if interpolation not in _INTERPOLATORS:
        raise ValueError(f"interpolation is one of {', '.join(_INTERPOLATORS)}, not {interpolation!r}")
    if registration.failure and not despite_failure:
        raise InputError(
            f"the registration failed: {registration.failure}", moving.name, "give a transform by hand, or leave it out"
        )
    fill = typed(fill_value, moving.array.dtype)
    history = (*moving.history, f"moved ({registration.source} registration, {interpolation})")
    first, end = _needed(moving.geometry, registration, grid)
    if (end <= first).any():
        return replace(moving, array=np.full(grid.shape, fill), geometry=grid, history=history)
    part = crop(moving, first.tolist(), (end - first)[::-1].tolist(), fill_value=fill_value)
    source = to_itk(part)
    is_rounded = moving.array.dtype.kind != "f" and interpolation == "linear"
    exact = sitk.sitkFloat32 if moving.array.dtype.itemsize <= 2 else sitk.sitkFloat64
    resampled = sitk.Resample(
        source,
        grid.size_ijk.astype(int).tolist(),
        itk_transform(registration),
        _INTERPOLATORS[interpolation],
        grid.origin.tolist(),
        grid.spacing.tolist(),
        grid.directions.ravel().tolist(),
        float(fill_value),
        # ITK would cut whole numbers towards zero.
        exact if is_rounded else source.GetPixelID(),
    )
    array = sitk.GetArrayFromImage(resampled)
    if is_rounded:
        array = np.rint(array, out=array)
    return replace(moving, array=array.astype(moving.array.dtype, copy=False), geometry=grid, history=history)


def itk_transform(registration: Registration) -> sitk.Transform:
    """The mapping from fixed to moving points for SimpleITK."""
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(registration.matrix[:3, :3].ravel().tolist())
    affine.SetTranslation(registration.matrix[:3, 3].tolist())
    if registration.spline is None:
        return affine
    return sitk.CompositeTransform([affine, registration.spline.to_itk()])  # the last one comes first


def _needed(source: Geometry, registration: Registration, grid: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """First and one-past-last voxel ``(i, j, k)`` of the source within reach of the grid's voxels."""
    sides = np.stack([np.zeros(3), grid.size_ijk - 1])
    corners = grid.to_world(np.stack(np.meshgrid(*sides.T, indexing="ij"), -1).reshape(-1, 3))
    places = corners @ registration.matrix[:3, :3].T + registration.matrix[:3, 3]
    index = source.to_index(places)
    reach = np.zeros(3) if registration.spline is None else registration.spline.reach_mm / source.spacing
    first = np.clip(np.floor(index.min(axis=0) - reach).astype(int) - MARGIN, 0, source.size_ijk)
    end = np.clip(np.ceil(index.max(axis=0) + reach).astype(int) + MARGIN + 1, 0, source.size_ijk)
    return first.astype(int), end.astype(int)
