"""Simple measures under the segment of a tumour, as a reader or a radiomics program could take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.image import Image

Field = npt.NDArray[np.float32]

FINE_MM, MIDDLE_MM, COARSE_SHARE = 0.8, 2.2, 0.06
"""Widths between which texture is fine; coarse is what is left behind this share of the diameter."""

SHELL_MM, CORE_MM = 2.0, 3.5
"""Depth to which the shell reaches, and from which the core begins."""

NECROTIC_HU, SHUNT_HU = 48.0, 165.0
"""Below and above what the viable part has, once noise is smoothed away."""


@dataclass(frozen=True, slots=True)
class Features:
    """Measures of one tumour.

    Attributes:
        fine_hu, coarse_hu: standard deviation of its texture at two scales.
        rim_hu: mean of its shell over that of its core.
        necrotic, shunted: shares of its voxels that are dark, and as bright as arteries.
        log_volume: natural logarithm of its millilitres.
        mean_hu: of all of it.
    """

    fine_hu: float
    coarse_hu: float
    rim_hu: float
    necrotic: float
    shunted: float
    log_volume: float
    mean_hu: float


def measure(volume: Image, mask: Image) -> Features:
    """Measures of a tumour.

    Args:
        volume: arterial CT in HU, in any storage order.
        mask: 0 and 1, on the same grid.

    Raises:
        InputError: nothing is painted.
    """
    painted = np.argwhere(mask.array)
    if not len(painted):
        raise InputError("the segment is empty", mask.name, "paint it, or delete it")
    low = painted.min(axis=0) - 2
    start, shape = low[::-1].tolist(), (painted.max(axis=0) + 3 - low).tolist()
    inside = crop(mask, start, shape, fill_value=0).array > 0
    hu = crop(volume, start, shape, fill_value=0).array.astype(np.float32)
    spacing = volume.geometry.spacing[::-1]
    depth = ndimage.distance_transform_edt(inside, spacing)
    ml = float(inside.sum() * spacing.prod() / 1000)

    def smooth(mm: float) -> Field:
        """The voxels of the tumour smoothed among themselves."""
        sigma = mm / spacing
        weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma, truncate=3)
        total = ndimage.gaussian_filter(np.where(inside, hu, np.float32(0)), sigma, truncate=3)
        return np.asarray(total / np.maximum(weight, np.float32(1e-3)), dtype=np.float32)

    fine, middle = smooth(FINE_MM), smooth(MIDDLE_MM)
    coarse = smooth(max(MIDDLE_MM, COARSE_SHARE * 20 * (6 * ml / np.pi) ** (1 / 3) / 2))
    deep = inside & (depth > min(CORE_MM, 0.5 * float(depth.max())))
    viable = (middle > NECROTIC_HU) & (fine < SHUNT_HU)
    body = deep & viable if (deep & viable).any() else inside
    shell = inside & (depth <= SHELL_MM)
    return Features(
        fine_hu=float(np.std((fine - middle)[body])),
        coarse_hu=float(np.std(coarse[body])),
        rim_hu=float(hu[shell].mean() - hu[body].mean()),
        necrotic=float(np.mean(middle[inside] < NECROTIC_HU)),
        shunted=float(np.mean(fine[inside] > SHUNT_HU)),
        log_volume=float(np.log(ml)),
        mean_hu=float(hu[inside].mean()),
    )
