"""Which segments count is told by a tag that Slicer keeps, and reaches the study of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import image

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene.inputs import capture_segment
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.targets import is_target, set_target
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image


def segmentation(scene: Any) -> tuple[Any, list[str]]:
    scan = volume_from_image(image("flipped"), scene, "CT")
    grid = image("flipped").geometry
    mask = Image(np.ones(grid.shape, np.uint8), grid)
    node = segmentation_from_masks({"T1": mask, "T2": mask}, scan, scene, "tumours", surfaces=False)
    return node, [node.GetSegmentation().GetNthSegmentID(n) for n in range(2)]


def test_all_count_until_one_is_tagged(scene: Any) -> None:
    node, (one, other) = segmentation(scene)
    assert is_target(node, one) and is_target(node, other)
    assert capture_segment(node, one)().tags == {}
    set_target(node, one, target=False)
    assert not is_target(node, one) and not is_target(node, other), "as cohort files have it: untagged beside tagged"
    set_target(node, other, target=True)
    assert is_target(node, other)
    assert [capture_segment(node, each)().tags for each in (one, other)] == [{"target": "no"}, {"target": "yes"}]


def test_what_counts_is_kept_in_a_saved_scene(host: Any, scene: Any, tmp_path: Path) -> None:
    node, (one, other) = segmentation(scene)
    set_target(node, one, target=True)
    set_target(node, other, target=False)
    save_mrb(scene, tmp_path / "scene.mrb")
    host.clear()
    host.load(tmp_path / "scene.mrb")
    loaded = scene.GetFirstNodeByName("tumours")
    ids = [loaded.GetSegmentation().GetNthSegmentID(n) for n in range(2)]
    assert [is_target(loaded, each) for each in ids] == [True, False]
