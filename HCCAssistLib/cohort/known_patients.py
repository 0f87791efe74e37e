"""Which cases of a cohort are of one patient, as far as this computer knows: numbers of patients, salted and hashed.

The file lies among this person's own data, never in a cohort. Nobody can tell a patient's number from it without
trying all of them, and trying one takes a while on purpose.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, stored, write_json

FILE = "patients.json"
FORMAT = "hccassist-patients/1"
MARK = ".cohort-id"
"""File of a cohort: tells it from others, also from one that is begun anew in the same folder."""


@dataclass(frozen=True, slots=True)
class PatientGuess:
    """Who the patient of a scan is in a cohort.

    Attributes:
        kind: ``"known"``: the patient of some cases; ``"new"``: surely of none; ``"ask"``: only a person can tell.
        patient_id: of a known one.
        cases: ids of this patient's cases.
    """

    kind: Literal["known", "new", "ask"]
    patient_id: str = ""
    cases: tuple[str, ...] = ()


class KnownPatients:
    """The patients of the cohorts that were written on this computer.

    Args:
        folder: of the file; made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def guess(self, cohort: Path, cases: Sequence[Case], number: str) -> PatientGuess:
        """Who the patient is.

        Nobody is new for sure while the cohort holds a patient whose number this computer never saw.

        Args:
            cohort: folder of the cohort.
            cases: of its table.
            number: of the patient, as in DICOM; empty where it is not known.

        Raises:
            InputError: the file of the known patients is damaged.
        """
        if not cases:
            return PatientGuess("new")
        if not number:
            return PatientGuess("ask")
        data = self._read()
        by_id = {case.case_id: case for case in cases}
        known: dict[str, list[str]] = data["cohorts"].get(self._key(data, cohort), {})
        mine = [case_id for case_id in known.get(_hashed(number, data["salt"]), ()) if case_id in by_id]
        patients = {by_id[case_id].patient_id for case_id in mine}
        if len(patients) == 1:
            return PatientGuess("known", patients.pop(), tuple(mine))
        seen = {by_id[one].patient_id for of_patient in known.values() for one in of_patient if one in by_id}
        return PatientGuess("ask" if patients or {case.patient_id for case in cases} - seen else "new")

    def remember(self, cohort: Path, case_id: str, number: str) -> None:
        """Keep that a case of a cohort is of the patient with a number; nothing where the number is not known.

        Raises:
            InputError: the file of the known patients is damaged.
            HCCAssistError: the disk is full or not writable.
        """
        self.remember_all(cohort, {case_id: number})

    def remember_all(self, cohort: Path, numbers: Mapping[str, str]) -> None:
        """The same of several cases, by their ids."""
        numbers = {case_id: number for case_id, number in numbers.items() if number}
        if not numbers:
            return
        data = self._read()
        with stored("Which patient the case is of"):
            _mark(cohort)
            known = data["cohorts"].setdefault(self._key(data, cohort), {})
            for case_id, number in numbers.items():
                for of_patient in known.values():
                    if case_id in of_patient:
                        of_patient.remove(case_id)
                known.setdefault(_hashed(number, data["salt"]), []).append(case_id)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, data)
            with suppress(OSError):  # a disk without rights for each person
                self._path.chmod(0o600)

    def _read(self) -> dict[str, Any]:
        try:
            data: dict[str, Any] = parse_json(self._path.read_bytes())
            if data["format"] != FORMAT or not isinstance(data["cohorts"], dict) or not bytes.fromhex(data["salt"]):
                raise ValueError
        except FileNotFoundError:
            return {"format": FORMAT, "salt": secrets.token_hex(32), "cohorts": {}}
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = "the list of the patients that are known on this computer is damaged"
            raise InputError(what, FILE, f"delete {self._path.parent.name}/{FILE} in HCCAssist's own data") from error
        return data

    def _key(self, data: dict[str, Any], cohort: Path) -> str:
        """A cohort by its mark and its place: a copy elsewhere goes its own way."""
        with suppress(OSError):
            mark = (cohort / MARK).read_text(encoding="ascii", errors="replace").strip()
            return hashlib.sha256(f"{data['salt']}{mark}{cohort.resolve()}".encode()).hexdigest()
        return ""


def _mark(cohort: Path) -> None:
    if not (cohort / MARK).exists():
        (cohort / MARK).write_text(secrets.token_hex(16) + "\n", encoding="ascii")


@lru_cache(maxsize=64)
def _hashed(number: str, salt: str) -> str:
    """About 30 ms each, so that not all numbers are tried in a moment."""
    plain = number.strip().casefold().encode()
    return hashlib.scrypt(plain, salt=bytes.fromhex(salt), n=2**13, r=8, p=1).hex()
