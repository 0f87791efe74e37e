"""``hccassist compare``: several models on the same unseen cases, each against the first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_run_options
from HCCAssistLib.cli.console import Progress, say, say_json, settings, table, warn
from HCCAssistLib.cli.evaluate import at_work_alone, row
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.errors import InputError, naming
from HCCAssistLib.recipes.registry import all_columns
from HCCAssistLib.training.compared import CASES, COMPARISON, compare, named
from HCCAssistLib.wording import plural

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.model_comparison import Comparison
    from HCCAssistLib.evaluation.result import HypothesisTest
    from HCCAssistLib.models.package import ModelPackage

STOPPED = "Run the same command again to go on."

LOCK = ".lock"


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("compare", help="compare models on the same unseen cases")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        help="folder of a model package, or the name of an installed one; give two or more, the first is the control",
    )
    parser.add_argument("--out", type=checks.folder, required=True, metavar="REPORT", help="folder of the report")
    add_run_options(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Evaluate every model on the cases that are unseen for all, and write the report."""
    from HCCAssistLib.evaluation.optional import check_reports

    options = settings(args.set)
    checks.device(args.device)
    check_reports()
    if len(args.model) < 2:
        raise InputError("one model is nothing to compare", "option --model", "give it twice or more")
    checks.output_folder(args.out, apart_from=[args.cohort, *map(Path, args.model)], accept=_is_comparison)
    cohort = read_cohort(args.cohort, tolerant=True, known=all_columns())
    packages = _packages(args.model)
    next(iter(packages.values())).recipe.resolve(options, run=True)
    with at_work_alone(args.out, "comparison"):
        return _compare(args, cohort, packages, options)


def _packages(models: list[str]) -> dict[str, ModelPackage]:
    """The models by their names, the control first."""
    from HCCAssistLib.models.store import ModelStore, default_store, find_model

    found = [find_model(model, ModelStore(default_store())) for model in models]
    with naming("option --model"):
        return named(found)


def _compare(
    args: argparse.Namespace, cohort: Cohort, packages: Mapping[str, ModelPackage], options: dict[str, str]
) -> int:
    comparison, page = compare(
        cohort, packages, options, out=args.out, device=args.device, progress=Progress("compare")
    )
    _print(args, comparison, page)
    return 1 if comparison.left_out else 0


def _print(args: argparse.Namespace, found: Comparison, page: Path) -> None:
    warn(found.problems)
    warn(problem for problems in found.left_out.values() for problem in problems)
    if args.json:
        say_json({**found.as_json(), "report": str(page)})
        return
    say(f"control: {found.control}; {len(found.cases)} {plural('case', len(found.cases))}")
    rows = [
        (section.model, *row(section.level, estimate)) for section in found.sections for estimate in section.differences
    ]
    say(table(("model minus control", "level", "figure", "estimate", "95 % interval", "n"), rows))
    for section in found.sections:
        for what, test in section.tests:
            say(f"{section.model}, {section.level}: {what}, {_outcome(test)}")
        if section.tests and any(one.clusters and one.clusters < one.n for one in section.differences):
            units = plural(section.level, 2)
            say(f"{section.model}, {section.level}: P takes {units} of one patient as independent; trust the intervals")
        if section.note and not section.tests:
            say(f"{section.model}, {section.level}: {section.note}")
    for measure, sessions in found.sessions:
        say(f"sessions, {measure}: all models, {_outcome(sessions.kruskal_wallis)}")
        for name, test in sessions.steel.items():
            say(f"sessions, {measure}: {name} against {found.control}, {_outcome(test)}")
    if found.left_out:
        say(f"left out: {', '.join(found.left_out)}")
    say(f"report in {page}")


def _outcome(test: HypothesisTest) -> str:
    return f"{test.name}: {test.reason if test.p is None else f'P = {test.p:.3g}'}"


def _is_comparison(folder: Path) -> bool:
    """Whether a folder is empty, or holds a comparison or the finished cases of one that was interrupted."""
    there = {path.name for path in folder.iterdir()} - {LOCK}
    return not there or (TABLE not in there and bool(there & {COMPARISON, CASES.format(1)}))
