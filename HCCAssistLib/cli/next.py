"""``hccassist next``: the unlabelled cases of a cohort, those first that the members of a model disagree about."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_model, add_run_options
from HCCAssistLib.cli.console import Progress, say, say_json, settings, table, warn
from HCCAssistLib.cli.evaluate import at_work_alone
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.registry import all_columns

if TYPE_CHECKING:
    from HCCAssistLib.models.package import ModelPackage

STOPPED = "Run the same command again to go on."

MOST = 10
CASES, NEXT, LOCK = "cases", "next.json", ".lock"
"""Within the folder: every scored case, so that an interrupted ranking goes on; the ranking."""


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "next", help="rank unlabelled cases by how far the members of a model disagree"
    )
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    add_model(parser)
    parser.add_argument(
        "--out",
        type=checks.folder,
        metavar="DIR",
        help="gets next.csv, next.json and a page with the nearest confirmed cases beside the first ones",
    )
    parser.add_argument(
        "--most", type=int, default=MOST, metavar="N", help=f"cases to print and to show with pictures ({MOST})"
    )
    add_run_options(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Rank the cases; one that cannot be scored is named."""
    from HCCAssistLib.evaluation.optional import check_reports
    from HCCAssistLib.models.store import ModelStore, default_store, find_model
    from HCCAssistLib.training.next_cases import check_members

    if args.most < 1:
        raise InputError(f"{args.most} cases cannot be shown", "option --most", "ask for 1 or more")
    options = settings(args.set)
    checks.device(args.device)
    if args.out:
        check_reports()
        checks.output_folder(args.out, apart_from=[args.cohort, Path(args.model)], accept=_is_ranking)
    cohort = read_cohort(args.cohort, tolerant=True, known=all_columns())
    package = find_model(args.model, ModelStore(default_store()))
    package.recipe.resolve(options, run=True)
    check_members(package)
    if args.out is None:
        return _rank(args, cohort, package, options)
    with at_work_alone(args.out, "ranking"):
        return _rank(args, cohort, package, options)


def _rank(args: argparse.Namespace, cohort: Cohort, package: ModelPackage, options: dict[str, str]) -> int:
    from HCCAssistLib.cohort.synthetic import is_synthetic, unclear
    from HCCAssistLib.files import write_json
    from HCCAssistLib.training.next_cases import next_cases
    from HCCAssistLib.training.next_cases_report import as_json, bits, of_text, rank_text, report, sentence
    from HCCAssistLib.training.unlabelled import labels_in, unlabelled

    unlabelled(cohort, labels_in(cohort, package))  # refused before torch is loaded, which takes seconds
    from HCCAssistLib.inference.loaded_model import choose_device, load_model

    progress = Progress("next")
    model = load_model(package, device=choose_device(args.device))
    kept = args.out / CASES if args.out else None
    found = next_cases(cohort, model, options, neighbours=args.out is not None, folder=kept, progress=progress)
    progress("done", 1.0)
    warn([*cohort.table_problems, *found.problems])
    warn(problem for problems in found.failed.values() for problem in problems)
    content = as_json(found, package)
    if args.out:
        doubtful = {problem.case_id for problem in unclear(cohort.cases)}
        phantoms = frozenset(c.case_id for c in cohort.cases if c.case_id not in doubtful and is_synthetic(c))
        page = report(found, package, most=args.most, synthetic=phantoms).write(args.out)
        write_json(args.out / NEXT, content)
    if args.json:
        say_json(content)
    else:
        say(sentence(found))
        rows = [(rank_text(one), one.case_id, bits(one.spread), of_text(one)) for one in found.cases[: args.most]]
        say(table(("rank", "case", "spread (bits)", "of"), rows))
        if found.failed:
            say(f"not ranked: {', '.join(found.failed)}")
        if args.out:
            say(f"page in {page}")
    return 1 if found.failed else 0


def _is_ranking(folder: Path) -> bool:
    """Whether a folder is empty, or holds a ranking or the scored cases of one that was interrupted."""
    there = {path.name for path in folder.iterdir()} - {LOCK}
    return not there or (TABLE not in there and bool(there & {NEXT, CASES}))
