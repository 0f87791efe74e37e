"""RAS and LPS change signs in one place only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import DIRECTIONS, geometry, image, rotation

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene import transforms


def test_right_and_anterior_change_their_sign_and_superior_does_not() -> None:
    assert transforms.ras_to_lps((10, 20, 30)).tolist() == [-10, -20, 30]
    assert transforms.lps_to_ras([(10, 20, 30), (-1, 0, 2)]).tolist() == [[-10, -20, 30], [1, 0, 2]]


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_a_grid_written_by_the_library_has_slicers_own_matrix(kind: str, scene: Any, tmp_path: Path) -> None:
    import slicer
    import vtk

    volume = image(kind)
    write_image(volume, tmp_path / "volume.nrrd")
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(tmp_path / "volume.nrrd"))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert storage.ReadData(node)
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    expected = transforms.ijk_to_ras(volume.geometry)
    if volume.geometry.is_left_handed:  # Slicer's reader turns the slices round to have a right-handed grid
        last = volume.geometry.shape[0] - 1
        expected = expected @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, last], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(transforms.from_vtk(matrix), expected, atol=1e-4)


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_a_grid_survives_the_way_to_ras_and_back(kind: str) -> None:
    grid = geometry(kind)
    back = transforms.geometry_from_ijk_to_ras(grid.shape, transforms.ijk_to_ras(grid))
    np.testing.assert_array_equal(back.affine, grid.affine)


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_box_keeps_its_corners_and_becomes_right_handed(mirror: int) -> None:
    axes = np.diag([1, 1, mirror]) @ rotation((1, -2, 1), 33).T
    box = Box((5, -7, 11), (10, 20, 30), tuple(tuple(axis) for axis in axes))
    matrix = transforms.box_to_ras(box)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
    signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, -1).T
    corners = signs * (5, 10, 15) @ matrix[:3, :3].T + matrix[:3, 3]
    expected = box.corners() * (-1, -1, 1)
    assert {tuple(np.round(c, 6)) for c in corners} == {tuple(np.round(c, 6)) for c in expected}


def test_importing_the_room_imports_no_vtk() -> None:
    code = (
        "import sys, HCCAssistLib.scene, HCCAssistLib.scene.rendering\n"
        "assert not {'vtk', 'vtkmodules', 'slicer', 'slicer_core'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_transform_that_lays_a_volume_is_turned_round_in_lps(scene: Any) -> None:
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation((1, -2, 1), 25), (5, -7, 11)
    node.SetMatrixTransformToParent(transforms.to_vtk(matrix))
    own = np.array([12.0, -30.0, 45.0, 1.0])  # RAS of a place in the volume as it stands
    laid = transforms.ras_to_lps((matrix @ own)[:3])
    back = transforms.from_parent_lps(node, volume) @ [*laid, 1.0]
    np.testing.assert_allclose(back[:3], transforms.ras_to_lps(own[:3]), atol=1e-9)
    volume.SetAndObserveTransformNodeID(node.GetID())
    np.testing.assert_array_equal(transforms.from_parent_lps(node, volume), np.eye(4))


def test_a_transform_that_bends_or_flattens_lays_nothing(scene: Any) -> None:
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "flat")
    node.SetMatrixTransformToParent(transforms.to_vtk(np.diag([1.0, 1.0, 0.0, 1.0])))
    with pytest.raises(InputError, match="flat"):
        transforms.from_parent_lps(node, volume)
