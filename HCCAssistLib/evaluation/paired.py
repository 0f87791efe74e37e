"""Two models on the same cases: detections, predicted classes and risks, each with intervals over patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, Statistic, bootstrap_interval
from HCCAssistLib.evaluation.concordance import Concordance
from HCCAssistLib.evaluation.delong import delong_paired_test
from HCCAssistLib.evaluation.group_tests import mcnemar
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.evaluation.values import FloatArray
from HCCAssistLib.results.cutoff import CutOff, cutoff_text

Paired = tuple[tuple[Estimate, ...], tuple[tuple[str, HypothesisTest], ...]]
"""Differences, the first model minus the second, and tests by what they compare."""


def paired_detections(
    first: Sequence[VolumeFindings],
    second: Sequence[VolumeFindings],
    *,
    cutoffs: tuple[CutOff, CutOff],
    tolerance_mm: float,
    draws: int = DRAWS,
    seed: int = 0,
) -> Paired:
    """Difference in lesions found and in false positives per volume, each model at its own cut-off.

    Args:
        first, second: of each model, the same volumes in the same order.
        cutoffs: of each model.
        tolerance_mm: a candidate this near to a lesion's centre finds it.
        draws, seed: of the bootstrap over patients.

    Raises:
        InputError: the volumes are not the same, or there are none.
    """
    if not first or [one.patient for one in first] != [other.patient for other in second]:
        raise InputError("the two models were not run on the same volumes")
    lesions = np.array([len(volume.lesions) for volume in first], dtype=np.float64)
    if [len(volume.lesions) for volume in second] != lesions.tolist():
        raise InputError("the two models were not measured against the same lesions")
    _, group = np.unique([volume.patient for volume in first], return_inverse=True)
    patients = int(group.max()) + 1
    hits, false = [], []
    for volumes, cutoff in zip((first, second), cutoffs, strict=True):
        matched = [volume.matched(tolerance_mm) for volume in volumes]
        hits.append([best >= cutoff.value for best, _ in matched])
        false.append(np.array([(others >= cutoff.value).sum() for _, others in matched], dtype=np.float64))
    found = [np.array([one.sum() for one in of_model], dtype=np.float64) for of_model in hits]
    volumes_of, lesions_of, gain, more = (
        np.bincount(group, each, patients).astype(np.float64)
        for each in (np.ones(len(first)), lesions, found[0] - found[1], false[0] - false[1])
    )
    note = f"cut-offs {cutoff_text(cutoffs[0])} and {cutoff_text(cutoffs[1])}"
    n = int(lesions.sum())
    sensitivity = _difference(
        "difference of lesion-level sensitivity", gain, lesions_of, n, "lesion", note, draws=draws, seed=seed
    )
    rate = _difference(
        "difference of false positives per volume", more, volumes_of, len(first), "volume", note, draws=draws, seed=seed
    )
    mine, other = (np.concatenate([np.zeros(0, bool), *of_model]) for of_model in hits)
    test = mcnemar(int((mine & ~other).sum()), int((other & ~mine).sum()), n, unit="lesion")
    return (sensitivity, rate), (("lesions found", test),)


def paired_classes(
    truth: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    patients: Sequence[str],
    *,
    unit: str,
    draws: int = DRAWS,
    seed: int = 0,
) -> Paired:
    """Difference in accuracy, and McNemar's test of the right decisions.

    >>> (gain,), _ = paired_classes("AABB", "AABB", "AABA", ["p", "q", "r", "s"], unit="mass", draws=200)
    >>> gain.value
    0.25

    Args:
        truth: class of each row.
        first, second: that each model says.
        patients: whose row it is.
        unit: what a row is.
        draws, seed: of the bootstrap over patients.

    Raises:
        InputError: rows that do not fit, or none.
    """
    if not len(truth) or len({len(truth), len(first), len(second), len(patients)}) > 1:
        raise InputError("the two models were not run on the same rows")
    right = [np.array(list(given)) == np.array(list(truth)) for given in (first, second)]
    _, group = np.unique(list(patients), return_inverse=True)
    number = int(group.max()) + 1
    gain = np.bincount(group, right[0].astype(float) - right[1], number).astype(np.float64)
    size = np.bincount(group, minlength=number).astype(np.float64)
    difference = _difference("difference of accuracy", gain, size, len(truth), unit, draws=draws, seed=seed)
    test = mcnemar(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()), len(truth), unit=unit)
    return (difference,), (("right and wrong decisions", test),)


def paired_risks(
    months: npt.ArrayLike,
    events: npt.ArrayLike,
    early: Sequence[bool | None],
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Paired:
    """Differences in the C-index of all patients, and in the AUC of those of whom it is known; DeLong's paired test.

    Args:
        months: of follow-up, one row per patient.
        events: whether it ended with the event.
        early: whether the event came early; None where the follow-up ended before anybody could tell.
        first, second: risk that each model says; higher is sooner.
        draws, seed: of the bootstrap over patients.

    Raises:
        InputError: rows that do not fit, or of one class only.
    """
    pairs = [Concordance.of(months, events, risk) for risk in (first, second)]
    known = np.array([one is not None for one in early])
    if len(known) != pairs[0].n:
        raise InputError(f"there are {pairs[0].n} patients and {len(known)} outcomes")
    labels = np.array([bool(one) for one in early])[known].astype(int)
    scores = [np.asarray(risk, dtype=np.float64)[known] for risk in (first, second)]
    test = delong_paired_test(labels, *scores, unit="patient")
    values = [one.value for one in pairs]
    if values[0] is None or values[1] is None:
        raise InputError("no two patients can be ranked by their follow-up", "C-index")
    interval = bootstrap_interval(
        lambda weights: pairs[0].weighted(weights) - pairs[1].weighted(weights), pairs[0].n, draws=draws, seed=seed
    )
    lost = int((~known).sum())
    difference = Estimate("difference of C-index", values[0] - values[1], pairs[0].n, "patient", interval)
    note = f"{lost} patients were lost before it was known whether the event came early" if lost else ""
    area = Estimate(
        "difference of AUC",
        test.details["difference"],
        int(known.sum()),
        "patient",
        bootstrap_interval(_area_difference(labels, *scores), len(labels), draws=draws, seed=seed),
        excluded=lost,
        note=note,
    )
    return (area, difference), (("AUC", test),)


def _area_difference(labels: npt.NDArray[np.int_], first: FloatArray, second: FloatArray) -> Statistic:
    from HCCAssistLib.evaluation.bootstrap import ranking_statistic
    from HCCAssistLib.evaluation.scores import checked_rows

    a, b = (ranking_statistic(checked_rows(labels, scores, None)) for scores in (first, second))
    return lambda weights: a(weights)[:, 0] - b(weights)[:, 0]


def _difference(
    name: str,
    gain: FloatArray,
    size: FloatArray,
    n: int,
    unit: str,
    note: str = "",
    *,
    draws: int,
    seed: int,
) -> Estimate:
    """A difference of two shares or rates with the same denominators, ``gain`` and ``size`` by patient."""

    def statistic(weights: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((weights @ gain) / (weights @ size))

    undefined = "undefined: there is no true lesion in any volume" if not n else ""
    return Estimate(
        name,
        float(gain.sum() / size.sum()) if n else None,
        n,
        unit,
        bootstrap_interval(statistic, len(gain), draws=draws, seed=seed),
        clusters=len(gain),
        note="; ".join(filter(None, (undefined, note))),
    )
