"""How a mass looks, in a few values: grey in rings around its middle against the liver around it, phase by phase.

What a network makes of a mass says little of whether there was anything like it in the training: it learns what tells
known categories apart, and sees nothing else. Rings know nothing of categories.

Vessels, fat and air beside a mass tell nothing of it, and would hide what does: so the liver is what most of the
surroundings have in common, and the ring at the edge is taken by its median.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from HCCAssistLib.recipes.liver_mass.augmentation import STORED
from HCCAssistLib.recipes.liver_mass.masses import field_of_view
from HCCAssistLib.recipes.liver_mass.recipe import SIZE
from HCCAssistLib.recipes.options import Value

EDGES = (0.0, 0.4, 0.7, 0.9)
"""Of the rings inside a mass, in its radii."""

RIM = (0.95, 1.15)
"""Of the ring at its edge."""

OUTSIDE = 1.35
"""Radii beyond which the liver is looked for."""

LEAST_GREY, LIKE_LIVER = 40.0, 30.0
"""Grey values: what is darker is fat or air, and what differs from the rest by more is no liver."""

ROUNDS = 3
"""Times that the liver is looked for anew among what is like it."""

VALUES = len(EDGES) + 1
"""Of each phase: the rings inside, the one at the edge, the liver."""

Grey = npt.NDArray[np.float64]


def looks(images: npt.NDArray[np.uint8], diameters_mm: npt.ArrayLike, options: Mapping[str, Value]) -> Grey:
    """The looks of masses, of their pictures as they are stored.

    Args:
        images: 8 bit ``(n, phases, STORED, STORED)``.
        diameters_mm: ``(n,)`` of the masses.
        options: of the recipe.

    Returns:
        ``(n, phases x VALUES)``: mean grey of each ring over the liver, from the middle outwards, the median at the
        edge over the liver, and the liver.
    """
    y, x = np.indices((STORED, STORED)) - (STORED - 1) / 2
    away = np.hypot(y, x) / SIZE
    found = np.empty((len(images), images.shape[1], VALUES))
    for row, (picture, diameter) in enumerate(zip(images, np.asarray(diameters_mm, dtype=np.float64), strict=True)):
        radii = away * field_of_view(float(diameter), options) / (diameter / 2)
        grey = picture.astype(np.float64)
        around = radii > min(OUTSIDE, 0.9 * float(radii.max()))  # of a huge mass the corners
        liver = np.array([_liver(one) for one in grey[:, around]])
        rings = [grey[:, _ring(radii, low, high)].mean(axis=1) for low, high in pairwise(EDGES)]
        rim = np.median(grey[:, _ring(radii, *RIM)], axis=1)
        found[row] = np.stack([*(ring - liver for ring in rings), rim - liver, liver], axis=1)
    return found.reshape(len(images), -1)


def _ring(radii: Grey, low: float, high: float) -> npt.NDArray[np.bool_]:
    inside = (radii >= low) & (radii < high)
    if not inside.any():  # between the pixels of a tiny mass, or beyond the frame of a huge one
        off = np.abs(radii - (low + high) / 2)
        inside = off == off.min()
    return inside


def _liver(around: Grey) -> float:
    """The grey that most of the surroundings have; 0 where there is only fat and air."""
    tissue = around[around > LEAST_GREY]
    if not len(tissue):
        return 0.0
    level = float(np.median(tissue))
    for _ in range(ROUNDS):
        like = tissue[np.abs(tissue - level) < LIKE_LIVER]
        level = float(np.median(like)) if len(like) else level
    return level
