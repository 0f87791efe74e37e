"""``hccassist check``: everything that is wrong with a cohort, before anything is trained on it."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from HCCAssistLib.cli.console import Progress, say, say_json
from HCCAssistLib.cohort.case import SPLITS
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.recipes.registry import RECIPES, all_inputs, get_recipe


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("check", help="list all that is wrong with a cohort")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--recipe", choices=RECIPES, default=next(iter(RECIPES)), help="whose inputs are looked for")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def run(args: argparse.Namespace) -> int:
    """Say what is wrong with the table, then read the images and say what is wrong with them; 2 where it stops."""
    try:
        cohort = read_cohort(args.cohort, tolerant=True)
    except InputError as error:
        if not args.json:
            raise
        return _end(Cohort(None, ()), get_recipe(args.recipe).label.columns[0], error.problems)

    from HCCAssistLib.cohort.synthetic import unclear
    from HCCAssistLib.cohort.table_checks import check_table

    recipe = get_recipe(args.recipe)
    problems = [*check_table(cohort, label=recipe.label.columns[0]), *unclear(cohort.cases)]
    if not args.json:
        _show(problems)

    from HCCAssistLib.cohort.validation import read_files  # SimpleITK and scipy, which the table does not need

    files = read_files(
        cohort,
        recipe.inputs,
        others=all_inputs(),
        check=recipe.module("checks").problems,
        workers=os.cpu_count() or 1,
        progress=Progress("check").part,
    )
    found = files.problems(label=recipe.label.columns[0])
    problems += found
    if args.json:
        return _end(cohort, recipe.label.columns[0], problems)
    _show(found)
    _summarise(_counts(cohort, recipe.label.columns[0]), problems)
    return 2 if _level(problems, "STOP") else 0


def _end(cohort: Cohort, label: str, problems: Sequence[Problem]) -> int:
    """The one JSON object, and the exit status."""
    say_json({**_counts(cohort, label), "problems": [asdict(problem) for problem in problems]})
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


def _summarise(counts: dict[str, Any], problems: Sequence[Problem]) -> None:
    say(f"{counts['cases']} cases of {counts['patients']} patients")
    for name in ("labels", "splits"):
        say(f"{name}: " + ", ".join(f"{count} {key or 'not set'}" for key, count in counts[name].items()))
    stops, warnings = len(_level(problems, "STOP")), len(_level(problems, "WARN"))
    if stops:
        say(f"{stops} faults stop a training, {warnings} warnings")
    else:
        say(f"nothing stops a training, {warnings} warnings")


def _level(problems: Iterable[Problem], level: str) -> list[Problem]:
    return [problem for problem in problems if problem.level == level]


def _counts(cohort: Cohort, label: str) -> dict[str, Any]:
    labels = Counter("" if is_missing(cell) else cell for c in cohort.cases for cell in [c.values.get(label, "")])
    splits = Counter(case.split for case in cohort.cases)
    return {
        "cases": len(cohort.cases),
        "patients": len({case.patient_id for case in cohort.cases}),
        "labels": {name: labels[name] for name in sorted(labels)},
        "splits": {name: splits[name] for name in (*SPLITS, "") if splits[name]},
    }
