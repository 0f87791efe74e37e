"""What more cases would bring: the law, its forecasts, nested parts, and the whole by the command."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ltp_blob import BLOBS, blob_image, close_grid

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.cohort.splits import training_part
from HCCAssistLib.cohort.strata import Strata
from HCCAssistLib.evaluation.learning_curve import of_values
from HCCAssistLib.imaging.files import write_image

pytestmark = pytest.mark.heavy

COUNTS = (12, 24, 48, 96)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def curve_of(limit: float, scale: float, exponent: float, noise: float = 0.0, seed: int = 0, best: float = 1.0):
    rng = np.random.default_rng(seed)
    found = [(n, limit - scale * n**-exponent + rng.normal(0, noise)) for n in COUNTS for _ in range(3)]
    return replace(of_values("AUC", found, test=40), best=best)


@pytest.mark.parametrize("exponent", [0.3, 0.7, 1.5])
def test_a_law_without_noise_is_found(exponent: float) -> None:
    curve = curve_of(0.85, 0.5, exponent)
    assert curve.at(300) == pytest.approx(0.85 - 0.5 * 300**-exponent, abs=1e-3)
    gain = 0.5 * (96**-exponent - 192**-exponent)
    assert curve.forecast(192).gain == pytest.approx(gain, abs=1e-4)
    assert curve.forecast(192).gain_interval.low > 0


def test_forecasts_hold_the_truth_about_as_often_as_they_say_and_chance_promises_nothing() -> None:
    truth = 0.85 - 0.9 * 192**-0.7
    found = [curve_of(0.85, 0.9, 0.7, 0.02, seed).forecast(192).interval for seed in range(25)]
    assert sum(one.low <= truth <= one.high for one in found) >= 20
    chance = [curve_of(0.5, 0.0, 1.0, 0.03, seed) for seed in range(25)]
    assert sum("likely to help" in one.sentence for one in chance) <= 5
    assert max(one.forecast(192).gain for one in chance) < 0.06


def test_a_law_neither_falls_nor_passes_the_best() -> None:
    falling = of_values("AUC", [(n, 0.9 - n / 300) for n in COUNTS], test=9)
    assert falling.at(1000) == falling.at(12) == pytest.approx(np.mean([0.9 - n / 300 for n in COUNTS]))
    steep = of_values("AUC", [(n, min(0.99, n / 97)) for n in COUNTS], test=9)
    assert steep.at(10**6) <= 1.0


def test_few_trainings_give_no_interval_and_few_sizes_no_forecast() -> None:
    three = of_values("AUC", [(10, 0.6), (20, 0.7), (40, 0.75)], test=9)
    assert three.forecast(80).interval.low is None and "too few" in three.forecast(80).interval.reason
    assert "\N{EM DASH}" in three.sentence and "not shown" in three.sentence
    two = of_values("AUC", [(10, 0.6), (20, 0.7)], test=9)
    assert "too few" in two.sentence and two.as_json()["forecasts"] == []
    with pytest.raises(ValueError, match="3 sizes"):
        two.at(40)


def test_parts_are_nested_balanced_and_leave_all_others_alone() -> None:
    cases = tuple(
        Case(f"c{n}-{scan}", f"p{n}", "train" if n < 20 else "validation" if n < 24 else "test", {}, Path())
        for n in range(30)
        for scan in range(1 + n % 2)
    )
    cohort = Cohort(cases=cases, folder=None)
    groups = Strata("class", {case.case_id: str(int(case.patient_id[1:]) % 4 == 0) for case in cases})
    before: set[str] = set()
    for share in (0.125, 0.25, 0.5, 1.0):
        part = training_part(cohort, share, groups, seed=3)
        patients = {case.patient_id for case in part.cases if case.split == "train"}
        assert before < patients
        assert len({p for p in patients if int(p[1:]) % 4 == 0}) == max(1, round(share * 5))
        assert all(case in part.cases for case in cases if case.patient_id in patients or case.split != "train")
        before = patients
    assert {case.patient_id for case in training_part(cohort, 0.25, groups, seed=4).cases} != {
        case.patient_id for case in training_part(cohort, 0.25, groups, seed=3).cases
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve noisy bodies; every other one has bright blobs, which are its lesions."""
    folder = tmp_path_factory.mktemp("cohort") / "cohort"
    body = blob_image(close_grid())
    rows = []
    for number in range(12):
        rng = np.random.default_rng(number)
        name, positive = f"case-{number}", number % 2 == 0
        array = body.array if positive else np.full_like(body.array, 60)
        post = folder / "cases" / name / "post"
        post.mkdir(parents=True)
        noisy = (array + rng.normal(0, 12, array.shape)).astype(np.int16)
        write_image(body.with_array(noisy, "noise"), post / "arterial.nrrd")
        if positive:
            points = tuple(Point(f"L{n}", center) for n, (center, _) in enumerate(BLOBS))
            write_points(PointList("ltp", points), post / "ltp.mrk.json")
        split = "train" if number < 8 else "validation" if number < 10 else "test"
        rows.append({"case_id": name, "split": split, "ltp": int(positive), "synthetic": "1"})
    write_cohort_table(folder, rows)
    return folder


def curve(cohort: Path, out: Path, *more: str) -> int:
    few = [f"--set={one}" for one in ("epochs=1", "patience=1", "batch=32", "width=0.1", "hard_negatives=0")]
    arguments = ["learning-curve", str(cohort), "--recipe", "ltp", "--out", str(out), "--sizes", "3", "--draws", "1"]
    return main([*arguments, *few, *more])


@pytest.mark.slow
def test_by_the_command_and_again_without_training_anew(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "curve"
    assert curve(cohort, out, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["patients"] for one in found["sizes"]] == [2, 4, 8]
    assert [one["patients"] for one in found["forecasts"]] == [12, 16]
    assert (out / "report.html").exists() and (out / "figures" / "learning-curve.svg").exists()
    weights = {path: path.stat().st_mtime_ns for path in out.rglob("model.json")}
    assert len(weights) == 3
    cards = [json.loads(path.read_text())["training"] for path in sorted(weights)]
    assert [card["cases"]["train"] for card in cards] == [2, 4, 8]
    assert len({card["cases"]["validation"] for card in cards}) == 1

    assert curve(cohort, out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["sizes"] == found["sizes"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("model.json")} == weights

    assert curve(cohort, out, "--set=radius=40") == 2
    assert "other options" in capsys.readouterr().err


def test_too_few_patients_or_impossible_numbers_are_said(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["learning-curve", str(cohort), "--recipe", "ltp", "--out", str(tmp_path / "new")]
    assert main([*base, "--sizes", "6"]) == 2
    assert "give 3 different sizes, not 6" in capsys.readouterr().err
    assert main([*base, "--sizes", "2"]) == 2
    assert "Give 3 to 8" in capsys.readouterr().err
    assert main([*base, "--draws", "0"]) == 2
    assert not (tmp_path / "new").exists()
