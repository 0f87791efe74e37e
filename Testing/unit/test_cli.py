"""The command as a person or a script runs it: exit statuses, one-line errors, clean stdout."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ltp_blob import blob_image, blob_model, close_grid, straight_grid

from HCCAssistLib.cli.main import COMMANDS, main, parser
from HCCAssistLib.cli.predictions import Row, write_summary
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.recipes.markdown import BEGIN, END
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.results.detection import DetectionResult, Searched
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.scene.rendering import rendering_available

pytestmark = pytest.mark.heavy

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "command.md"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    blob_model(folder)
    return folder / "blobs"


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: no test writes to it."""
    path = tmp_path_factory.mktemp("scan") / "scan.nii.gz"
    write_image(blob_image(close_grid()), path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def summary(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_importing_the_command_and_the_registry_stays_light() -> None:
    code = (
        "import sys; import HCCAssistLib.cli.main, HCCAssistLib.recipes.registry;"
        "print([m for m in ('torch', 'matplotlib', 'sklearn', 'slicer', 'vtk', 'monai', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_predict_gives_one_json_object_on_stdout_and_a_result_folder(
    capsys: pytest.CaptureFixture[str], model: Path, volume: Path, tmp_path: Path
) -> None:
    status, out, _ = run(capsys, "predict", volume, "--model", model, "--out", tmp_path / "result", "--json", "--view")
    assert status == 0
    (case,) = json.loads(out)["cases"]
    assert len([c for c in case["candidates"] if c["probability"] >= 0.5]) == 3
    assert {"probability", "center_lps", "size_mm", "slice"} <= set(case["candidates"][0])
    assert case["run"]["recipe"] == "ltp"
    assert any("phase" in warning["what"] for warning in case["warnings"])
    assert set(case["run"]["inputs"]) == {"post/arterial"}
    folder = tmp_path / "result" / "case"
    assert json.loads((folder / "result.json").read_text())["candidates"] == case["candidates"]
    names = {path.name for path in folder.iterdir()} - {f"candidate-{number}.png" for number in (1, 2, 3)}
    assert names == {"result.json", "heatmap.nrrd", "candidates.csv", "view.html"}
    assert run(capsys, "view", folder, volume, "--out", tmp_path / "again.html")[0] == 0
    assert (tmp_path / "again.html").read_bytes() == (folder / "view.html").read_bytes()
    if rendering_available() is None:
        assert (folder / "candidate-3.png").read_bytes().startswith(b"\x89PNG")
    with (folder / "candidates.csv").open(encoding="utf-8-sig") as file:
        assert [float(row["probability"]) for row in csv.DictReader(file)] == [
            candidate["probability"] for candidate in case["candidates"]
        ]
    (row,) = summary(tmp_path / "result")
    assert (row["case_id"], row["status"], row["shown"], row["problem"]) == ("case", "done", "3", "")
    assert float(row["highest_probability"]) == case["candidates"][0]["probability"]
    assert sorted(path.name for path in (tmp_path / "result").iterdir()) == ["case", "summary.csv"]


def test_a_page_that_no_browser_opens_costs_no_result(
    capsys: pytest.CaptureFixture[str], model: Path, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("HCCAssistLib.viewer.page.MOST_VOXELS", 1)
    arguments = ("--model", model, "--out", tmp_path / "o", "--no-pictures", "--view", "--set", "stride=fast")
    status, _, err = run(capsys, "predict", volume, *arguments)
    assert status == 0
    assert "browsers open pages of up to" in err
    assert {path.name for path in (tmp_path / "o" / "case").iterdir()} == {
        "result.json", "heatmap.nrrd", "candidates.csv"
    }  # fmt: skip


def test_one_bad_case_of_a_cohort_does_not_lose_the_others(
    capsys: pytest.CaptureFixture[str], model: Path, volume: Path, tmp_path: Path
) -> None:
    cohort = tmp_path / "cohort"
    for name in ("a", "b", "c"):
        (cohort / "cases" / name / "post").mkdir(parents=True)
        (cohort / "cases" / name / "post" / "arterial.nii.gz").write_bytes(
            volume.read_bytes() if name != "b" else b"damaged"
        )
    write_cohort_table(cohort, [{"case_id": name} for name in ("a", "b", "c")])
    arguments = ("predict", cohort, "--model", model, "--out", f"{tmp_path / 'out'}/.", "--no-pictures")
    status, out, err = run(capsys, *arguments, "--json")
    assert status == 1
    assert [case["case_id"] for case in json.loads(out)["cases"]] == ["a", "c"]
    assert json.loads(out)["failed"][0]["case_id"] == "b"
    assert [line for line in err.splitlines() if "case b" in line] == [
        "hccassist predict: case b, post/arterial.nii.gz: the file is not a NIfTI file, or it is cut short. "
        "Copy or export it again."
    ]
    assert (tmp_path / "out" / "a" / "result.json").exists()
    assert (tmp_path / "out" / "c" / "result.json").exists()
    assert not (tmp_path / "out" / "b").exists()
    rows = summary(tmp_path / "out")
    assert [(row["case_id"], row["status"]) for row in rows] == [("a", "done"), ("b", "failed"), ("c", "done")]
    assert "not a NIfTI file" in rows[1]["problem"]

    # the same again: what was done is kept, what was mended is done, what is bad now has no result
    (cohort / "cases" / "b" / "post" / "arterial.nii.gz").write_bytes(volume.read_bytes())
    (cohort / "cases" / "c" / "post" / "arterial.nii.gz").write_bytes(b"damaged")
    before = (tmp_path / "out" / "a" / "result.json").stat().st_ino
    status, said, _ = run(capsys, *arguments)
    assert status == 1
    assert "a: 3 of 3 candidates" in said
    assert said.count("kept from an earlier run") == 1
    assert "in place of" not in said
    assert f"results in {tmp_path / 'out'}" in said
    assert (tmp_path / "out" / "a" / "result.json").stat().st_ino == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b", "summary.csv"]

    # another option: everything is done anew, in the same folders, and it says so
    status, said, _ = run(capsys, *arguments, "--set", "stride=fast")
    assert (status, said.count("kept from"), said.count("in place of an earlier result")) == (1, 0, 2)
    result = json.loads((tmp_path / "out" / "a" / "result.json").read_text())
    assert result["run"]["options"]["stride"] == "fast"

    # other cases do not get mixed up with these
    status, _, err = run(capsys, "predict", volume, "--model", model, "--out", tmp_path / "out")
    assert status == 2
    assert "predictions of other cases (a, b)" in err


def test_when_every_case_failed_there_is_still_one_json_object(
    capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path
) -> None:
    (tmp_path / "scan.nii.gz").write_bytes(b"damaged")
    status, out, err = run(
        capsys, "predict", tmp_path / "scan.nii.gz", "--model", model, "--out", tmp_path / "o", "--json"
    )
    assert status == 2
    assert json.loads(out)["cases"] == []
    assert json.loads(out)["failed"][0]["case_id"] == "case"
    assert len([line for line in err.splitlines() if "not a NIfTI file" in line]) == 1
    assert not (tmp_path / "o").exists()


def test_what_was_searched_is_said_and_stands_in_the_summary(tmp_path: Path) -> None:
    run_record = RunRecord("ltp", {}, "blobs", (), {}, "cpu", {}, 1.0)
    result = DetectionResult((), 0.5, "by hand", straight_grid(), run_record, searched=Searched("liver", 1417.0, 5000))
    write_summary(tmp_path, [Row.of("a", result)], result.kind)
    assert summary(tmp_path)[0]["searched"] == "liver, 1,417 ml, 5,000 patches"


def test_models_can_be_installed_listed_shown_used_and_removed(
    capsys: pytest.CaptureFixture[str],
    model: Path,
    volume: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "store"))
    assert run(capsys, "models", "list")[1].startswith("no models are installed\n")
    assert run(capsys, "models", "install", model)[0] == 0
    listed = json.loads(run(capsys, "models", "list", "--json")[1])
    assert [card["name"] for card in listed["models"]] == ["blobs"]
    shown = run(capsys, "models", "show", "blobs")
    assert "Research use only" in shown[1] and run(capsys, "models", "show", str(model)) == shown
    assert run(capsys, "predict", volume, "--model", "blobs", "--out", tmp_path / "r", "--no-pictures")[0] == 0
    assert run(capsys, "models", "remove", "blobs")[0] == 0
    assert run(capsys, "models", "show", "blobs")[0] == 2


def test_recipes_says_what_the_registry_says(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(run(capsys, "recipes", "--json")[1])
    assert [recipe["id"] for recipe in data["recipes"]] == list(RECIPES)
    assert data["recipes"][0]["options"][0]["name"] == "pools"
    text = run(capsys, "recipes")[1]
    for recipe in RECIPES.values():
        assert recipe.paper in text
        for option in (*recipe.options, *recipe.run_options):
            assert option.name in text
        for words in (*map(str, recipe.inputs), *recipe.label.columns, *recipe.presets, *recipe.columns):
            assert words in text
    assert "post/ablation (segment or points, optional)" in text


def test_the_tables_of_documents_are_written_from_the_registry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "notes.md"
    begin, end = BEGIN.format("recipes"), END.format("recipes")
    document.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    assert run(capsys, "recipes", "--markdown", document, tmp_path / "none.md")[0] == 2
    assert "old" in document.read_text(encoding="utf-8")
    assert run(capsys, "recipes", "--markdown", document)[0] == 0
    text = document.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text and "| `ltp` |" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict", "nowhere.nii.gz", "--model", "MODEL", "--out", "OUT"), "no such file"),
        (("predict", "VOLUME", "--model", "missing-model", "--out", "OUT"), "no model named 'missing-model'"),
        (("predict", "VOLUME", "--model", "MODEL", "--out", "OUT", "--set", "stride=slow"), "not one of the choices"),
        (("predict", "VOLUME", "--model", "MODEL", "--out", "OUT", "--set", "speed"), "is not a setting"),
        (("predict", "VOLUME", "--model", "MODEL", "--out", "OUT", "--set", "region=liver"), "no liver segment"),
        (("predict", "VOLUME", "--model", "MODEL", "--out", "OUT", "--device", "tpu"), "has no device"),
        (("train", "nowhere", "--recipe", "ltp", "--out", "OUT"), "no such folder"),
        (("train", "nowhere", "--recipe", "ltp", "--out", "OUT", "--set", "pools=9"), "not one of the choices"),
        (("train", "nowhere", "--recipe", "horoscope", "--out", "OUT"), "invalid choice"),
        (("train", "nowhere", "--recipe", "ltp", "--out", "OUT", "--folds", "0"), "0 folds are not possible"),
        (("evaluate", "nowhere", "--model", "MODEL", "--out", "OUT"), "no such folder"),
        (("phantom", "ltp", "OUT", "--cases", "0"), "cannot be made"),
        (("phantom", "ltp", "OUT", "--cases", "2", "--background", "nowhere"), "no such file"),
        (("models", "install", "nowhere"), "no such file or folder"),
        (("models", "remove", "../x"), "not the name of a model"),
        (("models", "show"), "needs the name"),
        ((), "required"),
        (("dance",), "invalid choice"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_status_2(
    capsys: pytest.CaptureFixture[str],
    model: Path,
    volume: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    places = {"MODEL": model, "VOLUME": volume, "OUT": tmp_path / "out"}
    status, out, err = run(capsys, *(places.get(argument, argument) for argument in arguments))
    assert status == 2
    assert out == ""
    lines = [line for line in err.splitlines() if not line.startswith("predict:")]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_debug_adds_a_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, _, err = run(capsys, "evaluate", tmp_path, "--model", "x", "--out", tmp_path / "o", "--debug")
    assert "Traceback" in err


def test_every_command_has_help_and_every_command_of_the_document_parses() -> None:
    for name in (command.replace("_", "-") for command in COMMANDS):
        with pytest.raises(SystemExit) as stop:
            parser().parse_args([name, "--help"])
        assert stop.value.code == 0
    lines = re.findall(r"^(?:\.venv/bin/)?hccassist (.+?)(?:\s+#.*)?$", DOCUMENT.read_text(), re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        parser().parse_args(line.split())


def test_another_scan_does_not_overwrite_the_result_of_a_lone_volume(
    capsys: pytest.CaptureFixture[str], model: Path, volume: Path, tmp_path: Path
) -> None:
    arguments = ("--model", model, "--out", tmp_path / "o", "--no-pictures", "--set", "stride=fast")
    assert run(capsys, "predict", volume, *arguments)[0] == 0
    before = (tmp_path / "o" / "case" / "result.json").read_bytes(), (tmp_path / "o" / "summary.csv").read_bytes()
    other = blob_image(close_grid())
    write_image(other.with_array(other.array + np.int16(1), "another scan"), tmp_path / "other.nrrd")
    (tmp_path / "damaged.nrrd").write_bytes(b"damaged")
    for name, says in (("other.nrrd", "the result of another scan"), ("damaged.nrrd", "not a NRRD file")):
        status, _, err = run(capsys, "predict", tmp_path / name, *arguments)
        assert status == 2 and says in err
        after = (tmp_path / "o" / "case" / "result.json").read_bytes(), (tmp_path / "o" / "summary.csv").read_bytes()
        assert after == before


@pytest.mark.slow
def test_what_is_true_of_many_cases_is_said_once(
    capsys: pytest.CaptureFixture[str], model: Path, volume: Path, tmp_path: Path
) -> None:
    for name in "abcdefgh":
        (tmp_path / "c" / "cases" / name / "post").mkdir(parents=True)
        (tmp_path / "c" / "cases" / name / "post" / "arterial.nii.gz").write_bytes(volume.read_bytes())
    write_cohort_table(tmp_path / "c", [{"case_id": name} for name in "abcdefgh"])
    arguments = ("--model", model, "--out", tmp_path / "o", "--no-pictures", "--set", "stride=fast")
    status, _, err = run(capsys, "predict", tmp_path / "c", *arguments)
    assert status == 0
    told = [line for line in err.splitlines() if "there is no liver segment" in line]
    assert len(told) == 2 and "also cases b, c, d, e, f and 2 more" in told[1]
    results = [json.loads((tmp_path / "o" / name / "result.json").read_text()) for name in "abcdefgh"]
    assert all(any("no liver segment" in w["what"] for w in result["warnings"]) for result in results)


def test_the_rows_of_cases_that_are_not_asked_for_again_stay_in_the_summary(
    capsys: pytest.CaptureFixture[str], model: Path, volume: Path, tmp_path: Path
) -> None:
    for name, content in (("a", volume.read_bytes()), ("b", b"damaged")):
        (tmp_path / "c" / "cases" / name / "post").mkdir(parents=True)
        (tmp_path / "c" / "cases" / name / "post" / "arterial.nii.gz").write_bytes(content)
    write_cohort_table(tmp_path / "c", [{"case_id": name} for name in "ab"])
    arguments = ("--model", model, "--out", tmp_path / "o", "--no-pictures", "--set", "stride=fast")
    assert run(capsys, "predict", tmp_path / "c", *arguments)[0] == 1
    assert run(capsys, "predict", tmp_path / "c" / "cases" / "a", *arguments)[0] == 0
    assert [(row["case_id"], row["status"]) for row in summary(tmp_path / "o")] == [("a", "done"), ("b", "failed")]


def test_a_tiny_region_is_not_said_to_be_nothing() -> None:
    assert str(Searched("liver", 0.0032, 7)) == "liver, 0.0032 ml, 7 patches"
    assert str(Searched("liver", 1417.3, 9120)) == "liver, 1,417 ml, 9,120 patches"
