"""Every public function of the evaluation, given the same data in another shape, or data that are none.

The same values in another container give the same result; anything else gives one clear refusal. A function that is
added to the evaluation must be added to ``CALLS`` (or to ``NO_DATA``, where it takes results of others), or the last
test fails.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from HCCAssistLib import evaluation
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation import (
    agreement,
    bootstrap,
    calibration,
    comparison,
    concordance,
    confusion,
    cox,
    cutoffs,
    decision,
    delong,
    discrimination,
    fisher,
    flagged,
    froc,
    group_tests,
    intervals,
    limits_of_agreement,
    ordinal,
    paired,
    scores,
    survival,
    thresholds,
)
from HCCAssistLib.evaluation.baseline_table import baseline_table
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.categories import category_evaluation
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.wording import plural

pd = pytest.importorskip("pandas", reason="SKIPPED: pandas is not installed")

LABELS = [1, 0, 1, 0, 1, 1, 0, 0, 1, 0]
SCORES = [0.9, 0.1, 0.4, 0.35, 0.8, 0.7, 0.6, 0.2, 0.3, 0.5]
OTHERS = [0.7, 0.2, 0.1, 0.65, 0.9, 0.4, 0.3, 0.5, 0.6, 0.8]
PATIENTS = [3, 1, 3, 2, 4, 4, 5, 6, 7, 7]
TIMES = [5, 8, 3, 9, 2, 7, 6, 1, 4, 10]
READER_A, READER_B = [1, 2, 3, 1, 2, 1], [1, 2, 2, 1, 3, 1]
TABLE = [[3, 9], [8, 2]]
MASK, SHIFTED = np.zeros((4, 5, 6), int), np.zeros((4, 5, 6), int)
MASK[1:3, 1:4, 1:4], SHIFTED[1:4, 2:4, 2:6] = 1, 1
AT = CutOff(0.5, "by hand")
ROW = {"unit": "patch"}
FEW = ROW | {"draws": 60}


def volumes(candidates: Any, values: Any, lesions: Any, radii: Any) -> list[froc.VolumeFindings]:
    return [
        froc.VolumeFindings("a", candidates, values, lesions, radii),
        froc.VolumeFindings("b", [[50, 0, 0]], [0.4], [[1, 1, 1], [9, 9, 9]], [3, 3]),
    ]


Call = tuple[Callable[..., Any], dict[str, tuple[str, Any]], dict[str, Any]]
TWO = {"labels": ("labels", LABELS), "scores": ("scores", SCORES)}
PAIR = {"labels": ("labels", LABELS), "scores_a": ("scores", SCORES), "scores_b": ("scores", OTHERS)}
RISK = {"labels": ("labels", LABELS), "risks": ("scores", SCORES)}
GROUPED = {"groups": ("groups", PATIENTS)}
SAMPLES = {"first": ("numbers", TIMES), "second": ("numbers", [4.5, 11, 12, 13, 2.5])}
CALLS: dict[str, Call] = {
    "checked_labels": (scores.checked_labels, {"labels": ("labels", LABELS)}, {}),
    "checked_rows": (scores.checked_rows, TWO | GROUPED, {}),
    "numbered_groups": (scores.numbered_groups, GROUPED, {"n": 10}),
    "roc": (discrimination.roc, TWO, {}),
    "precision_recall": (discrimination.precision_recall, TWO, {}),
    "average_precision": (discrimination.average_precision, TWO, ROW),
    "auc": (discrimination.auc, TWO | {"level": ("number", 0.9)}, ROW),
    "delong_standard_error": (delong.delong_standard_error, TWO, {}),
    "delong_paired_test": (delong.delong_paired_test, PAIR, ROW),
    "delong_unpaired_test": (
        delong.delong_unpaired_test,
        {
            "labels_a": ("labels", LABELS),
            "scores_a": ("scores", SCORES),
            "labels_b": ("labels", LABELS),
            "scores_b": ("scores", OTHERS),
        },
        ROW,
    ),
    "hanley_mcneil_standard_error": (
        delong.hanley_mcneil_standard_error,
        {"area": ("number", 0.8), "positives": ("count", 20), "negatives": ("count", 30)},
        {},
    ),
    "youden_cutoff": (cutoffs.youden_cutoff, TWO, {"chosen_on": "x"}),
    "mean_cutoff": (cutoffs.mean_cutoff, TWO, {"chosen_on": "x"}),
    "fixed_rate_cutoff": (cutoffs.fixed_rate_cutoff, TWO | {"at_least": ("number", 0.8)}, {"chosen_on": "x"}),
    "confusion_at": (confusion.confusion_at, TWO | {"cutoff": ("number", 0.5)}, {}),
    "Confusion": (confusion.Confusion, dict.fromkeys(("tp", "fn", "tn", "fp"), ("count", 5)), {}),
    "no_information_rate_test": (
        confusion.no_information_rate_test,
        {"correct": ("count", 32), "n": ("count", 42), "rate": ("number", 0.5)},
        {},
    ),
    "ConfusionMatrix": (confusion.ConfusionMatrix, {"counts": ("table", TABLE)}, {"categories": ("a", "b")}),
    "binary_evaluation": (binary_evaluation, TWO | GROUPED, FEW | {"cutoff": AT}),
    "binary_metrics_at": (thresholds.binary_metrics_at, TWO | GROUPED, FEW | {"cutoffs": [AT]}),
    "bootstrap_draws": (
        bootstrap.bootstrap_draws,
        {"patients": ("count", 4), "draws": ("count", 9), "strata": ("groups", [1, 1, 2, 2])},
        {"statistic": lambda weights: weights @ np.arange(4.0)},
    ),
    "bootstrap_interval": (
        bootstrap.bootstrap_interval,
        {"patients": ("count", 4), "draws": ("count", 9), "seed": ("count", 3), "level": ("number", 0.9)},
        {"statistic": lambda weights: weights @ np.arange(4.0)},
    ),
    "bootstrap_metrics": (
        bootstrap.bootstrap_metrics,
        {"cutoff": ("number", 0.5), "draws": ("count", 40)},
        {"rows": scores.checked_rows(LABELS, SCORES)},
    ),
    "percentile_interval": (
        bootstrap.percentile_interval,
        {"values": ("scores", SCORES)},
        {"patients": 4, "resampled": "patient", "stratified": False, "level": 0.9, "seed": 0},
    ),
    "calibration": (calibration.calibration, RISK | GROUPED | {"bins": ("count", 4)}, FEW),
    "checked_risks": (decision.checked_risks, RISK | GROUPED, {}),
    "net_benefit": (decision.net_benefit, RISK | {"thresholds": ("numbers", [0.2, 0.3])}, ROW),
    "net_benefit_difference": (
        decision.net_benefit_difference,
        {
            "labels": ("labels", LABELS),
            "risks_a": ("scores", SCORES),
            "risks_b": ("scores", OTHERS),
            "threshold": ("number", 0.3),
        },
        FEW,
    ),
    "net_benefit_at": (decision.net_benefit_at, RISK | GROUPED | {"threshold": ("number", 0.3)}, FEW),
    "compare_models": (
        comparison.compare_models,
        PAIR | GROUPED | {"net_benefit_at": ("numbers", [0.3])},
        FEW | {"cutoff_a": AT, "cutoff_b": AT},
    ),
    "compare_sessions": (
        lambda one, other: comparison.compare_sessions({"a": one, "b": other}, control="a"),
        {"one": ("numbers", [0.7, 0.8, 0.9]), "other": ("numbers", [0.6, 0.65, 0.7])},
        {},
    ),
    "limits_of_agreement": (
        limits_of_agreement.limits_of_agreement,
        {"first": ("numbers", TIMES), "second": ("numbers", OTHERS), "level": ("number", 0.9)},
        {"unit": "lesion"},
    ),
    "agreement_table": (
        agreement.agreement_table,
        {"first": ("categories", READER_A), "second": ("categories", READER_B)},
        {},
    ),
    "cohen_kappa": (agreement.cohen_kappa, {"table": ("table", TABLE)}, ROW),
    "fleiss_kappa": (agreement.fleiss_kappa, {"table": ("table", [[2, 1], [0, 3], [3, 0]])}, ROW),
    "dice": (agreement.dice, {"first": ("mask", MASK), "second": ("mask", SHIFTED)}, {}),
    "surface_distances": (
        agreement.surface_distances,
        {"first": ("mask", MASK), "second": ("mask", SHIFTED), "spacing": ("numbers", [0.5, 1.0, 3.0])},
        {},
    ),
    "mann_whitney": (group_tests.mann_whitney, SAMPLES, {}),
    "welch_t": (group_tests.welch_t, SAMPLES, {}),
    "kruskal_wallis": (lambda first, second: group_tests.kruskal_wallis([first, second]), SAMPLES, {}),
    "one_way_anova": (lambda first, second: group_tests.one_way_anova([first, second]), SAMPLES, {}),
    "steel_test": (lambda first, second: group_tests.steel_test(first, [second]), SAMPLES, {}),
    "shapiro_wilk": (group_tests.shapiro_wilk, {"values": ("numbers", TIMES)}, {}),
    "checked_sample": (group_tests.checked_sample, {"values": ("numbers", TIMES)}, {}),
    "checked_table": (group_tests.checked_table, {"table": ("table", TABLE)}, {}),
    "expected_counts": (group_tests.expected_counts, {"table": ("table", TABLE)}, {}),
    "chi_square": (group_tests.chi_square, {"table": ("table", TABLE)}, {}),
    "n_minus_1_chi_square": (group_tests.n_minus_1_chi_square, {"table": ("table", TABLE)}, {}),
    "fisher_exact": (fisher.fisher_exact, {"table": ("table", TABLE)}, {}),
    "mcnemar": (
        group_tests.mcnemar,
        {"only_first_right": ("count", 1), "only_second_right": ("count", 9), "n": ("count", 100)},
        ROW,
    ),
    "proportion_interval": (
        intervals.proportion_interval,
        {"successes": ("count", 3), "n": ("count", 9), "level": ("number", 0.9)},
        {},
    ),
    "rate_interval": (
        intervals.rate_interval,
        {"count": ("count", 3), "n": ("count", 9), "level": ("number", 0.9)},
        {},
    ),
    "mercaldo_logit": (
        intervals.mercaldo_logit,
        dict.fromkeys(("tp", "fn", "tn", "fp"), ("count", 7)) | {"prevalence": ("number", 0.3)},
        {},
    ),
    "check_level": (intervals.check_level, {"level": ("number", 0.9)}, {}),
    "ordinal_auc": (
        ordinal.ordinal_auc,
        {"labels": ("labels", LABELS[:6]), "predictions": ("categories", READER_A)},
        ROW | {"score_of": {1: 3.0, 2: 2.0, 3: 1.0}},
    ),
    "category_evaluation": (
        lambda truth, predicted: category_evaluation(truth, predicted, [1, 2, 3], None, unit="mass", draws=60),
        {"truth": ("categories", READER_A), "predicted": ("categories", READER_B)},
        {},
    ),
    "checked_follow_up": (
        survival.checked_follow_up,
        {"times": ("numbers", TIMES), "events": ("labels", LABELS)},
        {},
    ),
    "kaplan_meier": (survival.kaplan_meier, {"times": ("numbers", TIMES), "events": ("labels", LABELS)}, {}),
    "log_rank": (
        lambda times, events: survival.log_rank([(times, events), ([1, 2, 3], [1, 0, 1])]),
        {"times": ("numbers", TIMES), "events": ("labels", LABELS)},
        {},
    ),
    "c_index": (
        concordance.c_index,
        {"months": ("numbers", TIMES), "events": ("labels", LABELS), "risk": ("numbers", SCORES)},
        {"draws": 60},
    ),
    "paired_risks": (
        paired.paired_risks,
        {
            "months": ("numbers", TIMES),
            "events": ("labels", LABELS),
            "first": ("numbers", SCORES),
            "second": ("numbers", OTHERS),
        },
        {"early": [bool(label) for label in LABELS], "draws": 60},
    ),
    "survival_at": (
        lambda time: survival.kaplan_meier(TIMES, LABELS).survival_at(time),
        {"time": ("number", 4.5)},
        {},
    ),
    "cox_hazard_ratios": (
        lambda times, events, age: cox.cox_hazard_ratios(times, events, {"age": age}),
        {"times": ("numbers", TIMES), "events": ("labels", LABELS), "age": ("numbers", OTHERS)},
        {},
    ),
    "VolumeFindings": (
        lambda values, radii: froc.VolumeFindings("a", [[0, 0, 0], [9, 0, 0]], values, [[1, 0, 0]], radii).matched(2.0),
        {"values": ("numbers", [0.7, 0.3]), "radii": ("numbers", [2.0])},
        {},
    ),
    "froc": (
        lambda values, tolerance, rates: froc.froc(
            volumes([[0, 0, 0], [30, 0, 0]], values, [[1, 0, 0]], [2.0]), tolerance_mm=tolerance, rates=rates, draws=40
        ),
        {"values": ("numbers", [0.7, 0.3]), "tolerance": ("number", 3.0), "rates": ("numbers", [0.5, 1.0])},
        {},
    ),
    "lesion_operating_point": (
        lambda values, tolerance: froc.lesion_operating_point(
            volumes([[0, 0, 0], [30, 0, 0]], values, [[1, 0, 0]], [2.0]), AT, tolerance_mm=tolerance, draws=40
        ),
        {"values": ("numbers", [0.7, 0.3]), "tolerance": ("number", 3.0)},
        {},
    ),
    "sensitivity_on_lesions": (
        lambda values, tolerance: flagged.sensitivity_on_lesions(
            volumes([[0, 0, 0], [30, 0, 0]], values, [[1, 0, 0]], [2.0]), {"a", "b"}, AT, tolerance_mm=tolerance
        ),
        {"values": ("numbers", [0.7, 0.3]), "tolerance": ("number", 3.0)},
        {},
    ),
}
NO_DATA = {
    "ordinal_scores",  # of ``ordinal_auc``
    "spreads",  # own tests: a figure that is undefined in a session is told
    "sensitivity_by_size", "accuracy_by_size",  # own tests: an unknown size is a group of its own
    "paired_detections", "paired_classes",  # take findings and classes, which have tests of their own
    "risk_figures", "risk_groups", "beside",  # take patients, in test_recurrence_evaluation.py
    "baseline_table", "continuous_row", "categorical_row",  # own test below: in a table, what is missing is counted
    "of_values",  # takes figures of evaluations, in test_learning_curve.py
    "p_values", "in_set", "set_coverage", "share_of_rows",  # take what a package keeps: checked at reading
    "mutual_information", "ranked", "nearest",  # take probabilities of members, in test_next.py
    "compare_marks",  # takes marks of readers, in the tests of readers
    "binary_metrics", "ranking_statistic", "bootstrap_metrics_at",  # take checked counts or rows
    "lesion_operating_points", "cutoffs_of", "offered_thresholds",  # of others
    "is_missing", "floats", "listed", "number", "whole", "count_table", "samples_of",  # the gate itself
}  # fmt: skip
MODULES = {
    "agreement", "baseline_rows", "baseline_table", "binary", "bootstrap", "by_size", "calibration", "categories",
    "comparison", "concordance", "conformal", "confusion", "cox", "cutoffs", "decision", "delong", "discrimination",
    "ensemble_spread", "fisher", "flagged", "froc", "group_tests", "intervals", "learning_curve", "lesion_matching",
    "limits_of_agreement", "mark_agreement", "nearest", "ordinal", "paired", "risk_figures", "risk_groups", "scores",
    "sessions", "set_coverage", "survival", "thresholds", "values",
}  # fmt: skip
SHOWN = {
    "case_report", "case_warnings", "checklist", "cohort_description", "crop_view", "display", "evaluated",
    "example_cases", "explorer", "figures", "figures_risk", "flow", "flow_figure", "held_out",
    "learning_curve_report", "model_comparison", "optional", "periods", "report", "report_blocks",
    "report_diagnosis", "report_explorer", "report_markup", "report_methods", "report_page", "report_pages",
    "report_risk", "result", "slice_view",
}  # fmt: skip
"""Modules that show results, or describe a cohort that was checked when it was opened."""


HAVE_AN_EMPTY_ANSWER = (scores.checked_labels, bootstrap.percentile_interval)
"""No label is an empty list; no draw has no interval, and says so."""


def outcome(call: Call, **changed: Any) -> str:
    """What a function answers, as text, with some arguments given otherwise."""
    function, arguments, fixed = call
    found = function(**{name: value for name, (_, value) in arguments.items()} | fixed | changed)

    def plain(value: Any) -> Any:
        if hasattr(value, "as_json"):
            return value.as_json()
        if isinstance(value, scores.ScoredRows):
            return [value.labels, value.scores, value.groups, value.excluded]
        return value.tolist() if isinstance(value, np.ndarray | np.generic) else repr(value)

    return json.dumps(found, default=plain, sort_keys=True)


def every(*kinds: str) -> list[Any]:
    return [
        pytest.param(CALLS[name], argument, id=f"{name}-{argument}")
        for name, (_, arguments, _) in CALLS.items()
        for argument, (kind, _) in arguments.items()
        if kind in kinds
    ]


def same_lists(values: list[Any]) -> dict[str, Any]:
    n = len(values)
    return {
        "tuple": tuple(values),
        "array": np.array(values),
        "floats": np.array(values, dtype=float),
        "objects": np.array(values, dtype=object),
        "column": np.array(values)[:, None],
        "masked array without a mask": np.ma.array(values),
        "masked array with nothing masked": np.ma.array(values, mask=[False] * n),
        "Series whose index runs backwards": pd.Series(values, index=range(n)[::-1]),
        "Series of pandas' own numbers": pd.Series(values).convert_dtypes(),
        "one-column DataFrame": pd.DataFrame({"x": values}, index=[f"p{7 * i % n}" for i in range(n)]),
        "numpy numbers in a list": [np.float64(v) for v in values],
    }


@pytest.mark.parametrize(("call", "argument"), every("labels", "scores", "numbers", "groups", "categories"))
def test_the_same_list_in_another_container_gives_the_same(call: Call, argument: str) -> None:
    kind, values = call[1][argument]
    expected = outcome(call)
    for form, given in same_lists(values).items():
        assert outcome(call, **{argument: given}) == expected, form
    if kind in ("labels", "scores", "numbers"):
        for form, given in {
            "texts": [str(v) for v in values],
            "decimals": [Decimal(str(v)) for v in values],
        }.items():
            assert outcome(call, **{argument: given}) == expected, form
    if kind == "labels":
        assert outcome(call, **{argument: [bool(v) for v in values]}) == expected


@pytest.mark.parametrize(("call", "argument"), every("table"))
def test_the_same_table_in_another_container_gives_the_same(call: Call, argument: str) -> None:
    table = call[1][argument][1]
    for given in (
        np.array(table),
        np.array(table, dtype=float),
        [[float(v) for v in row] for row in table],
        tuple(map(tuple, table)),
        [np.ma.array(row) for row in table],
        np.ma.array(table),
        pd.DataFrame(table, index=["z", "a", "m"][: len(table)], columns=[2, 1]),
        pd.DataFrame(table).convert_dtypes(),
    ):
        assert outcome(call, **{argument: given}) == outcome(call)


@pytest.mark.parametrize(("call", "argument"), every("mask"))
def test_the_same_mask_in_another_type_gives_the_same(call: Call, argument: str) -> None:
    mask = call[1][argument][1]
    for given in (mask.astype(bool), mask * 255.0, (mask * 7).astype(np.uint8), np.ma.array(mask), mask.tolist()):
        assert outcome(call, **{argument: given}) == outcome(call)


@pytest.mark.parametrize(("call", "argument"), every("count", "number"))
def test_the_same_number_of_another_type_gives_the_same(call: Call, argument: str) -> None:
    kind, value = call[1][argument]
    forms = [np.float64(value), np.array(value)] + ([float(value), np.int64(value)] if kind == "count" else [])
    for given in forms:
        assert outcome(call, **{argument: given}) == outcome(call)


def refused(call: Call, argument: str, given: Any, form: str) -> None:
    try:
        answer = outcome(call, **{argument: given})
    except InputError as error:
        assert len(error.problems) == 1, form
        assert error.problems[0].level == "STOP" and len(str(error)) < 300, form
        assert "Traceback" not in str(error) and "ambiguous" not in str(error), form
    else:
        pytest.fail(f"{form} passed in silence: {answer[:200]}")


@pytest.mark.parametrize(("call", "argument"), every("labels", "scores", "numbers", "groups", "categories"))
def test_what_is_no_list_of_values_is_refused(call: Call, argument: str) -> None:
    kind, values = call[1][argument]
    forms = {
        "0-d": np.array(1.0) if argument != "thresholds" else np.array(1.5),
        "empty": [],
        "empty array": np.zeros((0,)),
        "2-D": np.ones((len(values), 2)),
        "row": np.array([values]) if len(values) > 1 else np.ones((1, 2)),
        "DataFrame of two columns": pd.DataFrame({"x": values, "y": values}),
        "mapping": dict(enumerate(values)),
        "set": set(map(str, values)),
        "text": "yes",
        "function": len,
        "nested": [[v, v] for v in values],
    }
    if len(values) > 3:
        forms["one too few"] = values[:-1]
        forms["one too many"] = [*values, values[-1]]
    single = len([1 for k, _ in call[1].values() if k not in ("number", "count")]) == 1 or argument in (
        "thresholds", "net_benefit_at", "rates", "values", "first", "second", "one", "other"
    )  # fmt: skip
    for form, given in forms.items():
        if form.startswith("one too") and single and kind in ("numbers", "labels", "scores"):
            continue  # samples may have any length
        if form.startswith("empty") and (argument == "net_benefit_at" or call[0] in HAVE_AN_EMPTY_ANSWER):
            continue
        refused(call, argument, given, form)


@pytest.mark.parametrize(("call", "argument"), every("labels", "scores", "numbers"))
def test_what_is_no_number_is_refused(call: Call, argument: str) -> None:
    values = call[1][argument][1]
    n = len(values)
    for form, given in {
        "a word": ["yes", *values[1:]],
        "a word among texts": ["yes", *map(str, values[1:])],
        "a decimal comma": ["0,5", *map(str, values[1:])],
        "complex": np.array(values) + 0j,
        "one complex": [values[0] + 1j, *values[1:]],
        "dates": np.arange(n).astype("datetime64[D]"),
        "durations": np.arange(n).astype("timedelta64[D]"),
        "pandas' dates": pd.Series(pd.date_range("2020-01-01", periods=n)),
        "pandas' durations": pd.Series(pd.to_timedelta(range(n), unit="D")),
        "a list in a list": [[values[0], 1], *values[1:]],
        "records": np.array([(1, 2.0)] * n, dtype=[("a", int), ("b", float)]),
    }.items():
        refused(call, argument, given, form)


def with_gap(values: list[Any]) -> dict[str, Any]:
    """The list with its first value missing, in every way that there is."""
    rest = values[1:]
    first_only = [True] + [False] * len(rest)
    return {
        "NaN": [float("nan"), *rest],
        "None": [None, *rest],
        "pandas' NA": [pd.NA, *rest],
        "NaT": [pd.NaT, *rest],
        "masked value": [np.ma.masked, *rest],
        "masked array": np.ma.array(values, mask=first_only),
        "masked objects": np.ma.array(values, mask=first_only, dtype=object),
        "Series with NA": pd.Series([pd.NA, *rest], dtype="Float64"),
        "Series of objects": pd.Series([None, *rest], dtype=object),
        "DataFrame with NaN": pd.DataFrame({"x": [float("nan"), *rest]}),
        "object array": np.array([None, *rest], dtype=object),
    }


@pytest.mark.parametrize(("call", "argument"), every("scores"))
def test_a_missing_score_is_left_out_however_it_is_written(call: Call, argument: str) -> None:
    forms = with_gap(call[1][argument][1])
    expected = outcome(call, **{argument: forms["NaN"]})
    assert expected != outcome(call)
    for form, given in forms.items():
        assert outcome(call, **{argument: given}) == expected, form
    for infinite in (float("inf"), float("-inf")):
        assert outcome(call, **{argument: [infinite, *call[1][argument][1][1:]]}) == expected


@pytest.mark.parametrize(("call", "argument"), every("labels", "numbers", "groups", "categories"))
def test_a_missing_value_is_refused_however_it_is_written(call: Call, argument: str) -> None:
    for form, given in with_gap(call[1][argument][1]).items():
        refused(call, argument, given, form)


@pytest.mark.parametrize(("call", "argument"), every("table"))
def test_tables_that_hold_no_counts_are_refused(call: Call, argument: str) -> None:
    table = call[1][argument][1]
    rest = [list(row) for row in table]

    def first(value: Any) -> list[list[Any]]:
        return [[value, *rest[0][1:]], *rest[1:]]

    masked = np.ma.array(table, mask=False)
    masked[0, 0] = np.ma.masked
    for form, given in {
        "a fraction": first(2.5),
        "negative": first(-1),
        "NaN": first(float("nan")),
        "infinite": first(float("inf")),
        "None": first(None),
        "NA": first(pd.NA),
        "masked": masked,
        "masked in a row": [masked[0], *rest[1:]],
        "a word": first("many"),
        "complex": first(1 + 1j),
        "ragged": [rest[0][:1], *rest[1:]],
        "a list": rest[0],
        "3-D": [rest, rest],
        "empty": [],
        "nothing": None,
        "too large": first(1e300),
        "DataFrame with NA": pd.DataFrame(first(None)),
    }.items():
        refused(call, argument, given, form)


@pytest.mark.parametrize(("call", "argument"), every("mask"))
def test_masks_that_are_none_are_refused(call: Call, argument: str) -> None:
    mask = call[1][argument][1]
    masked = np.ma.array(mask, mask=False)
    masked[0, 0, 0] = np.ma.masked
    labels, unknown, soft = mask.copy(), mask.astype(float), mask * 0.7
    labels[1, 1, 1], unknown[0, 0, 0], soft[2, 2, 2] = 2, np.nan, 0.2
    for form, given in {
        "masked voxels": masked,
        "several labels": labels,
        "NaN": unknown,
        "probabilities": soft,
        "texts": mask.astype(str),
        "complex": mask + 0j,
        "another grid": mask[1:],
        "a number": 1,
        "empty": np.zeros((0, 5, 6)),
        "nothing": None,
    }.items():
        refused(call, argument, given, form)


@pytest.mark.parametrize(("call", "argument"), every("count"))
def test_what_is_no_count_is_refused(call: Call, argument: str) -> None:
    for form, given in {
        "2.5": 2.5, "negative": -1, "NaN": float("nan"), "infinite": float("inf"), "text": "5", "None": None,
        "NA": pd.NA, "masked": np.ma.masked, "list": [5], "complex": 5 + 0j, "array": np.array([5, 5]),
    }.items():  # fmt: skip
        refused(call, argument, given, form)


@pytest.mark.parametrize(("call", "argument"), every("number"))
def test_what_is_no_number_alone_is_refused(call: Call, argument: str) -> None:
    for form, given in {
        "NaN": float("nan"), "text": "0.5", "NA": pd.NA, "masked": np.ma.masked, "list": [0.5], "complex": 0.5 + 0j,
        "array": np.array([0.5, 0.5]), "Series": pd.Series([0.5]),
    }.items():  # fmt: skip
        refused(call, argument, given, form)
    if argument != "prevalence":
        refused(call, argument, None, "None")


def test_texts_beside_numbers_are_not_two_readers_that_never_agree() -> None:
    with pytest.raises(InputError, match="texts and some are numbers"):
        agreement.agreement_table(["1", "2"], [1, 2])


def test_samples_are_the_columns_of_a_dataframe_or_the_values_of_a_mapping() -> None:
    one, other = [1.0, 5, 3, 8], [2.0, 9, 7, 11]
    expected = group_tests.kruskal_wallis([one, other])
    for given in (pd.DataFrame({"a": one, "b": other}), {"a": one, "b": other}, np.array([one, other])):
        assert group_tests.kruskal_wallis(given) == expected
    for wrong in (None, "ab", 3, one):
        with pytest.raises(InputError):
            group_tests.kruskal_wallis(wrong)  # type: ignore[arg-type]
    pair = (TIMES, LABELS)
    assert survival.log_rank({"a": pair, "b": pair}) == survival.log_rank([pair, pair])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="pair"):
        survival.log_rank([(TIMES, LABELS, LABELS)])  # type: ignore[list-item]
    frame = pd.DataFrame({"age": OTHERS, "size": [1, 5, 2, 7, 3, 8, 1, 9, 4, 4]}, index=list("jihgfedcba"))
    columns = {name: frame[name].tolist() for name in frame}
    assert cox.cox_hazard_ratios(TIMES, LABELS, frame) == cox.cox_hazard_ratios(TIMES, LABELS, columns)
    sessions = pd.DataFrame({"a": one, "b": other})
    assert comparison.compare_sessions(sessions, control="a") == comparison.compare_sessions(
        {"a": one, "b": other}, control="a"
    )


def test_a_baseline_table_of_dataframes_and_masked_columns_counts_what_is_missing() -> None:
    plain = {"age": [61.0, None, 55.0, 70.0], "sex": ["f", "m", None, "m"]}
    other = {"age": [50.0, 66.0, 71.0, 52.0], "sex": ["m", "m", "f", "f"]}
    expected = baseline_table({"a": plain, "b": other}).as_json()
    frames = {"a": pd.DataFrame(plain, index=[9, 2, 5, 1]), "b": pd.DataFrame(other).convert_dtypes()}
    assert baseline_table(frames).as_json() == expected
    hidden = np.ma.array([61.0, 999.0, 55.0, 70.0], mask=[False, True, False, False])
    assert baseline_table({"a": plain | {"age": hidden}, "b": other}).as_json() == expected  # type: ignore[dict-item]


def test_candidates_of_another_shape_are_not_taken_apart() -> None:
    for centres in ([[0, 0], [1, 1], [2, 2]], [0, 0, 0, 1, 1, 1], np.zeros((3, 2))):
        with pytest.raises(InputError):
            froc.VolumeFindings("a", centres, [0.5, 0.5], [], [])  # type: ignore[arg-type]
    hidden = np.ma.array([[0.0, 0, 0]], mask=[[True, False, False]])
    with pytest.raises(InputError, match="not finite"):
        froc.VolumeFindings("a", hidden, [0.5], [], [])  # type: ignore[arg-type]


def test_options_that_do_not_exist_are_refused() -> None:
    with pytest.raises(InputError, match="quantile"):
        calibration.calibration(LABELS, SCORES, unit="patch", strategy="kmeans")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="specificity"):
        cutoffs.fixed_rate_cutoff(LABELS, SCORES, chosen_on="x", at_least=0.5, rate="ppv")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="class sizes"):
        intervals.proportion_interval(1, 2, method="mercaldo-logit", class_sizes=(2.5, 3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unit", "many"),
    [
        ("patch", "patches"), ("study", "studies"), ("biopsy", "biopsies"), ("mass", "masses"), ("box", "boxes"),
        ("case", "cases"), ("patient", "patients"), ("metastasis", "metastases"), ("series", "series"),
        ("day", "days"), ("focus", "foci"), ("region of interest", "regions of interest"), ("CT", "CTs"),
    ],
)  # fmt: skip
def test_units_have_their_plural(unit: str, many: str) -> None:
    assert plural(unit, 2) == plural(unit, 0) == many and plural(unit, 1) == unit


def test_every_public_function_of_the_evaluation_is_held_to_this() -> None:
    modules = {module.name for module in pkgutil.iter_modules(evaluation.__path__)}
    assert modules == MODULES | SHOWN
    public = {
        name
        for module in MODULES
        for name, function in vars(importlib.import_module(f"HCCAssistLib.evaluation.{module}")).items()
        if inspect.isfunction(function)
        and not name.startswith("_")
        and function.__module__ == f"HCCAssistLib.evaluation.{module}"
    }
    assert public <= set(CALLS) | NO_DATA
