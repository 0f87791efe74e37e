"""The readings of a cohort: a file for each reader and case beside its table, and the label of a case by one of them.

readings/<reader>/<case_id>.json
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from HCCAssistLib.cohort.additions import put_values
from HCCAssistLib.cohort.case import READINGS, TABLE, is_safe_name
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import stored
from HCCAssistLib.response.reading import Reading, cohort_values, read_reading, write_reading

LABEL, READER = COLUMNS = ("response", "response_reader")


class AlreadyThere(InputError):
    """Something stands where a reading would go; it is written there when a person says so."""


def put_reading(cohort: Path, case_id: str, reading: Reading, *, replace: bool = False) -> bool:
    """Keep a reading of a case, and let it be the case's label where there is none or one of the same reader.

    The label of another reader stays: which of them counts, ``hccassist readers --label`` decides for a whole cohort.

    Args:
        cohort: folder of a cohort.
        case_id: of a case of it.
        reading: of that case.
        replace: overwrite an earlier reading of this reader, and a label that no reading made.

    Returns:
        Whether the label of the case is that of this reading now.

    Raises:
        InputError: no such cohort or case, or a reader that can be no folder's name.
        AlreadyThere: a reading of this reader, or another label, and ``replace`` is not set.
        HCCAssistError: the disk is full or not writable.
    """
    if not is_safe_name(reading.reader):
        what = f"{reading.reader!r} is no name for a folder"
        raise InputError(what, "reader", "use initials or a pseudonym of letters, digits, full stops and hyphens")
    case = next(
        (one for one in read_cohort(cohort, known=COLUMNS).cases if one.case_id.lower() == case_id.lower()), None
    )
    if case is None:
        raise InputError(f"there is no case {case_id}", cohort.name, "add the case first, or correct its id")
    path = cohort / READINGS / reading.reader / f"{case.case_id}.json"
    if path.exists() and not replace:
        what = f"there is a reading by {reading.reader} already"
        raise AlreadyThere(what, f"case {case.case_id}", "keep it, or replace it")
    label, reader = case.values.get(LABEL, ""), case.values.get(READER, "")
    typed = not is_missing(label) and is_missing(reader)
    if typed and label != reading.response.category and not replace:
        what = f"the {LABEL} is {label!r} already, without a reading, and this reading says {reading.response.category}"
        raise AlreadyThere(what, f"case {case.case_id}", "keep it, or replace it")
    counts = typed or is_missing(label) or reader == reading.reader
    with stored("The reading"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_reading(reading, path)
    if counts:
        put_values(cohort, case.case_id, cohort_values(reading), replace=True)
    return counts


def readings_of(cohort: Path) -> Mapping[str, Mapping[str, Reading]]:
    """All readings of a cohort, by reader and then by case.

    Raises:
        InputError: not a cohort, a damaged reading, one in the folder of another reader, or of no case of the cohort.
    """
    if not (cohort / TABLE).is_file():
        raise InputError(f"there is no {TABLE}", cohort.name, "give the folder of a cohort")
    known = {case.case_id for case in read_cohort(cohort).cases}
    found: dict[str, dict[str, Reading]] = {}
    for path in sorted((cohort / READINGS).glob("*/*.json")):
        where = f"{READINGS}/{path.parent.name}/{path.name}"
        try:
            reading = read_reading(path)
        except InputError as error:
            (problem,) = error.problems[:1]
            raise InputError(problem.what, where, problem.remedy) from error
        if reading.reader != path.parent.name:
            raise InputError(f"it is by {reading.reader}", where, "put it into the folder of its reader")
        if path.stem not in known:
            raise InputError("the cohort has no case of that name", where, "add the case, or remove the reading")
        found.setdefault(reading.reader, {})[path.stem] = reading
    return found
