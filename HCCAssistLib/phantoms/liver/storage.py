"""The orders in which scanners and converters store the same voxels."""

from __future__ import annotations

import numpy as np

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

Storage = tuple[tuple[int, int, int], tuple[bool, bool, bool]]
"""Which axis of the array becomes ``(k, j, i)``, and which of the new axes are reversed."""

AXIAL: Storage = ((0, 1, 2), (False, False, False))


def draw_storage(rng: np.random.Generator) -> Storage:
    """Mostly axial slices from feet to head as scanners store them, some reversed, a few in another order."""
    if rng.random() < 0.6:
        return AXIAL
    flips = rng.random(3) < 0.5
    order = tuple(rng.permutation(3)) if rng.random() < 0.35 else (0, 1, 2)
    return (int(order[0]), int(order[1]), int(order[2])), (bool(flips[0]), bool(flips[1]), bool(flips[2]))


def stored(image: Image, storage: Storage) -> Image:
    """The same voxels at the same places in the patient, in another order of the array."""
    order, flips = storage
    array = np.transpose(image.array, order)
    columns = image.geometry.affine[:3, :3][:, [2 - axis for axis in order][::-1]].copy()
    origin = image.geometry.origin
    for axis, flip in enumerate(flips):
        if flip:
            column = 2 - axis
            origin = origin + columns[:, column] * (array.shape[axis] - 1)
            columns[:, column] *= -1
    array = np.flip(array, tuple(axis for axis, flip in enumerate(flips) if flip))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = columns, origin
    geometry = Geometry((array.shape[0], array.shape[1], array.shape[2]), affine)
    return Image(np.ascontiguousarray(array), geometry, image.name, image.history)
