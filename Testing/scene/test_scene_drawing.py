"""What is drawn stands where the result says, follows threshold and verdict, and goes without a trace."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import (
    DIRECTIONS,
    at_threshold,
    blob_center,
    draw_on,
    expected_corners,
    image,
    labelled,
    nodes,
    result,
    rotation,
    set_review,
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
from HCCAssistLib.scene.drawing import remove, restore
from HCCAssistLib.scene.inputs import image_from_volume
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.presenters.presenter import Drawn
from HCCAssistLib.scene.records import everything_drawn
from HCCAssistLib.scene.volumes import volume_from_image


def drawn_on(scene: Any, kind: str = "oblique left-handed", heat: float = 0.0) -> tuple[Drawn, Any, Image]:
    volume = image(kind)
    node = volume_from_image(volume, scene, "CT")
    return draw_on(node, result(volume), scene, heat=heat), node, volume


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
    drawn = draw_on(node, result(image_from_volume(node)), scene)
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
    drawn = draw_on(node, result(volume), scene)
    everything = [*everything_drawn(drawn.record, scene), drawn.record]
    folders = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in everything}
    assert len(folders) == 1
    folder = folders.pop()
    assert hierarchy.GetItemName(folder) == "LTP detection"
    assert hierarchy.GetItemParent(folder) == study
    assert hierarchy.GetNumberOfItemChildren(folder) == len(everything)
    remove(drawn)
    assert hierarchy.GetItemChildWithName(study, "LTP detection") == 0
    assert hierarchy.GetItemByDataNode(node) != 0


def test_the_table_lists_the_shown_candidates(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    table = drawn.table.GetTable()
    names = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    assert names == [
        "number",
        "score",
        "slice",
        "box (mm)",
        "distance to ablation (mm)",
        "verdict",
        "reader",
        "comment",
    ]
    first, second, _ = drawn.result.candidates
    assert table_rows(drawn.table) == [
        ["1", "0.930", str(first.slice + 1), "26.0", "3.2", "pending", "", ""],
        ["2", "0.710", str(second.slice + 1), "26.0", "", "pending", "", ""],
    ]


def test_a_threshold_shows_and_hides_the_boxes_that_are_there(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    before = nodes(scene)
    assert visible(drawn) == [1, 2]
    for threshold, shown in ((0.2, [1, 2, 3]), (0.9, [1]), (0.95, []), (0.71, [1, 2])):
        changed = at_threshold(drawn, threshold)
        assert visible(changed) == shown
        assert [changed.boxes[n] is drawn.boxes[n] for n in (1, 2, 3)] == [True] * 3
        assert [int(row[0]) for row in table_rows(changed.table)] == shown
        assert set(labelled(changed)["3-D"]) <= set(shown)
        assert changed.result.threshold == threshold
        assert changed.result.threshold_source == "set by the reader"
        assert json.loads(changed.record.GetText())["threshold"] == threshold
    assert nodes(scene) == before
    assert drawn.result.threshold == 0.5, "a result never changes"


def test_a_frame_tells_which_box_is_chosen_and_is_not_saved(scene: Any, host: Any, tmp_path: Path) -> None:
    drawn, _, _ = drawn_on(scene)
    before = nodes(scene)
    frame_box(None, scene)
    assert nodes(scene) == before
    for candidate in drawn.result.candidates[:2]:
        frame_box(candidate.box, scene)
        (frame,) = [
            slicer.mrmlScene.GetNodeByID(name) for name in nodes(scene) if name not in before and "ROINode" in name
        ]
        assert frame.GetDisplayVisibility()
        wider = replace(candidate.box, size=tuple(side + 2 * FRAME_MM for side in candidate.box.size))
        np.testing.assert_allclose(world_corners(frame), expected_corners(wider.corners()), atol=0.002)
    frame_box(None, scene)
    assert not frame.GetDisplayVisibility()
    frame_box(drawn.result.candidates[0].box, scene)
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
    np.testing.assert_allclose(drawn.boxes[1].GetDisplayNode().GetSelectedColor(), colors.VERDICTS[Verdict.ACCEPTED])
    np.testing.assert_allclose(drawn.boxes[2].GetDisplayNode().GetSelectedColor(), colors.VERDICTS[Verdict.REJECTED])
    assert [row[5:] for row in table_rows(drawn.table)] == [
        ["accepted", "R1", "new since ablation"],
        ["rejected", "R1", "vessel"],
    ]
    (found,) = restore(scene).drawings
    assert [c.review.verdict for c in found.result.candidates] == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.PENDING]
    assert found.result.candidates[0].review.reader == "R1"
    with pytest.raises(KeyError, match="no candidate 9"):
        set_review(drawn, 9, Review(Verdict.ACCEPTED, "R1"))


def test_a_result_without_heat_or_candidates_is_drawn(scene: Any) -> None:
    volume = image("oblique")
    node = volume_from_image(volume, scene, "CT")
    drawn = draw_on(node, replace(result(volume), candidates=(), heatmap=None), scene)
    assert drawn.boxes == {}
    assert drawn.heatmaps == {}
    assert table_rows(drawn.table) == []
    (found,) = restore(scene).drawings
    assert found.result.candidates == ()


def test_a_result_of_another_volume_is_refused(scene: Any) -> None:
    node = volume_from_image(image("straight"), scene, "CT 2")
    before = nodes(scene)
    with pytest.raises(InputError, match="CT 2: the result belongs to another volume"):
        draw_on(node, result(image("oblique")), scene)
    assert nodes(scene) == before


def test_a_result_fits_the_same_volume_stored_the_other_way_round(scene: Any) -> None:
    volume = image("oblique left-handed")
    grid = volume.geometry
    turned = np.diag([1.0, 1, -1, 1])
    turned[2, 3] = grid.shape[0] - 1
    other = Image(volume.array[::-1], type(grid)(grid.shape, grid.affine @ turned))
    node = volume_from_image(other, scene, "CT")
    drawn = draw_on(node, result(volume), scene)
    np.testing.assert_allclose(world_corners(drawn.boxes[1]).mean(axis=0), blob_center(grid) * (-1, -1, 1), atol=0.002)


def test_jumping_centres_the_slices_and_the_3d_view_on_a_candidate(scene: Any, host: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode", "eye")
    camera.SetFocalPoint(0, 0, 0)
    camera.SetPosition(0, 500, 20)
    candidate = drawn.result.candidates[1]
    jump_to(candidate.box.center, scene)
    ras = np.array(candidate.box.center) * (-1, -1, 1)
    for logic in host.slice_logics.values():
        width, height = logic.GetSliceNode().GetDimensions()[:2]
        middle = logic.GetSliceNode().GetXYToRAS().MultiplyPoint((width / 2, height / 2, 0, 1))[:3]
        np.testing.assert_allclose(middle, ras, atol=1e-6)
    np.testing.assert_allclose(camera.GetFocalPoint(), ras, atol=1e-9)
    np.testing.assert_allclose(camera.GetPosition(), ras + np.array([0, 500, 20]), atol=1e-9)


def test_many_candidates_are_drawn(scene: Any) -> None:
    volume = image("oblique")
    template: DetectionResult = result(volume)
    many = tuple(replace(template.candidates[0], number=n + 1, probability=1 - n / 100) for n in range(100))
    drawn = draw_on(volume_from_image(volume, scene, "CT"), replace(template, candidates=many), scene)
    assert len(drawn.boxes) == 100
    assert len(visible(drawn)) == 51
