"""Evaluation judges a cohort as training does, goes on past a bad case, keeps finished ones and says what it did."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ltp_blob import blob_network, blob_package

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.evaluation.held_out import hold_out
from HCCAssistLib.evaluation.result import CutOff
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.results import read_result
from HCCAssistLib.models.package import read_package
from HCCAssistLib.recipes.ltp import evaluation
from HCCAssistLib.recipes.registry import get_recipe

GRID = Geometry.from_parts((20, 88, 84), (0.75, 0.8, 4.0), (-30.0, -35.0, -40.0))
LESION, ALARM = (8.0, -6.0, 2.0), (-18.0, 12.0, -14.0)
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
def evaluate(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs the command; its status, stdout (read where it is JSON) and stderr."""

    def run(cohort: Path, *more: str, model: Path = model, out: Path = tmp_path / "report") -> tuple[int, Any, str]:
        arguments = ["evaluate", str(cohort), "--model", str(model), "--out", str(out), "--set", "stride=fast", *more]
        status = main(arguments)
        said = capsys.readouterr()
        return status, json.loads(said.out) if "--json" in more and said.out else said.out, said.err

    return run


def reported(folder: Path) -> tuple[dict[str, Any], str]:
    text = (folder / "report.json").read_text()
    return json.loads(text), text


def test_a_sound_cohort_is_evaluated_and_the_report_says_on_what_it_rests(
    evaluate: Any, sound: Path, model: Path, tmp_path: Path
) -> None:
    status, said, err = evaluate(sound, "--json")
    assert status == 0 and "STOP" not in err
    assert said["kind"] == "evaluation" and said["failed"] == [] and said["cases"] == ["c0", "c1", "c2", "c3"]
    assert said["patient"]["confusion"] == {"tp": 2, "fp": 0, "tn": 2, "fn": 0}
    on_lesions = said["patient"]["flagged_on_a_lesion"]
    assert (on_lesions["successes"], on_lesions["n"]) == (1, 2), "c3 is flagged beside its lesion"
    assert on_lesions["interval"]["low"] == pytest.approx(0.0126, abs=1e-3)
    sensitivity = said["patient"]["estimates"]["sensitivity"]
    assert (sensitivity["successes"], sensitivity["n"]) == (2, 2)
    report, text = reported(tmp_path / "report")
    origin = report["provenance"]
    assert "stride=fast" in origin["run options"] and "region=auto" in origin["run options"]
    assert origin["cohort"] == "livers" and len(origin["cohort sha256"].split()[0]) == 64
    assert origin["evaluated cases"] == "c0, c1, c2, c3" and origin["cases left out"] == "none"
    assert origin["model.json seal"] == read_package(model).card.seal
    assert said["run"]["cohort_sha256"] in origin["cohort sha256"]
    assert "2 of 2 positive patients are flagged, 1 of them by a candidate on a true lesion" in text
    page = (tmp_path / "report" / "report.html").read_text()
    assert origin["model.json seal"] in page and "c0, c1, c2, c3" in page
    assert str(tmp_path) not in text + page
    table = next(block for block in report["blocks"] if block.get("title") == "Evaluated cases")
    assert [row[:4] for row in table["rows"]] == [
        ["c0", "0", "0", "0"], ["c1", "1", "1", "0"], ["c2", "0", "0", "0"], ["c3", "1", "0", "1"],
    ]  # fmt: skip
    assert len(read_result(tmp_path / "report" / "cases" / "c1").shown) == 1
    assert (tmp_path / "report" / "cases" / "c1" / "candidates.csv").exists()


def test_the_terminal_tells_how_many_were_flagged_by_a_true_lesion(evaluate: Any, sound: Path) -> None:
    status, out, _ = evaluate(sound)
    assert status == 0
    assert "2 of 2 positive patients are flagged, 1 of them by a candidate on a true lesion (within 15 mm" in out
    assert "0.500 (1/2)" in next(line for line in out.splitlines() if "on a true lesion" in line)


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
    "spoil", [misnamed, missing, emptied, outside, negative_by_the_table, without_a_label, damaged, gone]
)
def test_a_bad_case_is_left_out_named_and_counted_and_the_others_are_evaluated(
    evaluate: Any, cohort: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(cohort)
    status, said, err = evaluate(cohort, "--json")
    assert status == 1
    assert said["cases"] == ["c0", "c1", "c2"]
    assert [failed["case_id"] for failed in said["failed"]] == ["c3"] and "c3" in said["failed"][0]["problem"]
    assert sum("c3" in line for line in err.splitlines()) == 1, err
    assert said["patient"]["confusion"] == {"tp": 1, "fp": 0, "tn": 2, "fn": 0}
    chosen = said["flow"]["stages"][1]
    assert (chosen["n"], sum(chosen["excluded"].values())) == (4, 1)
    assert said["flow"]["parts"] == {"ltp positive": 1, "ltp negative": 2}
    report, _ = reported(tmp_path / "report")
    assert report["provenance"]["cases left out"] == "c3"
    warned = [w for block in report["blocks"] if block["kind"] == "warnings" for w in block["warnings"]]
    assert any("c3" in warning["where"] for warning in warned)
    assert not (tmp_path / "report" / "cases" / "c3").exists()


def test_a_misnamed_point_file_is_told_by_its_name(evaluate: Any, cohort: Path) -> None:
    misnamed(cohort)
    err = evaluate(cohort)[2]
    assert "ltp is 1, but no point is marked" in err and "LTP points.mrk.json" in err


def test_inverted_labels_leave_no_case(evaluate: Any, cohort: Path, tmp_path: Path) -> None:
    write_table(cohort, c0={"ltp": 1}, c1={"ltp": 0}, c2={"ltp": 1}, c3={"ltp": 0})
    status, out, err = evaluate(cohort)
    assert (status, out) == (2, "")
    assert all(name in err for name in ("c0", "c1", "c2", "c3")) and "no case is left to evaluate" in err
    assert not (tmp_path / "report").exists()


def test_a_broken_training_case_does_not_stop_the_evaluation_and_is_told_once(evaluate: Any, cohort: Path) -> None:
    (cohort / "cases" / "t0" / "post" / "arterial.nrrd").write_bytes(b"NRRD0004\n")
    (cohort / "cases" / "t1" / "post" / "ltp.mrk.json").unlink()
    status, said, err = evaluate(cohort, "--json")
    assert status == 0 and len(said["cases"]) == 4
    (line,) = [line for line in err.splitlines() if "t0" in line]
    assert "not evaluated" in line and "t1" not in line, "a label of training says nothing about test cases"


@pytest.mark.parametrize("name", ["arterial.nrrd", "arterial.nii.gz"])
def test_a_scan_that_is_tested_and_trained_on_is_refused_before_anything_is_computed(
    evaluate: Any, cohort: Path, tmp_path: Path, name: str
) -> None:
    image = read_image(cohort / "cases" / "t0" / "post" / "arterial.nrrd")
    (cohort / "cases" / "c0" / "post" / "arterial.nrrd").unlink()
    write_image(image, cohort / "cases" / "c0" / "post" / name)
    status, out, err = evaluate(cohort)
    assert (status, out) == (2, "")
    assert "same scan" in err and "c0" in err and "t0" in err
    assert not (tmp_path / "report").exists()


def test_a_scan_that_the_model_was_trained_on_is_refused_before_anything_is_computed(
    evaluate: Any, cohort: Path, tmp_path: Path
) -> None:
    seen = [read_image(cohort / "cases" / name / "post" / "arterial.nrrd").digest() for name in ("c2", "c3")]
    model = blob_package(tmp_path, blob_network(), training={"image_digests": seen}).folder
    status, out, err = evaluate(cohort, model=model)
    assert (status, out) == (2, "")
    assert "case c2: the model was trained on this image" in err and "case c3" in err
    assert not (tmp_path / "report").exists()


def test_a_patient_in_two_splits_and_a_faulty_row_are_refused_together(evaluate: Any, cohort: Path) -> None:
    write_table(cohort, t1={"patient_id": "p-c1"})
    with (cohort / "cohort.csv").open("a") as file:
        file.write("one,cell,too,many,here\n")
    status, _, err = evaluate(cohort)
    assert status == 2
    assert "several splits" in err and "5 cells" in err


def test_a_patient_with_a_bad_case_is_left_out_of_the_patient_level(evaluate: Any, cohort: Path) -> None:
    write_table(cohort, c2={"patient_id": "p-c3"})
    misnamed(cohort)
    status, said, err = evaluate(cohort, "--json")
    assert status == 1 and said["cases"] == ["c0", "c1", "c2"]
    assert said["patient"]["n"] == 2, "p-c3 may well be positive: his other scan does not make him negative"
    assert "patient p-c3" in err


def test_a_warning_of_many_scans_is_said_once(evaluate: Any, sound: Path) -> None:
    err = evaluate(sound)[2]
    (line,) = [line for line in err.splitlines() if "no liver segment" in line]
    assert "cases c0, c1, c2, c3" in line


def test_a_model_trained_on_phantoms_says_so_in_its_evaluation(evaluate: Any, sound: Path, tmp_path: Path) -> None:
    training = {"patients": 123, "synthetic": True, "trained_on": {"synthetic": 120, "patients": 3}}
    model = blob_package(tmp_path, blob_network(), training=training).folder
    status, said, err = evaluate(sound, "--json", model=model)
    assert status == 0
    assert sum("120 synthetic cases, 3 patients" in line for line in err.splitlines()) == 1
    assert any("120 synthetic cases, 3 patients" in warning["what"] for warning in said["warnings"])
    assert "120 synthetic cases, 3 patients" in (tmp_path / "report" / "report.html").read_text()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the cases that are computed, in their order."""
    seen: list[str] = []
    original = evaluation.evaluate_case

    def spy(case: Any, *arguments: Any, **named: Any) -> Any:
        seen.append(case.case_id)
        return original(case, *arguments, **named)

    monkeypatch.setattr(evaluation, "evaluate_case", spy)
    return seen


def figures(said: dict[str, Any]) -> dict[str, Any]:
    return {level: said[level] for level in ("patch", "lesion", "patient", "flow", "run", "cases")}


def test_an_interrupted_evaluation_goes_on_and_gives_the_same(
    evaluate: Any, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, computed: list[str]
) -> None:
    whole = evaluate(sound, "--json", out=tmp_path / "whole")[1]
    spied = evaluation.evaluate_case

    def stopped(case: Any, *arguments: Any, **named: Any) -> Any:
        if case.case_id == "c2":
            raise KeyboardInterrupt
        return spied(case, *arguments, **named)

    monkeypatch.setattr(evaluation, "evaluate_case", stopped)
    status, _, err = evaluate(sound)
    assert status == 1 and "same command again to go on" in err
    assert not (tmp_path / "report" / "report.html").exists()
    assert not list((tmp_path / "report").rglob("*.part"))
    monkeypatch.setattr(evaluation, "evaluate_case", spied)
    computed.clear()
    status, again, _ = evaluate(sound, "--json")
    assert status == 0 and computed == ["c2", "c3"]
    assert figures(again) == figures(whole)
    pictures = [sorted(p.name for p in (tmp_path / f / "figures").iterdir()) for f in ("report", "whole")]
    assert pictures[0] == pictures[1] and "example-cases-found.png" in pictures[0]


def test_only_what_changed_is_computed_again(evaluate: Any, cohort: Path, tmp_path: Path, computed: list[str]) -> None:
    first = evaluate(cohort, "--json")[1]
    computed.clear()
    write_image(body(99), cohort / "cases" / "c0" / "post" / "arterial.nrrd")
    second = evaluate(cohort, "--json")[1]
    assert computed == ["c0"]
    assert second["run"]["cohort_sha256"] != first["run"]["cohort_sha256"]
    computed.clear()
    (tmp_path / "report" / "cases" / "c1" / "evaluation.json").write_text("{")
    evaluate(cohort)
    assert computed == ["c1"], "what is damaged is computed again"
    computed.clear()
    evaluate(cohort, "--set", "region=volume")
    assert computed == ["c0", "c1", "c2", "c3"], "other options"
    computed.clear()
    other = blob_package(tmp_path / "other", blob_network(), cutoff=CutOff(0.6, "set by hand for a test")).folder
    evaluate(cohort, "--set", "region=volume", model=other)
    assert computed == ["c0", "c1", "c2", "c3"], "another model, with the same weights"


def test_a_report_is_not_written_among_other_files(evaluate: Any, cohort: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for taken in (cohort, model, cohort / "cases", tmp_path / "file"):
        status, _, err = evaluate(cohort, out=taken)
        assert status == 2 and "something else" in err, taken


def test_a_cohort_without_splits_is_evaluated_whole_though_it_would_be_too_small_to_train(
    cohort: Path, model: Path
) -> None:
    write_table(cohort, **{name: {"split": ""} for name in ("c0", "c1", "c2", "c3", "t0", "t1")})
    held_out = hold_out(read_cohort(cohort), LTP, read_package(model).card)
    assert len(held_out.cases) == 6 and not held_out.left_out
    assert any("all cases are evaluated" in problem.what for problem in held_out.problems)
    assert {problem.level for problem in held_out.problems} == {"WARN"}
