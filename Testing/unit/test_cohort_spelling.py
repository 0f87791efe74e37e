"""Ids and headings that are one to a person, or to the spreadsheet that changed one of them, and those that are not."""

from __future__ import annotations

import pytest

from HCCAssistLib.cohort.spelling import heading_key, is_of_a_spreadsheet, same_ids, shown

ZERO_WIDTH, NO_BREAK, BYTE_ORDER, SOFT_HYPHEN, JOINER = "\u200b", "\u00a0", "\ufeff", "\u00ad", "\u2060"
CYRILLIC_ER, GREEK_RHO, FULL_WIDTH_1 = "\u0420", "\u03a1", "\uff11"


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("P1", "p1", "upper and lower case"),
        ("P1", f"P{ZERO_WIDTH}1", "cannot be seen"),
        ("P1", f"P1{NO_BREAK}", "cannot be seen"),
        ("P1", f"{BYTE_ORDER}P1", "cannot be seen"),
        ("P1", f"P{SOFT_HYPHEN}1", "cannot be seen"),
        ("P1", f"P{JOINER}1", "cannot be seen"),
        ("M\u00fc1", "Mu\u03081", "look alike"),
        ("P1", f"P{FULL_WIDTH_1}", "look alike"),
        ("P1", f"{CYRILLIC_ER}1", "look alike"),
        ("P1", f"{GREEK_RHO}1", "look alike"),
        ("P 1", "P1", "spaces, hyphens"),
        ("P-1", "P_1", "spaces, hyphens"),
        ("P-1", "P\u20131", "spaces, hyphens"),
        ("P.1", "P-1", "spaces, hyphens"),
        ("HCC-P-1", "hcc p1", "spaces, hyphens"),
        ("1,234", "1234", "spaces, hyphens"),
        ("001", "1", "leading zeros"),
        ("P01", "P1", "leading zeros"),
        ("'001", "1", "leading zeros"),
        ("1", "1.0", "spreadsheets"),
        ("100000", "1E+05", "spreadsheets"),
        ("1E5", "1.00E+05", "spreadsheets"),
        ("123456789012", "1.23457E+11", "rounded numbers"),
        ("12345678", "1,23E+07", "rounded numbers"),
        ("1234567890123456789", "1234567890123450000", "rounded numbers"),
        ("MAR1", "1-Mar", "dates"),
        ("MAR1", "Mar-01", "dates"),
        ("SEPT2", "2-Sep", "dates"),
        ("OKT4", "04. Okt", "dates"),
        ("1-2", "2-Jan", "dates"),
        ("1-2", "01.02.2024", "dates"),
        ("1/2", "2024-02-01 00:00:00", "dates"),
    ],
)
def test_ids_that_a_person_or_a_spreadsheet_takes_for_one_are_paired(one: str, other: str, how: str) -> None:
    for names in ([one, other], [other, one]):
        ((first, second, why),) = same_ids(names)
        assert {first, second} == {one, other}
        assert how in why


@pytest.mark.parametrize(
    "names",
    [
        [f"P{number}" for number in range(1, 121)],
        [f"{number:03}" for number in range(1, 121)],
        [f"case-{number:03}" for number in range(1, 121)],
        [f"{center}-{number}" for center in range(1, 13) for number in range(1, 13)],
        [f"P-{center}-{number}" for center in range(1, 13) for number in range(1, 13)] + ["P-12345"],
        [f"{country}-{center}-{number}" for country in (1, 2) for center in (1, 2, 3) for number in (1, 2)]
        + ["1-2", "2-1"],
        ["P-1-2", "P-12", "P12", "P1-2-0"],
        ["A-BC", "AB-C", "a", "b"],
        ["1.5", "15", "1.50"],
        ["MAR1", "MAR2", "APR1", "MAY", "MAY2"],
        ["1-Mar", "2-Mar", "2024-01-02", "2024-01-03"],
        ["100000", "100001", "1200000", "1230000", "20240101", "20240102", "123457000000", "123456789012"],
        ["Mu1", "M\u00fc1", "\u03a91", "-", "+"],
        ["3f2a9c", "3f2a9d", "a1e5", "a1e6", "0b", "b0"],
    ],
)
def test_different_ids_stay_different(names: list[str]) -> None:
    names = list(dict.fromkeys(names))
    if "P-1-2" in names and "P12" in names:
        assert [set(pair[:2]) for pair in same_ids(names)] == [{"P-12", "P12"}]
    else:
        assert same_ids(names) == []


@pytest.mark.parametrize(
    "heading",
    [
        *("patient_id", "Patient_ID", "PATIENT ID", "Patient-Id", "PatientID", " patient  id ", "patient.id"),
        *("p\u0430tient_id", "patient_id\u200b", "\ufeffpatient_id"),
    ],
)
def test_headings_of_one_column_have_one_key(heading: str) -> None:
    assert heading_key(heading) == heading_key("patient_id") != heading_key("patient")


def test_headings_that_differ_in_signs_have_different_keys() -> None:
    assert heading_key("afp>20") != heading_key("afp<20")


def test_what_cannot_be_told_by_eye_is_shown_by_its_code() -> None:
    assert (shown("P-1"), shown(f"P{ZERO_WIDTH}1"), shown(f"{CYRILLIC_ER}1")) == ("P-1", r"'P\u200b1'", r"'\u04201'")


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        *(("1-Mar", True), ("Mar-01", True), ("2024-02-01 00:00:00", True), ("01.02.2024", True), ("1.23E+11", True)),
        *(("MAR1", False), ("1-2", False), ("1-2-3", False), ("1E5", False), ("P-1", False), ("march", False)),
    ],
)
def test_an_id_that_a_spreadsheet_has_made_is_told_from_others(name: str, changed: bool) -> None:
    assert is_of_a_spreadsheet(name) is changed
