"""Evaluation of liver masses: the paper's figures from made-up results, and a toy cohort from files to the report."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mass_toy import HU, model, points, write_toy_cohort

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.cohort.points import write_points
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.crop_view import crop_thumbnail
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.evaluation.report_blocks import PNG
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.liver_mass import evaluation
from HCCAssistLib.recipes.liver_mass.comparison import compare
from HCCAssistLib.recipes.liver_mass.evaluated_case import EvaluatedCase, Reference
from HCCAssistLib.recipes.liver_mass.performance import MassEvaluation, performance
from HCCAssistLib.recipes.liver_mass.recipe import CATEGORIES, LIVER_MASS, SIZE
from HCCAssistLib.recipes.liver_mass.report import COLUMNS, report
from HCCAssistLib.recipes.liver_mass.sampling import CODES, batch_maker, sample_case
from HCCAssistLib.results.classification import ClassificationResult, Finding
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.training.evaluated_cases import EvaluatedCases

pytestmark = pytest.mark.heavy

GRID = Geometry.from_parts((4, 8, 8), (1.0, 1.0, 5.0))
BOX = Box((0.0, 0.0, 0.0), (40.0, 40.0, 5.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))

Row = tuple[str, str, Sequence[str]]
"""Category, subtype, and what each session says."""


def said(code: str, surely: float = 0.8) -> dict[str, float]:
    return {one: surely if one == code else (1 - surely) / 4 for one in CODES}


def made_up(
    cases: Mapping[str, Sequence[Row]], one: LoadedModel, *, size_mm: float | None = 24.0, patients: int = 1000
) -> MassEvaluation:
    """The figures of a model that names these categories; so many cases after each other are another patient's."""
    listed, done = [], {}
    for number, (case_id, rows) in enumerate(cases.items()):
        findings, references = [], []
        for at, (code, subtype, sessions) in enumerate(rows, 1):
            each = tuple(said(name) for name in sessions)
            mean = {name: float(np.mean([session[name] for session in each])) for name in CODES}
            several = each if len(each) > 1 else ()
            findings.append(Finding(at, f"M{at}", (0.0, 0.0, 0.0), mean, BOX, 1, several, size_mm))
            references.append(Reference(code, subtype, "typed", 48.0))
        run = RunRecord("liver-mass", {}, "toy", ("0" * 64,), {}, "cpu", {"baseline/arterial": case_id}, 1.0)
        result = ClassificationResult(CATEGORIES, tuple(findings), {"baseline/arterial": GRID}, run)
        crops = np.zeros((len(rows), 3, SIZE, SIZE), np.uint8)
        done[case_id] = EvaluatedCase(result, tuple(references), crops)
        listed.append(Case(case_id, f"p{number % patients}", "test", {"year": "2016"}, Path(case_id)))
    held_out = HeldOut(Cohort(None, tuple(listed)), tuple(listed), {}, ())
    run = {"cohort": "made-up", "cohort_sha256": "0" * 64, "cases": list(done), "left_out": [], "options": {}}
    return performance(EvaluatedCases(held_out, done, {}, run | {"weights_sha256": ["0" * 64]}), one)


@pytest.fixture(scope="module")
def triphasic(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return model(tmp_path_factory.mktemp("triphasic"), members=2)


@pytest.fixture(scope="module")
def arterial(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return model(tmp_path_factory.mktemp("arterial"), members=2, phases="arterial")


# Yasaka 2018: masses of the test set by category and subtype, and how many the median session of each model got right.
SETS = (("A", "", 21), ("B", "", 9), ("C", "C-hyper", 21), ("C", "C-hypo", 14), ("D", "", 20), ("E", "", 15))
RIGHT = {"triphasic": (15, 3, 20, 13, 18, 15), "unenhanced": (7, 2, 13, 6, 5, 15)}
ACCURACIES = {"triphasic": (84, 82, 90, 83, 86), "unenhanced": (48, 39, 60, 50, 48)}


def published(name: str) -> dict[str, list[Row]]:
    """100 patients with a mass each; the first session is the one of the printed sensitivities."""
    named: list[list[str]] = []
    truth = [(code, subtype) for code, subtype, n in SETS for _ in range(n)]
    wrong = {code: CODES[(number + 2) % 5] for number, code in enumerate(CODES)}
    first = [at < hits for (_, _, n), hits in zip(SETS, RIGHT[name], strict=True) for at in range(n)]
    for count in ACCURACIES[name]:
        hits = np.array(first)
        change = count - int(hits.sum())
        hits[np.flatnonzero(hits != (change > 0))[: abs(change)]] = change > 0
        named.append([code if hit else wrong[code] for hit, (code, _) in zip(hits, truth, strict=True)])
    rows = [(*one, names) for one, names in zip(truth, zip(*named, strict=True), strict=True)]
    return {f"case-{number}": [row] for number, row in enumerate(rows)}


def test_the_papers_figures_come_from_its_counts(triphasic: LoadedModel) -> None:
    found = made_up(published("triphasic"), triphasic)
    spread = {one.name: one for one in found.sessions}
    assert (spread["accuracy"].median, spread["accuracy"].range) == (0.84, (0.82, 0.90))
    first = {name: one.values[0] for name, one in spread.items() if name.endswith("sensitivity")}
    assert first == {
        "A: sensitivity": 15 / 21,
        "B: sensitivity": 3 / 9,
        "C: sensitivity": 33 / 35,
        "C-hyper: sensitivity": 20 / 21,
        "C-hypo: sensitivity": 13 / 14,
        "D: sensitivity": 18 / 20,
        "E: sensitivity": 1.0,
    }
    assert found.categories.category_of == {"C-hyper": "C", "C-hypo": "C"}
    assert found.median_accuracy.value == 0.84 and "range 0.820 to 0.900" in found.median_accuracy.name
    assert found.agreement is not None and 0.7 < (found.agreement.value or 0) < 1
    assert found.sentence.endswith("by the mean of 5 sessions.")
    assert found.malignancy.confusion.tp == sum(
        m.predicted in "AB" and m.reference.category in "AB" for m in found.masses
    )
    names = [estimate.name for _, estimate in found.summary()]
    assert names.index("sensitivity of C-hyper") == names.index("sensitivity of C") + 1
    assert {"AUC of the ordinal score", "AUC of the probability of A or B", "Fleiss kappa"} <= set(names)


def test_models_are_compared_by_their_sessions_with_the_first_as_control(triphasic: LoadedModel) -> None:
    found = {name: made_up(published(name), triphasic) for name in RIGHT}
    (section,), sessions = compare(found)
    assert section.model == "unenhanced" and section.level == "mass"
    accuracy = section.differences[0]
    control, mine = (found[name].categories.accuracy.value for name in RIGHT)
    assert accuracy.value == pytest.approx((mine or 0) - (control or 0)) and accuracy.value < -0.2
    assert [one.name for one in section.differences[1:]] == [
        "difference of AUC of the ordinal score",
        "difference of accuracy, malignant or not",
        "difference of AUC of the probability of A or B",
    ]
    measures = dict(sessions)
    assert list(measures) == ["accuracy", "AUC of the ordinal score", "AUC of the probability of A or B"]
    assert measures["accuracy"].control == "triphasic" and measures["accuracy"].median["unenhanced"] == 0.48
    assert 0.008 < (measures["accuracy"].steel["unenhanced"].p or 0) < 0.01, "five against five, one comparison, a tie"
    assert measures["accuracy"].kruskal_wallis.p == pytest.approx(measures["accuracy"].steel["unenhanced"].p, rel=0.05)


def test_models_of_one_session_are_compared_by_their_masses_alone(triphasic: LoadedModel) -> None:
    cases = {f"c{n}": [(code, "", (code,))] for n, code in enumerate("ABCDE" * 4)}
    one = made_up(cases, triphasic)
    assert one.agreement is None and one.session_count == 1
    sections, sessions = compare({"first": one, "second": one})
    assert sessions == () and "--repeats 5" in sections[-1].note and sections[-1].level == "session"
    text = json.dumps(report(one, triphasic).as_json())
    assert "no median, range or agreement" in text and "trained in one session" in text


def test_shuffled_categories_give_chance(tmp_path: Path) -> None:
    shuffled = model(tmp_path, permute_labels=True)
    cases = {f"c{n}": [(code, "", (code,)) for code in np.roll(list(CODES), n)] for n in range(80)}
    found = made_up(cases, shuffled)
    balanced = found.categories.balanced_accuracy
    assert "chance is 0.2" in balanced.note and balanced.interval.low is not None and balanced.interval.high is not None
    assert balanced.interval.low < 0.2 < balanced.interval.high and 0.14 < (balanced.value or 0) < 0.26
    assert (found.probability_auc.clustered or found.probability_auc.interval).low < 0.5  # type: ignore[operator]
    right = made_up(cases, model(tmp_path / "sound"))
    assert right.categories.accuracy.value == 1.0


def test_masses_of_one_patient_are_resampled_together(triphasic: LoadedModel) -> None:
    cases = {f"c{n}": [("A", "", "AA"), ("D", "", "DA"), ("C", "C-hypo", "CC")] for n in range(12)}
    found = made_up(cases, triphasic, patients=6)
    accuracy = found.categories.accuracy
    assert (accuracy.n, accuracy.clusters, accuracy.unit) == (36, 6, "mass")
    assert accuracy.clustered and "patients resampled" in accuracy.clustered.method
    assert found.malignancy.patients == 6 and found.probability_auc.clusters == 6
    assert {one.clusters for one in found.by_size} == {6}


def test_masses_of_one_class_and_without_size_still_have_a_report(triphasic: LoadedModel, tmp_path: Path) -> None:
    found = made_up({f"c{n}": [("D", "", "DE")] for n in range(6)}, triphasic, size_mm=None)
    assert found.curves == () and found.calibration is None and found.probability_auc.value is None
    page = report(found, triphasic).write(tmp_path).read_text()
    assert "Results by size are not given" in page and "AUC and AP are undefined" in page
    assert dict(next(one for one in found.sessions if one.name == "A: sensitivity").as_json())["median"] is None


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_cohort(tmp_path_factory.mktemp("sound") / "masses", ["test", "test", "test", "train"])


@pytest.fixture(scope="module")
def finished(sound: Path, triphasic: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished cases of the toy cohort."""
    folder = tmp_path_factory.mktemp("finished") / "cases"
    evaluate(sound, triphasic, folder)
    return folder


@pytest.fixture
def cases(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished cases."""
    return Path(shutil.copytree(finished, tmp_path / "report" / "cases"))


def evaluate(cohort: Path, one: LoadedModel, folder: Path | None) -> MassEvaluation:
    return evaluation.evaluate(read_cohort(cohort, tolerant=True), one, {}, folder=folder)


@pytest.mark.slow
def test_a_kept_case_gives_the_same_figures_and_pictures_as_a_new_one(
    sound: Path, triphasic: LoadedModel, cases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = evaluate(sound, triphasic, None)
    monkeypatch.setattr(evaluation, "evaluate_case", None)
    kept = evaluate(sound, triphasic, cases)
    assert json.dumps(kept.as_json()) == json.dumps(new.as_json())
    assert [crop_thumbnail(one) for one in kept.crops] == [crop_thumbnail(one) for one in new.crops]
    assert [list(one.pictures) for one in kept.crops] == [["unenhanced", "arterial", "delayed"]] * 15
    assert not list(cases.rglob("*.part")) and (cases / "case-0" / "findings.csv").is_file()


@pytest.mark.parametrize("harm", ["points", "picture", "record", "heading"])
def test_only_what_changed_or_is_damaged_is_computed_again(
    harm: str, sound: Path, triphasic: LoadedModel, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = Path(shutil.copytree(sound, tmp_path / "masses"))
    seen: list[str] = []

    def stand_in(study: Any, *_: Any, **__: Any) -> Any:
        seen.append(study.case_id)
        raise InputError("not now")

    monkeypatch.setattr(evaluation, "evaluate_case", stand_in)
    assert len(evaluate(cohort, triphasic, cases).results) == 3 and not seen
    if harm == "points":
        write_points(
            points((((20.0, -10.0, 5.0), "C-hyper"),)), cohort / "cases" / "case-1" / "baseline" / "masses.mrk.json"
        )
    elif harm == "picture":
        (cases / "case-1" / "mass-2.png").write_bytes(PNG)
    elif harm == "record":
        record = json.loads((cases / "case-1" / "evaluation.json").read_text())
        record["masses"].pop()
        (cases / "case-1" / "evaluation.json").write_text(json.dumps(record))
    else:
        (cases / "case-1" / "result.json").unlink()
    found = evaluate(cohort, triphasic, cases)
    assert seen == ["case-1"] and list(found.left_out) == ["case-1"] and list(found.results) == ["case-0", "case-2"]


def test_the_pictures_are_those_that_the_network_is_given(sound: Path, arterial: LoadedModel) -> None:
    import torch

    found = evaluate(sound, arterial, None)
    options = arterial.package.card.options
    case = read_cohort(sound).cases[0]
    study = read_study(case, LIVER_MASS, options=options, classes=LIVER_MASS.label)  # type: ignore[arg-type]
    samples = sample_case(study, case, options, np.random.default_rng(0))
    rows = [list(samples["lesion"]).index(number) for number in range(5)]  # the first section is the one of the mark
    given = batch_maker(options)({"image": torch.from_numpy(samples["image"][rows])}, None).numpy()
    grey = given[:, 0] * 255 if given.max() <= 1 else given[:, 0]
    shown = [view.pictures["arterial"] for view in found.crops[:5]]
    for one, seen in zip(shown, grey, strict=True):
        assert one.shape == (SIZE, SIZE) and np.corrcoef(one.ravel(), seen.ravel())[0, 1] > 0.9999
        spots = {
            (row, column): one[row - 2 : row + 3, column - 2 : column + 3].mean()
            for row in (12, 58)
            for column in (23, 47)
        }
        assert min(spots, key=spots.__getitem__) == (12, 47), "the dot lies in front of each mass, to its left"


def test_a_mass_without_a_category_leaves_its_case_out_by_name(
    sound: Path, triphasic: LoadedModel, cases: Path, tmp_path: Path
) -> None:
    cohort = Path(shutil.copytree(sound, tmp_path / "masses"))
    place = cohort / "cases" / "case-1" / "baseline" / "masses.mrk.json"
    write_points(points((((20.0, -10.0, 5.0), ""), ((-45.0, 0.0, 5.0), "C-hypo"))), place)
    found = evaluate(cohort, triphasic, cases)
    assert list(found.left_out) == ["case-1"] and "has no category" in found.left_out["case-1"][0].what
    table = next(b for b in report(found, triphasic).as_json()["blocks"] if b.get("title") == "Evaluated masses")
    assert table["rows"][-1][:2] == ["case-1", "left out"]


def test_the_command_writes_a_report_with_every_mass_and_its_picture(
    sound: Path, triphasic: LoadedModel, cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = cases.parent
    arguments = ["evaluate", str(sound), "--model", str(triphasic.package.folder), "--out", str(out), "--json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "evaluation" and told["cases"] == ["case-0", "case-1", "case-2"] and told["mass"]["n"] == 15
    data = json.loads((out / "report.json").read_text())
    titles = [block["text"] for block in data["blocks"] if block["kind"] == "heading"]
    assert titles[:2] == ["Key results", "Categories"] and "Sessions" in titles and "Masses" in titles
    table = next(block for block in data["blocks"] if block.get("title") == "Evaluated masses")
    assert len(table["rows"]) == 15 and table["rows"][0][:2] == ["case-0", "1"]
    malignant = table["thresholds"][0]
    assert malignant["own"] == len(malignant["thresholds"])  # the most probable category is named: no cut-off
    (figures,) = malignant["levels"].values()
    for one in figures:
        found = told["malignant"]["estimates"][one["figure"]]
        believed = found["clustered_interval"] or found["interval"]
        assert (one["values"][-1], one["low"][-1]) == (found["value"], believed["low"])
    assert [row[2] for row in table["rows"][:5]] == list(HU) and table["pictures"][7] == "crops-of-case-1_mass-3"
    page = (out / "report.html").read_text()
    assert str(tmp_path) not in page and "synthetic case; what the network saw" in page
    right = sum(row[-1] == "right" for row in table["rows"])
    assert f"correct {right}<" in page
    assert "permute labels no" in data["methods"] and "True" not in data["methods"]
    assert "method: Yasaka" in data["methods"] and "unenhanced 40/250" in data["methods"]
    with (out / "predictions.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15 and tuple(rows[0]) == COLUMNS
    for row in rows:
        total = sum(float(row[f"probability_{code}"]) for code in CODES)
        assert total == pytest.approx(1) and int(row["right"]) == (row["category"] == row["predicted"])
        assert row["diameter_source"] == "typed" and float(row["field_of_view_mm"]) == 48.0
        assert len(row["by_session"].split()) == 2


def test_the_command_compares_models_of_other_phases_on_the_same_masses(
    sound: Path, triphasic: LoadedModel, arterial: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [str(one.package.folder) for one in (triphasic, arterial)]
    arguments = ["compare", str(sound), "--model", models[0], "--model", models[1], "--out", str(tmp_path / "compared")]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "control: toy; 3 cases" in told and "Kruskal-Wallis" in told and "Steel" in told
    data = json.loads((tmp_path / "compared" / "compare.json").read_text())
    assert next(iter(data["sessions"])) == "accuracy" and list(data["models"]) == ["toy", "toy (2)"]
    assert data["run"]["toy (2)"]["options"] == {"heatmap": False}
    assert (tmp_path / "compared" / "cases-2" / "case-0" / "mass-1.png").is_file()


def test_a_cohort_from_elsewhere_or_later_stands_beside(
    sound: Path, triphasic: LoadedModel, cases: Path, tmp_path: Path
) -> None:
    found = evaluate(sound, triphasic, cases)
    data = report(found, triphasic, external=found).as_json()
    text = json.dumps(data)
    assert "scans of the other cohort too" in text and "External cohort masses" in text
    assert len(next(b for b in data["blocks"] if b["kind"] == "key results")["cohorts"]) == 2
    assert not any(item["key"] in ("external", "failures", "metrics", "calibration") for item in data["missing_items"])
