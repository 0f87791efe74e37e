"""Several volumes of one case side by side: a layout of linked axial slice views, one volume in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.scene.navigation import jump_to

VIEW = "HCCAssist"
"""What the views are called; a number from 1 on follows."""

FIRST_LAYOUT = 7310
"""A layout's number is this one plus the number of its views; Slicer's own lie far below."""

MOST = 4
"""Volumes that fit beside one another."""

ROOM = 1.5
"""The shorter side of a view in sides of the frame."""

LEAST_MM = 100.0
"""Less than this around a finding does not tell where in the liver it is."""


def layout_xml(number: int) -> str:
    """The description of a layout of so many slice views in a row, as Slicer reads it.

    >>> layout_xml(2).count("vtkMRMLSliceNode")
    2
    """
    views = "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{VIEW}{index}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{index}</property>'
        '<property name="viewcolor" action="default">#808080</property></view></item>'
        for index in range(1, number + 1)
    )
    return f'<layout type="horizontal" split="true">{views}</layout>'


class SideBySide:
    """The views of such a layout.

    Args:
        scene: that the volumes are in.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._logics: list[Any] = []

    def show(self, volumes: Mapping[str, Any], logics: Sequence[Any]) -> bool:
        """Put one volume into each view, whether that changed anything.

        Args:
            volumes: volume nodes by their places.
            logics: slice logics of the views, as many.
        """
        self._logics = list(logics)
        changed = False
        for volume, logic in zip(volumes.values(), self._logics, strict=True):
            view = logic.GetSliceCompositeNode()
            if view.GetBackgroundVolumeID() != volume.GetID():
                view.SetLinkedControl(False)  # else the first view's volume goes into all
                view.SetBackgroundVolumeID(volume.GetID())
                view.SetForegroundVolumeID(None)
                logic.GetSliceNode().SetOrientation("Axial")  # by the patient's axes, however the volume is stored
                logic.FitSliceToBackground()
                changed = True
        for logic in self._logics:
            logic.GetSliceCompositeNode().SetLinkedControl(True)
        return changed

    def focus(self, box: Box) -> None:
        """Go to a box: its middle in the middle of every view, and all of it with room around."""
        wanted = max(LEAST_MM, ROOM * max(box.size[:2]))
        for logic in self._logics:
            node = logic.GetSliceNode()
            width, height, depth = node.GetFieldOfView()
            scale = wanted / min(width, height)
            node.SetFieldOfView(width * scale, height * scale, depth)
        jump_to(box.center, self._scene)

    def leave(self) -> None:
        """The views are not seen any more, and show nothing."""
        for logic in self._logics:
            view = logic.GetSliceCompositeNode()
            if view is not None:
                view.SetLinkedControl(False)
                view.SetBackgroundVolumeID(None)
                view.SetForegroundVolumeID(None)
        self._logics = []
