"""Several volumes of one case side by side: an axial slice view for each, linked, and a coronal one beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.scene.navigation import jump_to

VIEW = "HCCAssist"
"""What the views are called; a number from 1 on follows, or ``CORONAL``."""

CORONAL = "Coronal"

FIRST_LAYOUT = 7310
"""A layout's number is this one plus the number of its views; Slicer's own lie far below."""

WITHOUT_CORONAL = 20

IN_A_ROW = 3
"""Views that one row holds."""

MOST = 4
"""Volumes that fit beside one another."""

FIRST_GROUP = 1
"""Group of the views of the first time point, where those of each are linked; the next one follows."""

ROOM = 1.5
"""The shorter side of a view in sides of the frame."""

LEAST_MM = 100.0
"""Less than this around a finding does not tell where in the liver it is."""


def layout_number(number: int, *, coronal: bool = True) -> int:
    """Of the layout that ``layout_xml`` describes."""
    return FIRST_LAYOUT + number + (0 if coronal else WITHOUT_CORONAL)


def layout_xml(number: int, *, coronal: bool = True) -> str:
    """The description of a layout of so many axial slice views and then a coronal one, as Slicer reads it.

    More than three views stand in two rows, so that each is as large as it can be.

    >>> layout_xml(2).count("vtkMRMLSliceNode"), layout_xml(2).count("horizontal")
    (3, 1)
    >>> layout_xml(3).count("vtkMRMLSliceNode"), layout_xml(3).count("horizontal")
    (4, 2)

    Args:
        number: of axial views.
        coronal: whether a coronal one comes last.
    """
    views = [_view_xml(str(index), "Axial", str(index)) for index in range(1, number + 1)]
    if coronal:
        views.append(_view_xml(CORONAL, CORONAL, "C"))
    if len(views) <= IN_A_ROW:
        return _layout("horizontal", views)
    first = -(-len(views) // 2)
    rows = (_layout("horizontal", part) for part in (views[:first], views[first:]))
    return _layout("vertical", [f"<item>{row}</item>" for row in rows])


def _layout(kind: str, items: Sequence[str]) -> str:
    return f'<layout type="{kind}" split="true">{"".join(items)}</layout>'


def _view_xml(name: str, orientation: str, label: str) -> str:
    return (
        f'<item><view class="vtkMRMLSliceNode" singletontag="{VIEW}{name}">'
        f'<property name="orientation" action="default">{orientation}</property>'
        f'<property name="viewlabel" action="default">{label}</property>'
        '<property name="viewcolor" action="default">#808080</property></view></item>'
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """What one view shows.

    Attributes:
        volume: volume node.
        logic: of the slice view.
        orientation: by the patient's axes, as Slicer names it.
        group: views of one group are linked with each other; 0 is that of Slicer's own views, too.
    """

    volume: Any
    logic: Any
    orientation: str = "Axial"
    group: int = 0


class SideBySide:
    """The views of such a layout.

    Args:
        scene: that the volumes are in.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._logics: list[Any] = []
        self._groups: list[int] = []

    def show(self, shown: Sequence[Shown]) -> bool:
        """Put one volume into each view, whether that changed anything."""
        self._logics = [one.logic for one in shown]
        self._groups = [one.group for one in shown]
        changed = False
        for one in shown:
            volume, logic, orientation = one.volume, one.logic, one.orientation
            view = logic.GetSliceCompositeNode()
            logic.GetSliceNode().SetViewGroup(one.group)
            if view.GetBackgroundVolumeID() != volume.GetID():
                view.SetLinkedControl(False)  # else the first view's volume goes into all
                view.SetBackgroundVolumeID(volume.GetID())
                view.SetForegroundVolumeID(None)
                logic.GetSliceNode().SetOrientation(orientation)  # by the patient's axes, however the volume is stored
                logic.FitSliceToBackground()
                changed = True
        for logic in self._logics:
            logic.GetSliceCompositeNode().SetLinkedControl(True)
        return changed

    def focus(self, boxes: Mapping[int, Box]) -> None:
        """Go to a box: its middle in the middle of every view of its group, and all of it with room around.

        Args:
            boxes: by the group of the views; views of other groups stay where they are.
        """
        for logic, group in zip(self._logics, self._groups, strict=True):
            if group in boxes:
                node = logic.GetSliceNode()
                width, height, depth = node.GetFieldOfView()
                scale = max(LEAST_MM, ROOM * max(boxes[group].size[:2])) / min(width, height)
                node.SetFieldOfView(width * scale, height * scale, depth)
        for group, box in boxes.items():
            jump_to(box.center, self._scene, group=group or -1)  # that of Slicer's own views means all

    def leave(self) -> None:
        """The views are not seen any more, and show nothing."""
        for logic in self._logics:
            view = logic.GetSliceCompositeNode()
            if view is not None:
                view.SetLinkedControl(False)
                view.SetBackgroundVolumeID(None)
                view.SetForegroundVolumeID(None)
                logic.GetSliceNode().SetViewGroup(0)
        self._logics, self._groups = [], []
