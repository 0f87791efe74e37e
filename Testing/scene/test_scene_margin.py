"""An ablation margin in the scene: where the tumour stands, in steps of colour, saved and removed with its marks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import PLACE, candidate, draw_on, geometry, image, nodes, result, rotation

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.record import MarginRecord, margin_record, read_margin, write_margin
from HCCAssistLib.margin.registration_error import RegistrationError
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
from dataclasses import replace

from vtk.util.numpy_support import vtk_to_numpy

from HCCAssistLib.margin.colors import MARGIN_RANGE, MARGINS
from HCCAssistLib.scene.margin import (
    CANDIDATES,
    GREY,
    MARGIN,
    OUTLINE,
    SMALLEST,
    SURFACE,
    draw_margin,
    drawn_in_steps,
    margin_nodes,
    remove_margin,
    restored_margins,
    shown_parts,
)
from HCCAssistLib.scene.margin_surfaces import SCALARS, prepare
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.transforms import lps_to_ras
from HCCAssistLib.scene.volumes import volume_from_image

TUMOUR, ZONE = np.array([7.0, 9.0, 14.0]), np.array([17.0, 19.0, 25.0])
OFF = np.array([4.0, -5.0, 3.0])
"""The zone lies to the left, anterior and cranial of the tumour."""


def egg(center: np.ndarray, semi: np.ndarray, kind: str) -> Image:
    """An ellipsoid along the patient's axes, painted on the grid of a kind, which it must not touch."""
    grid = geometry(kind)
    middle = np.array(grid.shape[::-1]) / 2
    # a grid of its own around the body, with the directions and spacings of the kind
    around = grid.crop((0, 0, 0), grid.shape)
    affine = around.affine.copy()
    affine[:3, 3] += center - around.to_world(middle)
    around = replace(around, affine=affine)
    places = around.to_world(np.stack(np.indices(grid.shape)[::-1], axis=-1))
    return Image(((((places - center) / semi) ** 2).sum(axis=-1) <= 1).astype(np.uint8), around)


CENTER = np.array([31.0, -22.0, 63.0])
MATRIX = np.eye(4)
MATRIX[:3, :3], MATRIX[:3, 3] = rotation((1, 2, -1), 9), (4, -7, 12)


def zone_after(other: str, scale: float = 1.0) -> Image:
    """On the scan after, where the patient lies otherwise."""
    grid = egg(CENTER, scale * ZONE, other).geometry
    affine = MATRIX @ grid.affine
    moved = replace(grid, affine=affine)
    back = np.linalg.inv(MATRIX)
    places = moved.to_world(np.stack(np.indices(grid.shape)[::-1], axis=-1)) @ back[:3, :3].T + back[:3, 3]
    inside = (((places - CENTER - OFF) / (scale * ZONE)) ** 2).sum(axis=-1) <= 1
    return Image(inside.astype(np.uint8), moved)


def measured(kind: str, other: str, *, liver: bool = False, scale: float = 1.0) -> MarginRecord:
    tumour, zone = egg(CENTER, scale * TUMOUR, kind), zone_after(other, scale)
    organ = None
    if liver:
        around = tumour.geometry.to_world(np.stack(np.indices(tumour.array.shape)[::-1], axis=-1))
        organ = Image((around[..., 0] > CENTER[0] - 3).astype(np.uint8), tumour.geometry)
    error = RegistrationError(2.0, draws=100)
    registration = Registration(MATRIX, "rigid")
    return margin_record(tumour, zone, registration, liver=organ, error=error, error_from="person")


def corners(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """LPS of the corners that triangles use, and their scalars."""
    data = model.GetPolyData()
    used = np.unique(vtk_to_numpy(data.GetPolys().GetConnectivityArray()))
    places = vtk_to_numpy(data.GetPoints().GetData())[used] * (-1, -1, 1)
    return places, vtk_to_numpy(data.GetPointData().GetScalars())[used]


def depth(places: np.ndarray, center: np.ndarray, semi: np.ndarray) -> np.ndarray:
    """About the distance to an ellipsoid's surface, positive inside."""
    unit = (places - center) / semi
    r = np.linalg.norm(unit, axis=1)
    return (1 - r) * r / np.linalg.norm(unit / semi, axis=1)


@pytest.mark.parametrize(
    ("kind", "other"), [("oblique left-handed", "flipped"), ("sagittal slices", "oblique"), ("straight", "left-handed")]
)
def test_the_model_stands_where_the_tumour_does_and_is_coloured_by_its_margin(
    scene: Any, kind: str, other: str
) -> None:
    drawn = draw_margin(prepare(measured(kind, other)), scene)
    places, mm = corners(drawn.model)
    assert np.abs(depth(places, CENTER, TUMOUR)).max() < 2.0  # half a slice of 4 mm
    assert np.abs(depth(places, CENTER, TUMOUR)).mean() < 0.6
    np.testing.assert_allclose(places.min(axis=0), CENTER - TUMOUR, atol=1.8)
    np.testing.assert_allclose(places.max(axis=0), CENTER + TUMOUR, atol=1.8)
    # away from where the zone went the margin is small
    away = (places - CENTER) @ OFF
    assert np.corrcoef(away, mm)[0, 1] > 0.8
    marked = shown_parts(drawn)[SMALLEST][0]
    place = [0.0, 0.0, 0.0]
    marked.GetNthControlPointPositionWorld(0, place)
    np.testing.assert_allclose(place, lps_to_ras(drawn.record.margin.smallest_at), atol=1e-6)
    assert np.dot(np.multiply(place, (-1, -1, 1)) - CENTER, OFF) < 0
    assert marked.GetNthControlPointLabel(0).startswith("margin ") and marked.GetLocked()
    assert shown_parts(drawn)[GREY] == []


@pytest.mark.parametrize(("kind", "other"), [("sagittal slices", "oblique left-handed"), ("straight", "flipped")])
def test_the_zone_is_outlined_where_the_registration_lays_it(scene: Any, kind: str, other: str) -> None:
    prepared = prepare(measured(kind, other), zone_after(other), Registration(MATRIX, "rigid"))
    (zone,) = shown_parts(draw_margin(prepared, scene))[OUTLINE]
    places = vtk_to_numpy(zone.GetPolyData().GetPoints().GetData()) * (-1, -1, 1)
    away = depth(places, CENTER + OFF, ZONE)
    assert np.abs(away).max() < 2.5 and np.abs(away).mean() < 0.8  # half of the thickest voxels
    assert np.abs(depth(places, CENTER - OFF, ZONE)).max() > 10
    display = zone.GetDisplayNode()
    assert display.GetVisibility2D() and not display.GetVisibility3D()


def test_colours_change_at_0_5_and_10_mm(scene: Any) -> None:
    display = draw_margin(prepare(measured("straight", "straight")), scene).model.GetDisplayNode()
    table = display.GetColorNode()
    assert display.GetScalarVisibility() and display.GetActiveScalarName() == SCALARS
    assert tuple(display.GetScalarRange()) == MARGIN_RANGE
    lookup = table.GetLookupTable()
    lookup.SetRange(*MARGIN_RANGE)
    for (_name, color), inside in zip(MARGINS, ((-40, -0.1), (0.1, 4.9), (5.1, 9.9), (10.1, 60)), strict=True):
        for mm in inside:
            found = [0.0, 0.0, 0.0]
            lookup.GetColor(mm, found)
            np.testing.assert_allclose(found, color, atol=0.01)
    assert [table.GetColorName(n) for n in range(4)] == [name for name, _color in MARGINS]


def test_the_legend_stands_in_the_three_d_view(rendering_host: Any) -> None:
    prepared = prepare(measured("straight", "straight"))
    view = rendering_host.three_d_view((512, 512))
    empty = view.picture()
    draw_margin(prepared, rendering_host.scene)
    corner = np.s_[50:230, 460:510]
    for name, color in MARGINS:
        near = np.abs(view.picture()[corner] - np.multiply(color, 255)).max(axis=-1) < 12
        assert near.sum() > 300, name
        assert not (np.abs(empty[corner] - np.multiply(color, 255)).max(axis=-1) < 12).any()


def test_no_step_of_drawing_a_large_margin_takes_longer_than_a_person_notices(rendering_host: Any) -> None:
    """A tumour of 60 mm; CPU seconds, which do not count what else the machine does."""
    large = prepare(measured("straight", "straight", scale=60 / 28))
    for _ in range(2):  # the second time an older one goes
        steps, seconds = drawn_in_steps(large, rendering_host.scene), []
        while True:
            begin = time.process_time()
            drawn = next(steps, None)
            seconds.append(time.process_time() - begin)
            if drawn is None:
                break
        assert max(seconds) < 0.1, seconds
    assert len(list(margin_nodes(rendering_host.scene))) == 1


def test_surface_at_the_livers_border_is_grey(scene: Any) -> None:
    drawn = draw_margin(prepare(measured("oblique", "flipped", liver=True)), scene)
    (grey,) = shown_parts(drawn)[GREY]
    used = np.unique(vtk_to_numpy(grey.GetPolyData().GetPolys().GetConnectivityArray()))
    right = vtk_to_numpy(grey.GetPolyData().GetPoints().GetData())[used] * (-1, -1, 1)
    colored = corners(drawn.model)[0]
    assert right[:, 0].mean() < colored[:, 0].mean() - 3
    assert not grey.GetDisplayNode().GetScalarVisibility()


def test_candidates_of_ltp_are_listed_by_their_way_to_the_narrowest_part(scene: Any, tmp_path: Path) -> None:
    record = measured("oblique", "flipped")
    narrow = MATRIX[:3, :3] @ record.margin.smallest_at + MATRIX[:3, 3]
    post = image("oblique")
    affine = post.geometry.affine.copy()
    affine[:3, 3] += narrow - post.geometry.center
    grid = replace(post.geometry, affine=affine)
    post = replace(post, geometry=grid)
    far = narrow + MATRIX[:3, :3] @ np.array([0.0, 30.0, 0.0])
    candidates = [candidate(n, at, score, grid) for n, at, score in ((1, far, 0.9), (2, narrow, 0.8), (3, far, 0.1))]
    found = replace(result(post), candidates=tuple(candidates))
    draw_on(volume_from_image(post, scene, "post"), found, scene)
    drawn = draw_margin(prepare(record), scene)
    assert [one.number for one in drawn.near] == [2, 1]
    assert drawn.near[0].narrowest_mm == pytest.approx(0, abs=1e-6)
    assert drawn.near[1].narrowest_mm == pytest.approx(30, abs=1e-6)
    (points,) = shown_parts(drawn)[CANDIDATES]
    assert [points.GetNthControlPointLabel(n) for n in range(2)] == ["candidate 2: 0 mm", "candidate 1: 30 mm"]
    place = [0.0, 0.0, 0.0]
    points.GetNthControlPointPositionWorld(0, place)
    np.testing.assert_allclose(place, lps_to_ras(record.margin.smallest_at), atol=1e-6)
    assert PLACE in found.run.inputs


def test_a_margin_read_from_a_file_is_saved_and_restored_with_the_scene(host: Any, tmp_path: Path) -> None:
    record = measured("oblique left-handed", "flipped", liver=True)
    write_margin(tmp_path / "margin.json", record)
    drawn = draw_margin(prepare(read_margin(tmp_path / "margin.json")), host.scene)
    places, mm = corners(drawn.model)
    save_mrb(host.scene, tmp_path / "case.mrb")
    host.clear()
    assert restored_margins(host.scene) == ((), ())
    host.load(tmp_path / "case.mrb")
    (again,), problems = restored_margins(host.scene)
    assert problems == ()
    assert again.record.as_json() == record.as_json()
    now, scalars = corners(again.model)
    np.testing.assert_allclose(now, places, atol=1e-3)
    np.testing.assert_allclose(scalars, mm, atol=1e-3)
    display = again.model.GetDisplayNode()
    assert tuple(display.GetScalarRange()) == MARGIN_RANGE and display.GetScalarVisibility()
    assert display.GetColorNode().GetColorName(1) == "0 to 5"
    assert {part: len(found) for part, found in shown_parts(again).items()} == {
        SURFACE: 1, GREY: 1, OUTLINE: 0, SMALLEST: 1, CANDIDATES: 0,
    }  # fmt: skip


def test_a_margin_goes_as_a_whole_and_is_drawn_once(scene: Any) -> None:
    before = nodes(scene)
    record = measured("straight", "straight", liver=True)
    draw_margin(prepare(record), scene)
    drawn = draw_margin(prepare(record), scene)
    assert len(list(margin_nodes(scene))) == 1
    remove_margin(drawn)
    left = set(nodes(scene)) - set(before)
    assert all("ColorTable" in one or "Storage" in one for one in left), left


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "hccassist-margin-record/1"}'])
def test_a_damaged_margin_is_told(scene: Any, text: str) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", "Ablation margin")
    node.SetText(text)
    node.SetAttribute(MARGIN, "1")
    found, (problem,) = restored_margins(scene)
    assert found == () and problem.where == "Ablation margin" and problem.level == "WARN" and problem.remedy
