"""Agreement of readers and of masks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion, distance_transform_edt
from scipy.stats import norm

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_interval
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.optional import statsmodels
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.scores import numbered_groups
from HCCAssistLib.evaluation.values import BoolArray, FloatArray, count_table, floats, listed
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.wording import plural


def agreement_table(first: Sequence[Hashable], second: Sequence[Hashable]) -> tuple[tuple[int, ...], ...]:
    """Counts of one reader's categories (rows) against another's (columns).

    Raises:
        InputError: lengths that differ, nothing was read, a reading is missing, or texts stand beside numbers.
    """
    first, second = listed(first, "first reader"), listed(second, "second reader")
    if len(first) != len(second) or not first:
        raise InputError(f"the readers judged {len(first)} and {len(second)} units")
    if None in first or None in second:
        raise InputError("a reading is missing", "readers", "leave out the units that one of them did not judge")
    if len({isinstance(category, str) for category in (*first, *second)}) > 1:
        raise InputError("some categories are texts and some are numbers, which never agree", "readers")
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
        HCCAssistError: statsmodels is not installed.
    """
    check_level(level)
    counts = count_table(table)
    if counts.shape[0] != counts.shape[1] or counts.sum() == 0:
        raise InputError("kappa needs a square table of counts", "table")
    inter_rater = statsmodels("stats.inter_rater", "Cohen's kappa")
    n, name, method = int(counts.sum()), "Cohen kappa", "Fleiss-Cohen-Everitt"
    if counts.max() == n and np.trace(counts) == n:
        reason = "undefined: both readers gave every unit the same category"
        return Estimate(name, None, n, unit, Interval.missing(reason, method, level), note=reason)
    with np.errstate(divide="ignore", invalid="ignore"):  # of its z, which is not used
        found = inter_rater.cohens_kappa(counts)
    kappa = float(found.kappa)
    if not found.var_kappa > 1e-15:
        interval = Interval.missing("the estimated variance is 0", method, level)
    else:
        half = float(norm.ppf((1 + level) / 2) * found.std_kappa)
        interval = Interval(max(-1.0, kappa - half), min(1.0, kappa + half), method, level)
    return Estimate(name, kappa, n, unit, interval)


def fleiss_kappa(
    table: npt.ArrayLike,
    *,
    unit: str,
    groups: Sequence[object] | None = None,
    reader: str = "reader",
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Fleiss' kappa of several readers, with the interval of a bootstrap over units or patients.

    Args:
        table: ``(units, categories)``, how many readers chose each category; the same number for every unit.
        unit: what was read.
        groups: ``(units,)``, the patient of each unit; None where every unit is another patient.
        reader: who read: a reader, a session of a model.
        draws, seed, level: of the bootstrap.

    Raises:
        InputError: units read by different numbers of readers, or as many patients as units are not named.
        HCCAssistError: statsmodels is not installed.
    """
    check_level(level)
    counts = count_table(table)
    if counts.size == 0 or len(np.unique(counts.sum(axis=1))) != 1:
        raise InputError("every unit must be read by the same number of readers", "table")
    readers = int(counts[0].sum())
    if readers < 2:
        raise InputError("Fleiss' kappa needs two readers or more", "table")
    inter_rater = statsmodels("stats.inter_rater", "Fleiss' kappa")
    n, name = len(counts), "Fleiss kappa"
    patient = numbered_groups(groups, n)
    patients = int(patient.max()) + 1
    clusters = None if groups is None else patients
    if (counts.sum(axis=0) > 0).sum() == 1:
        reason = f"undefined: every {reader} gave every unit the same category"
        return Estimate(name, None, n, unit, Interval.missing(reason), clusters=clusters, note=reason)
    chosen = np.zeros((patients, counts.shape[1]))
    np.add.at(chosen, patient, counts.astype(np.float64))
    agreed = np.bincount(patient, ((counts**2).sum(axis=1) - readers) / (readers * (readers - 1)), patients)
    size = np.bincount(patient, minlength=patients).astype(np.float64)

    def statistic(weights: FloatArray) -> FloatArray:
        units = weights @ size
        expected = ((weights @ chosen / (units * readers)[:, None]) ** 2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            kappa: FloatArray = (weights @ agreed / units - expected) / (1 - expected)
        kappa[np.isclose(expected, 1.0)] = np.nan
        return kappa

    interval = bootstrap_interval(
        statistic, patients, draws=draws, seed=seed, level=level, resampled=unit if groups is None else "patient"
    )
    value = float(inter_rater.fleiss_kappa(counts, method="fleiss"))
    return Estimate(name, value, n, unit, interval, clusters=clusters, note=f"{readers} {plural(reader, readers)}")


def _masks(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[BoolArray, BoolArray]:
    a, b = _mask(first, "first mask"), _mask(second, "second mask")
    if a.shape != b.shape:
        raise InputError(f"the masks have different grids: {a.shape} and {b.shape} voxels", "masks")
    return a, b


def _mask(values: npt.ArrayLike, where: str) -> BoolArray:
    """Voxels of a mask: 0 outside and one other value inside.

    Raises:
        InputError: missing or masked voxels, several labels, probabilities, or no array of voxels.
    """
    voxels = np.asarray(values)
    if np.ma.is_masked(values) or voxels.ndim == 0 or voxels.size == 0 or voxels.dtype.kind not in "buif":
        raise InputError("a mask holds a number at every voxel", where, "fill masked voxels, or cut them off")
    if voxels.dtype.kind == "b":
        return voxels
    inside: BoolArray = voxels != 0
    largest = voxels.max()
    if not np.isfinite(largest) or (inside & (voxels != (largest or voxels.min()))).any():
        raise InputError(
            "a mask holds 0 outside and one other value inside", where, "take one label, or a cut-off of probabilities"
        )
    return inside


def dice(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Dice coefficient of two masks on one grid; two empty masks agree, so their Dice is 1 by definition here.

    Raises:
        InputError: different grids.
    """
    import SimpleITK as sitk

    a, b = _masks(first, second)
    if not a.any() and not b.any():  # SimpleITK: infinite
        return 1.0
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(sitk.GetImageFromArray(np.atleast_2d(mask).astype(np.uint8)) for mask in (a, b)))
    return float(overlap.GetDiceCoefficient())


@dataclass(frozen=True, slots=True)
class SurfaceDistances:
    """Distances in mm between the surfaces of two masks.

    A surface voxel is one with a face outside its mask; its distance is that of its centre to the nearest surface
    voxel's centre of the other mask. ``directed`` distances run from one mask to the other.

    Attributes:
        mean: average symmetric surface distance: the mean over the surface voxels of both masks (Heimann 2009; MONAI
            ``compute_average_surface_distance(symmetric=True)``).
        mean_of_directions: the mean of the two directed means (medpy's released ``assd``).
        hausdorff: the largest distance (every package).
        hausdorff_95: the usual HD95: the larger of the two directed 95th percentiles (Metrics Reloaded; MONAI
            ``compute_hausdorff_distance(percentile=95)``). DeepMind's surface-distance has the same rule on surface
            elements weighted by their area, so its number differs by up to about a voxel.
        hausdorff_95_pooled: the 95th percentile of the distances of both directions together (medpy ``hd95``, and
            scripts built on it).

    SimpleITK's ``HausdorffDistanceImageFilter`` has no HD95, its average is over all voxels of the masks, and it counts
    no distance of a surface that lies within the other mask; so distances come from SciPy's exact transform.
    """

    mean: float
    mean_of_directions: float
    hausdorff: float
    hausdorff_95: float
    hausdorff_95_pooled: float


def surface_distances(
    first: npt.ArrayLike, second: npt.ArrayLike, spacing: Sequence[float] | Geometry
) -> SurfaceDistances | None:
    """Surface distances of two masks; None where either is empty, because then there is no distance.

    Percentiles are interpolated linearly between distances, as numpy does.

    Args:
        first, second: masks ``[k, j, i]`` on one grid; every voxel with a face outside the mask is surface, also at
            the edge of the volume.
        spacing: mm along ``(i, j, k)``, as ``Geometry.spacing``, or the grid itself. The order is the reverse of that
            of the array (MONAI and medpy want it in the array's order).

    Raises:
        InputError: different grids, masks that are none, or a spacing that is not three positive lengths.
    """
    a, b = _masks(first, second)
    if isinstance(spacing, Geometry):
        if spacing.shape != a.shape:
            raise InputError(f"the masks of {a.shape} voxels do not fit a grid of {spacing.shape}", "masks")
        spacing = spacing.spacing.tolist()
    lengths = floats(spacing, "spacing")
    if a.ndim != 3 or lengths.shape != (3,) or not ((lengths > 0) & np.isfinite(lengths)).all():
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
        mean_of_directions=float((there.mean() + back.mean()) / 2),
        hausdorff=float(both.max()),
        hausdorff_95=float(max(np.percentile(there, 95), np.percentile(back, 95))),
        hausdorff_95_pooled=float(np.percentile(both, 95)),
    )
