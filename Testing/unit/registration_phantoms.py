"""Small phantoms for tests of registration: half a million voxels in any storage."""

from __future__ import annotations

from functools import cache

import numpy as np
from imaging_samples import rotation

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.dynamic_t1 import LIVER, Abdomen, Motion, rigid_motion
from HCCAssistLib.registration.registration import Registration

SMALL = Geometry.from_parts((44, 84, 100), (2.4, 2.4, 4.0), LIVER - (118.8, 99.6, 86.0))
"""A grid round the liver, parted from the wall at its far side only."""

MOTION = rigid_motion((3.0, -4.0, 9.0), (2.0, -1.5, 1.0))


def turned(
    turn: tuple[float, float, float], spacing: tuple[float, float, float], signs: tuple[int, int, int]
) -> Geometry:
    """A grid round the liver with axes turned by degrees and reversed where a sign is negative."""
    k, j, i = (int(side / step) for side, step in zip((176, 200, 240), reversed(spacing), strict=True))
    directions = rotation(*turn) * signs
    middle = Geometry.from_parts((k, j, i), spacing, (0, 0, 0), directions).center
    return Geometry.from_parts((k, j, i), spacing, LIVER - middle, directions)


@cache
def patient(seed: int = 1) -> Abdomen:
    return Abdomen(seed)


@cache
def delayed(seed: int = 1, geometry: Geometry = SMALL) -> Image:
    return patient(seed).image("delayed", geometry, seed=seed)


@cache
def liver(seed: int = 1, geometry: Geometry = SMALL) -> Image:
    return patient(seed).liver(geometry)


def error_mm(registration: Registration, motion: Motion, seed: int = 1) -> float:
    """Mean target registration error inside the liver."""
    points = patient(seed).liver_points(500)
    return float(np.linalg.norm(registration.to_moving(points) - motion.forward(points), axis=1).mean())
