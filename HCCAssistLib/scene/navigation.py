"""Showing a place in all views."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import slicer

from HCCAssistLib.scene.transforms import lps_to_ras

ROOM = 1.6
"""Half the height of a 3-D view in radii of what is looked at."""


def jump_to(place: npt.ArrayLike, scene: Any, *, group: int = -1, radius: float | None = None) -> None:
    """Centre the slice views (of one group, or all) and 3-D views on a place; direction and zoom stay.

    Args:
        place: LPS mm.
        scene: of the views.
        group: of the slice views; -1 is all.
        radius: mm around the place that 3-D views show, instead of what they showed.
    """
    ras = lps_to_ras(place)
    slices = slicer.vtkMRMLSliceNode
    slices.JumpAllSlices(scene, *ras, slices.CenteredJumpSlice, group)
    cameras = scene.GetNodesByClass("vtkMRMLCameraNode")
    for index in range(cameras.GetNumberOfItems()):
        camera = cameras.GetItemAsObject(index)
        away = np.array(camera.GetPosition()) - np.array(camera.GetFocalPoint())
        if radius is not None:
            wanted = ROOM * radius / np.tan(np.radians(camera.GetViewAngle() / 2))
            away *= wanted / max(float(np.linalg.norm(away)), 1e-6)
            camera.SetParallelScale(ROOM * radius)
        camera.SetPosition(*(ras + away))
        camera.SetFocalPoint(*ras)
        camera.ResetClippingRange()
