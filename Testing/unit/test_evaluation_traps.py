"""The seventeen traps of clinical statistics: each test fails on the naive way."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.agreement import cohen_kappa, dice
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.bootstrap import bootstrap_draws, bootstrap_metrics, ranking_statistic
from HCCAssistLib.evaluation.calibration import calibration
from HCCAssistLib.evaluation.confusion import confusion_at
from HCCAssistLib.evaluation.cutoffs import youden_cutoff
from HCCAssistLib.evaluation.decision import net_benefit
from HCCAssistLib.evaluation.discrimination import auc, average_precision, roc
from HCCAssistLib.evaluation.fisher import fisher_exact
from HCCAssistLib.evaluation.group_tests import chi_square, steel_test
from HCCAssistLib.evaluation.intervals import mercaldo_logit, proportion_interval
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.evaluation.survival import kaplan_meier, log_rank
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.wording import rounded


def test_trap_1_steel_is_adjusted_for_all_comparisons() -> None:
    control, separated = [90, 84, 82, 83, 85], [1, 2, 3, 4, 5]
    unadjusted = stats.mannwhitneyu(control, separated, method="asymptotic", use_continuity=False).pvalue
    adjusted = steel_test(control, [separated] * 4)[0]
    assert unadjusted == pytest.approx(0.00902, abs=5e-6)
    assert adjusted.p == pytest.approx(0.0317, abs=5e-5)
    assert "4 comparisons" in adjusted.name


def test_trap_2_fisher_of_larger_tables_is_enumerated_not_simulated() -> None:
    table = [[25, 23], [1, 5], [5, 6], [3, 6]]
    values = {fisher_exact(table).p for _ in range(3)}
    assert len(values) == 1
    assert values.pop() == pytest.approx(0.3678721, abs=5e-8)


def test_trap_3_chi_square_has_no_yates_correction_and_says_so() -> None:
    table = [[29, 5], [31, 9]]
    test = chi_square(table)
    assert test.p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    assert test.p != pytest.approx(stats.chi2_contingency(table).pvalue, abs=0.05)
    assert "without continuity correction" in test.name


def test_trap_4_cutoffs_are_finite_observed_scores_and_ties_are_reported() -> None:
    labels, scores = [0, 1, 0, 1], [0.2, 0.4, 0.6, 0.8]
    cutoff = youden_cutoff(labels, scores, chosen_on="training set")
    assert cutoff.ties == (0.4, 0.8) and cutoff.value == 0.4
    assert "2 cut-offs tie" in cutoff.source
    assert cutoff.as_json()["rule"] == ">="
    # A score that knows nothing ties with the infinite threshold, which must never be chosen.
    useless = youden_cutoff([1, 0], [0.3, 0.3], chosen_on="training set")
    assert useless.value == 0.3
    assert math.isinf(roc(labels, scores).thresholds[0])
    at_score = confusion_at(labels, scores, cutoff.value)
    assert at_score.tp == 2, "a row with exactly the cut-off is positive"


def test_trap_5_a_score_is_never_flipped() -> None:
    assert auc([1, 1, 1, 0, 0, 0], [1, 2, 4, 3, 5, 6], unit="row").value == pytest.approx(1 / 9)


def test_trap_6_single_class_draws_are_dropped_and_counted() -> None:
    rows = checked_rows([1, 1, 0, 0], [0.9, 0.3, 0.5, 0.1])
    draws = bootstrap_draws(ranking_statistic(rows), rows.patients, draws=4000)
    undefined = np.isnan(draws)
    assert (undefined[:, 0] == undefined[:, 1]).all(), "average precision must not silently become 0 or 1"
    assert undefined[:, 1].mean() == pytest.approx(2 / 16, abs=0.02)
    intervals = bootstrap_metrics(rows, 0.4, draws=4000)
    assert intervals["AUC"].dropped == intervals["AP"].dropped == undefined[:, 0].sum() > 0
    stratified = bootstrap_metrics(rows, 0.4, draws=4000, stratified=True)
    assert stratified["AUC"].dropped == 0
    assert "stratified" in stratified["AUC"].method and "unstratified" not in stratified["AUC"].method


def test_trap_6_a_missing_class_gives_no_auc_and_no_ap() -> None:
    for estimate in (auc([0, 0], [0.1, 0.2], unit="row"), average_precision([0, 0], [0.1, 0.2], unit="row")):
        assert estimate.value is None and estimate.note == "undefined: no row is positive"


def test_trap_7_complete_separation_gives_no_interval() -> None:
    estimate = auc([0, 0, 1, 1], [1, 2, 3, 4], unit="row")
    assert estimate.value == 1.0
    assert estimate.interval.low is None
    assert "complete separation" in estimate.interval.reason
    assert bootstrap_metrics(checked_rows([0] * 20 + [1] * 20, np.arange(40)), 20)["AUC"].low is None


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_trap_8_missing_scores_are_counted_not_imputed(missing: float) -> None:
    estimate = auc([0, 1, 1, 0, 1], [0.1, missing, 0.8, 0.9, 0.7], unit="patch")
    assert (estimate.n, estimate.excluded) == (4, 1)
    assert estimate.value == 0.5
    result = binary_evaluation(
        [0, 1, 1, 0, 1], [0.1, missing, 0.8, 0.9, 0.7], None, unit="patch", cutoff=CutOff(0.5, "x"), draws=50
    )
    assert all(figure.excluded == 1 for figure in result.estimates.values())
    assert result.confusion.n == 4
    assert any("1 of 5 patches" in str(p) for p in result.problems)


def test_trap_9_log_rank_without_events_or_variance_has_no_p() -> None:
    without = log_rank([([1, 2], [0, 0]), ([3, 4], [0, 0])])
    assert without.p is None and "no event" in without.reason
    # Every event happens after one group has ended.
    apart = log_rank([([1, 2], [0, 0]), ([3, 4], [1, 1])])
    assert apart.p is None and "variance" in apart.reason


def test_trap_10_a_median_is_not_reached_or_says_where_packages_differ() -> None:
    never = kaplan_meier([1, 2, 3, 4], [1, 0, 0, 0]).median
    assert never.value is None and never.note == "the median is not reached"
    exact = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]).median
    assert exact.value == 2.0, "R prints 2.5 here"
    assert "exactly 0.5" in exact.note
    assert "log-log" in exact.interval.method


def test_trap_11_net_benefit_refuses_threshold_1_and_scores_that_are_no_risks() -> None:
    with pytest.raises(InputError, match="threshold probability"):
        net_benefit([0, 1], [0.1, 0.9], [0.5, 1.0], unit="patient")
    with pytest.raises(InputError, match="calibrated risks"):
        net_benefit([0, 1], [-2.3, 4.1], [0.5], unit="patient")


def test_trap_12_risks_of_0_and_1_are_clipped_and_counted() -> None:
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    labels = [0, 1, 0, 1, 0, 1, 1, 0]
    result = calibration(labels, [0.0, 1.0, 0.4, 0.6, 1.0, 0.3, 0.7, 0.2], unit="patient", draws=50)
    assert result.clipped == 3
    assert result.slope.value is not None and math.isfinite(result.slope.value)
    assert "3 of 8 risks" in str(result.problems[0])


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.125, 2, "0.13"), (2.675, 2, "2.68"), (0.5, 0, "1"), (-0.125, 2, "\N{MINUS SIGN}0.13"), (-0.001, 2, "0.00")],
)
def test_trap_13_rounding_is_half_up(value: float, digits: int, text: str) -> None:
    assert rounded(value, digits) == text


def test_trap_13_json_keeps_full_precision_and_percent_is_rounded_once() -> None:
    estimate = auc([0, 1, 1, 0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9, 0.7, 0.3, 0.35], unit="row")
    assert json.loads(json.dumps(estimate.as_json()))["value"] == estimate.value
    # 0.60546 is 60.5 %; rounding to 0.606 first would print 60.6 %.
    assert rounded(0.605460, 1, percent=True) == "60.5"
    assert rounded(23 / 80, 1, percent=True) == "28.8", "28.749999... in binary is 28.75 on paper"


def test_trap_14_dice_of_two_empty_masks_and_kappa_of_one_category_are_defined() -> None:
    empty = np.zeros((2, 3, 4), dtype=bool)
    assert dice(empty, empty) == 1.0
    assert dice(empty, ~empty) == 0.0
    kappa = cohen_kappa([[12, 0], [0, 0]], unit="lesion")
    assert kappa.value is None and "same category" in kappa.note


def test_trap_15_predictive_values_at_100_and_0_percent_take_clopper_pearson() -> None:
    values = mercaldo_logit(tp=10, fn=49, tn=195, fp=0)
    exact = proportion_interval(10, 10)
    assert values.ppv == 1.0
    assert (values.ppv_interval.low, values.ppv_interval.high) == (exact.low, exact.high)
    assert "Clopper-Pearson" in values.ppv_interval.method
    assert values.npv_interval.method.startswith("Mercaldo")
    nothing = mercaldo_logit(tp=0, fn=5, tn=7, fp=3)
    assert nothing.ppv == 0.0 and nothing.ppv_interval.low == 0.0
    elsewhere = mercaldo_logit(tp=10, fn=49, tn=195, fp=0, prevalence=0.01)
    assert elsewhere.ppv_interval.low is None and "100 %" in elsewhere.ppv_interval.reason


def test_trap_16_patches_of_one_patient_are_not_independent() -> None:
    # Each patient's 20 patches are all alike: 8 patients, not 160 patches, carry the information.
    rng = np.random.default_rng(0)
    patient_label = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    patient_score = np.array([0.1, 0.3, 0.6, 0.2, 0.4, 0.8, 0.9, 0.7])
    groups = np.repeat(np.arange(8), 20)
    labels, scores = patient_label[groups], patient_score[groups] + rng.normal(0, 1e-3, 160)
    result = binary_evaluation(labels, scores, groups, unit="patch", cutoff=CutOff(0.5, "x"))
    for name in ("accuracy", "AUC"):
        figure = result.estimates[name]
        assert figure.clustered is not None
        naive = figure.interval.high - figure.interval.low
        assert figure.clustered.high - figure.clustered.low > 2 * naive, name


def test_trap_17_a_cutoff_scored_on_its_own_data_is_called_optimistic() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 20)
    scores = rng.normal(size=40) + labels
    cutoff = youden_cutoff(labels, scores, chosen_on="test set")
    order = rng.permutation(40)  # the same rows in another order are the same data
    same = binary_evaluation(labels[order], scores[order], None, unit="patient", cutoff=cutoff, draws=50)
    assert any("optimistic" in problem.what for problem in same.problems)
    other = binary_evaluation(labels, scores + 1e-9, None, unit="patient", cutoff=cutoff, draws=50)
    assert not other.problems
    with pytest.raises(ValueError, match="source"):
        CutOff(0.5, "")
