"""How the voxels of a part of a liver lie: slices and pixels, and slices that are turned out of the patient's axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

OBLIQUE, OBLONG = 0.1, 0.1
"""Shares of the cases with slices out of the patient's axes, and with pixels that are not square."""


def draw_layout(
    rng: np.random.Generator, slice_mm: Sequence[float], pixel_mm: tuple[float, float], oblique: bool | None
) -> tuple[tuple[float, float, float], npt.NDArray[np.float64], float]:
    """Spacing (mm along i, j and k), directions (as columns) of a volume, and by how many degrees they are turned.

    Args:
        rng: drawn from.
        slice_mm: distances of slices that occur.
        pixel_mm: smallest and largest pixel.
        oblique: whether the slices are turned; None to draw that too.
    """
    between, pixel = float(rng.choice(slice_mm)), round(float(rng.uniform(*pixel_mm)), 4)
    tall = round(1.25 * pixel, 4) if rng.random() < OBLONG else pixel
    turn, tip = np.radians(rng.uniform((4, 4), (15, 12)) * rng.choice((-1, 1), 2))
    chance = bool(rng.random() < OBLIQUE)
    if not (chance if oblique is None else oblique):
        return (pixel, tall, between), np.eye(3), 0.0
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tip), -np.sin(tip)], [0, np.sin(tip), np.cos(tip)]])
    directions = about_z @ about_x
    turned = float(np.degrees(np.arccos((np.trace(directions) - 1) / 2)))
    return (pixel, tall, between), directions, turned
