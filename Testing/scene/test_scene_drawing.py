"""What is drawn stands where the result says, follows threshold and verdict, and goes without a trace."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import (
    DIRECTIONS,
    blob_center,
    expected_corners,
    image,
    nodes,
    result,
    rotation,
    table_rows,
    visible,
    world_corners,
)

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import slicer
import vtk

from HCCAssistLib.scene import colors
from HCCAssistLib.scene.boxes import FRAME_MM, frame_box
from HCCAssistLib.scene.drawing import (
    DrawnDetection,
    apply_threshold,
    draw_detection,
    drawn_in_steps,
    remove,
    restore,
    set_review,
)
from HCCAssistLib.scene.inputs import image_from_volume
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.volumes import volume_from_image


def drawn_on(scene: Any, kind: str = "oblique left-handed") -> tuple[DrawnDetection, Any, Image]:
    volume = image(kind)
    node = volume_from_image(volume, scene, "CT")
    return draw_detection(result(volume), node, scene), node, volume


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_boxes_stand_where_the_candidates_are(kind: str, scene: Any) -> None:
    drawn, _, _ = drawn_on(scene, kind)
    assert list(drawn.boxes) == [1, 2, 3]
    for candidate in drawn.result.candidates:
        np.testing.assert_allclose(
            world_corners(drawn.boxes[candidate.number]), expected_corners(candidate.box.corners()), atol=0.002
        )


def test_boxes_are_named_locked_and_not_in_the_way(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    assert [box.GetName() for box in drawn.boxes.values()] == ["LTP 1: 0.93", "LTP 2: 0.71", "LTP 3: 0.30"]
    for box in drawn.boxes.values():
        assert box.GetLocked()
        assert not box.GetDisplayNode().GetHandlesInteractive()
        assert not box.GetDisplayNode().GetFillVisibility()
    assert drawn.labels is not None
    assert [drawn.labels.GetNthControlPointLabel(n) for n in range(3)] == ["1: 0.93", "2: 0.71", "3: 0.30"]


def test_a_box_in_a_moved_volume_stands_at_its_place_in_the_world(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    parent = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    matrix = vtk.vtkMatrix4x4()
    for (row, column), value in np.ndenumerate(rotation((1, 1, 0), 30)):
        matrix.SetElement(row, column, value)
    matrix.SetElement(0, 3, 25)
    matrix.SetElement(2, 3, -60)
    parent.SetMatrixTransformToParent(matrix)
    before = blob_center(image("oblique").geometry) * (-1, -1, 1)
    node.SetAndObserveTransformNodeID(parent.GetID())
    drawn = draw_detection(result(image_from_volume(node)), node, scene)
    expected = matrix.MultiplyPoint((*before, 1))[:3]
    np.testing.assert_allclose(world_corners(drawn.boxes[1]).mean(axis=0), expected, atol=0.01)
    # the voxel of the blob, as Slicer itself transforms it, lies in the middle of the box
    ijk_to_ras = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(ijk_to_ras)
    np.testing.assert_allclose(matrix.MultiplyPoint(ijk_to_ras.MultiplyPoint((33, 14, 13, 1)))[:3], expected, atol=0.01)


def test_everything_lies_in_one_folder_beside_the_volume(scene: Any) -> None:
    volume = image("straight")
    node = volume_from_image(volume, scene, "CT")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    subject = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "case 7")
    study = hierarchy.CreateStudyItem(subject, "post")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)
    drawn = draw_detection(result(volume), node, scene)
    everything = [*drawn.boxes.values(), drawn.labels, drawn.heatmap, drawn.table, drawn.record]
    folders = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in everything}
    assert len(folders) == 1
    folder = folders.pop()
    assert hierarchy.GetItemName(folder) == "LTP detection"
    assert hierarchy.GetItemParent(folder) == study
    assert hierarchy.GetNumberOfItemChildren(folder) == len(everything)
    remove(drawn)
    assert hierarchy.GetItemChildWithName(study, "LTP detection") == 0
    assert hierarchy.GetItemByDataNode(node) != 0


def test_the_heat_map_lies_over_the_volume_with_its_own_colours(scene: Any) -> None:
    drawn, node, volume = drawn_on(scene)
    heat = drawn.result.heatmap
    assert heat is not None
    assert drawn.heatmap is not None
    back = image_from_volume(drawn.heatmap)
    np.testing.assert_array_equal(np.abs(back.array), heat.array)
    assert back.geometry.matches(heat.geometry, 1e-6)
    peak = np.unravel_index(int(back.array.argmax()), back.array.shape)
    np.testing.assert_allclose(back.geometry.to_world(peak[::-1]), blob_center(volume.geometry), atol=1e-6)
    display = drawn.heatmap.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 1)
    assert display.GetApplyThreshold()
    assert display.GetLowerThreshold() == pytest.approx(0.3)
    table = display.GetColorNode()
    assert table.GetName() == colors.HEAT_TABLE
    for index, color in enumerate(colors.heat_colors()):
        shown = [0.0] * 4
        table.GetColor(index, shown)
        np.testing.assert_allclose(shown, (*color, 1), atol=1 / 255)
    composites = scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
    assert composites.GetNumberOfItems() == 3
    for n in range(3):
        assert composites.GetItemAsObject(n).GetBackgroundVolumeID() == node.GetID()
        assert composites.GetItemAsObject(n).GetForegroundVolumeID() == drawn.heatmap.GetID()
        assert composites.GetItemAsObject(n).GetForegroundOpacity() == pytest.approx(0.6)
    legends = scene.GetNodesByClass("vtkMRMLColorLegendDisplayNode")
    assert legends.GetNumberOfItems() == 1
    assert legends.GetItemAsObject(0).GetTitleText() == "Grad-CAM"


def test_a_view_of_another_volume_keeps_it(scene: Any, host: Any) -> None:
    other = volume_from_image(image("straight"), scene, "before")
    volume = image("oblique")
    node = volume_from_image(volume, scene, "after")
    left, right, third = (host.slice_logics[name].GetSliceCompositeNode() for name in ("Red", "Yellow", "Green"))
    left.SetBackgroundVolumeID(other.GetID())
    right.SetBackgroundVolumeID(node.GetID())
    third.SetBackgroundVolumeID(other.GetID())
    drawn = draw_detection(result(volume), node, scene)
    assert left.GetBackgroundVolumeID() == third.GetBackgroundVolumeID() == other.GetID()
    assert left.GetForegroundVolumeID() is None
    assert right.GetForegroundVolumeID() == drawn.heatmap.GetID()


def test_the_table_lists_the_shown_candidates(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    table = drawn.table.GetTable()
    names = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    assert names == [
        "number",
        "probability",
        "slice",
        "size (mm)",
        "distance to ablation (mm)",
        "verdict",
        "comment",
    ]
    first, second, _ = drawn.result.candidates
    assert table_rows(drawn.table) == [
        ["1", "0.930", str(first.slice), "26.0", "3.2", "pending", ""],
        ["2", "0.710", str(second.slice), "26.0", "", "pending", ""],
    ]


def test_a_threshold_shows_and_hides_the_boxes_that_are_there(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    before = nodes(scene)
    assert visible(drawn) == [1, 2]
    for threshold, shown in ((0.2, [1, 2, 3]), (0.9, [1]), (0.95, []), (0.71, [1, 2])):
        changed = apply_threshold(drawn, threshold)
        assert visible(changed) == shown
        assert [changed.boxes[n] is drawn.boxes[n] for n in (1, 2, 3)] == [True] * 3
        assert [int(row[0]) for row in table_rows(changed.table)] == shown
        assert [n + 1 for n in range(3) if changed.labels.GetNthControlPointVisibility(n)] == shown
        assert changed.result.threshold == threshold
        assert changed.result.threshold_source == "set by the reader"
        assert json.loads(changed.record.GetText())["threshold"] == threshold
    assert nodes(scene) == before
    assert drawn.result.threshold == 0.5, "a result never changes"


def warm(drawn: DrawnDetection) -> list[int]:
    """Candidates with visible heat in their middle."""
    grid, heat = image_from_volume(drawn.heatmap).geometry, slicer.util.arrayFromVolume(drawn.heatmap)
    seen = []
    for candidate in drawn.result.candidates:
        i, j, k = np.rint(grid.to_index(candidate.box.center)).astype(int)
        if heat[k, j, i] > drawn.heatmap.GetDisplayNode().GetLowerThreshold():
            seen.append(candidate.number)
    return seen


@pytest.mark.parametrize("kind", ["straight", "oblique left-handed"])
def test_heat_is_seen_only_where_there_is_a_box(kind: str, scene: Any) -> None:
    volume = image(kind)
    template = result(volume)
    places = [volume.geometry.to_index(candidate.box.center) for candidate in template.candidates]
    k, j, i = np.indices(volume.geometry.shape)
    away = [np.abs(np.stack([i, j, k], axis=-1) - place).max(axis=-1) for place in places]
    heat = np.where(np.min(away, axis=0) < 5, 0.8, 0).astype(np.float32)
    found = replace(template, heatmap=Image(heat, volume.geometry))
    drawn = draw_detection(found, volume_from_image(volume, scene, "CT"), scene)
    assert warm(drawn) == [1, 2]
    for threshold, seen in ((0.1, [1, 2, 3]), (0.8, [1]), (1.0, []), (0.5, [1, 2])):
        drawn = apply_threshold(drawn, threshold)
        assert warm(drawn) == seen
        (again,) = restore(scene)
        np.testing.assert_array_equal(again.result.heatmap.array, heat)


def test_a_drawing_in_steps_is_none_until_it_is_complete(scene: Any) -> None:
    volume = image("oblique")
    node = volume_from_image(volume, scene, "CT")
    before = nodes(scene)
    steps = drawn_in_steps(result(volume), node, scene)
    for _ in range(3):
        next(steps)
        assert restore(scene) == ()
    assert len(nodes(scene)) > len(before)
    steps.close()
    assert nodes(scene) == before
    steps = drawn_in_steps(result(volume), node, scene)
    next(steps)
    node.SetSpacing(3, 3, 3)
    with pytest.raises(InputError, match="moved since"):
        list(steps)
    assert nodes(scene) == before


def test_the_scene_may_close_between_two_steps(scene: Any, host: Any) -> None:
    volume = image("oblique")
    steps = drawn_in_steps(result(volume), volume_from_image(volume, scene, "CT"), scene)
    next(steps)
    host.clear()
    steps.close()
    assert restore(scene) == ()


def test_a_frame_tells_which_box_is_chosen_and_is_not_saved(scene: Any, host: Any, tmp_path: Path) -> None:
    drawn, _, _ = drawn_on(scene)
    before = nodes(scene)
    frame_box(None, scene)
    assert nodes(scene) == before
    for candidate in drawn.result.candidates[:2]:
        frame_box(candidate, scene)
        (frame,) = [
            slicer.mrmlScene.GetNodeByID(name) for name in nodes(scene) if name not in before and "ROINode" in name
        ]
        assert frame.GetDisplayVisibility()
        wider = replace(candidate.box, size=tuple(side + 2 * FRAME_MM for side in candidate.box.size))
        np.testing.assert_allclose(world_corners(frame), expected_corners(wider.corners()), atol=0.002)
    frame_box(None, scene)
    assert not frame.GetDisplayVisibility()
    frame_box(drawn.result.candidates[0], scene)
    save_mrb(scene, tmp_path / "case.mrb")
    host.clear()
    host.load(tmp_path / "case.mrb")
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == 3


def test_a_verdict_colours_the_box_and_is_written_down(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    bright, pale = (drawn.boxes[n].GetDisplayNode().GetSelectedColor() for n in (1, 3))
    assert sum(bright) > sum(pale), "the more probable, the brighter"
    drawn = set_review(drawn, 1, Review(Verdict.ACCEPTED, "R1", "new since ablation"))
    drawn = set_review(drawn, 2, Review(Verdict.REJECTED, "R1", "vessel"))
    np.testing.assert_allclose(drawn.boxes[1].GetDisplayNode().GetSelectedColor(), colors.ACCEPTED)
    np.testing.assert_allclose(drawn.boxes[2].GetDisplayNode().GetSelectedColor(), colors.REJECTED)
    assert [row[5:] for row in table_rows(drawn.table)] == [["accepted", "new since ablation"], ["rejected", "vessel"]]
    (found,) = restore(scene)
    assert [c.review.verdict for c in found.result.candidates] == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.PENDING]
    assert found.result.candidates[0].review.reader == "R1"
    with pytest.raises(KeyError, match="no candidate 9"):
        set_review(drawn, 9, Review(Verdict.ACCEPTED, "R1"))


def test_drawing_a_run_again_replaces_it_and_another_run_stands_beside_it(scene: Any) -> None:
    drawn, node, volume = drawn_on(scene)
    kinds = Counter(name.rstrip("0123456789") for name in nodes(scene))
    again = replace(result(volume, threshold=0.2), run=replace(drawn.result.run, seconds=99.0, device="cuda:0"))
    second = draw_detection(again, node, scene)
    assert Counter(name.rstrip("0123456789") for name in nodes(scene)) == kinds
    assert drawn.record.GetScene() is None
    assert visible(second) == [1, 2, 3]
    draw_detection(result(volume, model="another"), node, scene)
    assert len(restore(scene)) == 2
    list(drawn_in_steps(result(volume, model="a third"), node, scene, alone=True))
    (left,) = restore(scene)
    assert left.result.run.model == "a third"
    assert Counter(name.rstrip("0123456789") for name in nodes(scene)) == kinds


def test_removing_a_drawing_leaves_nothing(scene: Any, host: Any) -> None:
    volume = image("flipped")
    node = volume_from_image(volume, scene, "CT")
    before = nodes(scene)
    one = draw_detection(result(volume), node, scene)
    other = draw_detection(result(volume, model="another"), node, scene)
    remove(one)
    assert other.heatmap.GetDisplayNode().GetColorNode() is not None, "the colour table is still in use"
    remove(other)
    assert nodes(scene) == before
    assert host.slice_logics["Red"].GetSliceCompositeNode().GetForegroundVolumeID() is None
    remove(other)  # a second time does nothing


def test_a_result_without_heat_or_candidates_is_drawn(scene: Any) -> None:
    volume = image("oblique")
    node = volume_from_image(volume, scene, "CT")
    drawn = draw_detection(replace(result(volume), candidates=(), heatmap=None), node, scene)
    assert drawn.boxes == {}
    assert drawn.heatmap is None
    assert table_rows(drawn.table) == []
    (found,) = restore(scene)
    assert found.result.candidates == ()


def test_a_closed_scene_is_said_and_does_not_crash(scene: Any, host: Any) -> None:
    volume = image("oblique")
    node = volume_from_image(volume, scene, "CT")
    drawn = draw_detection(result(volume), node, scene)
    host.clear()
    with pytest.raises(InputError, match=r"no longer in the scene\. Load it again"):
        draw_detection(result(volume), node, scene)
    with pytest.raises(InputError, match="the drawing is no longer in the scene"):
        apply_threshold(drawn, 0.1)
    with pytest.raises(InputError, match="the drawing is no longer in the scene"):
        set_review(drawn, 1, Review(Verdict.ACCEPTED, "R1"))
    with pytest.raises(InputError, match="no longer in the scene"):
        draw_detection(result(volume), None, scene)
    assert restore(scene) == ()


def test_a_box_that_a_person_deleted_stays_deleted(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    scene.RemoveNode(drawn.boxes[2])
    drawn = set_review(apply_threshold(drawn, 0.1), 2, Review(Verdict.REJECTED, "R1"))
    assert list(drawn.boxes) == [1, 3]
    scene.RemoveNode(drawn.heatmap)
    scene.RemoveNode(drawn.table)
    assert apply_threshold(drawn, 0.2).table is None
    remove(drawn)


def test_a_result_of_another_volume_is_refused(scene: Any) -> None:
    node = volume_from_image(image("straight"), scene, "CT 2")
    before = nodes(scene)
    with pytest.raises(InputError, match="CT 2: the result belongs to another volume"):
        draw_detection(result(image("oblique")), node, scene)
    assert nodes(scene) == before


def test_a_result_fits_the_same_volume_stored_the_other_way_round(scene: Any) -> None:
    volume = image("oblique left-handed")
    grid = volume.geometry
    turned = np.diag([1.0, 1, -1, 1])
    turned[2, 3] = grid.shape[0] - 1
    other = Image(volume.array[::-1], type(grid)(grid.shape, grid.affine @ turned))
    node = volume_from_image(other, scene, "CT")
    drawn = draw_detection(result(volume), node, scene)
    np.testing.assert_allclose(world_corners(drawn.boxes[1]).mean(axis=0), blob_center(grid) * (-1, -1, 1), atol=0.002)


def test_a_damaged_record_is_said(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    for text in ("{", "[]", "{}", drawn.record.GetText().replace('"accepted', "").replace('"number"', '"n"')):
        drawn.record.SetText(text)
        with pytest.raises(InputError, match=r"result(\.json)?.*(damaged|not a detection result)"):
            restore(scene)


def test_jumping_centres_the_slices_and_the_3d_view_on_a_candidate(scene: Any, host: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode", "eye")
    camera.SetFocalPoint(0, 0, 0)
    camera.SetPosition(0, 500, 20)
    candidate = drawn.result.candidates[1]
    jump_to(candidate, scene)
    ras = np.array(candidate.box.center) * (-1, -1, 1)
    for logic in host.slice_logics.values():
        width, height = logic.GetSliceNode().GetDimensions()[:2]
        middle = logic.GetSliceNode().GetXYToRAS().MultiplyPoint((width / 2, height / 2, 0, 1))[:3]
        np.testing.assert_allclose(middle, ras, atol=1e-6)
    np.testing.assert_allclose(camera.GetFocalPoint(), ras, atol=1e-9)
    np.testing.assert_allclose(camera.GetPosition(), ras + np.array([0, 500, 20]), atol=1e-9)


def simulate(color: tuple[float, ...], matrix: np.ndarray) -> np.ndarray:
    linear = np.where(np.array(color) <= 0.04045, np.array(color) / 12.92, ((np.array(color) + 0.055) / 1.055) ** 2.4)
    return np.clip(matrix @ linear, 0, 1)


def lab(linear: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(xyz / (0.9505, 1.0, 1.089))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_verdicts_are_told_apart_with_red_green_blindness() -> None:
    # Machado, Oliveira and Fernandes 2009, severity 1
    sights = {
        "all colours": np.eye(3),
        "protanopia": np.array(
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
        ),
        "deuteranopia": np.array(
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
        ),
    }
    verdicts = (
        (colors.PENDING_LOW, colors.ACCEPTED, colors.REJECTED),
        (colors.PENDING_HIGH, colors.ACCEPTED, colors.REJECTED),
    )
    for sight, group in itertools.product(sights, verdicts):
        for one, other in itertools.combinations(group, 2):
            apart = np.linalg.norm(lab(simulate(one, sights[sight])) - lab(simulate(other, sights[sight])))
            assert apart > 20, (sight, one, other)


def test_heat_grows_lighter_all_the_way() -> None:
    lightness = [lab(simulate(tuple(color), np.eye(3)))[0] for color in colors.heat_colors()]
    assert (np.diff(lightness) > 0).all()


def test_many_candidates_are_drawn(scene: Any) -> None:
    volume = image("oblique")
    template: DetectionResult = result(volume)
    many = tuple(replace(template.candidates[0], number=n + 1, probability=1 - n / 100) for n in range(100))
    drawn = draw_detection(replace(template, candidates=many), volume_from_image(volume, scene, "CT"), scene)
    assert len(drawn.boxes) == 100
    assert len(visible(drawn)) == 51
