"""Percentile bootstrap over patients: whole patients are drawn, because rows of one patient are not independent.

A draw is a vector that says how often each patient was drawn, so a statistic of thousands of draws is
a few matrix operations on weights instead of thousands of passes over copied rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.confusion import METRICS
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.result import Interval
from HCCAssistLib.evaluation.scores import ScoredRows, numbered_groups
from HCCAssistLib.evaluation.values import FloatArray, IntArray, floats, number, whole
from HCCAssistLib.wording import plural

DRAWS = 10_000
_CELLS_PER_CHUNK = 400_000
"""Draws are made in chunks of about this many weights, which stay in a core's cache."""

Statistic = Callable[[FloatArray], FloatArray]
"""Maps weights ``(draws, patients)`` to one value per draw, NaN where the statistic is undefined."""


def _counts_of_draws(
    patients: int, draws: int, rng: np.random.Generator, strata: IntArray | None, chunk: int
) -> Iterator[FloatArray]:
    """Chunks ``(some draws, patients)`` of how often each patient was drawn; rows sum to ``patients``."""
    members = [np.arange(patients)] if strata is None else [np.flatnonzero(strata == s) for s in np.unique(strata)]
    for start in range(0, draws, chunk):
        size = min(chunk, draws - start)
        offsets = np.arange(size)[:, None] * patients
        drawn = [stratum[rng.integers(len(stratum), size=(size, len(stratum)))] for stratum in members]
        flat = (np.concatenate(drawn, axis=1) + offsets).ravel()
        yield np.bincount(flat, minlength=size * patients).reshape(size, patients).astype(np.float64)


def bootstrap_draws(
    statistic: Callable[[FloatArray], FloatArray],
    patients: int,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    strata: npt.ArrayLike | None = None,
    row_count: int | None = None,
) -> FloatArray:
    """Values of a statistic, or of several, on every draw.

    Args:
        statistic: maps weights ``(some draws, patients)`` to ``(some draws,)`` or ``(some draws, k)``.
        patients: how many there are to draw from.
        draws: how many draws.
        seed: of the draws.
        strata: ``(patients,)``; patients are drawn within each stratum where it is given.
        row_count: rows behind the patients, which sets how many draws are handled at once.

    Raises:
        InputError: fewer than one patient or draw.
    """
    patients, draws = (
        whole(patients, "number of patients", least=1),
        whole(draws, "number of draws", least=1),
    )
    seed = whole(seed, "seed of a bootstrap")
    stratum = None if strata is None else numbered_groups(strata, patients)  # type: ignore[arg-type]
    chunk = max(1, _CELLS_PER_CHUNK // max(patients, row_count or 0))
    chunks = _counts_of_draws(patients, draws, np.random.default_rng(seed), stratum, chunk)
    return np.concatenate([statistic(weights) for weights in chunks])


def percentile_interval(
    values: FloatArray, *, patients: int, resampled: str, stratified: bool, level: float, seed: int
) -> Interval:
    """The percentile interval of bootstrap draws; undefined draws are dropped and counted."""
    check_level(level)
    values, seed = floats(values, "draws"), whole(seed, "seed of a bootstrap")
    kept = values[np.isfinite(values)]
    dropped = len(values) - len(kept)
    kind = "stratified" if stratified else "unstratified"
    method = f"percentile bootstrap ({plural(resampled, 2)} resampled, {kind}, {len(values):,} draws)"
    if patients < 2:
        reason = f"one {resampled} cannot be resampled"
    elif len(kept) < 2:
        reason = "the statistic is undefined on every draw"
    elif kept.min() == kept.max():
        reason = "every draw gives the same value: the rows do not show how uncertain it is"
    else:
        low, high = (float(v) for v in np.quantile(kept, ((1 - level) / 2, (1 + level) / 2)))
        return Interval(low, high, method, level, draws=len(values), dropped=dropped, seed=seed)
    return Interval(None, None, method, level, reason, len(values), dropped, seed)


def bootstrap_interval(
    statistic: Statistic,
    patients: int,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
    strata: npt.ArrayLike | None = None,
    resampled: str = "patient",
) -> Interval:
    """Percentile interval of a statistic under resampling of whole patients.

    >>> size_mm = np.array([12.0, 15.0, 22.0, 30.0])
    >>> mean = bootstrap_interval(lambda weights: weights @ size_mm / weights.sum(axis=1), patients=4, draws=500)
    >>> 12 <= mean.low < size_mm.mean() < mean.high <= 30
    True

    Args:
        statistic: maps weights ``(draws, patients)``, how often each patient was drawn, to ``(draws,)``;
            NaN where it is undefined.
        patients: how many there are.
        draws: how many draws.
        seed: of the draws.
        level: confidence level.
        strata: ``(patients,)``; draws are made within each stratum where it is given.
        resampled: what a "patient" is, for the method's name.

    Raises:
        InputError: fewer than one patient or draw, a level outside (0, 1).
    """
    values = bootstrap_draws(statistic, patients, draws=draws, seed=seed, strata=strata)
    return percentile_interval(
        values, patients=patients, resampled=resampled, stratified=strata is not None, level=level, seed=seed
    )


def ranking_statistic(rows: ScoredRows) -> Statistic:
    """AUC and average precision of each draw, ``(draws, 2)``, from one sorting and running sums of weights."""
    order = np.argsort(-rows.scores, kind="stable")
    patient, positive = rows.groups[order], rows.labels[order].astype(np.float64)
    scores = rows.scores[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # last row of every run of equal scores
    has_ties = len(ends) < len(scores)

    def statistic(weights: FloatArray) -> FloatArray:
        per_row = weights[:, patient]
        called = np.cumsum(per_row, axis=1)
        per_row *= positive
        found = np.cumsum(per_row, axis=1)
        if has_ties:
            called, found = called[:, ends], found[:, ends]
        false = called - found
        positives, negatives = found[:, -1], false[:, -1]
        gained = np.diff(found, axis=1, prepend=0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            # A positive beats the negatives below it and half of those that tie with it.
            beaten = (
                np.einsum("ij,ij->i", gained, false)
                - np.einsum("ij,ij->i", gained, np.diff(false, axis=1, prepend=0.0)) / 2
            )
            area = 1.0 - beaten / (positives * negatives)
            precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
            average = np.einsum("ij,ij->i", gained, precision) / positives
        # One class only: the AUC is NaN by itself, the average precision would be a number that means nothing.
        average[negatives == 0] = np.nan
        return np.stack((area, average), axis=1)

    return statistic


def _cutoffs_statistic(rows: ScoredRows, cutoffs: Sequence[float]) -> Statistic:
    """The metrics of ``METRICS`` at each cut-off on each draw, ``(draws, cutoffs, 7)``."""
    cells = []
    for cutoff in cutoffs:
        called = rows.scores >= number(cutoff, "cut-off")
        cells += [called & rows.labels, ~called & rows.labels, ~called & ~rows.labels, called & ~rows.labels]
    counted = [np.bincount(rows.groups[cell], minlength=rows.patients) for cell in cells]
    per_patient = np.stack(counted, axis=1).astype(np.float64)

    def statistic(weights: FloatArray) -> FloatArray:
        counts = (weights @ per_patient).reshape(len(weights), len(cutoffs), 4)
        tp, fn, tn, fp = np.moveaxis(counts, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
            by_name = {
                "accuracy": (tp + tn) / (tp + fn + tn + fp),
                "sensitivity": sensitivity,
                "specificity": specificity,
                "PPV": tp / (tp + fp),
                "NPV": tn / (tn + fn),
                "F1": 2 * tp / (2 * tp + fp + fn),
                "balanced accuracy": (sensitivity + specificity) / 2,
            }
        return np.stack([by_name[name] for name in METRICS], axis=2)

    return statistic


def bootstrap_metrics(
    rows: ScoredRows,
    cutoff: float,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
    stratified: bool = False,
    resampled: str = "patient",
) -> dict[str, Interval]:
    """Intervals of AUC, AP and every metric at a cut-off from the same draws of patients.

    Args:
        rows: checked labels, scores and patients.
        cutoff: rows with ``score >= cutoff`` are called positive.
        draws, seed, level: of the bootstrap.
        stratified: draw patients with and without a positive row separately; by default all together.
        resampled: what a group of rows is, for the method's name.

    Raises:
        InputError: no rows, or a level outside (0, 1).
    """
    check_level(level)
    ranking, at_cutoff = ranking_statistic(rows), _cutoffs_statistic(rows, [cutoff])
    strata = None
    if stratified:
        strata = np.bincount(rows.groups[rows.labels], minlength=rows.patients) > 0
    values = bootstrap_draws(
        lambda weights: np.concatenate((ranking(weights), at_cutoff(weights)[:, 0]), axis=1),
        rows.patients,
        draws=draws,
        seed=seed,
        strata=strata,
        row_count=rows.n,
    )
    return {
        name: percentile_interval(
            values[:, i],
            patients=rows.patients,
            resampled=resampled,
            stratified=stratified,
            level=level,
            seed=seed,
        )
        for i, name in enumerate(("AUC", "AP", *METRICS))
    }


def bootstrap_metrics_at(
    rows: ScoredRows,
    cutoffs: Sequence[float],
    names: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[dict[str, Interval]]:
    """Intervals of some metrics at each of several cut-offs, those of ``bootstrap_metrics`` with the same draws.

    Raises:
        InputError: no rows, or a level outside (0, 1).
    """
    check_level(level)
    values = bootstrap_draws(
        _cutoffs_statistic(rows, cutoffs),
        rows.patients,
        draws=draws,
        seed=seed,
        row_count=rows.n + len(METRICS) * len(cutoffs),
    )
    return [
        {
            name: percentile_interval(
                values[:, point, METRICS.index(name)],
                patients=rows.patients,
                resampled="patient",
                stratified=False,
                level=level,
                seed=seed,
            )
            for name in names
        }
        for point in range(len(cutoffs))
    ]
