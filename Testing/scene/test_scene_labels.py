"""The numbers can be read: in every slice that cuts a box, at its corner, and in 3-D where they do not overlap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import DIRECTIONS, candidate, image, labelled, nodes, result

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
from sessions import scan, session_of

from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.records import drawn_nodes
from HCCAssistLib.scene.transforms import from_vtk
from HCCAssistLib.scene.view_labels import SPACE, VIEW, cameras, section_corner
from HCCAssistLib.scene.volumes import volume_from_image

ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


def shown(scene: Any, kind: str = "oblique", **changes: Any) -> Any:
    volume = image(kind)
    session, _ = session_of(scene)
    node = volume_from_image(volume, scene, "CT")
    session.choose(node)
    return session, session.adopt(replace(result(volume, threshold=0.2), **changes), scan(node))


def farthest_upper_right(box: Box, to_ras: np.ndarray) -> float:
    """x + y in the view of the place in a section that lies farthest to the upper right, among many."""
    steps = np.linspace(-40, 40, 161)
    x, y = np.meshgrid(steps, steps)
    middle = (box.center * np.array((-1, -1, 1)) - to_ras[:3, 3]) @ to_ras[:3, :3]
    local = np.stack([x + middle[0], y + middle[1], np.zeros_like(x)], axis=-1)
    places = (local @ to_ras[:3, :3].T + to_ras[:3, 3]) * (-1, -1, 1)
    return float(local.sum(axis=-1)[box.contains(places)].max(initial=-np.inf))


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_every_section_of_a_box_carries_its_number_at_the_upper_right(kind: str, host: Any) -> None:
    session, review = shown(host.scene, kind)
    sections = 0
    for view in ORIENTATIONS:
        node = host.slice_logics[view].GetSliceNode()
        (numbers,) = (
            one for one in drawn_nodes(review.drawn.record, "labels") if one.GetAttribute(VIEW) == node.GetID()
        )
        node.JumpSliceByOffsetting(*review.result.candidates[0].box.center * np.array((-1, -1, 1)))
        middle = node.GetSliceOffset()
        for offset in np.linspace(-60, 60, 41):
            node.SetSliceOffset(middle + offset)
            to_ras = from_vtk(node.GetSliceToRAS())
            expected = []
            for one in review.result.candidates:
                heights = (one.box.corners() * (-1, -1, 1) - to_ras[:3, 3]) @ to_ras[:3, 2]
                if heights.min() <= 0 <= heights.max():
                    expected.append(one.number)
            assert list(labelled(review.drawn)[view]) == expected
            for index in range(numbers.GetNumberOfControlPoints()):
                if not numbers.GetNthControlPointVisibility(index):
                    continue
                ras = np.zeros(3)
                numbers.GetNthControlPointPositionWorld(index, ras)
                number = int(numbers.GetNthControlPointDescription(index))
                box = review.result.candidates[number - 1].box
                local = (ras - to_ras[:3, 3]) @ to_ras[:3, :3]
                assert abs(local[2]) < 1e-6, "on the slice that is shown"
                along = np.abs((ras * (-1, -1, 1) - box.center) @ np.array(box.axes).T) - np.array(box.size) / 2
                assert along.max() == pytest.approx(0, abs=1e-6), "on the surface of the box"
                assert local[0] + local[1] >= farthest_upper_right(box, to_ras) - 0.01
                sections += 1
    assert sections > 30
    session.close()


def test_a_slice_beside_a_box_gives_no_corner() -> None:
    grid = image("straight").geometry
    box = candidate(1, grid.center, 0.9, grid).box
    away = np.eye(4)
    away[2, 3] = box.center[2] + box.size[2]
    assert section_corner(box, away) is None


def test_numbers_in_a_view_are_shown_in_no_other(scene: Any) -> None:
    _, review = shown(scene)
    for node in drawn_nodes(review.drawn.record, "labels"):
        display = node.GetDisplayNode()
        if node.GetAttribute(VIEW) == SPACE:
            assert (display.GetVisibility2D(), display.GetVisibility3D()) == (0, 1)
        else:
            assert display.GetViewNodeIDs() == (node.GetAttribute(VIEW),)
            assert (display.GetVisibility2D(), display.GetVisibility3D()) == (1, 0)
        assert node.GetLocked()


def test_in_3d_numbers_that_would_overlap_are_left_out_but_for_the_chosen_one(scene: Any) -> None:
    grid = image("oblique").geometry
    middle = grid.center * (-1, -1, 1)
    if not list(cameras(scene)):
        scene.AddNewNodeByClass("vtkMRMLCameraNode", "eye")

    def look_from(*offset: float) -> None:
        for camera in cameras(scene):  # a 3-D view that another test opened brings one of its own, and keeps it
            camera.SetFocalPoint(*middle)
            camera.SetPosition(*np.add(middle, offset))
            camera.SetViewUp(0, 0, 1)

    look_from(0, 400, 0)
    behind, beside = np.add(grid.center, (0, 60, 0)), np.add(grid.center, (60, 0, 0))
    places = [grid.center, behind, beside]
    crowd = tuple(candidate(n, place, 1 - n / 10, grid) for n, place in enumerate(places, 1))
    session, review = shown(scene, candidates=crowd)
    assert set(labelled(review.drawn)["3-D"]) == {1, 3}
    review.choose(2)
    assert set(labelled(review.drawn)["3-D"]) == {2, 3}
    review.choose(None)
    look_from(400, 0, 0)  # from the patient's right they stand side by side
    assert {1, 2} <= set(labelled(review.drawn)["3-D"])
    session.close()


def test_numbers_follow_threshold_and_boxes(scene: Any) -> None:
    session, review = shown(scene)
    review.choose(1)
    assert labelled(review.drawn)["Red"][1] == "1: 0.93"
    review.set_threshold(0.95)
    assert not any(labelled(review.drawn).values())
    review.set_threshold(0.2)
    assert labelled(review.drawn)["Red"][1] == "1: 0.93"
    session.display(boxes=False)
    assert not any(node.GetDisplayVisibility() for node in drawn_nodes(review.drawn.record, "labels"))


def test_a_view_that_comes_later_gets_its_numbers(scene: Any, host: Any) -> None:
    session, review = shown(scene)
    view = scene.AddNode(scene.CreateNodeByClass("vtkMRMLSliceNode"))
    view.SetLayoutName("Slice4")
    view.SetOrientationToAxial()
    session.views_changed()
    x, y, z = review.result.candidates[0].box.center
    view.JumpSliceByOffsetting(-x, -y, z)
    lists = {node.GetAttribute(VIEW): node for node in drawn_nodes(review.drawn.record, "labels")}
    assert lists[view.GetID()].GetNthControlPointVisibility(0)
    before = nodes(scene)
    session.views_changed()
    assert nodes(scene) == before
    session.close()
    scene.RemoveNode(view)


def test_a_closed_session_looks_at_no_view_any_more(scene: Any, host: Any, tmp_path: Path) -> None:
    session, review = shown(scene)
    review.choose(1)
    save_mrb(scene, tmp_path / "case.mrb")
    session.close()
    host.slice_logics["Red"].GetSliceNode().SetSliceOffset(500)
    assert 1 in labelled(review.drawn)["Red"], "nobody moved it"
    host.clear()
    host.load(tmp_path / "case.mrb")
    again, _ = session_of(scene)
    again.restore()
    again.choose(again.reviews[0].scan)
    again.reviews[0].choose(2)
    assert 2 in labelled(again.current.drawn)["Red"]
    assert 1 not in labelled(again.current.drawn)["Red"]
    again.close()
