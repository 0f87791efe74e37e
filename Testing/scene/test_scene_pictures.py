"""What a picture shows where: positions come from the slice node's own matrix, colours from the pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cases import DIRECTIONS, PLACE, at_threshold, blob_center, draw_on, image, result, set_review

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import vtk

from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

Picture = npt.NDArray[np.uint8]


def pixel(view: Any, lps: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Row and column of a place, from the inverse of the slice node's XYToRAS."""
    inverse = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(view.node.GetXYToRAS(), inverse)
    x, y, z = np.asarray(lps, dtype=float)
    column, row_from_below, off, _ = inverse.MultiplyPoint((-x, -y, z, 1))
    assert abs(off) < 3, "the place lies on the shown slice"
    return np.rint([view.node.GetDimensions()[1] - 1 - row_from_below, column]).astype(int)


def patch(picture: Picture, place: npt.NDArray[np.int64], half: int = 2) -> npt.NDArray[np.float64]:
    row, column = place
    return picture[row - half : row + half + 1, column - half : column + half + 1].reshape(-1, 3).mean(axis=0)


def is_box(picture: Picture) -> npt.NDArray[np.bool_]:
    """Bright yellow: much red and green, little blue."""
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return (red > 200) & (green > 160) & (blue < 110)


def is_green(picture: Picture) -> npt.NDArray[np.bool_]:
    return (picture[..., 1] > 200) & (picture[..., 0] < 130) & (picture[..., 2] < 200)


def is_heat(picture: Picture) -> npt.NDArray[np.bool_]:
    """Reddish: more red than green by far."""
    red, green, _ = np.moveaxis(picture.astype(int), -1, 0)
    return red - green > 40


def shown(host: Any, kind: str, **changes: Any) -> tuple[Any, Any, Image]:
    """A view on the slice of candidate 1, with the drawing of a result."""
    volume = image(kind)
    view = host.slice_view("Red", (512, 512))
    node = volume_from_image(volume, host.scene, "CT", Window(60, 400))
    drawn = draw_on(node, replace(result(volume), **changes), host.scene, heat=0.6)
    view.node.SetOrientationToAxial()
    view.logic.FitSliceToBackground()
    x, y, z = blob_center(volume.geometry)
    view.node.JumpSliceByOffsetting(-x, -y, z)  # the blob stays off the middle of the picture
    return view, drawn, volume


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_the_blob_the_box_and_the_heat_are_where_they_should_be(kind: str, rendering_host: Any) -> None:
    view, drawn, volume = shown(rendering_host, kind, heatmap=None)
    center = blob_center(volume.geometry)
    place = pixel(view, center)
    plain = view.picture()
    # the blob: white at its place and soft tissue at the place mirrored in the middle of the volume
    assert patch(plain, place).min() > 250
    middle = volume.geometry.center
    for mirror in np.diag([-1.0, 1, 1]), np.diag([1.0, -1, 1]):
        other = pixel(view, middle + mirror @ (center - middle))
        assert patch(plain, other).max() < 150
    # the outline: the box's corners projected to the slice frame it, and nothing of it lies elsewhere
    rows, columns = np.nonzero(is_box(plain))
    candidate_1 = drawn.result.candidates[0]
    to_ras = np.array([[view.node.GetSliceToRAS().GetElement(r, c) for c in range(4)] for r in range(4)])
    outline = np.array([pixel(view, lps) for lps in slice_through(candidate_1.box.corners(), to_ras)])
    np.testing.assert_allclose([rows.min(), columns.min()], outline.min(axis=0), atol=3)
    np.testing.assert_allclose([rows.max(), columns.max()], outline.max(axis=0), atol=3)
    assert not is_box(plain)[place[0] - 4 : place[0] + 5, place[1] - 4 : place[1] + 5].any()


def slice_through(corners: npt.NDArray[np.float64], slice_to_ras: npt.NDArray[np.float64]) -> list[npt.NDArray[Any]]:
    """LPS points where a plane cuts the edges of a box (any pair of corners that differ in one sign)."""
    normal, origin = slice_to_ras[:3, 2], slice_to_ras[:3, 3]
    ras = corners * (-1, -1, 1)
    height = (ras - origin) @ normal
    points = []
    for a in range(8):
        for b in range(a):
            if bin(a ^ b).count("1") == 1 and height[a] * height[b] < 0:
                cut = ras[a] + (ras[b] - ras[a]) * height[a] / (height[a] - height[b])
                points.append(cut * (-1, -1, 1))
    return points


@pytest.mark.parametrize("kind", ["flipped", "oblique", "oblique left-handed"])
def test_heat_shows_in_its_place_only_and_only_above_the_threshold(kind: str, rendering_host: Any) -> None:
    view, drawn, volume = shown(rendering_host, kind, candidates=(result(image(kind)).candidates[0],))
    center = blob_center(volume.geometry)
    place = pixel(view, center)
    picture = view.picture()
    picture[:160, 400:] = 0  # the legend has the same colours
    red, _, blue = patch(picture, place)
    assert red - blue > 80, "the hottest end of the table is yellow"
    rows, columns = np.nonzero(is_heat(picture))
    np.testing.assert_allclose([rows.mean(), columns.mean()], place, atol=4)
    # exp(-(r/12)^2) = 0.3 at r = 13.17 mm
    millimetres = view.node.GetFieldOfView()[0] / 512
    radius = np.hypot(rows - place[0], columns - place[1]).max() * millimetres
    assert radius == pytest.approx(13.17, abs=2.5)
    drawn.heatmaps[PLACE].GetDisplayNode().SetThreshold(0.99, 1e6)
    assert is_heat(view.picture())[160:].sum() < rows.size / 20


def test_the_anatomy_shows_through_the_heat(rendering_host: Any) -> None:
    view, _, volume = shown(rendering_host, "straight")
    picture = view.picture()
    center = blob_center(volume.geometry)
    inside, outside = (
        patch(picture, pixel(view, center + np.array([5, 0, 0]))),
        patch(picture, pixel(view, center + np.array([10.8, 0, 0]))),
    )
    assert inside.sum() - outside.sum() > 60, "the edge of the blob is seen below the heat"


def test_the_patients_left_is_on_the_right_and_anterior_on_top(rendering_host: Any) -> None:
    view, volume = rendering_host.slice_view("Red", (512, 512)), image("oblique left-handed")
    grid = volume.geometry
    k, j, i = np.indices(grid.shape)
    places = grid.to_world(np.stack([i, j, k], axis=-1)) - grid.center
    marked = volume.with_array(
        np.where((places[..., 0] > 15) & (places[..., 1] < -20), 300, 0).astype(np.int16), "mark"
    )
    volume_node = volume_from_image(marked, rendering_host.scene, "CT", Window(60, 400))
    view.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume_node.GetID())
    view.node.SetOrientationToAxial()
    view.logic.FitSliceToBackground()
    rows, columns = np.nonzero(view.picture()[..., 0] > 240)
    assert rows.size > 500
    assert columns.mean() > 300
    assert rows.mean() < 220


def test_thresholds_and_verdicts_show_in_the_picture(rendering_host: Any) -> None:
    view, drawn, _ = shown(rendering_host, "oblique", heatmap=None)
    assert is_box(view.picture()).sum() > 100
    drawn = set_review(drawn, 1, Review(Verdict.ACCEPTED, "R1"))
    picture = view.picture().astype(int)
    assert not is_box(picture.astype(np.uint8)).any()
    assert is_green(picture).sum() > 100, "accepted is green"
    at_threshold(drawn, 0.99)
    picture = view.picture().astype(int)
    assert not is_green(picture).any()


def test_the_legend_stands_beside_the_picture(rendering_host: Any) -> None:
    view, _, _ = shown(rendering_host, "oblique")
    corner = view.picture()[:180, 420:].astype(int)
    bar = is_heat(corner.astype(np.uint8))
    assert bar.sum() > 100
    assert (corner.min(axis=-1) > 200).sum() > 50, "numbers are written in white"
    columns = np.nonzero(bar.any(axis=0))[0]
    rows = np.nonzero(bar[:, columns[0] + 2])[0]
    top, bottom = corner[rows[0], columns[0] + 2], corner[rows[-1], columns[0] + 2]
    assert top.sum() > bottom.sum(), "hot is on top"


def test_a_reloaded_case_shows_the_same_picture(rendering_host: Any, tmp_path: Path) -> None:
    volume = image("oblique left-handed")
    mask = volume.with_array((volume.array > 200).astype(np.uint8), "threshold")
    view = rendering_host.slice_view("Red", (512, 512))
    node = volume_from_image(volume, rendering_host.scene, "CT", Window(60, 400))
    segmentation_from_masks({"ablation zone": mask}, node, rendering_host.scene, "segments")
    draw_on(node, result(volume), rendering_host.scene, heat=0.6)
    view.logic.FitSliceToBackground()
    jump_to(result(volume).candidates[0].box.center, rendering_host.scene)
    first = view.picture().astype(int)
    save_mrb(rendering_host.scene, tmp_path / "case.mrb")
    rendering_host.clear()
    rendering_host.load(tmp_path / "case.mrb")
    second = view.picture().astype(int)
    assert (np.abs(first - second).max(axis=-1) > 30).mean() < 0.002
    outline = (first[..., 2] > 180) & (first[..., 0] < 150)
    assert outline.sum() > 50, "the outline of the ablation zone is blue"
    assert ((second[..., 2] > 180) & (second[..., 0] < 150)).sum() > 50
