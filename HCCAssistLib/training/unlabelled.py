"""The cases of a cohort that have no label yet, and the labels of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.wording import plural

TESTED = "{n} unlabelled {cases} of the split test {are} left out: a test set that a model chose from says little of it"


def labels_in(cohort: Cohort, package: ModelPackage) -> dict[str, tuple[str, ...]]:
    """The label of each case, or of each of its findings in the order in which a study lists them; ``""`` of none.

    What cannot be read has no label: it is told when the case is scored.
    """
    spec = cohort_spec(package.recipe, package.card.options)
    return {case.case_id: _labels(case, spec) for case in cohort.cases}


def unlabelled(cohort: Cohort, labels: Mapping[str, Sequence[str]]) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """The cases to rank, and what is said of others.

    Raises:
        InputError: every case has a label.
    """
    without = [case for case in cohort.cases if "" in labels[case.case_id]]
    n = sum(case.split == "test" for case in without)
    told = [Problem("WARN", TESTED.format(n=n, cases=plural("case", n), are="is" if n == 1 else "are"), TABLE)] * bool(
        n
    )
    chosen = tuple(case for case in without if case.split != "test")
    if not chosen:
        remedy = "add cases without a label; a model of another method reads other labels"
        raise InputError([*told, Problem("STOP", "no case is without a label", TABLE, remedy)])
    return chosen, tuple(told)


def _labels(case: Case, spec: CohortSpec) -> tuple[str, ...]:
    if classes := spec.finding_classes:
        marks = [need for need in spec.inputs if need.of_lesions]
        found = read_case(case, marks, classes).findings
        return tuple(one.subclass or one.code for each in found.values() for one in each) or ("",)
    if of_case := spec.classes:
        return (of_case.code_of(case.values.get(of_case.column, "")),)
    try:
        return (spec.stratum(case),)
    except InputError:
        return ("",)
