"""Where a scan places its patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.recipes.ltp.recipe import PATCH_SHAPE

CENTER = tuple(size // 2 for size in PATCH_SHAPE)
"""Voxel ``(k, j, i)`` of a patch that counts as its centre: slices z-4 .. z+3."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ScanGrid:
    """A regular grid of patches, in the order ``(z, y, x)`` of the arrays.

    Attributes:
        first: first voxel of the first patch; it may lie outside the volume.
        stride: voxels between patches.
        shape: number of patches.
    """

    first: tuple[int, int, int]
    stride: tuple[int, int, int]
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        for name in ("first", "stride", "shape"):
            values = tuple(int(value) for value in getattr(self, name))
            if len(values) != 3 or (name != "first" and min(values) < 1):
                raise ValueError(f"the {name} of a scan needs three whole numbers (above 0), not {values}")
            object.__setattr__(self, name, values)

    @classmethod
    def covering(
        cls,
        shape_kji: Sequence[int],
        stride: Sequence[int],
        region: tuple[slice, slice, slice] | None = None,
    ) -> ScanGrid:
        """The patches whose centres lie in a volume and come within half a stride of all its voxels.

        The centres belong to one grid, centred in the volume: a region's patches are those of the whole volume's
        that cover it, so both scans agree.

        Args:
            shape_kji: voxels of the volume.
            stride: voxels between patches along ``(k, j, i)``.
            region: the part to cover, as slices ``(k, j, i)`` of the array; all of it by default.

        Raises:
            ValueError: an empty volume or region, a region beyond the volume or with a step, or a stride below 1.
        """
        first, count = [], []
        for size, step, half, part in zip(shape_kji, stride, CENTER, region or (slice(None),) * 3, strict=True):
            low, high = 0 if part.start is None else part.start, size if part.stop is None else part.stop
            if step < 1 or part.step not in (None, 1) or not 0 <= low < high <= size:
                raise ValueError(f"voxels {low} to {high} in steps of {step} are no part of {size} voxels")
            cells = -(-size // step)
            origin = (size - 1 - (cells - 1) * step) // 2
            # the centres nearest to the first and the last voxel
            begin, end = (min(max(round((v - origin) / step), 0), cells - 1) for v in (low, high - 1))
            first.append(origin + begin * step - half)
            count.append(end - begin + 1)
        return cls(tuple(first), tuple(stride), tuple(count))  # type: ignore[arg-type]

    @property
    def starts(self) -> tuple[IntArray, IntArray, IntArray]:
        """Index of the patches' first voxels along z, y and x."""
        z, y, x = (
            first + stride * np.arange(count, dtype=np.int64)
            for first, stride, count in zip(self.first, self.stride, self.shape, strict=True)
        )
        return z, y, x

    @property
    def centers(self) -> tuple[IntArray, IntArray, IntArray]:
        """Index of the patches' centre voxels along z, y and x."""
        z, y, x = (start + half for start, half in zip(self.starts, CENTER, strict=True))
        return z, y, x

    def centers_ijk(self) -> IntArray:
        """Centre voxel ``(i, j, k)`` of every patch, ``(nz, ny, nx, 3)``."""
        z, y, x = np.meshgrid(*self.centers, indexing="ij")
        return np.stack([x, y, z], axis=-1)
