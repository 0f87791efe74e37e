"""Diameters of viable tumour from lines and segments of the scene, and the chord of a segment as a line to correct."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.response.diameter import Diameter, diameter_of_mask
from HCCAssistLib.scene.inputs import capture_segment
from HCCAssistLib.scene.marks import line_ends
from HCCAssistLib.scene.transforms import lps_to_ras

DRAWN = "HCCAssist.diameter"
"""Attribute of a line that was drawn at the ends of a segment's diameter: that diameter."""

SAME_MM = 0.01
"""An end that lies this near to where it was drawn was not moved."""


def diameter_of_line(node: Any) -> Diameter:
    """The length of a line where it stands in the world, its parent transforms included.

    A line that was drawn at the ends of a segment's diameter is that diameter until a radiologist moves an end of it,
    in a saved and loaded scene too.

    Args:
        node: a vtkMRMLMarkupsLineNode.

    Raises:
        InputError: no line, or one without both of its ends.
    """
    if node is None or not node.IsA("vtkMRMLMarkupsLineNode"):
        raise InputError("no line is chosen", remedy="choose a line of Slicer's Markups")
    ends = line_ends(node)
    if ends is None:
        raise InputError("the line has no two ends", node.GetName(), "click both ends, or delete it")
    now = Diameter.along_line(ends[0], ends[1], node.GetName() or "line")
    drawn = _drawn(node)
    if drawn is None or drawn.ends is None or np.abs(np.subtract(ends, drawn.ends)).max() > SAME_MM:
        return now
    return drawn


def segment_diameter(segmentation_node: Any, segment_id: str) -> Callable[[], Diameter]:
    """Hold a segment where it stands in the world, its parent transforms included.

    Returns:
        What measures its longest axial chord, in any thread; it raises InputError where there is none, or where it is
        longer than any tumour.

    Raises:
        InputError: what ``capture_segment`` raises.
    """
    read = capture_segment(segmentation_node, segment_id)

    def measure() -> Diameter:
        segment = read()
        return diameter_of_mask(segment.mask, segment.name)

    return measure


def draw_diameter(diameter: Diameter, scene: Any, name: str) -> Any:
    """A new line in the scene at the ends of a diameter, which a radiologist can move.

    Args:
        diameter: of a segment or a line.
        scene: where the line goes.
        name: of the line; a number is added where it is taken.

    Raises:
        InputError: a diameter without ends.
    """
    if diameter.ends is None:
        raise InputError("the diameter lies nowhere", name, "measure it with a line or in a segment")
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    for end in diameter.ends:
        node.AddControlPointWorld(*lps_to_ras(end))
    if diameter.source == "segment":
        node.SetAttribute(DRAWN, json.dumps(diameter.as_json()))
    return node


def _drawn(node: Any) -> Diameter | None:
    """The segment's diameter that a line was drawn at; None of any other line."""
    try:
        return Diameter.from_json(json.loads(node.GetAttribute(DRAWN) or "null"))
    except (InputError, KeyError, TypeError, ValueError):  # drawn by hand, or an attribute that a person changed
        return None
