"""Evaluation judges a cohort as training does, goes on past a bad case, keeps finished ones and says what it did."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ltp_blob import blob_network, blob_package

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.cohort.splits import own_table, split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.case_warnings import once
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.evaluation.report_blocks import JPEG
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.models.package import read_package
from HCCAssistLib.recipes.ltp import evaluation
from HCCAssistLib.recipes.ltp.performance import LTPEvaluation
from HCCAssistLib.recipes.registry import cohort_spec, get_recipe
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.files import read_result
from HCCAssistLib.training.unseen import unseen

pytestmark = pytest.mark.heavy

GRID = Geometry.from_parts((14, 66, 62), (0.75, 0.8, 4.0), (-22.0, -28.0, -26.0))
LESION, ALARM = (6.0, -8.0, 4.0), (-9.0, 8.0, -8.0)
LTP = get_recipe("ltp")


def body(seed: int, *bright: tuple[float, float, float]) -> Image:
    k, j, i = np.indices(GRID.shape)
    places = GRID.to_world(np.stack([i, j, k], -1))
    array = 60 + np.random.default_rng(seed).normal(0, 4, GRID.shape)
    for center in bright:
        away = np.linalg.norm(places - np.array(center), axis=-1)
        array += 90 * np.clip((8 - away) / 2 + 0.5, 0, 1)
    return Image(array.round().astype(np.int16), GRID, "body")


def write_case(cohort: Path, name: str, seed: int, bright: tuple[Any, ...], points: tuple[Any, ...]) -> Path:
    post = cohort / "cases" / name / "post"
    post.mkdir(parents=True)
    write_image(body(seed, *bright), post / "arterial.nrrd")
    if points:
        write_points(PointList("ltp", tuple(Point(f"L{n}", p) for n, p in enumerate(points))), post / "ltp.mrk.json")
    return post


def write_table(cohort: Path, **changes: dict[str, Any]) -> Path:
    """Two positive patients, one flagged beside his lesion; two negative ones; two cases of training."""
    rows = [
        {"case_id": name, "patient_id": f"p-{name}", "split": split, "ltp": ltp}
        for name, split, ltp in (
            ("c0", "test", 0), ("c1", "test", 1), ("c2", "test", 0), ("c3", "test", 1),
            ("t0", "train", 0), ("t1", "train", 1),
        )
    ]  # fmt: skip
    write_cohort_table(cohort, [row | changes.get(str(row["case_id"]), {}) for row in rows])
    return cohort


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cohort = tmp_path_factory.mktemp("sound") / "livers"
    for seed, name in enumerate(("c0", "c1", "c2", "c3", "t0", "t1")):
        points = (LESION,) if name in ("c1", "c3", "t1") else ()
        write_case(cohort, name, seed, (ALARM,) if name == "c3" else points, points)
    return write_table(cohort)


@pytest.fixture
def cohort(sound: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "livers"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    training = {"patients": 58, "trained_on": {"synthetic": 0, "patients": 58}}
    return blob_package(tmp_path_factory.mktemp("model"), blob_network(), training=training).folder


@pytest.fixture
def command(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs the command; its status, stdout (read where it is JSON) and stderr."""

    def run(cohort: Path, *more: str, model: Path = model, out: Path = tmp_path / "report") -> tuple[int, Any, str]:
        arguments = ["evaluate", str(cohort), "--model", str(model), "--out", str(out), "--set", "stride=fast", *more]
        status = main(arguments)
        said = capsys.readouterr()
        return status, json.loads(said.out) if "--json" in more and said.out else said.out, said.err

    return run


@pytest.fixture(scope="module")
def finished(sound: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished cases of the sound cohort."""
    folder = tmp_path_factory.mktemp("finished") / "cases"
    evaluate(sound, model, folder)
    return folder


@pytest.fixture
def begun(finished: Path, tmp_path: Path) -> Path:
    """A report's folder in which all cases of the sound cohort are finished."""
    shutil.copytree(finished, tmp_path / "report" / "cases")
    return tmp_path / "report"


def evaluate(cohort: Path, model: Path, folder: Path | None, **options: Any) -> LTPEvaluation:
    loaded = load_model(read_package(model))
    chosen = {"stride": "fast", **options}
    return evaluation.evaluate(read_cohort(cohort, tolerant=True), loaded, chosen, folder=folder)


def held_out(cohort: Path, model: Path) -> HeldOut:
    return unseen(read_cohort(cohort, tolerant=True), read_package(model))


def figures(said: dict[str, Any]) -> dict[str, Any]:
    return {level: said[level] for level in ("patch", "lesion", "patient", "flow", "run", "cases")}


def test_a_sound_cohort_is_evaluated_and_the_report_says_on_what_it_rests(
    command: Any, sound: Path, model: Path, tmp_path: Path, begun: Path
) -> None:
    status, said, err = command(sound, "--json")
    assert status == 0
    assert said["kind"] == "evaluation" and said["failed"] == [] and said["cases"] == ["c0", "c1", "c2", "c3"]
    assert said["patient"]["confusion"] == {"tp": 2, "fp": 0, "tn": 2, "fn": 0}
    on_lesions = said["patient"]["flagged_on_a_lesion"]
    assert (on_lesions["successes"], on_lesions["n"]) == (1, 2), "c3 is flagged beside its lesion"
    assert on_lesions["interval"]["low"] == pytest.approx(0.0126, abs=1e-3)
    sensitivity = said["patient"]["estimates"]["sensitivity"]
    assert (sensitivity["successes"], sensitivity["n"]) == (2, 2)
    (line,) = [line for line in err.splitlines() if "no liver segment" in line]
    assert "cases c0, c1, c2, c3" in line, "what is true of many cases is said once"
    text = (begun / "report.json").read_text()
    report = json.loads(text)
    origin = report["provenance"]
    assert "stride=fast" in origin["run options"] and "region=auto" in origin["run options"]
    assert origin["cohort"] == "livers" and len(said["run"]["cohort_sha256"]) == 64
    assert said["run"]["cohort_sha256"] in origin["cohort sha256"]
    assert origin["evaluated cases"] == "c0, c1, c2, c3" and origin["cases left out"] == "none"
    assert origin["model.json seal"] == read_package(model).card.seal
    assert "2 of 2 positive patients are flagged, 1 of them by a candidate on a true lesion" in text
    page = (begun / "report.html").read_text()
    assert origin["model.json seal"] in page and "c0, c1, c2, c3" in page
    assert str(tmp_path) not in text + page
    table = next(block for block in report["blocks"] if block.get("title") == "Evaluated cases")
    assert [row[:4] for row in table["rows"]] == [
        ["c0", "0", "0", "0"], ["c1", "1", "1", "0"], ["c2", "0", "0", "0"], ["c3", "1", "0", "1"],
    ]  # fmt: skip
    assert len(read_result(begun / "cases" / "c1").shown) == 1
    assert (begun / "cases" / "c1" / "candidates.csv").exists()


def test_the_report_answers_first_and_lists_every_case_with_its_picture(
    command: Any, sound: Path, model: Path, tmp_path: Path, begun: Path
) -> None:
    assert command(sound)[0] == 0
    blocks = json.loads((begun / "report.json").read_text())["blocks"]
    assert [block["kind"] for block in blocks[:3]] == ["heading", "key results", "text"]
    answers = {row["question"]: row["estimates"][0] for row in blocks[1]["rows"]}
    assert {question: one["successes"] for question, one in answers.items()} == {
        "Lesions found": 1,
        "False positives per volume": None,
        "Patients with LTP flagged on a true lesion": 1,
        "Patients without LTP not flagged": 2,
    }
    assert all(one["interval"]["low"] is not None for one in answers.values())
    assert answers["False positives per volume"]["value"] == 0.25
    table = next(block for block in blocks if block.get("title") == "Evaluated cases")
    assert [row[-1] for row in table["rows"]] == [
        "true negative", "found", "true negative", "missed, false positive",
    ]  # fmt: skip
    assert table["pictures"] == ["", "slice-of-c1", "", "slice-of-c3"], "no candidate, nothing to be seen"
    legends = {block["name"]: block["legend"] for block in blocks if block["kind"] == "figure"}
    for name in ("slice-of-c1", "slice-of-c3"):
        assert (begun / "figures" / f"{name}.jpg").read_bytes().startswith(JPEG)
        assert "axial slice" in legends[name] and "synthetic" not in legends[name]
    page = (begun / "report.html").read_text()
    assert page.index("Key results") < page.index("Read this first") < page.index("Evaluated cases")
    assert 'href="#figure-slice-of-c1"' in page and 'id="figure-slice-of-c1"' in page
    assert "augment yes" in page and "radius 15," in page and "augment True" not in page
    assert "none of them among the training images" in page and "32 x 32 pixels and 8 slices" in page


@pytest.mark.slow
def test_the_threshold_of_the_report_begins_at_the_models_own_and_rows_lead_to_pages_with_images(
    command: Any, sound: Path, model: Path, begun: Path
) -> None:
    status, said, _ = command(sound, "--json", "--views")
    assert status == 0 and said["views"] == 4 and said["views_megabytes"] > 0
    data = json.loads((begun / "report.json").read_text(encoding="utf-8"))
    (scale,) = next(block for block in data["blocks"] if block.get("title") == "Evaluated cases")["thresholds"]
    own, (lesions, patients) = scale["own"], scale["levels"].values()
    estimates = said["lesion"]["estimates"] | said["patient"]["estimates"]
    assert scale["source"] == estimates["lesion-level sensitivity"]["cutoff"]["source"]
    assert len(lesions) == 2 and [one["figure"] for one in patients] == ["sensitivity", "specificity", "PPV", "NPV"]
    for one in (*lesions, *patients):
        found = estimates[one["figure"]]
        believed = found["clustered_interval"] or found["interval"]
        told = [one[name][own] for name in ("values", "counts", "low", "high")]
        assert told == [found["value"], found["n"], believed["low"], believed["high"]]
    page = (begun / "report.html").read_text(encoding="utf-8")
    for case in ("c0", "c1", "c2", "c3"):
        assert f'href="cases/{case}/view.html"' in page
        assert '"kind": "detection"' in (begun / "cases" / case / "view.html").read_text(encoding="utf-8")
    written = (begun / "cases" / "c1" / "view.html").stat().st_mtime_ns
    assert command(sound, "--views")[0] == 0
    assert (begun / "cases" / "c1" / "view.html").stat().st_mtime_ns == written


def test_predictions_csv_has_a_row_for_every_candidate_miss_and_empty_case(
    command: Any, cohort: Path, model: Path, tmp_path: Path
) -> None:
    points = PointList("ltp", (Point("L", LESION, "12 mm"),))
    write_points(points, cohort / "cases" / "c3" / "post" / "ltp.mrk.json")
    status, said, _ = command(cohort, "--json")
    assert status == 0
    text = (tmp_path / "report" / "predictions.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    found = [row for row in rows if row["at_or_above_cutoff"] == "1"]
    assert [(row["case_id"], row["patient_id"], row["lesion"]) for row in found] == [
        ("c1", "p-c1", "1"),
        ("c3", "p-c3", ""),
    ]
    assert float(found[0]["distance_to_lesion_mm"]) < 15 and float(found[0]["score"]) > 0.5
    image = read_image(cohort / "cases" / "c1" / "post" / "arterial.nrrd")
    _, _, k = image.geometry.to_index([float(found[0][f"{axis}_lps_mm"]) for axis in "xyz"])
    assert abs(int(found[0]["slice"]) - 1 - k) <= 0.5 + 1e-6, "slices count from 1"
    (missed,) = [row for row in rows if row["kind"] == "missed lesion"]
    assert (missed["case_id"], missed["score"], missed["lesion"], missed["lesion_size_mm"]) == ("c3", "", "1", "12.0")
    assert {row["case_id"] for row in rows} == {"c0", "c1", "c2", "c3"}
    sizes = {name: one["successes"] for name, one in said["lesion"]["estimates"].items() if name.startswith("lesions")}
    assert sizes == {"lesions 10 mm to below 20 mm found": 0, "lesions found, size not given": 1}


@pytest.mark.slow
def test_a_cohort_from_elsewhere_is_shown_beside(command: Any, sound: Path, begun: Path, cohort: Path) -> None:
    elsewhere = cohort.rename(cohort.with_name("elsewhere"))
    shutil.copytree(begun / "cases", begun / "external-cases")
    misnamed(elsewhere)
    status, said, err = command(sound, "--external", str(elsewhere), "--json")
    assert status == 1, "a case of the other cohort is left out"
    assert said["cases"] == ["c0", "c1", "c2", "c3"] and said["failed"] == []
    assert said["external"]["cases"] == ["c0", "c1", "c2"] and said["external"]["failed"][0]["case_id"] == "c3"
    report = json.loads((begun / "report.json").read_text())
    key = report["blocks"][1]
    assert key["cohorts"] == ["livers", "elsewhere (external)"]
    assert [one["n"] for one in key["rows"][0]["estimates"]] == [2, 1]
    assert report["provenance"]["external evaluated cases"] == "c0, c1, c2"
    assert "external" not in {item["key"] for item in report["missing_items"]}
    assert any("External cohort elsewhere" in str(block.get("text")) for block in report["blocks"])
    warned = [w for block in report["blocks"] if block["kind"] == "warnings" for w in block["warnings"]]
    assert any("3 of the external scans are scans of the other cohort" in warning["what"] for warning in warned)
    lines = [line for line in err.splitlines() if line.startswith("warning: ")]
    of_table = [line for line in lines if "patients are few" in line]
    assert len(of_table) == 2 and of_table[1].startswith("warning: external cohort, cohort.csv: ")
    assert any(line.startswith("warning: external cohort, case c3") for line in lines)


def test_an_external_scan_that_the_model_was_trained_on_is_refused_before_the_cohort_itself_is_evaluated(
    command: Any, sound: Path, cohort: Path, tmp_path: Path
) -> None:
    elsewhere = cohort.rename(cohort.with_name("elsewhere"))
    shutil.rmtree(elsewhere / "cases" / "c1")
    write_case(elsewhere, "c1", 77, (LESION,), (LESION,))
    seen = [read_image(elsewhere / "cases" / "c1" / "post" / "arterial.nrrd").digest()]
    model = blob_package(tmp_path, blob_network(), training={"image_digests": seen}).folder
    status, out, err = command(sound, "--external", str(elsewhere), model=model)
    assert (status, out) == (2, "")
    assert "external cohort, " in err and "case c1: the model was trained on this image" in err
    assert not (tmp_path / "report").exists(), "no case was run"


def test_a_cohort_is_not_from_elsewhere_than_itself(command: Any, sound: Path, tmp_path: Path) -> None:
    status, out, err = command(sound, "--external", str(sound.parent / "." / sound.name))
    assert (status, out) == (2, "") and "is the cohort itself" in err
    assert not (tmp_path / "report").exists()


def test_without_the_packages_of_reports_nothing_is_computed(
    command: Any, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "jinja2" else found(name, *more)
    )
    status, out, err = command(sound)
    assert (status, out) == (1, "") and "a report needs jinja2: install it" in err and "Traceback" not in err
    assert not (tmp_path / "report").exists()


def misnamed(cohort: Path) -> None:
    post = cohort / "cases" / "c3" / "post"
    (post / "ltp.mrk.json").rename(post / "LTP points.mrk.json")


def missing(cohort: Path) -> None:
    (cohort / "cases" / "c3" / "post" / "ltp.mrk.json").unlink()


def emptied(cohort: Path) -> None:
    write_points(PointList("ltp", ()), cohort / "cases" / "c3" / "post" / "ltp.mrk.json")


def outside(cohort: Path) -> None:
    points = PointList("ltp", (Point("L", (500.0, 0.0, 0.0)),))
    write_points(points, cohort / "cases" / "c3" / "post" / "ltp.mrk.json")


def negative_by_the_table(cohort: Path) -> None:
    write_table(cohort, c3={"ltp": 0})


def without_a_label(cohort: Path) -> None:
    write_table(cohort, c3={"ltp": ""})


def damaged(cohort: Path) -> None:
    (cohort / "cases" / "c3" / "post" / "arterial.nrrd").write_bytes(b"NRRD0004\n")


def gone(cohort: Path) -> None:
    shutil.rmtree(cohort / "cases" / "c3")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (misnamed, "LTP points.mrk.json"),
        (missing, "no point is marked"),
        (emptied, "c3"),
        (outside, "outside the volume"),
        (negative_by_the_table, "points are marked"),
        (without_a_label, "label ltp is empty"),
        (damaged, "arterial.nrrd"),
        (gone, "no folder cases/c3"),
    ],
)
def test_a_case_that_training_would_refuse_is_left_out_with_the_reason(
    cohort: Path, model: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(cohort)
    found = held_out(cohort, model)
    assert [case.case_id for case in found.cases] == ["c0", "c1", "c2"]
    assert list(found.left_out) == ["c3"] and words in "\n".join(map(str, found.left_out["c3"]))
    assert all(problem.level == "WARN" and "c3" not in problem.where for problem in found.problems)


def test_a_bad_case_is_named_and_counted_and_the_others_are_evaluated(command: Any, cohort: Path, begun: Path) -> None:
    misnamed(cohort)
    status, out, err = command(cohort)
    assert status == 1
    assert "1 of 1 positive patients is flagged, 1 of them by a candidate on a true lesion (within 15 mm" in out
    assert "1.000 (1/1)" in next(line for line in out.splitlines() if "on a true lesion" in line)
    assert "left out: c3" in out
    (line,) = [line for line in err.splitlines() if "c3" in line]
    assert "ltp is 1, but no point is marked" in line and "LTP points.mrk.json" in line
    report = json.loads((begun / "report.json").read_text())
    assert report["provenance"]["cases left out"] == "c3"
    assert report["provenance"]["evaluated cases"] == "c0, c1, c2"
    flow = next(block["data"] for block in report["blocks"] if block.get("name") == "case-flow")
    assert flow["stages"][1]["n"] == 4
    assert flow["stages"][1]["excluded"] == {"left out: ltp is 1, but no point is marked": 1}
    assert flow["parts"] == {"no progression": 2, "local tumour progression": 1}
    warned = [w for block in report["blocks"] if block["kind"] == "warnings" for w in block["warnings"]]
    assert sum("c3" in warning["where"] for warning in warned) == 1
    assert not (begun / "cases" / "c3").exists(), "the folder holds the cases that the report rests on"


def test_inverted_labels_leave_no_case(command: Any, cohort: Path, tmp_path: Path) -> None:
    write_table(cohort, c0={"ltp": 1}, c1={"ltp": 0}, c2={"ltp": 1}, c3={"ltp": 0})
    status, out, err = command(cohort)
    assert (status, out) == (2, "")
    assert all(name in err for name in ("c0", "c1", "c2", "c3")) and "no case is left to evaluate" in err
    assert not (tmp_path / "report").exists()


def test_a_broken_training_case_does_not_stop_the_evaluation_and_is_told_once(cohort: Path, model: Path) -> None:
    (cohort / "cases" / "t0" / "post" / "arterial.nrrd").write_bytes(b"NRRD0004\n")
    (cohort / "cases" / "t1" / "post" / "ltp.mrk.json").unlink()
    found = held_out(cohort, model)
    assert len(found.cases) == 4 and not found.left_out
    (problem,) = [problem for problem in found.problems if "t0" in str(problem)]
    assert "not evaluated" in problem.what
    assert not [p for p in found.problems if "t1" in str(p)], "a label of training says nothing about test cases"


@pytest.mark.parametrize("name", ["arterial.nrrd", "arterial.nii.gz"])
def test_a_scan_that_is_tested_and_trained_on_is_refused_before_anything_is_computed(
    command: Any, cohort: Path, tmp_path: Path, name: str
) -> None:
    image = read_image(cohort / "cases" / "t0" / "post" / "arterial.nrrd")
    (cohort / "cases" / "c0" / "post" / "arterial.nrrd").unlink()
    write_image(image, cohort / "cases" / "c0" / "post" / name)
    status, out, err = command(cohort)
    assert (status, out) == (2, "")
    assert "same scan" in err and "c0" in err and "t0" in err
    assert not (tmp_path / "report").exists()


def test_a_scan_that_the_model_was_trained_on_is_refused_before_anything_is_computed(
    command: Any, sound: Path, tmp_path: Path
) -> None:
    seen = [read_image(sound / "cases" / name / "post" / "arterial.nrrd").digest() for name in ("c2", "c3")]
    model = blob_package(tmp_path, blob_network(), training={"image_digests": seen}).folder
    status, out, err = command(sound, model=model)
    assert (status, out) == (2, "")
    assert "case c2: the model was trained on this image" in err and "case c3" in err
    assert not (tmp_path / "report").exists()


def test_a_patient_in_two_splits_and_a_faulty_row_are_refused_together(command: Any, cohort: Path) -> None:
    write_table(cohort, t1={"patient_id": "p-c1"})
    with (cohort / "cohort.csv").open("a") as file:
        file.write("one,cell,too,many,here\n")
    status, _, err = command(cohort)
    assert status == 2
    assert "several splits" in err and "5 cells" in err


def test_a_patient_with_a_bad_case_is_left_out_of_the_patient_level(cohort: Path, model: Path, begun: Path) -> None:
    write_table(cohort, c2={"patient_id": "p-c3"})
    misnamed(cohort)
    found = evaluate(cohort, model, begun / "cases")
    assert list(found.results) == ["c0", "c1", "c2"]
    assert found.patient.n == 2, "p-c3 may well be positive: his other scan does not make him negative"
    assert any(problem.where == "patient p-c3" for problem in found.problems)


def test_what_is_true_of_several_cases_is_told_once_and_of_one_with_its_place() -> None:
    def warning(what: str, where: str) -> Problem:
        return Problem("WARN", what, where, "look", where)

    found = once(
        [
            ("c0", warning("dark", "case c0, post/liver")),
            ("c1", warning("thick", "case c1")),
            ("c0", warning("dark", "c0")),  # said by the check of the files and by the scan
            ("c2", warning("thick", "arterial")),
            ("c3", warning("tilted", "arterial")),
        ]
    )
    assert [(problem.what, problem.where) for problem in found] == [
        ("dark", "case c0, post/liver"), ("thick", "cases c1, c2"), ("tilted", "case c3"),
    ]  # fmt: skip


def test_phantoms_among_the_evaluated_cases_are_told_and_an_unclear_cell_is_named(cohort: Path, model: Path) -> None:
    write_table(cohort, c0={"synthetic": "yes"}, c1={"synthetic": "no"}, c2={"synthetic": "perhaps"}, t0={})
    told = [problem for problem in held_out(cohort, model).problems if "synthetic" in problem.what]
    assert [problem.level for problem in told] == ["WARN", "WARN"]
    assert "'perhaps'" in told[0].what and "c2" in told[0].where
    assert "1 of 4 evaluated cases are synthetic" in told[1].what
    write_table(cohort, t0={"synthetic": "yes"}, c0={"synthetic": "false"})
    assert not [problem for problem in held_out(cohort, model).problems if "synthetic" in problem.what]


def test_a_model_trained_on_phantoms_says_so_in_its_evaluation_once(cohort: Path, tmp_path: Path) -> None:
    write_table(cohort, c2={"split": "train"}, c3={"split": "train"})
    training = {"patients": 123, "synthetic": True, "trained_on": {"synthetic": 120, "patients": 3}}
    found = evaluate(cohort, blob_package(tmp_path, blob_network(), training=training).folder, None)
    assert sum("120 synthetic cases, 3 patients" in problem.what for problem in found.problems) == 1
    for result in found.results.values():
        assert any("120 synthetic cases, 3 patients" in warning.what for warning in result.warnings)


def test_an_interrupted_evaluation_goes_on_and_gives_the_same(
    command: Any,
    sound: Path,
    model: Path,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    computed: list[str] = []
    original = evaluation.evaluate_case

    def until(last: str) -> Callable[..., Any]:
        def spy(case: Any, *arguments: Any, **named: Any) -> Any:
            if case.case_id == last:
                raise KeyboardInterrupt
            computed.append(case.case_id)
            return original(case, *arguments, **named)

        return spy

    monkeypatch.setattr(evaluation, "evaluate_case", until("c2"))
    status, out, err = command(sound)
    assert (status, out) == (1, "") and "same command again to go on" in err
    assert computed == ["c0", "c1"]
    assert sorted(path.name for path in (tmp_path / "report" / "cases").iterdir()) == ["c0", "c1"]
    assert not (tmp_path / "report" / "report.html").exists() and not list((tmp_path / "report").rglob("*.part"))
    computed.clear()
    monkeypatch.setattr(evaluation, "evaluate_case", until("none"))
    again = evaluate(sound, model, tmp_path / "report" / "cases")
    assert computed == ["c2", "c3"]
    assert figures(again.as_json()) == figures(evaluate(sound, model, finished).as_json())
    assert [example.kind for example in again.examples] == ["found", "missed", "false positive"]


def refuse(seen: list[str]) -> Callable[..., Any]:
    """In the place of the computation of a case: notes which one it is."""

    def stand_in(case: Any, *_: Any, **__: Any) -> Any:
        seen.append(case.case_id)
        raise InputError("not now")

    return stand_in


def test_only_what_changed_is_computed_again(
    cohort: Path, model: Path, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def wanted() -> list[str]:
        """The cases that would be computed."""
        seen.clear()
        with suppress(InputError):
            evaluate(cohort, model, begun / "cases")
        return seen

    monkeypatch.setattr(evaluation, "evaluate_case", refuse(seen))
    assert wanted() == []
    write_table(cohort, c0={"age": 61})
    assert wanted() == [], "the row decides nothing that is computed"
    write_image(body(99), cohort / "cases" / "c0" / "post" / "arterial.nrrd")
    assert wanted() == ["c0"]
    points = PointList("ltp", (Point("L", LESION), Point("M", ALARM)))
    write_points(points, cohort / "cases" / "c1" / "post" / "ltp.mrk.json")
    assert wanted() == ["c0", "c1"]
    (begun / "cases" / "c2" / "evaluation.json").write_text("{")
    assert wanted() == ["c0", "c1", "c2"], "what is damaged is computed again"
    (begun / "cases" / "c3" / "result.json").unlink()
    assert wanted() == ["c0", "c1", "c2", "c3"]


@pytest.mark.parametrize("change", ["options", "cutoff", "seed"])
def test_cases_made_otherwise_are_computed_again(
    sound: Path, model: Path, begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(evaluation, "evaluate_case", refuse(seen))
    options = {"region": "volume"} if change == "options" else {}
    if change == "cutoff":  # the same weights
        cutoff = CutOff(0.6, "set by hand for a test")
        model = blob_package(tmp_path / "other", blob_network(), cutoffs={"patch": cutoff}).folder
    if change == "seed":
        monkeypatch.setattr(evaluation, "SEED", 2024)
    with pytest.raises(InputError, match="no case is left"):
        evaluate(sound, model, begun / "cases", **options)
    assert seen == ["c0", "c1", "c2", "c3"]


def test_the_digest_of_the_cohort_tells_rows_and_files_apart(
    cohort: Path, model: Path, begun: Path, sound: Path
) -> None:
    before = evaluate(sound, model, begun / "cases").run["cohort_sha256"]
    assert evaluate(cohort, model, begun / "cases").run["cohort_sha256"] == before, "wherever it lies"
    write_table(cohort, c0={"age": 61})
    assert evaluate(cohort, model, begun / "cases").run["cohort_sha256"] != before


def test_a_report_is_not_written_among_other_files(command: Any, cohort: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for taken in (cohort, model, cohort / "cases", tmp_path / "file"):
        status, _, err = command(cohort, out=taken)
        assert status == 2 and "option --out" in err and "hoose" in err, taken


def test_a_cohort_without_splits_is_evaluated_whole_though_it_would_be_too_small_to_train(
    cohort: Path, model: Path
) -> None:
    write_table(cohort, **{name: {"split": ""} for name in ("c0", "c1", "c2", "c3", "t0", "t1")})
    found = held_out(cohort, model)
    assert len(found.cases) == 6 and not found.left_out
    assert any("all cases are evaluated" in problem.what for problem in found.problems)
    assert {problem.level for problem in found.problems} == {"WARN"}


@pytest.mark.parametrize("own", [True, False])
def test_splits_are_drawn_again_only_for_the_table_that_training_drew_them_from(
    cohort: Path, tmp_path: Path, own: bool
) -> None:
    write_table(cohort, **{name: {"split": ""} for name in ("c0", "c1", "c2", "c3", "t0", "t1")})
    opened = read_cohort(cohort)
    drawn = list(split_patients(opened, strata(opened, cohort_spec(LTP)), fractions=LTP.split, seed=5).values())
    training = {
        "patients": 4,
        "seed": 5,
        "cases": {name: drawn.count(name) for name in ("train", "validation", "test")},
        "splits_drawn_from": own_table(opened) if own else "0" * 64,
    }
    found = held_out(cohort, blob_package(tmp_path, blob_network(), training=training).folder)
    assert len(found.cases) == (drawn.count("test") if own else 6)
    assert any(("set aside" if own else "all cases") in problem.what for problem in found.problems)
