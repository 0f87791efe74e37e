"""A finding as a locked box (ROI) in the scene."""

from __future__ import annotations

from typing import Any

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.colors import SELECTED, Color
from HCCAssistLib.scene.transforms import box_to_ras, to_vtk

NUMBER = "HCCAssist.number"
"""Attribute of a box: the number of its finding."""

FRAME, FRAME_MM = "HCCAssist.frame", 3.0
"""Attribute of the frame around the chosen box, and how far it stands off."""


def add_box(number: int, box: Box, name: str, scene: Any) -> Any:
    """A new box that nobody can move by accident."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
    node.SetAttribute(NUMBER, str(number))
    _place(node, box)
    _make_outline(node)
    return node


def paint_box(node: Any, color: Color, verdict: Verdict) -> None:
    """Colour a box; what a reader put aside steps back."""
    display = node.GetDisplayNode()
    paint(display, color)
    display.SetOpacity(0.5 if verdict in (Verdict.REJECTED, Verdict.OTHER, Verdict.UNSURE) else 1.0)


def frame_box(box: Box | None, scene: Any) -> None:
    """Let one box stand out by a white frame around it, or none.

    A box's own line cannot be made thicker, and its colour tells the verdict. The frame is not saved.
    """
    found = scene.GetNodesByClass("vtkMRMLMarkupsROINode")
    nodes = [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
    node = next((node for node in nodes if node.GetAttribute(FRAME)), None)
    if box is None:
        if node is not None:
            node.SetDisplayVisibility(False)
        return
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLMarkupsROINode")
        node.UnRegister(None)
        node.SetName("chosen finding")
        node.SetAttribute(FRAME, "1")
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        scene.AddNode(node)
        _make_outline(node)
        paint(node.GetDisplayNode(), SELECTED)
        node.GetDisplayNode().SetSaveWithScene(False)
    width, height, depth = (side + 2 * FRAME_MM for side in box.size)
    _place(node, Box(box.center, (width, height, depth), box.axes))
    node.SetDisplayVisibility(True)


def paint(display: Any, color: Color) -> None:
    """Give a markup one colour, whether it is selected or under the mouse."""
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetActiveColor(*color)


def hide_glyphs(display: Any) -> None:
    """Leave the lines and texts of a markup, and hide its points."""
    display.SetUseGlyphScale(False)
    display.SetGlyphSize(0.01)


def _place(node: Any, box: Box) -> None:
    node.SetAndObserveObjectToNodeMatrix(to_vtk(box_to_ras(box)))
    node.SetSize(*box.size)


def _make_outline(node: Any) -> None:
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetHandlesInteractive(False)
    display.SetFillVisibility(False)  # what is in the box is what the reader looks at
    display.SetOutlineOpacity(1.0)
    display.SetPropertiesLabelVisibility(False)  # Slicer writes it onto the middle of the box, over the lesion
    hide_glyphs(display)
