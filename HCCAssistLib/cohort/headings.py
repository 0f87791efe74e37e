"""The headings of a cohort's table: which column is which, however its heading is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from typing import Literal

from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.cells import number as read_number
from HCCAssistLib.cohort.spelling import heading_key, plain
from HCCAssistLib.errors import InputError, Problem

GENERAL = (
    *("case_id", "patient_id", "split", "synthetic", "background", "follow_up_months", "event"),
    *("reader", "consensus"),
)
"""The columns that are more than a description of the patient, whatever the method."""

_PATIENT_WORDS = frozenset(
    {"patient", "patid", "pid", "subject", "subjectid", "patientno", "patientnr", "patientnumber"}
)
_PHANTOM_WORDS = frozenset({"phantom", "isphantom", "simulated", "issimulated", "artificial", "issynthetic", "synth"})
_FOLLOW_UP = re.compile(
    r"(in)?(months?)?(of)?(followup|fup?)(time|duration|length|period)?(in)?"
    r"(m|mos?|mths?|months?|monate|mois|d|days?|w|weeks?|y|yrs?|years?)?"
)
_LIKE = 0.85

_YES_OR_NO = frozenset({"1", "1.0", "yes", "y", "true", "t", "0", "0.0", "no", "n", "false", "f"})
_WARNED_OF = ("follow_up_months", "event", "background")

_SPLITS = {
    **dict.fromkeys(("train", "training", "trainset", "trainingset", "trn"), "train"),
    **dict.fromkeys(("validation", "validationset", "val", "valid", "validate", "validating"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "testingset", "tst"), "test"),
}


def columns_of(headings: Sequence[str], where: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """The names of the columns: the known ones in their own spelling, the others as they are written.

    Args:
        headings: as they stand in the table.
        where: the table, for messages.
        known: columns of the methods, beside the general ones.

    Raises:
        InputError: two headings that are one to a person.
    """
    by_key = {heading_key(name): name for name in (*known, *GENERAL)}
    columns = tuple(by_key.get(heading_key(heading), heading) for heading in headings)
    first: dict[str, str] = {}
    for column, heading in zip(columns, headings, strict=True):
        if column and plain(column) in first:
            other = first[plain(column)]
            what = f"the columns {other!r} and {heading!r} mean the same"
            what = f"the column {heading} appears twice" if other == heading else what
            raise InputError(what, where, "rename or delete one")
        first[plain(column)] = heading
    return columns


def split_of(cell: str) -> str:
    """The split that a cell names, ``""`` where it names none; other texts come back as they are."""
    return "" if is_missing(cell) else _SPLITS.get(heading_key(cell), cell)


def doubtful_headings(
    columns: Sequence[str], rows: Sequence[Sequence[str]], where: str, known: Collection[str] = ()
) -> Iterator[Problem]:
    """Columns that seem to be a general one, or nothing, under a heading that does not say so."""
    for number, column in enumerate(columns):
        cells = [row[number] for row in rows if not is_missing(row[number])]
        if not column and cells:
            what = f"the column {number + 1} has no heading and is not used"
            yield Problem("WARN", what, where, "give it a heading, or delete it")
        if not column or column in GENERAL or column in known:
            continue
        if "patient_id" not in columns and _is_like_patient(column):
            yield _misnamed(column, "patient_id", where, "STOP" if len(set(cells)) < len(cells) else "WARN")
        elif "split" not in columns and _holds_splits(column, cells):
            yield _misnamed(column, "split", where)
        elif "synthetic" not in columns and _is_like_synthetic(column, cells):
            yield _misnamed(column, "synthetic", where)
        else:
            meant = (name for name in _WARNED_OF if name not in columns and _is_like(name, column, cells))
            yield from (_misnamed(column, name, where, "WARN") for name in meant)


def _is_like_patient(column: str) -> bool:
    key = heading_key(column)
    return key in _PATIENT_WORDS or bool(nearest("patient_id", [column]))


def _is_like_synthetic(column: str, cells: Sequence[str]) -> bool:
    """A misspelling whatever it holds; another word for it where it holds yes or no of the cases."""
    yes_or_no = bool(cells) and all(plain(cell) in _YES_OR_NO for cell in cells)
    return bool(nearest("synthetic", [column])) or (_bare(column) in _PHANTOM_WORDS and yes_or_no)


def _is_like(name: str, column: str, cells: Sequence[str]) -> bool:
    if name == "follow_up_months":
        alike = bool(_FOLLOW_UP.fullmatch(_bare(column)) or nearest(name, [column]))
        return alike and any(_is_number(cell) for cell in cells)
    if name == "event":  # events may be counted, which is another thing
        return bool(nearest(name, [column])) and bool(cells) and all(plain(cell) in _YES_OR_NO for cell in cells)
    return bool(nearest(name, [column]))


def _bare(column: str) -> str:
    return re.sub(r"\W", "", heading_key(column))


def _is_number(cell: str) -> bool:
    try:
        return read_number(cell, "", decimal_comma=True) is not None
    except InputError:
        return False


def _holds_splits(column: str, cells: Sequence[str]) -> bool:
    named = [split_of(cell) in _SPLITS.values() for cell in cells]
    several = len({split_of(cell) for cell in cells}) > 1
    return several and (all(named) or (any(named) and bool(nearest("split", [column]))))


def nearest(name: str, columns: Sequence[str]) -> str:
    """The heading that may be a misspelling of a column's name, ``""`` where none is like it."""
    wanted = heading_key(name)
    by_key = {heading_key(column): column for column in columns if column}
    by_key = {key: column for key, column in by_key.items() if abs(len(key) - len(wanted)) <= 1}
    found = get_close_matches(wanted, by_key, 1, _LIKE)
    return by_key[found[0]] if found else ""


def _misnamed(column: str, name: str, where: str, level: Literal["STOP", "WARN"] = "STOP") -> Problem:
    what = f"the column {column!r} seems to be {name} and is not used"
    unit = ", in months" if name == "follow_up_months" else ""
    return Problem(level, what, where, f"rename it to {name}{unit}, or to something else if it is not")
