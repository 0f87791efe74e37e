"""Inputs of the library from nodes of the scene, always in LPS millimetres of the world; the nodes stay untouched.

Voxels are captured in the scene's thread, which takes no time, and read where it may take some, in any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from HCCAssistLib.cohort.points import Point, PointList, with_own_labels
from HCCAssistLib.cohort.segments import Segment, mask_on
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import compact
from HCCAssistLib.scene.targets import tags_of
from HCCAssistLib.scene.transforms import from_vtk, geometry_from_ijk_to_ras, ras_to_lps, to_world

BINARY = "Binary labelmap"


def geometry_of_volume(node: Any) -> Geometry:
    """The grid of a volume node in the world, its parent transforms included.

    Raises:
        InputError: no volume, an empty one, or one that stands sheared or bent in the world.
    """
    _check(node, "vtkMRMLVolumeNode", "volume")
    data = node.GetImageData()
    if data is None or data.GetNumberOfPoints() == 0 or data.GetPointData().GetScalars() is None:
        raise InputError("the volume holds no voxels", node.GetName(), "load its images again")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    with _named(node.GetName()):
        return geometry_from_ijk_to_ras(data.GetDimensions()[::-1], to_world(node) @ from_vtk(matrix))


@dataclass(frozen=True, eq=False, slots=True)
class CapturedVolume:
    """A scalar volume as it is now, without a copy of its voxels.

    Keep it until ``read`` is no longer needed: it holds the voxels, whatever becomes of the node.

    Attributes:
        geometry: its grid in the world.
        read: the image, in any thread; its voxels are the scene's own unless they had to be made 16-bit. Raises
            InputError on NaN, with the node's name.
        is_unchanged: whether the node still holds these voxels, in the scene's thread.
    """

    geometry: Geometry
    read: Callable[[], Image]
    is_unchanged: Callable[[], bool]


def capture_volume(node: Any, *, name: str = "") -> CapturedVolume:
    """Hold what a scalar volume node shows now.

    Args:
        node: the volume node.
        name: pseudonymous label of the image. A node's name may tell the patient, so it is not taken.

    Raises:
        InputError: with the node's name: no volume, empty, a single slice, several numbers in a voxel, sheared, or
            under a transform that bends.
    """
    geometry = geometry_of_volume(node)
    components = node.GetImageData().GetNumberOfScalarComponents()
    if not node.IsA("vtkMRMLScalarVolumeNode") or components != 1:
        raise InputError(
            f"each voxel holds {components} numbers (a colour, a vector or time points), not one grey value",
            node.GetName(),
            "choose the one scalar volume to use",
        )
    if min(geometry.shape) < 2:
        size = " x ".join(str(n) for n in geometry.shape[::-1])
        raise InputError(
            f"the volume is {size} voxels: a single slice, not a volume", node.GetName(), "load the whole series"
        )
    scalars, title = node.GetImageData().GetPointData().GetScalars(), node.GetName()
    changed, voxels = scalars.GetMTime(), vtk_to_numpy(scalars).reshape(geometry.shape)

    def read() -> Image:
        with _named(title):
            return Image(compact(voxels), geometry, name)

    def is_unchanged() -> bool:
        data = node.GetImageData()
        return data is not None and data.GetPointData().GetScalars() is scalars and scalars.GetMTime() == changed

    return CapturedVolume(geometry, read, is_unchanged)


def image_from_volume(node: Any, *, name: str = "") -> Image:
    """A scalar volume node as an image: a copy, 16-bit where integers fit, linear transforms in its geometry.

    Args:
        node: the volume node.
        name: as for ``capture_volume``.

    Raises:
        InputError: what ``capture_volume`` raises, or NaN.
    """
    geometry = capture_volume(node, name=name).geometry
    with _named(node.GetName()):
        return Image(voxels_of_volume(node), geometry, name)


def voxels_of_volume(node: Any) -> npt.NDArray[Any]:
    """A copy of a scalar volume node's voxels ``[k, j, i]``, 16-bit where integers fit."""
    data = node.GetImageData()
    voxels = vtk_to_numpy(data.GetPointData().GetScalars()).reshape(data.GetDimensions()[::-1])
    smaller = compact(voxels)
    return voxels.copy() if smaller is voxels else smaller


def points_from_markups(node: Any, geometry: Geometry) -> PointList:
    """The placed points of a point list, where they stand in the world.

    Points that were never placed are left out with a warning.

    Args:
        node: a vtkMRMLMarkupsFiducialNode.
        geometry: grid of the volume that the points belong to.

    Raises:
        InputError: no point list, no placed point, or points outside the volume, by their labels.
    """
    _check(node, "vtkMRMLMarkupsFiducialNode", "point list")
    name = node.GetName()
    points, warnings = [], []
    for index in range(node.GetNumberOfControlPoints()):
        label = node.GetNthControlPointLabel(index) or f"point {index + 1}"
        status = node.GetNthControlPointPositionStatus(index)
        if status == slicer.vtkMRMLMarkupsNode.PositionPreview:
            continue  # hangs on the mouse while the next point is being placed
        if status != slicer.vtkMRMLMarkupsNode.PositionDefined:
            what = f"the point {label!r} was never placed and is left out"
            warnings.append(Problem("WARN", what, name, "place it or delete it"))
            continue
        ras = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(index, ras)
        if not np.isfinite(ras).all():
            raise InputError(f"the point {label!r} has no finite position", name, "place it again, or delete it")
        x, y, z = ras_to_lps(ras)
        visible = bool(node.GetNthControlPointVisibility(index))
        points.append(Point(label, (x, y, z), node.GetNthControlPointDescription(index) or "", visible))
    if not points:
        raise InputError("the list holds no placed point", name, "click a point into each lesion")
    result = PointList(name, with_own_labels(points), tuple(warnings))
    inside = geometry.contains(result.positions)
    outside = [point.label for point, here in zip(result.points, inside, strict=True) if not here]
    if outside:
        raise InputError(
            f"{', '.join(outside)} {'lies' if len(outside) == 1 else 'lie'} outside the volume",
            name,
            "move or delete them, or choose the volume they were placed on",
        )
    return result


def capture_segment(segmentation_node: Any, segment_id: str) -> Callable[[], Segment]:
    """Hold what a segment shows now; called, in any thread, it gives the segment where it stands in the world.

    Its parent transforms count. A segment that has only a surface is turned into voxels here, which may take a
    moment. Keep the result until it is no longer needed: it holds the voxels.

    Raises:
        InputError: no segmentation, no such segment, no voxels, or under a transform that bends.
    """
    _check(segmentation_node, "vtkMRMLSegmentationNode", "segmentation")
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        raise InputError(f"there is no segment {segment_id!r}", segmentation_node.GetName(), "choose the segment again")
    name, title = segment.GetName() or segment_id, segmentation_node.GetName()
    labelmap, value = _labelmap(segmentation_node, segment_id, name)
    extent = labelmap.GetExtent()
    if labelmap.IsEmpty() or extent[0] > extent[1]:
        raise InputError("the segment is empty", name, "paint it, or choose another one")
    shape = labelmap.GetDimensions()[::-1]
    voxels: npt.NDArray[Any] = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(shape)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    start = np.eye(4)
    start[:3, 3] = extent[::2]
    with _named(title):
        grid = geometry_from_ijk_to_ras(shape, to_world(segmentation_node) @ from_vtk(matrix) @ start)

    # a copy: unlike a volume, a segment is painted voxel by voxel, and nobody would notice half a stroke
    mask = (voxels == value).view(np.uint8)
    tags = tags_of(segment)
    return lambda: Segment(name, Image(mask, grid, name), tags)


def is_empty_segment(segmentation_node: Any, segment_id: str) -> bool:
    """Whether nothing of a segment is painted.

    Raises:
        InputError: a segment that has no voxels and could not be converted.
    """
    labelmap, value = _labelmap(segmentation_node, segment_id, segment_id)
    extent = labelmap.GetExtent()
    if labelmap.IsEmpty() or extent[0] > extent[1]:
        return True
    return not bool((vtk_to_numpy(labelmap.GetPointData().GetScalars()) == value).any())


def mask_from_segment(segmentation_node: Any, segment_id: str, volume_node: Any) -> Image:
    """A segment as a mask of 0 and 1 on a volume's grid, the parent transforms of both included.

    Raises:
        InputError: no segmentation, no such segment, empty, outside the volume, or under a transform that bends.
    """
    return mask_on(capture_segment(segmentation_node, segment_id)(), geometry_of_volume(volume_node))


def _labelmap(segmentation_node: Any, segment_id: str, name: str) -> tuple[Any, int]:
    """A segment's binary labelmap, which others may share, and its value in there.

    It is made from the surface or contours where there is none.
    """
    segmentation = segmentation_node.GetSegmentation()
    if not segmentation.ContainsRepresentation(BINARY):
        converted = slicer.vtkSegmentation()
        converted.SetSourceRepresentationName(segmentation.GetSourceRepresentationName())
        converted.CopyConversionParameters(segmentation)
        converted.CopySegmentFromSegmentation(segmentation, segment_id)
        if not converted.CreateRepresentation(BINARY):
            raise InputError(
                "the segment has no voxels and could not be converted",
                name,
                "create its binary labelmap in the Segmentations module",
            )
        segmentation = converted
    segment = segmentation.GetSegment(segment_id)
    return segment.GetRepresentation(BINARY), segment.GetLabelValue()


def _check(node: Any, class_name: str, kind: str) -> None:
    if node is None:
        raise InputError(f"no {kind} is chosen", remedy=f"choose a {kind}")
    if not node.IsA(class_name):
        raise InputError(f"this is a {node.GetNodeTagName()} node, not a {kind}", node.GetName(), f"choose a {kind}")
    if node.GetScene() is None:
        raise InputError(f"the {kind} is no longer in the scene", node.GetName(), "load it again")


@contextmanager
def _named(title: str) -> Iterator[None]:
    """Put a node's name into problems that were found deeper down."""
    try:
        yield
    except InputError as error:
        raise InputError(replace(p, where=p.where or title) for p in error.problems) from error
