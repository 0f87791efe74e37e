"""Findings marked by lines, boxes and whole segmentations lie where the reader sees them, in any volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import DIRECTIONS, blob_center, image, line, turned
from sessions import REQUEST, session_of

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene.marks import ALL_SEGMENTS, box_of_roi, marked_points
from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.transforms import lps_to_ras
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

MASS = get_recipe("liver-mass")
PLACE, MASSES = "baseline/arterial", "baseline/masses"


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_a_box_under_a_transform_comes_out_where_its_corners_stand(scene: Any, kind: str) -> None:
    center = blob_center(image(kind).geometry)
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "mass")
    node.SetCenter(*lps_to_ras(center))
    node.SetSize(10, 20, 34)
    matrix = turned(node, scene)
    box = box_of_roi(node).box
    away = (matrix @ [*np.add(lps_to_ras(center), (4.9, 9.9, 16.9)), 1])[:3]
    beyond = (matrix @ [*np.add(lps_to_ras(center), (5.2, 0, 0)), 1])[:3]
    assert box.contains(lps_to_ras(away))
    assert not box.contains(lps_to_ras(beyond))
    assert box.size == pytest.approx((10, 20, 34))


def test_a_line_through_a_point_measures_it_and_a_typed_size_stands(scene: Any) -> None:
    volume = image("oblique")
    middle = blob_center(volume.geometry)
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "masses")
    for index, place in enumerate((middle, np.add(middle, (30, 0, 0)), np.add(middle, (1, 0, 0)))):
        points.AddControlPoint(*lps_to_ras(place), f"M{index}")
    points.SetNthControlPointDescription(0, "C-hyper")
    points.SetNthControlPointDescription(2, "12 mm")
    line(scene, np.subtract(middle, (0, 8, 1)), np.add(middle, (0, 9, 2)))
    line(scene, middle, middle)  # no length
    found = marked_points(points, Geometry.from_parts((200, 200, 200), (2, 2, 2), (-300, -300, -300), np.eye(3)), scene)
    assert [point.description for point in found.points] == ["C-hyper, 17.3 mm by line", "", "12 mm"]


def test_a_line_alone_is_a_finding_in_its_middle_and_one_without_an_end_is_refused(scene: Any) -> None:
    grid = image("sagittal slices").geometry
    middle = blob_center(grid)
    found = marked_points(line(scene, np.subtract(middle, (6, 0, 3)), np.add(middle, (6, 0, 3))), grid, scene)
    np.testing.assert_allclose(found.points[0].position, middle, atol=1e-6)
    assert found.points[0].description == "13.4 mm by line"
    with pytest.raises(InputError, match="two ends"):
        marked_points(line(scene, middle), grid, scene)
    with pytest.raises(InputError, match="outside the volume"):
        marked_points(line(scene, np.add(middle, (900, 0, 0)), np.add(middle, (910, 0, 0))), grid, scene)


@pytest.mark.parametrize("kind", ["oblique left-handed", "sagittal slices"])
def test_each_painted_segment_and_a_box_reach_the_run_and_an_empty_one_is_told(scene: Any, kind: str) -> None:
    volume = image(kind)
    node = volume_from_image(volume, scene, "CT", None)
    masks = {}
    for name, at in (("one", (33, 14, 13)), ("two", (12, 30, 5)), ("nothing", None)):
        array = np.zeros(volume.geometry.shape, np.uint8)
        if at is not None:
            array[at[2] - 1 : at[2] + 2, at[1] - 2 : at[1] + 3, at[0] - 3 : at[0] + 4] = 1
        masks[name] = Image(array, volume.geometry)
    segments = segmentation_from_masks(masks, node, scene, "masses", surfaces=False)
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    roi.SetCenter(*lps_to_ras(volume.geometry.to_world((25, 20, 10))))
    roi.SetSize(12, 14, 16)
    session, executor = session_of(scene, MASS)
    chosen = ChosenInputs({PLACE: node}, {MASSES: (segments, ALL_SEGMENTS)}, boxes={MASSES: roi})
    session.run(chosen, REQUEST)
    assert executor.study is not None
    found = executor.study.findings[MASSES]
    assert [one.name for one in found] == ["one", "two", "box"]
    wanted = volume.geometry.to_world(np.array([(33, 14, 13), (12, 30, 5), (25, 20, 10)]))
    np.testing.assert_allclose([one.center for one in found], wanted, atol=1e-3)
    assert executor.study.boxes[MASSES][0].box.size == pytest.approx((12, 14, 16))
    assert [p.what for p in executor.study.warnings if "nothing" in p.where] == ["the segment is empty"]
    session.cancel()
