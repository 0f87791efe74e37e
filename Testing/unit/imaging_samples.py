"""An asymmetric oblique volume for tests, and the 48 orders in which it can be stored."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from scipy.spatial.transform import Rotation

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

ORDERS = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]
"""Which LPS axis each stored axis (i, j, k) runs along, and whether against it."""


def rotation(x: float, y: float, z: float) -> np.ndarray:
    """A rotation by so many degrees about the patient's axes."""
    return np.asarray(Rotation.from_euler("xyz", (x, y, z), degrees=True).as_matrix())


def random_image(shape: tuple[int, int, int] = (9, 11, 14), turn: tuple[float, float, float] = (0, 0, 0)) -> Image:
    """Voxels that are all different, anisotropic, in LPS order up to ``turn``."""
    values = np.random.default_rng(5).permutation(int(np.prod(shape))).astype(np.int16) - 700
    geometry = Geometry.from_parts(shape, (0.7, 1.1, 2.3), (-31.0, 17.0, -55.0), rotation(*turn))
    return Image(values.reshape(shape), geometry, "sample")


def stored_as(image: Image, axes: tuple[int, ...], flips: tuple[bool, ...]) -> Image:
    """The same volume, voxel by voxel, in another storage order."""
    size = np.array(image.array.shape[::-1])
    sizes = size[list(axes)]
    new = np.indices(tuple(sizes[::-1]))[::-1]  # i, j, k of the new order
    old = [np.empty(0)] * 3
    for index, source, flip in zip(new, axes, flips, strict=True):
        old[source] = size[source] - 1 - index if flip else index
    array = image.array[tuple(old[::-1])]
    signs = np.where(flips, -1, 1)
    affine = np.eye(4)
    affine[:3, :3] = image.geometry.affine[:3, list(axes)] * signs
    first = np.zeros(3)
    for source, flip in zip(axes, flips, strict=True):
        first[source] = size[source] - 1 if flip else 0
    affine[:3, 3] = image.geometry.to_world(first)
    k, j, i = array.shape
    return Image(array, Geometry((k, j, i), affine), image.name, image.history)
