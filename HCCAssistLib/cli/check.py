"""``hccassist check``: everything that is wrong with a cohort, before anything is trained on it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import Progress, say, say_json
from HCCAssistLib.cli.registering import Registering, in_words, outcomes, registers
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.counts import counts
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.recipes.registry import RECIPES, all_columns, cohort_spec, get_recipe
from HCCAssistLib.wording import plural


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("check", help="list all that is wrong with a cohort")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--recipe", choices=RECIPES, default=next(iter(RECIPES)), help="whose inputs are looked for")
    parser.add_argument(
        "--no-register", action="store_true", help="do not try the registrations of phases (seconds each)"
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Say what is wrong with the table, then read the images and say what is wrong with them; 2 where it stops."""
    recipe = get_recipe(args.recipe)
    spec, tried = cohort_spec(recipe), registers(recipe) and not args.no_register
    try:
        cohort = read_cohort(args.cohort, tolerant=True, known=all_columns())
    except InputError as error:
        if not args.json:
            raise
        return _end(counts(Cohort(None, ()), spec), error.problems)

    from HCCAssistLib.cohort.synthetic import unclear
    from HCCAssistLib.cohort.table_checks import check_table

    of_table = [*check_table(cohort, spec), *unclear(cohort.cases)]
    if not args.json:
        _show(of_table)

    from HCCAssistLib.cohort.validation import read_files  # SimpleITK and scipy, which the table does not need

    files = read_files(
        cohort,
        spec,
        check=Registering(recipe.id) if tried else recipe.module("checks").problems,
        workers=os.cpu_count() or 1,
        progress=Progress("check").part,
    )
    found = files.problems()
    problems = [*of_table, *found]
    counted = counts(cohort, spec, files.codes)
    if tried:
        counted["registration"] = outcomes(cohort.cases, recipe, problems)
        found = _without_failed(found, cohort, spec, problems)
        problems = [*of_table, *found]
    if args.json:
        return _end(counted, problems)
    _show(found)
    _summarise(counted, problems)
    return 2 if _level(problems, "STOP") else 0


def _without_failed(
    found: list[Problem], cohort: Cohort, spec: CohortSpec, problems: Sequence[Problem]
) -> list[Problem]:
    """The problems of the files as a training takes them, which leaves out a few cases whose registration fails."""
    from HCCAssistLib.cohort.splits import split_patients
    from HCCAssistLib.cohort.strata import strata
    from HCCAssistLib.training.exclusions import exclude

    if any(problem.level == "STOP" and not problem.leaves_out for problem in problems):
        return found
    groups = strata(cohort, spec)
    splits = split_patients(cohort, groups, fractions=spec.split, seed=0)
    divided = replace(cohort, cases=tuple(replace(case, split=splits[case.case_id]) for case in cohort.cases))
    return list(exclude(found, divided, groups, folds=1)[0])


def _end(counted: dict[str, Any], problems: Sequence[Problem]) -> int:
    """The one JSON object, and the exit status."""
    say_json({**counted, "problems": [asdict(problem) for problem in problems]})
    return 2 if _level(problems, "STOP") else 0


def _show(problems: Iterable[Problem]) -> None:
    """One line each, the cohort's first and then those of each case, the stops before the warnings."""
    ordered = sorted(problems, key=lambda problem: (problem.case_id, problem.level != "STOP"))
    before = ""
    for problem in ordered:
        if problem.case_id and problem.case_id != before:
            say(f"case {problem.case_id}")
        before = problem.case_id
        indent = "  " if problem.case_id else ""
        say(f"{indent}{'STOP' if problem.level == 'STOP' else 'warning'}  {_within(problem)}")


def _within(problem: Problem) -> str:
    """A problem without the name of its case, under which it stands."""
    text = str(problem)
    for named in (f"case {problem.case_id}, ", f"case {problem.case_id}: "):
        text = text.removeprefix(named) if problem.case_id else text
    return text


def _summarise(counted: dict[str, Any], problems: Sequence[Problem]) -> None:
    cases, patients = (f"{counted[name]} {plural(name[:-1], counted[name])}" for name in ("cases", "patients"))
    say(f"{cases} of {patients}")
    for name in ("labels", "splits"):
        say(f"{name}: " + ", ".join(f"{count} {key or 'not set'}" for key, count in counted[name].items()))
    if "registration" in counted:
        say(in_words(counted["registration"]))
    stops, warnings = len(_level(problems, "STOP")), len(_level(problems, "WARN"))
    stopping = f"{stops} {plural('fault', stops)} stop{'s' if stops == 1 else ''}" if stops else "nothing stops"
    say(f"{stopping} a training, {warnings} {plural('warning', warnings)}")


def _level(problems: Iterable[Problem], level: str) -> list[Problem]:
    return [problem for problem in problems if problem.level == level]
