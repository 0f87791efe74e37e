"""A CT of the abdomen on a coarse grid, in which its anatomy is found by measures in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import AIR_HU

Array = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

PIXEL_MM, SLICE_MM = 2.5, 5.0


@dataclass(frozen=True, eq=False, slots=True)
class Scan:
    """The volume on a grid of about 2.5 x 2.5 x 5 mm, ``[k, j, i]`` in LPS order.

    Attributes:
        hu: block means, from ``AIR_HU`` to 3071.
        body: the largest connected part that is not air.
        steps: mm between blocks along ``(k, j, i)``.
    """

    hu: Array
    body: Mask
    steps: tuple[float, float, float]

    @classmethod
    def of(cls, ordered: Image) -> Scan:
        """The grid of a volume in LPS order; slices further apart than 6.7 mm are interpolated."""
        spacing = ordered.geometry.spacing[::-1]
        wanted = np.array([SLICE_MM, PIXEL_MM, PIXEL_MM])
        factors = np.clip(np.round(wanted / spacing).astype(int), 1, ordered.array.shape)
        hu = _block_means(ordered.array, factors)
        k, j, i = (spacing * factors).tolist()
        if k > 4 / 3 * SLICE_MM:
            between = (hu[1:] + hu[:-1]) / 2
            filled = np.empty((2 * len(hu) - 1, *hu.shape[1:]), dtype=np.float32)
            filled[::2], filled[1::2] = hu, between
            hu, k = filled, k / 2
        body = _largest(ndimage.binary_opening(hu > -250))
        return cls(hu, body, (k, j, i))

    @property
    def voxel_ml(self) -> float:
        """Millilitres of a block."""
        return float(np.prod(self.steps)) / 1000

    def smooth(self, along_mm: float, across_mm: float) -> Array:
        """Gaussian means with standard deviations in mm along and across the patient."""
        k, j, i = self.steps
        return np.asarray(ndimage.gaussian_filter(self.hu, (along_mm / k, across_mm / j, across_mm / i)))


def _block_means(array: npt.NDArray[np.generic], factors: npt.NDArray[np.intp]) -> Array:
    """Means over whole blocks; one slab of slices at a time, since a volume of floats would be large."""
    fk, fj, fi = factors.tolist()
    nk, nj, ni = (n // f for n, f in zip(array.shape, factors.tolist(), strict=True))
    means = np.empty((nk, nj, ni), dtype=np.float32)
    for k in range(nk):
        slab = np.clip(array[k * fk : (k + 1) * fk, : nj * fj, : ni * fi], AIR_HU, 3071).sum(axis=0, dtype=np.float32)
        means[k] = slab.reshape(nj, fj, ni * fi).sum(axis=1).reshape(nj, ni, fi).sum(axis=2)
    means /= fk * fj * fi
    return means


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())
