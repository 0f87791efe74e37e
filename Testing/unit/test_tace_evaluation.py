"""Evaluation of TACE responses: the paper's figures from made-up results, and a toy cohort from files to the report."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tace_toy import grid, model, segment, volume, write_toy_cohort

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.additions import add_case
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort, read_cohort, write_cohort_table
from HCCAssistLib.cohort.finding_labels import segments_of_findings
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.cohort.segments import Segment, read_segments, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.evaluation.report_blocks import PNG
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.study import judged_study, read_study
from HCCAssistLib.recipes.tace import evaluation
from HCCAssistLib.recipes.tace.baseline import RULES, fitted, measures
from HCCAssistLib.recipes.tace.bodies import STANDS_IN
from HCCAssistLib.recipes.tace.comparison import compare
from HCCAssistLib.recipes.tace.evaluated_case import EvaluatedCase, MeasuredTumour
from HCCAssistLib.recipes.tace.level import OBJECTIVE
from HCCAssistLib.recipes.tace.performance import TACEEvaluation, performance
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, GROUPS, RESPONSES, SIZE, TACE, TUMOURS
from HCCAssistLib.recipes.tace.report import COLUMNS, report
from HCCAssistLib.recipes.tace.review import training_annotations
from HCCAssistLib.recipes.tace.sampling import CODES
from HCCAssistLib.recipes.tace.tumours import tumours_of
from HCCAssistLib.results.classification import ClassificationResult, Finding, Patch
from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.training.evaluated_cases import EvaluatedCases
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.run import train
from HCCAssistLib.training.samples import Origin, Samples
from HCCAssistLib.training.simple_rules import mean_probability

pytestmark = pytest.mark.heavy

GRID = Geometry.from_parts((4, 8, 8), (1.0, 1.0, 1.0))
SEEN = np.zeros((3, 1, SIZE, SIZE), np.uint8)

COHORTS = {
    "NFH": ((83, 151, 222, 106), 1687),
    "ZHHAJU": ((13, 24, 35, 17), 268),
    "SYUCC": ((21, 37, 54, 26), 406),
}
"""Peng 2020: patients with CR, PR, SD and PD, and patches."""

RULE = {"intercept": 0.0, "weights": {"log_volume": -1.0}}


def said(code: str, surely: float = 0.7) -> dict[str, float]:
    return {one: surely if one == code else (1 - surely) / 3 for one in CODES}


def case_of(
    name: str, patches: Sequence[str], *, beside: Sequence[str] = (), ml: float = 20.0, surely: float = 0.7
) -> EvaluatedCase:
    """A case whose target has patches of these responses, and another tumour that is no target."""
    findings = []
    for number, (target, called) in enumerate(((True, patches), (False, beside)), 1):
        if called:
            each = tuple(
                Patch(Box((0.0, 0.0, float(n)), (12.0, 12.0, 1.0)), n, said(c, surely)) for n, c in enumerate(called)
            )
            mean = {code: float(np.mean([one.probabilities[code] for one in each])) for code in CODES}
            where = (0.0, 0.0, 0.0)
            findings.append(
                Finding(number, f"T{number}", where, mean, each[0].box, 0, (), 24.0, target=target, patches=each)
            )
    run = RunRecord("tace-response", {}, "toy", ("0" * 64,), {}, "cpu", {ARTERIAL: name}, 1.0)
    patient = findings[0].probabilities
    result = ClassificationResult(RESPONSES, tuple(findings), {ARTERIAL: GRID}, run, GROUPS, patient)
    tumours = tuple(MeasuredTumour(ml, 60.0, SEEN[:1].repeat(len(one.patches), 0)) for one in findings)
    return EvaluatedCase(result, tumours)


def judged(cases: Mapping[str, tuple[str, EvaluatedCase]], one: LoadedModel, *, patients: int = 1000) -> TACEEvaluation:
    """The figures of cases with their responses; so many cases after each other are another patient's."""
    listed = tuple(
        Case(name, f"p{number % patients}", "test", {"response": response}, Path(name))
        for number, (name, (response, _)) in enumerate(cases.items())
    )
    run = {"cohort": "made-up", "cohort_sha256": "0" * 64, "cases": list(cases), "left_out": [], "options": {}}
    done = {name: one for name, (_, one) in cases.items()}
    held_out = HeldOut(Cohort(None, listed), listed, {}, ())
    return performance(EvaluatedCases(held_out, done, {}, run | {"weights_sha256": ["0" * 64]}), one)


def responses_of(counts: Sequence[int]) -> list[str]:
    return [code for code, count in zip(CODES, counts, strict=True) for _ in range(count)]


def published(cohort: str, right: int) -> dict[str, tuple[str, EvaluatedCase]]:
    """A cohort with the paper's patients and patches, of which so many are given the right response."""
    counts, patches = COHORTS[cohort]
    responses = responses_of(counts)
    each = np.full(len(responses), patches // len(responses))
    each[: patches - each.sum()] += 1
    hits, at = np.zeros(patches, bool), 0
    hits[np.linspace(0, patches - 1, right).round().astype(int)] = True
    cases = {}
    for number, (response, count) in enumerate(zip(responses, each, strict=True)):
        wrong = CODES[(CODES.index(response) + 1) % 4]
        cases[f"c{number}"] = (
            response,
            case_of(f"c{number}", [response if hit else wrong for hit in hits[at : at + count]]),
        )
        at += count
    return cases


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A small network with random weights, and a rule by which large tumours do not respond."""
    training = {"caveats": [STANDS_IN], "baselines": [{"volume": RULE}]}
    return model(tmp_path_factory.mktemp("small"), body="small", backbone="", training=training)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without the time that their drawings take."""
    monkeypatch.setattr("HCCAssistLib.evaluation.figures.as_svg", lambda figure: b"<svg/>")
    monkeypatch.setattr("HCCAssistLib.evaluation.figures.as_png", lambda figure: PNG)


@pytest.mark.parametrize(("cohort", "right", "percent"), [("ZHHAJU", 228, 85.07), ("SYUCC", 336, 82.76)])
def test_the_papers_counts_give_its_objective_responses_and_accuracies(
    cohort: str, right: int, percent: float, small: LoadedModel
) -> None:
    found = judged(published(cohort, right), small)
    counts, patches = COHORTS[cohort]
    assert [sum(row) for row in found.patient.categories.matrix.counts] == list(counts)
    assert found.flow.parts == dict(zip(RESPONSES.values(), counts, strict=True))
    accuracy = found.patch.categories.accuracy
    assert (accuracy.successes, accuracy.n, accuracy.clusters) == (right, patches, sum(counts))
    assert round(100 * (accuracy.value or 0), 2) == percent
    assert accuracy.clustered and "1,000 draws" in accuracy.clustered.method
    area = found.patient.areas[OBJECTIVE]
    responders = counts[0] + counts[1]
    assert area.note == f"{responders} positive, {sum(counts) - responders} negative"
    assert area.clustered and area.clustered.draws == 1000
    assert set(found.patch.areas) == {*CODES, OBJECTIVE}


def test_the_response_of_a_patient_is_the_mean_over_targets_alone_and_merges_cr_and_pr(small: LoadedModel) -> None:
    one = case_of("c0", ["CR", "PR", "PR"], beside=["PD", "PD"], surely=0.7)
    found = judged({"c0": ("PR", one), "c1": ("SD", case_of("c1", ["SD"]))}, small)
    (first, second) = found.cases
    assert found.patch.n == 4, "patches of a tumour that is no target count nowhere"
    assert first.predicted == "PR" and first.right and first.responded and not second.responded
    assert first.objective == pytest.approx(0.8) and second.objective == pytest.approx(0.2)
    assert first.by_rule == {"volume": pytest.approx(1 / 21)}, "1 / (1 + 20 ml)"
    assert found.sentence.startswith("The right one of four responses is predicted for 2 of 2 patients")


@pytest.mark.usefixtures("undrawn")
def test_probabilities_of_patients_with_and_without_response_are_compared_as_in_the_paper(small: LoadedModel) -> None:
    sure = {f"r{n}": ("CR", case_of(f"r{n}", ["CR"], surely=0.7 + n / 100)) for n in range(6)}
    sure |= {f"n{n}": ("PD", case_of(f"n{n}", ["PD"], surely=0.7 + n / 100)) for n in range(6)}
    found = judged(sure, small)
    assert found.groups is not None and found.groups.statistic == 36 and found.groups.p == pytest.approx(2 / 924)
    assert found.groups.details["median, objective response"] > found.groups.details["median, none"]
    (versus,) = found.versus
    assert versus.rule == "volume" and versus.area.value == 0.5 and versus.difference.value == 0.5
    assert "with 6 patients of one kind" in versus.test.note
    curves = dict(found.decisions.curves)
    assert curves["network"].model[49] == 0.5 and curves["network"].treat_all[49] == 0
    at = {(name, one.name): one.value for name, one in found.decisions.at}
    assert at["treat all", "net benefit at threshold 0.6"] == pytest.approx(0.5 - 0.5 * 1.5)
    text = json.dumps(report(found, small).as_json())
    assert "Thresholds of 0.01 to 0.99 are drawn; 0.2, 0.4, 0.6 were chosen before" in text
    assert STANDS_IN in text and "was not used" in text


def test_shuffled_responses_give_chance(small: LoadedModel, tmp_path: Path) -> None:
    shuffled = model(tmp_path, body="small", backbone="", permute_labels=True)
    cases = {f"c{n}": (code, case_of(f"c{n}", [code] * 3)) for n, code in enumerate(responses_of((30, 30, 30, 30)))}
    found = judged(cases, shuffled)
    area = found.patient.areas[OBJECTIVE].clustered
    assert area and area.low is not None and area.high is not None and area.low < 0.5 < area.high
    assert 0.14 < (found.patient.categories.balanced_accuracy.value or 0) < 0.36
    assert judged(cases, small).patient.areas[OBJECTIVE].value == 1.0


def test_patches_of_one_patient_are_resampled_together_and_several_cases_of_one_are_told(small: LoadedModel) -> None:
    cases = {f"c{n}": (code, case_of(f"c{n}", [code, "SD", code])) for n, code in enumerate(CODES * 3)}
    found = judged(cases, small, patients=6)
    assert (found.patch.n, found.patch.areas["CR"].clusters, found.patch.categories.patients) == (36, 6, 6)
    assert "6 patients with several cases: each case counts as a patient" in [p.what for p in found.problems]
    assert not any("several cases" in p.what for p in judged(cases, small).problems)


@pytest.mark.usefixtures("undrawn")
def test_patients_of_one_kind_and_a_model_without_rules_still_have_a_report(tmp_path: Path) -> None:
    plain = model(tmp_path, body="small", backbone="")
    found = judged({f"c{n}": ("SD", case_of(f"c{n}", ["SD", "PD"])) for n in range(5)}, plain)
    assert found.groups is None and found.versus == () and found.calibration == ()
    assert found.patient.areas[OBJECTIVE].value is None and found.patch.curves == ()
    page = report(found, plain).write(tmp_path / "report").read_text()
    assert "no simple rules beside it" in page and "AUC and AP are undefined" in page


def test_models_are_compared_by_patient_and_by_patch(small: LoadedModel) -> None:
    truth = responses_of((6, 6, 6, 6))
    right = judged({f"c{n}": (code, case_of(f"c{n}", [code] * 3)) for n, code in enumerate(truth)}, small)
    other = {f"c{n}": (code, case_of(f"c{n}", [CODES[n % 4]] * 3)) for n, code in enumerate(truth)}
    (patient, patch), sessions = compare({"worse": judged(other, small), "better": right})
    assert (patient.level, patch.level, patient.model, sessions) == ("patient", "patch", "better", ())
    assert [one.name for one in patient.differences] == [
        "difference of accuracy, four responses",
        "difference of AUC, objective response",
        "difference of accuracy, objective response",
    ]
    assert (patient.differences[0].value, patient.differences[1].value) == (0.75, 0.5)
    assert patch.differences[0].n == 72 and patch.differences[0].clusters == 24
    fewer = judged({name: (code, case_of(name, [code])) for name, (code, _) in other.items()}, small)
    assert compare({"a": right, "b": fewer})[0][1].note.startswith("Not compared: the models see other patches")


def samples_of(volume_ml: Sequence[float], responses: Sequence[str], patches: int = 3) -> Samples:
    n = len(responses)
    arrays = {
        "case": np.repeat(np.arange(n), patches).astype(np.int32),
        "label": np.repeat([CODES.index(one) for one in responses], patches).astype(np.uint8),
        "volume_ml": np.repeat(np.array(volume_ml, np.float32), patches),
        "hu": np.repeat(np.linspace(50, 70, n, dtype=np.float32), patches),
    }
    return Samples(arrays, tuple(Origin(f"c{k}", f"p{k}", "train") for k in range(n)))


def test_rules_are_fitted_to_tumours_not_patches_and_need_both_kinds() -> None:
    volumes, responses = [5.0, 8.0, 9.0, 40.0, 60.0, 90.0], ["CR", "PR", "SD", "PR", "SD", "PD"]
    rules = fitted(samples_of(volumes, responses))
    assert list(rules) == list(RULES)
    once = fitted(samples_of(volumes, responses, patches=1))
    assert json.dumps(once) == json.dumps(rules), "a tumour counts once however many patches it has"
    small_one, large_one = mean_probability([rules["volume"]], measures([5.0, 90.0], [60.0, 60.0]))
    assert small_one > 0.5 > large_one
    assert fitted(samples_of(volumes, ["SD", "PD"] * 3)) == {}


FINDING = case_of("c0", ["CR"], beside=["PD"]).result


@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.OTHER])
def test_a_verdict_never_makes_a_label(verdict: Verdict) -> None:
    review = Review(verdict, "R1", category="SD" if verdict is Verdict.OTHER else "")
    taught = training_annotations(FINDING.reviewed(1, review))
    assert taught.points == {} and taught.values == {}
    assert [w.what for w in taught.warnings] == [
        "the column response is filled neither from predictions nor from verdicts"
    ]


def test_a_review_asks_for_targets_and_refuses_points() -> None:
    none = replace(FINDING, findings=tuple(replace(one, target=False) for one in FINDING.findings), patient=None)
    assert "no tumour is marked as a target" in training_annotations(none).warnings[1].what
    with pytest.raises(InputError, match="a segment here, not a point"):
        training_annotations(FINDING, missed=PointList("x", (Point("F-1", (0.0, 0.0, 0.0)),)))


def test_tumours_of_a_reviewed_case_stay_apart_in_a_cohort_with_what_counts_and_without_their_names(
    tmp_path: Path,
) -> None:
    geometry = grid((1.5, 1.5, 4.0))
    drawn = [
        segment(geometry, scale=0.6, name="Ms Smith"),
        segment(geometry, (-30.0, -7.0, 4.0), 0.5, "other", target="no"),
        segment(geometry, (-30.0, 20.0, 0.0), 0.4, "third", target="yes"),
    ]
    drawn[0] = replace(drawn[0], tags={"target": "yes"})
    scan = volume(geometry)
    run = judged_study("x", TACE, volumes={ARTERIAL: scan}, segments={TUMOURS: drawn}, points={}, values={})
    case = add_case(
        tmp_path / "cohort",
        "case-001",
        volumes=run.volumes,
        points={},
        masks=run.masks,
        values={"response": ""},
        segments={TUMOURS: segments_of_findings(run.findings[TUMOURS], "tumour")},
    )
    kept = read_segments(case.folder / "pre" / "tumour.seg.nrrd")
    assert [(one.name, one.tags["target"]) for one in kept] == [
        ("tumour 1", "yes"),
        ("tumour 2", "no"),
        ("tumour 3", "yes"),
    ]
    again = read_study(case, TACE)
    options = TACE.resolve({})
    assert [one.volume_ml for one in tumours_of(again, options)] == [one.volume_ml for one in tumours_of(run, options)]
    assert [one.center for one in again.findings[TUMOURS]] == [
        pytest.approx(one.center) for one in run.findings[TUMOURS]
    ]


SPLITS = ["train"] * 8 + ["validation"] * 4 + ["test"] * 4


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_cohort(tmp_path_factory.mktemp("sound") / "patients", SPLITS)


@pytest.fixture(scope="module")
def trained(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A small network of two epochs, with the rules that were fitted beside it."""
    chosen = TACE.resolve({"body": "small", "epochs": 2, "batch": 8})
    package, _ = train(
        read_cohort(sound, tolerant=True), Job(TACE, chosen, tmp_path_factory.mktemp("m") / "toy", "toy")
    )
    return load_model(package)


@pytest.fixture(scope="module")
def finished(sound: Path, trained: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "cases"
    evaluate(sound, trained, folder)
    return folder


@pytest.fixture
def cases(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished cases."""
    return Path(shutil.copytree(finished, tmp_path / "report" / "cases"))


def evaluate(cohort: Path, one: LoadedModel, folder: Path | None) -> TACEEvaluation:
    return evaluation.evaluate(read_cohort(cohort, tolerant=True), one, {}, folder=folder)


def test_the_rules_of_a_model_were_fitted_to_its_training_cases_alone(sound: Path, trained: LoadedModel) -> None:
    (rules,) = trained.package.card.training["baselines"]
    cases = [case for case in read_cohort(sound).cases if case.split == "train"]
    tumours = [tumours_of(read_study(case, TACE), trained.package.card.options)[0] for case in cases]
    again = samples_of([one.volume_ml for one in tumours], [case.values["response"] for case in cases])
    hu = np.repeat(np.array([one.hu for one in tumours], np.float32), 3)
    assert list(rules) == list(RULES) and fitted(replace(again, arrays={**again.arrays, "hu": hu})) == {
        name: {"intercept": pytest.approx(rule["intercept"]), "weights": pytest.approx(rule["weights"])}
        for name, rule in rules.items()
    }


def test_a_kept_case_gives_the_same_figures_and_pictures_as_a_new_one(
    sound: Path, trained: LoadedModel, cases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = evaluate(sound, trained, None)
    monkeypatch.setattr(evaluation, "evaluate_case", None)
    kept = evaluate(sound, trained, cases)
    assert json.dumps(kept.as_json()) == json.dumps(new.as_json()) and len(new.cases) == 4
    for one, other in zip(kept.cases, new.cases, strict=True):
        for (_, tumour), (_, again) in zip(one.tumours, other.tumours, strict=True):
            assert np.array_equal(tumour.patches, again.patches) and tumour.patches.shape == (3, 1, SIZE, SIZE)
    assert not list(cases.rglob("*.part")) and (cases / "case-12" / "findings.csv").is_file()


@pytest.mark.parametrize("harm", ["segment", "picture", "record"])
def test_only_what_changed_or_is_damaged_is_computed_again(
    harm: str, sound: Path, trained: LoadedModel, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = Path(shutil.copytree(sound, tmp_path / "patients"))
    seen: list[str] = []

    def stand_in(study: Any, *_: Any, **__: Any) -> Any:
        seen.append(study.case_id)
        raise InputError("not now")

    monkeypatch.setattr(evaluation, "evaluate_case", stand_in)
    if harm == "segment":
        tag_of(cohort / "cases" / "case-13", target="yes")
    elif harm == "picture":
        (cases / "case-13" / "tumour-1.png").write_bytes(PNG)
    else:
        record = json.loads((cases / "case-13" / "evaluation.json").read_text())
        record["tumours"].pop()
        (cases / "case-13" / "evaluation.json").write_text(json.dumps(record))
    found = evaluate(cohort, trained, cases)
    assert seen == ["case-13"] and list(found.left_out) == ["case-13"] and len(found.cases) == 3


def tag_of(case: Path, **tags: str) -> None:
    place = case / "pre" / "tumour.seg.nrrd"
    write_segments([Segment(one.name, one.mask, tags) for one in read_segments(place)], place)


@pytest.mark.usefixtures("undrawn")
def test_a_case_without_a_target_is_left_out_by_name(
    sound: Path, trained: LoadedModel, cases: Path, tmp_path: Path
) -> None:
    cohort = Path(shutil.copytree(sound, tmp_path / "patients"))
    tag_of(cohort / "cases" / "case-13", target="no")
    found = evaluate(cohort, trained, cases)
    assert "no tumour is marked as a target" in found.left_out["case-13"][0].what
    table = next(b for b in report(found, trained).as_json()["blocks"] if b.get("title") == "Evaluated cases")
    assert table["rows"][-1][:2] == ["case-13", "left out"] and len(table["rows"]) == 4
    (scale,) = table["thresholds"]
    for one in scale["levels"]["Objective response, patients"]:
        estimate = found.objective.estimates[one["figure"]]
        assert one["values"][scale["own"]] == estimate.value


def test_a_patient_who_is_also_trained_on_and_a_scan_that_was_are_refused(
    sound: Path, trained: LoadedModel, tmp_path: Path
) -> None:
    cohort = Path(shutil.copytree(sound, tmp_path / "patients"))
    rows = [dict(case.values) | {"patient_id": case.case_id} for case in read_cohort(cohort).cases]
    rows[12]["patient_id"] = "case-0"
    write_cohort_table(cohort, rows)
    with pytest.raises(InputError, match=r"the patient is in several splits"):
        evaluate(cohort, trained, None)
    rows = [row | {"patient_id": row["case_id"], "split": "test"} for row in rows[:4]]
    write_cohort_table(cohort, rows)
    with pytest.raises(InputError, match="the model was trained on this image"):
        evaluate(cohort, trained, None)


def test_the_command_writes_a_report_with_every_case_and_its_patches(
    sound: Path, trained: LoadedModel, cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = cases.parent
    arguments = ["evaluate", str(sound), "--model", str(trained.package.folder), "--out", str(out), "--json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["patient"]["n"] == 4 and told["patch"]["n"] == 12 and len(told["rules"]) == 3
    data = json.loads((out / "report.json").read_text())
    titles = [block["text"] for block in data["blocks"] if block["kind"] == "heading"]
    assert titles[:3] == ["Key results", "Patients", "Patients: objective response"]
    assert {"Beside volume and mean HU", "Net benefit", "Patches", "Cases"} <= set(titles)
    table = next(block for block in data["blocks"] if block.get("title") == "Evaluated cases")
    assert [row[1] for row in table["rows"]] == list(CODES)
    assert table["pictures"][1] == "patches-of-case-13_tumour-1"
    page = (out / "report.html").read_text()
    assert str(tmp_path) not in page and "stands in for" in page and "synthetic case; what the network saw" in page
    assert "method: Peng" in data["methods"] and "40/400 HU" in data["methods"] and "1,000 draws" in data["methods"]
    missing = {item["key"] for item in data["missing_items"]}
    assert not missing & {"calibration", "clinical_utility", "metrics", "failures", "flow"} and "external" in missing
    with (out / "predictions.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and tuple(rows[0]) == COLUMNS
    for row in rows:
        assert sum(float(row[f"probability_{code}"]) for code in CODES) == pytest.approx(1)
        merged = float(row["patient_CR"]) + float(row["patient_PR"])
        assert float(row["patient_objective_response"]) == pytest.approx(merged)
        assert int(row["right"]) == (row["response"] == row["predicted"]) and row["target"] == "1"


@pytest.mark.usefixtures("undrawn")
def test_an_external_cohort_stands_beside_and_nothing_is_fitted_to_it(
    sound: Path, trained: LoadedModel, cases: Path
) -> None:
    found = evaluate(sound, trained, cases)
    data = report(found, trained, external=found).as_json()
    text = json.dumps(data)
    assert "scans of the other cohort too" in text and "nothing was fitted to this cohort" in text
    assert len(next(b for b in data["blocks"] if b["kind"] == "key results")["cohorts"]) == 2
    assert not any(item["key"] == "external" for item in data["missing_items"])
