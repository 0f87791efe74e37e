"""Roles at the nodes: one volume each, saved with the scene, never guessed into being."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import image, result

from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.runner import TaskRunner
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

import slicer

from HCCAssistLib.scene.drawing import draw_detection
from HCCAssistLib.scene.handover import SLAB_BYTES, hand_over
from HCCAssistLib.scene.loaded_volumes import VolumeLooks
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.roles import is_settled, role_of, role_volumes, set_role, volume_with_role
from HCCAssistLib.scene.volumes import volume_from_image


@pytest.fixture
def two(scene: Any) -> tuple[Any, Any]:
    return (
        volume_from_image(image("straight"), scene, "arterial one"),
        volume_from_image(image("straight"), scene, "arterial two"),
    )


def test_a_volume_has_no_role_until_a_person_gives_it_one(two: Any, scene: Any) -> None:
    assert role_of(two[0]) is None
    assert not is_settled(two[0])
    assert volume_with_role(scene, "post/arterial") is None
    set_role(two[0], "post/arterial")
    assert (role_of(two[0]), is_settled(two[0])) == ("post/arterial", True)
    assert volume_with_role(scene, "post/arterial") is two[0]
    assert volume_with_role(scene, "post/portal") is None


def test_a_second_volume_takes_the_role_from_the_first(two: Any, scene: Any) -> None:
    set_role(two[0], "post/arterial")
    set_role(two[1], "post/arterial")
    assert (role_of(two[0]), role_of(two[1])) == (None, "post/arterial")
    assert volume_with_role(scene, "post/arterial") is two[1]
    set_role(two[1], None)
    assert role_of(two[1]) is None
    assert is_settled(two[1])  # a person said that it plays none
    assert volume_with_role(scene, "post/arterial") is None


def test_an_unknown_role_is_refused_and_changes_nothing(two: Any) -> None:
    set_role(two[0], "post/arterial")
    with pytest.raises(InputError, match="there is no role 'post/atrial'"):
        set_role(two[0], "post/atrial")
    assert role_of(two[0]) == "post/arterial"
    two[1].SetAttribute("HCCAssist.Role", "something of another version")
    assert role_of(two[1]) is None


def test_roles_come_back_with_the_scene_and_two_claims_are_none(host: Any, two: Any, tmp_path: Path) -> None:
    set_role(two[0], "post/arterial")
    set_role(two[1], None)
    save_mrb(host.scene, tmp_path / "case.mrb")
    host.clear()
    host.load(tmp_path / "case.mrb")
    one = slicer.util.getNode("arterial one")
    assert volume_with_role(host.scene, "post/arterial") is one
    assert is_settled(slicer.util.getNode("arterial two"))
    host.load(tmp_path / "case.mrb")  # the same case once more, beside the first
    assert len([node for node in role_volumes(host.scene) if role_of(node) == "post/arterial"]) == 2
    assert volume_with_role(host.scene, "post/arterial") is None
    set_role(one, "post/arterial")
    assert volume_with_role(host.scene, "post/arterial") is one


def test_only_images_can_play_a_role(host: Any, two: Any) -> None:
    scene = host.scene
    scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "colours")
    hidden = volume_from_image(image("straight"), scene, "hidden")
    hidden.SetHideFromEditors(True)
    draw_detection(result(image("straight")), two[0], scene)  # brings a heat map
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) > 4
    assert list(role_volumes(scene)) == list(two)


def test_voxels_are_handed_over_whole_in_small_steps(scene: Any, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (70, 512, 512)).astype(np.int16)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    slicer.util.updateVolumeFromArray(node, voxels)
    steps = sum(1 for _ in hand_over(node, tmp_path / "voxels.npy"))
    assert steps == -(-70 // (SLAB_BYTES // (512 * 512 * 2)))
    read = np.load(tmp_path / "voxels.npy", allow_pickle=False)
    assert read.dtype == np.int16
    np.testing.assert_array_equal(read, voxels)


@pytest.mark.parametrize("change", ["removed", "other voxels", "painted"])
def test_a_volume_that_changes_meanwhile_is_not_handed_over(scene: Any, tmp_path: Path, change: str) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    slicer.util.updateVolumeFromArray(node, np.zeros((70, 512, 512), np.int16))
    steps = hand_over(node, tmp_path / "voxels.npy")
    next(steps)
    if change == "removed":
        scene.RemoveNode(node)
    elif change == "painted":
        slicer.util.arrayFromVolume(node)[:] = 7
        slicer.util.arrayFromVolumeModified(node)
    else:
        slicer.util.updateVolumeFromArray(node, np.ones((70, 512, 512), np.int16))
    with pytest.raises(InputError):
        list(steps)
    with pytest.raises(InputError, match="no voxels"):
        next(hand_over(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"), tmp_path / "empty.npy"))


def test_voxels_that_could_not_be_looked_at_are_told_and_not_taken_for_looked_at(
    two: Any, scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    monkeypatch.setattr("HCCAssistLib.scene.loaded_volumes.hand_over", full)
    tasks = TaskRunner()
    looks = VolumeLooks(tasks)
    looks.want(looks.loaded(scene))
    while looks.busy:
        looks.step()
    tasks.close()
    for volume in looks.loaded(scene):
        assert "its voxels could not be looked at (No space left on device)" in volume.reason
