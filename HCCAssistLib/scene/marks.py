"""Findings that a reader marked besides point lists and single segments: lines, boxes, whole segmentations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer

from HCCAssistLib.cohort.described_size import BY_LINE, described_size
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box, FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.scene.inputs import capture_segment, is_empty_segment, points_from_markups
from HCCAssistLib.scene.transforms import from_vtk, lps_to_ras, ras_to_lps

ALL_SEGMENTS = "*"
"""Instead of the id of a segment: each painted segment of the segmentation is a finding."""


def marked_points(node: Any, geometry: Geometry, scene: Any) -> PointList:
    """The findings of a point list, or the one in the middle of a line, with the diameters that lines measure.

    A line that passes through a point tells its diameter, unless one is typed in the point's description.

    Args:
        node: a point list or a line.
        geometry: grid of the volume that they belong to.
        scene: whose lines are looked at.

    Raises:
        InputError: what ``points_from_markups`` raises, or a line without both of its ends.
    """
    if node is not None and node.IsA("vtkMRMLMarkupsLineNode"):
        ends = line_ends(node)
        if ends is None:
            raise InputError("the line has no two ends", node.GetName(), "click both ends, or delete it")
        x, y, z = (float(v) for v in ends.mean(axis=0))
        point = Point(node.GetName() or "line", (x, y, z), _measured("", ends))
        if not geometry.contains((x, y, z)):
            raise InputError("the middle of the line lies outside the volume", node.GetName(), "draw it in the volume")
        return PointList(node.GetName(), (point,))
    found = points_from_markups(node, geometry)
    lines = [ends for line in _nodes(scene, "vtkMRMLMarkupsLineNode") if (ends := line_ends(line)) is not None]
    return replace(found, points=tuple(_with_diameter(point, lines) for point in found.points))


def line_ends(line: Any) -> FloatArray | None:
    """LPS of both ends of a line where they stand in the world; None where one is missing or they are the same."""
    if line.GetNumberOfControlPoints() < 2:
        return None
    ends = []
    for index in range(2):
        if line.GetNthControlPointPositionStatus(index) != slicer.vtkMRMLMarkupsNode.PositionDefined:
            return None
        ras = [0.0, 0.0, 0.0]
        line.GetNthControlPointPositionWorld(index, ras)
        ends.append(ras_to_lps(ras))
    both: FloatArray = np.array(ends)
    return both if np.isfinite(both).all() and np.linalg.norm(both[1] - both[0]) > 0 else None


def points_node(points: PointList, scene: Any, name: str) -> Any:
    """A point list of the scene, which ``marked_points`` reads back."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    for point in points.points:
        index = node.AddControlPointWorld(*lps_to_ras(point.position), point.label)
        node.SetNthControlPointDescription(index, point.description)
    return node


def box_of_roi(node: Any) -> LabelledBox:
    """A box of Slicer's Markups where it stands in the world, its parent transforms included.

    Raises:
        InputError: no box, one that was not placed, or one without a size.
    """
    if node is None or not node.IsA("vtkMRMLMarkupsROINode"):
        raise InputError("no box is chosen", remedy="choose a box of Slicer's Markups")
    size, name = [0.0, 0.0, 0.0], node.GetName() or "box"
    node.GetSizeWorld(size)
    matrix = from_vtk(node.GetObjectToWorldMatrix())
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    if min(size) <= 0 or not lengths.all() or node.GetNumberOfDefinedControlPoints() == 0:
        raise InputError("the box has no place or no size", name, "draw it again")
    x, y, z = (float(v) for v in ras_to_lps(matrix[:3, 3]))
    axes = ras_to_lps((matrix[:3, :3] / lengths).T)
    try:
        box = Box((x, y, z), (size[0], size[1], size[2]), tuple((float(r), float(a), float(s)) for r, a, s in axes))
    except ValueError as error:
        raise InputError("the box is sheared by a transform", name, "harden the transform, or draw it anew") from error
    return LabelledBox(name, box)


def capture_segments(node: Any, segment_id: str, geometry: Geometry) -> Callable[[], Segment | tuple[Segment, ...]]:
    """Hold one segment, or with ``ALL_SEGMENTS`` every one; called, in any thread, it gives what it was then.

    Args:
        node: segmentation node.
        segment_id: of the segment.
        geometry: grid of its volume; a segment that is empty is one voxel of it, not painted, for a warning by name.

    Raises:
        InputError: what ``capture_segment`` raises, or no painted segment.
    """
    if segment_id != ALL_SEGMENTS:
        return capture_segment(node, segment_id)
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    painted = {one: capture_segment(node, one) for one in ids if not is_empty_segment(node, one)}
    if not painted:
        raise InputError("no segment is painted", node.GetName(), "paint one for each finding, or mark them otherwise")
    names = {one: segmentation.GetSegment(one).GetName() or one for one in ids}
    nothing = Image(np.zeros((1, 1, 1), np.uint8), geometry.crop((0, 0, 0), (1, 1, 1)))
    return lambda: tuple(painted[one]() if one in painted else Segment(names[one], nothing) for one in ids)


def _with_diameter(point: Point, lines: list[FloatArray]) -> Point:
    through = [ends for ends in lines if _passes(ends, point.position)]
    if not through or np.isfinite(described_size(point.description)):
        return point
    longest = max(through, key=lambda ends: float(np.linalg.norm(ends[1] - ends[0])))
    return replace(point, description=_measured(point.description, longest))


def _measured(description: str, ends: FloatArray) -> str:
    size = f"{np.linalg.norm(ends[1] - ends[0]):.1f} mm {BY_LINE}"
    return f"{description}, {size}" if description else size


def _passes(ends: FloatArray, place: npt.ArrayLike) -> bool:
    """Whether a place lies in the ball whose diameter the line is, as in the mass that it measures."""
    return bool(np.linalg.norm(np.subtract(place, ends.mean(axis=0))) <= np.linalg.norm(ends[1] - ends[0]) / 2)


def _nodes(scene: Any, class_name: str) -> list[Any]:
    found = scene.GetNodesByClass(class_name)
    return [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
