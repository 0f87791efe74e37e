"""Figures at every threshold that matters, each by the function that gives the figure at the model's cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_metrics_at
from HCCAssistLib.evaluation.confusion import binary_metrics, confusion_at
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.evaluation.values import FloatArray, floats
from HCCAssistLib.results.cutoff import CutOff

MOST = 200
"""Thresholds that are offered, besides the model's own."""

OTHER = "a threshold moved by hand"
"""The source of every threshold that is not the model's cut-off."""

PROPORTIONS = ("sensitivity", "specificity", "PPV", "NPV")


def offered_thresholds(
    right: npt.ArrayLike, wrong: npt.ArrayLike, own: float | None = None, *, most: int = MOST
) -> FloatArray:
    """The scores at which a figure changes, rising; where there are more than ``most``, some of both kinds.

    Of too many scores as many of each kind are taken as there is room for, with the lowest and the highest: half of
    them evenly by rank, so that no part of a curve is left out, and half ever more densely towards the highest, where a
    few false positives decide.

    >>> offered_thresholds([0.9, 0.7], [0.2, 0.7], own=0.5).tolist()
    [0.2, 0.5, 0.7, 0.9]

    Args:
        right: scores of what should be found; what is not finite is no threshold.
        wrong: scores of what should not.
        own: the model's cut-off, which is among them whatever its value.
        most: scores that are taken.

    Raises:
        InputError: fewer than four are asked for.
    """
    if most < 4:
        raise InputError(f"a curve needs four thresholds or more, not {most}")
    kinds = [np.unique(each[np.isfinite(each)]) for each in (floats(right, "scores"), floats(wrong, "scores"))]
    if len(np.union1d(*kinds)) > most:
        rooms = [max(most // 2, most - len(other)) for other in kinds[::-1]]
        kinds = [
            kind if len(kind) <= room else kind[_ranks(len(kind), room)]
            for kind, room in zip(kinds, rooms, strict=True)
        ]
    return np.union1d(np.union1d(*kinds), [] if own is None else [own])


def _ranks(count: int, room: int) -> npt.NDArray[np.intp]:
    """Some of the numbers below ``count``, at most ``room``."""
    evenly = np.linspace(0, count - 1, room - room // 2)
    from_the_top = count - np.geomspace(1, count, room // 2)
    return np.unique(np.concatenate((evenly, from_the_top)).round().astype(np.intp))


def cutoffs_of(thresholds: Sequence[float] | FloatArray, own: CutOff | None) -> list[CutOff]:
    """Each threshold as a cut-off with its source."""
    return [own if own and value == own.value else CutOff(float(value), OTHER) for value in thresholds]


def binary_metrics_at(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: Sequence[object] | None,
    cutoffs: Sequence[CutOff],
    *,
    unit: str,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[dict[str, Estimate]]:
    """The ``PROPORTIONS`` of ``binary_evaluation`` at each of several cut-offs.

    >>> half = CutOff(0.5, "chosen before")
    >>> found = binary_metrics_at([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], None, [half], unit="patient")
    >>> found[0]["sensitivity"].value
    0.5

    Args:
        labels: ``(rows,)`` of 0 and 1.
        scores: ``(rows,)``, higher means positive; missing scores are left out and counted.
        groups: ``(rows,)``, the patient of each row; None where every row is another patient.
        cutoffs: rows with ``score >= cutoff.value`` are called positive.
        unit: what a row is.
        draws, seed, level: of the bootstrap, which is made where a patient gives several rows.

    Raises:
        InputError: labels, scores and groups that do not fit, or no row with a score.
    """
    rows = checked_rows(labels, scores, groups)
    if rows.n == 0:
        raise InputError(f"none of the {rows.excluded} rows has a score")
    values = [cutoff.value for cutoff in cutoffs]
    resampled = (
        bootstrap_metrics_at(rows, values, PROPORTIONS, draws=draws, seed=seed, level=level)
        if rows.is_clustered
        else [{}] * len(values)
    )
    found = []
    for cutoff, intervals in zip(cutoffs, resampled, strict=True):
        counts = confusion_at(rows.labels, rows.scores, cutoff.value)
        estimates = binary_metrics(counts, unit=unit, cutoff=cutoff, level=level, excluded=rows.excluded)
        found.append(
            {
                name: replace(
                    estimates[name],
                    clustered=(estimates[name].interval if estimates[name].value is None else intervals[name])
                    if intervals
                    else None,
                    clusters=None if groups is None else rows.patients,
                )
                for name in PROPORTIONS
            }
        )
    return found
