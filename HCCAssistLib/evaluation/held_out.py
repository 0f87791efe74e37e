"""Which cases a model is evaluated on, and which of them can be: the same checks as before a training.

The whole cohort is read, since a test scan that is among the training scans of the table is found only by comparing
them. Beyond that, what is wrong with a case that is not evaluated does not stop the evaluation of the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.case_files import Check
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.fingerprints import fingerprint, same_scan
from HCCAssistLib.cohort.splits import own_table, split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.cohort.synthetic import is_synthetic, unclear
from HCCAssistLib.cohort.validation import validate
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.image import Image

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


def hold_out(cohort: Cohort, spec: CohortSpec, training: Mapping[str, Any], *, check: Check | None = None) -> HeldOut:
    """The cases that a model was not trained on, with their files and labels checked.

    Args:
        cohort: read with ``tolerant=True``, so that faulty rows are listed too.
        spec: what the method asks of it.
        training: the record of the model's training, as its card keeps it.
        check: what the method asks of a case beyond its files.

    Raises:
        InputError: no case is to be evaluated or none of them can be, or what is wrong concerns the whole cohort: its
            table, a patient in two splits, a scan that is both tested and trained on.
    """
    chosen, doubts = unseen_cases(cohort, spec, training)
    wanted = {case.case_id for case in chosen}
    # what is evaluated is held against the demands on test cases, whether or not the table calls it so
    marked = tuple(replace(case, split="test") if case.case_id in wanted else case for case in cohort.cases)
    found = validate(replace(cohort, cases=marked), spec, only=wanted, check=check, workers=os.cpu_count() or 1)
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


def unseen_cases(
    cohort: Cohort, spec: CohortSpec, training: Mapping[str, Any]
) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """The cases to evaluate on: the split ``test``; where the table names no split, those that training had set aside.

    Where that is not known either, all cases, with a warning.

    Raises:
        InputError: there are none.
    """
    if any(case.split for case in cohort.cases):
        cases = cohort.of_split("test")
        if not cases:
            raise InputError("no case belongs to the split test", TABLE, "mark the held-out cases as test")
        return cases, ()
    if training.get("splits_drawn_from") == own_table(cohort):
        try:
            seed = int(training.get("seed", 0))
            drawn = split_patients(cohort, strata(cohort, spec), fractions=spec.split, seed=seed)
        except InputError:  # a label is missing now
            drawn = {}
        if "test" in drawn.values():
            what = "the table names no split; the test cases are those that training with the same seed had set aside"
            return tuple(c for c in cohort.cases if drawn[c.case_id] == "test"), (Problem("WARN", what, TABLE),)
    what = "the table names no split; all cases are evaluated"
    return cohort.cases, (Problem("WARN", what, TABLE, "check that none of the patients was trained on"),)


def refuse_seen(case_id: str, volumes: Iterable[Image], training: Mapping[str, Any]) -> None:
    """Stop on an image that a model was trained on: its figures would be worth nothing.

    Args:
        case_id: pseudonym.
        volumes: of the case.
        training: the record of the model's training.

    Raises:
        InputError: one of the images is among those of the training, however it is stored now.
    """
    known = [tuple(one) for one in training.get("image_fingerprints", ())]
    for image in volumes:
        own = fingerprint(image)
        if image.digest() in training.get("image_digests", ()) or any(same_scan(own, one) for one in known):
            raise InputError(
                "the model was trained on this image",
                f"case {case_id}",
                "evaluate on other patients, or mark the case as train in cohort.csv",
            )


def _phantoms(cases: Sequence[Case]) -> tuple[Problem, ...]:
    """The warning that figures rest on synthetic cases; a cell that does not tell them from patients is named."""
    doubtful = unclear(cases)
    known = [case for case in cases if case.case_id not in {problem.case_id for problem in doubtful}]
    n = sum(is_synthetic(case) for case in known)
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
