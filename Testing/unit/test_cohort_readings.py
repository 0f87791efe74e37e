"""Readings of a response in a cohort: kept by reader and case, one of them the label, several compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.response.cohort_readings import AlreadyThere, put_reading, readings_of
from HCCAssistLib.response.diameter import Diameter
from HCCAssistLib.response.reading import Reading, Target

POST = {"CR": 0.0, "PR": 20.0, "SD": 38.0, "PD": 60.0}


def reading(category: str, reader: str = "R1") -> Reading:
    return Reading(reader, (Target("left", Diameter.typed(40.0), Diameter.typed(POST[category])),), interval_days=42)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    rows = [
        {"case_id": f"case-{n}", "patient_id": f"p{n}", "split": "train", "note": "kept, as it is"} for n in range(4)
    ]
    write_cohort_table(tmp_path, rows)
    return tmp_path


def row(cohort: Path, case: str) -> dict[str, str]:
    cases = read_cohort(cohort, known=("response", "response_reader")).cases
    return dict(next(one.values for one in cases if one.case_id == case))


def test_a_reading_is_kept_and_is_the_label_of_its_case(cohort: Path) -> None:
    assert put_reading(cohort, "CASE-1", reading("PR"))
    assert readings_of(cohort) == {"R1": {"case-1": reading("PR")}}
    values = row(cohort, "case-1")
    assert (values["response"], values["response_reader"], values["interval_days"]) == ("PR", "R1", "42")
    assert values["note"] == "kept, as it is"
    assert not row(cohort, "case-0").get("response")


def test_a_second_reader_changes_no_label_and_the_same_reader_is_asked_first(cohort: Path) -> None:
    put_reading(cohort, "case-1", reading("PR"))
    assert not put_reading(cohort, "case-1", reading("SD", "R2"))
    assert row(cohort, "case-1")["response"] == "PR"
    with pytest.raises(AlreadyThere, match="by R1 already"):
        put_reading(cohort, "case-1", reading("CR"))
    assert row(cohort, "case-1")["response"] == "PR"
    assert put_reading(cohort, "case-1", reading("CR"), replace=True)
    assert row(cohort, "case-1")["response"] == "CR"
    assert readings_of(cohort)["R2"]["case-1"].response.category == "SD"


def test_a_label_that_somebody_typed_is_never_overwritten_unasked(cohort: Path) -> None:
    write_cohort_table(cohort, [{"case_id": "case-1", "patient_id": "p1", "split": "", "Response": "SD"}])
    with pytest.raises(AlreadyThere, match="'SD' already"):
        put_reading(cohort, "case-1", reading("PR"))
    assert row(cohort, "case-1")["response"] == "SD"
    assert not (cohort / "readings").exists()
    assert put_reading(cohort, "case-1", reading("SD", "R2")), "the same label needs no question"
    assert row(cohort, "case-1")["response_reader"] == "R2"


@pytest.mark.parametrize("reader", ["a/b", "..", "con", "R 1", "ä" * 3, "x" * 200])
def test_a_reader_who_can_be_no_folder_is_refused(cohort: Path, reader: str) -> None:
    with pytest.raises(InputError, match="no name for a folder"):
        put_reading(cohort, "case-1", reading("PR", reader))
    assert sorted(path.name for path in cohort.iterdir()) == ["cohort.csv"]


def test_an_unknown_case_and_what_is_no_cohort_are_refused(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no case case-9"):
        put_reading(cohort, "case-9", reading("PR"))
    with pytest.raises(InputError):
        put_reading(tmp_path / "nowhere", "case-1", reading("PR"))
    with pytest.raises(InputError, match=r"no cohort\.csv"):
        readings_of(tmp_path / "nowhere")


def test_damaged_misplaced_and_stray_readings_are_told_by_their_path(cohort: Path) -> None:
    put_reading(cohort, "case-1", reading("PR"))
    path = cohort / "readings" / "R1" / "case-1.json"
    whole = path.read_text()
    for damaged in ("", "{", "[]", whole[:-30], whole.replace('"PR"', '"CR"')):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"readings/R1/case-1\.json"):
            readings_of(cohort)
    path.write_text(whole.replace('"R1"', '"R2"'))
    with pytest.raises(InputError, match="it is by R2"):
        readings_of(cohort)
    path.write_text(whole)
    path.rename(path.with_name("case-8.json"))
    with pytest.raises(InputError, match="no case of that name"):
        readings_of(cohort)


def test_a_folder_that_cannot_be_written_is_told(cohort: Path) -> None:
    (cohort / "readings").write_text("a file where the folder would be")
    with pytest.raises(HCCAssistError, match="The reading cannot be stored"):
        put_reading(cohort, "case-1", reading("PR"))
    assert not row(cohort, "case-1").get("response")


@pytest.fixture
def three_readers(cohort: Path) -> Path:
    found = {"R1": ("PR", "SD", "CR", "PD"), "R2": ("PR", "PD", "CR", "SD"), "R3": ("SD", "PD", "CR")}
    for reader, categories in found.items():
        for n, category in enumerate(categories):
            put_reading(cohort, f"case-{n}", reading(category, reader))
    return cohort


def test_readers_are_compared_on_the_terminal(three_readers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["readers", str(three_readers)]) == 0
    out = capsys.readouterr().out
    assert "R1 (first) and R2 (second)" in out and "R2 (first) and R3 (second)" in out
    assert "read by one of them only: case-3" in out
    assert main(["readers", str(three_readers), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["readings"] == {"R1": 4, "R2": 4, "R3": 3}
    first = data["pairs"][0]
    assert (first["readers"], first["response_kappa"]["n"]) == (["R1", "R2"], 4)
    # 2 of 4 agree; by chance 1/16 (PR) + 1/16 (SD) + 1/16 (CR) + 1/16 (PD) = 1/4
    assert first["response_kappa"]["value"] == pytest.approx((0.5 - 0.25) / 0.75)


def test_the_label_is_that_of_a_reader_or_of_the_majority(
    three_readers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["readers", str(three_readers), "--label", "R2"]) == 0
    assert [row(three_readers, f"case-{n}")["response"] for n in range(4)] == ["PR", "PD", "CR", "SD"]
    assert "4 responses by R2" in capsys.readouterr().out
    assert main(["readers", str(three_readers), "--label", "majority"]) == 0
    out = capsys.readouterr().out
    assert "3 responses by majority" in out and "left as they were: case-3" in out
    values = [row(three_readers, f"case-{n}") for n in range(4)]
    assert [one["response"] for one in values] == ["PR", "PD", "CR", "SD"]
    assert [one["response_reader"] for one in values] == ["majority", "majority", "majority", "R2"]
    assert values[0]["target_1_pre_mm"] == "", "the diameters of no reader stand for a majority"


def test_a_cohort_without_readings_and_an_unknown_reader_are_refused(
    cohort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["readers", str(cohort)]) == 2
    assert "holds no readings" in capsys.readouterr().err
    put_reading(cohort, "case-1", reading("PR"))
    assert main(["readers", str(cohort), "--label", "R7"]) == 2
    assert "no readings by R7" in capsys.readouterr().err
    assert main(["readers", str(cohort)]) == 0
    assert "no case was read by two readers" in capsys.readouterr().out


def test_the_check_of_a_cohort_takes_no_offence_at_readings(
    three_readers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", str(three_readers), "--recipe", "tace-response"])
    assert "readings" not in capsys.readouterr().out
