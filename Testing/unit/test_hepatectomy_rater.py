"""A second rater's segments, and two variants against each other, through the command."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hepatectomy_toy import CENTER, grid, model, register, segment, write_toy_cohort

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.segments import write_segments

pytestmark = pytest.mark.heavy

OUTCOMES = [(8, 1), (40, 0), (12, 1), (30, 0), (6, 0), (50, 0)]


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of which anna drew all but the last case, the first one to the side of the tumour, one not at all."""
    folder = write_toy_cohort(tmp_path_factory.mktemp("rated") / "toy", OUTCOMES)
    x, y, z = CENTER
    for number in range(5):
        drawn = folder / "readings" / "anna" / f"case-{number}" / "pre"
        drawn.mkdir(parents=True)
        if number == 3:
            continue
        center = (x + 10, y, z) if number == 0 else CENTER
        write_segments([segment(grid((3.0, 3.0, 5.0)), center, 0.9 + 0.02 * number)], drawn / "tumour.seg.nrrd")
    return folder


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Mapping[str, Any], str]:
    code = main([*map(str, words), "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else {}, told.err


def test_a_second_rater_is_evaluated_beside_the_first(
    rated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model(tmp_path / "m", voi="SS").package.folder
    code, found, told = command(
        capsys, "evaluate", rated, "--model", folder, "--out", tmp_path / "report", "--rater", "anna"
    )
    second = found["second_rater"]
    assert code == 1 and list(second["cases"]) == ["case-0", "case-1", "case-2", "case-4"]
    assert [one["case_id"] for one in second["failed"]] == ["case-3"] and "1 of 6 cases are not drawn by anna" in told
    own = {name: one["dice"] for name, one in second["cases"].items()}
    assert own["case-1"] == 1.0 and 0.5 < own["case-0"] < 0.95
    same = second["cases"]["case-1"]
    assert same["risk_first"] == same["risk_second"], "the same segment gives the same risk"
    assert second["cases"]["case-0"]["risk_first"] != second["cases"]["case-0"]["risk_second"]
    assert second["auc_first"]["n"] == second["auc_second"]["n"] == 3
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Second rater anna" in page and "other risk group" in page


@pytest.mark.parametrize(
    ("rater", "wanted"),
    [("otto", "there is no second rater otto. Known are anna"), ("../cases", "is no name of a rater")],
)
def test_a_rater_who_is_not_there_is_refused_before_any_case_is_run(
    rater: str, wanted: str, rated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model(tmp_path / "m").package.folder
    code, _, told = command(
        capsys, "evaluate", rated, "--model", folder, "--out", tmp_path / "report", "--rater", rater
    )
    assert code == 2 and wanted in told and not (tmp_path / "report").exists()


def test_the_tumour_alone_is_compared_with_its_surroundings_by_the_command(
    rated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone, around = (model(tmp_path / voi, voi=voi).package.folder for voi in ("SS", "NSS"))
    code, found, _ = command(
        capsys, "compare", rated, "--model", alone, "--model", around, "--out", tmp_path / "compared"
    )
    (section,) = found["comparisons"]
    assert code == 0 and found["control"] == "toy" and section["model"] == "toy (2)"
    delong = section["tests"]["AUC"]
    assert delong["name"] == "DeLong test of two AUCs on the same rows" and delong["n"] == 5
    areas = {name: next(one["value"] for one in of if one["name"] == "AUC") for name, of in found["models"].items()}
    assert section["differences"][0]["value"] == pytest.approx(areas["toy (2)"] - areas["toy"])
