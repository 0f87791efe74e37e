"""A candidate as a locked box (ROI) in the scene, with its number beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import vtk

from HCCAssistLib.imaging.geometry import Box, FloatArray
from HCCAssistLib.results.detection import Candidate
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.colors import LABEL, Color, box_color
from HCCAssistLib.scene.transforms import box_to_ras, lps_to_ras, to_vtk

NUMBER = "HCCAssist.candidate"
"""Attribute of a box: the number of its candidate."""

FRAME, FRAME_MM = "HCCAssist.frame", 3.0
"""Attribute of the frame around the chosen box, and how far it stands off."""


def add_box(candidate: Candidate, kind: str, scene: Any) -> Any:
    """A new box that nobody can move by accident, named like ``LTP 1: 0.93``."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", f"{kind} {_label(candidate)}")
    node.SetAttribute(NUMBER, str(candidate.number))
    node.SetAndObserveObjectToNodeMatrix(to_vtk(box_to_ras(candidate.box)))
    node.SetSize(*candidate.box.size)
    _look(node, box_color(candidate))
    show_verdict(node, candidate)
    return node


def add_labels(candidates: Sequence[Candidate], kind: str, scene: Any) -> Any:
    """A new locked point list with the number and probability of each candidate at a corner of its box."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"{kind} numbers")
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    _paint(display, LABEL)
    display.SetTextScale(4.0)
    display.SetOccludedVisibility(True)  # readable through the liver's surface
    display.SetOccludedOpacity(1.0)
    _hide_points(display)
    for candidate in candidates:
        index = node.AddControlPoint(vtk.vtkVector3d(*lps_to_ras(label_position(candidate.box))), _label(candidate))
        node.SetNthControlPointDescription(index, str(candidate.number))
    node.SetLocked(True)
    return node


def show_labels(node: Any, numbers: Collection[int]) -> None:
    """Show the labels of some candidates by their numbers, and hide the others."""
    for index in range(node.GetNumberOfControlPoints()):
        node.SetNthControlPointVisibility(index, int(node.GetNthControlPointDescription(index)) in numbers)


def label_position(box: Box) -> FloatArray:
    """LPS of the corner at the upper right of the box in an axial picture, at the height of the box's middle."""
    axes = np.array(box.axes)
    arms = axes * np.array(box.size)[:, None] / 2
    in_plane = np.argsort(np.abs(axes[:, 2]))[:2]
    to_left_anterior = np.array([1.0, -1.0, 0.0])
    steps = [arm * (1 if arm @ to_left_anterior > 0 else -1) for arm in arms[in_plane]]
    corner: FloatArray = np.array(box.center) + np.sum(steps, axis=0)
    return corner


def show_verdict(node: Any, candidate: Candidate) -> None:
    """Colour a box by the verdict on its candidate; a rejected one steps back."""
    display = node.GetDisplayNode()
    _paint(display, box_color(candidate))
    display.SetOpacity(0.5 if candidate.review.verdict is Verdict.REJECTED else 1.0)


def frame_box(candidate: Candidate | None, scene: Any) -> None:
    """Let the box of one candidate stand out by a white frame around it, or of none.

    A box's own line cannot be made thicker, and its colour tells the verdict. The frame is not saved.
    """
    found = scene.GetNodesByClass("vtkMRMLMarkupsROINode")
    nodes = [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
    node = next((node for node in nodes if node.GetAttribute(FRAME)), None)
    if candidate is None:
        if node is not None:
            node.SetDisplayVisibility(False)
        return
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLMarkupsROINode")
        node.UnRegister(None)
        node.SetName("chosen candidate")
        node.SetAttribute(FRAME, "1")
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        scene.AddNode(node)
        _look(node, LABEL)
        node.GetDisplayNode().SetSaveWithScene(False)
    node.SetAndObserveObjectToNodeMatrix(to_vtk(box_to_ras(candidate.box)))
    node.SetSize(*(side + 2 * FRAME_MM for side in candidate.box.size))
    node.SetDisplayVisibility(True)


def _look(node: Any, color: Color) -> None:
    """A plain outline that nobody can move by accident."""
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetHandlesInteractive(False)
    display.SetFillVisibility(False)  # what is in the box is what the reader looks at
    display.SetOutlineOpacity(1.0)
    display.SetPropertiesLabelVisibility(False)  # Slicer writes it onto the middle of the box, over the lesion
    _hide_points(display)
    _paint(display, color)


def _paint(display: Any, color: Color) -> None:
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetActiveColor(*color)


def _label(candidate: Candidate) -> str:
    text = f"{candidate.probability:.2f}"
    # nothing is certain: what rounds to 1 is not written as 1
    return f"{candidate.number}: {'>0.99' if text == '1.00' and candidate.probability < 1 else text}"


def _hide_points(display: Any) -> None:
    display.SetUseGlyphScale(False)
    display.SetGlyphSize(0.01)
