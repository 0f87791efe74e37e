"""Segments: masks that a reader or a segmentation program drew, on whatever grid they were stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from HCCAssistLib.cohort import seg_nrrd
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import written_whole
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.file_headers import check_nrrd
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import geometry_from_itk
from HCCAssistLib.imaging.resampling import resample

MAX_LABELS = 500
"""A file with more different values is an image, not a labelmap (TotalSegmentator has 117)."""

ALIGNED = 0.05
"""Grids whose voxels coincide within this part of a voxel are pasted, not resampled."""


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """A named mask.

    Attributes:
        name: as the reader called it.
        mask: voxels 0 and 1, uint8; its grid may be smaller than the image it was drawn on.

    Raises:
        ValueError: voxels other than 0 and 1.
    """

    name: str
    mask: Image

    def __post_init__(self) -> None:
        array = self.mask.array
        if array.dtype != np.uint8:
            array = array.astype(np.uint8)
        if not np.array_equal(array, self.mask.array) or (array.size and array.max() > 1):
            raise ValueError(f"the mask of {self.name!r} holds values other than 0 and 1")
        object.__setattr__(self, "mask", replace(self.mask, array=array, name=self.name))

    @property
    def is_empty(self) -> bool:
        """Whether no voxel is painted."""
        return not self.mask.array.any()

    @property
    def points(self) -> FloatArray:
        """LPS millimetres of the painted voxels' centres, shape ``(n, 3)``."""
        return self.mask.geometry.to_world(np.argwhere(self.mask.array)[:, ::-1])


def read_segments(path: Path) -> tuple[Segment, ...]:
    """The segments of a .seg.nrrd file (one or several layers), or one per value of a labelmap.

    Each mask is cut to the voxels that are painted; an empty segment keeps the whole grid.

    Raises:
        InputError: damaged, not a segmentation, without segments, or on a grid that cannot be used.
    """
    path = Path(path)
    if path.name.lower().endswith(".nrrd") and path.is_file() and (described := seg_nrrd.read_segment_fields(path)):
        layers, geometry = _read_layers(path)
        segments = []
        for field in described:
            if field.layer >= len(layers):
                raise InputError(f"the segment {field.name!r} has no voxels in the file", path.name)
            segments.append((field.name, layers[field.layer], field.value))
        return _cut(segments, geometry, path.name)
    image = read_image(path)
    whole = np.rint(image.array) if image.array.dtype.kind == "f" else image.array
    labels = whole.astype(np.int32)
    if not np.array_equal(labels, image.array) or labels.min() < 0:
        raise InputError("the voxels are not whole numbers from 0 up, so this is an image, not segments", path.name)
    values = [value for value, box in enumerate(ndimage.find_objects(labels), start=1) if box]
    if not values or len(values) > MAX_LABELS:
        what = (
            "no voxel is painted" if not values else f"{len(values)} different values: this is an image, not segments"
        )
        raise InputError(what, path.name, "save the segmentation again from Slicer as .seg.nrrd")
    return _cut([(f"Segment_{value}", labels, value) for value in values], image.geometry, path.name)


def segments_of(segments: Sequence[Segment], name: str) -> tuple[Segment, ...]:
    """The painted segments of that name (upper and lower case are equal); all painted ones where none has it."""
    painted = tuple(segment for segment in segments if not segment.is_empty)
    return tuple(segment for segment in painted if segment.name.lower() == name.lower()) or painted


def read_mask(path: Path, name: str, geometry: Geometry) -> Image:
    """What ``segments_of`` finds in a file, together, on a volume's grid.

    Args:
        path: for example ``liver.seg.nrrd``.
        name: what is looked for, for example ``"liver"``.
        geometry: grid of the volume.

    Raises:
        InputError: the file cannot be read, nothing is painted, or a segment lies outside the volume.
    """
    found = segments_of(read_segments(path), name)
    if not found:
        raise InputError("no segment is painted", path.name, "paint it, or delete the file")
    masks = [mask_on(segment, geometry) for segment in found]
    return masks[0] if len(masks) == 1 else masks[0].with_array(np.maximum.reduce([m.array for m in masks]), "union")


def mask_on(segment: Segment, geometry: Geometry) -> Image:
    """The segment's mask on another volume's grid: pasted where the voxels coincide, otherwise the nearest voxel.

    Returns:
        Voxels 0 and 1, uint8, on ``geometry``; parts outside it are lost.

    Raises:
        InputError: the segment is empty, lies outside the volume, or is too small for its voxels.
    """
    if segment.is_empty:
        raise InputError("the segment is empty", segment.name, "paint it, or delete it")
    offset = _offset(segment.mask.geometry, geometry)
    if offset is not None:
        mask = crop(segment.mask, (-offset).tolist(), geometry.shape, outside=0)
        mask = replace(mask, geometry=geometry)
    else:
        mask = resample(segment.mask, geometry, interpolation="nearest", outside=0)
    if not mask.array.any():
        if geometry.contains(segment.points).any():
            what, remedy = "the segment is too small for the volume's voxels", "draw it on the volume itself"
        else:
            what, remedy = "the segment lies outside the volume", "was it drawn on another series or patient?"
        raise InputError(what, segment.name, remedy)
    return mask


def write_segments(segments: Sequence[Segment], path: Path) -> None:
    """Write a .seg.nrrd file that Slicer loads, whole or not at all; segments that overlap come in several layers.

    Args:
        segments: their grids may differ in extent, but the voxels must coincide.
        path: ends in ``.seg.nrrd``.

    Raises:
        InputError: no segments, grids that do not coincide, or another file name.
    """
    path = Path(path)
    if not path.name.endswith(".seg.nrrd"):
        raise InputError("segments are written as .seg.nrrd", path.name)
    if not segments:
        raise InputError("there are no segments to write", path.name)
    reference = segments[0].mask.geometry
    starts = []
    for segment in segments:
        offset = _offset(segment.mask.geometry, reference)
        if offset is None:
            raise InputError(
                "the segments were drawn on different grids", segment.name, "bring them onto one volume's grid first"
            )
        starts.append(offset)
    first = np.min(starts, axis=0)
    end = np.max(
        [start + segment.mask.geometry.size_ijk for start, segment in zip(starts, segments, strict=True)], axis=0
    )
    geometry = reference.crop(first.tolist(), (end - first)[::-1].astype(int).tolist())
    layers: list[npt.NDArray[np.uint16]] = []
    fields: list[seg_nrrd.SegmentField] = []
    for name, segment, start in zip(_own_names([s.name for s in segments]), segments, starts, strict=True):
        mask = segment.mask.array.astype(bool)
        box = tuple(slice(a, a + n) for a, n in zip((start - first)[::-1], mask.shape, strict=True))
        for number, layer in enumerate(layers):  # noqa: B007  the layer that the loop ends on is the one to paint
            if not layer[box][mask].any():
                break
        else:
            number, layer = len(layers), np.zeros(geometry.shape, dtype=np.uint16)
            layers.append(layer)
        value = 1 + sum(field.layer == number for field in fields)
        layer[box][mask] = value
        fields.append(seg_nrrd.SegmentField(name, number, value))
    with written_whole(path) as part:
        part.write_bytes(seg_nrrd.encode(layers, geometry, fields))


def _read_layers(path: Path) -> tuple[list[npt.NDArray[np.int32]], Geometry]:
    try:
        scale = check_nrrd(path)
        seg_nrrd.check_packed(path)
        image = sitk.ReadImage(str(path))
        if image.GetDimension() != 3:
            raise InputError("the segmentation is not three-dimensional", remedy="save it again from Slicer 5")
        geometry = geometry_from_itk(image).in_mm(scale)
    except InputError as error:
        raise InputError(replace(problem, where=path.name) for problem in error.problems) from error
    except RuntimeError as error:
        raise InputError("the file is damaged or cut short", path.name, "save it again from Slicer") from error
    array = sitk.GetArrayFromImage(image)
    array = array[..., None] if array.ndim == 3 else array
    return [array[..., n].astype(np.int32) for n in range(array.shape[3])], geometry


def _cut(
    labelled: Sequence[tuple[str, npt.NDArray[np.int32], int]], geometry: Geometry, where: str
) -> tuple[Segment, ...]:
    """Masks ``labels == value``, each cut to its bounding box."""
    boxes: dict[int, list] = {}
    segments = []
    for name, (_, labels, value) in zip(_own_names([n for n, _, _ in labelled]), labelled, strict=True):
        found = boxes.setdefault(id(labels), ndimage.find_objects(labels))
        box = found[value - 1] if 0 < value <= len(found) and found[value - 1] else None
        if box is None:
            empty = np.broadcast_to(np.uint8(0), geometry.shape)
            segments.append(Segment(name, Image(empty, geometry, name)))
            continue
        mask = (labels[box] == value).astype(np.uint8)
        cut = geometry.crop([side.start for side in reversed(box)], mask.shape)
        segments.append(Segment(name, Image(mask, cut, name, (f"segment of {where}",))))
    return tuple(segments)


def _offset(source: Geometry, target: Geometry) -> npt.NDArray[np.int64] | None:
    """The target's index ``(i, j, k)`` of the source's first voxel; None where the voxels do not coincide."""
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in source.size_ijk), indexing="ij"), -1).reshape(-1, 3)
    index = target.to_index(source.to_world(corners))
    offset = np.rint(index[0])
    return None if np.abs(index - corners - offset).max() > ALIGNED else offset.astype(np.int64)


def _own_names(names: Sequence[str]) -> list[str]:
    """The names with a number where they repeat."""
    own: list[str] = []
    for name in names:
        unique, repeat = name, 2
        while unique in own:
            unique, repeat = f"{name} ({repeat})", repeat + 1
        own.append(unique)
    return own
