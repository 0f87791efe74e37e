"""Between Slicer's RAS millimetres and the library's LPS: the only place where the signs change.

RAS: x grows to the patient's right, y to anterior. LPS: x to the left, y to posterior. z is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import vtk

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box, FloatArray, Geometry

_FLIP = np.array([-1.0, -1.0, 1.0])


def ras_to_lps(points: npt.ArrayLike) -> FloatArray:
    """Points or directions ``(..., 3)`` from RAS to LPS."""
    return np.asarray(points, dtype=np.float64) * _FLIP


def lps_to_ras(points: npt.ArrayLike) -> FloatArray:
    """Points or directions ``(..., 3)`` from LPS to RAS."""
    return np.asarray(points, dtype=np.float64) * _FLIP


def geometry_from_ijk_to_ras(shape: Sequence[int], matrix: npt.ArrayLike) -> Geometry:
    """The grid of ``shape`` voxels ``(k, j, i)`` whose 4x4 ``matrix`` maps ``(i, j, k, 1)`` to RAS.

    Raises:
        InputError: an empty, singular, non-finite or sheared grid.
    """
    affine = np.array(matrix, dtype=np.float64)
    affine[:2] *= -1
    return Geometry((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def ijk_to_ras(geometry: Geometry) -> FloatArray:
    """The 4x4 matrix that maps ``(i, j, k, 1)`` to RAS."""
    matrix = geometry.affine.copy()
    matrix[:2] *= -1
    return matrix


def box_to_ras(box: Box) -> FloatArray:
    """The 4x4 matrix from a box's own millimetres (its middle is 0) to RAS, right-handed as Slicer's ROI wants it."""
    axes = lps_to_ras(box.axes)
    if np.linalg.det(axes) < 0:
        axes[2] *= -1  # a box looks the same from both ends
    matrix = np.eye(4)
    matrix[:3, :3] = axes.T
    matrix[:3, 3] = lps_to_ras(box.center)
    return matrix


def to_vtk(matrix: npt.ArrayLike) -> Any:
    """A vtkMatrix4x4 with the elements of a 4x4 array."""
    result = vtk.vtkMatrix4x4()
    result.DeepCopy(np.asarray(matrix, dtype=np.float64).ravel().tolist())
    return result


def from_vtk(matrix: Any) -> FloatArray:
    """The 4x4 array of a vtkMatrix4x4."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def from_parent_lps(transform: Any, volume: Any) -> FloatArray:
    """From the place where a transform puts a volume back to the volume as it stands now: 4x4, LPS mm.

    A volume that stands under the transform already is where it is to be: the identity.

    Args:
        transform: a linear transform node.
        volume: that it is meant for.

    Raises:
        InputError: it bends, or cannot be turned round.
    """
    if volume.GetParentTransformNode() is transform:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise InputError("it bends, and one that is linear is needed", transform.GetName(), "choose another transform")
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    forward = from_vtk(matrix)
    if abs(np.linalg.det(forward[:3, :3])) < 1e-6:
        raise InputError("it presses the volume flat", transform.GetName(), "choose another transform")
    signs = np.diag([*_FLIP, 1.0])
    back: FloatArray = signs @ np.linalg.inv(forward) @ signs
    return back


def to_world(node: Any) -> FloatArray:
    """The 4x4 matrix of a node's parent transforms, RAS to RAS; the identity where it has none.

    Raises:
        InputError: a transform that bends.
    """
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise InputError(
            f"it stands under the transform {parent.GetName()!r}, which bends it",
            node.GetName(),
            "harden the transform in the Transforms module, or take it off",
        )
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return from_vtk(matrix)
