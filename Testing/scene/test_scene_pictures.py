"""What a picture shows where: positions come from the slice node's own matrix, colours from the pixels."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cases import DIRECTIONS, blob_center, candidate, geometry, image, result

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.scene import rendering
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import vtk

from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.scene import pictures
from HCCAssistLib.scene.boxes import label_position
from HCCAssistLib.scene.drawing import apply_threshold, draw_detection, set_review
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.pictures import render_case, save_case
from HCCAssistLib.scene.transforms import from_vtk
from HCCAssistLib.scene.views import write_png
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


def is_heat(picture: Picture) -> npt.NDArray[np.bool_]:
    """Reddish: more red than green by far."""
    red, green, _ = np.moveaxis(picture.astype(int), -1, 0)
    return red - green > 40


def shown(host: Any, kind: str, **changes: Any) -> tuple[Any, Any, Image]:
    """A view on the slice of candidate 1, with the drawing of a result."""
    volume = image(kind)
    view = host.slice_view("Red", (512, 512))
    node = volume_from_image(volume, host.scene, "CT", Window(60, 400))
    drawn = draw_detection(replace(result(volume), **changes), node, host.scene)
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
    drawn.heatmap.GetDisplayNode().SetThreshold(0.99, 1e6)
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
    assert ((picture[..., 2] > 200) & (picture[..., 0] < 130)).sum() > 100, "accepted is blue"
    apply_threshold(drawn, 0.99)
    picture = view.picture().astype(int)
    assert not ((picture[..., 2] > 200) & (picture[..., 0] < 130)).any()


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
    draw_detection(result(volume), node, rendering_host.scene)
    view.logic.FitSliceToBackground()
    jump_to(result(volume).candidates[0], rendering_host.scene)
    first = view.picture().astype(int)
    save_mrb(rendering_host.scene, tmp_path / "case.mrb")
    rendering_host.clear()
    rendering_host.load(tmp_path / "case.mrb")
    second = view.picture().astype(int)
    assert (np.abs(first - second).max(axis=-1) > 30).mean() < 0.002
    outline = (first[..., 2] > 180) & (first[..., 0] < 150)
    assert outline.sum() > 50, "the outline of the ablation zone is blue"
    assert ((second[..., 2] > 180) & (second[..., 0] < 150)).sum() > 50


@pytest.mark.parametrize("kind", ["oblique left-handed", "sagittal slices"])
def test_a_case_is_rendered_into_files(kind: str, rendering_host: Any, tmp_path: Path) -> None:
    volume = image(kind)
    mask = volume.with_array((volume.array > -50).astype(np.uint8), "everything")
    paths = render_case(result(volume), volume, tmp_path, masks={"liver": mask})
    assert [p.name for p in paths] == ["candidate-1.png", "candidate-2.png", "three-d.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths)
    for path in paths:
        picture = read_png(path)
        assert picture.shape == (1024, 1024, 3)
        assert is_box(picture).sum() > 200, path.name
        frame = is_box(picture)
        frame[2:-2, 2:-2] = False
        assert not frame.any(), "no box is cut by the edge of the picture"
    assert rendering_host.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == 0, "the host is left empty"


class Recorder:
    """Writes the pictures, and keeps the slice node's matrices as they were at each."""

    def __init__(self, host: Any) -> None:
        self.node = host.slice_view("Red", (1024, 1024)).node
        self.xy_to_ras: list[npt.NDArray[np.float64]] = []

    def __call__(self, picture: Picture, path: Path) -> None:
        self.xy_to_ras.append(from_vtk(self.node.GetXYToRAS()))
        write_png(picture, path)


@pytest.mark.parametrize("kind", ["oblique left-handed", "sagittal slices"])
def test_slices_lie_in_the_planes_of_the_volume(
    kind: str, rendering_host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "write_png", recorder := Recorder(rendering_host))
    volume = image(kind)
    grid = volume.geometry
    render_case(result(volume), volume, tmp_path)
    for shown_one, xy_to_ras in zip(result(volume).shown, recorder.xy_to_ras, strict=False):
        across = xy_to_ras[:3, 0] * (-1, -1, 1)  # LPS
        down = -xy_to_ras[:3, 1] * (-1, -1, 1)
        normal = np.cross(across, down) / np.linalg.norm(np.cross(across, down))
        assert abs(normal @ grid.directions[:, grid.axial_axis]) == pytest.approx(1)
        assert across[0] == max(abs(across)), "to the patient's left"
        assert down[1] == max(abs(down)), "to posterior"
        # the plane goes through the middles of voxels, those next to the candidate's middle
        on_slice = grid.to_index(xy_to_ras[:3, 3] * (-1, -1, 1))[grid.axial_axis]
        assert on_slice == pytest.approx(round(on_slice), abs=1e-3)
        assert abs(on_slice - grid.to_index(shown_one.box.center)[grid.axial_axis]) <= 0.501


def test_only_the_boxes_that_a_slice_cuts_are_numbered(
    rendering_host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "write_png", recorder := Recorder(rendering_host))
    volume = image("oblique")
    detection = replace(result(volume), heatmap=None)
    paths = render_case(detection, volume, tmp_path)
    for cut, path, xy_to_ras in zip((1, 2), paths, recorder.xy_to_ras, strict=False):
        picture = read_png(path)
        for one in detection.shown:
            ras = label_position(one.box) * (-1, -1, 1)
            x, y, _, _ = np.linalg.inv(xy_to_ras) @ [*ras, 1]
            row, column = round(1023 - y), round(x)
            white = picture[row - 40 : row + 5, column : column + 100].min(axis=-1) > 200
            assert (white.sum() > 50) == (one.number == cut), (cut, one.number)


def test_boxes_stand_in_3d_as_seen_from_in_front(rendering_host: Any, tmp_path: Path) -> None:
    volume = image("straight")
    grid = geometry("straight")
    left, right = (
        candidate(n, grid.center + shift, 0.9 / n, grid) for n, shift in ((1, (25, 0, 15)), (2, (-25, 0, -15)))
    )
    for shown_one, columns, rows in (
        (left, slice(512, None), slice(None, 512)),
        (right, slice(None, 512), slice(512, None)),
    ):
        only = replace(result(volume, threshold=0.1), candidates=(shown_one,), heatmap=None)
        picture = read_png(render_case(only, volume, tmp_path)[-1])
        yellow = is_box(picture) | is_orange(picture)
        assert yellow[rows, columns].sum() > 0.95 * yellow.sum() > 100


def is_orange(picture: Picture) -> npt.NDArray[np.bool_]:
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return (red > 180) & (green > 120) & (blue < 90)


def test_without_a_shown_candidate_there_is_one_slice(rendering_host: Any, tmp_path: Path) -> None:
    volume = image("oblique")
    paths = render_case(replace(result(volume, threshold=0.99), heatmap=None), volume, tmp_path)
    assert [p.name for p in paths] == ["slice.png", "three-d.png"]
    assert read_png(paths[0])[512, 512].min() > 0
    assert not is_box(read_png(paths[0])).any()


def read_png(path: Path) -> Picture:
    from vtk.util.numpy_support import vtk_to_numpy

    reader = vtk.vtkPNGReader()
    reader.SetFileName(str(path))
    reader.Update()
    columns, rows, _ = reader.GetOutput().GetDimensions()
    return vtk_to_numpy(reader.GetOutput().GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1]


@pytest.mark.parametrize("death", ["raise SystemExit(1)", "import os; os.kill(os.getpid(), 11)"])
def test_without_mesa_the_package_is_named_and_the_rest_goes_on(
    death: str, host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "_PROBE", death)
    rendering.rendering_available.cache_clear()
    try:
        problem = rendering.rendering_available()
        assert problem is not None
        assert problem.level == "WARN"
        assert "apt-get install -y libegl1 libgl1-mesa-dri" in str(problem)
        volume = image("straight")
        with pytest.raises(HCCAssistError, match="apt-get install"):
            render_case(result(volume), volume, tmp_path)
        save_case(result(volume), volume, None, tmp_path / "case.mrb")
        assert (tmp_path / "case.mrb").stat().st_size > 10_000
    finally:
        monkeypatch.undo()
        rendering.rendering_available.cache_clear()


def test_nothing_is_written_into_the_home_or_the_current_folder(rendering_host: Any, tmp_path: Path) -> None:
    home, here, out = (tmp_path / name for name in ("home", "here", "out"))
    for folder in (home, here, out):
        folder.mkdir()
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]\n"
        "from cases import image, result\n"
        "from HCCAssistLib.scene.pictures import render_case, save_case\n"
        "volume, out = image('oblique'), Path(sys.argv[1])\n"
        "render_case(result(volume), volume, out)\n"
        "save_case(result(volume), volume, None, out / 'case.mrb')\n"
    )
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", code, str(out), str(Path(__file__).parent), str(Path(__file__).parents[2])],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
    assert run.stderr == "", "VTK complains about nothing"
    assert list(home.iterdir()) == []
    assert list(here.iterdir()) == []
    assert sorted(p.name for p in out.iterdir()) == ["candidate-1.png", "candidate-2.png", "case.mrb", "three-d.png"]
