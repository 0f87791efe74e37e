"""Nodes of the scene are read as the library reads the files they came from, or are refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import DIRECTIONS, assert_same_voxels, geometry, image, rotation

from HCCAssistLib.cohort.points import Point, PointList, read_points, write_points
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import slicer
import vtk

from HCCAssistLib.scene.inputs import (
    capture_volume,
    image_from_volume,
    points_from_markups,
)
from HCCAssistLib.scene.transforms import to_vtk
from HCCAssistLib.scene.volumes import volume_from_image

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def transform(scene: Any, matrix: np.ndarray, name: str = "moved") -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(to_vtk(matrix))
    return node


def rigid(axis: tuple[float, float, float], degrees: float, shift: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(axis, degrees)
    matrix[:3, 3] = shift
    return matrix


def bending(scene: Any) -> Any:
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for place in ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (50, 50, 50)):
        source.InsertNextPoint(*place)
        target.InsertNextPoint(place[0], place[1], place[2] + (9 if place[0] == place[1] == 50 else 0))
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    spline.SetBasisToR()
    node = scene.AddNewNodeByClass("vtkMRMLTransformNode", "breathing")
    node.SetAndObserveTransformToParent(spline)
    return node


@pytest.mark.parametrize("ending", ["nrrd", "nii.gz"])
@pytest.mark.parametrize("kind", DIRECTIONS)
def test_a_volume_loaded_by_slicer_is_what_the_library_reads(kind: str, ending: str, host: Any, tmp_path: Path) -> None:
    path = tmp_path / f"volume.{ending}"
    write_image(image(kind), path)
    node = host.logics["Volumes"].AddArchetypeVolume(str(path), "volume", 0, None)
    ours = read_image(path)
    theirs = image_from_volume(node)
    assert theirs.array.dtype == ours.array.dtype == np.int16
    assert_same_voxels(theirs, ours)


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_a_volume_put_into_the_scene_comes_back_the_same(kind: str, scene: Any) -> None:
    volume = image(kind)
    back = image_from_volume(volume_from_image(volume, scene, "CT"), name="case 7")
    np.testing.assert_array_equal(back.array, volume.array)
    assert back.geometry.matches(volume.geometry, 1e-9)
    assert back.name == "case 7"


def test_an_image_does_not_change_when_its_node_does(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    taken = image_from_volume(node)
    before = taken.array.copy()
    node.GetImageData().GetPointData().GetScalars().Fill(99)
    np.testing.assert_array_equal(taken.array, before)
    with pytest.raises(ValueError, match="read-only"):
        taken.array[0, 0, 0] = 1


def test_a_chain_of_parent_transforms_moves_the_image_and_leaves_the_node(scene: Any) -> None:
    volume = image("oblique left-handed")
    node = volume_from_image(volume, scene, "CT")
    outer, inner = rigid((1, 0, 2), 25, (10, -4, 7)), rigid((0, 1, 1), -40, (3, 2, 1))
    parent, child = transform(scene, outer, "outer"), transform(scene, inner, "inner")
    child.SetAndObserveTransformNodeID(parent.GetID())
    node.SetAndObserveTransformNodeID(child.GetID())
    moved = image_from_volume(node)
    np.testing.assert_allclose(moved.geometry.affine, FLIP @ outer @ inner @ FLIP @ volume.geometry.affine, atol=1e-9)
    np.testing.assert_array_equal(moved.array, volume.array)
    assert node.GetParentTransformNode() is child


def test_a_volume_under_a_bending_transform_is_refused_by_name(scene: Any) -> None:
    node = volume_from_image(image("straight"), scene, "CT 3")
    node.SetAndObserveTransformNodeID(bending(scene).GetID())
    with pytest.raises(InputError, match=r"CT 3: .*'breathing', which bends it\. Harden"):
        image_from_volume(node)


def test_a_sheared_volume_is_refused_by_name(scene: Any) -> None:
    node = volume_from_image(image("straight"), scene, "tilted CT")
    shear = np.eye(4)
    shear[1, 2] = 0.3
    node.SetAndObserveTransformNodeID(transform(scene, shear).GetID())
    with pytest.raises(InputError, match=r"tilted CT: .*sheared"):
        image_from_volume(node)


def volume_of(array: np.ndarray, scene: Any, name: str) -> Any:
    grid = replace(geometry("straight"), shape=array.shape)
    return volume_from_image(Image(array, grid), scene, name)


def test_volumes_that_cannot_be_used_are_refused_by_name(scene: Any) -> None:
    empty = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing")
    with pytest.raises(InputError, match="nothing: the volume holds no voxels"):
        image_from_volume(empty)
    flat = volume_of(np.zeros((1, 8, 9), np.int16), scene, "scout")
    with pytest.raises(InputError, match="scout: the volume is 9 x 8 x 1 voxels: a single slice"):
        image_from_volume(flat)
    broken = volume_of(np.zeros((3, 4, 5), np.float32), scene, "map")
    slicer.util.arrayFromVolume(broken)[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="map: 1 voxels are NaN"):
        image_from_volume(broken)
    color = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "photo")
    data = vtk.vtkImageData()
    data.SetDimensions(4, 5, 6)
    data.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    color.SetAndObserveImageData(data)
    with pytest.raises(InputError, match="photo: each voxel holds 3 numbers"):
        image_from_volume(color)
    with pytest.raises(InputError, match="no volume is chosen"):
        image_from_volume(None)
    with pytest.raises(InputError, match=r"points: this is a .* node, not a volume"):
        image_from_volume(scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points"))
    gone = volume_of(np.zeros((3, 4, 5), np.int16), scene, "closed")
    scene.RemoveNode(gone)
    with pytest.raises(InputError, match="closed: the volume is no longer in the scene"):
        image_from_volume(gone)


def test_points_loaded_by_slicer_are_what_the_library_reads(host: Any, tmp_path: Path) -> None:
    volume = image("oblique left-handed")
    inside = [volume.geometry.to_world(ijk) for ijk in ((5, 6, 7), (40, 30, 2), (1, 43, 21))]
    points = [Point(f"L{n}", tuple(place), f"note {n}") for n, place in enumerate(inside)]
    write_points(PointList("lesions", tuple(points)), tmp_path / "lesions.mrk.json")
    node = host.scene.GetNodeByID(host.logics["Markups"].LoadMarkups(str(tmp_path / "lesions.mrk.json"), "lesions"))
    ours, theirs = read_points(tmp_path / "lesions.mrk.json"), points_from_markups(node, volume.geometry)
    assert [p.label for p in theirs.points] == [p.label for p in ours.points]
    assert [p.description for p in theirs.points] == [p.description for p in ours.points]
    np.testing.assert_allclose(theirs.positions, ours.positions, atol=1e-9)


def point_list(scene: Any, places: list[tuple[str, np.ndarray]]) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "lesions")
    for label, lps in places:
        node.AddControlPoint(vtk.vtkVector3d(-lps[0], -lps[1], lps[2]), label)
    return node


def test_points_outside_the_volume_are_refused_by_their_labels(scene: Any) -> None:
    volume = image("oblique")
    inside, outside = volume.geometry.to_world((3, 3, 3)), volume.geometry.to_world((-2, 3, 3))
    node = point_list(scene, [("good", inside), ("far", outside), ("off", outside + 50)])
    with pytest.raises(InputError, match="lesions: far, off lie outside the volume"):
        points_from_markups(node, volume.geometry)


def test_unplaced_points_are_left_out_and_equal_labels_are_numbered(scene: Any) -> None:
    volume = image("straight")
    places = [volume.geometry.to_world((i, 5, 5)) for i in range(4)]
    node = point_list(scene, [("LTP", place) for place in places])
    node.UnsetNthControlPointPosition(1)
    points = points_from_markups(node, volume.geometry)
    assert [p.label for p in points.points] == ["LTP", "LTP (2)", "LTP (3)"]
    np.testing.assert_allclose(points.positions, [places[0], places[2], places[3]])
    assert "never placed" in str(points.warnings[0])
    with pytest.raises(InputError, match="lesions: the list holds no placed point"):
        points_from_markups(point_list(scene, []), volume.geometry)


def test_points_follow_their_parent_transform(scene: Any) -> None:
    volume = image("straight")
    place = volume.geometry.to_world((10, 10, 10))
    node = point_list(scene, [("a", place)])
    matrix = rigid((0, 0, 1), 10, (2, 3, 4))
    node.SetAndObserveTransformNodeID(transform(scene, matrix).GetID())
    expected = (FLIP @ matrix @ FLIP @ [*place, 1])[:3]
    np.testing.assert_allclose(points_from_markups(node, volume.geometry).positions[0], expected, atol=1e-9)


def test_a_captured_volume_tells_whether_its_node_was_changed(scene: Any) -> None:
    reference = volume_from_image(image("straight"), scene, "CT")
    captured = capture_volume(reference)
    reference.GetDisplayNode().SetWindowLevel(10, 20)
    reference.SetName("other")
    assert captured.is_unchanged()
    slicer.util.arrayFromVolume(reference)[0] = 7
    slicer.util.arrayFromVolumeModified(reference)
    assert not captured.is_unchanged()
    again = capture_volume(reference)
    reference.SetAndObserveImageData(None)
    assert not again.is_unchanged()


def test_nan_in_a_captured_volume_is_said_when_it_is_read(scene: Any) -> None:
    reference = volume_from_image(image("straight"), scene, "CT")
    slicer.util.updateVolumeFromArray(reference, np.full((22, 44, 50), np.nan, np.float32))
    captured = capture_volume(reference)
    with pytest.raises(InputError, match="CT: 48400 voxels are NaN"):
        captured.read()
