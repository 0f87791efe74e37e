"""A report that holds every kind of section: no figure in report.json without n, unit, interval and cut-off source."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation import figures
from HCCAssistLib.evaluation.baseline_table import baseline_table
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.calibration import calibration
from HCCAssistLib.evaluation.categories import category_evaluation
from HCCAssistLib.evaluation.comparison import compare_models, compare_sessions
from HCCAssistLib.evaluation.cox import cox_hazard_ratios
from HCCAssistLib.evaluation.crop_view import CropView
from HCCAssistLib.evaluation.decision import net_benefit, net_benefit_at
from HCCAssistLib.evaluation.discrimination import auc, roc
from HCCAssistLib.evaluation.example_cases import Example
from HCCAssistLib.evaluation.flow import Flow, Stage
from HCCAssistLib.evaluation.froc import froc, lesion_operating_point
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import CaseRow
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.sessions import spreads
from HCCAssistLib.evaluation.slice_view import SliceView, slice_figure, thumbnail
from HCCAssistLib.evaluation.survival import kaplan_meier, log_rank
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.results.cutoff import CutOff

pytestmark = pytest.mark.heavy

pytest.importorskip("matplotlib", reason="SKIPPED: matplotlib is not installed")
pytest.importorskip("statsmodels", reason="SKIPPED: statsmodels is not installed")

CUTOFF = CutOff(0.5, "largest Youden index on the validation set")
AT_A_CUTOFF = ("accuracy", "sensitivity", "specificity", "PPV", "NPV", "F1", "balanced accuracy")
SECTIONS = [name for kind in Report.__mro__[:3] for name in vars(kind) if name.startswith("add_")]


def whole_report() -> Report:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 6)
    labels = rng.integers(0, 2, 120)
    risks = np.clip(0.3 * labels + rng.beta(2, 3, 120), 0.01, 0.99)
    others = np.clip(0.1 * labels + rng.beta(2, 3, 120), 0.01, 0.99)
    drawn = {"draws": 200, "unit": "patch"}
    report = Report("Every section")
    report.add_flow(
        Flow(
            "patient",
            (Stage("screened", 25, {"no arterial phase": 3, "treated before": 2}), Stage("eligible", 20)),
            {"train": 12, "test": 8},
        )
    )
    table = baseline_table({"train": {"age": [50, 60, 70, 55]}, "test": {"age": [40, 61, 90, 44]}})
    report.add_cohort("Characteristics", table)
    report.add_binary_evaluation("Patch level", binary_evaluation(labels, risks, groups, cutoff=CUTOFF, **drawn))
    truth, predicted = list("AAABBBCCCC"), list("AABBBBCCAC")
    finer = [*[""] * 6, *["low"] * 2, *["high"] * 2]
    drawn_masses = {"unit": "mass", "draws": 200}
    report.add_category_evaluation(
        "Three classes",
        category_evaluation(truth, predicted, "ABC", list("pqrpqrpqrs"), subclasses=finer, **drawn_masses),
    )
    accuracy = spreads([{"accuracy": 0.8, "AUC": None}, {"accuracy": 0.9, "AUC": None}])
    report.add_session_spreads("Sessions", accuracy)
    report.add_crops("crops", CropView({"arterial": np.zeros((5, 5), np.uint8)}, 40.0), "Mass 1", unit="mass")
    volumes = [
        VolumeFindings(str(p), rng.uniform(0, 50, (5, 3)), rng.random(5), rng.uniform(0, 50, (2, 3)), np.full(2, 15.0))
        for p in range(6)
    ]
    report.add_froc("Lesion level", froc(volumes, draws=200), lesion_operating_point(volumes, CUTOFF, draws=200))
    report.add_calibration("Calibration", [("net", calibration(labels, risks, groups, **drawn))])
    report.add_decision_curves(
        "Utility",
        [("net", net_benefit(labels, risks, unit="patch"))],
        at=[("net", net_benefit_at(labels, risks, 0.2, groups, **drawn))],
    )
    one, two = (np.arange(1, 31), np.arange(30) % 3 != 0), (np.arange(1, 31) / 2, np.arange(30) % 4 != 0)
    curves = [kaplan_meier(*one, name="low"), kaplan_meier(*two, name="high")]
    report.add_survival("Overall survival", curves, test=log_rank([one, two]), at=(4, 99))
    times, events = (np.concatenate(pair) for pair in zip(one, two, strict=True))
    report.add_hazard_ratios("Cox model", cox_hazard_ratios(times, events, {"high": np.repeat([0, 1], 30)}))
    importance = [
        Estimate("AFP", 0.3, 120, "patch", Interval(0.1, 0.4, "percentiles of 100 permutations")),
        Estimate("size", -0.1, 120, "patch", Interval.missing("not repeated")),
    ]
    report.add_importance("Importance", importance, measure="mean drop of the AUC")
    comparison = compare_models(
        labels, risks, others, groups, cutoff_a=CUTOFF, cutoff_b=CUTOFF, net_benefit_at=(0.2,), **drawn
    )
    both = [(name, roc(labels, s), auc(labels, s, unit="patch")) for name, s in (("net", risks), ("other", others))]
    report.add_comparison("Two models", comparison, names=("net", "other"), curves=both)
    sessions = {"net": [0.9, 0.91, 0.88], "other": [0.7, 0.72, 0.71], "third": [0.5, 0.6, 0.55]}
    report.add_beside(
        "Beside a rule",
        both[0][1],
        both[0][2],
        [("size", both[1][1], both[1][2], comparison.differences[0], comparison.delong)],
        of="progression",
    )
    report.add_sessions("Repeated training", compare_sessions(sessions, control="net"), measure="AUC")
    grey, window = np.zeros((8, 9), np.float32), Window(level=60, width=400)
    view = SliceView(grey, (1.0, 2.0), 3, 12, (4.0, 4.0), (), np.zeros((1, 2)), window)
    report.add_examples("Examples", [Example("found", "case-1", view)], cutoff=CUTOFF)
    report.add_slice("case-1", view, "Case 1")
    cases = [CaseRow(("case-1", "1", "0.9"), thumbnail(view), "case-1"), CaseRow(("case-2", "0", "no candidate"))]
    report.add_case_table("Cases", ("Case", "Truth", "Highest score"), cases)
    sensitivity = lesion_operating_point(volumes, CUTOFF, draws=200)[0]
    report.add_key_results(("internal", "external"), [("Lesions found", (sensitivity, None))])
    report.add_methods("Phantoms were drawn.")
    report.attach_csv("predictions.csv", ("case_id", "score"), [("case-1", 0.9), ("case-2", None)])
    report.add_image("drawn-elsewhere", figures.as_png(slice_figure(view)), "A picture")
    return report


def walk(value: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every object of a JSON document with its place."""
    if isinstance(value, dict):
        inner = [found for key, item in value.items() for found in walk(item, f"{path}/{key}")]
        return [(path, value), *inner]
    if isinstance(value, list):
        return [found for i, item in enumerate(value) for found in walk(item, f"{path}/{i}")]
    return []


def faults(data: dict[str, Any]) -> list[str]:
    """What a figure of report.json lacks."""
    found = []
    for path, one in walk(data):
        where = f"{path} ({one.get('name')})"
        is_estimate = {"value", "successes", "clustered_interval"} & set(one) and "rule" not in one
        is_figure = one.get("kind") == "figure"
        counted = isinstance(one.get("n"), int) and one["n"] > 0 and one.get("unit")
        if (is_estimate or is_figure or "p" in one) and not counted:
            found.append(f"{where}: no n or unit")
        if is_estimate:
            interval = one.get("interval") or {}
            if not interval.get("method") or (interval.get("low") is None and not interval.get("reason")):
                found.append(f"{where}: no interval method")
        if "rule" in one and not one.get("source"):
            found.append(f"{where}: a cut-off without its source")
        name = str(one.get("name", "")).split(": ")[-1]
        decides = is_estimate and (name in AT_A_CUTOFF or name.startswith("net benefit"))
        if decides and not one.get("cutoff") and "there is no cut-off" not in one["note"]:
            found.append(f"{where}: no cut-off")
        if is_estimate and name == "difference of accuracy" and one["note"].count("on the validation set") != 2:
            found.append(f"{where}: no cut-offs")
        if "p" in one and one["p"] is None and not one["reason"]:
            found.append(f"{where}: no P and no reason")
        drawn = is_figure and any(file.endswith(".svg") for file in one["files"])
        if drawn and not one["estimates"] and "No intervals are shown" not in one["legend"]:
            found.append(f"{where}: silent about intervals")
        if is_figure and f"n = {one.get('n')} " not in one["legend"]:
            found.append(f"{where}: no n in the legend")
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("sections")
    whole_report().write(folder)
    loaded: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return loaded


def test_every_section_of_a_report_is_in_this_one() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert len(SECTIONS) >= 13
    assert [name for name in SECTIONS if f"report.{name}(" not in source] == []


def test_no_figure_of_any_section_lacks_n_unit_interval_method_or_cutoff_source(data: dict[str, Any]) -> None:
    kinds = {block["kind"] for block in data["blocks"]}
    assert kinds >= {"figure", "estimates", "tests", "table", "heading", "text"}
    assert faults(data) == []


@pytest.mark.parametrize(
    ("kind", "key", "message"),
    [
        ("estimates", "n", "no n or unit"),
        ("estimates", "unit", "no n or unit"),
        ("estimates", "interval", "no interval method"),
        ("figure", "n", "no n or unit"),
    ],
)
def test_the_audit_sees_what_is_taken_away(data: dict[str, Any], kind: str, key: str, message: str) -> None:
    broken = copy.deepcopy(data)
    block = next(b for b in broken["blocks"] if b["kind"] == kind)
    del (block if kind == "figure" else block["estimates"][0])[key]
    assert any(message in fault for fault in faults(broken))


def test_the_audit_sees_a_cutoff_without_source(data: dict[str, Any]) -> None:
    broken = copy.deepcopy(data)
    for _, one in walk(broken):
        if one.get("name") == "sensitivity" and one.get("cutoff"):
            one["cutoff"] = None
    assert any("no cut-off" in fault for fault in faults(broken))


def test_sections_cover_the_reporting_items_that_they_answer(data: dict[str, Any]) -> None:
    missing = {item["key"] for item in data["missing_items"]}
    answered = {"flow", "characteristics", "metrics", "cutoff", "calibration", "clinical_utility", "explainability"}
    assert not missing & (answered | {"software"})
    assert {"ethics", "funding", "blinding"} <= missing


def test_the_methods_paragraph_names_every_family_once(data: dict[str, Any]) -> None:
    methods = data["methods"]
    for name in ("Welch t test", "log-rank test", "Cox regression", "Steel test", "Kruskal-Wallis", "exact McNemar",
                 "DeLong test of two AUCs on the same rows", "no-information rate", "logistic recalibration",
                 "Brookmeyer-Crowley", "Mercaldo logit"):  # fmt: skip
        assert name in methods, name
    assert methods.count("hazard ratios") == 1 and "low: median" not in methods


def test_a_flow_that_loses_patients_is_refused() -> None:
    with pytest.raises(InputError, match="22 are left after screened, but there is 20 eligible"):
        Flow("patient", (Stage("screened", 25, {"no image": 3}), Stage("eligible", 20)))
    with pytest.raises(InputError, match="the parts hold 19"):
        Flow("patient", (Stage("screened", 20),), {"train": 12, "test": 7})
    with pytest.raises(InputError, match="no further stage"):
        Flow("patient", (Stage("screened", 20, {"no image": 3}),))
    with pytest.raises(InputError, match="negative"):
        Flow("patient", (Stage("screened", 20, {"no image": -3}), Stage("eligible", 23)))
