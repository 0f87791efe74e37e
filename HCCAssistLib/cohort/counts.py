"""How many cases, patients, labels and splits a cohort has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from HCCAssistLib.cohort.case import SPLITS, Case
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.errors import InputError


def counts(cohort: Cohort, spec: CohortSpec, codes: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """The sizes of a cohort.

    Args:
        cohort: as read.
        spec: what the method asks of it.
        codes: the classes of the findings of each case, where they are known.

    Returns:
        ``cases`` and ``patients``; ``labels`` and ``splits`` by name, ``""`` for those without one.
    """
    labels = Counter(label for case in cohort.cases for label in _labels(case, spec, codes or {}))
    splits = Counter(case.split for case in cohort.cases)
    return {
        "cases": len(cohort.cases),
        "patients": len({case.patient_id for case in cohort.cases}),
        "labels": {name: labels[name] for name in sorted(labels)},
        "splits": {name: splits[name] for name in (*SPLITS, "") if splits[name]},
    }


def _labels(case: Case, spec: CohortSpec, codes: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """What a case counts for: its class, whether the event came early, or the classes of its findings."""
    if spec.finding_classes:
        return codes.get(case.case_id) or ("",)
    if spec.classes:
        cell = case.values.get(spec.classes.column, "")
        return ("" if is_missing(cell) else cell,)
    try:
        return ({"1": "early", "0": "not early"}.get(group := spec.stratum(case), group),)
    except InputError:
        return ("",)
