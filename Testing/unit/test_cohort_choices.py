"""Yes and no as people write them, and counts: each with what to write instead, once for a whole column."""

from __future__ import annotations

from pathlib import Path

import pytest

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.clinical_values import typed_value, value_of, value_problems
from HCCAssistLib.recipes.ablation.recipe import ABLATION

HBV = next(variable for variable in ABLATION.variables if variable.column == "hbv")
NUMBER = next(variable for variable in ABLATION.variables if variable.column == "tumour_number")


def cases(column: str, *cells: str) -> list[Case]:
    return [Case(f"c{n}", f"p{n}", "", {column: cell}, Path(f"c{n}")) for n, cell in enumerate(cells)]


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("pos", "'pos' is not a number. Write 1 for pos"),
        ("Negative", "'Negative' is not a number. Write 0 for Negative"),
        ("+", "'+' is not a number. Write 1 for +"),
        ("no", "Write 0 for no"),
        ("-", "'-' may mean no, or not known. Write 0 (no), 1 (yes), or leave the cell empty"),
        ("HBsAg", "Write 0 (no), 1 (yes)"),
    ],
)
def test_a_word_for_yes_or_no_is_told_as_a_number(cell: str, told: str) -> None:
    (case,) = cases("hbv", cell)
    value, fault = value_of(case, HBV)
    assert value is None and fault is not None and fault.level == "STOP" and told in str(fault)


@pytest.mark.parametrize("cell", ["", "?", "unknown", "NA"])
def test_what_is_not_known_is_no_fault(cell: str) -> None:
    assert value_of(cases("hbv", cell)[0], HBV) == (None, None)


def test_a_column_of_words_is_one_sentence() -> None:
    found = list(value_problems(cases("hbv", "+", "-", "-", "1", ""), [HBV], learning=True))
    assert [problem.level for problem in found] == ["STOP", "WARN"]
    assert "3 of 4 values of hbv are written as +, -" in found[0].what
    assert "write 0 (no), 1 (yes), and nothing where hepatitis B is not known" in found[0].remedy
    assert "1 of 5 cases has no hbv" in found[1].what


def test_a_dash_in_a_column_of_measures_is_no_value() -> None:
    assert value_of(cases("tumour_number", "-")[0], NUMBER) == (None, None)


@pytest.mark.parametrize("cell", ["1.5", "2.01"])
def test_a_count_is_whole_in_table_and_form(cell: str) -> None:
    _, fault = value_of(cases("tumour_number", cell)[0], NUMBER)
    assert fault is not None and f"tumour_number is {cell}, which is no whole number" in fault.what
    assert typed_value(cell, NUMBER)[1] == f"Number of tumours is {cell}, which is no whole number."
    assert value_of(cases("tumour_number", "2.0")[0], NUMBER) == (2.0, None) and typed_value("2", NUMBER) == (2.0, "")
