"""What a case's folder is to hold: each file's content, written, and compared with what stands there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from HCCAssistLib.cohort.points import LabelledBox, PointList, read_points, read_rois, write_points, write_rois
from HCCAssistLib.cohort.segments import Segment, read_segments, write_segments
from HCCAssistLib.cohort.transform_files import read_transform, write_transform
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop, filled_box
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image

Boxes = tuple[LabelledBox, ...]
Content = Image | PointList | Boxes | tuple[Segment, ...] | FloatArray
SAME_MM = 1e-3


def case_files(
    *,
    volumes: Mapping[str, Image],
    points: Mapping[str, PointList],
    masks: Mapping[str, Image],
    segments: Mapping[str, Sequence[Segment]],
    transforms: Mapping[str, FloatArray],
    boxes: Mapping[str, Sequence[LabelledBox]] = MappingProxyType({}),
) -> dict[str, Content]:
    """The files of a case by their paths in its folder; arguments as for ``add_case``, and boxes by the same names.

    Raises:
        InputError: points and a box mark one thing, and would need one file.
    """
    painted = {key: tuple(one for one in found if not one.is_empty) for key, found in segments.items()}
    placed = {key: found for key, found in points.items() if found.points}
    drawn = {key: tuple(found) for key, found in boxes.items() if found}
    if both := sorted({*placed} & {*drawn}):
        what = f"{both[0].split('/')[-1]} is marked by points and by a box"
        raise InputError(what, both[0], "choose one of them")
    return {
        **{f"{key}.nrrd": image for key, image in volumes.items()},
        **{f"{key}.mrk.json": found for key, found in placed.items()},
        **{f"{key}.mrk.json": found for key, found in drawn.items()},
        **{f"{key}.seg.nrrd": _of_mask(key, mask) for key, mask in masks.items() if key not in segments and _any(mask)},
        **{f"{key}.seg.nrrd": found for key, found in painted.items() if found},
        **{f"{key}.tfm": matrix for key, matrix in transforms.items()},
    }


def write_files(files: Mapping[str, Content], folder: Path) -> None:
    """Write a case's files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, np.ndarray):
            write_transform(content, path)
        elif isinstance(content, PointList):
            write_points(content, path)
        elif isinstance(content, Image):
            write_image(content, path)
        elif name.endswith(".mrk.json"):
            write_rois([one for one in content if isinstance(one, LabelledBox)], path)
        else:
            drawn = [one for one in content if isinstance(one, Segment)]
            write_segments([Segment(one.name, _cut(one.mask), one.tags) for one in drawn], path)


def is_same(content: Content, path: Path) -> bool:
    """Whether a file holds this content: the same voxels, the same places to a thousandth of a millimetre."""
    try:
        if isinstance(content, np.ndarray):
            return bool(np.allclose(read_transform(path), content))
        if isinstance(content, PointList):
            return _same_points(content, read_points(path))
        if isinstance(content, Image):
            return _same_image(content, read_image(path))
        if path.name.endswith(".mrk.json"):
            return _same_boxes([one for one in content if isinstance(one, LabelledBox)], read_rois(path))
        return _same_segments([one for one in content if isinstance(one, Segment)], read_segments(path))
    except InputError:  # whatever it is, it is something else
        return False


def _same_image(one: Image, other: Image) -> bool:
    alike = one.geometry.matches(other.geometry, SAME_MM) and one.array.dtype == other.array.dtype
    return alike and bool(np.array_equal(one.array, other.array))


def _same_points(one: PointList, other: PointList) -> bool:
    texts = [[(point.label, point.description) for point in listed.points] for listed in (one, other)]
    return texts[0] == texts[1] and bool(np.allclose(one.positions, other.positions, atol=SAME_MM))


def _same_boxes(one: Sequence[LabelledBox], other: Sequence[LabelledBox]) -> bool:
    if [box.label for box in one] != [box.label for box in other]:
        return False
    return all(np.allclose(a.box.corners(), b.box.corners(), atol=SAME_MM) for a, b in zip(one, other, strict=True))


def _same_segments(one: Sequence[Segment], other: Sequence[Segment]) -> bool:
    titles = [[(segment.name, dict(segment.tags)) for segment in found] for found in (one, other)]
    if titles[0] != titles[1]:
        return False
    pairs = [(a.points, b.points) for a, b in zip(one, other, strict=True)]
    return all(a.shape == b.shape and np.allclose(_sorted(a), _sorted(b), atol=SAME_MM) for a, b in pairs)


def _sorted(places: FloatArray) -> FloatArray:
    rounded = np.round(places, 2) + 0.0
    ordered: FloatArray = places[np.lexsort(rounded.T)]
    return ordered


def _any(mask: Image) -> bool:
    return bool(mask.array.any())


def _of_mask(key: str, mask: Image) -> tuple[Segment, ...]:
    return (Segment(key.split("/")[-1], mask),)


def _cut(mask: Image) -> Image:
    """The painted part of a mask: Slicer and the library know where it lies."""
    box = filled_box(mask.array)
    return crop(mask, [side.start for side in reversed(box)], [side.stop - side.start for side in box], fill_value=0)
