"""Heat stands in its place, over its own volume, and only where there is a box."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import (
    PLACE,
    at_threshold,
    blob_center,
    draw_on,
    image,
    result,
)

from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import slicer

from HCCAssistLib.scene import colors
from HCCAssistLib.scene.drawing import restore
from HCCAssistLib.scene.heatmap import HEATED, NEAR_MM, THRESHOLD, HeatmapAssignment, add_heatmap
from HCCAssistLib.scene.inputs import image_from_volume
from HCCAssistLib.scene.presenters.presenter import Drawn
from HCCAssistLib.scene.volumes import volume_from_image


def drawn_on(scene: Any, kind: str = "oblique left-handed", heat: float = 0.0) -> tuple[Drawn, Any, Image]:
    volume = image(kind)
    node = volume_from_image(volume, scene, "CT")
    return draw_on(node, result(volume), scene, heat=heat), node, volume


def test_the_heat_map_lies_over_the_volume_with_its_own_colours(scene: Any, host: Any) -> None:
    drawn, node, volume = drawn_on(scene, heat=0.6)
    heat = drawn.result.heatmap
    assert heat is not None
    assert drawn.heatmaps[PLACE] is not None
    back = image_from_volume(drawn.heatmaps[PLACE])
    np.testing.assert_array_equal(np.abs(back.array), heat.array)
    assert back.geometry.matches(heat.geometry, 1e-6)
    peak = np.unravel_index(int(back.array.argmax()), back.array.shape)
    np.testing.assert_allclose(back.geometry.to_world(peak[::-1]), blob_center(volume.geometry), atol=1e-6)
    display = drawn.heatmaps[PLACE].GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 1)
    assert display.GetApplyThreshold()
    assert display.GetLowerThreshold() == pytest.approx(0.3)
    table = display.GetColorNode()
    assert table.GetName() == colors.HEAT_TABLE
    for index, color in enumerate(colors.heat_colors()):
        shown = [0.0] * 4
        table.GetColor(index, shown)
        np.testing.assert_allclose(shown, (*color, 1), atol=1 / 255)
    for logic in host.slice_logics.values():
        composite = logic.GetSliceCompositeNode()
        assert composite.GetBackgroundVolumeID() == node.GetID()
        assert composite.GetForegroundVolumeID() == drawn.heatmaps[PLACE].GetID()
        assert composite.GetForegroundOpacity() == pytest.approx(0.6)
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
    drawn = draw_on(node, result(volume), scene, heat=0.6)
    assert left.GetBackgroundVolumeID() == third.GetBackgroundVolumeID() == other.GetID()
    assert left.GetForegroundVolumeID() is None
    assert right.GetForegroundVolumeID() == drawn.heatmaps[PLACE].GetID()


def warm(drawn: Drawn) -> list[int]:
    """Candidates with visible heat in their middle."""
    grid, heat = image_from_volume(drawn.heatmaps[PLACE]).geometry, slicer.util.arrayFromVolume(drawn.heatmaps[PLACE])
    seen = []
    for candidate in drawn.result.candidates:
        i, j, k = np.rint(grid.to_index(candidate.box.center)).astype(int)
        if heat[k, j, i] > drawn.heatmaps[PLACE].GetDisplayNode().GetLowerThreshold():
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
    drawn = draw_on(volume_from_image(volume, scene, "CT"), found, scene)
    assert warm(drawn) == [1, 2]
    for threshold, seen in ((0.1, [1, 2, 3]), (0.8, [1]), (1.0, []), (0.5, [1, 2])):
        drawn = at_threshold(drawn, threshold)
        assert warm(drawn) == seen
        (again,) = restore(scene).drawings
        np.testing.assert_array_equal(again.result.heatmap.array, heat)


def test_heat_belongs_to_the_nearest_box_near_and_far(scene: Any) -> None:
    rng = np.random.default_rng(0)
    grid = Geometry.from_parts((20, 60, 70), (0.8, 0.9, 3.0), (-20.0, 10.0, 5.0))
    heat = (rng.random(grid.shape) < 0.05) * rng.uniform(0.1, 1.0, grid.shape)
    node = add_heatmap(Image(heat.astype(np.float32), grid), "heat", scene)
    numbers = (3, 7, 8, 20)
    boxes = {n: Box(tuple(grid.to_world(rng.uniform(0, (70, 60, 20)))), (8.0, 8.0, 8.0)) for n in numbers}
    found = HeatmapAssignment.of(node, boxes)
    owned = np.array([(voxel, number) for number, voxels in found.voxels.items() for voxel in voxels])
    voxels, owners = owned[np.argsort(owned[:, 0])].T
    k, j, i = np.unravel_index(voxels, grid.shape)
    places = grid.to_world(np.stack([i, j, k], axis=-1))
    apart = np.array([np.linalg.norm(places - box.center, axis=1) for box in boxes.values()])
    assert apart.min(axis=0).max() > NEAR_MM > apart.min()
    assert np.array_equal(voxels, np.flatnonzero(heat.astype(np.float32)))
    assert np.array_equal(owners, np.array(numbers)[apart.argmin(axis=0)])
    seen = heat.ravel()[voxels] >= THRESHOLD
    inside = {n: box.contains(places[seen & (owners == n)]).any() for n, box in boxes.items()}
    assert found.heated == {n for n, there in inside.items() if there}


def test_which_findings_have_heat_is_known_again_before_the_map_is_read(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene, heat=0.6)
    heat = drawn.heatmaps[PLACE]
    assert drawn.assignments[PLACE].heated == {1}
    (again,) = restore(scene).drawings
    assert again.assignments[PLACE].heated == {1}
    assert again.assignments[PLACE].voxels.keys() == drawn.assignments[PLACE].voxels.keys()
    heat.SetAttribute(HEATED, "2 what")  # as a person could write it
    assert HeatmapAssignment.of(heat, {1: drawn.result.candidates[0].box}).heated == {2}
    heat.RemoveAttribute(HEATED)
    assert HeatmapAssignment.of(heat, {c.number: c.box for c in drawn.result.candidates}).heated == {1}


def test_what_is_known_is_not_restored_again(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene, heat=0.6)
    assert len(restore(scene).drawings) == 1
    assert restore(scene, known=[drawn.record.GetID()]).drawings == ()
