"""A volume's voxels written to a file for another process, a slab at a time, so that nobody's hand has to wait."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from vtk.util.numpy_support import vtk_to_numpy

from HCCAssistLib.errors import InputError

SLAB_BYTES = 16 * 2**20
"""A hundredth of a second of copying."""


def hand_over(node: Any, path: Path) -> Generator[None, None, None]:
    """Write the voxels ``[k, j, i]`` of a scalar volume node as ``.npy``; each step takes a hundredth of a second.

    Take all steps; the file is complete after the last one.

    Raises:
        InputError: the volume went or got other voxels in the meantime.
        OSError: the disk is full.
    """
    scalars = _scalars(node)
    shape = node.GetImageData().GetDimensions()[::-1]
    changed = scalars.GetMTime()
    voxels = vtk_to_numpy(scalars).reshape(shape)
    slices = max(1, SLAB_BYTES // max(1, voxels[0].nbytes))
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": np.lib.format.dtype_to_descr(voxels.dtype), "fortran_order": False, "shape": shape}
        )
        for start in range(0, shape[0], slices):
            if _scalars(node) is not scalars or scalars.GetMTime() != changed:
                raise InputError("the volume changed while it was read", remedy="open the module again")
            file.write(voxels[start : start + slices])
            yield


def _scalars(node: Any) -> Any:
    data = node.GetImageData() if node.GetScene() is not None else None
    scalars = data.GetPointData().GetScalars() if data is not None else None
    if scalars is None:
        raise InputError("the volume holds no voxels, or it is no longer in the scene")
    return scalars
