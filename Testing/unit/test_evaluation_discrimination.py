"""ROC, AUC, DeLong, precision-recall and cut-offs against reference values and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.confusion import confusion_at
from HCCAssistLib.evaluation.cutoffs import fixed_rate_cutoff, mean_cutoff, youden_cutoff
from HCCAssistLib.evaluation.delong import (
    delong_paired_test,
    delong_standard_error,
    delong_unpaired_test,
    hanley_mcneil_standard_error,
)
from HCCAssistLib.evaluation.discrimination import auc, average_precision, precision_recall, roc


@pytest.fixture(scope="module")
def masses() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Malignant = 1, mean texture and mean smoothness of scikit-learn's breast cancer data."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = list(data.feature_names)
    return 1 - data.target, data.data[:, names.index("mean texture")], data.data[:, names.index("mean smoothness")]


def test_auc_and_delong_interval_equal_proc(masses: tuple[np.ndarray, ...]) -> None:
    figure = auc(masses[0], masses[1], unit="mass")
    assert (figure.value, figure.interval.low, figure.interval.high) == pytest.approx(
        (0.7758245, 0.7371459, 0.8145030), abs=5e-8
    )
    assert figure.interval.high - figure.value == pytest.approx(figure.value - figure.interval.low)
    assert (figure.n, figure.unit, figure.interval.method) == (569, "mass", "DeLong")


def test_paired_delong_test_equals_proc(masses: tuple[np.ndarray, ...]) -> None:
    test = delong_paired_test(*masses, unit="mass")
    assert test.statistic == pytest.approx(1.7133449, abs=5e-8)
    assert test.p == pytest.approx(0.0866491, abs=5e-8)
    assert test.details["low"] < 0 < test.details["high"]


def test_unpaired_delong_ignores_the_pairing_and_uses_a_t_distribution(masses: tuple[np.ndarray, ...]) -> None:
    labels, texture, smoothness = masses
    test = delong_unpaired_test(labels, texture, labels, smoothness, unit="mass")
    a, b = delong_standard_error(labels, texture), delong_standard_error(labels, smoothness)
    areas = auc(labels, texture, unit="mass").value - auc(labels, smoothness, unit="mass").value
    assert test.statistic == pytest.approx(areas / math.hypot(a, b))
    assert test.degrees_of_freedom == pytest.approx((a**2 + b**2) ** 2 / ((a**4 + b**4) / 568))
    assert test.p > delong_paired_test(*masses, unit="mass").p * 0.5


def test_delong_variance_equals_the_definition_by_pairs() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(40) < 0.4
    scores = np.round(rng.normal(size=40) + labels, 1)  # rounding makes ties
    wins = (scores[labels][:, None] > scores[~labels]) + 0.5 * (scores[labels][:, None] == scores[~labels])
    m, n = wins.shape
    variance = wins.mean(1).var(ddof=1) / m + wins.mean(0).var(ddof=1) / n
    assert auc(labels, scores, unit="row").value == pytest.approx(wins.mean())
    assert delong_standard_error(labels, scores) == pytest.approx(math.sqrt(variance))


def test_hanley_and_mcneil_1982_ratings() -> None:
    ratings = np.arange(1, 6)
    normal, abnormal = np.repeat(ratings, (33, 6, 6, 11, 2)), np.repeat(ratings, (3, 2, 2, 11, 33))
    labels, scores = np.r_[np.zeros(58), np.ones(51)], np.r_[normal, abnormal]
    area = auc(labels, scores, unit="patient").value
    assert area == pytest.approx(0.8931711, abs=5e-8)
    assert hanley_mcneil_standard_error(area, 51, 58) == pytest.approx(0.0324866, abs=5e-8)
    assert delong_standard_error(labels, scores) == pytest.approx(0.0307244, abs=5e-8)


def test_average_precision_is_a_step_sum() -> None:
    figure = average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], unit="row")
    assert figure.value == pytest.approx(5 / 6)
    assert auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], unit="row").value == 0.75
    assert figure.interval.low is None and "bootstrap" in figure.interval.reason


def test_precision_recall_has_no_invented_end_point() -> None:
    curve = precision_recall([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    assert len(curve.thresholds) == len(curve.precision) == 4
    assert curve.recall.min() > 0
    assert curve.prevalence == 0.5


def test_roc_points_are_the_confusion_counts_at_observed_scores() -> None:
    labels, scores = [0, 0, 1, 1, 1, 0], [0.1, 0.4, 0.4, 0.8, 0.2, 0.2]
    curve = roc(labels, scores)
    assert math.isinf(curve.thresholds[0]) and curve.as_json()["thresholds"][0] is None
    assert set(curve.thresholds[1:]) == set(scores)
    for threshold, sensitivity, specificity in zip(
        curve.thresholds[1:], curve.sensitivity[1:], curve.specificity[1:], strict=True
    ):
        counts = confusion_at(labels, scores, threshold)
        assert counts.metric("sensitivity") == pytest.approx(sensitivity)
        assert counts.metric("specificity") == pytest.approx(specificity)


def test_the_cutoff_of_the_mean_is_found_by_trying_all() -> None:
    rng = np.random.default_rng(8)
    labels = rng.random(60) < 0.5
    scores = rng.normal(size=60) + labels
    best = max(scores, key=lambda c: confusion_at(labels, scores, c).metric("balanced accuracy"))
    cutoff = mean_cutoff(labels, scores, chosen_on="validation set")
    assert cutoff.value == best
    assert "mean of sensitivity and specificity on the validation set (n = 60)" in cutoff.source
    assert youden_cutoff(labels, scores, chosen_on="validation set").value == best


def test_a_fixed_sensitivity_is_kept_with_the_best_specificity() -> None:
    labels = [0, 0, 0, 0, 1, 1, 1, 1, 1]
    scores = [0.1, 0.2, 0.3, 0.6, 0.25, 0.4, 0.7, 0.8, 0.9]
    cutoff = fixed_rate_cutoff(labels, scores, chosen_on="training set", at_least=0.8)
    assert cutoff.value == 0.4
    assert confusion_at(labels, scores, 0.4).metric("sensitivity") == 0.8
    strict = fixed_rate_cutoff(labels, scores, chosen_on="training set", at_least=1.0, rate="specificity")
    assert strict.value == 0.7


def test_a_cutoff_needs_both_classes_and_its_data_named() -> None:
    with pytest.raises(InputError, match="no row is negative"):
        youden_cutoff([1, 1], [0.1, 0.2], chosen_on="training set")
    with pytest.raises(InputError, match="which data"):
        youden_cutoff([0, 1], [0.1, 0.2], chosen_on=" ")


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 1, float("nan")], ["a", "b", "c"], [[0, 1, 1]]])
def test_labels_other_than_0_and_1_are_refused(labels: list[object]) -> None:
    with pytest.raises(InputError):
        auc(labels, [0.1, 0.2, 0.3], unit="row")
