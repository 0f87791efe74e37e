"""Results by the size of what was judged: a method that misses the small ones can look good on the large ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_interval
from HCCAssistLib.evaluation.intervals import proportion_interval
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.scores import numbered_groups
from HCCAssistLib.evaluation.values import BoolArray, FloatArray, IntArray, floats
from HCCAssistLib.results.cutoff import CutOff

EDGES_MM = (10.0, 20.0)
"""Sizes at which LI-RADS changes what a lesion is called."""

UNKNOWN = "size not given"


def sensitivity_by_size(
    volumes: Sequence[VolumeFindings],
    sizes: Sequence[Sequence[float] | FloatArray],
    cutoff: CutOff,
    *,
    tolerance_mm: float = 0.0,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """Share of the lesions found at a cut-off, for each group of sizes that holds any.

    The matching rule is that of ``froc``. The interval is Clopper-Pearson; beside it that of a bootstrap over patients.

    Args:
        volumes: of all patients.
        sizes: mm of each lesion of each volume, in the same order; NaN where it is not known.
        cutoff: a candidate counts with ``score >= cutoff.value``.
        tolerance_mm: a candidate this near to a lesion's centre hits it.
        draws: of the bootstrap.
        seed: of the bootstrap.
        level: confidence level.

    Raises:
        InputError: sizes that do not fit the lesions.
    """
    given = [floats(each, "sizes of lesions") if len(each) else np.empty(0) for each in sizes]
    if len(given) != len(volumes) or any(len(s) != len(v.lesions) for s, v in zip(given, volumes, strict=True)):
        raise InputError("there is not one size for every lesion", "sizes of lesions")
    if not volumes or not any(map(len, given)):
        return ()
    size = np.concatenate(given)
    if (size <= 0).any():
        raise InputError("a size of 0 mm or less", "sizes of lesions")
    hit = np.concatenate([volume.matched(tolerance_mm)[0] >= cutoff.value for volume in volumes]).astype(np.float64)
    groups = numbered_groups([v.patient for v in volumes for _ in v.lesions], n=len(size))
    return tuple(
        replace(
            share_of_rows(hit[chosen], groups[chosen], "lesion", draws=draws, seed=seed, level=level),
            name=f"lesions {name} found" if name != UNKNOWN else f"lesions found, {name}",
            cutoff=cutoff,
        )
        for name, chosen in _size_groups(size)
        if chosen.any()
    )


def accuracy_by_size(
    right: npt.ArrayLike,
    sizes: npt.ArrayLike,
    groups: Sequence[object] | None,
    *,
    unit: str,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """Share of right decisions, for each group of sizes that holds any.

    >>> small, large = accuracy_by_size([True, False, True], [4.0, 8.0, 30.0], None, unit="mass", draws=200)
    >>> small.name, small.value, large.value
    ('accuracy, below 10 mm', 0.5, 1.0)

    Args:
        right: ``(rows,)`` whether the decision was right.
        sizes: ``(rows,)`` mm; NaN where it is not known.
        groups: ``(rows,)``, the patient of each row; None where every row is another patient.
        unit: what a row is.
        draws, seed, level: of the bootstrap over patients.

    Raises:
        InputError: rows that do not fit, or a size of 0 mm or less.
    """
    size = floats(sizes, "sizes")
    hit = floats(right, "right decisions")
    if hit.shape != size.shape or not np.isin(hit, (0.0, 1.0)).all():
        raise InputError("there is not one decision, right or wrong, for every size", "sizes")
    if (size <= 0).any():
        raise InputError("a size of 0 mm or less", "sizes")
    patient = numbered_groups(groups, len(size))
    return tuple(
        replace(
            share_of_rows(hit[chosen], patient[chosen], unit, draws=draws, seed=seed, level=level),
            name=f"accuracy, {name}",
        )
        for name, chosen in _size_groups(size)
        if chosen.any()
    )


def _size_groups(size: FloatArray) -> list[tuple[str, BoolArray]]:
    small, large = EDGES_MM
    return [
        (f"below {small:g} mm", size < small),
        (f"{small:g} mm to below {large:g} mm", (size >= small) & (size < large)),
        (f"{large:g} mm or more", size >= large),
        (UNKNOWN, np.isnan(size)),
    ]


def share_of_rows(hit: FloatArray, groups: IntArray, unit: str, *, draws: int, seed: int, level: float) -> Estimate:
    """Share of rows that are hits: Clopper-Pearson, and beside it a bootstrap over patients.

    Args:
        hit: ``(rows,)`` 0 or 1.
        groups: ``(rows,)`` number of each row's patient.
        unit: what a row is.
        draws, seed, level: of the bootstrap.
    """
    patients, of = np.unique(groups, return_inverse=True)
    found = np.bincount(of, weights=hit)
    rows = np.bincount(of).astype(np.float64)
    return Estimate(
        name="share",
        value=float(hit.mean()),
        n=len(hit),
        unit=unit,
        successes=int(hit.sum()),
        interval=proportion_interval(int(hit.sum()), len(hit), level=level),
        clustered=bootstrap_interval(
            lambda weights: (weights @ found) / (weights @ rows), len(patients), draws=draws, seed=seed, level=level
        ),
        clusters=len(patients),
    )
