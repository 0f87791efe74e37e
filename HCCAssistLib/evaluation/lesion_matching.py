"""Which candidates hit which lesions.

A candidate hits a lesion when the distance of their centres is at most the lesion's radius, or at most a
tolerance where that is larger. A candidate within reach of several lesions hits the nearest. A lesion
counts once, with its best-scored hit; a further hit on it is neither a true nor a false positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.scores import numbered_groups
from HCCAssistLib.evaluation.values import FloatArray, IntArray, floats, number


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
class LesionMatches:
    """What the candidates of all volumes hit.

    Attributes:
        lesion_scores: best score of each lesion, ``-inf`` where no candidate hits it.
        lesion_patients: whose lesion it is, by number.
        false_scores: of the candidates that hit nothing.
        false_patients: whose volume they lie in, by number.
        lesions, volumes: how many each patient has.
    """

    lesion_scores: FloatArray
    lesion_patients: IntArray
    false_scores: FloatArray
    false_patients: IntArray
    lesions: FloatArray
    volumes: FloatArray

    @classmethod
    def of(cls, volumes: Sequence[VolumeFindings], tolerance_mm: float) -> LesionMatches:
        """Match the candidates of each volume with its lesions.

        Raises:
            InputError: no volumes, or a negative tolerance.
        """
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
        """How many there are."""
        return len(self.volumes)

    def thresholds(self) -> FloatArray:
        """All scores of hits and of false positives, falling."""
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
