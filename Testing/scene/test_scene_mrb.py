"""A saved scene brings everything back, and a file that is not one is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import (
    PLACE,
    assert_same_voxels,
    at_threshold,
    draw_on,
    expected_corners,
    image,
    nodes,
    result,
    set_review,
    table_rows,
    visible,
    world_corners,
)

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene import colors
from HCCAssistLib.scene.drawing import restore
from HCCAssistLib.scene.inputs import image_from_volume
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.pictures import save_case
from HCCAssistLib.scene.volumes import volume_from_image


def test_boxes_verdicts_table_and_heat_come_back(host: Any, tmp_path: Path) -> None:
    volume = image("oblique left-handed")
    drawn = draw_on(volume_from_image(volume, host.scene, "CT"), result(volume), host.scene, heat=0.6)
    drawn = set_review(drawn, 2, Review(Verdict.REJECTED, "R1", "vessel, not tumour; see 2024"))
    drawn = at_threshold(drawn, 0.6)
    rows = table_rows(drawn.table)
    save_mrb(host.scene, tmp_path / "case.mrb")
    assert [p.name for p in tmp_path.iterdir()] == ["case.mrb"]
    host.clear()
    assert restore(host.scene).drawings == ()
    host.load(tmp_path / "case.mrb")
    (found,) = restore(host.scene).drawings
    assert found.result.as_json() == drawn.result.as_json()
    # Slicer's reader reverses the slices of a left-handed volume; each voxel stays at its place
    assert_same_voxels(found.result.heatmap, drawn.result.heatmap)
    assert_same_voxels(image_from_volume(found.volume), volume)
    assert visible(found) == [1, 2]
    for candidate in found.result.candidates:
        corners = world_corners(found.boxes[candidate.number])
        np.testing.assert_allclose(corners, expected_corners(candidate.box.corners()), atol=0.002)
        assert found.boxes[candidate.number].GetLocked()
    np.testing.assert_allclose(
        found.boxes[2].GetDisplayNode().GetSelectedColor(), colors.VERDICTS[Verdict.REJECTED], atol=0.01
    )
    assert table_rows(found.table) == rows
    composite = host.slice_logics["Red"].GetSliceCompositeNode()
    assert composite.GetBackgroundVolumeID() == found.volume.GetID()
    assert composite.GetForegroundVolumeID() == found.heatmaps[PLACE].GetID()
    assert composite.GetForegroundOpacity() == pytest.approx(0.6)
    display = found.heatmaps[PLACE].GetDisplayNode()
    assert display.GetColorNode().GetName() == colors.HEAT_TABLE
    assert display.GetLowerThreshold() == pytest.approx(0.3)
    shown = [0.0] * 4
    display.GetColorNode().GetColor(255, shown)
    np.testing.assert_allclose(shown[:3], colors.heat_colors()[255], atol=1 / 255)


def test_a_loaded_drawing_lives_on(host: Any, tmp_path: Path) -> None:
    volume = image("flipped")
    draw_on(volume_from_image(volume, host.scene, "CT"), result(volume), host.scene)
    save_mrb(host.scene, tmp_path / "one.mrb")
    host.clear()
    host.load(tmp_path / "one.mrb")
    before = len(nodes(host.scene))
    (found,) = restore(host.scene).drawings
    assert visible(at_threshold(found, 0.1)) == [1, 2, 3]
    drawn = draw_on(found.volume, result(volume), host.scene)
    assert len(restore(host.scene).drawings) == 1, "the same run replaces what was loaded"
    assert visible(drawn) == [1, 2]
    assert len(nodes(host.scene)) <= before
    save_mrb(host.scene, tmp_path / "two.mrb")
    host.clear()
    host.load(tmp_path / "two.mrb")
    assert visible(restore(host.scene).drawings[0]) == [1, 2]


def test_a_case_is_saved_with_its_segments(host: Any, tmp_path: Path) -> None:
    volume = image("oblique")
    mask = volume.with_array((volume.array > 200).astype(np.uint8), "threshold")
    save_case(result(volume), {PLACE: volume}, {"post/ablation zone": mask}, tmp_path / "case.mrb", synthetic=True)
    assert restore(host.scene).drawings == (), "the host is left empty"
    host.load(tmp_path / "case.mrb")
    segmentation = host.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode").GetSegmentation()
    assert segmentation.GetNthSegment(0).GetName() == "ablation zone"
    found = restore(host.scene).drawings[0].volume
    assert found.GetAttribute("HCCAssist.Synthetic") == "1"
    display = found.GetDisplayNode()
    assert (display.GetLevel(), display.GetWindow()) == (60, 400)


@pytest.mark.parametrize("voxels", ["bool", "uint8", "int16", "int64", "uint64", "float16", "float32", "float64"])
def test_voxels_of_any_type_are_saved(voxels: str, host: Any, tmp_path: Path) -> None:
    volume = image("oblique")
    volume = volume.with_array(
        (volume.array % 2).astype(voxels) if voxels == "bool" else volume.array.clip(0, 200).astype(voxels), "type"
    )
    save_case(result(volume), {PLACE: volume}, None, tmp_path / "case.mrb")
    host.load(tmp_path / "case.mrb")
    assert_same_voxels(image_from_volume(restore(host.scene).drawings[0].volume), volume)


@pytest.mark.parametrize("name", ["../escape.txt", "/escape.txt", "case/../../escape.txt", "C:\\escape.txt"])
def test_a_member_that_would_leave_the_folder_is_refused(name: str, host: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.mrb", "w") as bundle:
        bundle.writestr("case/case.mrml", "<MRML></MRML>")
        bundle.writestr(name, "x")
    with pytest.raises(InputError, match=r"bad\.mrb: a member of the file would be written outside"):
        host.load(tmp_path / "bad.mrb")


def test_a_link_in_a_scene_is_refused(host: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.mrb", "w") as bundle:
        link = zipfile.ZipInfo("case/Data")
        link.external_attr = 0o120777 << 16
        bundle.writestr(link, "/etc")
        bundle.writestr("case/case.mrml", "<MRML></MRML>")
    with pytest.raises(InputError, match="outside its folder"):
        host.load(tmp_path / "bad.mrb")


def test_files_that_are_not_scenes_are_refused_by_name(host: Any, tmp_path: Path) -> None:
    volume = image("straight")
    save_case(result(volume), {PLACE: volume}, None, tmp_path / "whole.mrb")
    whole = (tmp_path / "whole.mrb").read_bytes()
    (tmp_path / "cut.mrb").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.mrb").write_text("not a scene")
    with zipfile.ZipFile(tmp_path / "empty.mrb", "w") as bundle:
        bundle.writestr("readme.txt", "x")
    with zipfile.ZipFile(tmp_path / "xml.mrb", "w") as bundle:
        bundle.writestr("case/case.mrml", "<MRML><Volume id='x'")
    for name, what in (
        ("missing", "no such file"),
        ("cut", "damaged or cut short"),
        ("text", "damaged or cut short"),
        ("empty", "holds 0 scenes"),
        ("xml", "damaged"),
    ):
        with pytest.raises(InputError, match=rf"{name}\.mrb: .*{what}"):
            host.load(tmp_path / f"{name}.mrb")


def test_a_save_that_fails_leaves_the_old_file(host: Any, tmp_path: Path) -> None:
    (tmp_path / "case.mrb").write_bytes(b"old")

    class Full:
        @staticmethod
        def WriteToMRB(_path: str) -> bool:
            return False

    with pytest.raises(HCCAssistError, match=r"case\.mrb: the scene could not be written"):
        save_mrb(Full(), tmp_path / "case.mrb")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("case.mrb", b"old")]
    with pytest.raises(InputError, match=r"a scene is written as \.mrb"):
        save_mrb(host.scene, tmp_path / "case.mrml")
    with pytest.raises(InputError, match="no such folder"):
        save_mrb(host.scene, tmp_path / "nowhere" / "case.mrb")
