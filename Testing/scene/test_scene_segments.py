"""Segments of the scene reach the library in their places, whatever they are stored as."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import blob_center, geometry, image, rotation

from HCCAssistLib.cohort.segments import Segment, mask_on, read_segments, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from HCCAssistLib.scene.inputs import (
    capture_segment,
    capture_volume,
    mask_from_segment,
)
from HCCAssistLib.scene.transforms import to_vtk
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

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


def volume_of(array: np.ndarray, scene: Any, name: str) -> Any:
    grid = replace(geometry("straight"), shape=array.shape)
    return volume_from_image(Image(array, grid), scene, name)


def point_list(scene: Any, places: list[tuple[str, np.ndarray]]) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "lesions")
    for label, lps in places:
        node.AddControlPoint(vtk.vtkVector3d(-lps[0], -lps[1], lps[2]), label)
    return node


def masks_of(volume: Image) -> list[Segment]:
    k, j, i = np.indices(volume.geometry.shape)
    box = (i > 30) & (j < 20) & (k > 9) & (k < 19)
    wedge = (i > 25) & (j < i - 20) & (k > 12)  # overlaps the box: two layers in the file
    return [
        Segment(name, Image(mask.astype(np.uint8), volume.geometry, name))
        for name, mask in (("ablation zone", box), ("liver", wedge))
    ]


@pytest.mark.parametrize("kind", ["flipped", "oblique", "oblique left-handed"])
def test_segments_loaded_by_slicer_are_what_the_library_reads(kind: str, host: Any, tmp_path: Path) -> None:
    volume = image(kind)
    path = tmp_path / "what.seg.nrrd"
    write_segments(masks_of(volume), path)
    node = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "what")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    reference = volume_from_image(volume, host.scene, "CT")
    for ours in read_segments(path):
        segment_id = node.GetSegmentation().GetSegmentIdBySegmentName(ours.name)
        theirs = mask_from_segment(node, segment_id, reference)
        np.testing.assert_array_equal(theirs.array, mask_on(ours, volume.geometry).array)
        assert theirs.array.sum() > 100


def test_a_segment_drawn_in_the_scene_keeps_its_voxels(scene: Any) -> None:
    volume = image("oblique left-handed")
    reference = volume_from_image(volume, scene, "CT")
    masks = {segment.name: segment.mask for segment in masks_of(volume)}
    node = segmentation_from_masks(masks, reference, scene, "segments")
    for name, mask in masks.items():
        segment_id = node.GetSegmentation().GetSegmentIdBySegmentName(name)
        np.testing.assert_array_equal(mask_from_segment(node, segment_id, reference).array, mask.array)


def test_a_segment_moves_with_its_own_and_the_volumes_transform(scene: Any) -> None:
    volume = image("oblique")
    reference = volume_from_image(volume, scene, "CT")
    mask = masks_of(volume)[0].mask
    node = segmentation_from_masks({"zone": mask}, reference, scene, "segments")
    segment_id = node.GetSegmentation().GetNthSegmentID(0)
    step = np.eye(4)
    step[:3, 3] = (FLIP[:3, :3] @ volume.geometry.affine[:3, :3]) @ (2, -1, 3)  # whole voxels of the volume
    parent = transform(scene, step)
    node.SetAndObserveTransformNodeID(parent.GetID())
    shifted = mask_from_segment(node, segment_id, reference).array
    np.testing.assert_array_equal(shifted[3:, :-1, 2:], mask.array[:-3, 1:, :-2])
    reference.SetAndObserveTransformNodeID(parent.GetID())  # both moved: nothing changed between them
    np.testing.assert_array_equal(mask_from_segment(node, segment_id, reference).array, mask.array)


def test_a_segment_that_is_only_a_surface_becomes_voxels_and_the_node_stays(scene: Any) -> None:
    volume = image("oblique")
    reference = volume_from_image(volume, scene, "CT")
    center = blob_center(volume.geometry)
    sphere = vtk.vtkSphereSource()
    sphere.SetCenter(-center[0], -center[1], center[2])
    sphere.SetRadius(12)
    sphere.SetThetaResolution(40)
    sphere.SetPhiResolution(40)
    sphere.Update()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "drawn")
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    segment = slicer.vtkSegment()
    segment.SetName("ball")
    segment.AddRepresentation("Closed surface", sphere.GetOutput())
    node.GetSegmentation().AddSegment(segment, "ball")
    node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    mask = mask_from_segment(node, "ball", reference)
    voxel = float(np.prod(mask.geometry.spacing))
    assert mask.array.sum() * voxel == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.05)
    k, j, i = np.argwhere(mask.array).mean(axis=0)
    np.testing.assert_allclose(mask.geometry.to_world((i, j, k)), center, atol=0.7)
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_segments_that_cannot_be_used_are_refused_by_name(scene: Any) -> None:
    volume = image("straight")
    reference = volume_from_image(volume, scene, "CT")
    node = segmentation_from_masks({"zone": masks_of(volume)[0].mask}, reference, scene, "segments")
    empty = node.GetSegmentation().AddEmptySegment("empty", "remnant")
    with pytest.raises(InputError, match="remnant: the segment is empty"):
        mask_from_segment(node, empty, reference)
    with pytest.raises(InputError, match="segments: there is no segment 'x'"):
        mask_from_segment(node, "x", reference)
    with pytest.raises(InputError, match="no segmentation is chosen"):
        mask_from_segment(None, "x", reference)
    node.SetAndObserveTransformNodeID(bending(scene).GetID())
    with pytest.raises(InputError, match=r"segments: .*bends"):
        mask_from_segment(node, node.GetSegmentation().GetNthSegmentID(0), reference)


def test_what_was_captured_outlives_its_nodes_and_is_read_in_another_thread(scene: Any) -> None:
    volume = image("oblique left-handed")
    reference = volume_from_image(volume, scene, "CT")
    masks = {segment.name: segment.mask for segment in masks_of(volume)}
    segments = segmentation_from_masks(masks, reference, scene, "segments")
    captured = capture_volume(reference, name="ct")
    liver_id = segments.GetSegmentation().GetSegmentIdBySegmentName("liver")
    liver = capture_segment(segments, liver_id)
    assert np.shares_memory(captured.read().array, slicer.util.arrayFromVolume(reference))
    slicer.util.updateVolumeFromArray(reference, np.zeros((5, 6, 7), np.float64))  # other voxels in another memory
    painted = segments.GetSegmentation().GetSegment(liver_id)
    voxels = vtk_to_numpy(painted.GetRepresentation("Binary labelmap").GetPointData().GetScalars())
    voxels[:] = painted.GetLabelValue()  # a stroke after the capture, in the same memory
    scene.RemoveNode(segments)
    scene.RemoveNode(reference)
    with ThreadPoolExecutor(1) as thread:
        found, segment = thread.submit(captured.read).result(), thread.submit(liver).result()
    np.testing.assert_array_equal(found.array, volume.array)
    np.testing.assert_array_equal(mask_on(segment, volume.geometry).array, masks["liver"].array)
    assert found.name == "ct"
