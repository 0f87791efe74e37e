"""Patients are known again by a hash that tells nobody their number, and nobody is new by mistake."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.known_patients import FILE, KnownPatients
from HCCAssistLib.errors import InputError

ID = "PAT-0012345"


def cases(*of: tuple[str, str]) -> list[Case]:
    return [Case(case_id, patient, "", {}, Path(case_id)) for case_id, patient in of]


@pytest.fixture
def known(tmp_path: Path) -> KnownPatients:
    (tmp_path / "cohort").mkdir()
    return KnownPatients(tmp_path / "own")


def test_the_first_case_is_of_a_new_patient_and_the_next_one_of_the_same(known: KnownPatients, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    assert known.guess(cohort, [], ID).kind == "new"
    known.remember(cohort, "c1", ID)
    table = cases(("c1", "p1"))
    found = known.guess(cohort, table, f" {ID.lower()} ")
    assert (found.kind, found.patient_id, found.cases) == ("known", "p1", ("c1",))
    assert known.guess(cohort, table, "another").kind == "new"
    assert KnownPatients(tmp_path / "own").guess(cohort, table, ID).kind == "known", "it is kept"


def test_nobody_is_new_while_a_patient_of_the_cohort_is_not_known_here(known: KnownPatients, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    known.remember(cohort, "c1", ID)
    table = cases(("c1", "p1"), ("c2", "p2"))  # c2 came from another computer
    assert known.guess(cohort, table, "another").kind == "ask"
    assert known.guess(cohort, table, "").kind == "ask"
    assert known.guess(cohort, table, ID).kind == "known"
    known.remember(cohort, "c2", "third")
    assert known.guess(cohort, table, "another").kind == "new"


def test_who_the_patient_is_the_table_says_now(known: KnownPatients, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    known.remember(cohort, "c1", ID)
    known.remember(cohort, "c2", ID)
    assert known.guess(cohort, cases(("c1", "renamed"), ("c2", "renamed")), ID).patient_id == "renamed"
    assert known.guess(cohort, cases(("c1", "a"), ("c2", "b")), ID).kind == "ask", "the table says two"
    assert known.guess(cohort, cases(("c9", "p9")), ID).kind == "ask", "its cases are gone"
    known.remember(cohort, "c2", "somebody else")
    assert known.guess(cohort, cases(("c1", "a"), ("c2", "b")), ID).patient_id == "a"


def test_a_copy_of_a_cohort_knows_nobody(known: KnownPatients, tmp_path: Path) -> None:
    import shutil

    known.remember(tmp_path / "cohort", "c1", ID)
    shutil.copytree(tmp_path / "cohort", tmp_path / "copy")
    assert known.guess(tmp_path / "copy", cases(("c1", "p1")), ID).kind == "ask"


def test_the_file_tells_no_number_and_no_folder_and_nothing_of_it_lies_in_the_cohort(
    known: KnownPatients, tmp_path: Path
) -> None:
    known.remember(tmp_path / "cohort", "c1", ID)
    text = (tmp_path / "own" / FILE).read_text()
    assert "12345" not in text
    assert str(tmp_path) not in text
    other = KnownPatients(tmp_path / "other")
    other.remember(tmp_path / "cohort", "c1", ID)
    hashes = [
        next(iter(next(iter(json.loads((tmp_path / own / FILE).read_text())["cohorts"].values()))))
        for own in ("own", "other")
    ]
    assert hashes[0] != hashes[1], "each computer has a salt of its own"
    inside = b"".join(path.read_bytes() for path in (tmp_path / "cohort").rglob("*") if path.is_file())
    assert hashes[0].encode() not in inside
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "own" / FILE).stat().st_mode) == 0o600


def test_a_damaged_list_is_told_and_never_taken_for_an_empty_one(known: KnownPatients, tmp_path: Path) -> None:
    known.remember(tmp_path / "cohort", "c1", ID)
    (tmp_path / "own" / FILE).write_text('{"format": "hccassist-patients/1", "salt": "zz", "cohorts": {}}')
    with pytest.raises(InputError, match="damaged"):
        known.guess(tmp_path / "cohort", cases(("c1", "p1")), ID)
