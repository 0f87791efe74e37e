"""Nodes of the scene from images and masks of the library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import compact
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.scene.colors import surface_color
from HCCAssistLib.scene.transforms import ijk_to_ras, to_vtk
from HCCAssistLib.scene.windows import apply_window


def volume_from_image(image: Image, scene: Any, name: str, window: Window | None = None) -> Any:
    """A new scalar volume node that holds a copy of an image.

    Args:
        image: any scalar volume.
        scene: where the node goes.
        name: of the node.
        window: grey values to show; Slicer's own choice where it is None.
    """
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    if window is not None:  # before the voxels come, or Slicer reads all of them to choose grey values
        apply_window(node, window)
    node.SetAndObserveImageData(_vtk_image(image, vtk.vtkImageData()))
    node.SetIJKToRASMatrix(to_vtk(ijk_to_ras(image.geometry)))
    if window is None:
        node.CreateDefaultDisplayNodes()
    return node


def segmentation_from_masks(
    masks: Mapping[str, Image], volume_node: Any, scene: Any, name: str, *, surfaces: bool = True
) -> Any:
    """A new segmentation node with one segment per mask (voxels above 0).

    Args:
        masks: by the segments' names.
        volume_node: the volume that they belong to.
        scene: where the node goes.
        name: of the node.
        surfaces: whether the 3-D view shows them, which takes a second for a liver.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    display = node.GetDisplayNode()
    display.SetVisibility2DFill(False)  # an outline leaves the grey values alone
    display.SetVisibility2DOutline(True)
    display.SetSliceIntersectionThickness(1)
    for label, mask in masks.items():
        labelmap = slicer.vtkOrientedImageData()
        _vtk_image(mask.with_array((mask.array > 0).astype(np.uint8), "mask"), labelmap)
        labelmap.SetImageToWorldMatrix(to_vtk(ijk_to_ras(mask.geometry)))
        color, opacity = surface_color(label)
        segment_id = node.AddSegmentFromBinaryLabelmapRepresentation(labelmap, label, color)
        display.SetSegmentOpacity3D(segment_id, opacity)
    if surfaces:
        node.CreateClosedSurfaceRepresentation()
    return node


def _vtk_image(image: Image, target: Any) -> Any:
    target.SetDimensions(*image.array.shape[::-1])
    voxels = np.ascontiguousarray(_shown_type(image.array))
    target.GetPointData().SetScalars(numpy_to_vtk(voxels.ravel(), deep=True))
    return target


def _shown_type(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Voxels of a type that Slicer shows and writes: it has no 64-bit integers and no half floats."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    array = compact(array)
    return array.astype(np.float64) if array.dtype.kind in "iu" and array.dtype.itemsize == 8 else array
