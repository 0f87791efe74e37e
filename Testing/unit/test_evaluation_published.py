"""The figures that the five papers print, from the counts they rest on."""

from __future__ import annotations

import numpy as np
import pytest

from HCCAssistLib.evaluation.baseline_table import baseline_table
from HCCAssistLib.evaluation.bootstrap import bootstrap_metrics
from HCCAssistLib.evaluation.confusion import (
    Confusion,
    ConfusionMatrix,
    binary_metrics,
    no_information_rate_test,
)
from HCCAssistLib.evaluation.display import p_value
from HCCAssistLib.evaluation.group_tests import chi_square, welch_t
from HCCAssistLib.evaluation.intervals import mercaldo_logit, proportion_interval
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.wording import rounded

LIM = Confusion(tp=155, fn=5, tn=625, fp=15)

# name: counts TP FN TN FP; accuracy, sensitivity, specificity, PPV, NPV, F1 as printed; their 95 % limits as printed
KONG = {
    "training Clinical": (
        (10, 49, 195, 0),
        (0.807, 0.169, 1.000, 1.000, 0.799, 0.290),
        (0.756, 0.858, 0.083, 0.267, 1.0, 1.0, 1.0, 1.0, 0.748, 0.852, 0.154, 0.421),
    ),
    "training Pre": (
        (50, 9, 144, 51),
        (0.764, 0.847, 0.738, 0.495, 0.941, 0.625),
        (0.709, 0.815, 0.746, 0.935, 0.679, 0.800, 0.396, 0.593, 0.901, 0.975, 0.527, 0.712),
    ),
    "training PrePost": (
        (56, 3, 93, 102),
        (0.587, 0.949, 0.477, 0.354, 0.969, 0.516),
        (0.528, 0.646, 0.887, 1.0, 0.412, 0.550, 0.277, 0.430, 0.929, 1.0, 0.428, 0.596),
    ),
    "training DL_Clinical": (
        (33, 26, 190, 5),
        (0.878, 0.559, 0.974, 0.868, 0.880, 0.680),
        (0.839, 0.917, 0.441, 0.686, 0.949, 0.995, 0.744, 0.969, 0.834, 0.925, 0.568, 0.777),
    ),
    "external Clinical": (
        (4, 3, 14, 14),
        (0.514, 0.571, 0.500, 0.222, 0.824, 0.320),
        (0.343, 0.686, 0.2, 1.0, 0.310, 0.704, 0.059, 0.444, 0.625, 1.0, 0.091, 0.545),
    ),
    "external Pre": (
        (3, 4, 21, 7),
        (0.686, 0.429, 0.750, 0.300, 0.840, 0.353),
        (0.543, 0.857, 0.0, 0.833, 0.613, 0.923, 0.0, 0.667, 0.692, 0.964, 0.0, 0.636),
    ),
    "external PrePost": (
        (4, 3, 22, 6),
        (0.743, 0.571, 0.786, 0.400, 0.880, 0.471),
        (0.6, 0.886, 0.167, 1.0, 0.621, 0.926, 0.111, 0.714, 0.731, 1.0, 0.143, 0.714),
    ),
    "external DL_Clinical": (
        (5, 2, 20, 8),
        (0.714, 0.714, 0.714, 0.385, 0.909, 0.500),
        (0.543, 0.857, 0.333, 1.0, 0.519, 0.871, 0.133, 0.667, 0.760, 1.0, 0.2, 0.727),
    ),
}
KONG_METRICS = ("accuracy", "sensitivity", "specificity", "PPV", "NPV", "F1")


@pytest.mark.parametrize(
    ("metric", "estimate", "low", "high"),
    [
        ("sensitivity", "96.88", "92.86", "98.98"),
        ("specificity", "97.66", "96.16", "98.68"),
        ("accuracy", "97.50", "96.17", "98.47"),
        ("PPV", "91.18", "86.23", "94.46"),
    ],
)
def test_lim_2023_comes_out_to_the_last_digit(metric: str, estimate: str, low: str, high: str) -> None:
    figure = binary_metrics(LIM, unit="patch")[metric]
    printed = [rounded(v, 2, percent=True) for v in (figure.value, figure.interval.low, figure.interval.high)]
    assert printed == [estimate, low, high]
    assert figure.unit == "patch"


def test_mercaldo_logit_gives_the_reference_values_of_ppv_and_npv() -> None:
    values = mercaldo_logit(155, 5, 625, 15)
    assert 100 * values.ppv == pytest.approx(91.1765, abs=5e-5)
    assert [100 * v for v in (values.ppv_interval.low, values.ppv_interval.high)] == pytest.approx(
        [86.2298, 94.4603], abs=5e-5
    )
    assert 100 * values.npv == pytest.approx(99.2063, abs=5e-5)
    assert [100 * v for v in (values.npv_interval.low, values.npv_interval.high)] == pytest.approx(
        [98.1394, 99.6636], abs=5e-5
    )
    assert values.prevalence == 0.2


def test_mercaldo_at_another_prevalence_follows_bayes() -> None:
    values = mercaldo_logit(90, 10, 80, 20, prevalence=0.05)
    assert values.ppv == pytest.approx(0.9 * 0.05 / (0.9 * 0.05 + 0.2 * 0.95))
    assert values.npv == pytest.approx(0.8 * 0.95 / (0.8 * 0.95 + 0.1 * 0.05))
    assert "0.05" in values.ppv_interval.method


@pytest.mark.parametrize(
    ("counts", "printed", "p"),
    [
        (Confusion(13, 8, 19, 2), ("0.762", "61.9", "90.5", "86.7", "70.4", "0.606", "0.880"), 0.00047034),
        (Confusion(11, 10, 13, 8), ("0.571", "52.4", "61.9", "57.9", "56.5", "0.410", "0.723"), 0.22039953),
    ],
    ids=["SS", "NSS"],
)
def test_cui_2022_test_group_comes_out(counts: Confusion, printed: tuple[str, ...], p: float) -> None:
    metrics = binary_metrics(counts, unit="patient")
    accuracy = metrics["accuracy"]
    # The paper rounded its limits twice (0.605 became 0.606 by way of 0.6055), hence three decimals and 1e-3.
    assert rounded(accuracy.value, 3) == printed[0]
    for name, text in zip(("sensitivity", "specificity", "PPV", "NPV"), printed[1:5], strict=True):
        assert rounded(metrics[name].value, 1, percent=True) == text
    assert [accuracy.interval.low, accuracy.interval.high] == pytest.approx([float(v) for v in printed[5:]], abs=1e-3)
    test = no_information_rate_test(counts.tp + counts.tn, counts.n, 0.5)
    assert test.p == pytest.approx(p, abs=5e-9)
    assert test.alternative == "greater"


@pytest.mark.parametrize("cohort", KONG)
def test_kong_2025_point_estimates_come_out(cohort: str) -> None:
    counts, printed, _ = KONG[cohort]
    metrics = binary_metrics(Confusion(*counts), unit="patient")
    assert [rounded(metrics[name].value, 3) for name in KONG_METRICS] == [f"{v:.3f}" for v in printed]


@pytest.mark.parametrize("cohort", KONG)
def test_kong_2025_intervals_are_the_unstratified_percentile_bootstrap(cohort: str) -> None:
    (tp, fn, tn, fp), _, printed = KONG[cohort]
    labels = np.r_[np.ones(tp + fn), np.zeros(tn + fp)]
    calls = np.r_[np.ones(tp), np.zeros(fn + tn), np.ones(fp)]
    intervals = bootstrap_metrics(checked_rows(labels, calls), 0.5)
    # Their draws are not ours; with 35 patients a limit may step to the neighbouring fraction.
    tolerance = 0.011 if cohort.startswith("training") else 0.045
    for i, name in enumerate(KONG_METRICS):
        limits = (printed[2 * i], printed[2 * i + 1])
        if limits == (1.0, 1.0):
            assert intervals[name].low is None, "[1, 1] is not an interval"
        else:
            assert (intervals[name].low, intervals[name].high) == pytest.approx(limits, abs=tolerance), name


def test_kong_2025_intervals_are_not_clopper_pearson() -> None:
    exact = proportion_interval(5, 7)
    assert abs(exact.high - 1.0) > 0.03, "the paper prints 1.000 for 5 of 7"
    assert exact.high == pytest.approx(0.9633, abs=1e-4)


def test_yasaka_2018_per_category_sensitivity_comes_from_one_vs_rest() -> None:
    # Model triphasic: diagonal 15/21, 3/9, 33/35, 18/20, 15/15 = 84 of 100; where the others went is ours.
    matrix = ConfusionMatrix(
        ("A", "B", "C", "D", "E"),
        ((15, 3, 3, 0, 0), (4, 3, 2, 0, 0), (1, 0, 33, 1, 0), (0, 0, 1, 18, 1), (0, 0, 0, 0, 15)),
    )
    metrics = matrix.metrics(unit="patient")
    assert rounded(metrics["all"]["accuracy"].value, 2) == "0.84"
    expected = {"A": "0.71", "B": "0.33", "C": "0.94", "D": "0.90", "E": "1.00"}
    assert {c: rounded(metrics[c]["sensitivity"].value, 2) for c in expected} == expected
    assert matrix.one_vs_rest("A") == Confusion(tp=15, fn=6, tn=74, fp=5)
    assert matrix.no_information_rate == 0.35


# Counts of the first and second group by category, and the printed P.
CUI = {
    "S3 age": ((139, 39), (29, 13), ".215"),
    "S3 sex": ((157, 21), (36, 6), ".658"),
    "S3 HBsAg": ((160, 18), (35, 7), ".277"),
    "S3 Child-Pugh": ((162, 16), (37, 5), ".563"),
    "S3 cirrhosis": ((111, 67), (25, 17), ".734"),
    "S3 size": ((86, 92), (19, 23), ".720"),
    "S3 grade": ((28, 127, 23), (6, 35, 1), ".124"),
    "S3 ALT": ((132, 46), (27, 15), ".199"),
    "S3 AST": ((157, 21), (33, 9), ".102"),
    "S3 AFP": ((80, 98), (18, 24), ".807"),
    "S3 class": ((73, 105), (21, 21), ".289"),
    "S4 age": ((81, 24), (58, 15), ".714"),
    "S4 sex": ((93, 12), (64, 9), ".855"),
    "S4 HBsAg": ((93, 12), (67, 6), ".485"),
    "S4 Child-Pugh": ((100, 5), (62, 11), ".018"),
    "S4 cirrhosis": ((62, 43), (49, 24), ".274"),
    "S4 size": ((64, 41), (22, 51), "< .001"),
    "S4 grade": ((16, 69, 20), (3, 58, 12), ".043"),
    "S4 ALT": ((80, 25), (52, 21), ".457"),
    "S4 AST": ((95, 10), (62, 11), ".259"),
    "S4 AFP": ((56, 49), (24, 49), ".007"),
}


@pytest.mark.parametrize("row", CUI)
def test_cui_2022_supplementary_p_values_come_out_of_the_baseline_table(row: str) -> None:
    first, second, printed = CUI[row]
    groups = {
        name: {row: [f"category {i}" for i, count in enumerate(counts) for _ in range(count)]}
        for name, counts in (("one", first), ("two", second))
    }
    test = baseline_table(groups).rows[0].test
    assert test is not None and p_value(test.p) == printed
    assert test.name.startswith("Fisher") == (row in ("S3 HBsAg", "S3 Child-Pugh"))


@pytest.mark.parametrize(
    ("table", "printed"),
    [
        (((7, 26), (52, 169)), ".769"),
        (((42, 150), (17, 45)), ".369"),  # 0.36875; the paper prints 0.370, which is 0.37 with a zero
        (((3, 7), (56, 188)), ".605"),
        (((22, 88), (37, 107)), ".287"),
        (((41, 159), (18, 36)), ".048"),
        (((0, 8), (7, 20)), ".107"),
        (((4, 19), (3, 9)), ".593"),
        (((3, 8), (4, 20)), ".466"),
        (((6, 28), (1, 0)), ".042"),
    ],
)
def test_kong_2025_categorical_p_values_are_the_uncorrected_chi_square(
    table: tuple[tuple[int, ...], ...], printed: str
) -> None:
    assert p_value(chi_square(table).p) == printed


def test_lim_2023_age_is_welchs_t() -> None:
    def sample(mean: float, deviation: float, n: int) -> np.ndarray:
        values = np.random.default_rng(0).normal(size=n)
        return mean + deviation * (values - values.mean()) / values.std(ddof=1)

    test = welch_t(sample(63.3, 8.1, 34), sample(65.7, 11.8, 40))
    assert rounded(test.p, 2) == "0.31"
