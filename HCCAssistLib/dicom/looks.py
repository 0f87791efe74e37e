"""What only the voxels of a volume show, whatever its headers say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from HCCAssistLib.errors import Problem

AIR_HU = -900
PADDED_SHARE = (0.05, 0.9)
"""Share of a slice that corners of one value must fill to look like padding; more is no image at all."""
FEWEST_SLICES = 8
SOFT_TISSUE_HU = (0, 300)
ALTERNATING = 0.9
"""Share of the changes from slice to slice that go up and down in turn; measured on real series: at most 0.5."""
LEAST_CHANGE_HU, LEAST_CHANGE_MR = 3.0, 0.1
"""Smaller steps up and down are the scanner's; in MR as a share of the signal."""
_SAMPLES = 128


def find_oddities(array: np.ndarray, modality: str, where: str) -> Iterator[Problem]:
    """Warnings about the voxels of a volume, ``(k, j, i)``, CT in Hounsfield units."""
    if _alternates(array, modality):
        what = "every other slice is brighter than its neighbours: two phases may lie interleaved"
        yield Problem("WARN", what, where, "look at it from the side; send each phase as a series of its own")
    value = _value_around(array) if modality == "CT" else None
    if value is not None and value > AIR_HU:
        what = f"around the image all voxels are {value:g} HU, like padding that the headers do not name: it was kept"
        yield Problem("WARN", what, where, "look at it; outside of the field of view there should be air")


def _value_around(array: np.ndarray) -> float | None:
    """The one value that the corners of all slices have, where it fills a part of the middle slice."""
    corners = array[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    value = corners[0, 0]
    low, high = PADDED_SHARE
    if (corners != value).any() or not low <= (array[len(array) // 2] == value).mean() <= high:
        return None
    return float(value)


def _alternates(array: np.ndarray, modality: str) -> bool:
    """Whether tissue is brighter in every other slice, as where two contrast phases are pushed into each other."""
    if len(array) < FEWEST_SLICES:
        return False
    j, i = (max(1, size // _SAMPLES) for size in array.shape[1:])
    sample = array[:, ::j, ::i].astype(np.float32)
    low, high = SOFT_TISSUE_HU if modality == "CT" else (float(sample.mean()), np.inf)
    is_tissue = (sample > low) & (sample < high)
    is_tissue = is_tissue[:-2] & is_tissue[1:-1] & is_tissue[2:]
    counts = np.maximum(is_tissue.sum(axis=(1, 2)), 1)
    above = ((sample[1:-1] - (sample[:-2] + sample[2:]) / 2) * is_tissue).sum(axis=(1, 2)) / counts
    change = float(np.abs(above).mean())
    if not is_tissue.any():
        return False
    least = LEAST_CHANGE_HU if modality == "CT" else LEAST_CHANGE_MR * abs(float(sample[1:-1][is_tissue].mean()))
    return change > least and abs(float((above[::2].sum() - above[1::2].sum()) / len(above))) > ALTERNATING * change
