"""Odd tables, ties, tiny samples and broken values: a reason or a refusal, never a crash and never a made-up figure."""

from __future__ import annotations

import math
import warnings
from itertools import product

import numpy as np
import pytest
from scipy import stats

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.baseline_table import baseline_table
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.calibration import calibration
from HCCAssistLib.evaluation.cox import cox_hazard_ratios
from HCCAssistLib.evaluation.decision import net_benefit, net_benefit_at
from HCCAssistLib.evaluation.fisher import fisher_exact
from HCCAssistLib.evaluation.group_tests import chi_square, mcnemar, shapiro_wilk
from HCCAssistLib.evaluation.intervals import mercaldo_logit, proportion_interval
from HCCAssistLib.evaluation.survival import kaplan_meier, log_rank
from HCCAssistLib.results.cutoff import CutOff, cutoff_value
from HCCAssistLib.wording import rounded


def test_mercaldo_is_reached_through_proportion_interval_with_the_class_sizes() -> None:
    both = mercaldo_logit(155, 5, 625, 15)
    ppv = proportion_interval(155, 170, method="mercaldo-logit", class_sizes=(160, 640))
    npv = proportion_interval(625, 630, method="mercaldo-logit", class_sizes=(640, 160))
    assert (ppv, npv) == (both.ppv_interval, both.npv_interval)
    assert 100 * ppv.low == pytest.approx(86.2298, abs=5e-5)  # type: ignore[operator]
    for arguments in ({}, {"class_sizes": (100, 640)}, {"class_sizes": (160, 10)}, {"class_sizes": (0, 640)}):
        with pytest.raises(InputError, match="class"):
            proportion_interval(155, 170, method="mercaldo-logit", **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="class_sizes"):
        proportion_interval(155, 170, class_sizes=(160, 640))


def test_predictive_values_have_no_interval_of_width_0_where_every_unit_is_called_alike() -> None:
    values = mercaldo_logit(tp=1, fn=0, tn=0, fp=1)
    exact = proportion_interval(1, 2)
    assert values.ppv == 0.5 and (values.ppv_interval.low, values.ppv_interval.high) == (exact.low, exact.high)
    assert "called alike" in values.ppv_interval.method
    assert mercaldo_logit(tp=9, fn=0, tn=0, fp=4, prevalence=0.1).ppv_interval.low is None


@pytest.mark.parametrize(
    "counts", [("a", 1, 2, 3), (1.5, 2, 3, 4), (math.nan, 1, 2, 3), (-1, 2, 3, 4), (None, 1, 2, 3)]
)
def test_counts_that_are_no_counts_are_refused(counts: tuple[object, ...]) -> None:
    with pytest.raises(InputError):
        mercaldo_logit(*counts)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        proportion_interval(counts[0], 3)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        mcnemar(counts[0], 2, 10, unit="patient")  # type: ignore[arg-type]
    with pytest.raises(InputError):
        chi_square([[counts[0], 2], [3, 4]])


def test_clopper_pearson_and_wilson_at_the_ends_are_textbook_values() -> None:
    assert proportion_interval(0, 10).high == pytest.approx(0.30850, abs=5e-6)
    assert proportion_interval(0, 10).low == 0.0 and proportion_interval(10, 10).high == 1.0
    assert proportion_interval(0, 10, method="wilson").high == pytest.approx(0.27753, abs=5e-6)
    assert proportion_interval(500_000, 1_000_000).low == pytest.approx(0.49902, abs=5e-6)


@pytest.mark.parametrize(
    ("counts", "exact", "wilson", "corrected"),
    [
        ((81, 263), (0.2527, 0.3676), (0.2553, 0.3662), (0.2535, 0.3682)),
        ((15, 148), (0.0578, 0.1617), (0.0624, 0.1605), (0.0598, 0.1644)),
        ((0, 20), (0.0000, 0.1684), (0.0000, 0.1611), (0.0000, 0.2005)),
        ((1, 29), (0.0009, 0.1776), (0.0061, 0.1718), (0.0018, 0.1963)),
    ],
)
def test_intervals_of_newcombe_1998_come_out(
    counts: tuple[int, int], exact: tuple[float, float], wilson: tuple[float, float], corrected: tuple[float, float]
) -> None:
    for method, printed in (("clopper-pearson", exact), ("wilson", wilson), ("wilson-continuity", corrected)):
        interval = proportion_interval(*counts, method=method)  # type: ignore[arg-type]
        assert (rounded(interval.low, 4), rounded(interval.high, 4)) == tuple(f"{v:.4f}" for v in printed)  # type: ignore[arg-type]


def test_fisher_of_textbook_tables() -> None:
    assert fisher_exact([[3, 1], [1, 3]]).p == pytest.approx(0.4857143, abs=5e-8)  # the lady tasting tea
    assert fisher_exact([[2, 10], [15, 3]]).p == pytest.approx(0.0005367, abs=5e-8)  # convictions of twins
    job = [[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]]  # job satisfaction (Agresti)
    assert fisher_exact(job).p == pytest.approx(0.7827, abs=5e-5)


def test_fisher_equals_a_list_of_all_tables() -> None:
    rng = np.random.default_rng(3)
    for _ in range(8):
        table = rng.integers(0, 4, (3, 3)) + np.eye(3, dtype=int)
        rows, columns = table.sum(axis=1), table.sum(axis=0)

        def weight(cells: np.ndarray) -> float:
            return float(np.prod([math.factorial(int(cell)) for cell in cells.ravel()]))

        everything = []
        for a, b, c, d in product(range(9), repeat=4):
            top = np.array([[a, b, rows[0] - a - b], [c, d, rows[1] - c - d]])
            whole = np.vstack((top, columns - top.sum(axis=0)))
            if (whole >= 0).all():
                everything.append(1 / weight(whole))
        shares = np.array(everything) / sum(everything)
        observed = 1 / weight(table) / sum(everything)
        assert fisher_exact(table).p == pytest.approx(shares[shares <= observed * (1 + 1e-7)].sum(), abs=1e-9)


def test_log_rank_leaves_out_a_group_that_ended_before_the_first_event_as_r_does() -> None:
    early = ([1.0, 2.0], [0, 0])
    one, two = ([3, 5, 7, 9], [1, 1, 0, 1]), ([4, 6, 6, 8], [1, 0, 1, 1])
    test, without = log_rank([early, one, two]), log_rank([one, two])
    assert (test.statistic, test.p, test.degrees_of_freedom) == (without.statistic, without.p, 1)
    assert "1 of 3 groups left out" in test.note and not without.note
    assert test.n == 10


def test_lung_cancer_comes_out_as_in_r() -> None:
    datasets = pytest.importorskip("lifelines.datasets", reason="SKIPPED: lifelines is not installed")
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    lung = datasets.load_lung()  # North Central Cancer Treatment Group; summary(survfit), survdiff and coxph in R
    time, dead = lung["time"].to_numpy(), (lung["status"] == lung["status"].max()).to_numpy()
    median = kaplan_meier(time, dead).median
    assert (median.value, median.interval.low, median.interval.high) == (310, 284, 361)
    sex = lung["sex"].to_numpy()
    test = log_rank([(time[sex == s], dead[sex == s]) for s in (1, 2)])
    assert (round(test.statistic, 1), round(test.p, 5)) == (10.3, 0.00131)  # type: ignore[arg-type]
    ratio = cox_hazard_ratios(time, dead, {"sex": sex})[0]
    assert ratio.ratio.value == pytest.approx(0.588, abs=5e-5 * 10)
    assert (ratio.ratio.interval.low, ratio.ratio.interval.high) == pytest.approx((0.4237, 0.816), abs=5e-4)
    assert "165 events" in ratio.ratio.note


def test_cox_refuses_covariates_that_say_nothing_new() -> None:
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    times, events, x = range(1, 21), [1, 0] * 10, list(range(20))
    for covariates, message in (
        ({"a": x, "b": [2 * v for v in x]}, "determine one another"),
        ({}, "no covariate"),
        ({"a": ["x"] * 20}, "not a number"),
        ({"a": x[:5]}, "5 values for 20"),
        ({"a": [math.nan, *x[1:]]}, "missing"),
    ):
        with pytest.raises(InputError, match=message):
            cox_hazard_ratios(times, events, covariates)
    scaled = cox_hazard_ratios(times, events, {"a": [(v * 7 % 20) * 1e-6 for v in x]})[0].ratio
    assert scaled.value is None and "larger units" in scaled.note


def test_calibration_of_risks_that_separate_the_wrong_way_round_has_no_slope() -> None:
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = calibration([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], unit="patient", draws=50)
    assert result.slope.value is None and "separate the classes" in result.slope.note


def test_net_benefit_at_a_threshold_is_the_curve_there_with_an_interval() -> None:
    labels, risks = [1, 1, 0, 0, 0, 1] * 10, [0.9, 0.1, 0.1, 0.6, 0.7, 0.5] * 10
    figure = net_benefit_at(labels, risks, 0.3, unit="patient", draws=300)
    assert figure.value == pytest.approx(net_benefit(labels, risks, [0.3], unit="patient").model[0])
    assert figure.interval.low < figure.value < figure.interval.high  # type: ignore[operator]
    assert figure.cutoff is not None and figure.cutoff.value == 0.3


def test_a_patient_without_a_name_is_refused_not_merged_with_the_others() -> None:
    for missing in (None, math.nan, ""):
        with pytest.raises(InputError, match="patient of a row is missing"):
            binary_evaluation(
                [1, 0, 1], [0.1, 0.2, 0.3], [missing, missing, "p"], unit="patch", cutoff=CutOff(0.5, "x"), draws=50
            )


def test_a_baseline_table_of_hostile_columns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        many = baseline_table({g: {"x": np.random.default_rng(i).normal(size=6000)} for i, g in enumerate("ab")})
    assert "more than 5,000" in many.rows[0].why and "Mann-Whitney" in many.rows[0].test.name  # type: ignore[union-attr]
    assert shapiro_wilk(np.arange(5001)).reason == "it is made for at most 5,000 values"
    with pytest.raises(InputError, match="characteristic 'size'"):
        baseline_table({"a": {"size": [1.0, math.inf]}, "b": {"size": [1.0, 2.0]}})
    codes = baseline_table({"a": {"BCLC": [0.0, 1.0]}, "b": {"BCLC": [1.0, 1.0]}}, categorical=["BCLC"])
    assert codes.rows[0].levels == ("0", "1")
    empty = baseline_table({"a": {"x": [None, math.nan, ""]}, "b": {"x": [1, 2, 3]}}).rows[0]
    assert empty.test is None and empty.missing == (3, 0)


def test_kaplan_meier_of_many_patients_counts_as_the_slow_loop() -> None:
    rng = np.random.default_rng(0)
    times, events = rng.integers(0, 40, 500).astype(float), rng.random(500) < 0.5
    curve = kaplan_meier(times, events)
    assert curve.events.tolist() == [int((events & (times == t)).sum()) for t in curve.times]
    assert curve.at_risk.tolist() == [int((times >= t).sum()) for t in curve.times]
    assert curve.survival[-1] == pytest.approx(np.prod(1 - curve.events / curve.at_risk))


def test_cutoffs_and_huge_limits_are_printed_as_what_they_are() -> None:
    assert cutoff_value(CutOff(0.99999, "x")) == "0.99999"
    assert cutoff_value(CutOff(1.0, "x")) == "1" and cutoff_value(CutOff(0.48251, "x")) == "0.4825"
    assert rounded(1.234e40, 2) == "1.23e+40"
    assert rounded(stats.norm.ppf(0.975), 3) == "1.960"
