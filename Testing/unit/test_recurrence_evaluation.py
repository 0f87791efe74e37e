"""The evaluation that the recipes of early recurrence share: several models, published counts, odd cohorts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hepatectomy_toy import model, register, study

from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.evaluation.risk_figures import OWN, SEVEN, beside, risk_figures
from HCCAssistLib.evaluation.risk_groups import FollowedPatient
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.hepatectomy.evaluated_case import EvaluatedCase, evaluate_case
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME
from HCCAssistLib.recipes.hepatectomy.report import report
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.evaluated_cases import EvaluatedCases
from HCCAssistLib.training.recurrence import RecurrenceEvaluation, performance
from HCCAssistLib.training.recurrence_explorer import explorer
from HCCAssistLib.training.recurrence_tables import case_rows, prediction_columns, prediction_rows
from HCCAssistLib.training.second_rater import second_rater

pytestmark = pytest.mark.heavy

HALF = CutOff(0.5, "chosen before")

KONG = {
    "train Clinical": ((10, 49, 195, 0), (0.807, 0.169, 1.000, 1.000, 0.799, 0.290)),
    "train Pre": ((50, 9, 144, 51), (0.764, 0.847, 0.738, 0.495, 0.941, 0.625)),
    "train PrePost": ((56, 3, 93, 102), (0.587, 0.949, 0.477, 0.354, 0.969, 0.516)),
    "train DL_Clinical": ((33, 26, 190, 5), (0.878, 0.559, 0.974, 0.868, 0.880, 0.680)),
    "external Clinical": ((4, 3, 14, 14), (0.514, 0.571, 0.500, 0.222, 0.824, 0.320)),
    "external Pre": ((3, 4, 21, 7), (0.686, 0.429, 0.750, 0.300, 0.840, 0.353)),
    "external PrePost": ((4, 3, 22, 6), (0.743, 0.571, 0.786, 0.400, 0.880, 0.471)),
    "external DL_Clinical": ((5, 2, 20, 8), (0.714, 0.714, 0.714, 0.385, 0.909, 0.500)),
}
"""TP, FN, TN, FP of Kong 2025, and accuracy, sensitivity, specificity, PPV, NPV and F1 as printed."""


def patients(
    outcomes: Sequence[tuple[float, int]], risks: Sequence[float], cutoffs: Sequence[CutOff] = ()
) -> list[FollowedPatient]:
    cutoffs = cutoffs or [HALF] * len(risks)
    return [
        FollowedPatient(f"p{n}", months, bool(event), OUTCOME.early(months, bool(event)), risk, cutoff)
        for n, ((months, event), risk, cutoff) in enumerate(zip(outcomes, risks, cutoffs, strict=True))
    ]


def counted(tp: int, fn: int, tn: int, fp: int) -> list[FollowedPatient]:
    outcomes = [(8.0, 1)] * (tp + fn) + [(40.0, 0)] * (tn + fp)
    return patients(outcomes, [0.8] * tp + [0.2] * fn + [0.3] * tn + [0.7] * fp)


@pytest.mark.parametrize("row", KONG)
def test_the_counts_of_kong_give_the_printed_metrics_with_bootstrap_intervals(row: str) -> None:
    counts, printed = KONG[row]
    found = risk_figures(counted(*counts), name="network")
    for name, value in zip(SEVEN[1:], printed, strict=True):
        one = found.seven[name]
        assert one.value == pytest.approx(value, abs=5.1e-4), name
        assert "bootstrap" in one.interval.method and one.interval.draws == 1000, name
        if value == 1.0:
            assert "every draw gives the same value" in one.interval.reason, name
        else:
            low, high = one.interval.low, one.interval.high
            assert low is not None and high is not None and low <= one.value <= high, name
    assert found.at_cutoff.confusion.as_json() == dict(zip(("tp", "fn", "tn", "fp"), counts, strict=True))


@pytest.mark.parametrize(
    ("counts", "accuracy", "limits", "p"),
    [((13, 8, 19, 2), 0.762, (0.606, 0.880), 0.00047034), ((11, 10, 13, 8), 0.571, (0.410, 0.723), 0.22039953)],
)
def test_the_counts_of_cui_give_the_printed_accuracy_interval_and_p(
    counts: tuple[int, int, int, int], accuracy: float, limits: tuple[float, float], p: float
) -> None:
    found = risk_figures(counted(*counts), name="network")
    one = found.at_cutoff.estimates["accuracy"]
    assert one.value == pytest.approx(accuracy, abs=6e-4) and "Clopper-Pearson" in one.interval.method
    assert (one.interval.low, one.interval.high) == pytest.approx(limits, abs=1.1e-3), "the paper rounds twice"
    assert found.against_rate[0][1].p == pytest.approx(p, rel=1e-4)


def test_two_patients_and_risks_that_are_all_the_same_have_figures_or_reasons() -> None:
    two = risk_figures(patients([(8, 1), (40, 0)], [0.9, 0.1]), name="network")
    assert two.at_cutoff.estimates["AUC"].value == 1.0 and two.groups.concordance.value == 1.0
    same = risk_figures(patients([(8, 1), (12, 1), (40, 0), (50, 0)], [0.5] * 4), name="network")
    assert same.at_cutoff.estimates["AUC"].value == 0.5 and same.groups.concordance.value == 0.5
    assert [curve.name for curve in same.groups.curves] == ["high risk"] and same.groups.test is None
    for one in (two, same):
        json.dumps(one.as_json(), allow_nan=False)


def test_a_group_whose_patients_were_all_lost_is_followed_and_compared() -> None:
    found = risk_figures(
        patients([(8, 1), (12, 1), (40, 0), (3, 0), (5, 0)], [0.9, 0.8, 0.7, 0.1, 0.2]), name="network"
    )
    low = found.groups.curves[1]
    assert low.name == "low risk" and low.events.sum() == 0 and found.at_cutoff.n == 3
    assert found.groups.test is not None and found.groups.test.p is None and found.groups.test.reason


def test_models_with_cut_offs_of_their_own_call_each_patient_by_his() -> None:
    one, other = CutOff(0.3, "of one"), CutOff(0.8, "of the other")
    outcomes = [(8, 1), (12, 1), (40, 0), (50, 0)]
    found = risk_figures(patients(outcomes, [0.375, 0.7, 0.2, 0.75], [one, other, one, other]), name="network")
    counts = found.at_cutoff.confusion
    assert (counts.tp, counts.fn, counts.tn, counts.fp) == (1, 1, 2, 0)
    assert found.groups.curves[0].n == 1
    ranked = risk_figures(patients(outcomes, [0.4, 0.75, 0.2, 0.7], [one, other, one, other]), name="network")
    assert ranked.at_cutoff.estimates["AUC"].value == 1.0, "0.1 above and 0.05 below against 0.1 below and 0.1 below"
    assert ranked.at_half.estimates["accuracy"].value == 0.5, "the risks as they are"


def test_a_simpler_model_is_compared_on_the_patients_that_both_have() -> None:
    rows = patients([(8, 1), (12, 1), (40, 0), (50, 0), (4, 0)], [0.9, 0.6, 0.4, 0.2, 0.5])
    found = beside(rows, {"clinical": [0.4, 0.7, 0.5, None, 0.9], "of one kind": [0.1, 0.2, None, None, None]})
    (clinical,) = found
    assert clinical.name == "clinical" and clinical.area.n == 3 and clinical.area.value == 0.5
    assert clinical.comparison.differences[0].value == pytest.approx(0.5)
    assert "not to be relied on with 1 patients of one kind" in clinical.comparison.delong.note
    json.dumps(clinical.as_json(), allow_nan=False)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@pytest.fixture
def one_case(tmp_path: Path) -> EvaluatedCase:
    return evaluate_case(study(), model(tmp_path / "one"), {"heatmap": False})


def evaluated(
    outcomes: Sequence[tuple[float, int]],
    risks: Sequence[Mapping[str, float]],
    one: EvaluatedCase,
    loaded: LoadedModel,
    folder: Path,
) -> RecurrenceEvaluation[EvaluatedCase]:
    """Figures of patients who have some of several probabilities; the first one decides."""
    rows = [
        {"case_id": f"case-{n}", "follow_up_months": f"{months:g}", "event": str(event), "split": "test"}
        for n, (months, event) in enumerate(outcomes)
    ]
    for row in rows:
        (folder / "cases" / row["case_id"]).mkdir(parents=True)
    write_cohort_table(folder, rows)
    cohort = read_cohort(folder)
    done = {
        f"case-{n}": replace(one, result=replace(one.result, probabilities=risk, decides=next(iter(risk))))
        for n, risk in enumerate(risks)
    }
    run = {"cohort": "toy", "cases": list(done), "left_out": [], "cohort_sha256": "0", "weights_sha256": []}
    found = EvaluatedCases(HeldOut(cohort, cohort.cases, {}, ()), done, {}, {**run, "options": {}})
    return performance(
        found, loaded, OUTCOME, simple=lambda one: {"clinical": one.result.probabilities.get("clinical", 0.5)}
    )


@pytest.mark.slow
def test_each_of_several_models_has_a_row_and_the_fullest_decides(one_case: EvaluatedCase, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    outcomes = [(8, 1), (30, 0), (12, 1), (40, 0), (20, 1), (50, 0), (6, 0), (26, 0), (3, 1), (60, 0)]
    risks = []
    for months, event in outcomes:
        early = bool(event and months <= 24)
        drawn = [0.5 + by * (early - 0.5) + rng.normal(0, 0.1) for by in (0.8, 0.4, 0.1)]
        dl, pre, clinical = (float(np.clip(one, 0, 1)) for one in drawn)
        full = {"dl_clinical": dl, "prepost": (dl + pre) / 2, "pre": pre, "clinical": clinical}
        risks.append(full if months != 60 else {"pre": pre, "clinical": clinical})
    found = evaluated(outcomes, risks, one_case, model(tmp_path), tmp_path / "cohort")
    assert list(found.models) == ["dl_clinical", "prepost", "pre", "clinical"]
    assert [one.at_cutoff.n for one in found.models.values()] == [8, 8, 9, 9] and found.censored == 1
    assert found.cases[0].risk == risks[0]["dl_clinical"] and found.cases[-1].risk == risks[-1]["pre"]
    assert any("several models decide: dl_clinical on 9, pre on 1" in problem.what for problem in found.problems)
    assert [one.name for one in found.beside] == ["clinical"]
    pages = report(found, model(tmp_path / "again"))
    pages.write(tmp_path / "report")
    text = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    for words in ("Each model", "dl_clinical", "Recurrence-free survival by prepost", "without a recurrence (1 here)"):
        assert words in text, words
    names = {path.name for path in (tmp_path / "report" / "figures").iterdir()}
    assert {"each-model-roc.svg", "net-benefit-of-each-model-decision.svg", "beside-simpler-models-roc.svg"} <= names
    scale = explorer(found)
    (of_patients, groups), own = scale.levels.values(), scale.own
    assert scale.thresholds[own] == 0.5 and scale.source == found.figures.at_cutoff.cutoff.source
    at_cutoff = found.figures.at_cutoff.estimates
    assert [one.value for one in of_patients[own]] == [at_cutoff[one.name].value for one in of_patients[own]]
    assert [one.n for one in groups[own]] == [
        sum(one.high for one in found.cases),
        sum(not one.high for one in found.cases),
    ]
    curves = {curve.name: curve.survival_at(24).value for curve in found.figures.groups.curves}
    assert {one.name: one.value for one in groups[own]} == curves
    told = [[step for step in row if step.start <= own][-1].cells for row in scale.rows]
    assert told == [(row[5], row[6]) for row in case_rows(found)[1]]
    cutoffs = [CutOff(0.3, "chosen before") if one.case_id == "case-9" else HALF for one in found.cases]
    mixed = [replace(one, cutoff=c, score=one.risk - c.value) for one, c in zip(found.cases, cutoffs, strict=True)]
    scale = explorer(replace(found, cases=tuple(mixed)))  # what is moved is how far above his own a patient's risk lies
    assert scale.thresholds[scale.own] == 0 and scale.source == OWN.source
    own = [[step for step in row if step.start <= scale.own][-1].cells[0] for row in scale.rows]
    assert own == ["high" if one.high else "low" for one in mixed]
    columns = prediction_columns(found)
    assert columns[-4:] == ("risk_dl_clinical", "risk_prepost", "risk_pre", "risk_clinical")
    last = list(prediction_rows(found))[-1]
    assert len(last) == len(columns) and last[-4:] == (None, None, risks[-1]["pre"], risks[-1]["clinical"])
    assert case_rows(found)[1][6][3] == "not known"
    json.dumps(found.as_json(), allow_nan=False)


def test_a_second_rater_changes_auc_and_groups(one_case: EvaluatedCase, tmp_path: Path) -> None:
    outcomes = [(6, 1), (10, 1), (12, 1), (30, 0), (40, 0), (50, 0), (4, 0)]
    loaded = model(tmp_path)
    own, again = [0.9, 0.8, 0.7, 0.3, 0.2, 0.1, 0.6], [0.9, 0.4, 0.7, 0.6, 0.2, 0.1, 0.4]
    first, second = (
        evaluated(outcomes, [{"early_recurrence": risk} for risk in risks], one_case, loaded, tmp_path / name)
        for name, risks in (("a", own), ("b", again))
    )
    found = second_rater("anna", first, second, {"case-0": 0.9, "case-1": 0.7, "case-2": 0.8})
    assert [one.case_id for one in found.changed] == ["case-1", "case-3", "case-6"]
    assert found.areas[0].value == 1.0 and found.areas[1].value == pytest.approx(8 / 9)
    assert found.areas[0].n == 6 and len(found.patients) == 7 and found.dice == pytest.approx((0.8, 0.7, 0.9))
    assert found.comparison is not None and found.comparison.differences[0].value == pytest.approx(-1 / 9)
    pages = report(first, loaded, rated=found)
    assert any("Second rater anna" in str(block.as_json()) for block in pages.blocks)
    assert "rater_variability" not in {item.key for item in pages.missing}
    json.dumps(found.as_json(), allow_nan=False)
