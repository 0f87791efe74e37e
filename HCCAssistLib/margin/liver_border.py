"""Which part of a tumour's surface lies at the border of the liver, where no margin can be had."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample

SUBCAPSULAR_MM = 5.0


def at_border(points: FloatArray, tumour: Image, liver: Image) -> npt.NDArray[np.bool_]:
    """Which points ``(n, 3)`` of a tumour's surface lie within 5 mm of the liver's surface, or outside of it.

    A tumour counts as liver, since many segmentations of the liver leave it out, and so do holes that it closes.

    Args:
        points: LPS mm.
        tumour: painted where not 0.
        liver: the same scan's liver, on any grid.

    Raises:
        InputError: the liver's segment is empty or lies elsewhere.
    """
    from scipy import ndimage

    if not (liver.array != 0).any():
        raise InputError("the segment is empty", "liver", "paint it, or leave it out")
    grid = liver.geometry
    index = grid.to_index(points)
    around = np.ceil(2 * SUBCAPSULAR_MM / grid.spacing).astype(int) + 1
    first = np.floor(index.min(axis=0)).astype(int) - around
    size = np.ceil(index.max(axis=0)).astype(int) + around + 1 - first
    part = crop(liver, first.tolist(), size[::-1].tolist(), fill_value=0)
    painted = part.array != 0
    if not painted.any():
        remedy = "choose the liver of the scan before the ablation"
        raise InputError("there is no liver around the tumour", "liver", remedy)
    seen = Image((tumour.array != 0).astype(np.float32), tumour.geometry)
    inside = painted | (resample(seen, part.geometry, fill_value=0).array >= 0.5)
    # a gap of a voxel between liver and tumour is no border; neither is the edge of the volume
    inside = ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(inside, 2, mode="edge"), iterations=1))
    spacing = grid.spacing[::-1]
    depth = ndimage.distance_transform_edt(inside, sampling=spacing)[2:-2, 2:-2, 2:-2] - spacing.min() / 2
    at = np.moveaxis((index - first)[:, ::-1], -1, 0)
    return np.asarray(ndimage.map_coordinates(depth, at, order=1, mode="nearest") < SUBCAPSULAR_MM)
