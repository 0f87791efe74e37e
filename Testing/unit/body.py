"""A body in air with a liver on its right and a lung above it, on any grid: truth for what points and masks lie in."""

import numpy as np

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

LIVER_CENTER, LIVER_RADII = np.array((-35.0, 12.0, -15.0)), np.array((38.0, 30.0, 30.0))
"""LPS mm: on the patient's right, a little behind and below the middle. Nothing maps it onto itself."""

BODY_RADII = np.array((95.0, 70.0))
DOME = 25.0
"""Above this height (mm) the right half of the body is lung."""


def oblique_grid() -> Geometry:
    """Turned about all axes, left-handed, its axes permuted, with slices of 4 mm."""
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_euler("xyz", [9, -6, 14], degrees=True).as_matrix() @ np.diag([1, -1, 1])
    turn, spacing, shape = turn[:, [2, 0, 1]], np.array((4.0, 1.7, 1.9)), np.array((110, 132, 34))
    middle = turn @ (spacing * (shape[::-1] - 1) / 2)
    return Geometry.from_parts(shape, spacing, (-middle).tolist(), turn)


def places(grid: Geometry) -> np.ndarray:
    k, j, i = np.indices(grid.shape)
    return grid.to_world(np.stack([i, j, k], -1))


def in_liver(points: np.ndarray, beyond: float = 0.0) -> np.ndarray:
    return np.linalg.norm((points - LIVER_CENTER) / (LIVER_RADII + beyond), axis=-1) <= 1


def body_image(grid: Geometry, *, noise: float = 12.0) -> Image:
    points = places(grid)
    x, y, z = np.moveaxis(points, -1, 0)
    around = np.hypot(x / BODY_RADII[0], y / BODY_RADII[1])
    hu = np.where(around < 1, 45.0, -1000.0)
    hu[(around < 1) & (around > 0.86)] = -100  # fat under the skin
    hu[(around < 0.8) & (z > DOME) & (x < 0)] = -850
    hu[in_liver(points)] = 70
    hu += np.random.default_rng(1).normal(0, noise, grid.shape)
    return Image(np.rint(hu).astype(np.int16), grid, "case-1")


def liver_mask(grid: Geometry) -> Image:
    return Image(in_liver(places(grid)).astype(np.uint8), grid, "liver")
