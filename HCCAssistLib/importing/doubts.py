"""Who may be two people under one number, or one person under two: what a split of patients would get wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from HCCAssistLib.cohort.spelling import same_ids
from HCCAssistLib.importing.series import Series

NAMED = 3


def doubts(series: Sequence[Series], patient_of: Callable[[Series], str]) -> dict[str, list[str]]:
    """What is doubtful of each patient, by pseudonym, in words; nobody is put together with another for it.

    Args:
        series: of all patients.
        patient_of: the pseudonym of the patient that a series counts for.
    """
    found: dict[str, list[str]] = defaultdict(list)
    of_patient: dict[str, list[Series]] = defaultdict(list)
    for one in series:
        of_patient[patient_of(one)].append(one)
    for patient, own in of_patient.items():
        if not own[0].patient_id:
            found[patient].append("no PatientID: this study counts as a patient of its own")
        for what, values in (("names", {one.name for one in own}), ("birth dates", {one.born for one in own})):
            if len(values - {""}) > 1:
                found[patient].append(f"{len(values - {''})} different {what} under one patient")
    for what, groups in (
        ("same PatientID, of another issuer, as", _of_issuers(of_patient)),
        ("same PatientID as", _shared(of_patient, lambda one: one.patient_id and f"{one.patient_id} {one.issuer}")),
        ("same name and birth date as", _shared(of_patient, lambda one: one.person)),
        ("same study as", _shared(of_patient, lambda one: one.study)),
        ("same series as", _shared(of_patient, lambda one: one.series)),
        ("PatientID spelt almost like that of", _alike(of_patient)),
    ):
        others: dict[str, set[str]] = defaultdict(set)
        for group in groups:
            for patient in group:
                others[patient] |= group - {patient}
        for patient, names in others.items():
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            found[patient].append(f"{what} {', '.join(sorted(names)[:NAMED])}{more}")
    return found


def _shared(of_patient: Mapping[str, Iterable[Series]], value_of: Callable[[Series], str]) -> list[set[str]]:
    """Groups of patients who have a value in common."""
    by_value: dict[str, set[str]] = defaultdict(set)
    for patient, own in of_patient.items():
        for one in own:
            by_value[value_of(one)].add(patient)
    return [group for value, group in by_value.items() if value and len(group) > 1]


def _of_issuers(of_patient: Mapping[str, Iterable[Series]]) -> list[set[str]]:
    """Groups of patients who have the same number, of several issuers."""
    issuers: dict[str, set[str]] = defaultdict(set)
    for own in of_patient.values():
        for one in own:
            issuers[one.patient_id].add(one.issuer)
    return _shared(of_patient, lambda one: one.patient_id if len(issuers[one.patient_id]) > 1 else "")


def _alike(of_patient: Mapping[str, Sequence[Series]]) -> list[set[str]]:
    """Pairs of patients whose numbers a person or a spreadsheet would take for one."""
    by_number: dict[str, set[str]] = defaultdict(set)
    for patient, own in of_patient.items():
        if own[0].patient_id:
            by_number[own[0].patient_id].add(patient)
    return [by_number[one] | by_number[other] for one, other, _ in same_ids(by_number)]
