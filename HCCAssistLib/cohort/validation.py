"""Everything that is wrong with a cohort, at once: the table, the folders, the labels, the files and leaks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from HCCAssistLib.cohort.case import CASES, TABLE, Case
from HCCAssistLib.cohort.case_files import CaseFiles, Check, check_files, how_to_add
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.needs import Need
from HCCAssistLib.errors import Problem

__all__ = ["Need", "validate"]

MINIMUM_PER_CLASS = 3
"""Patients of each class: one to train, one to choose the cut-off, one to test."""

FEW_PATIENTS = 30

_DATE = re.compile(r"(19|20)\d\d[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])")
_IDENTIFYING = re.compile(r"(patient_?)?name|(first|last|sur)_?name|.*birth.*|dob|mrn|ssn|address|phone|e?mail", re.I)


def validate(
    cohort: Cohort,
    needs: Sequence[Need],
    *,
    label: str | None = None,
    classes: Sequence[str] = ("0", "1"),
    only: Collection[str] | None = None,
    modality: str = "CT",
    check: Check | None = None,
) -> tuple[Problem, ...]:
    """List every problem of a cohort, those that stop the work first.

    Every image and annotation that the recipe needs is read. Points that are named like the label column
    (``ltp.mrk.json`` and the column ``ltp``) mark the cases of the last class: these must have them, the others not.

    Args:
        cohort: read with ``tolerant=True``, so that faulty rows are listed too.
        needs: what the recipe asks of each case.
        label: column with the truth; None where the cases are only to be predicted.
        classes: the values it may hold.
        only: ids of the cases that are used; of the others only the volumes are read, to find scans that are there
            twice. None uses all.
        modality: of the images, as in DICOM.
        check: what a recipe asks of a case to train on, such as ``problems`` of its module ``checks``.
    """
    problems = [*cohort.table_problems, *_folders(cohort), *_patients(cohort), *_identifiers(cohort)]
    volumes = [need for need in needs if need.kind == "volume"]
    checked = []
    for case in (case for case in cohort.cases if case.folder.is_dir()):
        is_used = only is None or case.case_id in only
        files = check_files(case, needs if is_used else volumes, modality=modality, check=check if is_used else None)
        checked.append((case, files))
    problems += [replace(problem, case_id=case.case_id) for case, files in checked for problem in files.problems]
    problems += _duplicates(checked)
    if only is not None:
        cohort = replace(cohort, cases=tuple(case for case in cohort.cases if case.case_id in only))
        checked = [(case, files) for case, files in checked if case.case_id in only]
    if label is not None:
        problems += _labels(cohort, label, classes)
        problems += _marks(checked, needs, label, classes)
        problems += _balance(cohort, label, classes)
    return tuple(sorted(problems, key=lambda problem: problem.level != "STOP"))


def _folders(cohort: Cohort) -> Iterator[Problem]:
    if cohort.folder is None:
        return
    root = cohort.folder / CASES
    there = {path.name for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()
    rows = {case.case_id for case in cohort.cases}
    zeros = "; Excel removes leading zeros" if any(name[:1] == "0" for name in there - rows) else ""
    for name in sorted(rows - there):
        yield Problem(
            "STOP",
            f"there is no folder {CASES}/{name}",
            f"case {name}",
            f"add the folder or correct the id{zeros}",
            name,
        )
    for name in sorted(there - rows):
        if not name.startswith("."):
            where = f"{CASES}/{name}"
            yield Problem(
                "WARN", f"the folder has no row in {TABLE} and is not used", where, "add a row, or move it away"
            )


def _patients(cohort: Cohort) -> Iterator[Problem]:
    splits: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    spellings: dict[str, set[str]] = defaultdict(set)
    for case in cohort.cases:
        spellings[case.patient_id.lower()].add(case.patient_id)
        if case.split:
            splits[case.patient_id][case.split].append(case.case_id)
    for patient, by_split in splits.items():
        if len(by_split) > 1:
            sides = "; ".join(f"{split}: {', '.join(ids)}" for split, ids in by_split.items())
            yield Problem(
                "STOP", f"the patient is in several splits ({sides})", f"patient {patient}", "keep each patient in one"
            )
    for names in spellings.values():
        if len(names) > 1:
            what = f"the patient ids {' and '.join(sorted(names))} differ only in upper and lower case"
            yield Problem("STOP", what, TABLE, "write the id of one patient in one way")


def _identifiers(cohort: Cohort) -> Iterator[Problem]:
    for case in cohort.cases:
        for name in sorted({case.case_id, case.patient_id}):
            if _DATE.search(name):
                yield Problem(
                    "WARN",
                    f"the id {name} seems to hold a date",
                    f"case {case.case_id}",
                    "use a pseudonym",
                    case.case_id,
                )
    columns = cohort.cases[0].values if cohort.cases else {}
    for column in columns:
        if _IDENTIFYING.fullmatch(column):
            yield Problem("WARN", f"the column {column!r} seems to identify patients", TABLE, "delete it")


def _duplicates(checked: Sequence[tuple[Case, CaseFiles]]) -> Iterator[Problem]:
    first: dict[str, tuple[Case, Need]] = {}
    for case, files in checked:
        for need, fingerprint in files.fingerprints.items():
            if fingerprint not in first:
                first[fingerprint] = (case, need)
                continue
            other, other_need = first[fingerprint]
            where = f"case {case.case_id}, {need}"
            what = f"this is the same scan as {other_need} of case {other.case_id}"
            if other is case:
                yield Problem("WARN", f"this is the same scan as {other_need}", where, "check which file is which")
            elif other.patient_id == case.patient_id or (case.split and case.split == other.split):
                yield Problem("WARN", what, where, "remove one of the cases")
            else:
                leak = "it would be tested on what it was trained on"
                yield Problem("STOP", f"{what}: {leak}", where, "remove one, or give both the same patient_id")


def _labels(cohort: Cohort, column: str, classes: Sequence[str]) -> Iterator[Problem]:
    if cohort.cases and column not in cohort.cases[0].values:
        yield Problem("STOP", f"the table has no column {column!r}", TABLE, f"add it with {', '.join(classes)}")
        return
    for case in cohort.cases:
        label = case.values.get(column, "")
        if label not in classes:
            what = f"the label {column} is {label!r}" if label else f"the label {column} is empty"
            yield Problem("STOP", what, f"case {case.case_id}", f"write {' or '.join(classes)}", case.case_id)


def _marks(
    checked: Sequence[tuple[Case, CaseFiles]], needs: Sequence[Need], column: str, classes: Sequence[str]
) -> Iterator[Problem]:
    for need in (need for need in needs if need.kind == "points" and need.name == column):
        for case, files in checked:
            value, where = case.values.get(column), f"case {case.case_id}, {need}"
            if value == classes[-1] and need not in files.paths:
                yield Problem(
                    "STOP", f"{column} is {value}, but no point is marked", where, how_to_add(case, need), case.case_id
                )
            elif value in classes[:-1] and files.points.get(need):
                what = f"{column} is {value}, but {files.points[need]} points are marked"
                yield Problem("STOP", what, where, "correct the label or delete the points", case.case_id)


def _balance(cohort: Cohort, column: str, classes: Sequence[str]) -> Iterator[Problem]:
    patients: dict[str, set[str]] = {name: set() for name in classes}
    for case in cohort.cases:
        patients.get(case.values.get(column, ""), set()).add(case.patient_id)
    only_test = all(case.split == "test" for case in cohort.cases)
    counts = ", ".join(f"{len(ids)} with {column} {name}" for name, ids in patients.items())
    for name in (name for name, ids in patients.items() if not ids):
        what = f"no patient has {column} {name} ({counts})"
        yield Problem("WARN" if only_test else "STOP", what, TABLE, "both kinds of patients are needed")
    if all(patients.values()) and min(map(len, patients.values())) < MINIMUM_PER_CLASS and not only_test:
        remedy = f"at least {MINIMUM_PER_CLASS} of each are needed, better {FEW_PATIENTS}"
        yield Problem("STOP", f"too few patients: {counts}", TABLE, remedy)
    total = len(set().union(*patients.values()))
    if 0 < total < FEW_PATIENTS:
        yield Problem("WARN", f"{total} patients are few: all figures will have wide intervals", TABLE)
    if any(case.split == "train" for case in cohort.cases) and all(case.split for case in cohort.cases):
        for split in ("train", "validation", "test"):
            held = {case.values.get(column) for case in cohort.of_split(split)}
            missing = [name for name in classes if name not in held]
            if missing:
                what = f"the split {split} has no case with {column} {' or '.join(missing)}"
                yield Problem(
                    "WARN" if split == "test" else "STOP",
                    what,
                    TABLE,
                    "move cases, or leave the column split empty to have it drawn",
                )
