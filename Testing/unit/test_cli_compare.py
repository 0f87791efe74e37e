"""``hccassist compare``: the same unseen cases for all models, the first one the control."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ltp_blob import blob_network, blob_package

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.evaluation.model_comparison import common
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

pytestmark = pytest.mark.heavy

GRID = Geometry.from_parts((14, 66, 62), (0.75, 0.8, 4.0), (-22.0, -28.0, -26.0))
LESION = (6.0, -8.0, 4.0)
ROWS = (
    ("c0", "test", 0),
    ("c1", "test", 1),
    ("c2", "test", 0),
    ("c3", "test", 1),
    ("t0", "train", 0),
    ("t1", "train", 1),
)


def write_case(cohort: Path, name: str, seed: int, *, lesion: bool) -> None:
    k, j, i = np.indices(GRID.shape)
    places = GRID.to_world(np.stack([i, j, k], -1))
    array = np.random.default_rng(seed).normal(60, 8, GRID.shape)
    if lesion:
        array += 90 * np.clip((8.0 - np.linalg.norm(places - np.array(LESION), axis=-1)) / 2 + 0.5, 0, 1)
        (cohort / "cases" / name / "post").mkdir(parents=True)
        points = PointList("ltp", (Point("LTP-1", LESION),))
        write_points(points, cohort / "cases" / name / "post" / "ltp.mrk.json")
    (cohort / "cases" / name / "post").mkdir(parents=True, exist_ok=True)
    write_image(Image(array.round().astype(np.int16), GRID, name), cohort / "cases" / name / "post" / "arterial.nrrd")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "livers"
    for seed, (name, _, ltp) in enumerate(ROWS):
        write_case(folder, name, seed, lesion=bool(ltp))
    write_cohort_table(folder, [{"case_id": name, "split": split, "ltp": ltp} for name, split, ltp in ROWS])
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One that finds the lesions, and one that finds nothing."""
    blind = blob_network()
    with torch.no_grad():
        blind.fc3.bias[0] = -80.0
    made = [("sharp", blob_network()), ("blind", blind)]
    training = {"patients": 58, "trained_on": {"synthetic": 0, "patients": 58}}
    return [blob_package(tmp_path_factory.mktemp(n), net, training=training, name=n).folder for n, net in made]


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def run(cohort: Path, *models: Path | str, more: tuple[str, ...] = ("--json",)) -> tuple[int, Any, str]:
        named = [part for model in models for part in ("--model", str(model))]
        status = main(
            ["compare", str(cohort), *named, "--out", str(tmp_path / "report"), "--set", "stride=fast", *more]
        )
        said = capsys.readouterr()
        return status, json.loads(said.out) if "--json" in more and said.out else said.out, said.err

    return run


def test_the_second_model_is_measured_against_the_first_on_the_test_cases(
    command: Callable[..., Any], cohort: Path, models: list[Path], tmp_path: Path
) -> None:
    status, said, _ = command(cohort, *models)
    assert (status, said["kind"], said["control"]) == (0, "comparison", "sharp")
    assert said["cases"] == ["c0", "c1", "c2", "c3"]
    assert list(said["models"]) == ["sharp", "blind"]
    by_level = {one["level"]: one for one in said["comparisons"]}
    assert list(by_level) == ["lesion", "patient", "patch"]
    assert {one["model"] for one in said["comparisons"]} == {"blind"}
    lesions = by_level["lesion"]["differences"][0]
    assert (lesions["value"], lesions["n"], lesions["unit"]) == (-1.0, 2, "lesion")
    assert by_level["lesion"]["tests"]["lesions found"]["details"] == {
        "only_first_right": 0.0,
        "only_second_right": 2.0,
    }
    patch = {one["name"]: one for one in by_level["patch"]["differences"]}
    assert patch["difference of AUC"]["n"] == 2 * 20 + 4 * 40  # 20 around each point, 40 away from them per patient
    assert patch["difference of AUC"]["clusters"] == 4
    written = json.loads((tmp_path / "report" / "compare.json").read_text(encoding="utf-8"))
    assert written["comparisons"] == said["comparisons"]
    assert "blind against sharp" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_the_terminal_names_the_control_and_every_difference(
    command: Callable[..., Any], cohort: Path, models: list[Path]
) -> None:
    status, said, _ = command(cohort, *models, more=())
    assert status == 0
    assert "control: sharp; 4 cases" in said
    assert "difference of lesion-level sensitivity" in said
    assert "exact McNemar test" in said
    assert said.count("P takes") == 1
    assert "blind, patch: P takes patches of one patient as independent; trust the intervals" in said


def test_what_cannot_be_compared_is_refused_in_one_line(
    command: Callable[..., Any], cohort: Path, models: list[Path], tmp_path: Path
) -> None:
    seen = read_image(cohort / "cases" / "c1" / "post" / "arterial.nrrd").digest()
    trained = blob_package(tmp_path / "seen", blob_network(border="strict"), training={"image_digests": [seen]})
    for chosen, says in (
        ((models[0],), "one model is nothing to compare"),
        ((models[0], models[0]), "the model sharp is given twice"),
        ((models[0], "nowhere"), "nowhere"),
        ((models[0], trained.folder), "model blobs, case c1: the model was trained on this image"),
    ):
        status, said, err = command(cohort, *chosen)
        assert (status, said) == (2, "")
        told = [line for line in err.splitlines() if line.startswith("hccassist compare: ")]
        assert len(told) == 1 and says in told[0]
        assert "sharp: case" not in err, "nothing is computed before all is known to be comparable"
        shutil.rmtree(tmp_path / "report", ignore_errors=True)


def test_only_cases_that_are_held_out_for_all_models_are_compared(cohort: Path) -> None:
    opened = read_cohort(cohort)
    left = {"c0": (Problem("STOP", "damaged"),)}
    first = HeldOut(opened, opened.cases[:3], {}, ())
    second = HeldOut(opened, opened.cases[1:4], left, ())
    found = common({"a": first, "b": second})
    assert [case.case_id for case in found.cases] == ["c1", "c2"]
    assert (dict(found.left_out), found.problems[0].what[:7]) == (left, "2 cases")
    with pytest.raises(InputError, match="a: 1, b: 1"):
        common({"a": replace(first, cases=opened.cases[:1]), "b": replace(first, cases=opened.cases[1:2])})
