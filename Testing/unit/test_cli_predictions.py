"""The folder of a prediction and what the terminal says, for results of every kind."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from result_samples import ALL, classification, detection, risk

from HCCAssistLib.cli.findings import rows, sentence
from HCCAssistLib.cli.predictions import Row, header, is_predictions, read_summary, write_prediction, write_summary
from HCCAssistLib.results.files import read_result
from HCCAssistLib.results.tables import TABLES


@pytest.mark.parametrize("make", ALL)
def test_a_prediction_of_any_kind_is_written_and_known_again(make: Any, tmp_path: Path) -> None:
    found = make()
    write_prediction(found, tmp_path / "a")
    (tmp_path / "desktop.ini").write_text("Explorer was here")
    assert is_predictions(tmp_path), "killed before the first summary"
    assert read_result(tmp_path / "a").as_json() == found.as_json()
    assert (tmp_path / "a" / TABLES[found.kind]).is_file()
    write_summary(tmp_path, [Row.of("a", found), Row("b", "failed", problem="no liver,\nno zone")], found.kind)
    assert is_predictions(tmp_path)
    with (tmp_path / "summary.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert tuple(first) == header(found.kind)
    assert (first["status"], first["warnings"], second["problem"]) == ("done", "1", "no liver,\nno zone")
    write_summary(tmp_path, read_summary(tmp_path).values(), found.kind)
    with (tmp_path / "summary.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.DictReader(file)) == [first, second], "rows of an earlier run stay as they were"


@pytest.mark.parametrize("text", ["", "case_id,status\n", "a,b\n", "\n", "case_id,status,shown,warnings,problem\n"])
def test_a_folder_with_another_table_is_none_of_predictions(text: str, tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text(text)
    assert not is_predictions(tmp_path)


def test_the_terminal_tells_what_was_found() -> None:
    found = detection()
    assert sentence(found) == "1 of 2 candidates at or above 0.5 (by hand); searched: liver, 1,200 ml, 500 patches"
    assert "0.9000" in rows(found) and "0.4000" not in rows(found)
    assert rows(found).splitlines()[1].split()[2] == str(found.candidates[0].slice + 1), "slices count from 1"
    masses = classification()
    assert sentence(masses) == "2 findings; patient: partial response, objective_response 0.6000"
    assert "tumour 3" in rows(masses) and "objective_response" in rows(masses)
    assert sentence(replace(masses, patient=None)) == "2 findings"
    assert rows(replace(masses, findings=())) == ""
    patient = risk()
    assert sentence(patient).startswith(
        "early_recurrence 0.6100: high risk, cut-off \N{GREATER-THAN OR EQUAL TO} 0.6 ("
    )
    assert sentence(replace(patient, cutoff=None)) == "early_recurrence 0.6100"
    assert "signature" in rows(patient)
