"""The command as a person or a script runs it: exit statuses, one-line errors, clean stdout."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ltp_blob import blob_image, blob_model, straight_grid

from HCCAssistLib.cli.main import COMMANDS, main, parser
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.recipes.registry import RECIPES

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    blob_model(folder)
    return folder / "blobs"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "scan.nii.gz"
    write_image(blob_image(straight_grid()), path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


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
    status, out, _ = run(capsys, "predict", volume, "--model", model, "--out", tmp_path / "result", "--json")
    assert status == 0
    (case,) = json.loads(out)["cases"]
    assert len([c for c in case["candidates"] if c["probability"] >= 0.5]) == 3
    assert {"probability", "center_lps", "size_mm", "slice"} <= set(case["candidates"][0])
    assert case["run"]["recipe"] == "ltp"
    assert any("phase" in warning["what"] for warning in case["warnings"])
    assert json.loads((tmp_path / "result" / "result.json").read_text())["candidates"] == case["candidates"]
    assert (tmp_path / "result" / "heatmap.nrrd").exists()


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
    status, out, err = run(capsys, "predict", cohort, "--model", model, "--out", tmp_path / "out", "--json")
    assert status == 1
    assert [case["case_id"] for case in json.loads(out)["cases"]] == ["a", "c"]
    assert json.loads(out)["failed"][0]["case_id"] == "b"
    assert "case b" in err
    assert (tmp_path / "out" / "a" / "result.json").exists()
    assert (tmp_path / "out" / "c" / "result.json").exists()


def test_models_can_be_installed_listed_shown_used_and_removed(
    capsys: pytest.CaptureFixture[str],
    model: Path,
    volume: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "store"))
    assert run(capsys, "models", "list")[1].strip() == "no models are installed"
    assert run(capsys, "models", "install", model)[0] == 0
    listed = json.loads(run(capsys, "models", "list", "--json")[1])
    assert [card["name"] for card in listed["models"]] == ["blobs"]
    assert "Research use only" in run(capsys, "models", "show", "blobs")[1]
    assert run(capsys, "predict", volume, "--model", "blobs", "--out", tmp_path / "r", "--set", "stride=fast")[0] == 0
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


def test_every_command_has_help_and_every_command_of_the_readme_parses() -> None:
    for command in COMMANDS:
        name = command.__name__.rsplit(".", 1)[-1]
        with pytest.raises(SystemExit) as stop:
            parser().parse_args([name, "--help"])
        assert stop.value.code == 0
    lines = re.findall(r"^(?:\.venv/bin/)?hccassist (.+?)(?:\s+#.*)?$", README.read_text(), re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        parser().parse_args(line.split())
