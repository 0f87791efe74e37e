"""Flow and characteristics of a cohort, from its table alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from HCCAssistLib.cohort.case import SPLITS, Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.columns import has_few_levels, listed, read_column
from HCCAssistLib.evaluation.baseline_table import BaselineTable, baseline_table
from HCCAssistLib.evaluation.flow import Flow, Stage
from HCCAssistLib.labels import Classes, Label, TimeToEvent, Variable

_STRUCTURE = ("case_id", "patient_id", "split", "reader", "consensus")
_SETS = {"train": "training"}
"""What a paper calls a split whose name in the table is a verb."""


def cohort_flow(
    cohort: Cohort,
    evaluated: Collection[str],
    *,
    label: Label | None,
    left_out: Mapping[str, str] | None = None,
    not_trained: Mapping[str, str] | None = None,
) -> Flow:
    """From the cases of the table to those that are evaluated, with the reason why the others are not.

    Args:
        cohort: all cases.
        evaluated: ids of the evaluated cases.
        label: that the recipe learns; the evaluated cases are divided by its classes where each case has one of them.
        left_out: why a case that was to be evaluated was not, by case id.
        not_trained: why a case for training was left out of it, by case id.
    """
    failed, unfit = left_out or {}, not_trained or {}
    elsewhere = Counter(
        f"left out of the training: {unfit[case.case_id]}"
        if case.case_id in unfit
        else f"in the {_SETS.get(case.split, case.split)} set"
        if case.split
        else "not set aside for testing"
        for case in cohort.cases
        if case.case_id not in evaluated and case.case_id not in failed
    )
    reasons = Counter(f"left out: {why}" for why in failed.values())
    stages = [Stage("in the table", len(cohort.cases), elsewhere=elsewhere)] if elsewhere else []
    stages += [Stage("to be evaluated", len(evaluated) + len(failed), reasons)] if failed else []
    stages.append(Stage("evaluated", len(evaluated)))
    parts: dict[str, int] = {}
    if isinstance(label, Classes) and label.of == "case":
        codes = [label.code_of(case.values.get(label.column, "")) for case in cohort.cases if case.case_id in evaluated]
        if codes and "" not in codes:
            parts = {name: codes.count(code) for code, name in label.names.items()}
    return Flow("case", tuple(stages), parts)


def cohort_table(
    cohort: Cohort, evaluated: Collection[str], *, label: Label | None = None, variables: Sequence[Variable] = ()
) -> BaselineTable | None:
    """Characteristics of the cases by split, or by whether they are evaluated where the table names no split.

    Columns that may identify a patient stay out: texts with many different values. Cells of a column of numbers that
    are none count as missing and are named in the table's note. The groups are not compared by tests: the splits of one
    cohort differ by chance or by design, and a P value says nothing about either. None where nothing is left.

    Args:
        cohort: all cases.
        evaluated: ids of the evaluated cases.
        label: that the recipe learns; its columns and those of ``variables`` go by their titles.
        variables: that the recipe reads.
    """
    titles, choices = _titles(label, variables), {one.column: one.choices for one in variables}
    groups = _groups(cohort, evaluated)
    described: dict[str, dict[str, list[float | str | None]]] = {group: {} for group in groups}
    counted, remarks = [], []
    for name in dict.fromkeys(name for case in cohort.cases for name in case.values if name not in _STRUCTURE):
        column = read_column(cohort.cases, name)
        values: Mapping[str, float | str | None] = column.texts if column.numbers is None else column.numbers
        known = {value for value in values.values() if value is not None}
        if not known or (column.numbers is None and not has_few_levels(column.texts.values(), len(cohort.cases))):
            continue
        if column.numbers is not None and known <= {0.0, 1.0}:
            counted.append(titles.get(name, name))
        if column.unread:
            remarks.append(f"{titles.get(name, name)}: left out as no numbers are {listed(column.unread)}")
        for group, cases in groups.items():
            of_cases = [values[case.case_id] for case in cases]
            named = choices.get(name, {})
            described[group][titles.get(name, name)] = [
                named.get(value, value) if isinstance(value, float) else value for value in of_cases
            ]
    if not any(described.values()):
        return None
    return replace(baseline_table(described, unit="case", categorical=counted, compare=False), remarks=tuple(remarks))


def _titles(label: Label | None, variables: Sequence[Variable]) -> dict[str, str]:
    """Of columns as people know them."""
    titles = {one.column: f"{one.title} ({one.unit})" if one.unit else one.title for one in variables}
    return titles | ({label.time: "follow-up (months)"} if isinstance(label, TimeToEvent) else {})


def _groups(cohort: Cohort, evaluated: Collection[str]) -> dict[str, list[Case]]:
    """Cases by split, in the order training, validation, test; those without one by whether they are evaluated."""
    groups: dict[str, list[Case]] = {}
    for case in sorted(cohort.cases, key=lambda case: SPLITS.index(case.split) if case.split in SPLITS else 0):
        group = case.split or ("evaluated" if case.case_id in evaluated else "not evaluated")
        groups.setdefault(group, []).append(case)
    return groups
