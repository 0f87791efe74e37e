"""The headings of a cohort's table: which column is which, however its heading is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.spelling import heading_key, plain
from HCCAssistLib.errors import InputError, Problem

KNOWN = ("case_id", "patient_id", "split", "ltp", "synthetic", "background", "follow_up_months", "event")
"""The columns that are more than a description of the patient."""

_BY_KEY = {heading_key(name): name for name in KNOWN}
_PATIENT_WORDS = frozenset(
    {"patient", "patid", "pid", "subject", "subjectid", "patientno", "patientnr", "patientnumber"}
)
_LIKE = 0.85

_SPLITS = {
    **dict.fromkeys(("train", "training", "trainset", "trainingset", "trn"), "train"),
    **dict.fromkeys(("validation", "validationset", "val", "valid", "validate", "validating"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "testingset", "tst"), "test"),
}


def columns_of(headings: Sequence[str], where: str) -> tuple[str, ...]:
    """The names of the columns: the known ones in their own spelling, the others as they are written.

    Raises:
        InputError: two headings that are one to a person.
    """
    columns = tuple(_BY_KEY.get(heading_key(heading), heading) for heading in headings)
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


def doubtful_headings(columns: Sequence[str], rows: Sequence[Sequence[str]], where: str) -> Iterator[Problem]:
    """Columns that seem to mean the patient or the split, or nothing, under a heading that does not say so."""
    for number, column in enumerate(columns):
        cells = [row[number] for row in rows if not is_missing(row[number])]
        if not column and cells:
            what = f"the column {number + 1} has no heading and is not used"
            yield Problem("WARN", what, where, "give it a heading, or delete it")
        if not column or column in KNOWN:
            continue
        if "patient_id" not in columns and _is_like_patient(column) and len(set(cells)) < len(cells):
            yield _misnamed(column, "patient_id", where)
        elif "split" not in columns and _holds_splits(column, cells):
            yield _misnamed(column, "split", where)


def _is_like_patient(column: str) -> bool:
    key = heading_key(column)
    return key in _PATIENT_WORDS or bool(nearest("patient_id", [column]))


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


def _misnamed(column: str, name: str, where: str) -> Problem:
    what = f"the column {column!r} seems to be {name} and is not used"
    return Problem("STOP", what, where, f"rename it to {name}, or to something else if it is not")
