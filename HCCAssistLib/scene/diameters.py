"""Diameters of viable tumour from lines and segments of the scene, and the chord of a segment as a line to correct."""

from __future__ import annotations

from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.response.diameter import Diameter, diameter_of_mask
from HCCAssistLib.scene.inputs import capture_segment
from HCCAssistLib.scene.marks import line_ends
from HCCAssistLib.scene.transforms import lps_to_ras

SAME_MM = 0.01
"""An end that lies this near to where it was drawn was not moved."""


def diameter_of_line(node: Any) -> Diameter:
    """The length of a line where it stands in the world, its parent transforms included.

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
    return Diameter.along_line(ends[0], ends[1], node.GetName() or "line")


def diameter_of_segment(segmentation_node: Any, segment_id: str) -> Diameter:
    """The longest axial chord of a segment where it stands in the world, its parent transforms included.

    Raises:
        InputError: what ``capture_segment`` raises, or more than any tumour.
    """
    segment = capture_segment(segmentation_node, segment_id)()
    return diameter_of_mask(segment.mask, segment.name)


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
    return node


def corrected(diameter: Diameter, node: Any) -> Diameter:
    """A diameter after its drawn line may have been moved.

    Args:
        diameter: as it was drawn.
        node: its line.

    Returns:
        The same where both ends still lie there; otherwise the length of the line, as measured by the radiologist.

    Raises:
        InputError: what ``diameter_of_line`` raises.
    """
    now = diameter_of_line(node)
    if diameter.ends is None or now.ends is None or np.abs(np.subtract(now.ends, diameter.ends)).max() > SAME_MM:
        return now
    return diameter
