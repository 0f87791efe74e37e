"""Between our images and SimpleITK's: the same LPS millimetres, the same ``[k, j, i]`` arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image


def geometry_from_itk(image: sitk.Image) -> Geometry:
    """The grid of a three-dimensional SimpleITK image.

    Raises:
        InputError: the grid is sheared or empty.
    """
    i, j, k = image.GetSize()
    return Geometry.from_parts((k, j, i), image.GetSpacing(), image.GetOrigin(), image.GetDirection())


def from_itk(image: sitk.Image, name: str = "", history: tuple[str, ...] = ()) -> Image:
    """A scalar volume from SimpleITK, 16-bit where integers fit; trailing axes of one element are dropped.

    Raises:
        InputError: the image is not one scalar volume, or its grid or voxels cannot be used.
    """
    if image.GetNumberOfComponentsPerPixel() > 1 or "complex" in image.GetPixelIDTypeAsString():
        raise InputError(
            f"each voxel holds {image.GetNumberOfComponentsPerPixel()} numbers or a colour, not one grey value",
            name,
            "give the original images, not a colour picture or a vector field",
        )
    while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
        image = image[(slice(None),) * (image.GetDimension() - 1) + (0,)]
    if image.GetDimension() > 3:
        raise InputError(
            f"the file holds {image.GetSize()[-1]} volumes (phases or time points), not one",
            name,
            "save the one volume to use as its own file",
        )
    if image.GetDimension() < 3:
        raise InputError("the file holds a flat picture, not a volume", name, "give the whole series of slices")
    return Image(compact(sitk.GetArrayFromImage(image)), geometry_from_itk(image), name, history)


def to_itk(image: Image) -> sitk.Image:
    """The same volume for SimpleITK; true/false voxels become 0 and 1.

    Raises:
        InputError: SimpleITK has no such voxel type (16-bit floats).
    """
    array = image.array
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    try:
        volume = sitk.GetImageFromArray(array)
    except (TypeError, KeyError) as error:
        raise InputError(f"voxels of type {array.dtype} cannot be written or resampled", image.name) from error
    geometry = image.geometry
    volume.SetSpacing(geometry.spacing.tolist())
    volume.SetOrigin(geometry.origin.tolist())
    volume.SetDirection(geometry.directions.ravel().tolist())
    return volume


def compact(array: np.ndarray) -> np.ndarray:
    """Integers of more than 8 bits as 16-bit signed ones where all values fit: CT in half the memory."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 2 or array.dtype == np.int16 or not array.size:
        return array
    limits = np.iinfo(np.int16)
    return array.astype(np.int16) if array.min() >= limits.min and array.max() <= limits.max else array


@contextmanager
def quiet() -> Iterator[None]:
    """Keep ITK's warnings off stderr: they hold full paths, which may name a patient."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
