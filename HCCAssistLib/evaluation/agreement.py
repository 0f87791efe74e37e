"""Agreement of readers and of masks."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion, distance_transform_edt
from scipy.stats import norm

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.optional import statsmodels
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.scores import BoolArray, FloatArray


def agreement_table(first: Sequence[Hashable], second: Sequence[Hashable]) -> tuple[tuple[int, ...], ...]:
    """Counts of one reader's categories (rows) against another's (columns).

    Raises:
        InputError: lengths that differ, or nothing was read.
    """
    if len(first) != len(second) or not first:
        raise InputError(f"the readers judged {len(first)} and {len(second)} units")
    index = {category: i for i, category in enumerate(dict.fromkeys((*first, *second)))}
    counts = np.zeros((len(index), len(index)), dtype=np.int64)
    np.add.at(counts, ([index[c] for c in first], [index[c] for c in second]), 1)
    return tuple(tuple(int(c) for c in row) for row in counts)


def cohen_kappa(table: npt.ArrayLike, *, unit: str, level: float = 0.95) -> Estimate:
    """Cohen's kappa of two readers with the interval of Fleiss, Cohen and Everitt (Psychol Bull 1969).

    Args:
        table: square counts, one reader in rows and the other in columns.
        unit: what was read.
        level: confidence level.

    Raises:
        InputError: a table that is not square or holds no count.
    """
    check_level(level)
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any() or counts.sum() == 0:
        raise InputError("kappa needs a square table of counts", "table")
    n = int(counts.sum())
    share = counts / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed, expected = float(np.trace(share)), float(rows @ columns)
    name, method = "Cohen kappa", "Fleiss-Cohen-Everitt"
    if math.isclose(expected, 1.0):
        reason = "undefined: both readers gave every unit the same category"
        return Estimate(name, None, n, unit, Interval.missing(reason, method, level), note=reason)
    kappa = (observed - expected) / (1 - expected)
    # Variance of kappa where it is not 0; the terms follow the diagonal, the rest, and the constant.
    diagonal = float((np.diag(share) * (1 - (rows + columns) * (1 - kappa)) ** 2).sum())
    sums = columns[:, None] + rows[None, :]
    others = (1 - kappa) ** 2 * float((share * sums**2).sum() - (np.diag(share) * np.diag(sums) ** 2).sum())
    variance = (diagonal + others - (kappa - expected * (1 - kappa)) ** 2) / (1 - expected) ** 2 / n
    if variance <= 1e-15:
        interval = Interval.missing("the estimated variance is 0", method, level)
    else:
        half = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
        interval = Interval(max(-1.0, kappa - half), min(1.0, kappa + half), method, level)
    return Estimate(name, kappa, n, unit, interval)


def fleiss_kappa(table: npt.ArrayLike, *, unit: str) -> Estimate:
    """Fleiss' kappa of several readers.

    Args:
        table: ``(units, categories)``, how many readers chose each category; the same number for every unit.
        unit: what was read.

    Raises:
        InputError: units read by different numbers of readers.
        HCCAssistError: statsmodels is not installed.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.size == 0 or (counts < 0).any() or len(np.unique(counts.sum(axis=1))) != 1:
        raise InputError("every unit must be read by the same number of readers", "table")
    if counts[0].sum() < 2:
        raise InputError("Fleiss' kappa needs two readers or more", "table")
    inter_rater = statsmodels("stats.inter_rater", "Fleiss' kappa")
    interval = Interval.missing("no interval is computed for Fleiss' kappa")
    n, name = len(counts), "Fleiss kappa"
    if (counts.sum(axis=0) > 0).sum() == 1:
        reason = "undefined: every reader gave every unit the same category"
        return Estimate(name, None, n, unit, Interval.missing(reason), note=reason)
    value = float(inter_rater.fleiss_kappa(counts, method="fleiss"))
    return Estimate(name, value, n, unit, interval, note=f"{int(counts[0].sum())} readers")


def _masks(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[BoolArray, BoolArray]:
    a, b = np.asarray(first).astype(bool), np.asarray(second).astype(bool)
    if a.shape != b.shape:
        raise InputError(f"the masks have different grids: {a.shape} and {b.shape} voxels", "masks")
    return a, b


def dice(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Dice coefficient of two masks on one grid; two empty masks agree, so their Dice is 1 by definition here.

    Raises:
        InputError: different grids.
    """
    a, b = _masks(first, second)
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else 2 * int((a & b).sum()) / total


@dataclass(frozen=True, slots=True)
class SurfaceDistances:
    """Distances in mm between the surfaces of two masks, both directions together.

    Attributes:
        mean: average symmetric surface distance.
        hausdorff: the largest distance.
        hausdorff_95: the larger of the two directions' 95th percentiles.
    """

    mean: float
    hausdorff: float
    hausdorff_95: float


def surface_distances(first: npt.ArrayLike, second: npt.ArrayLike, spacing: Sequence[float]) -> SurfaceDistances | None:
    """Surface distances of two masks; None where either is empty, because then there is no distance.

    Args:
        first, second: masks ``[k, j, i]`` on one grid; every voxel with a face outside the mask is surface.
        spacing: mm along ``(i, j, k)``, as ``Geometry.spacing``.

    Raises:
        InputError: different grids, or a spacing that is not three positive lengths.
    """
    a, b = _masks(first, second)
    lengths = np.asarray(spacing, dtype=np.float64)
    if a.ndim != 3 or lengths.shape != (3,) or not (lengths > 0).all():
        raise InputError("surface distances need 3-D masks and three positive spacings", "masks")
    if not a.any() or not b.any():
        return None
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(a | b))  # distances need nothing outside
    a, b = np.pad(a[box], 1), np.pad(b[box], 1)
    surface_a, surface_b = a & ~binary_erosion(a), b & ~binary_erosion(b)

    def distances(of: BoolArray, to: BoolArray) -> FloatArray:
        found: FloatArray = distance_transform_edt(~to, sampling=lengths[::-1])[of]
        return found

    there, back = distances(surface_a, surface_b), distances(surface_b, surface_a)
    both = np.concatenate((there, back))
    return SurfaceDistances(
        mean=float(both.mean()),
        hausdorff=float(both.max()),
        hausdorff_95=float(max(np.percentile(there, 95), np.percentile(back, 95))),
    )
