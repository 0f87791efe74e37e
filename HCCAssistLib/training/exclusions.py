"""Cases that no person did wrong and that cannot be used all the same: left out of a training, counted and named.

A registration fails in some patients of every cohort. One of them must not stop the training on all others, and many of
them must not pass as an accident.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.strata import Strata
from HCCAssistLib.errors import Problem
from HCCAssistLib.models.card import left_out
from HCCAssistLib.wording import plural

MOST_LEFT_OUT = 0.1
"""Of the cases for training and validation: where more cannot be used, the cohort is another one than was meant."""

CLASS_WORDS = {"1": "with early event", "0": "without early event"}

Excluded = Mapping[str, str]
"""Why a case is left out, by case id."""


def exclude(
    problems: Sequence[Problem], cohort: Cohort, groups: Strata, *, folds: int
) -> tuple[tuple[Problem, ...], Excluded]:
    """Leave out the cases that have no fault but such as ``Problem.leaves_out`` names, unless they are too many.

    Args:
        problems: of the cohort; those of cases carry the case's id.
        cohort: its cases have splits.
        groups: of the cases, of which a part needs patients each.
        folds: of the training; 1 for the split of the cohort.

    Returns:
        The problems, those of cases that are left out as warnings, with a STOP where too many would be; and the
        reason for each of these cases that is not for testing.
    """
    tested = {case.case_id for case in cohort.cases if case.split == "test"}
    faulty = {p.case_id for p in problems if p.level == "STOP" and not p.leaves_out}
    out = {p.case_id: p.leaves_out for p in problems if p.level == "STOP" and p.leaves_out and p.case_id}
    out = {name: why for name, why in out.items() if name not in faulty}
    found = tuple(
        replace(
            p, level="WARN", what=f"{p.what}; the case {'is not evaluable' if p.case_id in tested else 'is left out'}"
        )
        if p.level == "STOP" and p.case_id in out
        else p
        for p in problems
    )
    of_training = {name: why for name, why in out.items() if name not in tested}
    stops = tuple(_too_many(of_training, cohort, groups, folds)) if of_training else ()
    if stops:
        return (*stops, *problems), {}
    return found, of_training


def _too_many(out: Excluded, cohort: Cohort, groups: Strata, folds: int) -> Iterable[Problem]:
    """Why the training must not go on without these cases."""
    used = [case for case in cohort.cases if case.split != "test"]
    these = left_out({"excluded": out})
    if len(out) > MOST_LEFT_OUT * len(used):
        most = f"not more than {MOST_LEFT_OUT:.0%} are left out"
        what = f"{len(out)} of {len(used)} cases for training cannot be used, and {most}: {these}"
        yield Problem("STOP", what, TABLE, "mend them, or take those that cannot be mended out of the table")
        return
    parts = ("train", "validation") if folds == 1 else ("",)
    for part in parts:
        cases = [case for case in used if part in ("", case.split)]
        where = f" for {'training' if part == 'train' else part}" if part else ""
        for group in dict.fromkeys(groups.of[case.case_id] for case in cases if case.case_id in out):
            n = len({c.patient_id for c in cases if groups.of[c.case_id] == group and c.case_id not in out})
            if groups.must_fill_folds(group) and n < folds:
                left = f"{n} {plural('patient', n)} {CLASS_WORDS.get(group, group)} would be left{where}"
                what = f"{left}, and {folds} {'is' if folds == 1 else 'are'} needed, without {these}"
                yield Problem("STOP", what, TABLE, "mend these cases, or add others")
