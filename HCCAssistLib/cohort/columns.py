"""A column of a cohort's table as numbers, or as text, with the cells that do not fit named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from HCCAssistLib.cohort import cells
from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.errors import InputError, Problem

FEW = 1 / 3
"""Share of other texts beside which a column is still one of numbers."""

MOST_LEVELS = 6
"""A column of texts with more different ones describes nobody: it may hold names, dates or remarks."""

NAMES_SHOWN = 5
_INFINITE = ", infinite"
_GROUPED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_CODE = re.compile(r"-?(9{3,})(\.0*)?|-(1|9{1,2})(\.0*)?")


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: of the column.
        numbers: by case id; None where the cell is empty or says that the value is missing, or is one of ``unread``.
            None for a column of texts.
        unread: cells of a column of numbers that are none, by case id, with what they are.
        texts: cells by case id, as they stand in the table; None where the value is missing.
    """

    name: str
    numbers: Mapping[str, float | None] | None
    unread: Mapping[str, str]
    texts: Mapping[str, str | None]

    @property
    def problems(self) -> Iterator[Problem]:
        """What a reader must know of a column of numbers."""
        where = f"{TABLE}, column {self.name}"
        if self.unread:
            one = len(self.unread) == 1
            what = (
                f"{len(self.unread)} {'cell is no number and is' if one else 'cells are no numbers and are'} left out"
            )
            yield Problem("WARN", f"{what}: {listed(self.unread)}", where, "write numbers, or leave the cells empty")
        if codes := self.codes:
            what = f"{listed(codes)} may stand for a missing value and counts as a number"
            yield Problem("WARN", what, where, "leave the cell empty if the value is missing")

    @property
    def codes(self) -> dict[str, str]:
        """Numbers that may stand for a missing value, by case id."""
        return dict(_codes(self))


def listed(of_cases: Mapping[str, str]) -> str:
    """Cases with what is said of each, the first few."""
    shown = [f"case {case_id} {text}" for case_id, text in list(of_cases.items())[:NAMES_SHOWN]]
    more = [f"{len(of_cases) - NAMES_SHOWN} more"] if len(of_cases) > NAMES_SHOWN else []
    return ", ".join([*shown, *more])


def has_few_levels(texts: Iterable[str | None], cases: int) -> bool:
    """Whether the texts of a column are categories."""
    return len({text for text in texts if text is not None}) <= min(MOST_LEVELS, cases / 2)


def read_column(cases: Sequence[Case], name: str) -> Column:
    """A column of numbers or of texts.

    It is one of numbers where its cells are, but for some that were meant to be or a few others. A few different texts
    that occur more than once, such as 1, 2 and ">3" lesions, are categories. Bounds alone are numbers that were meant
    to be, and what is infinite is no category.
    """
    texts = {case.case_id: case.values.get(name, "").strip() for case in cases}
    numbers, unread = _numbers(texts, decimal_comma=any(case.decimal_comma for case in cases))
    meant = sum(value is not None or case_id in unread for case_id, value in numbers.items())
    odd = [text for text in (texts[case_id] for case_id in unread) if not cells.is_almost_a_number(text)]
    once = [text for case_id in unread if list(texts.values()).count(text := texts[case_id]) == 1 and text not in odd]
    infinite = any(what.endswith(_INFINITE) for what in unread.values())
    few = has_few_levels(filter(None, texts.values()), len(cases))
    is_category = bool(unread) and not once and not infinite and few
    if meant and len(odd) <= FEW * meant and not is_category:
        return Column(name, numbers, unread, texts)
    signs = any("+" in text for text in texts.values())
    missing = {
        text
        for text in texts.values()
        if cells.is_missing(text) and not (text.lower() == "none" or (signs and text.lower() in cells.MAY_BE_A_TEXT))
    }
    return Column(name, None, {}, {case_id: None if t in missing else t for case_id, t in texts.items()})


def _numbers(texts: Mapping[str, str], *, decimal_comma: bool) -> tuple[dict[str, float | None], dict[str, str]]:
    """The numbers of a column by case, and what the other cells are."""
    commas = decimal_comma and any(re.fullmatch(r"[+-]?\d+,\d+", text) for text in texts.values())
    numbers: dict[str, float | None] = {}
    unread: dict[str, str] = {}
    for case_id, text in texts.items():
        try:
            if commas and _GROUPED.fullmatch(text):  # beside 12,5 the point of 1.234 parts thousands
                raise InputError(f"{text!r} is not a number but one with marks between thousands")
            numbers[case_id] = cells.number(text, "", decimal_comma=decimal_comma)
        except InputError as error:
            numbers[case_id] = None
            unread[case_id] = (
                error.problems[0].what.replace(" is not a number but", ",").replace(" is not a number", "")
            )
    return numbers, unread


def _codes(column: Column) -> Iterator[tuple[str, str]]:
    """Cells such as -999 or 9999 that stand apart from the others of their column."""
    numbers = {case_id: value for case_id, value in (column.numbers or {}).items() if value is not None}
    doubtful = {case_id for case_id in numbers if _CODE.fullmatch(column.texts[case_id] or "")}
    rest = [value for case_id, value in numbers.items() if case_id not in doubtful]
    for case_id in doubtful:
        value = numbers[case_id]
        if rest and ((value < 0 <= min(rest)) or value > 3 * max(map(abs, rest))):
            yield case_id, f"{value:g}"
