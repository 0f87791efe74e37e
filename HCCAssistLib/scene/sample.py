"""A sample case as nodes of the scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer

from HCCAssistLib.cohort.points import PointList
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.scene.marks import points_node
from HCCAssistLib.scene.records import composites
from HCCAssistLib.scene.roles import SYNTHETIC, set_role, volume_with_role
from HCCAssistLib.scene.transforms import lps_to_ras
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

SAMPLE = "HCCAssist.sample"
"""Attribute of the nodes of a sample case: its title and what each is."""


def draw_sample(
    volumes: Mapping[str, Image],
    masks: Mapping[str, Image],
    points: Mapping[str, PointList],
    scene: Any,
    *,
    title: str,
    window: Window,
) -> Iterator[Any]:
    """Add a synthetic case to the scene and show it, a step at a time; one that is there is shown again.

    A volume gets its role unless another one has it: a phantom never takes the place of a patient.

    Args:
        volumes: by their roles (``"post/arterial"``), the main one first.
        masks: by their places (``"post/liver"``) or names; the views go to the last one.
        points: by their places (``"baseline/masses"``); the views go to the first one where there are no masks.
        scene: where the nodes go.
        title: of the case; it says that the case is synthetic.
        window: grey values to show.

    Returns:
        The volume nodes one by one, the lists of points, then the segmentation where there are masks.
    """
    nodes = []
    for role, image in volumes.items():
        node = _found(scene, f"{title}: {role}")
        if node is None:
            name = title if len(volumes) == 1 else f"{title} {role}"
            node = volume_from_image(image, scene, scene.GenerateUniqueName(name), window)
            node.SetAttribute(SAMPLE, f"{title}: {role}")
            node.SetAttribute(SYNTHETIC, "1")
        if volume_with_role(scene, role) is None:
            set_role(node, role)
        nodes.append(node)
        for view in composites(scene):
            view.SetBackgroundVolumeID(nodes[0].GetID())
            view.SetForegroundVolumeID(None)
        yield node
    for place, listed in points.items():
        markups = _found(scene, f"{title}: {place}")
        if markups is None:
            markups = points_node(listed, scene, f"{title} {place.split('/')[-1]}")
            markups.SetAttribute(SAMPLE, f"{title}: {place}")
        if not masks and listed.points:
            slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *lps_to_ras(listed.points[0].position))
        yield markups
    if not masks:
        return
    segments = _found(scene, f"{title}: segments")
    if segments is None:
        named = {place.split("/")[-1]: mask for place, mask in masks.items()}
        segments = segmentation_from_masks(named, nodes[0], scene, f"{nodes[0].GetName()} segments", surfaces=False)
        segments.SetAttribute(SAMPLE, f"{title}: segments")
    middle = _inside(list(masks.values())[-1])
    slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *lps_to_ras(middle))
    yield segments


def _found(scene: Any, what: str) -> Any | None:
    for class_name in ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLMarkupsFiducialNode"):
        nodes = scene.GetNodesByClass(class_name)
        for index in range(nodes.GetNumberOfItems()):
            if nodes.GetItemAsObject(index).GetAttribute(SAMPLE) == what:
                return nodes.GetItemAsObject(index)
    return None


def _inside(mask: Image) -> npt.NDArray[np.float64]:
    """A place within a mask, on the slice where it is largest (LPS mm)."""
    largest = int(mask.array.sum(axis=(1, 2)).argmax())
    filled = np.argwhere(mask.array[largest])
    j, i = filled[len(filled) // 2]
    return mask.geometry.to_world((i, j, largest))
