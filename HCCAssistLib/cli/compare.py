"""``hccassist compare``: several models on the same unseen cases, each against the first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_run_options
from HCCAssistLib.cli.console import Progress, say, say_json, settings, table, warn
from HCCAssistLib.cli.evaluate import at_work_alone, naming, row
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.registry import all_columns
from HCCAssistLib.wording import plural

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.evaluated import Evaluation
    from HCCAssistLib.evaluation.held_out import HeldOut
    from HCCAssistLib.evaluation.model_comparison import Comparison
    from HCCAssistLib.evaluation.result import HypothesisTest
    from HCCAssistLib.models.package import ModelPackage

STOPPED = "Run the same command again to go on."

LOCK, COMPARISON, CASES = ".lock", "compare.json", "cases-{}"
"""Within the report's folder: every finished case of each model, so that an interrupted comparison goes on."""


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
    """The models by their names, the control first.

    Raises:
        InputError: they are of different methods, or one is given twice.
    """
    from HCCAssistLib.models.store import ModelStore, default_store, find_model

    found: dict[str, ModelPackage] = {}
    for model in models:
        package = find_model(model, ModelStore(default_store()))
        name = package.card.name
        if any(_identity(one) == _identity(package) for one in found.values()):
            raise InputError(f"the model {name} is given twice", "option --model", "give each model once")
        control = next(iter(found.values()), package)
        if package.recipe.id != control.recipe.id:
            what = f"{name} is of the recipe {package.recipe.id}, and {control.card.name} of {control.recipe.id}"
            raise InputError(what, "option --model", "compare models of one recipe")
        number = 2
        while name in found:
            name, number = f"{package.card.name} ({number})", number + 1
        found[name] = package
    return found


def _identity(package: ModelPackage) -> tuple[object, ...]:
    return package.weights_sha256, package.card.options


def _compare(
    args: argparse.Namespace, cohort: Cohort, packages: Mapping[str, ModelPackage], options: dict[str, str]
) -> int:
    from HCCAssistLib.evaluation.model_comparison import Comparison, common, comparison_report
    from HCCAssistLib.files import write_json
    from HCCAssistLib.training.unseen import refuse_trained_on, unseen

    progress = Progress("compare")
    progress("checking the cohort", 0.0)
    held_out = common({name: unseen(cohort, package) for name, package in packages.items()})
    looking = "looking for scans that a model was trained on"
    refuse_trained_on(held_out.cases, packages, progress=lambda done: progress(looking, 0.05 * done))
    recipe = next(iter(packages.values())).recipe
    found = _evaluations(args, cohort, packages, options, progress, held_out=held_out)
    sections, sessions = recipe.module("comparison").compare(found)
    first = next(iter(found.values()))
    problems = dict.fromkeys(problem for one in found.values() for problem in one.problems)
    comparison = Comparison(
        control=next(iter(found)),
        figures={name: tuple(one.summary()) for name, one in found.items()},
        sections=sections,
        cases=tuple(first.as_json()["cases"]),
        left_out=first.left_out,
        problems=tuple(problems),
        run={name: one.as_json()["run"] for name, one in found.items()},
        sessions=sessions,
    )
    named = {f"model {name}": f"weights sha256 {', '.join(p.weights_sha256)}" for name, p in packages.items()}
    provenance = {"recipe": f"{recipe.id}: {recipe.paper}", **named}
    page = comparison_report(comparison, title=f"{recipe.title}: models compared", provenance=provenance).write(
        args.out
    )
    write_json(args.out / COMPARISON, comparison.as_json())
    progress("done", 1.0)
    _print(args, comparison, page)
    return 1 if comparison.left_out else 0


def _evaluations(
    args: argparse.Namespace,
    cohort: Cohort,
    packages: Mapping[str, ModelPackage],
    options: dict[str, str],
    progress: Progress,
    *,
    held_out: HeldOut,
) -> dict[str, Evaluation]:
    """Every model on the same cases: one that a model cannot be run on is left out of all."""
    from HCCAssistLib.inference.loaded_model import choose_device, load_model

    found: dict[str, Evaluation] = {}
    for number, (name, package) in enumerate(packages.items()):
        model = load_model(package, device=choose_device(args.device))

        def part(what: str, share: float, number: int = number, name: str = name) -> None:
            progress(f"{name}: {what}", 0.05 + 0.95 * (number + share) / len(packages))

        evaluate = package.recipe.module("evaluation").evaluate
        folder = args.out / CASES.format(number + 1)
        with naming(f"model {name}"):
            found[name] = evaluate(cohort, model, options, held_out=held_out, folder=folder, progress=part)
    left_out = {case_id: problems for one in found.values() for case_id, problems in one.left_out.items()}
    if any(set(one.left_out) != set(left_out) for one in found.values()):
        cases = tuple(case for case in held_out.cases if case.case_id not in left_out)
        again = replace(held_out, cases=cases, left_out=left_out)
        return _evaluations(args, cohort, packages, options, progress, held_out=again)
    return found


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
