"""Free-response ROC: lesions found against false positives per volume.

A candidate hits a lesion when the distance of their centres is at most the lesion's radius, or at most a
tolerance where that is larger. A candidate within reach of several lesions hits the nearest. A lesion
counts once, with its best-scored hit; a further hit on it is neither a true nor a false positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_draws, bootstrap_interval, percentile_interval
from HCCAssistLib.evaluation.intervals import proportion_interval, rate_interval
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.scores import numbered_groups
from HCCAssistLib.evaluation.values import FloatArray, IntArray, floats, number
from HCCAssistLib.results.cutoff import CutOff

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per volume at which sensitivity is read off (LUNA16); their mean is the CPM."""


@dataclass(frozen=True, eq=False, slots=True)
class VolumeFindings:
    """Candidates and true lesions of one volume, LPS millimetres.

    Attributes:
        patient: whose volume it is; volumes of one patient are resampled together.
        candidates: centres ``(n, 3)``.
        scores: ``(n,)``.
        lesions: centres of the true lesions ``(m, 3)``; empty in a volume without any.
        radii: ``(m,)`` in mm; 0 where only a point was annotated (then only the tolerance counts).
    """

    patient: str
    candidates: FloatArray
    scores: FloatArray
    lesions: FloatArray
    radii: FloatArray

    def __post_init__(self) -> None:
        for points, values, each in (("candidates", "scores", "score"), ("lesions", "radii", "radius")):
            where = f"{points} of patient {self.patient}"
            given = getattr(self, points)
            centres = np.zeros((0, 3)) if np.size(given) == 0 else floats(given, where, dimensions=2)
            numbers = floats(getattr(self, values), where)
            if centres.shape[1] != 3:
                raise InputError(f"a position has three coordinates, not {centres.shape[1]}", where)
            if len(centres) != len(numbers):
                raise InputError(f"{len(centres)} {points} have {len(numbers)} {values}", f"patient {self.patient}")
            if not (np.isfinite(centres).all() and np.isfinite(numbers).all()):
                raise InputError(f"a position or {each} of the {points} is not finite", f"patient {self.patient}")
            object.__setattr__(self, points, centres)
            object.__setattr__(self, values, numbers)
        if (self.radii < 0).any():
            raise InputError("a lesion has a negative radius", f"patient {self.patient}")

    def matched(self, tolerance_mm: float) -> tuple[FloatArray, FloatArray]:
        """Best score per lesion (-inf where none hits it), and the scores of the candidates that hit nothing."""
        if not 0 <= number(tolerance_mm, "tolerance") < np.inf:
            raise InputError(f"a tolerance is 0 mm or more, not {tolerance_mm}")
        best = np.full(len(self.lesions), -np.inf)
        if len(self.lesions) == 0 or len(self.candidates) == 0:
            return best, self.scores
        distance = np.linalg.norm(self.candidates[:, None] - self.lesions[None], axis=2)
        within = distance <= np.maximum(self.radii, tolerance_mm)
        nearest = np.argmin(np.where(within, distance, np.inf), axis=1)
        hits = within.any(axis=1)
        np.maximum.at(best, nearest[hits], self.scores[hits])
        return best, self.scores[~hits]


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


@dataclass(frozen=True, eq=False, slots=True)
class _Events:
    """Scores of found lesions and of false positives, each with its patient; counts per patient."""

    lesion_scores: FloatArray
    lesion_patients: IntArray
    false_scores: FloatArray
    false_patients: IntArray
    lesions: FloatArray
    volumes: FloatArray

    @classmethod
    def of(cls, volumes: Sequence[VolumeFindings], tolerance_mm: float) -> _Events:
        if not volumes or not all(isinstance(volume, VolumeFindings) for volume in volumes):
            raise InputError("there is nothing to evaluate: no volumes")
        numbers = numbered_groups([volume.patient for volume in volumes], len(volumes))
        matched = [volume.matched(tolerance_mm) for volume in volumes]
        lesions, false = ([pair[side] for pair in matched] for side in (0, 1))
        count = int(numbers.max()) + 1
        return cls(
            lesion_scores=np.concatenate(lesions),
            lesion_patients=np.repeat(numbers, [len(best) for best in lesions]),
            false_scores=np.concatenate(false),
            false_patients=np.repeat(numbers, [len(scores) for scores in false]),
            lesions=np.bincount(numbers, [len(best) for best in lesions], count).astype(np.float64),
            volumes=np.bincount(numbers, minlength=count).astype(np.float64),
        )

    @property
    def patients(self) -> int:
        return len(self.volumes)

    def thresholds(self) -> FloatArray:
        scores = np.concatenate((self.lesion_scores, self.false_scores))
        return np.unique(scores[np.isfinite(scores)])[::-1]

    def curve(self, weights: FloatArray, thresholds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sensitivity and false positives per volume ``(draws, thresholds)`` under weights of patients."""

        def running(scores: FloatArray, patients: IntArray) -> FloatArray:
            found = np.isfinite(scores)
            order = np.argsort(-scores[found], kind="stable")
            total = np.cumsum(weights[:, patients[found][order]], axis=1)
            total = np.concatenate((np.zeros((len(weights), 1)), total), axis=1)
            # How many of the falling scores are at least each threshold.
            return total[:, np.searchsorted(-scores[found][order], -thresholds, side="right")]

        with np.errstate(invalid="ignore", divide="ignore"):
            sensitivity = running(self.lesion_scores, self.lesion_patients) / (weights @ self.lesions)[:, None]
        return sensitivity, running(self.false_scores, self.false_patients) / (weights @ self.volumes)[:, None]

    def at_rates(self, weights: FloatArray, rates: Sequence[float]) -> FloatArray:
        """The highest sensitivity ``(draws, rates)`` with at most each rate of false positives per volume."""
        false = np.argsort(-self.false_scores, kind="stable")
        lesion = np.argsort(-self.lesion_scores, kind="stable")
        false_positives = np.cumsum(weights[:, self.false_patients[false]], axis=1)
        found = np.cumsum(weights[:, self.lesion_patients[lesion]], axis=1)
        found = np.concatenate((np.zeros((len(weights), 1)), found), axis=1)
        # Lesions that score above each false positive, and after the last one all that any candidate hits.
        above = np.searchsorted(-self.lesion_scores[lesion], -self.false_scores[false], side="left")
        above = np.append(above, np.isfinite(self.lesion_scores).sum())
        volumes = (weights @ self.volumes)[:, None]
        allowed = [above[(false_positives <= rate * volumes + 1e-9).sum(axis=1)] for rate in rates]
        with np.errstate(invalid="ignore"):
            share: FloatArray = np.take_along_axis(found, np.stack(allowed, axis=1), axis=1) / found[:, -1:]
        return share


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
    events = _Events.of(volumes, tolerance_mm)
    rates = floats(rates, "false positives per volume").tolist()
    if not rates or not all(0 <= rate < np.inf for rate in rates):
        raise InputError("rates of false positives per volume are finite and 0 or more", "rates")
    lesions = int(events.lesions.sum())
    if lesions == 0:
        raise InputError("there is no true lesion in any volume", remedy="add annotated volumes to the cohort")
    thresholds = events.thresholds()
    ones = np.ones((1, events.patients))
    if len(thresholds) == 0:
        thresholds = np.array([np.inf])  # no candidate at all: one point at the origin
    sensitivity, false_positives = events.curve(ones, thresholds)

    values = bootstrap_draws(
        lambda weights: events.at_rates(weights, rates),
        events.patients,
        draws=draws,
        seed=seed,
        row_count=len(events.false_scores) + lesions,
    )
    at = events.at_rates(ones, rates)[0]

    def interval(of_draws: FloatArray) -> Interval:
        return percentile_interval(
            of_draws, patients=events.patients, resampled="patient", stratified=False, level=level, seed=seed
        )

    at_rates = tuple(
        Estimate(
            name=f"sensitivity at {rate:g} false positives per volume",
            value=float(at[i]),
            n=lesions,
            unit="lesion",
            successes=round(float(at[i]) * lesions),
            interval=interval(values[:, i]),
            clusters=events.patients,
        )
        for i, rate in enumerate(rates)
    )
    cpm = Estimate(
        name="mean sensitivity over the false-positive rates (CPM)",
        value=float(at.mean()),
        n=lesions,
        unit="lesion",
        interval=interval(values.mean(axis=1)),
        clusters=events.patients,
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
        patients=events.patients,
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
    events = _Events.of(volumes, tolerance_mm)
    thresholds = np.array([cutoff.value])

    def resampled(which: int) -> Interval:
        return bootstrap_interval(
            lambda weights: events.curve(weights, thresholds)[which][:, 0],
            events.patients,
            draws=draws,
            seed=seed,
            level=level,
        )

    lesions, found = int(events.lesions.sum()), int((events.lesion_scores >= cutoff.value).sum())
    false = int((events.false_scores >= cutoff.value).sum())
    sensitivity = Estimate(
        name="lesion-level sensitivity",
        value=found / lesions if lesions else None,
        n=lesions,
        unit="lesion",
        successes=found,
        interval=proportion_interval(found, lesions, level=level),
        clustered=resampled(0),
        clusters=events.patients,
        cutoff=cutoff,
        note="" if lesions else "undefined: there is no true lesion in any volume",
    )
    of_rate = resampled(1)
    if of_rate.low is None:
        of_rate = rate_interval(false, len(volumes), level=level)
    rate = Estimate(
        name="false positives per volume",
        value=false / len(volumes),
        n=len(volumes),
        unit="volume",
        interval=of_rate,
        clusters=events.patients,
        cutoff=cutoff,
        note=f"{false} false positives in {len(volumes)} volumes",
    )
    return sensitivity, rate
