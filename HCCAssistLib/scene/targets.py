"""Segments of the scene that count for the patient, told by a tag that Slicer saves with them."""

from __future__ import annotations

from typing import Any

import vtk

TARGET = "target"
"""The tag, as cohorts have it too."""

YES, NO = "yes", "no"


def target_tag(segment: Any) -> str:
    """What the tag of a vtkSegment says; empty where it has none."""
    text = vtk.reference("")
    return str(text) if segment.GetTag(TARGET, text) else ""


def is_target(segmentation_node: Any, segment_id: str) -> bool:
    """Whether a segment counts: it is tagged so, or no segment of its segmentation is tagged at all."""
    segmentation = segmentation_node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    tags = {one: target_tag(segmentation.GetSegment(one)) for one in ids}
    return tags.get(segment_id, "") == YES if any(tags.values()) else True


def set_target(segmentation_node: Any, segment_id: str, *, target: bool) -> None:
    """Tag a segment as one that counts, or does not."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if target_tag(segment) != (YES if target else NO):
        segment.SetTag(TARGET, YES if target else NO)
