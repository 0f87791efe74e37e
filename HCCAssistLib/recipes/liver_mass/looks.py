"""How a mass looks, in a few values: mean and spread of grey in rings around its middle, phase by phase.

What a network makes of a mass says little of whether there was anything like it in the training: it learns what tells
known categories apart, and sees nothing else. Rings know nothing of categories.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from HCCAssistLib.recipes.liver_mass.augmentation import SHIFT
from HCCAssistLib.recipes.liver_mass.masses import field_of_view
from HCCAssistLib.recipes.liver_mass.recipe import SIZE
from HCCAssistLib.recipes.options import Value

EDGES = (0.0, 0.35, 0.6, 0.8, 0.95, 1.1, 1.3, 1.7)
"""Of the rings, in radii of the mass: its middle, its rim on both sides of its edge, and the liver around it."""

LEAST_SPREAD = 2.0
"""Grey values, so that the logarithm of hardly any spread is not far from that of none."""


def looks(
    images: npt.NDArray[np.uint8], diameters_mm: npt.ArrayLike, options: Mapping[str, Value]
) -> npt.NDArray[np.float64]:
    """The rings of pictures as they are stored.

    Args:
        images: 8 bit ``(n, phases, STORED, STORED)``.
        diameters_mm: ``(n,)`` of the masses.
        options: of the recipe.

    Returns:
        ``(n, phases x rings x 2)``: mean grey, and the logarithm of its standard deviation.
    """
    pictures = images[..., SHIFT : SHIFT + SIZE, SHIFT : SHIFT + SIZE].astype(np.float64)
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    away = np.hypot(y, x) / SIZE
    found = np.empty((len(pictures), pictures.shape[1], len(EDGES) - 1, 2))
    for row, (picture, diameter) in enumerate(zip(pictures, np.asarray(diameters_mm, dtype=np.float64), strict=True)):
        radii = away * field_of_view(float(diameter), options) / (diameter / 2)
        for ring, (low, high) in enumerate(pairwise(EDGES)):
            inside = (radii >= low) & (radii < high)
            if not inside.any():  # between the pixels of a tiny mass, or beyond the frame of a huge one
                off = np.abs(radii - (low + high) / 2)
                inside = off == off.min()
            values = picture[:, inside]
            found[row, :, ring] = np.stack([values.mean(axis=1), np.log(values.std(axis=1) + LEAST_SPREAD)], axis=1)
    return found.reshape(len(pictures), -1)
