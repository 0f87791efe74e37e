"""Segments of the scene that count for the patient, told by a tag that Slicer saves with them."""

from __future__ import annotations

from typing import Any

import vtk

from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.registry import RECIPES

TARGET = "target"
"""The tag, as cohorts have it too."""

LABELS = tuple(
    recipe.label.column
    for recipe in RECIPES.values()
    if isinstance(recipe.label, Classes) and recipe.label.of == "finding"
)
"""Tags with the label of a finding, named like the column that it would have."""

YES, NO = "yes", "no"


def tag_of(segment: Any, name: str) -> str:
    """What a tag of a vtkSegment says; empty where it has none."""
    text = vtk.reference("")
    return str(text) if segment.GetTag(name, text) else ""


def tags_of(segment: Any) -> dict[str, str]:
    """The tags of a vtkSegment that methods read: whether it counts, and its label."""
    return {name: text for name in (TARGET, *LABELS) if (text := tag_of(segment, name))}


def is_target(segmentation_node: Any, segment_id: str) -> bool:
    """Whether a segment counts: it is tagged so, or no segment of its segmentation is tagged at all."""
    segmentation = segmentation_node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    tags = {one: tag_of(segmentation.GetSegment(one), TARGET) for one in ids}
    return tags.get(segment_id, "") == YES if any(tags.values()) else True


def set_target(segmentation_node: Any, segment_id: str, *, target: bool) -> None:
    """Tag a segment as one that counts, or does not."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if tag_of(segment, TARGET) != (YES if target else NO):
        segment.SetTag(TARGET, YES if target else NO)
