"""The sample case as nodes of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.scene.heatmap import show_layers
from HCCAssistLib.scene.roles import SYNTHETIC, set_role, volume_with_role
from HCCAssistLib.scene.transforms import lps_to_ras
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

NAME = "LTP phantom (synthetic)"
ROLE = "post/arterial"


def draw_sample(case: Any, scene: Any) -> Iterator[Any]:
    """Add the case to the scene and show an ablation zone, a step at a time; gives the volume, then the segmentation.

    The volume gets its role unless another one has it: a phantom never takes the place of a patient.
    """
    (image,) = case.volumes.values()
    masks = {place.rpartition("/")[2]: mask for place, mask in case.masks.items()}
    volume = volume_from_image(image, scene, scene.GenerateUniqueName(NAME), Window(level=80, width=350))
    volume.SetAttribute(SYNTHETIC, "1")
    if volume_with_role(scene, ROLE) is None:
        set_role(volume, ROLE)
    show_layers(volume, None, scene, opacity=0.0)
    yield volume
    segments = segmentation_from_masks(masks, volume, scene, f"{volume.GetName()} segments", surfaces=False)
    slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *lps_to_ras(_inside(masks["ablation"])))
    yield segments


def _inside(mask: Image) -> npt.NDArray[np.float64]:
    """A place within a mask, on the slice where it is largest (LPS mm)."""
    largest = int(mask.array.sum(axis=(1, 2)).argmax())
    filled = np.argwhere(mask.array[largest])
    j, i = filled[len(filled) // 2]
    return mask.geometry.to_world((i, j, largest))
