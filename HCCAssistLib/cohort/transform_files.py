"""Linear transforms that a person made in Slicer or another program, as a 4x4 matrix in LPS millimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.itk import quiet

REACH_MM, LINEAR_MM = 100.0, 1e-3
"""Points so far from the origin must go where the matrix puts them, to so many mm."""


def read_transform(path: Path) -> FloatArray:
    """The matrix of a linear transform.

    The file that Slicer saves of a transform over a moving volume maps fixed places to moving ones ("from parent"):
    just what resamples the moving volume.

    Args:
        path: of an ITK transform.

    Returns:
        4x4, LPS mm.

    Raises:
        InputError: damaged, no transform, or one that deforms.
    """
    try:
        with quiet():
            transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise InputError("the transform cannot be read", path.name, "save it again from Slicer, as .tfm") from error
    if transform.GetDimension() != 3:
        raise InputError("the transform is not of three dimensions", path.name, "save it again from Slicer, as .tfm")
    matrix = np.eye(4)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    if transform.GetTransformEnum() == sitk.sitkAffine:
        matrix[:3, :3] = np.reshape(sitk.AffineTransform(transform).GetMatrix(), (3, 3))  # exact, so that digests agree
        return _finite(matrix, path)
    for axis in range(3):
        unit = np.eye(3)[axis] * REACH_MM
        matrix[:3, axis] = (np.array(transform.TransformPoint(unit.tolist())) - matrix[:3, 3]) / REACH_MM
    probes = np.random.default_rng(0).uniform(-REACH_MM, REACH_MM, (50, 3))
    _finite(matrix, path)
    there = np.array([transform.TransformPoint(point) for point in probes.tolist()])
    if np.abs(probes @ matrix[:3, :3].T + matrix[:3, 3] - there).max() > LINEAR_MM:
        raise InputError("the transform deforms, and only a linear one can be given", path.name, "give a linear one")
    return matrix


def write_transform(matrix: FloatArray, path: Path) -> None:
    """Write what ``read_transform`` gives back, element by element.

    Over a volume in Slicer, the file puts it where the matrix says: ITK's files map fixed places to moving ones too.

    Args:
        matrix: 4x4, LPS mm of the volume that another one is laid on to LPS mm of that other one.
        path: ends with ``.tfm``.
    """
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(np.asarray(matrix, dtype=np.float64)[:3, :3].ravel().tolist())
    transform.SetTranslation(np.asarray(matrix, dtype=np.float64)[:3, 3].tolist())
    sitk.WriteTransform(transform, str(path))


def _finite(matrix: FloatArray, path: Path) -> FloatArray:
    if not np.isfinite(matrix).all():
        raise InputError("the transform holds no finite numbers", path.name, "save it again from Slicer, as .tfm")
    return matrix
