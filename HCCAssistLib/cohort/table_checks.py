"""What is wrong with a cohort before any image is read: its table, its folders, its patients and its labels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from HCCAssistLib.cohort.case import CASES, TABLE, Case
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.clinical_values import value_problems
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import EVENTS, CohortSpec
from HCCAssistLib.cohort.columns import Column, listed, read_column
from HCCAssistLib.cohort.headings import GENERAL
from HCCAssistLib.cohort.label_checks import balance_problems, label_problems
from HCCAssistLib.cohort.spelling import id_key, is_of_a_spreadsheet, same_ids, shown
from HCCAssistLib.errors import Problem

_DATE = re.compile(r"(19|20)\d\d[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])")
_IDENTIFYING = re.compile(r"(patient_?)?name|(first|last|sur)_?name|.*birth.*|dob|mrn|ssn|address|phone|e?mail", re.I)


def check_table(cohort: Cohort, spec: CohortSpec, *, only: Collection[str] | None = None) -> list[Problem]:
    """Everything that is wrong with a cohort's table and folders.

    Args:
        cohort: read with ``tolerant=True``, so that faulty rows are listed too.
        spec: what the method asks of it.
        only: ids of the cases whose labels and clinical values count; None counts all.
    """
    problems = [*cohort.table_problems, *_folders(cohort), *_patients(cohort), *_identifiers(cohort)]
    problems += _columns(cohort, spec)
    if only is not None:
        cohort = replace(cohort, cases=tuple(case for case in cohort.cases if case.case_id in only))
    unread = list(label_problems(cohort, spec))
    problems += unread
    problems += value_problems(cohort.cases, spec.variables, learning=spec.label is not None)
    # rows and labels that cannot be read are the cause of what would be missing; it is told when they are mended
    if not cohort.refused and all(problem.case_id and only is not None for problem in unread):
        problems += balance_problems(cohort, spec) if spec.classes or spec.outcome else ()
    return problems


def _folders(cohort: Cohort) -> Iterator[Problem]:
    if cohort.folder is None:
        return
    root = cohort.folder / CASES
    if not root.is_dir():
        yield Problem(
            "STOP", f"there is no folder {CASES}", cohort.folder.name, f"put each case into {CASES}/<case_id>"
        )
        return
    there = {path.name for path in root.iterdir() if path.is_dir() and path.suffix != ".part"}
    rows = {case.case_id for case in cohort.cases}
    refused = {id_key(word) for cells in cohort.refused for cell in cells for word in re.split(r"[,;|\s]", cell)}
    missing, stray = (
        sorted(rows - there),
        sorted(name for name in there - rows if not name.startswith(".") and id_key(name) not in refused),
    )
    meant: dict[str, tuple[str, str]] = {}
    for one, other, how in same_ids([*missing, *stray]):
        pair = {one: other, other: one}
        meant |= {name: (pair[name], how) for name in pair if name in missing and pair[name] in stray}
    for name in missing:
        what, remedy = f"there is no folder {CASES}/{name}", "add the folder or correct the id"
        if name in meant:
            what += f"; it and the folder {shown(meant[name][0])} {meant[name][1]}"
            remedy = f"write the id as {shown(meant[name][0])}, or rename the folder"
        elif any(folder[:1] == "0" for folder in stray):
            remedy += "; Excel removes leading zeros"
        yield Problem("STOP", what, f"case {name}", remedy, name)
    unused = [shown(name) for name in stray if name not in {folder for folder, _ in meant.values()}]
    if len(unused) == 1:
        what = f"the folder has no row in {TABLE} and is not used"
        yield Problem("WARN", what, f"{CASES}/{unused[0]}", "add a row, or move it away")
    elif unused:  # a table of some of the cases: one cause, however many there are
        names = ", ".join(unused[:5]) + (f" and {len(unused) - 5} more" if unused[5:] else "")
        what = f"{len(unused)} folders have no row in {TABLE} and are not used: {names}"
        yield Problem("WARN", what, CASES, "add rows, or move them away")


def _patients(cohort: Cohort) -> Iterator[Problem]:
    splits: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for case in cohort.cases:
        if case.split:
            splits[case.patient_id][case.split].append(case.case_id)
    for patient, by_split in splits.items():
        if len(by_split) > 1:
            sides = "; ".join(f"{split}: {', '.join(ids)}" for split, ids in by_split.items())
            what = f"the patient is in several splits ({sides})"
            yield Problem("STOP", what, f"patient {shown(patient)}", "keep each patient in one")
    of_patient: dict[str, list[str]] = defaultdict(list)
    for case in cohort.cases:
        of_patient[case.patient_id].append(case.case_id)
    for one, other, how in same_ids(of_patient):
        cases = ", ".join(f"{shown(name)}: {', '.join(of_patient[name][:3])}" for name in (one, other))
        what = f"the patient ids {shown(one)} and {shown(other)} {how} (cases of {cases})"
        remedy = "write the id of one patient in one way, and those of two patients so that nobody mistakes them"
        yield Problem("STOP", what, TABLE, remedy)
    own = {case.case_id for case in cohort.cases if case.patient_id == case.case_id}
    for one, other, how in same_ids(case.case_id for case in cohort.cases):
        if not {one, other} <= own:  # those were named as patients
            what = f"the case ids {one} and {other} {how}"
            yield Problem("STOP", what, TABLE, "give every case an id that nobody mistakes for another")
    for column, meaning in (
        ("patient_id", "count as patients of their own"),
        ("split", "are divided by chance where a training needs it"),
    ):
        cells = {case.case_id: case.values.get(column, "") for case in cohort.cases}
        without = [case_id for case_id, cell in cells.items() if is_missing(cell)]
        words = {cells[case_id] for case_id in without} - {""}
        if words or (column == "patient_id" and 0 < len(without) < len(cells)):
            note = f" ({', '.join(sorted(words))})" if words else ""
            what = f"{len(without)} cases have no {column}{note} and {meaning}: {', '.join(without[:5])}"
            yield Problem("WARN", what, TABLE, f"fill in the {column}" + ("" if not note else ", or leave it empty"))


def _identifiers(cohort: Cohort) -> Iterator[Problem]:
    for case in cohort.cases:
        for name in sorted({case.case_id, case.patient_id}):
            if _DATE.search(name):
                what = f"the id {shown(name)} seems to hold a date"
                yield Problem("WARN", what, f"case {case.case_id}", "use a pseudonym", case.case_id)
    ids = dict.fromkeys(name for case in cohort.cases for name in (case.case_id, case.patient_id))
    if changed := [shown(name) for name in ids if is_of_a_spreadsheet(name)]:
        what = f"the ids {', '.join(changed[:5])} look like what a spreadsheet makes of others"
        yield Problem("WARN", what, TABLE, "compare them with your own list, and format the column as text")
    columns = cohort.cases[0].values if cohort.cases else {}
    for column in columns:
        if _IDENTIFYING.fullmatch(column):
            yield Problem("WARN", f"the column {column!r} seems to identify patients", TABLE, "delete it")


def _columns(cohort: Cohort, spec: CohortSpec) -> Iterator[Problem]:
    """Cells that the description of the patients would leave out; what the method itself reads is checked apart."""
    own = {*(spec.label.columns if spec.label else ()), *(variable.column for variable in spec.variables)}
    described = [name for name in (cohort.cases[0].values if cohort.cases else ()) if name not in own]
    for name in described:
        if name == "event":
            yield from _events(cohort.cases)
        elif name not in (*GENERAL, *spec.columns) or name == "follow_up_months":
            yield from read_column(cohort.cases, name).problems
        if name == "follow_up_months":
            yield from _follow_up(read_column(cohort.cases, name))


def _events(cases: Sequence[Case]) -> Iterator[Problem]:
    cells = {case.case_id: case.values.get("event", "") for case in cases}
    odd = {name: ascii(cell) for name, cell in cells.items() if not is_missing(cell) and cell not in EVENTS}
    if odd:
        what = f"an event is 1, and its absence 0: {listed(odd)}"
        yield Problem("WARN", what, f"{TABLE}, column event", "write 0 or 1, or leave the cell empty")


def _follow_up(column: Column) -> Iterator[Problem]:
    where = f"{TABLE}, column follow_up_months"
    if column.numbers is None:
        texts = {name: ascii(text) for name, text in column.texts.items() if text}
        if texts:
            yield Problem("WARN", f"no cell is a number of months: {listed(texts)}", where, "write numbers")
        return
    below = {name: f"{value:g}" for name, value in column.numbers.items() if value is not None and value < 0}
    if odd := {name: text for name, text in below.items() if name not in column.codes}:
        what = f"a follow-up cannot be negative: {listed(odd)}"
        yield Problem("WARN", what, where, "write the months from the ablation to the last visit")
