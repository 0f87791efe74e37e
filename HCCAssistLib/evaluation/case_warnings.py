"""Warnings of many cases, each named once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.errors import Problem
from HCCAssistLib.wording import plural

CASES_NAMED = 5


def once(found: Iterable[tuple[str, Problem]]) -> list[Problem]:
    """Warnings of cases, each with the case's id: what is true of several cases is one warning that names them."""
    groups: dict[str, dict[str, Problem]] = {}
    for case_id, problem in found:
        groups.setdefault(problem.what, {}).setdefault(case_id, problem)
    once = []
    for of in groups.values():
        case_id, first = next(iter(of.items()))
        named = len(of) == 1 and case_id in first.where
        once.append(first if named else replace(first, where=_named(list(of))))
    return once


def several_cases(patients: Iterable[str], remedy: str) -> tuple[Problem, ...]:
    """The warning that a patient counts more than once, where one does.

    Args:
        patients: of each case.
        remedy: what to do about it.
    """
    several = [name for name, count in Counter(patients).items() if count > 1]
    if not several:
        return ()
    what = f"{len(several)} {plural('patient', len(several))} with several cases: each case counts as a patient"
    return (Problem("WARN", what, TABLE, remedy),)


def _named(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - CASES_NAMED} more" if len(cases) > CASES_NAMED else ""
    return f"case{'s' if len(cases) > 1 else ''} {', '.join(cases[:CASES_NAMED])}{more}"
