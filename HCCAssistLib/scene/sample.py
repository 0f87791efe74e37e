"""The sample case as nodes of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.phantoms.sample import SampleCase
from HCCAssistLib.scene.heatmap import show_layers
from HCCAssistLib.scene.roles import set_role, volume_with_role
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

NAME = "LTP phantom (synthetic)"
ROLE = "post/arterial"


def draw_sample(case: SampleCase, scene: Any) -> Iterator[Any]:
    """Add the case to the scene, a step at a time; gives the volume node and then the segmentation node.

    The volume gets its role unless another one has it: a phantom never takes the place of a patient.
    """
    volume = volume_from_image(case.image, scene, scene.GenerateUniqueName(NAME), Window(level=80, width=350))
    if volume_with_role(scene, ROLE) is None:
        set_role(volume, ROLE)
    yield volume
    segments = segmentation_from_masks(case.masks, volume, scene, f"{volume.GetName()} segments", surfaces=False)
    show_layers(volume, None, scene, opacity=0.0)
    yield segments
