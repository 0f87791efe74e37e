"""Who trains and who validates, looked at by the table alone: before any image is read."""

from __future__ import annotations

from pathlib import Path

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.label_checks import label_problems
from HCCAssistLib.cohort.splits import folds as patient_folds
from HCCAssistLib.cohort.splits import split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.errors import InputError


def scratch_of(out: Path) -> Path:
    """The folder in which a training into ``out`` keeps its checkpoints until it is done."""
    return out.with_name(f"{out.name}.training")


def lock_of(out: Path) -> Path:
    """The lock of a training into ``out``."""
    return scratch_of(out) / "lock"


def check_parts(cohort: Cohort, spec: CohortSpec, *, folds: int, seed: int) -> None:
    """Refuse a cohort whose patients do not fill the folds or the splits.

    A table with other faults passes: they are all listed together when the whole cohort is checked.

    Args:
        cohort: as read.
        spec: what the method asks of it.
        folds: 1 for the split of the table, or the one that the seed draws.
        seed: of the training.

    Raises:
        InputError: fewer patients of a class than folds, or of two classes one that no case for training or validation
            has.
    """
    placed = {(case.patient_id, case.split) for case in cohort.cases if case.split}
    torn = len(placed) > len({patient for patient, _ in placed})
    if cohort.table_problems or torn or any(label_problems(cohort, spec)):
        return
    groups = strata(cohort, spec)
    if folds > 1:
        patient_folds(cohort, folds, groups, seed=seed)
        return
    classes = spec.classes
    if classes is None or len(classes.codes) > 2:
        return
    splits, last = split_patients(cohort, groups, fractions=spec.split, seed=seed), classes.codes[-1]
    for split, use in (("train", "training"), ("validation", "validation")):
        if not any(splits[case.case_id] == split and groups.of[case.case_id] == last for case in cohort.cases):
            raise InputError(
                f"no case for {use} is positive ({classes.column} {last})",
                "cohort.csv",
                "add cases, or change the column split so that both classes occur in each part",
            )
