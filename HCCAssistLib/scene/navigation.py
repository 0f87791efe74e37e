"""Showing a place in all views."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import slicer

from HCCAssistLib.scene.transforms import lps_to_ras


def jump_to(place: npt.ArrayLike, scene: Any) -> None:
    """Centre all slice views and the 3-D views on a place (LPS mm); the direction of view and the zoom stay."""
    ras = lps_to_ras(place)
    slices = slicer.vtkMRMLSliceNode
    slices.JumpAllSlices(scene, *ras, slices.CenteredJumpSlice)
    cameras = scene.GetNodesByClass("vtkMRMLCameraNode")
    for index in range(cameras.GetNumberOfItems()):
        camera = cameras.GetItemAsObject(index)
        move = ras - np.array(camera.GetFocalPoint())
        camera.SetPosition(*(np.array(camera.GetPosition()) + move))
        camera.SetFocalPoint(*ras)
        camera.ResetClippingRange()
