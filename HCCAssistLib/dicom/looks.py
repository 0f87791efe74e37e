"""What only the voxels of a volume show, whatever its headers say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from HCCAssistLib.errors import Problem

FEWEST_SLICES = 8
ALTERNATION = 1.25
"""Neighbours that differ so many times more than slices two apart do are not neighbours of one volume."""
_SAMPLES = 128


def find_oddities(array: np.ndarray, where: str) -> Iterator[Problem]:
    """Warnings about the voxels of a volume, ``(k, j, i)``."""
    if _alternates(array):
        what = "every other slice is more like the next but one than like its neighbour: two phases may lie interleaved"
        yield Problem("WARN", what, where, "look at it from the side; send each phase as a series of its own")


def _alternates(array: np.ndarray) -> bool:
    if len(array) < FEWEST_SLICES:
        return False
    j, i = (max(1, size // _SAMPLES) for size in array.shape[1:])
    sample = array[:, ::j, ::i].astype(np.float32)
    near, far = (np.abs(sample[n:] - sample[:-n]).mean(axis=(1, 2)) for n in (1, 2))
    pairs = np.minimum(near[:-1], near[1:])  # both neighbours of the slice between must differ
    return bool(np.median(pairs) > ALTERNATION * np.median(far))
