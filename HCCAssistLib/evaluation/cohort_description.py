"""Flow and characteristics of a cohort, from its table alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from HCCAssistLib.cohort.cohort import Case, Cohort
from HCCAssistLib.evaluation.baseline_table import BaselineTable, baseline_table
from HCCAssistLib.evaluation.flow import Flow, Stage

_STRUCTURE = ("case_id", "patient_id", "split")
MOST_LEVELS = 6
"""A text column with more different values is no characteristic: it may be a name, a date or a remark."""


def cohort_flow(
    cohort: Cohort, evaluated: Collection[str], *, label: str, left_out: Mapping[str, str] | None = None
) -> Flow:
    """From the cases of the table to those that are evaluated, with the reason why the others are not.

    Args:
        cohort: all cases.
        evaluated: ids of the evaluated cases.
        label: column of the table with the truth, ``"1"`` for positive.
        left_out: why a case that was to be evaluated was not, by case id.
    """
    failed = left_out or {}
    excluded: dict[str, int] = {}
    for case in cohort.cases:
        if case.case_id not in evaluated and case.case_id not in failed:
            reason = f"of the split {case.split}" if case.split else "not set aside for testing"
            excluded[reason] = excluded.get(reason, 0) + 1
    chosen = Stage(
        "to be evaluated", len(evaluated) + len(failed), Counter(f"left out: {why}" for why in failed.values())
    )
    stages = [Stage("in the table", len(cohort.cases), excluded), *([chosen] if failed else [])]
    stages.append(Stage("evaluated", len(evaluated)))
    labels = [case.values.get(label, "") for case in cohort.cases if case.case_id in evaluated]
    parts = {f"{label} positive": labels.count("1"), f"{label} negative": labels.count("0")}
    return Flow("case", tuple(stages if excluded else stages[1:]), parts if sum(parts.values()) == len(labels) else {})


def cohort_table(cohort: Cohort, evaluated: Collection[str]) -> BaselineTable | None:
    """Characteristics of the cases by split, or by whether they are evaluated where the table names no split.

    Columns that may identify a patient stay out: texts with many different values. None where nothing is left.
    """
    groups: dict[str, list[Case]] = {}
    for case in cohort.cases:
        group = case.split or ("evaluated" if case.case_id in evaluated else "not evaluated")
        groups.setdefault(group, []).append(case)
    columns = dict.fromkeys(name for case in cohort.cases for name in case.values if name not in _STRUCTURE)
    described: dict[str, dict[str, list[float | str | None]]] = {group: {} for group in groups}
    counted = []
    for column in columns:
        cells = {group: [case.values.get(column, "").strip() for case in cases] for group, cases in groups.items()}
        known = {cell for of_group in cells.values() for cell in of_group if cell not in ("", "NA")}
        numbers = {cell: number for cell in known if (number := _number(cell)) is not None}
        is_text = len(numbers) < len(known)
        few = len(known) <= min(MOST_LEVELS, len(cohort.cases) / 2)
        if not known or (is_text and not few):
            continue
        if not is_text and known <= {"0", "1", "0.0", "1.0"}:
            counted.append(column)
        for group, of_group in cells.items():
            described[group][column] = [
                None if cell in ("", "NA") else cell if is_text else numbers[cell] for cell in of_group
            ]
    if not next(iter(described.values()), None):
        return None
    return baseline_table(described, unit="case", categorical=counted)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
