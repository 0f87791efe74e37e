"""Whether the evaluated cases are later than those that were trained on: a temporal test set."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.columns import read_column

YEAR = "year"
"""Column of cohort.csv with the year of the examination; a year alone names nobody."""


def temporal(cohort: Cohort, evaluated: Collection[str]) -> str:
    """Years of the evaluated cases and of the others, and whether the test set is a temporal one.

    Args:
        cohort: all cases of the table.
        evaluated: ids of the evaluated cases.

    Returns:
        A sentence; empty where the table tells no years, or no other cases.
    """
    if not any(case.values.get(YEAR) for case in cohort.cases):
        return ""
    years = read_column(cohort.cases, YEAR).numbers or {}
    own = [year for case_id, year in years.items() if year is not None and case_id in evaluated]
    others = [year for case_id, year in years.items() if year is not None and case_id not in evaluated]
    if not own or not others:
        return ""
    what = f"The evaluated cases are of {_span(own)}, the other cases of the table of {_span(others)}"
    if min(own) > max(others):
        return f"{what}: a temporal test set."
    return f"{what}: they overlap, so this is no temporal test set."


def _span(years: Iterable[float]) -> str:
    found = sorted(years)
    return f"{found[0]:g}" if found[0] == found[-1] else f"{found[0]:g} to {found[-1]:g}"
