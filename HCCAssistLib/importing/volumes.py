"""The chosen series as volumes of a cohort: read as they were checked, written whole, never over something."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from HCCAssistLib.cohort.additions import alone, check_pseudonym
from HCCAssistLib.cohort.case import CASES, TABLE
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.known_patients import KnownPatients
from HCCAssistLib.cohort.table import put_row, read_table, write_table
from HCCAssistLib.dicom.series import SeriesReport, read_stack
from HCCAssistLib.errors import HCCAssistError, InputError, Problem
from HCCAssistLib.files import stored
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.importing.reading import WORKERS, report_of
from HCCAssistLib.importing.roles_table import NAME, Chosen
from HCCAssistLib.importing.series import Job
from HCCAssistLib.parallel import side_by_side
from HCCAssistLib.recipes.roles import contradicts, guess_role

RECORD = "imported.csv"


class _Order(NamedTuple):
    case_id: str
    role: str
    series_id: str
    files: Job
    path: Path
    patient: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one volume.

    Attributes:
        case_id: of its case.
        role: that it plays.
        series_id: that it is made of.
        warnings: faults that its reader found.
        fault: why it could not be written, empty where it was.
    """

    case_id: str
    role: str
    series_id: str
    warnings: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """What the second pass did.

    Attributes:
        written: volumes that were written, or could not be.
        kept: how many volumes were there already, of the same series.
        cases: how many cases the cohort got.
    """

    written: tuple[Written, ...]
    kept: int
    cases: int


def write_cohort(
    out: Path,
    top: Path,
    salt: str,
    chosen: Sequence[Chosen],
    columns: Sequence[str],
    patients: KnownPatients,
    *,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Import:
    """Write the volumes of the chosen series and the rows of their cases; what is there already stays as it is.

    Args:
        out: folder of the cohort.
        top: of the archive.
        salt: of the hashes.
        chosen: series with their roles.
        columns: of the table that a person will fill in.
        patients: of this computer, so that a later case of one of them is known as his.
        workers: processes.
        progress: called with how much is done, 0 to 1.

    Raises:
        InputError: a file that is there is of another series, or a case of the table is of another patient.
        HCCAssistError: the disk is full or not writable.
    """
    known = read_record(out)
    _refuse_others(out, chosen, known, patients)
    orders = [
        _Order(one.case_id, one.role, one.series.id, Job(top, one.series.files, salt), _path(out, one), one.patient)
        for one in chosen
        if not (_path(out, one).exists() and (one.case_id, one.role) in known)
    ]
    written: list[Written] = []
    side = min(workers, WORKERS, len(orders))
    with closing(side_by_side(_write, orders, side)) as done:
        for one in done:
            written.append(one)
            if not one.fault:
                row = {"case_id": one.case_id, "role": one.role, "series_id": one.series_id}
                known[one.case_id, one.role] = {**row, "warnings": "; ".join(one.warnings)}
                with stored(RECORD):
                    write_table(out / RECORD, known.values())
            if progress is not None:
                progress(len(written) / len(orders))
    failed = {(one.case_id, one.role) for one in written if one.fault}
    cases = {one.case_id: one.patient for one in chosen if (one.case_id, one.role) not in failed}
    numbers = {one.case_id: one.series.patient_id for one in reversed(chosen) if one.case_id in cases}
    new = _add_rows(out, cases, columns, numbers, patients)
    return Import(tuple(written), len(chosen) - len(orders), new)


def _path(out: Path, one: Chosen) -> Path:
    return out / CASES / one.case_id / f"{one.role}.nrrd"


def _refuse_others(
    out: Path,
    chosen: Sequence[Chosen],
    known: Mapping[tuple[str, str], Mapping[str, str]],
    patients: KnownPatients,
) -> None:
    """Refuse what would have to replace something."""
    problems = []
    for one in chosen:
        before = known.get((one.case_id, one.role), {}).get("series_id", one.series.id)
        if _path(out, one).exists() and before != one.series.id:
            what = f"{one.role}.nrrd of case {one.case_id} was made of {before}, and the table says {one.series.id} now"
            remedy = "delete the file to have it made anew, or put back what the table said"
            problems.append(Problem("STOP", what, f"{NAME}, line {one.line}", remedy))
        elif not _path(out, one).exists() and not one.is_here:
            what = f"the archive no longer holds the series of {one.role} of case {one.case_id}"
            problems.append(Problem("STOP", what, f"{NAME}, line {one.line}", "put it back, or empty the role"))
    if (out / TABLE).is_file():
        problems += _of_other_patients(out, chosen, known, patients)
    if problems:
        raise InputError(problems)


def _of_other_patients(
    out: Path,
    chosen: Iterable[Chosen],
    known: Mapping[tuple[str, str], Mapping[str, str]],
    patients: KnownPatients,
) -> Iterator[Problem]:
    """Cases that the table gives to another patient, and patients that it has under another pseudonym."""
    cases = read_cohort(out, tolerant=True).cases
    by_id = {case.case_id.lower(): case.patient_id for case in cases}
    imported = {case_id.lower() for case_id, _ in known}
    others = [case for case in cases if case.case_id.lower() not in imported]
    for one in {one.case_id: one for one in chosen}.values():
        other = by_id.get(one.case_id.lower(), one.patient)
        if other == one.patient and others and one.case_id.lower() not in by_id:
            guess = patients.guess(out, others, one.series.patient_id)
            other = guess.patient_id or one.patient
        if other != one.patient:
            what = f"case {one.case_id} is of {one.patient} here, and its patient is {other} in {TABLE}"
            yield Problem("STOP", what, f"{NAME}, line {one.line}", "write the same pseudonym into both tables")


def _write(order: _Order) -> Written:
    """Read one series and write its volume."""
    about = (order.case_id, order.role, order.series_id)
    try:
        report = report_of(order.files, order.series_id)
        names = [item.text(field) for field in ("PatientName", "PatientID") for item in report.stack.slices[:1]]
        for name in (order.case_id, order.patient):
            check_pseudonym(name, names)
        image, problems = read_stack(report, name=f"{order.case_id} {order.role}")
        if order.path.exists():
            _refuse_different(image, order.path)
        else:
            order.path.parent.mkdir(parents=True, exist_ok=True)
            write_image(image, order.path)
    except InputError as error:
        return Written(*about, fault="; ".join(dict.fromkeys(problem.what for problem in error.problems)))
    except OSError as error:
        raise HCCAssistError(f"case {order.case_id} cannot be written: {error.strerror}") from error
    return Written(*about, warnings=(*(problem.what for problem in problems), *_doubt(image, report, order.role)))


def _doubt(image: Image, report: SeriesReport, role: str) -> list[str]:
    """What the voxels say against the phase of a CT."""
    if report.modality != "CT":
        return []
    from HCCAssistLib.imaging.enhancement import contrast_evidence

    evidence = contrast_evidence(image)
    guess = guess_role("", None, evidence)
    time = role.partition("/")[0]
    if not guess.phases or not contradicts(replace(guess, time=time), role):
        return []
    return [f"its voxels look {evidence.phase.replace('-', ' ')}: {evidence.reason}"]


def _refuse_different(image: Image, path: Path) -> None:
    there = read_image(path)
    if not (there.geometry.matches(image.geometry) and np.array_equal(there.array, image.array)):
        raise InputError(f"there is another {path.name} already, which was not made from this series")


def read_record(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    """What each volume of a cohort was made of, by case and role: the rows of the record."""
    if not (out / RECORD).exists():
        return {}
    table = read_table(out / RECORD, "series_id")
    rows = [dict(zip(table.columns, cells, strict=False)) for _, cells in table.rows]
    return {(row.get("case_id", ""), row.get("role", "")): row for row in rows}


def _add_rows(
    out: Path, cases: Mapping[str, str], columns: Sequence[str], numbers: Mapping[str, str], patients: KnownPatients
) -> int:
    """Rows of the cases that the table does not have yet; how many."""
    path = out / TABLE
    with stored(TABLE), alone(out):
        there = {case.case_id.lower() for case in read_cohort(out, tolerant=True).cases} if path.is_file() else set()
        rows = [
            {"case_id": case_id, "patient_id": patient, "split": "", **dict.fromkeys(columns, "")}
            for case_id, patient in sorted(cases.items())
            if case_id.lower() not in there
        ]
        patients.remember_all(out, {row["case_id"]: numbers[row["case_id"]] for row in rows})
        if rows and not path.is_file():
            write_cohort_table(out, rows)
        else:
            for row in rows:
                put_row(path, "case_id", {name: cell for name, cell in row.items() if cell})
    return len(rows)
