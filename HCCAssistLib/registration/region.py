"""Where a registration looks: the liver grown a little, and a box of the image around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import to_itk
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.imaging.resampling import resample

GROW_MM = 8.0
"""The mask is grown so that the border of the liver is inside."""

MARGIN_MM = 25.0
"""The box is wider than the mask, so that smoothing and shifts see neighbours."""

REACH_MM = 45.0
"""The moving image is cropped wider still: no start goes further."""

COARSE_MM, SMOOTH_MM = 5.0, 4.0
"""Voxels of the first level, and the smoothing before it (standard deviation)."""

MIDDLE_MM, DENOISE_MM = 2.5, 1.2
"""The same of the last level."""

FINE_MM = 1.2
"""Voxels that a deformation is searched with: vessels tell where tissue went, and most are thinner than 2.5 mm."""

EDGES_MM = 2.0
"""Smoothing of that level before edges are looked at, or they are noise (standard deviation)."""

FIELD_MM = 15.0
"""A bias field is taken to be what is left of an image after smoothing by so much (standard deviation)."""

DARK = 0.1
"""Share of the mean that is added to the field, so that air is not blown up."""

FEWEST_SLICES = 8
"""Along each axis; below, nothing tells a shift along it."""

SMALLEST_ML = 20.0
"""A mask that holds less is no liver, and too little to register by."""

COVERED = 0.5
"""Share of the mask that an image must cover."""


@dataclass(frozen=True, eq=False)
class Fixed:
    """A fixed image made ready for any number of moving ones.

    Attributes:
        coarse, middle: the box around the mask in LPS order, flattened, smoothed, with larger voxels.
        coarse_mask, middle_mask: the grown mask on the same grids.
        corners: of the box, LPS mm ``(8, 3)``.
        points: LPS mm ``(n, 3)`` spread over the mask before it was grown.
        notes: sentences about the mask.
    """

    coarse: sitk.Image
    middle: sitk.Image
    coarse_mask: sitk.Image
    middle_mask: sitk.Image
    corners: FloatArray
    points: FloatArray
    notes: tuple[str, ...]

    @cached_property
    def smooth(self) -> sitk.Image:
        """The middle level as edges are looked at: once, however many images are compared with it."""
        return sitk.SmoothingRecursiveGaussian(self.middle, EDGES_MM)


@dataclass(frozen=True, eq=False)
class Moving:
    """A moving image made ready: what lies near the fixed image's box, at the same sizes of voxels."""

    coarse: sitk.Image
    middle: sitk.Image

    @cached_property
    def smooth(self) -> sitk.Image:
        """The middle level as edges are looked at: once, before and after a registration."""
        return sitk.SmoothingRecursiveGaussian(self.middle, EDGES_MM)


def prepare_fixed(fixed: Image, mask: Image | None, *, middle_mm: float = MIDDLE_MM) -> Fixed:
    """Crop, smooth and shrink the fixed image; grow the mask.

    Args:
        fixed: any grid.
        mask: the liver where not 0, on any grid; None takes the body.
        middle_mm: voxels of the last level; smaller ones of the image itself stay.

    Raises:
        InputError: an image or a mask that nothing can be registered by.
    """
    from scipy import ndimage

    check_image(fixed)
    if mask is None:
        painted = _body(fixed)
        notes: tuple[str, ...] = ("no liver mask was given: the whole body counts, and what slides in it pulls along",)
    else:
        painted, notes = _on_grid(mask, fixed)
    boxes = ndimage.find_objects(painted.array)
    if not boxes:
        raise InputError("the mask is empty", painted.name, "paint the liver, or register without a mask")
    volume_ml = float(np.count_nonzero(painted.array) * np.prod(fixed.geometry.spacing) / 1000)
    if volume_ml < SMALLEST_ML:
        what = f"the mask holds {volume_ml:.1f} mL, below {SMALLEST_ML:g} mL: too little to register by"
        raise InputError(what, painted.name, "give a mask of the whole liver")
    margin = np.ceil(MARGIN_MM / fixed.geometry.spacing).astype(int)
    start = np.array([side.start for side in reversed(boxes[0])]) - margin
    stop = np.array([side.stop for side in reversed(boxes[0])]) + margin
    box, box_mask = (_cropped(image, start, stop) for image in (fixed, painted))
    middle, coarse = _shrunk(_floats(box), middle_mm)
    whole = sitk.Transform(3, sitk.sitkIdentity)
    inside = sitk.Resample(to_itk(box_mask), middle, whole, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    middle_mask = sitk.SignedMaurerDistanceMap(inside, False, False, True) <= GROW_MM  # outside positive, mm
    coarse_mask = sitk.Resample(middle_mask, coarse, whole, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    k, j, i = np.nonzero(box_mask.array)
    every = max(1, len(k) // 2000)
    points = box_mask.geometry.to_world(np.stack([i, j, k], axis=-1)[::every])
    return Fixed(coarse, middle, coarse_mask, middle_mask, _corners(box.geometry), points, notes)


def prepare_moving(moving: Image, fixed: Fixed, *, middle_mm: float = MIDDLE_MM) -> Moving | None:
    """Crop, smooth and shrink what of a moving image lies near the fixed one's box; None where nothing does."""
    wider = REACH_MM - MARGIN_MM
    low, high = fixed.corners.min(axis=0) - wider, fixed.corners.max(axis=0) + wider
    around = np.stack(np.meshgrid(*np.stack([low, high]).T, indexing="ij"), -1).reshape(-1, 3)
    index = moving.geometry.to_index(around)
    start = np.clip(np.floor(index.min(axis=0)), 0, moving.geometry.size_ijk).astype(int)
    stop = np.clip(np.ceil(index.max(axis=0)) + 1, 0, moving.geometry.size_ijk).astype(int)
    if (stop - start < 4).any():
        return None
    middle, coarse = _shrunk(_floats(_cropped(moving, start, stop)), middle_mm)
    return Moving(coarse, middle)


def check_image(image: Image) -> None:
    """Refuse what nothing can be registered by.

    Raises:
        InputError: too few slices, or one value everywhere.
    """
    fewest = int(min(image.array.shape))
    if fewest < FEWEST_SLICES:
        what = f"the volume has {fewest} slices or voxels along one axis, below {FEWEST_SLICES}"
        raise InputError(what, image.name, "give the whole series: nothing tells a shift along that axis")
    if image.array.min() == image.array.max():
        raise InputError("all voxels have the same value", image.name, "give an image of the patient")


def _on_grid(mask: Image, fixed: Image) -> tuple[Image, tuple[str, ...]]:
    """A mask of 0 and 1 on the grid of the fixed image, and what was done to it."""
    painted = Image((mask.array != 0).astype(np.uint8), mask.geometry, mask.name or "mask")
    if mask.geometry.matches(fixed.geometry):
        return painted, ()
    k, j, i = np.nonzero(painted.array)
    if not len(k):
        raise InputError("the mask is empty", painted.name, "paint the liver, or register without a mask")
    inside = float(fixed.geometry.contains(mask.geometry.to_world(np.stack([i, j, k], axis=-1))).mean())
    if inside < COVERED:
        what = f"the mask lies on another grid, and {100 * (1 - inside):.0f} % of it beside the fixed image"
        raise InputError(what, painted.name, "give the mask that was painted on the fixed image")
    note = f"the mask lies on another grid and was resampled; {100 * inside:.0f} % of it lies in the fixed image"
    return resample(painted, fixed.geometry, interpolation="nearest", fill_value=0), (note,)


def _body(image: Image) -> Image:
    """Everything that is brighter than air, in one piece, with holes filled slice by slice."""
    from scipy import ndimage

    volume = to_itk(image)
    factors = _factors(volume, COARSE_MM)
    small = sitk.BinShrink(sitk.Cast(volume, sitk.sitkFloat32), factors)
    bright = sitk.GetArrayFromImage(sitk.OtsuThreshold(small, 0, 1)) != 0
    # Otsu splits fat from muscle where there is little air; what is as bright as half of the dark class counts too.
    values = sitk.GetArrayFromImage(small)
    bright |= values > 0.5 * values[bright].min()
    parts, n = ndimage.label(bright)
    if n > 1:
        bright = parts == 1 + np.argmax(ndimage.sum_labels(bright, parts, range(1, n + 1)))
    filled = sitk.GetImageFromArray(ndimage.binary_fill_holes(bright).astype(np.uint8))
    filled.CopyInformation(small)
    whole = sitk.Resample(filled, volume, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkNearestNeighbor, 0)
    return Image(sitk.GetArrayFromImage(whole), image.geometry, "body")


def _cropped(image: Image, start: np.ndarray, stop: np.ndarray) -> Image:
    """A box of an image, as far as the image goes, in LPS order whatever the storage."""
    start = np.maximum(start, 0)
    stop = np.minimum(stop, image.geometry.size_ijk.astype(int))
    return to_lps_order(crop(image, start.tolist(), (stop - start)[::-1].tolist(), fill_value=0))


def _corners(geometry: Geometry) -> FloatArray:
    sides = np.stack([np.full(3, -0.5), geometry.size_ijk - 0.5])
    return geometry.to_world(np.stack(np.meshgrid(*sides.T, indexing="ij"), -1).reshape(-1, 3))


def _floats(image: Image) -> sitk.Image:
    return sitk.Cast(to_itk(image), sitk.sitkFloat32)


def _factors(image: sitk.Image, voxel_mm: float) -> Sequence[int]:
    """By how much to shrink along each axis, leaving at least four voxels."""
    sizes = zip(image.GetSpacing(), image.GetSize(), strict=True)
    return [max(1, min(round(voxel_mm / spacing), size // 4)) for spacing, size in sizes]


def _shrunk(full: sitk.Image, middle_mm: float) -> tuple[sitk.Image, sitk.Image]:
    """The middle and the coarse level without bias field; averaging first makes smoothing cheap."""
    middle = sitk.BinShrink(full, _factors(full, middle_mm))
    field = sitk.SmoothingRecursiveGaussian(sitk.BinShrink(middle, _factors(middle, 2 * COARSE_MM)), FIELD_MM)
    whole = sitk.Transform(3, sitk.sitkIdentity)
    field = sitk.Resample(field, middle, whole, sitk.sitkLinear, 0, sitk.sitkFloat32, True)
    middle = middle / (field + float(sitk.GetArrayViewFromImage(field).mean()) * DARK)
    coarse = sitk.BinShrink(middle, _factors(middle, COARSE_MM))
    return sitk.SmoothingRecursiveGaussian(middle, DENOISE_MM), sitk.SmoothingRecursiveGaussian(coarse, SMOOTH_MM)
