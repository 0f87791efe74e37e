"""Showing a place in all views."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import slicer

from HCCAssistLib.scene.transforms import lps_to_ras


def jump_to(place: npt.ArrayLike, scene: Any, *, group: int = -1) -> None:
    """Centre the slice views (of one group, or all) and 3-D views on a place (LPS mm); direction and zoom stay."""
    ras = lps_to_ras(place)
    slices = slicer.vtkMRMLSliceNode
    slices.JumpAllSlices(scene, *ras, slices.CenteredJumpSlice, group)
    cameras = scene.GetNodesByClass("vtkMRMLCameraNode")
    for index in range(cameras.GetNumberOfItems()):
        camera = cameras.GetItemAsObject(index)
        move = ras - np.array(camera.GetFocalPoint())
        camera.SetPosition(*(np.array(camera.GetPosition()) + move))
        camera.SetFocalPoint(*ras)
        camera.ResetClippingRange()
