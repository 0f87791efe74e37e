"""Who is behind a pseudonym: a table beside the cohort that only its owner may read, and that never goes with it."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from HCCAssistLib.cohort.table import read_table
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file, stored
from HCCAssistLib.importing.journal import ONLY_OWNER
from HCCAssistLib.importing.series import Series, keyed

COLUMNS = ("patient", "study", "patient_id", "issuer", "study_date", "study_uid", "patient_key", "study_key", "salt")
"""People read the first ones; the command goes by the keys, which no spreadsheet takes for numbers."""


@dataclass(slots=True)
class Key:
    """Pseudonyms of patients and numbers of their studies; what was given once stays.

    Attributes:
        salt: of all hashes of this cohort.
        patients: pseudonym by hash of the patient.
        studies: pseudonym, number and date by hash of the study.
        rows: of the table.
    """

    salt: str
    patients: dict[str, str] = field(default_factory=dict)
    studies: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, series: Iterable[Series]) -> int:
        """Give pseudonyms to patients and numbers to studies that have none; how many studies are new.

        Pseudonyms are numbers in an order that nobody can foretell, so that they tell nothing about names or dates.
        """
        ordered = sorted(series, key=lambda one: (patient_key(one, self.salt), one.date or "9", one.time, one.study))
        new = 0
        for one in ordered:
            of_patient, of_study = patient_key(one, self.salt), study_key(one, self.salt)
            if of_study in self.studies:
                continue
            patient = self.patients.setdefault(of_patient, f"p{self._last + 1:03d}")
            number = 1 + max((n for p, n, _ in self.studies.values() if p == patient), default=0)
            self.studies[of_study] = (patient, number, one.date)
            cells = (patient, number, one.patient_id, one.issuer, one.date, one.study, of_patient, of_study, self.salt)
            self.rows.append(dict(zip(COLUMNS, map(_no_formula, map(str, cells)), strict=True)))
            new += 1
        return new

    @property
    def _last(self) -> int:
        """The highest number that a patient has."""
        return max((int(name[1:]) for name in self.patients.values()), default=0)

    def patient(self, series: Series) -> str:
        """The pseudonym of a series' patient."""
        return self.studies[study_key(series, self.salt)][0]

    def study(self, series: Series) -> int:
        """The number of a series' study among those of its patient."""
        return self.studies[study_key(series, self.salt)][1]

    def days(self) -> Mapping[tuple[str, int], int | None]:
        """Days from a patient's study 1 to each study; None where a date is missing."""
        dates = {(patient, number): _day(date) for patient, number, date in self.studies.values()}
        firsts = {patient: day for (patient, number), day in dates.items() if number == 1}
        return {
            (patient, number): None if day is None or (first := firsts.get(patient)) is None else (day - first).days
            for (patient, number), day in dates.items()
        }

    def write(self, path: Path) -> None:
        """Write the table, for its owner alone.

        Raises:
            HCCAssistError: the disk is full or not writable.
        """
        with stored(f"the key {path.name}"), atomic_file(path) as part:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT, ONLY_OWNER)
            with os.fdopen(descriptor, "w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(self.rows)


def read_key(path: Path, salt: str = "") -> Key:
    """The key of a cohort, or a new one where there is none.

    Args:
        path: of the table.
        salt: of a new key; drawn where it is empty.

    Raises:
        InputError: the table is damaged.
    """
    if not path.exists():
        return Key(salt or f"k{secrets.token_hex(16)}")
    table = read_table(path, "patient_key")
    rows = [dict(zip(table.columns, cells, strict=False)) for _, cells in table.rows]
    key = Key("", rows=[{name: row.get(name, "") for name in COLUMNS} for row in rows])
    try:
        for row in key.rows:
            int(row["patient"][1:])  # or it is none of ours
            key.patients[row["patient_key"]] = row["patient"]
            key.studies[row["study_key"]] = (row["patient"], int(row["study"]), row["study_date"])
        (key.salt,) = {row["salt"] for row in key.rows}
    except ValueError as error:
        what = "the key of the pseudonyms is damaged"
        raise InputError(what, path.name, "put back the one that was written; it need not be edited") from error
    return key


def patient_key(series: Series, salt: str) -> str:
    """The same for all series of one PatientID and issuer; without a PatientID, for those of one study alone."""
    if series.patient_id:
        return keyed(salt, "patient", series.issuer, series.patient_id)
    return keyed(salt, "nobody", series.study or "".join(sorted(series.files)))


def study_key(series: Series, salt: str) -> str:
    """The same for all series of one study of one patient."""
    return keyed(salt, "study", patient_key(series, salt), series.study or "".join(sorted(series.files)))


def _day(date: str) -> datetime | None:
    try:
        return datetime.strptime(date, "%Y%m%d")
    except ValueError:
        return None


def _no_formula(cell: str) -> str:
    """A cell that no spreadsheet computes: a header may hold anything, and people open this table.

    >>> _no_formula("=1+1"), _no_formula("4711-A")
    ("'=1+1", '4711-A')
    """
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
