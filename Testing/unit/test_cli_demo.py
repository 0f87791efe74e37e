"""The demo: what it promises of each method is there, can be read back, and is told apart from an earlier run's."""

import json
from itertools import count
from pathlib import Path

import pytest

from HCCAssistLib.cli import demo_case, demo_training
from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.models.store import DEMONSTRATION
from HCCAssistLib.phantoms.cohort import phantoms_of
from HCCAssistLib.phantoms.demo import demo_of
from HCCAssistLib.recipes.registry import RECIPES, get_recipe
from HCCAssistLib.results.files import read_result
from HCCAssistLib.scene.rendering import rendering_available, scene_available

pytestmark = pytest.mark.heavy

CHEAPEST = "tace-response"


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "models"))


def is_whole(result: Path, name: str) -> None:
    """Result, report, page, pictures and scene of one case, each saying what it is."""
    read = read_result(result)
    assert read.run.model == name and read.run.synthetic_model
    assert any("synthetic cases only" in warning.what for warning in read.warnings)
    page, report = (result / "view.html").read_text("utf-8"), (result / "report.html").read_text("utf-8")
    assert '"synthetic": true' in page and '"syntheticModel": true' in page
    assert "synthetic cases only" in report and name in report and "What was found in it" in report
    if scene_available() is None:
        assert (result / "case.mrb").stat().st_size > 1e5
    if rendering_available() is None:
        pictures = {path.name for path in result.glob("*.png")}
        assert any(picture.startswith("three-d") for picture in pictures) and len(pictures) >= 2
        assert report.count("in 3-D, from in front") >= 1


def test_one_method_is_shown_and_a_second_run_uses_the_case_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, name = tmp_path / "demo", DEMONSTRATION.format(recipe=CHEAPEST)
    assert main(["demo", "--recipe", CHEAPEST, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "says nothing about patients" in said and "reused" not in said
    assert "of processor time" in said and "MB of disk" in said
    assert f"demo --train --recipe {CHEAPEST} --out {out}\n" in said
    result = out / CHEAPEST / "result"
    is_whole(result, name)
    (result / "finding-99.png").write_bytes(b"of an earlier run")
    (out / ".DS_Store").write_bytes(b"Finder was here")
    (case,) = read_cohort(out / CHEAPEST / "unseen").cases
    before = (case.folder / "truth.json").stat().st_mtime_ns
    assert main(["demo", "--recipe", CHEAPEST, "--out", str(out)]) == 0
    assert f"reused    {out / CHEAPEST / 'unseen'}" in capsys.readouterr().out
    assert (case.folder / "truth.json").stat().st_mtime_ns == before
    assert not (result / "finding-99.png").exists()
    assert not (tmp_path / "models").exists()
    scan = next((out / CHEAPEST / "unseen").rglob("arterial.nrrd"))
    scan.write_bytes(scan.read_bytes()[:5000])
    assert main(["demo", "--recipe", CHEAPEST, "--out", str(out)]) == 2
    (out / CHEAPEST / "unseen" / "cohort.csv").unlink()
    assert main(["demo", "--recipe", CHEAPEST, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "cut short" in said and "no such table" in said
    assert said.count(f"{out / CHEAPEST / 'unseen'}: the synthetic case of an earlier run is damaged") == 2
    assert said.count("Delete this folder: it is made again.") == 2


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_model_was_trained_on_the_case_that_is_shown(recipe: str) -> None:
    phantoms, demo = phantoms_of(get_recipe(recipe).package), demo_of(get_recipe(recipe).package)
    seed = next(seed for seed in count(demo_case.SEED) if demo.shows(phantoms.row(seed, 0)))
    assert seed != demo_training.SEED and seed < demo_case.SEED + 20
    assert f"unseen-{phantoms.prefix}-0001" not in {f"{phantoms.prefix}-{n + 1:04d}" for n in range(demo.cases)}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_method_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "planted lesion" in said
    for recipe in RECIPES:
        assert get_recipe(recipe).title in said
        is_whole(out / recipe / "result", DEMONSTRATION.format(recipe=recipe))
    assert {path.name for path in out.iterdir()} == set(RECIPES)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_job_leaves_a_model_a_result_a_report_pictures_and_a_scene(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    command = ["demo", "--train", "--out", str(out), "--cases", "14", "--epochs", "1"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "A short training: 14 phantoms, 1 epoch." in said
    assert "says nothing about patients" in said
    assert "planted lesion" in said
    folder = out / "ltp-trained"
    result = read_result(folder / "result")
    assert result.heatmap is not None
    titles = json.dumps(json.loads((folder / "result" / "report.json").read_text()))
    for words in (
        "Patch level",
        "Lesion level",
        "Patient level",
        "Beside a threshold on HU",
        "Pointing game",
        "Unseen case",
    ):
        assert words in titles
    assert "synthetic" in (folder / "result" / "report.html").read_text()
    trained = {case.case_id for case in read_cohort(folder / "cohort").cases}
    assert trained.isdisjoint(case.case_id for case in read_cohort(folder / "unseen").cases)
    weights = (folder / "model" / "model.json").read_bytes()
    assert main(command) == 0
    assert f"reused    {folder / 'model'}" in capsys.readouterr().out
    assert (folder / "model" / "model.json").read_bytes() == weights
