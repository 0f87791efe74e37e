#!/usr/bin/env bash
# A left-handed volume keeps its place in Slicer, but not the order of its slices.
#
# Versions   slicer-core 5.12.4.0, SimpleITK 2.5.7, numpy 2.4.6
# Expected   Slicer holds the voxels in the order of the file, as SimpleITK does: array[k] is slice k of the file, and
#            what was counted, cropped or hashed by slice number still fits after a scene was saved and loaded.
# Behaviour  Where the three axes of a file make a left-handed system (its slices run against the cross product of rows
#            and columns), the reader reverses the slices and moves the origin to the other end. Every voxel stays where
#            it is in the patient; array[k] is slice n - 1 - k of the file. A node of left-handed axes made in memory is
#            not reversed, so saving and loading it changes its array.
# Seen       .nrrd, .nii.gz, .mha: first voxels of the slices [0, 12, 24] by SimpleITK, [24, 12, 0] by Slicer; right-handed
#            files the same by both; in memory [0, 12, 24]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check slicer-core==5.12.4.0 SimpleITK==2.5.7 numpy==2.4.6
cat > look.py <<'EOF'
import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

voxels = np.arange(36, dtype=np.int16).reshape(3, 3, 4)
scene = slicer.vtkMRMLScene()


def slices(node):
    image = node.GetImageData()
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    return array[:, 0, 0].tolist()


def last_place(node):
    """RAS of the voxel with the largest value, by the node's own geometry."""
    image, matrix = node.GetImageData(), vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    k, j, i = np.unravel_index(array.argmax(), array.shape)
    return np.round(matrix.MultiplyPoint((i, j, k, 1))[:3], 3).tolist()


def loaded(path):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(path)
    assert node.GetStorageNode().ReadData(node)
    return node


for handed, turn in (("right", 1.0), ("left", -1.0)):
    picture = sitk.GetImageFromArray(voxels)
    picture.SetSpacing((0.7, 0.9, 2.0))
    picture.SetDirection(np.diag([1.0, 1.0, turn]).ravel().tolist())
    picture.SetOrigin((10.0, 20.0, 30.0))
    x, y, z = picture.TransformIndexToPhysicalPoint((3, 2, 2))
    for ending in ("nrrd", "nii.gz", "mha"):
        path = f"{handed}.{ending}"
        sitk.WriteImage(picture, path)
        by_itk = sitk.GetArrayFromImage(sitk.ReadImage(path))[:, 0, 0].tolist()
        node = loaded(path)
        print(f"{path}: SimpleITK {by_itk}, Slicer {slices(node)}")
        assert by_itk == [0, 12, 24], "SimpleITK: the behaviour has changed"
        assert slices(node) == (by_itk if handed == "right" else by_itk[::-1]), "Slicer: the behaviour has changed"
        assert np.allclose(last_place(node), (-x, -y, z), atol=1e-3), "the place has changed"

node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
image = vtk.vtkImageData()
image.SetDimensions(4, 3, 3)
image.GetPointData().SetScalars(numpy_to_vtk(voxels.ravel(), deep=1, array_type=vtk.VTK_SHORT))
node.SetAndObserveImageData(image)
matrix = vtk.vtkMatrix4x4()
matrix.SetElement(2, 2, -1.0)
node.SetIJKToRASMatrix(matrix)
node.AddDefaultStorageNode()
node.GetStorageNode().SetFileName("again.nrrd")
node.GetStorageNode().WriteData(node)
before, after = slices(node), slices(loaded("again.nrrd"))
print(f"in memory {before}, saved and loaded {after}")
assert (before, after) == ([0, 12, 24], [24, 12, 0]), "the behaviour has changed"
EOF
env/bin/python look.py
