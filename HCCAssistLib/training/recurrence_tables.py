"""Tables of an evaluation of early recurrence: one row for each patient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from HCCAssistLib.training.recurrence import JudgedPatient, RecurrenceEvaluation, T
from HCCAssistLib.wording import rounded

PREDICTIONS = "predictions.csv"
COLUMNS = (
    "case_id", "patient_id", "follow_up_months", "event", "early_recurrence", "risk", "group", "cutoff", "decides",
)  # fmt: skip
"""Of predictions.csv, before one of each probability where there are several; ``early_recurrence`` is empty where the
follow-up does not tell."""


def outcome_text(one: JudgedPatient[T]) -> str:
    """Whether the recurrence came early, in words."""
    if one.early is None:
        return "not known"
    return "early recurrence" if one.early else "none within two years"


def case_rows(found: RecurrenceEvaluation[T]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of cases: follow-up and risk, or why a case was left out."""
    columns = ("Case", "Follow-up (months)", "Recurrence", "Early", "Risk", "Group", "Outcome")
    rows: list[tuple[str, ...]] = []
    for one in found.cases:
        right = "" if one.early is None else "right" if one.high == one.early else "wrong"
        event, risk, group = "yes" if one.event else "no", rounded(one.risk, 2), "high" if one.high else "low"
        rows.append((one.case_id, f"{one.months:g}", event, outcome_text(one), risk, group, right))
    blank = [""] * (len(columns) - 3)
    rows += [(name, "left out", *blank, problems[0].what) for name, problems in found.left_out.items()]
    return columns, rows


def prediction_columns(found: RecurrenceEvaluation[T]) -> tuple[str, ...]:
    """Of predictions.csv."""
    return (*COLUMNS, *(f"risk_{name}" for name in found.models))


def prediction_rows(found: RecurrenceEvaluation[T]) -> Iterator[tuple[Any, ...]]:
    """Rows of predictions.csv."""
    for one in found.cases:
        result = one.done.result
        early = None if one.early is None else int(one.early)
        each = (result.probabilities.get(name) for name in found.models)
        event, group = int(one.event), "high" if one.high else "low"
        yield (
            *(one.case_id, one.patient_id, one.months, event, early),
            *(one.risk, group, one.cutoff.value, result.decides, *each),
        )
