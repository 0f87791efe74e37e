"""Who trains, who chooses the cut-off and who tests: drawn by patient, balanced by class, fixed by a seed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace

from HCCAssistLib.cohort.case import SPLITS, TABLE
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.strata import Strata
from HCCAssistLib.errors import InputError, Problem


def split_patients(
    cohort: Cohort, groups: Strata, *, fractions: tuple[float, float, float], seed: int
) -> dict[str, str]:
    """A split for every case, by case id.

    Patients that have a split in the table keep it. The others are drawn so that every split holds its share of
    each group, and at least one patient of each group where there are three. A patient's place depends on the seed
    and on the cohort, not on the order of the table.

    Args:
        cohort: its cases carry patient and split.
        groups: to balance; a patient counts for the highest of the cases' groups.
        fractions: shares of training, validation and test; only their ratio counts.
        seed: another seed draws another split.

    Raises:
        InputError: a patient in two splits.
        ValueError: fractions that are not three shares.
    """
    if len(fractions) != 3 or min(fractions) < 0 or sum(fractions) <= 0:
        raise ValueError(f"fractions are three shares, not {fractions}")
    fixed = _fixed_splits(cohort)
    assigned: dict[str, str] = dict(fixed)
    for patients in _patients_of(cohort, groups, seed).values():
        count = {split: sum(fixed.get(patient) == split for patient in patients) for split in SPLITS}
        free = [patient for patient in patients if patient not in fixed]
        shares = _shares(len(free), dict(zip(SPLITS, fractions, strict=True)), count)
        names = [split for split in SPLITS for _ in range(shares[split])]
        assigned.update(zip(free, names, strict=True))
    return {case.case_id: assigned[case.patient_id] for case in cohort.cases}


def training_part(cohort: Cohort, share: float, groups: Strata, *, seed: int) -> Cohort:
    """The cohort with a share of its patients for training, of each group alike; nobody else is touched.

    Parts are nested: a larger share of the same seed holds all patients of a smaller one.

    Args:
        cohort: every case has its split.
        share: of the training patients, above 0 to 1; each group keeps one at least.
        groups: to balance.
        seed: another seed draws other patients.
    """
    training = replace(cohort, cases=tuple(case for case in cohort.cases if case.split == "train"))
    kept = {
        patient
        for members in _patients_of(training, groups, seed).values()
        for patient in members[: max(1, round(share * len(members)))]
    }
    return replace(cohort, cases=tuple(c for c in cohort.cases if c.split != "train" or c.patient_id in kept))


def own_table(cohort: Cohort) -> str:
    """What tells the table whose splits are all drawn: sha256 of its case ids; empty where it names a split."""
    if any(case.split for case in cohort.cases):
        return ""
    return hashlib.sha256("\n".join(sorted(case.case_id for case in cohort.cases)).encode()).hexdigest()


def folds(cohort: Cohort, k: int, groups: Strata, *, seed: int) -> dict[str, int]:
    """For cross-validation: the fold, 0 to ``k - 1``, in which each case is held out, by case id.

    Cases of patients whose split is ``"test"`` in the table belong to no fold and are left out; other splits of the
    table are overruled.

    Args:
        cohort: its cases carry patient and split.
        k: how many folds.
        groups: to balance; a patient counts for the highest of the cases' groups.
        seed: another seed draws other folds.

    Raises:
        InputError: fewer patients of a class than folds, or a patient in two splits.
        ValueError: fewer than two folds.
    """
    if k < 2:
        raise ValueError(f"cross-validation needs two folds or more, not {k}")
    test = {patient for patient, split in _fixed_splits(cohort).items() if split == "test"}
    fold_of: dict[str, int] = {}
    for group, members in _patients_of(cohort, groups, seed).items():
        patients = [patient for patient in members if patient not in test]
        if len(patients) < k and groups.must_fill_folds(group):
            what = f"{len(patients)} patients with {groups.what} {group} do not fill {k} folds"
            raise InputError(what, TABLE, "use fewer folds or add patients")
        # The dealing goes on where the last group stopped, so that folds differ by one patient at most.
        fold_of |= {patient: (len(fold_of) + n) % k for n, patient in enumerate(patients)}
    return {case.case_id: fold_of[case.patient_id] for case in cohort.cases if case.patient_id not in test}


def _fixed_splits(cohort: Cohort) -> dict[str, str]:
    """The split of every patient that has one in the table; patients in two are refused."""
    named: dict[str, set[str]] = defaultdict(set)
    for case in cohort.cases:
        if case.split:
            named[case.patient_id].add(case.split)
    torn = [patient for patient, splits in named.items() if len(splits) > 1]
    if torn:
        raise InputError(
            Problem("STOP", f"the patient is in {' and '.join(sorted(named[p]))}", f"patient {p}", "keep each in one")
            for p in torn
        )
    return {patient: splits.pop() for patient, splits in named.items()}


def _patients_of(cohort: Cohort, groups: Strata, seed: int) -> dict[str, list[str]]:
    """Patients of each group in the order that the seed draws."""
    group: dict[str, str] = {}
    for case in cohort.cases:
        group[case.patient_id] = max(group.get(case.patient_id, ""), groups.of[case.case_id])
    members: dict[str, list[str]] = defaultdict(list)
    # A hash instead of a generator's shuffle: the same on every system and in every version of every library.
    for patient in sorted(group, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()):
        members[group[patient]].append(patient)
    return dict(sorted(members.items()))


def _shares(free: int, weight: dict[str, float], count: dict[str, int]) -> dict[str, int]:
    """How many of the free patients go where, so that the counts come closest to the weights.

    Splits that hold more than their share already get none; the others share the rest by their weights.
    """
    target = dict.fromkeys(weight, 0.0)
    open_splits = [split for split in weight if weight[split] > 0]
    while open_splits:
        rest = free + sum(count[split] for split in open_splits)
        target |= {s: rest * weight[s] / sum(weight[o] for o in open_splits) for s in open_splits}
        full = [split for split in open_splits if count[split] > target[split]]
        if not full:
            break
        target |= dict.fromkeys(full, 0.0)
        open_splits = [split for split in open_splits if split not in full]
    shares = dict.fromkeys(weight, 0)
    for _ in range(free):
        emptiest = max(target, key=lambda split: target[split] - count[split] - shares[split])
        shares[emptiest] += 1
    for split in weight:
        fullest = max(shares, key=lambda name: shares[name])
        if weight[split] > 0 and count[split] + shares[split] == 0 and shares[fullest] > 1:
            shares[split], shares[fullest] = 1, shares[fullest] - 1
    return shares
