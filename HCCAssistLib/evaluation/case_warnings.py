"""Warnings of many cases, each named once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from HCCAssistLib.errors import Problem

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


def _named(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - CASES_NAMED} more" if len(cases) > CASES_NAMED else ""
    return f"case{'s' if len(cases) > 1 else ''} {', '.join(cases[:CASES_NAMED])}{more}"
