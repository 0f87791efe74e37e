"""Values and slopes of an image at any places, many at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from HCCAssistLib.imaging.geometry import FloatArray

Floats = npt.NDArray[np.float32]

INSIDE = np.float32(1e-3)
"""Places on the last voxel's centre count as so much (voxels) before it, so that each has a neighbour behind it."""


class Sampled:
    """An image whose values are wanted at places between its voxels, by linear interpolation.

    Args:
        image: at least two voxels along each axis.

    Attributes:
        affine: 4x4 from voxels i, j, k to LPS mm.
    """

    def __init__(self, image: sitk.Image) -> None:
        self.affine: FloatArray = np.eye(4)
        self.affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
        self.affine[:3, 3] = image.GetOrigin()
        self._size = np.array(image.GetSize())
        self._values: Floats = sitk.GetArrayFromImage(image).astype(np.float32, copy=False).ravel()

    def after(self, matrix: FloatArray) -> tuple[Floats, Floats]:
        """What takes coordinates ``x`` to voxels: ``turn @ x + shift``, where a 4x4 takes them to LPS mm.

        Returns:
            turn ``(3, 3)`` and shift ``(3, 1)``.
        """
        to_voxels = np.linalg.inv(self.affine) @ matrix
        return to_voxels[:3, :3].astype(np.float32), to_voxels[:3, 3:].astype(np.float32)

    def at(self, index: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """Values and their slopes at voxels ``(3, n)`` in the order i, j, k.

        Returns:
            values ``(n,)``, slopes along i, j and k ``(3, n)``, and whether each place lies in the image; for one
            beside it, the nearest place counts.
        """
        last = (self._size - 1).astype(np.float32)[:, None]
        seen: npt.NDArray[np.bool_] = np.all((index >= 0) & (index <= last), axis=0)
        index = np.clip(index, 0, last - INSIDE)
        floor = index.astype(np.int32)
        x, y, z = index - floor
        row, level = int(self._size[0]), int(self._size[0] * self._size[1])
        first = (floor[2] * self._size[1] + floor[1]) * row + floor[0]
        steps = (0, 1, row, row + 1, level, level + 1, level + row, level + row + 1)
        a, b, c, d, e, f, g, h = (self._values.take(first + step) for step in steps)
        ab, cd, ef, gh = b - a, d - c, f - e, h - g
        near, near_behind, far, far_behind = a + x * ab, c + x * cd, e + x * ef, g + x * gh
        lower, upper = near_behind - near, far_behind - far
        near, far = near + y * lower, far + y * upper
        slopes = np.empty_like(index)
        nearer, further = ab + y * (cd - ab), ef + y * (gh - ef)
        slopes[0] = nearer + z * (further - nearer)
        slopes[1] = lower + z * (upper - lower)
        slopes[2] = far - near
        return near + z * slopes[2], slopes, seen
