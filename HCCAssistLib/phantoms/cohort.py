"""A synthetic cohort on disk: the cases of one method's phantoms, with table, splits and truth.

The phantoms of a method live in ``HCCAssistLib.phantoms.<package>``, the package of the recipe: ``cases.py`` with
``PHANTOMS``, an object of the class ``Phantoms`` here, and ``sample.py`` with ``make_sample`` and ``remove_sample``.
``demo.py`` says what the command's demo shows of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from HCCAssistLib.cohort.case import CASES, Case
from HCCAssistLib.cohort.cohort import Cohort, write_cohort_table
from HCCAssistLib.cohort.splits import split_patients
from HCCAssistLib.cohort.strata import Strata
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_folder, stored
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.parallel import side_by_side
from HCCAssistLib.phantoms.liver.implant import Background
from HCCAssistLib.phantoms.liver.scene import SCANNERS, FieldOfView

Row = Mapping[str, object]
"""Columns of the table with the values of one case: label and clinical values."""

WORTH_PROCESSES = 4
"""So many cases are made side by side."""


class WriteCase(Protocol):
    """Makes one case and writes it, ``truth.json`` included, into a folder that is not there yet."""

    def __call__(  # noqa: D102
        self, folder: Path, seed: tuple[int, int], row: Row, *, background: Background | None, field: FieldOfView,
        scanner: str,
    ) -> None: ...  # fmt: skip


@dataclass(frozen=True, slots=True)
class Phantoms:
    """The phantoms of one method.

    Attributes:
        prefix: of the cases' ids.
        row: label and clinical values of a case, from the seed of the cohort and the number of the case. The first
            cases hold every class, so that small cohorts can be used.
        stratum: the group of a case that splits keep in balance, from its row.
        write: makes and writes a case; a function of a module, so that another process can call it.
        split: patients to train, to validate and to test.
        unseen: as ``row``, of a case with lesions of kinds that the method has no label for; None where there are none.
        own_background: why they cannot be put into a real CT; ``""`` where they can.
    """

    prefix: str
    row: Callable[[int, int], Row]
    stratum: Callable[[Row], str]
    write: WriteCase
    split: tuple[float, float, float]
    unseen: Callable[[int, int], Row] | None = None
    own_background: str = ""

    def check_background(self) -> None:
        """Refuse a real CT, before any work, where it cannot be used.

        Raises:
            InputError: why it cannot.
        """
        if self.own_background:
            raise InputError(self.own_background, remedy="leave out the background")


def phantoms_of(package: str) -> Phantoms:
    """The phantoms of a recipe, by its package ``"HCCAssistLib.recipes.<package>"``."""
    module = importlib.import_module(f"HCCAssistLib.phantoms.{package.rpartition('.')[2]}.cases")
    found: Phantoms = module.PHANTOMS
    return found


def write_cohort(
    phantoms: Phantoms,
    out: Path,
    *,
    cases: int,
    seed: int = 0,
    background: Image | None = None,
    field: FieldOfView = "abdomen",
    scanner: str = "internal",
    unseen: bool = False,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write a synthetic cohort, whole or not at all; a case depends on the seed and on its number only.

    Args:
        phantoms: of the method.
        out: new or empty folder.
        cases: how many.
        seed: another seed draws other patients.
        background: a real CT to put the lesions into. Its cases are one patient, so they all belong to the test set.
        field: the whole abdomen, or cut to the liver, which is twice as fast.
        scanner: one of ``SCANNERS``. Cases of another scanner than that of the training all belong to the test set.
        unseen: lesions of kinds that the method has no label for, unlabelled, all for testing.
        workers: processes that make cases side by side; a real CT is worked on by one.
        progress: called with how much is done, 0 to 1.

    Raises:
        InputError: no cases asked for, the folder holds something, or the background cannot be used: these phantoms
            need their own, or no liver can be found in it.
        HCCAssistError: the disk is full or the folder not writable.
    """
    out = Path(out)
    _refuse(phantoms, out, cases, seed, scanner, background)
    real = None if background is None else Background(background)
    if unseen and phantoms.unseen is None:
        raise InputError("these phantoms have no lesions of unseen kinds", remedy="leave out the option")
    draw = phantoms.unseen if unseen and phantoms.unseen else phantoms.row
    rows = {f"{phantoms.prefix}-{number + 1:04d}": draw(seed, number) for number in range(cases)}
    held_out = real is not None or scanner != "internal" or unseen
    splits = dict.fromkeys(rows, "test") if held_out else _splits(phantoms, rows, seed)
    with stored(f"the cohort {out.name}"), atomic_folder(out) as part:
        jobs = [
            _Job(phantoms, part / CASES / case_id, (seed, number), dict(row), real, field, scanner)
            for number, (case_id, row) in enumerate(rows.items())
        ]
        side = workers if real is None and len(jobs) >= WORTH_PROCESSES else 1
        with closing(side_by_side(_make, jobs, side)) as made:
            for done, _ in enumerate(made, start=1):
                if progress is not None:
                    progress(done / cases)
        write_cohort_table(
            part,
            [
                {
                    "case_id": case_id,
                    "patient_id": real.label if real else case_id,
                    "split": splits[case_id],
                    **row,
                    "synthetic": 1,
                    "background": real.label if real else "",
                    **({"scanner": scanner} if scanner != "internal" else {}),
                }
                for case_id, row in rows.items()
            ],
        )


def _refuse(phantoms: Phantoms, out: Path, cases: int, seed: int, scanner: str, background: Image | None) -> None:
    if cases < 1:
        raise InputError(f"{cases} cases cannot be made", remedy="ask for one or more")
    if seed < 0:
        raise InputError(f"the seed {seed} is negative", remedy="use 0 or a positive number")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError("there is something already", out.name, "give a new or an empty folder")
    if scanner not in SCANNERS:
        raise InputError(f"there is no scanner {scanner!r}", remedy=f"choose from {', '.join(SCANNERS)}")
    if background is not None:
        phantoms.check_background()
    if background is not None and scanner != "internal":
        raise InputError("a real CT comes from its own scanner", remedy="leave out the scanner or the background")


def _splits(phantoms: Phantoms, rows: Mapping[str, Row], seed: int) -> dict[str, str]:
    table = Cohort(None, tuple(Case(case_id, case_id, "", {}, Path()) for case_id in rows))
    groups = Strata("label", {case_id: phantoms.stratum(row) for case_id, row in rows.items()})
    return split_patients(table, groups, fractions=phantoms.split, seed=seed)


class _Job(NamedTuple):
    phantoms: Phantoms
    folder: Path
    seed: tuple[int, int]
    row: Row
    background: Background | None
    field: FieldOfView
    scanner: str


def _make(job: _Job) -> None:
    job.phantoms.write(job.folder, job.seed, job.row, background=job.background, field=job.field, scanner=job.scanner)
