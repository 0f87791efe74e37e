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
from HCCAssistLib.scene.modality import set_modality
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
    modality: str,
) -> Iterator[Any]:
    """Add a synthetic case to the scene and show it, a step at a time; one that is there is shown again.

    A volume gets its role unless another one has it: a phantom never takes the place of a patient.

    Args:
        volumes: by their roles (``"post/arterial"``), the main one first.
        masks: by their places (``"post/liver"``); those of a time point make a segmentation on its first volume. The
            views go to the last one of the first volume's time point.
        points: by their places (``"baseline/masses"``); the views go to the first one where there are no masks.
        scene: where the nodes go.
        title: of the case; it says that the case is synthetic.
        window: grey values of a CT to show; those of an MR, which has no units, are Slicer's choice.
        modality: of the volumes, ``"CT"`` or ``"MR"``, by which a module knows its scans.

    Returns:
        The volume nodes one by one, the lists of points, then the segmentations where there are masks.
    """
    nodes: dict[str, Any] = {}
    for role, image in volumes.items():
        node = _found(scene, f"{title}: {role}")
        if node is None:
            # what tells them apart comes first: a narrow box cuts off the end
            name = title if len(volumes) == 1 else f"{_words(role)}, {title}"
            shown_in = window if modality == "CT" else None
            node = volume_from_image(image, scene, scene.GenerateUniqueName(name), shown_in)
            node.SetAttribute(SAMPLE, f"{title}: {role}")
            node.SetAttribute(SYNTHETIC, "1")
            set_modality(node, modality)
        if volume_with_role(scene, role) is None:
            set_role(node, role)
        nodes[role] = node
        for view in composites(scene):
            view.SetBackgroundVolumeID(next(iter(nodes.values())).GetID())
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
    firsts: dict[str, Any] = {}
    for role, node in nodes.items():
        firsts.setdefault(_time(role), node)
    for time, volume in firsts.items():
        named = {place.split("/")[-1]: mask for place, mask in masks.items() if _time(place) == time}
        if not named:
            continue
        segments = _found(scene, f"{title}: {time}/segments")
        if segments is None:
            name = title if len(volumes) == 1 else f"{', '.join(named)}, {title}"
            segments = segmentation_from_masks(named, volume, scene, f"{name} segments", surfaces=False)
            segments.SetAttribute(SAMPLE, f"{title}: {time}/segments")
        if time == _time(next(iter(volumes))):
            slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *lps_to_ras(_inside(list(named.values())[-1])))
        yield segments


def _time(place: str) -> str:
    return place.split("/")[0]


def _words(role: str) -> str:
    """``arterial before treatment`` for ``pre/arterial``, as its phase is guessed from again."""
    time, _, phase = role.partition("/")
    return {"pre": f"{phase} before treatment", "post": f"{phase} at follow-up"}.get(time, phase)


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
