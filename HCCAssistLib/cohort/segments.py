"""Segments: masks that a reader or a segmentation program drew, on whatever grid they were stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from HCCAssistLib.cohort import seg_nrrd
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file
from HCCAssistLib.imaging.cropping import crop, filled_box
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import geometry_from_itk
from HCCAssistLib.imaging.nrrd_header import check_nrrd
from HCCAssistLib.imaging.resampling import resample

FEW_LABELS = 8
"""So many are looked for one by one, which is faster and needs no SciPy: its import takes half of a refusal."""

MAX_LABELS = 500
"""A file with more different values is an image, not a labelmap (TotalSegmentator has 117)."""

ROUNDING = 1e-3
"""Values this close to whole numbers are labels that were scaled and saved as decimals."""

ALIGNED = 0.05
"""Grids whose voxels coincide within this part of a voxel are pasted, not resampled."""


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """A named mask.

    Attributes:
        name: as the reader called it.
        mask: voxels 0 and 1, uint8; its grid may be smaller than the image it was drawn on.
        tags: further texts of the segment by name, as Slicer keeps them.

    Raises:
        ValueError: voxels other than 0 and 1.
    """

    name: str
    mask: Image
    tags: Mapping[str, str] = field(default_factory=dict)

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
        labelled = [(one.name, *_place(one, layers, n, path.name)) for n, one in enumerate(described)]
        segments = _cut(labelled, geometry, path.name)
        return tuple(replace(one, tags=of.tags) for one, of in zip(segments, described, strict=True))
    image = read_image(path)
    labels = _whole(image.array, path.name)
    values = [value for value, box in enumerate(_boxes(labels), start=1) if box]
    if not values or len(values) > MAX_LABELS:
        what = (
            "no voxel is painted" if not values else f"{len(values)} different values: this is an image, not segments"
        )
        raise InputError(what, path.name, "save the segmentation again from Slicer as .seg.nrrd")
    return _cut([(f"Segment_{value}", labels, value) for value in values], image.geometry, path.name)


def mask_on(segment: Segment, geometry: Geometry) -> Image:
    """The segment's mask on another volume's grid: pasted where the voxels coincide, otherwise the nearest voxel.

    Returns:
        Voxels 0 and 1, uint8, on ``geometry``; parts outside it are lost. A segment too thin to reach the centre of
        any voxel counts in the voxels that it lies in.

    Raises:
        InputError: the segment is empty, or lies outside the volume.
    """
    if segment.is_empty:
        raise InputError("the segment is empty", segment.name, "paint it, or delete it")
    offset = _offset(segment.mask.geometry, geometry)
    if offset is not None:
        mask = crop(segment.mask, (-offset).tolist(), geometry.shape, fill_value=0)
        mask = replace(mask, geometry=geometry)
    else:
        mask = resample(segment.mask, geometry, interpolation="nearest", fill_value=0)
    if mask.array.any():
        return mask
    points = segment.points
    inside = points[geometry.contains(points)]
    if not len(inside):
        raise InputError(
            "the segment lies outside the volume", segment.name, "was it drawn on another series or patient?"
        )
    array = np.zeros(geometry.shape, np.uint8)
    i, j, k = np.rint(geometry.to_index(inside)).astype(int).T
    array[k, j, i] = 1
    return mask.with_array(array, "thinner than the voxels: those that it lies in")


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
    small = len(segments) <= np.iinfo(np.uint8).max
    layers: list[npt.NDArray[Any]] = []
    fields: list[seg_nrrd.SegmentField] = []
    for name, segment, start in zip(_own_names([s.name for s in segments]), segments, starts, strict=True):
        mask = segment.mask.array.astype(bool)
        box = tuple(slice(a, a + n) for a, n in zip((start - first)[::-1], mask.shape, strict=True))
        for number, layer in enumerate(layers):  # noqa: B007  the layer that the loop ends on is the one to paint
            if not layer[box][mask].any():
                break
        else:
            number, layer = len(layers), np.zeros(geometry.shape, dtype=np.uint8 if small else np.uint16)
            layers.append(layer)
        value = 1 + sum(one.layer == number for one in fields)
        np.copyto(layer[box], layer.dtype.type(value), where=mask)
        fields.append(seg_nrrd.SegmentField(name, number, value, segment.tags))
    with atomic_file(path) as part:
        part.write_bytes(seg_nrrd.encode(layers, geometry, fields))


def _read_layers(path: Path) -> tuple[list[npt.NDArray[np.int32]], Geometry]:
    try:
        scale = check_nrrd(path)
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
    return [_whole(array[..., n], path.name) for n in range(array.shape[3])], geometry


def _whole(array: npt.NDArray[Any], where: str) -> npt.NDArray[np.int32]:
    """The voxels as whole numbers.

    Raises:
        InputError: fractions, such as probabilities, or numbers below 0.
    """
    labels: npt.NDArray[np.int32] = (np.rint(array) if array.dtype.kind == "f" else array).astype(np.int32)
    if (array.dtype.kind == "f" and np.abs(labels - array).max() > ROUNDING) or labels.min() < 0:
        what = "the voxels are not whole numbers from 0 up, so this is an image or probabilities, not segments"
        raise InputError(what, where, "save it from Slicer as a binary labelmap (.seg.nrrd)")
    return labels


def _place(
    field: seg_nrrd.SegmentField, layers: list[npt.NDArray[np.int32]], number: int, where: str
) -> tuple[npt.NDArray[np.int32], int]:
    """The layer that holds a segment, and its value in there."""
    several = len(layers) > 1
    # Without the key all segments share the one layer there is; before Slicer 4.11 each had its own, with the value 1.
    layer = field.layer if field.layer is not None else number if several else 0
    if layer >= len(layers):
        raise InputError(f"the segment {field.name!r} has no voxels in the file", where)
    if field.value is None and number > 0 and not several:
        raise InputError(
            f"the header does not say which voxels are the segment {field.name!r}", where, "save it again from Slicer"
        )
    return layers[layer], 1 if field.value is None else field.value


def _cut(
    labelled: Sequence[tuple[str, npt.NDArray[np.int32], int]], geometry: Geometry, where: str
) -> tuple[Segment, ...]:
    """Masks ``labels == value``, each cut to its bounding box.

    Raises:
        InputError: voxels of a value that belongs to no segment, as in fractional labelmaps.
    """
    boxes: dict[int, list] = {}
    segments = []
    for name, (_, labels, value) in zip(_own_names([n for n, _, _ in labelled]), labelled, strict=True):
        found = boxes.setdefault(id(labels), _boxes(labels))
        box = found[value - 1] if 0 < value <= len(found) and found[value - 1] else None
        if box is None:
            empty = np.broadcast_to(np.uint8(0), geometry.shape)
            segments.append(Segment(name, Image(empty, geometry, name)))
            continue
        mask = (labels[box] == value).astype(np.uint8)
        cut = geometry.crop([side.start for side in reversed(box)], mask.shape)
        segments.append(Segment(name, Image(mask, cut, name, (f"segment of {where}",))))
    for key, found in boxes.items():
        named = {value for _, labels, value in labelled if id(labels) == key}
        others = [str(value) for value, box in enumerate(found, start=1) if box and value not in named]
        if others:
            shown = f"{', '.join(others[:3])}{' and more' if len(others) > 3 else ''}"
            what = f"there are voxels of the value {shown}, which no segment in the file's header has"
            raise InputError(what, where, "save the segmentation again from Slicer, as a binary labelmap")
    return tuple(segments)


def _boxes(labels: npt.NDArray[np.int32]) -> list[tuple[slice, slice, slice] | None]:
    """The box around each value from 1 on, None around one that no voxel has."""
    highest = int(labels.max(initial=0))
    if highest > FEW_LABELS:
        from scipy import ndimage

        found: list[tuple[slice, slice, slice] | None] = ndimage.find_objects(labels)
        return found
    painted = [labels == value for value in range(1, highest + 1)]
    return [filled_box(part) if part.any() else None for part in painted]


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
