"""From the signal of an MR volume to 0..1, by what the volume itself spans: MR has no fixed scale.

Two readers of one file, or two scanners, give signals that differ by a factor. So nothing here changes where all voxels
are multiplied by a number above 0, or where a number is added to all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image

DARKEST, BRIGHTEST = 1.0, 99.0
"""Percentiles of the body that become 0 and 1."""

DEVIATIONS = 3.0
"""Standard deviations below and above the mean of the body that become 0 and 1."""

EXTREMES = (0.1, 99.9)
"""Percentiles of all voxels beyond which nothing is looked at: spikes, and noise of the rim."""

STEPS = 65_536

BINS = 256
"""Of the histogram in which air is told from the body."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What of a volume's signal becomes 0 and 1.

    >>> Scale(100.0, 300.0)(np.array([50, 100, 200, 400])).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """

    low: float
    high: float

    def __call__(self, signal: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The signal from 0 to 1, cut off at both ends."""
        scaled = (signal.astype(np.float64) - self.low) / (self.high - self.low)
        return scaled.clip(0.0, 1.0).astype(np.float32)


def scale_of(volume: Image, rule: str) -> Scale:
    """The scale of a volume by all that it shows of the body.

    Args:
        volume: any MR.
        rule: ``"percentile"``, the 1st and the 99th of the body, or ``"z-score"``, its mean -/+ 3 standard deviations.

    Raises:
        InputError: there is no signal.
    """
    levels, counts = _body(*_levels(volume.array))
    if rule == "z-score":
        mean = float(np.average(levels, weights=counts))
        spread = float(np.sqrt(np.average((levels - mean) ** 2, weights=counts)))
        low, high = mean - DEVIATIONS * spread, mean + DEVIATIONS * spread
    else:
        low, high = _ranked(levels, counts, DARKEST), _ranked(levels, counts, BRIGHTEST)
    if not high > low:
        raise InputError("there is no signal in it: nearly all of its voxels have the same value", volume.name)
    return Scale(low, high)


def _levels(array: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """The different values of a volume in rising order, and how many voxels have each.

    What lies beyond ``EXTREMES`` counts as these do. Values that are no short whole numbers are told apart by the
    65,536th part of what lies between: sorting millions of them would take seconds.
    """
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind in "iu" and array.dtype.itemsize <= 2:
        levels, counts = _counted(array, low, high, 1.0)
        return levels.clip(*_extremes(levels, counts)), counts
    if not high > low:
        return np.array([low]), np.array([float(array.size)])
    coarse = (high - low) / STEPS
    darkest, brightest = _extremes(*_counted(array, low, high, coarse))
    # the first count is coarse where a spike widens it
    darkest, brightest = darkest - coarse, brightest + coarse
    return _counted(array, darkest, brightest, (brightest - darkest) / STEPS)


def _counted(array: npt.NDArray[Any], low: float, high: float, step: float) -> tuple[FloatArray, FloatArray]:
    """Values in steps between two limits, at which those beyond count, and how many voxels have each."""
    numbers = array.ravel().astype(np.float32)
    numbers -= np.float32(low)
    numbers *= np.float32(1 / step)
    np.rint(numbers.clip(0, (high - low) / step, out=numbers), out=numbers)
    counts = np.bincount(numbers.astype(np.int64)).astype(np.float64)
    there = np.flatnonzero(counts)
    return np.asarray(there * step + low, dtype=np.float64), counts[there]


def _extremes(levels: FloatArray, counts: FloatArray) -> tuple[float, float]:
    return _ranked(levels, counts, EXTREMES[0]), _ranked(levels, counts, EXTREMES[1])


def _ranked(levels: FloatArray, counts: FloatArray, percent: float) -> float:
    """The value that so many per cent of the voxels do not exceed."""
    below = np.cumsum(counts)
    return float(levels[np.searchsorted(below, percent / 100 * below[-1])])


def _body(levels: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What is brighter than air: above the half of the way from the darkest to where Otsu parts dark from bright."""
    darkest, brightest = _ranked(levels, counts, 0.5), _ranked(levels, counts, 99.5)
    if not brightest > darkest:
        return levels, counts
    edges = np.linspace(darkest, brightest, BINS + 1)[1:-1]
    ends = np.searchsorted(levels, edges)
    below = np.concatenate([[0.0], np.cumsum(counts)])
    sums = np.concatenate([[0.0], np.cumsum(counts * levels)])
    dark, bright = below[ends], below[-1] - below[ends]
    both = (dark > 0) & (bright > 0)
    dark, bright, of_dark = dark[both], bright[both], sums[ends][both]
    between = dark * bright * (of_dark / dark - (sums[-1] - of_dark) / bright) ** 2
    first = np.searchsorted(levels, (darkest + edges[both][between.argmax()]) / 2, side="right")
    return levels[first:], counts[first:]
