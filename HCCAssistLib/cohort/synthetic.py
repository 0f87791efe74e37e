"""Which cases of a cohort are synthetic, as the column ``synthetic`` of its table says."""

from __future__ import annotations

from collections.abc import Iterable

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.errors import InputError, Problem

COLUMN = "synthetic"
YES = frozenset({"1", "1.0", "yes", "y", "true", "t"})
NO = frozenset({"0", "0.0", "no", "n", "false", "f"})


def is_synthetic(case: Case) -> bool:
    """Whether a case is a phantom or holds implanted lesions; a case of which the table says nothing is a patient.

    Raises:
        InputError: the cell is neither a yes nor a no.
    """
    cell = next((cell for name, cell in case.values.items() if name.strip().lower() == COLUMN), "")
    text = cell.strip().lower()
    if text in YES or text in NO or is_missing(cell):
        return text in YES
    raise InputError(
        f"the column {COLUMN} holds {cell!r}",
        f"{TABLE}, case {case.case_id}",
        "write 1 for a synthetic case, 0 or nothing for a patient",
    )


def counted_apart(cases: Iterable[Case]) -> dict[str, int]:
    """How many patients are synthetic and how many are not, as ``{"synthetic": 120, "patients": 3}``.

    Raises:
        InputError: a cell that is neither a yes nor a no.
    """
    kinds: dict[bool, set[str]] = {True: set(), False: set()}
    for case in cases:
        kinds[is_synthetic(case)].add(case.patient_id)
    return {"synthetic": len(kinds[True]), "patients": len(kinds[False])}


def unclear(cases: Iterable[Case]) -> list[Problem]:
    """The cells that are neither a yes nor a no."""
    found: list[Problem] = []
    for case in cases:
        try:
            is_synthetic(case)
        except InputError as error:
            found += [Problem(p.level, p.what, p.where, p.remedy, case.case_id) for p in error.problems]
    return found
