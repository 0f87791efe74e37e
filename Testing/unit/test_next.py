"""What to annotate next: the spread of members, the ranking, neighbours of other patients, and the command."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ablation_toy
import hepatectomy_toy
import mass_toy
import numpy as np
import pytest
import tace_toy
import torch
from ltp_blob import blob_image, blob_network, close_grid

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.ensemble_spread import mutual_information, ranked
from HCCAssistLib.evaluation.nearest import nearest
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.scored import scored_case
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.package import write_package
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.next_cases import next_cases

pytestmark = pytest.mark.heavy


def test_spread_is_the_mutual_information_of_members_and_answer() -> None:
    assert mutual_information([[1, 0, 0], [0, 1, 0], [0, 0, 1]]) == pytest.approx(math.log2(3))
    assert mutual_information([[0.5, 0.5]] * 4) == 0, "all unsure, and of one mind"
    of_two = [[0.9, 0.1], [0.6, 0.4]]
    entropy = lambda p: -sum(q * math.log2(q) for q in p)  # noqa: E731
    expected = entropy([0.75, 0.25]) - (entropy(of_two[0]) + entropy(of_two[1])) / 2
    assert mutual_information(of_two) == pytest.approx(expected)
    with pytest.raises(InputError, match="one member has no spread"):
        mutual_information([[0.9, 0.1]])
    with pytest.raises(InputError, match="make up 1"):
        mutual_information([[0.9, 0.3], [0.5, 0.5]])


def test_equal_spreads_have_one_rank_and_are_told() -> None:
    found = ranked({"d": 0.1, "a": 0.3, "c": 0.3 + 1e-12, "b": 0.0})
    assert found == [(1, "a", True), (1, "c", True), (3, "d", False), (4, "b", False)]


def test_neighbours_are_never_of_the_same_patient_and_each_patient_gives_one() -> None:
    rng = np.random.default_rng(0)
    confirmed = rng.normal(0, (1, 100, 1, 1), (60, 4))
    confirmed[:, 3] = 7.0  # tells none apart
    patients = [f"p{n // 3}" for n in range(60)]
    found = nearest(confirmed[4], "p1", confirmed, patients, count=5)
    assert len({patients[one.row] for one in found}) == 5 and "p1" not in {patients[one.row] for one in found}
    scaled = confirmed[:, :3] / confirmed[:, :3].std(axis=0)
    apart = np.sqrt(np.mean((scaled - scaled[4]) ** 2, axis=1))
    others = [n for n in np.argsort(apart) if patients[n] != "p1"]
    first = list(dict.fromkeys(patients[n] for n in others))[:5]
    assert [patients[one.row] for one in found] == first
    assert found[0].distance == pytest.approx(apart[others[0]])
    assert nearest(confirmed[4], "p1", confirmed[3:6], patients[3:6]) == (), "only his own are confirmed"


def ltp_model(folder: Path, members: int) -> LoadedModel:
    """Networks that find bright blobs, each a little less easily than the one before."""
    recipe, weights = get_recipe("ltp"), []
    for number in range(members):
        network = blob_network()
        with torch.no_grad():
            network.fc3.bias[0] -= number
        weights.append({"": network.state_dict()})
    package = write_package(
        folder / "blobs",
        weights,
        name="blobs",
        recipe=recipe,
        options=recipe.resolve({"pools": 2}),
        cutoffs={"patch": CutOff(0.5, "set by hand for a test")},
        default_cutoff="patch",
        input_spec={},
        training={},
        software={},
    )
    return load_model(package)


def of_masses(folder: Path) -> tuple[LoadedModel, Study]:
    masses = tuple(zip(mass_toy.PLACES, mass_toy.HU, strict=True))
    return mass_toy.model(folder, members=3), mass_toy.study(masses=masses)


def of_tumours(folder: Path) -> tuple[LoadedModel, Study]:
    grid = tace_toy.grid()
    drawn = [tace_toy.segment(grid), tace_toy.segment(grid, (40.0, 10.0, 0.0), 0.6, "T2")]
    return tace_toy.model(folder, members=3, body="small", backbone=""), tace_toy.study(grid, drawn)


CASES: dict[str, Callable[[Path], tuple[LoadedModel, Study]]] = {
    "liver-mass": of_masses,
    "tace-response": of_tumours,
    "hepatectomy-recurrence": lambda folder: (hepatectomy_toy.model(folder, members=3), hepatectomy_toy.study()),
    "ablation-recurrence": lambda folder: (
        ablation_toy.model(folder, members=3, forests={}),
        ablation_toy.study("pre"),
    ),
}


@pytest.mark.parametrize("recipe", CASES)
def test_members_are_those_whose_mean_the_prediction_is(recipe: str, tmp_path: Path) -> None:
    model, study = CASES[recipe](tmp_path)
    result = get_recipe(recipe).module("prediction").predict(study, model, {"heatmap": False})
    found = scored_case(study, model, {}, pictures=True)
    assert found.pooled == (recipe == "tace-response")
    for number, one in enumerate(found.findings):
        assert len(one.probabilities) == 3 and one.features.shape[0] == 3
        expected = result.findings[number].probabilities.values() if result.findings else [result.probability]
        given = one.probabilities.mean(axis=0)[-len(list(expected)) :]
        np.testing.assert_allclose(given, list(expected), atol=1e-5)
        assert one.pictures and len({picture.name for picture in one.pictures}) == len(one.pictures)
        assert mutual_information(one.probabilities) > 0, "members with other weights"
    assert len(found.findings) == max(1, len(result.findings))


def test_candidates_and_readers_points_are_scored_by_each_member(tmp_path: Path) -> None:
    model, image = ltp_model(tmp_path, 2), blob_image(close_grid())
    point = Point("LTP-1", (-25.0, 15.0, -14.0))
    study = Study("case-1", {"post/arterial": image}, points={"post/ltp": PointList("ltp", (point,))})
    found = scored_case(study, model, {}, pictures=True)
    (bright, *_), (one,) = found.findings, scored_case(study, model, {}, confirmed=True).findings
    assert bright.probabilities.shape == (2, 2) and bright.probabilities[0, 1] > bright.probabilities[1, 1] > 0.3
    assert one.verdict == "local tumour progression" and one.features.shape == bright.features.shape
    (picture,) = bright.pictures
    assert picture.grey.shape == (32, 32) and picture.side_mm == pytest.approx(24.0)
    assert picture.grey[16, 16] > picture.grey[0, 0], "the blob is in the middle"


@pytest.fixture(scope="module")
def masses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cases of three patients; the masses of two have no category, and one of another has none."""
    folder = mass_toy.write_toy_cohort(tmp_path_factory.mktemp("next") / "masses", [""] * 6)
    rows = [dict(case.values, patient_id=f"p{n // 2}") for n, case in enumerate(read_cohort(folder).cases)]
    (folder / "cohort.csv").unlink()
    write_cohort_table(folder, rows)
    for number in (1, 4):
        where = folder / "cases" / f"case-{number}" / "baseline" / "masses.mrk.json"
        write_points(mass_toy.points(tuple((place, "") for place in mass_toy.PLACES[:3])), where)
    codes = ("A", "", "C")
    where = folder / "cases" / "case-5" / "baseline" / "masses.mrk.json"
    write_points(mass_toy.points(tuple(zip(mass_toy.PLACES[:3], codes, strict=True))), where)
    return folder


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return mass_toy.model(tmp_path_factory.mktemp("three"), members=3)


def test_the_command_ranks_writes_and_goes_on(
    masses: Path, three: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    out = tmp_path / "next"
    command = ["next", str(masses), "--model", str(three.package.folder), "--out", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "3 unlabelled cases ranked by the spread of 3 members" in printed
    found = json.loads((out / "next.json").read_text(encoding="utf-8"))
    assert {one["case_id"] for one in found["cases"]} == {"case-1", "case-4", "case-5"}
    spreads = [one["spread"] for one in found["cases"]]
    assert spreads == sorted(spreads, reverse=True) and [one["rank"] for one in found["cases"]] == [1, 2, 3]
    for one in found["cases"]:
        assert one["spread"] == pytest.approx(mutual_information(one["probabilities_of_members"]))
    by_case = {one["case_id"]: one for one in found["cases"]}
    assert by_case["case-5"]["of"] == "M2" and by_case["case-5"]["unlabelled_findings"] == 1
    patients = {f"case-{n}": f"p{n // 2}" for n in range(6)}
    for name, one in by_case.items():
        beside = [patients[near["case_id"]] for near in one["nearest"]]
        assert beside and patients[name] not in beside and len(set(beside)) == len(beside)
        assert all(
            near["label"].split(",")[0] in {"A", "B", "C", "C-hyper", "C-hypo", "D", "E"} for near in one["nearest"]
        )
    rows = list(csv.reader((out / "next.csv").open(encoding="utf-8-sig")))
    assert len(rows) == 4 and rows[0][:4] == ["rank", "tied", "case_id", "spread_bits"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "mutual information" in page and len(list((out / "figures").glob("*.jpg"))) >= 6
    monkeypatch.setattr("HCCAssistLib.training.confirmed_cases.scored_case", None)
    assert main([*command, "--json", "--most", "1"]) == 0, "every case is kept"
    assert json.loads(capsys.readouterr().out)["cases"] == found["cases"]


def test_a_case_that_fails_is_told_and_the_others_are_ranked(
    masses: Path, three: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = Path(shutil.copytree(masses, tmp_path / "masses"))
    (cohort / "cases" / "case-1" / "baseline" / "arterial.nrrd").unlink()
    model = str(three.package.folder)
    assert main(["next", str(cohort), "--model", model]) == 1
    said = capsys.readouterr()
    assert "there is no baseline/arterial" in said.err and "not ranked: case-1" in said.out
    for number in (4, 5):
        (cohort / "cases" / f"case-{number}" / "baseline" / "arterial.nrrd").unlink()
    assert main(["next", str(cohort), "--model", model]) == 2
    assert "none of the unlabelled cases can be used" in capsys.readouterr().err


def test_what_cannot_be_ranked_is_refused_in_words(
    masses: Path, three: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = mass_toy.model(tmp_path / "one").package.folder
    assert main(["next", str(masses), "--model", str(one)]) == 2
    assert "the model has one member, so that there is no spread" in capsys.readouterr().err
    labelled = mass_toy.write_toy_cohort(tmp_path / "labelled", ["", ""])
    model = str(three.package.folder)
    assert main(["next", str(labelled), "--model", model]) == 2
    assert "no case is without a label" in capsys.readouterr().err
    assert main(["next", str(masses), "--model", model, "--most", "0"]) == 2
    assert "--most" in capsys.readouterr().err
    assert main(["next", str(masses), "--model", model, "--set", "stride=fast"]) == 2
    assert "no option stride" in capsys.readouterr().err
    of_ltp = ltp_model(tmp_path, 2).package.folder
    assert main(["next", str(masses), "--model", str(of_ltp)]) == 2
    assert "there is no post/arterial" in capsys.readouterr().err


def test_unlabelled_cases_of_the_test_split_are_left_out(masses: Path, three: LoadedModel, tmp_path: Path) -> None:
    cohort = Path(shutil.copytree(masses, tmp_path / "masses"))
    table = (cohort / "cohort.csv").read_text(encoding="utf-8-sig").splitlines()
    split, name = table[0].split(",").index("split"), table[0].split(",").index("case_id")
    cells = [line.split(",") for line in table[1:]]
    for row in cells:
        row[split] = "test" if row[name] == "case-4" else "train"
    (cohort / "cohort.csv").write_text("\n".join([table[0], *map(",".join, cells)]), encoding="utf-8")
    found = next_cases(read_cohort(cohort, tolerant=True), three, {}, neighbours=False)
    assert {one.case_id for one in found.cases} == {"case-1", "case-5"} and found.confirmed is None
    assert "1 unlabelled case of the split test is left out" in found.problems[0].what


def test_the_answer_of_a_patient_is_pooled_over_his_tumours(tmp_path: Path) -> None:
    folder = tace_toy.write_toy_cohort(tmp_path / "livers", ["train"] * 3)
    table = (folder / "cohort.csv").read_text(encoding="utf-8-sig")
    first = read_cohort(folder).cases[0].values["response"]
    assert f",{first}," in table
    (folder / "cohort.csv").write_text(table.replace(f",{first},", ",,"), encoding="utf-8")
    model = tace_toy.model(tmp_path, members=2, body="small", backbone="")
    (one,) = next_cases(read_cohort(folder, tolerant=True), model, {}).cases
    assert (one.case_id, one.pooled, one.unlabelled) == ("case-0", True, 1) and one.finding is not None
    assert one.spread == pytest.approx(mutual_information(one.finding.probabilities)) and one.spread > 0
    assert {near.case_id for near in one.nearest} == {"case-1", "case-2"}
    assert {near.label for near in one.nearest} == {"PR, partial response", "SD, stable disease"}


def test_scans_without_a_label_are_ranked_beside_points_of_readers(tmp_path: Path) -> None:
    folder = tmp_path / "livers"
    for number in range(3):
        post = folder / "cases" / f"c{number}" / "post"
        post.mkdir(parents=True)
        write_image(blob_image(close_grid()), post / "arterial.nrrd")
    lesions = (Point("LTP-1", (-25.0, 15.0, -14.0)), Point("LTP-2", (40.0, -20.0, 30.0)))
    write_points(PointList("ltp", lesions), folder / "cases" / "c0" / "post" / "ltp.mrk.json")
    values = ("1", "", "NA")
    write_cohort_table(folder, [{"case_id": f"c{n}", "split": "", "ltp": value} for n, value in enumerate(values)])
    found = next_cases(read_cohort(folder, tolerant=True), ltp_model(tmp_path, 2), {"stride": "fast"})
    assert [(one.case_id, one.rank, one.tied) for one in found.cases] == [("c1", 1, True), ("c2", 1, True)]
    for one in found.cases:
        assert one.finding is not None and one.finding.label.startswith("candidate")
        assert [(near.case_id, near.label) for near in one.nearest] == [("c0", "local tumour progression")]
