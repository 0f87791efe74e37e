"""Roles at the nodes: one volume each, saved with the scene, never guessed into being."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import image, result

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.jobs.runner import TaskRunner
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

import slicer

from HCCAssistLib.scene.drawing import draw
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.phase_inspector import PhaseInspector
from HCCAssistLib.scene.roles import SYNTHETIC, is_settled, role_of, role_volumes, set_role, volume_with_role
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
    drawn = draw(result(image("straight")), {"post/arterial": two[0]}, scene)  # brings a heat map
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) > 4
    assert list(role_volumes(scene)) == list(two)
    scene.RemoveNode(drawn.record)
    assert list(role_volumes(scene)) == list(two), "a heat map without its record is no scan of a patient either"


class Tasks(TaskRunner):
    """Notes what it would start."""

    def start(self, name: str, arguments: Any = None, *, folder: Path | None = None) -> int:
        self.started = name, np.load(arguments["voxels"], allow_pickle=False), arguments["geometry"]
        return 1


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    runner = Tasks()
    yield runner
    runner.close()


def finish_writing(inspector: PhaseInspector) -> None:
    inspector._writing[0].join()
    inspector.step()


def test_voxels_are_written_for_the_other_process_as_they_lie_in_the_scene(scene: Any, tasks: Tasks) -> None:
    volume = image("oblique left-handed")
    volume_from_image(volume, scene, "CT")
    inspector = PhaseInspector(tasks)
    inspector.request(inspector.loaded(scene))
    begun = time.perf_counter()
    inspector.step()
    assert time.perf_counter() - begun < 0.1
    finish_writing(inspector)
    name, voxels, geometry = tasks.started
    assert name == "phase"
    np.testing.assert_array_equal(voxels, volume.array)
    assert Geometry.from_json(geometry).matches(volume.geometry)


@pytest.mark.parametrize("change", ["removed", "other voxels", "painted"])
def test_a_volume_that_changes_while_it_is_written_is_told(scene: Any, tasks: Tasks, change: str) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    slicer.util.updateVolumeFromArray(node, np.zeros((7, 64, 64), np.int16))
    inspector = PhaseInspector(tasks)
    inspector.request(inspector.loaded(scene))
    inspector.step()
    if change == "removed":
        scene.RemoveNode(node)
    elif change == "painted":
        slicer.util.arrayFromVolume(node)[:] = 7
        slicer.util.arrayFromVolumeModified(node)
    else:
        slicer.util.updateVolumeFromArray(node, np.ones((7, 64, 64), np.int16))
    finish_writing(inspector)
    assert not hasattr(tasks, "started")
    assert not inspector.busy


def test_an_empty_volume_is_told_and_not_inspected(scene: Any, tasks: Tasks) -> None:
    scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    inspector = PhaseInspector(tasks)
    inspector.request(inspector.loaded(scene))
    inspector.step()
    assert not inspector.busy
    assert "holds no voxels" in inspector.loaded(scene)[0].reason


def test_voxels_that_could_not_be_written_are_told_and_not_taken_for_inspected(
    two: Any, scene: Any, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("HCCAssistLib.scene.phase_inspector.np.save", full)
    inspector = PhaseInspector(tasks)
    inspector.request(inspector.loaded(scene))
    while inspector.busy:
        inspector.step()
    for volume in inspector.loaded(scene):
        assert "its voxels could not be looked at (No space left on device)" in volume.reason


def test_what_is_not_wanted_any_more_leaves_no_file(two: Any, scene: Any, tasks: Tasks) -> None:
    inspector = PhaseInspector(tasks)
    inspector.request(inspector.loaded(scene))
    inspector.step()
    writer = inspector._writing[0]
    inspector.forget()
    writer.join()
    assert not writer.folder.exists()
    assert not inspector.busy


def test_a_confirmed_scan_of_a_loaded_scene_is_looked_at_again_after_those_that_wait(
    two: Any, scene: Any, tasks: Tasks
) -> None:
    set_role(two[0], "post/arterial")
    unused, synthetic = (volume_from_image(image("straight"), scene, name) for name in ("unused", "synthetic"))
    set_role(unused, None)
    set_role(synthetic, "post/portal")
    synthetic.SetAttribute(SYNTHETIC, "1")
    inspector = PhaseInspector(tasks)
    inspector.request(inspector.loaded(scene))
    assert inspector._waiting == [two[1], two[0]]
