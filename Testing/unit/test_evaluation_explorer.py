"""The threshold that a reader moves: every figure is the one that the tables give there, and the cases add up to it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.explorer import FALSE, MISSED, Scale, Step, binary_scale, steps
from HCCAssistLib.evaluation.froc import froc, lesion_operating_point, lesion_operating_points
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import CasePages, CaseRow
from HCCAssistLib.evaluation.report_explorer import explorer_json, threshold_texts
from HCCAssistLib.evaluation.thresholds import PROPORTIONS, binary_metrics_at, cutoffs_of, offered_thresholds
from HCCAssistLib.recipes.ltp.explorer import outcome_text
from HCCAssistLib.results.cutoff import CutOff

pytest.importorskip("jinja2", reason="SKIPPED: Jinja2 is not installed")

OWN = CutOff(0.5, "largest Youden index on the validation set")
EVIL = 'case-<img src=x onerror="alert(1)">&</script>'


def rows(seed: int = 0, patients: int = 30, each: int = 2) -> tuple[list[bool], list[float], list[str]]:
    rng = np.random.default_rng(seed)
    labels = rng.random(patients * each) < 0.4
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1).round(3)
    return labels.tolist(), scores.tolist(), [f"p{n // each}" for n in range(patients * each)]


@pytest.fixture(scope="module")
def scale() -> Scale:
    labels, scores, groups = rows()
    return binary_scale("Score", labels, scores, groups, unit="patch", level="Patches", cutoff=OWN, draws=100)


@pytest.mark.parametrize("label", [True, False])
def test_where_one_class_is_missing_no_curve_is_drawn_through_figures_that_are_not_known(label: bool) -> None:
    _, scores, groups = rows(patients=5)
    found = binary_scale(
        "Score", [label] * len(scores), scores, groups, unit="patch", level="Patches", cutoff=OWN, draws=20
    )
    assert found.curve[2] == ()
    known = dict(zip(PROPORTIONS, (one.value is not None for one in found.levels["Patches"][found.own]), strict=True))
    assert known["sensitivity"] == label and known["specificity"] != label
    assert json.loads(explorer_json([found], [0]))["scales"][0]["curve"]["points"] == []


def volumes(seed: int = 1, count: int = 9) -> list[VolumeFindings]:
    rng = np.random.default_rng(seed)

    def place(lesions: int) -> np.ndarray:
        return rng.uniform(0, 50, (lesions, 3))

    return [VolumeFindings(str(n), place(6), rng.random(6), place(n % 3), np.full(n % 3, 15.0)) for n in range(count)]


@pytest.mark.parametrize("each", [1, 3], ids=["one row a patient", "several"])
def test_at_each_threshold_stand_the_figures_of_the_binary_evaluation(each: int) -> None:
    labels, scores, groups = rows(each=each)
    cutoffs = [CutOff(value, "given") for value in (0.0, 0.31, 0.5, 0.77, 2.0)]
    at = binary_metrics_at(labels, scores, groups, cutoffs, unit="patch", draws=150)
    for cutoff, found in zip(cutoffs, at, strict=True):
        whole = binary_evaluation(labels, scores, groups, unit="patch", cutoff=cutoff, draws=150)
        for name in PROPORTIONS:
            assert found[name] == whole.estimates[name]
            assert (found[name].clustered is not None) == (each > 1)


def test_at_each_threshold_stand_the_figures_of_the_lesion_operating_point() -> None:
    found = volumes()
    cutoffs = [CutOff(value, "given") for value in (0.1, 0.5, 0.93, 1.1)]
    at = lesion_operating_points(found, cutoffs, draws=150)
    assert at == [lesion_operating_point(found, cutoff, draws=150) for cutoff in cutoffs]
    curve = froc(found, draws=50)
    each = lesion_operating_points(found, cutoffs_of(curve.thresholds, None), draws=50)
    assert [one.value for one, _ in each] == curve.sensitivity.tolist()
    assert [rate.value for _, rate in each] == curve.false_positives_per_volume.tolist()


def test_rows_add_up_to_the_counts_at_every_threshold(scale: Scale) -> None:
    labels, _, _ = rows()
    positives = sum(labels)
    assert scale.thresholds[scale.own] == OWN.value and scale.source == OWN.source
    for position, (sensitivity, specificity, *_) in enumerate(scale.levels["Patches"]):
        now = [[step for step in row if step.start <= position][-1] for row in scale.rows]
        assert sum(step.marks == MISSED for step in now) == positives - (sensitivity.successes or 0)
        assert sum(step.marks == FALSE for step in now) == len(labels) - positives - (specificity.successes or 0)
        assert sensitivity.cutoff is not None and sensitivity.cutoff.value == scale.thresholds[position]


@pytest.mark.parametrize("most", [200, 40], ids=["all", "thinned"])
def test_a_threshold_applied_as_it_is_printed_gives_the_figures_beside_it(most: int) -> None:
    rng = np.random.default_rng(2)
    scores = np.float32(rng.beta(0.3, 0.3, 180)).astype(float)  # crowded at both ends, as a network's are
    labels = (scores + rng.normal(0, 0.4, 180) > 0.5).tolist()
    groups = [str(n) for n in range(180)]
    own = CutOff(float(np.sort(scores)[90]) - 1e-9, "validation")
    found = binary_scale(
        "Score", labels, scores.tolist(), groups, unit="patch", level="All", cutoff=own, draws=20, most=most
    )
    (about,) = json.loads(explorer_json([found], [1]))["scales"]
    assert len(about["thresholds"]) == len(set(about["thresholds"])) == len(found.thresholds)
    for text, (sensitivity, specificity, *_) in zip(about["thresholds"], found.levels["All"], strict=True):
        called = scores >= float(text)
        assert sensitivity.successes == (called & labels).sum()
        assert specificity.successes == (~called & ~np.array(labels)).sum()


def test_where_there_is_no_cutoff_the_models_own_rule_has_a_position_of_its_own() -> None:
    labels, scores, groups = rows(each=1)
    called = [score > 0.45 for score in scores]
    found = binary_scale(
        "Probability", labels, scores, groups, unit="mass", level="Masses", called=called, rule="the most probable"
    )
    assert found.own == len(found.thresholds) == len(found.levels["Masses"]) - 1
    own = binary_evaluation(labels, [float(one) for one in called], groups, unit="mass", cutoff=CutOff(1.0, "x"))
    assert [one.value for one in found.levels["Masses"][-1]] == [own.estimates[name].value for name in PROPORTIONS]


def test_rows_whose_truth_is_not_known_are_in_no_figure() -> None:
    found = binary_scale(
        "Risk", [True, None, False], [0.9, 0.7, 0.2], ["a", "b", "c"], unit="patient", level="All", cutoff=OWN,
        columns=("Group",), cells=lambda row, high: ("high" if high else "low",),
    )  # fmt: skip
    assert {one.n for estimates in found.levels["All"] for one in estimates[:2]} == {1}
    assert found.thresholds.tolist() == [0.2, 0.5, 0.9]
    assert found.rows[1] == (Step(0, "", ("high", "")), Step(2, "", ("low", "")))


def test_a_cutoff_that_nothing_reaches_has_its_position() -> None:
    labels, scores, groups = rows()
    never = CutOff(float("inf"), "no cut-off reaches the specificity asked for")
    found = binary_scale("Score", labels, scores, groups, unit="patch", level="All", cutoff=never, draws=60)
    assert found.own == len(found.thresholds) - 1 and found.levels["All"][found.own][0].value == 0
    assert threshold_texts(found.thresholds)[-1] == "\N{INFINITY}" and found.as_json()["thresholds"][-1] == "infinity"
    json.dumps(found.as_json(), allow_nan=False)


def test_thresholds_are_thinned_from_end_to_end_and_keep_the_models_own() -> None:
    rng = np.random.default_rng(3)
    right, wrong = rng.random(70), rng.random(5000) * 0.8
    found = offered_thresholds([*right, -np.inf], wrong, 0.4321, most=200)
    assert 150 <= len(found) <= 201 and 0.4321 in found and np.all(np.diff(found) > 0)
    assert set(right) <= set(found)  # few: all of them
    assert found[0] == min(right.min(), wrong.min()) and found[-1] == max(right.max(), wrong.max())
    gaps = np.diff(np.searchsorted(np.sort(wrong), found))
    assert gaps.max() < 5000 / 60 and (found >= np.sort(wrong)[-10]).sum() >= 10  # the highest false positives decide
    assert offered_thresholds([], [], 0.5).tolist() == [0.5]
    assert len(offered_thresholds(right, wrong[:50])) == 120
    with pytest.raises(InputError, match="four"):
        offered_thresholds(right, wrong, most=3)


def test_words_of_a_case_and_its_steps() -> None:
    assert [outcome_text(*counts) for counts in ((2, 2, 0), (2, 0, 1), (0, 0, 2))] == [
        "found", "missed, false positive", "false positive",
    ]  # fmt: skip
    assert steps([]) == ()
    assert steps([("m", ("a",)), ("", ("a",)), ("", ("b",))]) == (
        Step(0, "m", ("a",)), Step(1, "", ("a",)), Step(2, "", ("b",)),
    )  # fmt: skip


def page_of(scale: Scale, folder: Path, *, pages: bool = True) -> str:
    pages_of_cases = {f"c{n}": f"cases/c{n}/view.html" for n in range(len(scale.rows))} if pages else {}
    report = Report("Explored")
    report.add_heading("Cases")
    listed = [CaseRow((f"c{n}", "", row[0].cells[0])) for n, row in enumerate(scale.rows)]
    listed[3] = CaseRow((EVIL, "<b>", "true negative"))
    report.add_case_table("Cases", ("Case", "Note", "Outcome"), listed, scales=[scale], follows=["Outcome"])
    report.link_cases(
        CasePages({**pages_of_cases, EVIL: "cases/a b<c/view.html"}, 42_000_000) if pages else CasePages()
    )
    return report.write(folder).read_text(encoding="utf-8")


def test_the_page_holds_the_texts_of_every_threshold_and_nothing_else_runs(scale: Scale, tmp_path: Path) -> None:
    html = page_of(scale, tmp_path)
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])  # type: ignore[index]
    (found,) = data["scales"]
    assert found["thresholds"][found["own"]] == "0.5000" and len(set(found["thresholds"])) == len(found["thresholds"])
    at_own = binary_evaluation(*rows(), unit="patch", cutoff=OWN, draws=100).estimates["sensitivity"]
    value, count, interval = found["levels"][0]["at"][found["own"]][0]
    assert value == f"{100 * (at_own.value or 0):.1f} %" and count == f"{at_own.successes} of {at_own.n} patches"
    assert at_own.clustered is not None and f"{100 * (at_own.clustered.low or 0):.1f}" in interval
    assert "percentile bootstrap" in found["levels"][0]["methods"]
    assert html.count("<script") == 2 and "unsafe-inline" not in html and "script-src 'sha256-" in unescape(html)
    assert EVIL not in html and "&lt;img src=x" in html and "cases/a%20b%3Cc/view.html" in html
    assert not re.search(r"https?://", html)
    assert "61 files beside this one, 42 MB" in html
    kept = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    of_case = next(block for block in kept["blocks"] if "thresholds" in block)["thresholds"][0]
    assert of_case["levels"]["Patches"][0]["values"][scale.own] == at_own.value
    assert len(of_case["thresholds"]) == len(of_case["levels"]["Patches"][0]["low"]) == len(scale.thresholds)


def test_no_text_ends_the_element_that_holds_the_data(scale: Scale) -> None:
    text = explorer_json([replace(scale, title="</script><script>alert(1)")], [1])
    assert "<" not in text and json.loads(text)["scales"][0]["title"].startswith("</script>")
    assert explorer_json([], []) == ""


def test_without_cases_there_is_no_script_and_without_pages_no_link(scale: Scale, tmp_path: Path) -> None:
    plain = Report("Plain")
    plain.add_text("words")
    html = plain.write(tmp_path / "plain").read_text(encoding="utf-8")
    assert "<script" not in html and "script-src" not in html
    assert 'class="images"' not in page_of(scale, tmp_path / "unlinked", pages=False)


def test_steps_of_other_rows_are_refused(scale: Scale) -> None:
    with pytest.raises(InputError, match="steps"):
        Report("x").add_case_table(
            "Cases", ("Case", "Outcome"), [CaseRow(("c", ""))], scales=[scale], follows=["Outcome"]
        )


def test_the_same_cases_give_the_same_page(scale: Scale, tmp_path: Path) -> None:
    assert page_of(scale, tmp_path / "a") == page_of(scale, tmp_path / "b")
