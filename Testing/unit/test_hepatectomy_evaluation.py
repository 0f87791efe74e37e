"""Early recurrence on unseen patients: figures from known risks, who counts where, and the report's pages."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hepatectomy_toy import model, register, study, write_toy_cohort

from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.hepatectomy.comparison import compare
from HCCAssistLib.recipes.hepatectomy.evaluated_case import EvaluatedCase, evaluate_case
from HCCAssistLib.recipes.hepatectomy.evaluation import evaluate
from HCCAssistLib.recipes.hepatectomy.recipe import EARLY_RECURRENCE, OUTCOME
from HCCAssistLib.recipes.hepatectomy.report import report
from HCCAssistLib.training.evaluated_cases import EvaluatedCases
from HCCAssistLib.training.recurrence import RecurrenceEvaluation, performance
from HCCAssistLib.training.recurrence_tables import case_rows, prediction_columns, prediction_rows

pytestmark = pytest.mark.heavy

PUBLISHED = (13, 8, 19, 2)
"""TP, FN, TN, FP of the tumour alone in the paper's 42 test patients."""


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cohorts")


@pytest.fixture
def one_case(tmp_path: Path) -> EvaluatedCase:
    return evaluate_case(study(), model(tmp_path / "one"), {"heatmap": False})


def evaluated(
    outcomes: Sequence[tuple[float, int]], risks: Sequence[float], one: EvaluatedCase, loaded: LoadedModel, folder: Path
) -> RecurrenceEvaluation[EvaluatedCase]:
    """Figures of patients whose risks are known; the real statistics run."""
    rows = [
        {"case_id": f"case-{n}", "follow_up_months": f"{months:g}", "event": str(event), "split": "test"}
        for n, (months, event) in enumerate(outcomes)
    ]
    for row in rows:
        (folder / "cases" / row["case_id"]).mkdir(parents=True)
    write_cohort_table(folder, rows)
    cohort = read_cohort(folder)
    done = {
        f"case-{n}": replace(one, result=replace(one.result, probabilities={EARLY_RECURRENCE: risk}))
        for n, risk in enumerate(risks)
    }
    run = {
        "cohort": "toy",
        "cases": list(done),
        "left_out": [],
        "cohort_sha256": "0",
        "weights_sha256": [],
        "options": {},
    }
    found = EvaluatedCases(HeldOut(cohort, cohort.cases, {}, ()), done, {}, run)
    return performance(found, loaded, OUTCOME)


def test_the_paper_s_counts_give_its_figures(one_case: EvaluatedCase, tmp_path: Path) -> None:
    tp, fn, tn, fp = PUBLISHED
    outcomes = [(8.0, 1)] * (tp + fn) + [(40.0, 0)] * (tn + fp)
    risks = [0.8] * tp + [0.2] * fn + [0.3] * tn + [0.7] * fp
    found = evaluated(outcomes, risks, one_case, model(tmp_path, cutoff=0.598), tmp_path / "cohort")
    at = {name: one.value for name, one in found.figures.at_cutoff.estimates.items()}
    for name, percent in {"sensitivity": 61.9, "specificity": 90.5, "PPV": 86.7, "NPV": 70.4, "accuracy": 76.2}.items():
        assert at[name] == pytest.approx(percent / 100, abs=6e-4), name
    interval = found.figures.at_cutoff.estimates["accuracy"].interval
    assert (interval.low, interval.high) == pytest.approx((0.606, 0.880), abs=6e-4)
    (_, at_cutoff), _ = found.figures.against_rate
    assert at_cutoff.p is not None and at_cutoff.p < 0.001
    assert "told rightly for 32 of 42 patients" in found.sentence and "right for 21" in found.sentence


def test_patients_who_were_lost_count_in_the_survival_alone(one_case: EvaluatedCase, tmp_path: Path) -> None:
    outcomes = [(6, 1), (10, 1), (30, 0), (40, 0), (5, 0), (24, 0), (30, 1)]
    risks = [0.9, 0.4, 0.2, 0.6, 0.7, 0.1, 0.3]
    found = evaluated(outcomes, risks, one_case, model(tmp_path, cutoff=0.5), tmp_path / "cohort")
    assert found.figures.at_cutoff.n == 5 and found.censored == 2 and found.figures.groups.concordance.n == 7
    counts = found.figures.at_cutoff.confusion
    assert (counts.tp, counts.fn, counts.fp, counts.tn) == (1, 1, 1, 2)
    assert found.figures.at_cutoff.estimates["AUC"].value == pytest.approx(5 / 6)
    high, low = found.figures.groups.curves
    assert (high.name, high.n, low.name, low.n) == ("high risk", 3, "low risk", 4)
    assert high.survival_at(6).value == pytest.approx(0.5), "one was lost at 5 months, two are at risk at 6"
    assert found.figures.groups.test is not None and found.figures.groups.test.p is not None
    assert "2 more were followed for less than that without one" in found.sentence


def test_nobody_whose_outcome_is_known_leaves_nothing_to_evaluate(one_case: EvaluatedCase, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no case was followed for 24 months or had a recurrence before"):
        evaluated([(5, 0), (8, 0)], [0.2, 0.4], one_case, model(tmp_path), tmp_path / "cohort")


def test_patients_of_one_kind_and_of_one_group_are_told_without_a_comparison(
    one_case: EvaluatedCase, tmp_path: Path
) -> None:
    found = evaluated([(5, 1), (8, 1)], [0.7, 0.8], one_case, model(tmp_path), tmp_path / "cohort")
    assert found.figures.calibration is None and not found.figures.against_rate and found.figures.groups.test is None
    assert [curve.name for curve in found.figures.groups.curves] == ["high risk"]
    json.dumps(found.as_json(), allow_nan=False)


def test_models_are_compared_on_the_same_patients(one_case: EvaluatedCase, tmp_path: Path) -> None:
    outcomes = [(6, 1), (10, 1), (12, 1), (30, 0), (40, 0), (50, 0), (4, 0)]
    loaded = model(tmp_path)
    good = evaluated(outcomes, [0.9, 0.8, 0.7, 0.3, 0.2, 0.1, 0.5], one_case, loaded, tmp_path / "a")
    bad = evaluated(outcomes, [0.4, 0.8, 0.3, 0.6, 0.2, 0.5, 0.5], one_case, loaded, tmp_path / "b")
    (section,), sessions = compare({"SS": good, "NSS": bad})
    assert section.model == "NSS" and sessions == ()
    area = section.differences[0]
    wanted = bad.figures.at_cutoff.estimates["AUC"].value - good.figures.at_cutoff.estimates["AUC"].value  # type: ignore[operator]
    assert area.value == pytest.approx(wanted) and area.value < 0
    assert [name for name, _ in section.tests] == ["AUC", "right and wrong calls"]


def test_a_cohort_is_evaluated_kept_and_reported(cohorts: Path, tmp_path: Path) -> None:
    folder = write_toy_cohort(cohorts / "toy", [(8, 1), (40, 0), (12, 1), (30, 0), (6, 0)])
    loaded = model(tmp_path / "model", members=2)
    found = evaluate(read_cohort(folder, tolerant=True), loaded, {}, folder=tmp_path / "kept")
    assert [one.case_id for one in found.cases] == [f"case-{n}" for n in range(5)] and found.censored == 1
    again = evaluate(read_cohort(folder, tolerant=True), loaded, {}, folder=tmp_path / "kept")
    assert [one.done.result.as_json() for one in again.cases] == [one.done.result.as_json() for one in found.cases]
    assert all(np.array_equal(a.done.seen, b.done.seen) for a, b in zip(again.cases, found.cases, strict=True))
    assert found.cases[0].done.seen.shape == (3, 150, 150) and found.cases[0].done.seen.max() > 100
    pages = report(found, loaded)
    pages.write(tmp_path / "report")
    text = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    for words in (
        "Recurrence-free survival",
        "Net benefit",
        found.figures.groups.curves[0].name.capitalize(),
        "C-index",
        "Model card",
        "case-4",
    ):
        assert words in text, words
    columns, rows = case_rows(found)
    assert len(rows) == 5 and rows[4][3] == "not known" and all(len(row) == len(columns) for row in rows)
    written = list(prediction_rows(found))
    assert all(len(row) == len(prediction_columns(found)) for row in written) and written[4][4] is None
