"""A case rendered into files: slices in the planes of the volume, numbered boxes, one picture in 3-D."""

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
from cases import PLACE, candidate, geometry, image, result

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.scene import rendering
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import vtk
from test_scene_presenters import PHASES, classification, risk

from HCCAssistLib.scene import pictures
from HCCAssistLib.scene.pictures import render_case, save_case
from HCCAssistLib.scene.transforms import from_vtk
from HCCAssistLib.scene.view_labels import section_corner
from HCCAssistLib.scene.views import write_png

Picture = npt.NDArray[np.uint8]


def is_box(picture: Picture) -> npt.NDArray[np.bool_]:
    """Bright yellow: much red and green, little blue."""
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return (red > 200) & (green > 160) & (blue < 110)


@pytest.mark.parametrize("kind", ["oblique left-handed", "sagittal slices"])
def test_a_case_is_rendered_into_files(kind: str, rendering_host: Any, tmp_path: Path) -> None:
    volume = image(kind)
    mask = volume.with_array((volume.array > -50).astype(np.uint8), "everything")
    paths = render_case(result(volume), {PLACE: volume}, tmp_path, masks={"post/liver": mask})
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


def is_heat(picture: Picture) -> npt.NDArray[np.bool_]:
    red, green, _ = np.moveaxis(picture.astype(int), -1, 0)
    return red - green > 40


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
    render_case(result(volume), {PLACE: volume}, tmp_path)
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
    paths = render_case(detection, {PLACE: volume}, tmp_path)
    for cut, path, xy_to_ras in zip((1, 2), paths, recorder.xy_to_ras, strict=False):
        picture = read_png(path)
        for one in detection.shown:
            ras = section_corner(one.box, slice_to_ras(xy_to_ras))
            assert (ras is not None) == (one.number == cut)
            if ras is None:
                continue
            x, y, _, _ = np.linalg.inv(xy_to_ras) @ [*ras, 1]
            row, column = round(1023 - y), round(x)
            white = picture[row - 40 : row + 5, column : column + 100].min(axis=-1) > 200
            assert (white.sum() > 50) == (one.number == cut), (cut, one.number)


def slice_to_ras(xy_to_ras: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    matrix = xy_to_ras.copy()
    matrix[:3, :3] /= np.linalg.norm(matrix[:3, :3], axis=0)
    return matrix


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
        picture = read_png(render_case(only, {PLACE: volume}, tmp_path)[-1])
        yellow = is_box(picture) | is_orange(picture)
        assert yellow[rows, columns].sum() > 0.95 * yellow.sum() > 100


def is_orange(picture: Picture) -> npt.NDArray[np.bool_]:
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return (red > 180) & (green > 120) & (blue < 90)


def test_without_a_shown_candidate_there_is_one_slice(rendering_host: Any, tmp_path: Path) -> None:
    volume = image("oblique")
    paths = render_case(replace(result(volume, threshold=0.99), heatmap=None), {PLACE: volume}, tmp_path)
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


def test_every_volume_of_a_classification_has_its_picture(rendering_host: Any, tmp_path: Path) -> None:
    volumes = {place: image(kind) for place, kind in PHASES.items()}
    paths = render_case(classification(volumes), volumes, tmp_path, three_d=False)
    assert [p.name for p in paths] == [
        f"finding-{number}-{place.replace('/', '-')}.png" for number in (1, 2) for place in volumes
    ]
    first, second = (read_png(path) for path in paths[:2])
    assert is_box(first).sum() > 50
    assert is_heat(first).sum() > 100
    assert (first != second).any()


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
            render_case(result(volume), {PLACE: volume}, tmp_path)
        save_case(result(volume), {PLACE: volume}, None, tmp_path / "case.mrb")
        assert (tmp_path / "case.mrb").stat().st_size > 10_000
    finally:
        monkeypatch.undo()
        rendering.rendering_available.cache_clear()


@pytest.mark.slow
def test_nothing_is_written_into_the_home_or_the_current_folder(rendering_host: Any, tmp_path: Path) -> None:
    home, here, out = (tmp_path / name for name in ("home", "here", "out"))
    for folder in (home, here, out):
        folder.mkdir()
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]\n"
        "from cases import PLACE, image, result\n"
        "from HCCAssistLib.scene.pictures import render_case, save_case\n"
        "volume, out = image('oblique'), Path(sys.argv[1])\n"
        "render_case(result(volume), {PLACE: volume}, out)\n"
        "save_case(result(volume), {PLACE: volume}, None, out / 'case.mrb')\n"
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


def test_time_points_have_pictures_of_their_own_with_their_own_boxes_and_segments(
    rendering_host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tumour before on the patient's right, the zone after on the left, on scans that nothing joins."""
    volumes = {place: image("straight") for place in ("pre/delayed", "post/delayed")}
    volumes["pre/delayed"] = volumes["pre/delayed"].with_array(9000.0 + volumes["pre/delayed"].array, "as of an MR")
    grid = volumes["pre/delayed"].geometry
    aside = {"pre/tumour": (-25.0, 0.0, 0.0), "post/ablation": (25.0, 0.0, 0.0)}
    boxes = {place: Box(tuple(grid.center + shift), (20.0, 20.0, 20.0)) for place, shift in aside.items()}
    both = risk(volumes)
    both = replace(both, boxes=boxes, run=replace(both.run, recipe="ablation-recurrence"), heatmaps={})
    masks = {place: inside(box, grid) for place, box in boxes.items()}
    held: list[set[str]] = []
    draw = pictures.draw

    def noted(part: Any, nodes: Any, scene: Any) -> Any:
        held.append(segment_names(scene))
        return draw(part, nodes, scene)

    monkeypatch.setattr(pictures, "draw", noted)
    paths = render_case(both, volumes, tmp_path, masks=masks)
    times = {"pre": slice(None, 512), "post": slice(512, None)}
    assert [p.name for p in paths] == [
        name for time in times for name in (f"finding-1-{time}-delayed.png", f"three-d-{time}.png")
    ]
    assert held == [{"tumour"}, {"ablation"}]
    for number, columns in enumerate(times.values()):
        picture = read_png(paths[2 * number])
        yellow = is_box(picture)
        assert yellow[:, columns].sum() == yellow.sum() > 100
        grey = picture[..., 0][(picture[..., 0] == picture[..., 1]) & (picture[..., 1] == picture[..., 2])]
        assert np.mean((grey > 20) & (grey < 235)) > 0.02, "nothing but black and white is to be seen"
    save_case(both, volumes, masks, tmp_path / "case.mrb")


def inside(box: Box, grid: Geometry) -> Image:
    k, j, i = np.indices(grid.shape)
    return Image(box.contains(grid.to_world(np.stack([i, j, k], axis=-1))).astype(np.uint8), grid)


def segment_names(scene: Any) -> set[str]:
    """Of all segmentations."""
    found = scene.GetNodesByClass("vtkMRMLSegmentationNode")
    each = [found.GetItemAsObject(n).GetSegmentation() for n in range(found.GetNumberOfItems())]
    return {one.GetNthSegment(n).GetName() for one in each for n in range(one.GetNumberOfSegments())}
