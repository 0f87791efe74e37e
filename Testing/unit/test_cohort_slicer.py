"""What this library writes, read by Slicer's own storage nodes, and the other way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from HCCAssistLib.cohort.points import Point, PointList, read_points, read_rois, write_points
from HCCAssistLib.cohort.segments import Segment, mask_on, read_segments, write_segments
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

slicer = pytest.importorskip("slicer", reason="SKIPPED: slicer-core is not installed")
vtk = pytest.importorskip("vtk")


@pytest.fixture
def scene() -> Any:
    return slicer.vtkMRMLScene()


def transfer(scene: Any, storage_class: str, node: Any, path: Path, action: str) -> None:
    storage = getattr(slicer, storage_class)()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert getattr(storage, action)(node) == 1


def test_points_that_we_write_are_at_the_right_ras_place_in_slicer(tmp_path: Path, scene: Any) -> None:
    points = PointList("ltp", (Point("Läsion", (10.5, -20.25, 1 / 3), "VIII"), Point("b", (0.0, 7.0, -9.0), "", False)))
    write_points(points, tmp_path / "ltp.mrk.json")
    node = slicer.vtkMRMLMarkupsFiducialNode()
    scene.AddNode(node)
    transfer(scene, "vtkMRMLMarkupsJsonStorageNode", node, tmp_path / "ltp.mrk.json", "ReadData")
    assert node.GetNumberOfDefinedControlPoints() == 2
    assert list(node.GetNthControlPointPosition(0)) == [-10.5, 20.25, 1 / 3]
    assert list(node.GetNthControlPointPosition(1)) == [0, -7, -9]
    assert (node.GetNthControlPointLabel(0), node.GetNthControlPointDescription(0)) == ("Läsion", "VIII")
    assert not node.GetNthControlPointVisibility(1)
    matrix = vtk.vtkMatrix3x3()
    node.GetNthControlPointOrientationMatrix(0, matrix)
    assert [matrix.GetElement(r, c) for r in range(3) for c in range(3)] == [1, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("name", "storage"),
    [("F.mrk.json", "vtkMRMLMarkupsJsonStorageNode"), ("F.fcsv", "vtkMRMLMarkupsFiducialStorageNode")],
)
def test_points_that_slicer_writes_are_read_in_lps(tmp_path: Path, scene: Any, name: str, storage: str) -> None:
    node = slicer.vtkMRMLMarkupsFiducialNode()
    scene.AddNode(node)
    node.AddControlPoint([1.5, -2.0, 3.25], 'one, "two"')
    node.AddControlPoint([0.1, 0.2, 0.3], "gone")
    node.UnsetNthControlPointPosition(1)
    transfer(scene, storage, node, tmp_path / name, "WriteData")
    read = read_points(tmp_path / name)
    assert read.points == (Point('one, "two"', (-1.5, 2.0, 3.25)),)
    assert "'gone'" in read.warnings[0].what


def test_a_turned_roi_of_slicer_covers_the_same_points(tmp_path: Path, scene: Any) -> None:
    node = slicer.vtkMRMLMarkupsROINode()
    scene.AddNode(node)
    node.SetSize(10, 20, 30)
    place = np.eye(4)
    place[:3, :3] = Rotation.from_euler("xyz", [20, -30, 50], degrees=True).as_matrix()
    place[:3, 3] = (7, -8, 9)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(place.ravel().tolist())
    node.SetAndObserveObjectToNodeMatrix(matrix)
    transfer(scene, "vtkMRMLMarkupsROIJsonStorageNode", node, tmp_path / "R.mrk.json", "WriteData")
    (found,) = read_rois(tmp_path / "R.mrk.json")
    local = np.random.default_rng(0).uniform(-20, 20, (500, 3))
    lps = (local @ place[:3, :3].T + place[:3, 3]) * (-1, -1, 1)
    inside = (np.abs(local) <= (5, 10, 15)).all(axis=1)
    assert 0 < inside.sum() < 500
    assert np.array_equal(found.box.contains(lps), inside)


GRID = Geometry.from_parts(
    (9, 14, 20),
    (0.7, 0.9, 3.0),
    (30, -40, 100),
    Rotation.from_euler("xyz", [12, -7, 20], degrees=True).as_matrix()[:, [1, 0, 2]],  # left-handed
)


def painted(node: Any, number: int) -> np.ndarray:
    """LPS of the painted voxels' centres of a segment in Slicer, sorted."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    labelmap = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(node.GetSegmentation().GetNthSegmentID(number), labelmap)
    size = labelmap.GetDimensions()
    if min(size) == 0:
        return np.zeros((0, 3))
    array = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(size[::-1])
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    to_ras = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
    index = np.argwhere(array)[:, ::-1] + np.array(labelmap.GetExtent())[::2]
    return in_order((index @ to_ras[:3, :3].T + to_ras[:3, 3]) * (-1, -1, 1))


def in_order(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(np.round(points, 3).T)]


@pytest.mark.parametrize("overlapping", [False, True])
def test_segments_make_the_round_through_slicer(tmp_path: Path, scene: Any, overlapping: bool) -> None:
    first, second = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint8)
    first[2:5, 3:9, 4:13] = 1
    first[2, 3, 4:8] = 0
    second[(4 if overlapping else 5) : 8, 8:12, 10:18] = 1
    masks = {"ablation": first, "Läsion \\ 2": second, "empty": np.zeros_like(first)}
    write_segments([Segment(name, Image(array, GRID)) for name, array in masks.items()], tmp_path / "ours.seg.nrrd")
    node = slicer.vtkMRMLSegmentationNode()
    scene.AddNode(node)
    transfer(scene, "vtkMRMLSegmentationStorageNode", node, tmp_path / "ours.seg.nrrd", "ReadData")
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfLayers() == (2 if overlapping else 1)
    assert [segmentation.GetNthSegment(n).GetName() for n in range(3)] == list(masks)
    for number, array in enumerate(masks.values()):
        expected = in_order(GRID.to_world(np.argwhere(array)[:, ::-1]))
        assert painted(node, number) == pytest.approx(expected, abs=1e-6)

    affine = np.diag([-1, -1, 1, 1]) @ GRID.affine
    geometry = ";".join(repr(float(v)) for v in affine.ravel()) + ";0;19;0;13;0;8;"
    segmentation.SetConversionParameter("Reference image geometry", geometry)
    for crop in (True, False):
        storage = slicer.vtkMRMLSegmentationStorageNode()
        scene.AddNode(storage)
        storage.SetFileName(str(tmp_path / "theirs.seg.nrrd"))
        storage.SetCropToMinimumExtent(crop)
        assert storage.WriteData(node) == 1
        read = read_segments(tmp_path / "theirs.seg.nrrd")
        assert [s.name for s in read] == list(masks)
        assert read[2].is_empty
        for segment in read[:2]:
            assert np.array_equal(mask_on(segment, GRID).array, masks[segment.name])
