"""Where the tumours of one liver lie, and how large they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.phantoms.liver.arterial_region import SEMI_MM

GAP_MM = 6.0
"""Between two tumours."""


def place_tumours(
    rng: np.random.Generator, count: int, diameter_mm: tuple[float, float], limits_mm: tuple[float, float]
) -> tuple[list[float], list[npt.NDArray[np.float64]]]:
    """Diameters and LPS centres of tumours that do not touch, the largest first, all within the liver.

    Args:
        rng: drawn from.
        count: tumours.
        diameter_mm: median and spread (of the logarithm) of the longest axis.
        limits_mm: smallest and largest.

    Raises:
        InputError: there is no room for so many.
    """
    median, spread = diameter_mm
    drawn = np.sort(np.clip(rng.lognormal(np.log(median), spread, count), *limits_mm))[::-1]
    sizes: list[float] = []
    centers: list[npt.NDArray[np.float64]] = []
    for size in drawn.tolist():
        size = min([size, *sizes[-1:]])  # the one before may have been made smaller
        for attempt in range(400):
            if attempt and attempt % 40 == 0:
                size = max(0.85 * size, limits_mm[0])  # a crowded liver holds smaller ones
            room = SEMI_MM - 0.55 * size - 2
            center = rng.uniform(-1, 1, 3) * room
            apart = [
                np.linalg.norm(center - other) - 0.55 * (size + wide)
                for wide, other in zip(sizes, centers, strict=True)
            ]
            if np.linalg.norm(center / room) < 1 and min(apart, default=np.inf) > GAP_MM:
                sizes.append(size)
                centers.append(center)
                break
        else:
            raise InputError(f"there is no room for {count} tumours", remedy="ask for 6 or fewer")
    return sizes, centers
