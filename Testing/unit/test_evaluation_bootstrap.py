"""The patient-clustered bootstrap against draws made the slow way."""

from __future__ import annotations

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.bootstrap import (
    _counts_of_draws,
    bootstrap_draws,
    bootstrap_interval,
    bootstrap_metrics,
    ranking_statistic,
)
from HCCAssistLib.evaluation.confusion import METRICS, confusion_at
from HCCAssistLib.evaluation.scores import ScoredRows, checked_rows
from HCCAssistLib.results.cutoff import CutOff


def patches(patients: int = 12, each: int = 9, *, decimals: int = 1, seed: int = 5) -> ScoredRows:
    """Patches whose scores share a patient's shift, some tied, in scrambled order."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(patients), each))
    labels = rng.random(len(group)) < 0.35
    scores = np.round(rng.normal(size=len(group)) + labels + rng.normal(size=patients)[group], decimals)
    return checked_rows(labels, scores, group)


@pytest.mark.parametrize("decimals", [1, 9], ids=["with ties", "without ties"])
def test_auc_and_ap_of_a_draw_equal_scikit_learn_on_copied_rows(decimals: int) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    rows = patches(decimals=decimals)
    drawn = next(_counts_of_draws(rows.patients, 25, np.random.default_rng(0), None, 25))
    fast = ranking_statistic(rows)(drawn)
    for weights, (area, average) in zip(drawn, fast, strict=True):
        copied = np.concatenate(
            [np.flatnonzero(rows.groups == p) for p in range(rows.patients) for _ in range(int(weights[p]))]
        )
        assert area == pytest.approx(roc_auc_score(rows.labels[copied], rows.scores[copied]))
        assert average == pytest.approx(average_precision_score(rows.labels[copied], rows.scores[copied]))


def test_intervals_of_the_metrics_equal_a_slow_loop_within_monte_carlo_error() -> None:
    rows = patches(patients=20)
    rng = np.random.default_rng(99)
    members = [np.flatnonzero(rows.groups == p) for p in range(rows.patients)]
    slow = []
    for _ in range(1500):
        copied = np.concatenate([members[p] for p in rng.integers(rows.patients, size=rows.patients)])
        counts = confusion_at(rows.labels[copied], rows.scores[copied], 0.6)
        slow.append([counts.metric(name) for name in METRICS])
    limits = np.quantile(np.array(slow), (0.025, 0.975), axis=0)
    fast = bootstrap_metrics(rows, 0.6, draws=4000)
    for i, name in enumerate(METRICS):
        assert (fast[name].low, fast[name].high) == pytest.approx(tuple(limits[:, i]), abs=0.02), name


def test_every_draw_takes_as_many_patients_as_there_are_and_strata_keep_their_size() -> None:
    strata = np.array([0, 0, 0, 1, 1, 1, 1])
    drawn = np.concatenate(list(_counts_of_draws(7, 500, np.random.default_rng(0), strata, 64)))
    assert drawn.shape == (500, 7)
    assert (drawn[:, :3].sum(axis=1) == 3).all() and (drawn[:, 3:].sum(axis=1) == 4).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    rows = patches()
    first, again = (bootstrap_metrics(rows, 0.5, draws=500, seed=3)["AUC"] for _ in range(2))
    assert first == again
    assert bootstrap_metrics(rows, 0.5, draws=500, seed=4)["AUC"].low != first.low


def test_a_mean_over_patients_has_the_interval_that_theory_gives() -> None:
    values = np.random.default_rng(2).normal(10, 2, size=200)
    interval = bootstrap_interval(lambda weights: weights @ values / weights.sum(axis=1), 200, seed=1)
    half = 1.96 * values.std() / np.sqrt(200)
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert "patients resampled, unstratified, 10,000 draws" in interval.method


def test_one_patient_or_none_gives_no_interval() -> None:
    interval = bootstrap_interval(lambda weights: weights[:, 0], 1)
    assert interval.low is None and "one patient" in interval.reason
    with pytest.raises(InputError, match="number of patients"):
        bootstrap_draws(lambda weights: weights[:, 0], 0)
    with pytest.raises(InputError, match=r"0\.95 for 95 %"):
        bootstrap_interval(lambda weights: weights[:, 0], 5, level=95)


def test_binary_evaluation_puts_both_intervals_beside_every_figure_of_clustered_rows() -> None:
    rows = patches(patients=30, decimals=3)
    result = binary_evaluation(
        rows.labels, rows.scores, rows.groups, unit="patch", cutoff=CutOff(0.5, "validation set"), draws=2000
    )
    assert list(result.estimates) == [*METRICS, "AUC", "AP"]
    for name in ("accuracy", "sensitivity", "specificity", "PPV", "NPV", "AUC"):
        figure = result.estimates[name]
        assert "bootstrap" not in figure.interval.method
        assert figure.clustered is not None and "patients resampled" in figure.clustered.method
        assert figure.clusters == 30
    for name in ("AP", "F1", "balanced accuracy"):
        assert "bootstrap" in result.estimates[name].interval.method
        assert result.estimates[name].clustered is None
    assert result.estimates["AUC"].n == 270
    assert result.problems == ()


def test_binary_evaluation_of_one_row_per_patient_needs_no_second_interval() -> None:
    rows = patches(patients=60, each=1, decimals=3)
    result = binary_evaluation(rows.labels, rows.scores, None, unit="patient", cutoff=CutOff(0.5, "x"), draws=500)
    assert all(figure.clustered is None for figure in result.estimates.values())


def test_rows_of_one_class_give_reasons_instead_of_numbers() -> None:
    result = binary_evaluation([1, 1, 1], [0.2, 0.7, 0.9], list("abc"), unit="patient", cutoff=CutOff(0.5, "x"))
    assert result.estimates["sensitivity"].value == pytest.approx(2 / 3)
    for name in ("specificity", "AUC", "AP", "balanced accuracy"):
        assert result.estimates[name].value is None
        assert result.estimates[name].note and result.estimates[name].interval.reason
    assert result.roc is None
    assert any("no row is negative" in problem.what for problem in result.problems)
