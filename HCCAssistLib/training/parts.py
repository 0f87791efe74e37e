"""Who trains and who validates, looked at by the table alone: before any image is read."""

from __future__ import annotations

from pathlib import Path

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.splits import folds as patient_folds
from HCCAssistLib.cohort.splits import split_patients
from HCCAssistLib.errors import InputError

CLASSES = ("0", "1")


def scratch_of(out: Path) -> Path:
    """The folder in which a training into ``out`` keeps its checkpoints until it is done."""
    return out.with_name(f"{out.name}.training")


def lock_of(out: Path) -> Path:
    """The lock of a training into ``out``."""
    return scratch_of(out) / "lock"


def check_parts(cohort: Cohort, label: str, *, folds: int, seed: int) -> None:
    """Refuse a cohort whose patients do not fill the folds or the splits.

    A table with other faults passes: they are all listed together when the whole cohort is checked.

    Args:
        cohort: as read.
        label: its column of the label.
        folds: 1 for the split of the table, or the one that the seed draws.
        seed: of the training.

    Raises:
        InputError: fewer patients of a label than folds, or no positive case for training or validation.
    """
    unlabelled = any(case.values.get(label) not in CLASSES for case in cohort.cases)
    placed = {(case.patient_id, case.split) for case in cohort.cases if case.split}
    torn = len(placed) > len({patient for patient, _ in placed})
    if cohort.table_problems or unlabelled or torn:
        return
    if folds > 1:
        patient_folds(cohort, folds, seed=seed, label_column=label)
        return
    splits = split_patients(cohort, seed=seed, label_column=label)
    for split, use in (("train", "training"), ("validation", "validation")):
        if not any(splits[case.case_id] == split and case.values[label] == "1" for case in cohort.cases):
            raise InputError(
                f"no case for {use} is positive ({label} 1)",
                "cohort.csv",
                "add cases, or change the column split so that both classes occur in each part",
            )
