"""From the scores of a scan to candidates: peaks by non-maximum suppression.

Neighbouring patches of one lesion all score high; the paper draws each of them. Here they become one candidate. A
patch was a positive wherever it held the lesion's point, so the high scores form a plateau of a patch's width
around that point: its centroid, and not its highest voxel, is where the lesion lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

FLOOR = 0.02
"""Candidates below this probability are not kept: no reader would set a threshold there."""

LIMIT = 30
"""Most candidates kept of one scan."""

APART = (0.5, 0.75, 0.75)
"""Parts of a patch ``(k, j, i)`` within which the better of two peaks stands for both: two lesions on the margin of
one ablation zone may lie closer than a patch."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Peak:
    """A candidate in voxels of the scanned image.

    Attributes:
        center: fractional voxel ``(i, j, k)``.
        probability: highest score that it gathers.
        extent: voxels ``(i, j, k)`` that it covers.
    """

    center: tuple[float, float, float]
    probability: float
    extent: tuple[float, float, float]


@dataclass(frozen=True, eq=False, slots=True)
class ScoreMap:
    """Scores of a scan with the places they belong to.

    Attributes:
        scores: ``(nz, ny, nx)`` 0 to 1; NaN where nothing was scanned.
        z, y, x: voxel index of each patch's centre along the axes.
        patch: voxels ``(k, j, i)`` of a patch.
    """

    scores: FloatArray
    z: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    x: npt.NDArray[np.int64]
    patch: tuple[int, int, int]

    @property
    def steps(self) -> tuple[float, float, float]:
        """Voxels between neighbouring patches along ``(z, y, x)``."""
        return tuple(float(a[1] - a[0]) if len(a) > 1 else 1.0 for a in (self.z, self.y, self.x))  # type: ignore[return-value]


def non_maximum_suppression(scores: ScoreMap) -> list[Peak]:
    """Peaks that are the best within ``APART`` of them, by falling probability, whatever the threshold."""
    filled = np.nan_to_num(scores.scores, nan=0.0)
    # an eighth of a patch: joins a plateau's ripples, keeps two lesions a patch apart
    sigma = [size / 8 / step for size, step in zip(scores.patch, scores.steps, strict=True)]
    smooth = ndimage.gaussian_filter(filled, sigma, mode="constant")
    reach = [
        max(1, round(part * size / step)) for part, size, step in zip(APART, scores.patch, scores.steps, strict=True)
    ]
    peaks = []
    for index in _greedy(np.where(filled > 0, smooth, 0.0), reach):
        window = tuple(
            slice(max(0, c - max(1, r // 2)), c + max(1, r // 2) + 1) for c, r in zip(index, reach, strict=True)
        )
        peak = _peak(scores, filled, window, filled[window] > 0)
        if peak.probability >= FLOOR:
            peaks.append(peak)
    return sorted(peaks, key=lambda peak: -peak.probability)[:LIMIT]


def refine_peak(scores: ScoreMap, allowed: npt.NDArray[np.bool_]) -> Peak | None:
    """The one peak of a finely scanned surrounding of a candidate, None where all that is allowed scores 0.

    Its probability is the mean over the in-plane shifts by up to a quarter of a patch: a lesion answers to all of
    them, noise to one.

    Args:
        scores: of the surrounding.
        allowed: the patches that may be its middle; the others count in the means alone.
    """
    filled = np.nan_to_num(scores.scores, nan=0.0)
    _, height, width = scores.patch
    _, dy, dx = scores.steps
    shifts = (1, 2 * round(height / 4 / dy) + 1, 2 * round(width / 4 / dx) + 1)
    mean = np.where(allowed, ndimage.uniform_filter(filled, shifts, mode="nearest"), 0.0)
    if mean.max() <= 0:
        return None
    peak = _peak(scores, mean, (slice(None),) * 3, mean > 0)
    return Peak(peak.center, float(mean.max()), peak.extent)


def merge_close_peaks(peaks: Iterable[Peak], patch: tuple[int, int, int]) -> list[Peak]:
    """By falling probability, the peaks that have no better one within ``APART`` of them; patch ``(k, j, i)``."""
    reach = np.multiply(APART, patch)[::-1]
    kept: list[Peak] = []
    for peak in sorted(peaks, key=lambda peak: -peak.probability):
        apart = [np.abs(np.subtract(peak.center, other.center)) >= reach for other in kept]
        if all(axes.any() for axes in apart):
            kept.append(peak)
    return kept


def _greedy(values: FloatArray, reach: list[int]) -> Iterator[tuple[int, ...]]:
    """Indices of the highest value, then of the highest outside the first's reach, and so on."""
    left = values.copy()
    while True:
        index = np.unravel_index(int(left.argmax()), left.shape)
        if left[index] < FLOOR / 4:
            return
        yield tuple(int(i) for i in index)
        left[tuple(slice(max(0, c - r), c + r + 1) for c, r in zip(index, reach, strict=True))] = 0.0


def _peak(scores: ScoreMap, filled: FloatArray, window: tuple[slice, ...], inside: npt.NDArray[np.bool_]) -> Peak:
    block = np.where(inside, filled[window], 0.0)
    best = float(block.max())
    weights = np.where(block >= best / 2, block, 0.0).astype(np.float64)
    places = [axis[cut].astype(np.float64) for axis, cut in zip((scores.z, scores.y, scores.x), window, strict=True)]
    center, extent = [], []
    for axis, (place, step) in enumerate(zip(places, scores.steps, strict=True)):
        profile = weights.sum(axis=tuple(a for a in range(3) if a != axis))
        center.append(float((profile * place).sum() / profile.sum()))
        reached = place[profile > 0]
        extent.append(float(reached[-1] - reached[0]) + step)
    # in-plane the paper's rectangle; along z the slices that answer, since patches are centred on the lesion's slice
    depth, height, width = scores.patch
    size = (max(extent[2], width), max(extent[1], height), min(max(extent[0], 3.0), float(depth)))
    return Peak((center[2], center[1], center[0]), best, size)
