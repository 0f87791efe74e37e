"""Which cases a model is evaluated on, and which of them can be: the same checks as before a training.

The whole cohort is read, since a test scan that is among the training scans of the table is found only by comparing
them. Beyond that, what is wrong with a case that is not evaluated does not stop the evaluation of the others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.splits import own_table, split_patients
from HCCAssistLib.cohort.synthetic import is_synthetic, unclear
from HCCAssistLib.cohort.validation import validate
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.registry import all_inputs
from HCCAssistLib.recipes.spec import Recipe

NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The cases of a cohort to evaluate a model on.

    Attributes:
        cohort: all cases of the table.
        cases: those that can be evaluated, in the order of the table.
        left_out: those that should be and cannot, by case id, with what is wrong.
        problems: what is doubtful.
    """

    cohort: Cohort
    cases: tuple[Case, ...]
    left_out: Mapping[str, tuple[Problem, ...]]
    problems: tuple[Problem, ...]


def hold_out(cohort: Cohort, recipe: Recipe, card: ModelCard) -> HeldOut:
    """The cases that a model was not trained on, with their files and labels checked.

    Args:
        cohort: read with ``tolerant=True``, so that faulty rows are listed too.
        recipe: what it needs of a case, and the column of the label.
        card: of the model.

    Raises:
        InputError: no case is to be evaluated or none of them can be, or what is wrong concerns the whole cohort: its
            table, a patient in two splits, a scan that is both tested and trained on.
    """
    chosen, doubts = unseen_cases(cohort, recipe, card)
    wanted = {case.case_id for case in chosen}
    # what is evaluated is held against the demands on test cases, whether or not the table calls it so
    marked = tuple(replace(case, split="test") if case.case_id in wanted else case for case in cohort.cases)
    found = validate(
        replace(cohort, cases=marked),
        recipe.inputs,
        label=recipe.label.columns[0],
        only=wanted,
        others=all_inputs(),
        check=partial(recipe.module("checks").problems, options=card.options),
        workers=os.cpu_count() or 1,
    )
    stops = [problem for problem in found if problem.level == "STOP"]
    left_out = {
        case.case_id: tuple(problem for problem in stops if problem.case_id == case.case_id)
        for case in chosen
        if any(problem.case_id == case.case_id for problem in stops)
    }
    of_these = [problem for problem in stops if problem.case_id in wanted]
    if whole := [problem for problem in stops if not problem.case_id]:
        raise InputError([*whole, *of_these])
    cases = tuple(case for case in chosen if case.case_id not in left_out)
    if not cases:
        raise InputError([*of_these, Problem("STOP", "no case is left to evaluate", TABLE)])
    others = dict.fromkeys(problem.case_id for problem in stops if problem.case_id not in wanted)
    warned = [p for p in found if p.level == "WARN" and (not p.case_id or p.case_id in wanted)]
    return HeldOut(cohort, cases, left_out, (*doubts, *warned, *_phantoms(cases), *_unread(list(others))))


def unseen_cases(cohort: Cohort, recipe: Recipe, card: ModelCard) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """The cases to evaluate on: the split ``test``, or all where the table names no split.

    Raises:
        InputError: there are none.
    """
    if any(case.split for case in cohort.cases):
        cases = cohort.of_split("test")
        if not cases:
            raise InputError("no case belongs to the split test", TABLE, "mark the held-out cases as test")
        return cases, ()
    if card.training.get("splits_drawn_from") == own_table(cohort):
        try:
            drawn = split_patients(cohort, seed=int(card.training.get("seed", 0)), label_column=recipe.label.columns[0])
        except InputError:  # a label is missing now
            drawn = {}
        if "test" in drawn.values():
            what = "the table names no split; the test cases are those that training with the same seed had set aside"
            return tuple(c for c in cohort.cases if drawn[c.case_id] == "test"), (Problem("WARN", what, TABLE),)
    what = "the table names no split; all cases are evaluated"
    return cohort.cases, (Problem("WARN", what, TABLE, "check that none of the patients was trained on"),)


def _phantoms(cases: Sequence[Case]) -> tuple[Problem, ...]:
    """The warning that figures rest on synthetic cases; a cell that does not tell them from patients is named."""
    doubtful = unclear(cases)
    told = [case for case in cases if case.case_id not in {problem.case_id for problem in doubtful}]
    n = sum(is_synthetic(case) for case in told)
    if n:
        what = f"{n} of {len(cases)} evaluated cases are synthetic; figures on them say nothing about patients"
        doubtful.append(Problem("WARN", what, TABLE))
    return tuple(replace(problem, level="WARN") for problem in doubtful)


def _unread(names: list[str]) -> tuple[Problem, ...]:
    """The warning of cases that could not be compared with those that are evaluated."""
    if not names:
        return ()
    which = ", ".join(names[:NAMES_SHOWN]) + (
        f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    )
    what = "faults of cases that are not evaluated were passed over, so their scans may not have been compared with "
    return (Problem("WARN", f"{what}the evaluated ones", f"cases {which}", "hccassist check lists the faults"),)
