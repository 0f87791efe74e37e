"""Whether a volume is a CT or an MR follows from its header, else its grey values, else its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import image

from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene.modality import HEADER, may_be_of, modality_of
from HCCAssistLib.scene.volumes import volume_from_image


def node(scene: Any, name: str, lowest: int) -> Any:
    volume = image("straight")
    array = np.clip(volume.array, 0, None).astype(np.int16)
    array[0, 0, 0] = lowest
    return volume_from_image(volume.with_array(array, "test"), scene, name)


@pytest.mark.parametrize(
    ("name", "lowest", "told"),
    [
        ("arterial", -1000, "CT"),
        ("T1 VIBE arterial", -1000, "CT"),
        ("MR_arterial", 0, "MR"),
        ("t1_vibe_fs", 0, "MR"),
        ("CT arterial", 0, "CT"),
        ("CT of MR 4711", 0, ""),
        ("arterial", 0, ""),
        ("ACTA arterial", 0, ""),
    ],
)
def test_grey_values_tell_it_before_a_name_does(scene: Any, name: str, lowest: int, told: str) -> None:
    volume = node(scene, name, lowest)
    assert modality_of(volume) == told
    assert may_be_of(volume, "MR") == (told in ("", "MR"))


def test_the_header_of_the_series_or_of_what_it_belongs_to_counts_first(scene: Any) -> None:
    import slicer

    volume = node(scene, "CT arterial", -1000)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(volume) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), volume)
    hierarchy.SetItemAttribute(item, HEADER, "MR")
    assert modality_of(volume) == "MR"
