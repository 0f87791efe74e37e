"""From a cohort to a model and back, through the command: trained, interrupted, resumed, evaluated."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ltp_blob import BLOBS, blob_image, close_grid

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort import case_files
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.models.package import read_package

pytestmark = pytest.mark.heavy

SPLITS = ("train", "train", "train", "train", "validation", "validation", "test", "test")
SETTINGS = tuple(f"--set={text}" for text in ("epochs=3", "patience=3", "batch=32", "width=0.25", "hard_negatives=10"))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight noisy bodies; every other one has bright blobs, which are its lesions."""
    folder = tmp_path_factory.mktemp("cohort") / "cohort"
    body = blob_image(close_grid())
    rows = []
    for number, split in enumerate(SPLITS):
        rng = np.random.default_rng(number)
        name, positive = f"case-{number}", number % 2 == 0
        array = body.array if positive else np.full_like(body.array, 60)
        noisy = body.with_array((array + rng.normal(0, 12, array.shape)).astype(np.int16), "noise")
        post = folder / "cases" / name / "post"
        post.mkdir(parents=True)
        write_image(noisy, post / "arterial.nrrd")
        if positive:
            points = tuple(Point(f"L{n}", center) for n, (center, _) in enumerate(BLOBS))
            write_points(PointList("ltp", points), post / "ltp.mrk.json")
        synthetic = "1" if split == "test" else "no"
        rows.append({"case_id": name, "split": split, "ltp": int(positive), "synthetic": synthetic})
    write_cohort_table(folder, rows)
    return folder


def train(cohort: Path, out: Path, *more: str) -> int:
    return main(["train", str(cohort), "--recipe", "ltp", "--out", str(out), *SETTINGS, *more])


@pytest.fixture(scope="module")
def model(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model") / "small"
    assert train(cohort, out) == 0
    return out


def test_a_trained_model_says_where_everything_came_from(model: Path) -> None:
    card = read_package(model, recipe="ltp").card
    assert card.training["cases"] == {"train": 4, "validation": 2, "test": 2}
    negatives = {"train": 160, "validation": 80}
    assert card.training["samples_per_class"] == {
        part: {"0": negatives[part], "1": positives} for part, positives in (("train", 120), ("validation", 60))
    }
    assert len(card.training["image_digests"]) == len(card.training["image_fingerprints"]) == 6
    assert card.training["trained_on"] == {"synthetic": 0, "patients": 6}, "the test cases do not count"
    assert card.seal and json.loads((model / "model.json").read_text())["seal"] == card.seal
    assert "validation set" in card.cutoff("patch").source
    assert card.cutoff("patch").data_sha256
    (member,) = card.training["members"]
    assert (member["fold"], member["repeat"], member["seed"]) == (0, 0, 0)
    assert len(card.training["history"][0]) == 3
    assert 1 <= member["best_epoch"] <= 3
    assert (card.preset, card.training["width"]) == ("", 0.25)
    assert card.options["epochs"] == 3
    assert 0 < card.training["hard_negatives"][0]["train"] <= 4 * card.options["hard_negatives"]
    assert card.default_name == "candidate"
    assert "(2 volumes," in card.cutoff().source
    negatives = 2 * 40 + card.training["hard_negatives"][0]["validation"]
    assert {name: (m["unit"], m["n"]) for name, m in card.metrics.items()} == {
        "AUC": ("patch", 60 + negatives),
        "sensitivity": ("patch", 60),
        "specificity": ("patch", negatives),
        "lesion-level sensitivity": ("lesion", 3),
        "false positives per volume": ("volume", 2),
    }
    for metric in card.metrics.values():
        assert metric["name"].endswith("validation set (optimistic)")
        assert "chosen on these very samples" in metric["note"]
        assert metric["clusters"] == 2
    assert card.metrics["lesion-level sensitivity"]["interval"]["low"] < 0.5
    assert not model.with_name("small.training").exists()


@pytest.mark.slow
def test_the_same_command_gives_the_same_weights_and_a_killed_one_goes_on(
    cohort: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "HCCAssistLib.cli.main",
        "train",
        str(cohort),
        "--recipe",
        "ltp",
        "--out",
        str(out),
    ]
    process = subprocess.Popen([*command, *SETTINGS], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 240
        while not list(tmp_path.glob("killed.training/*/final.safetensors")):
            assert process.poll() is None, "the training ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        capsys.readouterr()
        assert train(cohort, out) == 1
        assert f"another training (process {process.pid}) is working in this folder" in capsys.readouterr().err
    finally:
        process.kill()
        process.wait()
    assert not out.exists()
    assert train(cohort, out) == 0
    assert read_package(out).weights_sha256 == read_package(model).weights_sha256
    assert [path.name for path in tmp_path.iterdir()] == ["killed"]


def test_evaluation_sees_only_the_test_cases_and_writes_a_report(
    cohort: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(cohort), "--model", str(model), "--out", str(tmp_path / "report")]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    text = json.dumps(report)
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000
    said = capsys.readouterr()
    assert "140 patch" in said.out  # 60 positives, 2 x 40 negatives
    assert "synthetic cases" not in said.err + text, "a model of patients has no warning"
    assert "2 of 2 evaluated cases are synthetic" in said.err
    assert read_package(model).card.cutoff("patch").source in text


def test_evaluation_on_a_training_image_is_refused(
    cohort: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaked = tmp_path / "leaked"
    (leaked / "cases").mkdir(parents=True)
    (leaked / "cases" / "other-name").symlink_to(cohort / "cases" / "case-0")
    (leaked / "cases" / "fine").symlink_to(cohort / "cases" / "case-7")
    rows = [{"case_id": name, "split": "test", "ltp": ltp} for name, ltp in (("other-name", 1), ("fine", 0))]
    write_cohort_table(leaked, rows)
    status = main(["evaluate", str(leaked), "--model", str(model), "--out", str(tmp_path / "report")])
    assert status == 2
    assert "case other-name: the model was trained on this image" in capsys.readouterr().err


@pytest.mark.slow
def test_folds_train_one_network_each_and_predict_together(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "folds"
    assert train(cohort, out, "--folds", "2", "--set", "epochs=1", "--set", "hard_negatives=0") == 2  # given twice
    settings = ("--preset", "paper", "--set", "epochs=1", "--set", "batch=32", "--set", "width=0.25")
    arguments = ["train", str(cohort), "--recipe", "ltp", "--out", str(out), "--folds", "2", *settings]
    assert main(arguments) == 0
    package = read_package(out)
    assert sorted(package.card.files) == ["weights-0.safetensors", "weights-1.safetensors"]
    assert "held-out parts of 2 folds" in package.card.cutoff("patch").source
    assert package.card.options["hard_negatives"] == 0
    assert (package.card.preset, package.card.training["width"]) == ("paper", 0.25)
    assert [(m["fold"], m["seed"]) for m in package.card.training["members"]] == [(0, 0), (1, 1)]
    assert package.card.cutoff("candidate").source in capsys.readouterr().out
    case = cohort / "cases" / "case-6"
    asked = ["predict", str(case), "--model", str(out), "--out", str(tmp_path / "r"), "--no-pictures"]
    assert main(asked) == 0
    result = json.loads((tmp_path / "r" / "case-6" / "result.json").read_text())
    assert len(result["run"]["weights_sha256"]) == 2
    assert result["threshold_source"] == package.card.cutoff().source


def test_each_volume_is_read_once_however_often_it_is_looked_at(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[str] = Counter()

    def counted(path: Path, **given: str) -> Image:
        read[path.parents[1].name] += 1
        return read_image(path, **given)

    monkeypatch.setattr(case_files, "read_image", counted)
    settings = ["--set", "epochs=1", "--set", "width=0.1", "--set", "hard_negatives=3"]
    assert main(["train", str(cohort), "--recipe", "ltp", "--out", str(tmp_path / "m"), *settings]) == 0
    assert set(read.values()) == {1}
    assert len(read) == len(SPLITS)
    assert [path.name for path in tmp_path.iterdir()] == ["m"], "the pack goes when the model is done"


def test_every_fault_of_a_cohort_is_listed_before_anything_is_trained(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    (bad / "cases").mkdir(parents=True)
    for number in range(6):
        (bad / "cases" / f"case-{number}").symlink_to(cohort / "cases" / f"case-{number}")
    rows = [
        {"case_id": f"case-{n}", "patient_id": "p" if n in (0, 4) else n, "split": SPLITS[n], "ltp": 1 - n % 2}
        for n in range(6)
    ]
    rows[1]["ltp"] = "perhaps"
    rows[2]["synthetic"] = "I think so"
    rows[3]["ltp"] = 1
    write_cohort_table(bad, [*rows, {"case_id": "gone", "patient_id": "q", "split": "train", "ltp": 0}])
    assert train(bad, tmp_path / "model") == 2
    lines = capsys.readouterr().err.splitlines()
    for word in ("case-1", "case-3", "gone", "'I think so'", "two splits|both|sides|several splits"):
        assert any(part in line for line in lines for part in word.split("|")), (word, lines)
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]
