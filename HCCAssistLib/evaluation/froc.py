"""Free-response ROC: lesions found against false positives per volume, by the rule of ``lesion_matching``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_draws, percentile_interval
from HCCAssistLib.evaluation.intervals import proportion_interval, rate_interval
from HCCAssistLib.evaluation.lesion_matching import LesionMatches, VolumeFindings
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.values import FloatArray, floats
from HCCAssistLib.results.cutoff import CutOff

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per volume at which sensitivity is read off (LUNA16); their mean is the CPM."""


@dataclass(frozen=True, eq=False, slots=True)
class FrocCurve:
    """Lesion-level sensitivity against false positives per volume.

    Attributes:
        thresholds: falling scores at which a lesion is found or a false positive appears, rule ``score >= threshold``.
        sensitivity, false_positives_per_volume: at each threshold.
        at_rates: sensitivity at each of ``rates`` false positives per volume.
        cpm: their mean (competition performance metric).
        rates: the false positives per volume of ``at_rates``.
        tolerance_mm: of the matching rule.
        lesions, volumes, patients: what was evaluated.
    """

    thresholds: FloatArray
    sensitivity: FloatArray
    false_positives_per_volume: FloatArray
    at_rates: tuple[Estimate, ...]
    cpm: Estimate
    rates: tuple[float, ...]
    tolerance_mm: float
    lesions: int
    volumes: int
    patients: int

    @property
    def rule(self) -> str:
        """The matching rule in a sentence."""
        return (
            "A candidate hits a lesion when the distance of their centres is at most the lesion's radius or "
            f"{self.tolerance_mm:g} mm, whichever is larger; of several lesions within reach it hits the nearest. "
            "A lesion counts once; further hits on it are neither true nor false positives. Sensitivity at a rate "
            "is the highest one reached with no more false positives per volume; nothing is interpolated."
        )

    def as_json(self) -> dict[str, Any]:
        """The points, the estimates and the rule; without any candidate the one threshold is null."""
        return {
            "thresholds": [float(t) if np.isfinite(t) else None for t in self.thresholds],
            "sensitivity": self.sensitivity.tolist(),
            "false_positives_per_volume": self.false_positives_per_volume.tolist(),
            "at_rates": [estimate.as_json() for estimate in self.at_rates],
            "cpm": self.cpm.as_json(),
            "matching_rule": self.rule,
            "tolerance_mm": self.tolerance_mm,
            "lesions": self.lesions,
            "volumes": self.volumes,
            "patients": self.patients,
        }


def froc(
    volumes: Sequence[VolumeFindings],
    *,
    tolerance_mm: float = 0.0,
    rates: Sequence[float] = RATES,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> FrocCurve:
    """The FROC curve with sensitivity at fixed rates; intervals by resampling patients.

    >>> one = VolumeFindings("p1", [(2, 0, 0), (60, 0, 0)], [0.9, 0.4], lesions=[(0, 0, 0)], radii=[6])
    >>> two = VolumeFindings("p2", [(9, 9, 9)], [0.2], lesions=[], radii=[])
    >>> curve = froc([one, two], rates=[0.5, 1.0], draws=200)
    >>> curve.sensitivity.tolist()
    [1.0, 1.0, 1.0]

    Args:
        volumes: candidates at every score (not only above a threshold) and true lesions.
        tolerance_mm: a candidate this near to a lesion's centre hits it, however small the lesion is.
        rates: false positives per volume.
        draws, seed, level: of the bootstrap; draws without a lesion are dropped and counted.

    Raises:
        InputError: no volumes, no lesion in any volume, or a negative tolerance.
    """
    matches = LesionMatches.of(volumes, tolerance_mm)
    rates = floats(rates, "false positives per volume").tolist()
    if not rates or not all(0 <= rate < np.inf for rate in rates):
        raise InputError("rates of false positives per volume are finite and 0 or more", "rates")
    lesions = int(matches.lesions.sum())
    if lesions == 0:
        raise InputError("there is no true lesion in any volume", remedy="add annotated volumes to the cohort")
    thresholds = matches.thresholds()
    ones = np.ones((1, matches.patients))
    if len(thresholds) == 0:
        thresholds = np.array([np.inf])  # no candidate at all: one point at the origin
    sensitivity, false_positives = matches.curve(ones, thresholds)

    values = bootstrap_draws(
        lambda weights: matches.at_rates(weights, rates),
        matches.patients,
        draws=draws,
        seed=seed,
        row_count=len(matches.false_scores) + lesions,
    )
    at = matches.at_rates(ones, rates)[0]

    def interval(of_draws: FloatArray) -> Interval:
        return percentile_interval(
            of_draws, patients=matches.patients, resampled="patient", stratified=False, level=level, seed=seed
        )

    at_rates = tuple(
        Estimate(
            name=f"sensitivity at {rate:g} {'false positive' if rate == 1 else 'false positives'} per volume",
            value=float(at[i]),
            n=lesions,
            unit="lesion",
            successes=round(float(at[i]) * lesions),
            interval=interval(values[:, i]),
            clusters=matches.patients,
        )
        for i, rate in enumerate(rates)
    )
    cpm = Estimate(
        name="mean sensitivity over the false-positive rates (CPM)",
        value=float(at.mean()),
        n=lesions,
        unit="lesion",
        interval=interval(values.mean(axis=1)),
        clusters=matches.patients,
        note=f"mean over {', '.join(f'{rate:g}' for rate in rates)} false positives per volume",
    )
    return FrocCurve(
        thresholds=thresholds,
        sensitivity=sensitivity[0],
        false_positives_per_volume=false_positives[0],
        at_rates=at_rates,
        cpm=cpm,
        rates=tuple(float(rate) for rate in rates),
        tolerance_mm=float(tolerance_mm),
        lesions=lesions,
        volumes=len(volumes),
        patients=matches.patients,
    )


def lesion_operating_point(
    volumes: Sequence[VolumeFindings],
    cutoff: CutOff,
    *,
    tolerance_mm: float = 0.0,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Estimate, Estimate]:
    """Lesion-level sensitivity and false positives per volume of the candidates at a cut-off.

    The matching rule is that of ``froc``. Sensitivity carries the Clopper-Pearson interval and, beside it,
    the bootstrap over patients; false positives per volume the bootstrap, or the exact Poisson interval where no
    volume differs from another and the bootstrap therefore has no limits.

    Raises:
        InputError: no volumes, or a negative tolerance.
    """
    return lesion_operating_points(volumes, [cutoff], tolerance_mm=tolerance_mm, draws=draws, seed=seed, level=level)[0]


def lesion_operating_points(
    volumes: Sequence[VolumeFindings],
    cutoffs: Sequence[CutOff],
    *,
    tolerance_mm: float = 0.0,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[tuple[Estimate, Estimate]]:
    """``lesion_operating_point`` at each of several cut-offs, from the same draws of patients.

    Raises:
        InputError: no volumes, or a negative tolerance.
    """
    matches = LesionMatches.of(volumes, tolerance_mm)
    thresholds = np.array([cutoff.value for cutoff in cutoffs])
    values = bootstrap_draws(
        lambda weights: np.stack(matches.curve(weights, thresholds), axis=1),
        matches.patients,
        draws=draws,
        seed=seed,
        row_count=len(matches.false_scores) + len(matches.lesion_scores) + len(thresholds),
    )

    def resampled(which: int, point: int) -> Interval:
        return percentile_interval(
            values[:, which, point],
            patients=matches.patients,
            resampled="patient",
            stratified=False,
            level=level,
            seed=seed,
        )

    lesions = int(matches.lesions.sum())
    points = []
    for point, cutoff in enumerate(cutoffs):
        found = int((matches.lesion_scores >= cutoff.value).sum())
        false = int((matches.false_scores >= cutoff.value).sum())
        sensitivity = Estimate(
            name="lesion-level sensitivity",
            value=found / lesions if lesions else None,
            n=lesions,
            unit="lesion",
            successes=found,
            interval=proportion_interval(found, lesions, level=level),
            clustered=resampled(0, point),
            clusters=matches.patients,
            cutoff=cutoff,
            note="" if lesions else "undefined: there is no true lesion in any volume",
        )
        of_rate = resampled(1, point)
        if of_rate.low is None:
            of_rate = rate_interval(false, len(volumes), level=level)
        rate = Estimate(
            name="false positives per volume",
            value=false / len(volumes),
            n=len(volumes),
            unit="volume",
            interval=of_rate,
            clusters=matches.patients,
            cutoff=cutoff,
            note=f"{false} false positives in {len(volumes)} volumes",
        )
        points.append((sensitivity, rate))
    return points
