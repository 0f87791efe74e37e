"""Kaplan-Meier, log-rank, Cox, against textbooks and other packages."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.cox import cox_hazard_ratios
from HCCAssistLib.evaluation.survival import kaplan_meier, log_rank

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

# 6-MP in leukaemia (Freireich 1963): weeks in remission.
SIX_MP = ([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35], [1] * 9 + [0] * 12)
PLACEBO = ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21)

# Weeks to stopping an intrauterine device (Collett, Modelling Survival Data, table 1.1).
IUD = (
    [10, 13, 18, 19, 23, 30, 36, 38, 54, 56, 59, 75, 93, 97, 104, 107, 107, 107],
    [1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0],
)


def rossi() -> dict[str, np.ndarray]:
    path = SHARED / "statistics" / "rossi.csv"
    if not path.exists():
        pytest.skip("SKIPPED: ../shared/data/statistics/rossi.csv not found")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def test_leukaemia_medians_and_log_rank_equal_r() -> None:
    assert kaplan_meier(*SIX_MP).median.value == 23
    assert kaplan_meier(*PLACEBO).median.value == 8
    test = log_rank([SIX_MP, PLACEBO])
    assert test.statistic == pytest.approx(16.7929410, abs=5e-8)
    assert test.p == pytest.approx(4.1688e-05, abs=5e-10)
    assert (test.n, test.degrees_of_freedom) == (42, 1)


def test_the_product_limit_by_hand() -> None:
    curve = kaplan_meier(*SIX_MP)
    assert curve.times[:3].tolist() == [6, 7, 9]
    assert curve.survival[:3] == pytest.approx([18 / 21, 18 / 21 * 16 / 17, 18 / 21 * 16 / 17])
    assert curve.at_risk[:3].tolist() == [21, 17, 16]
    assert curve.events[:3].tolist() == [3, 1, 0]


@pytest.mark.parametrize("scale", [1.0, 1 / 3])
def test_rounding_does_not_decide_the_median_of_a_curve_that_is_flat_at_one_half(scale: float) -> None:
    for n in range(2, 101, 2):  # with 6, 8, 14 and 18 patients the products end above or below one half
        months = scale * np.arange(1, n + 1)
        median = kaplan_meier(months, np.ones(n)).median
        assert median.value == months[n // 2 - 1]
        assert "later median" in median.note


def test_the_standard_error_of_the_median_is_colletts() -> None:
    curve = kaplan_meier(*IUD)
    assert curve.median.value == 93
    assert curve.survival_at(93).value == pytest.approx(0.4662, abs=5e-5)
    assert curve.median_standard_error == pytest.approx(17.13, abs=0.02)
    assert kaplan_meier([1, 2], [1, 1]).median_standard_error is None


def test_log_log_limits_follow_their_formula() -> None:
    curve = kaplan_meier(*IUD)
    greenwood = sum(1 / (n * (n - 1)) for n in (18, 15, 13, 12, 8, 7, 6))  # at risk at the events up to week 93
    survival = 17 / 18 * 14 / 15 * 12 / 13 * 11 / 12 * 7 / 8 * 6 / 7 * 5 / 6
    spread = np.exp(1.959963985 * np.sqrt(greenwood) / np.log(survival) * np.array([-1, 1]))
    figure = curve.survival_at(93)
    assert (figure.interval.low, figure.interval.high) == pytest.approx(tuple(np.sort(survival**spread)))
    assert figure.note == "6 at risk"


def test_limits_that_do_not_exist_are_null_with_a_reason() -> None:
    curve = kaplan_meier([2, 3, 4], [1, 1, 1])
    assert curve.survival_at(1).interval.low is None
    assert curve.survival_at(4).value == 0.0 and curve.survival_at(4).interval.low is None
    assert curve.as_json()["low"][-1] is None
    beyond = kaplan_meier([2, 3, 4], [1, 0, 0]).survival_at(9)
    assert beyond.value is None and "follow-up ends at 4" in beyond.note


def test_nobody_with_an_event_keeps_survival_at_1() -> None:
    curve = kaplan_meier([5, 6, 7], [0, 0, 0])
    assert curve.survival.tolist() == [1, 1, 1]
    assert curve.median.value is None and curve.survival_at(6).value == 1.0


@pytest.mark.parametrize(
    ("times", "events", "message"),
    [([1, 2], [1], "2 follow-up times"), ([-1, 2], [1, 0], "negative"), ([1, float("nan")], [1, 0], "missing"),
     ([], [], "no rows"), ([1, 2], [1, 3], "neither 0 nor 1")],
)  # fmt: skip
def test_follow_up_that_cannot_be_used_is_refused(times: list[float], events: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        kaplan_meier(times, events)


@pytest.mark.shared
def test_rossi_log_rank_and_survival_equal_r() -> None:
    data = rossi()
    groups = [(data["week"][data["fin"] == f], data["arrest"][data["fin"] == f]) for f in (0, 1)]
    test = log_rank(groups)
    assert (test.statistic, test.p) == pytest.approx((3.8375696, 0.0501161), abs=5e-8)
    at_a_year = [kaplan_meier(*group).survival_at(52).value for group in groups]
    assert at_a_year == pytest.approx([0.6944444, 0.7777778], abs=5e-8)


@pytest.mark.shared
def test_rossi_cox_regression_equals_the_published_table() -> None:
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    data = rossi()
    names = ("fin", "age", "race", "wexp", "mar", "paro", "prio")
    results = cox_hazard_ratios(data["week"], data["arrest"], {name: data[name] for name in names})
    # Fox and Weisberg, An R Companion to Applied Regression, appendix on Cox regression: exp(coef) and z.
    ratios = [0.684, 0.944, 1.369, 0.861, 0.648, 0.919, 1.096]
    z = [-1.983, -2.611, 1.019, -0.706, -1.136, -0.434, 3.194]
    assert [r.ratio.value for r in results] == pytest.approx(ratios, abs=5e-4)
    assert [r.test.statistic for r in results] == pytest.approx(z, abs=5e-4)
    assert "Efron" in results[0].ratio.interval.method


@pytest.mark.shared
def test_kaplan_meier_and_log_rank_equal_lifelines_on_resected_hcc() -> None:
    lifelines = pytest.importorskip("lifelines", reason="SKIPPED: lifelines is not installed")
    from lifelines.statistics import multivariate_logrank_test

    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    path = SHARED / "hcc_resection227" / "hepatoCellular.csv"
    if not path.exists():
        pytest.skip("SKIPPED: ../shared/data/hcc_resection227/hepatoCellular.csv not found")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ("RFS", "Recurrence", "TNM", "Vascularinvasion")
    time, event, tnm, invasion = (np.array([float(row[c]) for row in rows]) for c in names)
    stage = tnm + 10 * invasion
    curve = kaplan_meier(time, event)
    oracle = lifelines.KaplanMeierFitter().fit(time, event)
    assert curve.survival == pytest.approx(oracle.survival_function_at_times(curve.times).to_numpy())
    assert curve.median.value == oracle.median_survival_time_
    limits = oracle.confidence_interval_.iloc[1:]
    defined = ~np.isnan(curve.low)
    assert curve.low[defined] == pytest.approx(limits.iloc[:, 0].to_numpy()[-len(curve.times) :][defined], abs=1e-6)
    levels = np.unique(stage)
    assert len(levels) > 2
    test = log_rank([(time[stage == level], event[stage == level]) for level in levels])
    reference = multivariate_logrank_test(time, stage, event)
    assert (test.statistic, test.p) == pytest.approx((reference.test_statistic, reference.p_value))
    assert test.degrees_of_freedom == len(levels) - 1


def test_a_group_without_events_has_no_hazard_ratio() -> None:
    pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")
    result = cox_hazard_ratios(range(1, 21), [1] * 10 + [0] * 10, {"treated": [0] * 10 + [1] * 10})[0]
    assert result.ratio.value is None and "no maximum" in result.ratio.note
    assert result.test.p is None
    with pytest.raises(InputError, match="no event"):
        cox_hazard_ratios([1, 2], [0, 0], {"x": [0, 1]})
    with pytest.raises(InputError, match="every value is the same"):
        cox_hazard_ratios([1, 2], [0, 1], {"x": [1, 1]})
