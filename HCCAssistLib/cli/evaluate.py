"""``hccassist evaluate``: how well a model does on cases it has not seen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_model, add_run_options
from HCCAssistLib.cli.console import Progress, say, say_json, settings, table, warn
from HCCAssistLib.cli.view import PAGE
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.errors import InputError, Problem, named, naming
from HCCAssistLib.locks import locked
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.recipes.registry import all_columns
from HCCAssistLib.wording import megabytes, plural

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.evaluated import Evaluation
    from HCCAssistLib.evaluation.held_out import HeldOut
    from HCCAssistLib.evaluation.result import Estimate
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.training.second_rater import SecondRater

STOPPED = "Run the same command again to go on."

LOCK, CASES, EXTERNAL_CASES, RATED_CASES = ".lock", "cases", "external-cases", "rater-cases"
"""Within the report's folder: every finished case, so that an interrupted evaluation goes on."""

WHICH = ("", "external cohort")
"""What a fault of each of the cohorts is said of."""


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("evaluate", help="evaluate a model on unseen cases")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    add_model(parser)
    parser.add_argument("--external", type=Path, metavar="COHORT", help="a cohort from elsewhere, shown beside")
    parser.add_argument("--out", type=checks.folder, required=True, metavar="REPORT", help="folder of the report")
    parser.add_argument(
        "--rater", metavar="NAME", help="evaluate the segments of a second rater too, in COHORT/readings/NAME"
    )
    parser.add_argument(
        "--views",
        action="store_true",
        help="write a page with the images of each case beside the report (15 MB for a CT of 61 slices)",
    )
    add_run_options(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report; cases that cannot be used are left out and named."""
    from HCCAssistLib.evaluation.optional import check_reports
    from HCCAssistLib.models.store import ModelStore, default_store, find_model

    check_reports()
    options = settings(args.set)
    checks.device(args.device)
    folders = [args.cohort, *filter(None, [args.external])]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("the external cohort is the cohort itself", "option --external", "name another folder")
    checks.output_folder(args.out, apart_from=[*folders, Path(args.model)], accept=_is_report)
    cohorts = [read_cohort(folder, tolerant=True, known=all_columns()) for folder in folders]
    package = find_model(args.model, ModelStore(default_store()))
    package.recipe.resolve(options, run=True)
    with at_work_alone(args.out, "evaluation"):
        return _evaluate(args, cohorts, package, options)


@contextmanager
def at_work_alone(folder: Path, work: str) -> Iterator[None]:
    """The folder of the report with nobody else at work there; one that holds nothing at the end is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / LOCK, work):
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def _evaluate(args: argparse.Namespace, cohorts: list[Cohort], package: ModelPackage, options: dict[str, str]) -> int:
    from HCCAssistLib.evaluation.report_blocks import CasePages
    from HCCAssistLib.training.unseen import refuse_trained_on, unseen

    progress = Progress("evaluate")
    # before torch is loaded, which takes longer than to refuse most that is wrong
    progress("checking the cohort", 0.0)
    held_out = []
    for cohort, which in zip(cohorts, WHICH, strict=False):
        with naming(which):
            held_out.append(unseen(cohort, package))
            if which:  # the scans of the first are looked at before any is run; these would come after hours
                refuse_trained_on(held_out[-1].cases, {package.card.name: package})

    drawn = _drawn(package, held_out[0], args.rater) if args.rater else None

    from HCCAssistLib.inference.loaded_model import choose_device, load_model

    model = load_model(package, device=choose_device(args.device))
    evaluate, report = package.recipe.module("evaluation").evaluate, package.recipe.module("report").report
    found: list[Evaluation] = []
    rounds = len(cohorts) + (drawn is not None)
    for cohort, cases, which, folder in zip(cohorts, held_out, WHICH, (CASES, EXTERNAL_CASES), strict=False):

        def part(what: str, share: float) -> None:
            progress(what, (len(found) + share) / rounds)

        with naming(which):
            found.append(evaluate(cohort, model, options, held_out=cases, folder=args.out / folder, progress=part))
    main, external = found[0], found[1] if len(found) > 1 else None
    rated: SecondRater | None = None
    if drawn is not None:
        with naming(f"rater {args.rater}"):
            rated = package.recipe.module("second_rater").evaluate_rater(
                cohorts[0],
                model,
                options,
                main,
                drawn,
                args.rater,
                folder=args.out / RATED_CASES,
                progress=lambda what, share: progress(f"rater {args.rater}: {what}", (len(found) + share) / rounds),
            )
    pages = report(main, model, external=external, **({"rated": rated} if rated else {}))
    size = 0
    if args.views:
        views, not_viewed = write_views(cohorts[0], main, args.out, lambda what: progress(what, 1.0))
        size = sum((args.out / path).stat().st_size for path in views.values())
        pages.link_cases(CasePages(views, size))
        pages.add_warnings(not_viewed)
    page = pages.write(args.out)
    progress("done", 1.0)
    of_model = model_warnings(package.card)  # the same with every cohort
    for one, which in zip(found, WHICH, strict=False):
        of_cohort = [problem for problem in one.problems if not (which and problem in of_model)]
        left = (problem for problems in one.left_out.values() for problem in problems)
        warn(named([*of_cohort, *left], which))
    left_out = [case_id for one in found for case_id in one.left_out]
    if rated:
        warn(named([*rated.problems, *(p for problems in rated.left_out.values() for p in problems)], ""))
        left_out += [f"{case_id} by {rated.name}" for case_id in rated.left_out]
    if args.json:
        more = {name: one.as_json() for name, one in (("external", external), ("second_rater", rated)) if one}
        viewed = {"views": len(views), "views_megabytes": round(size / 1e6, 1)} if args.views else {}
        say_json({**main.as_json(), **more, "report": str(page), **viewed})
    else:
        for cohort, one in zip(cohorts, found, strict=True):
            if external:
                say(f"cohort {cohort.folder.resolve().name if cohort.folder else ''}")
            say(table(("level", "figure", "estimate", "95 % interval", "n"), summary(one)))
            say(one.sentence)
        if left_out:
            say(f"left out: {', '.join(left_out)}")
        say(f"report in {page}")
        if args.views:
            count = f"{len(views)} {plural('case', len(views))}"
            say(
                f"pages with the images of {count} in {args.out / CASES} ({megabytes(size)}; they open from the report)"
            )
    return 1 if left_out else 0


def write_views(
    cohort: Cohort, found: Evaluation, folder: Path, progress: Callable[[str], None]
) -> tuple[dict[str, str], list[Problem]]:
    """A page with the images of every case, in the folder of the finished case; one that is there already stays.

    Args:
        cohort: of the evaluated cases.
        found: what came of them.
        folder: of the report.
        progress: called with what is being done.

    Returns:
        The page of each case by its id, relative to the report; and why a case has none.
    """
    from HCCAssistLib.cohort.synthetic import is_synthetic, unclear
    from HCCAssistLib.viewer.page import write_page
    from HCCAssistLib.viewer.scans import read_scans

    views: dict[str, str] = {}
    problems: list[Problem] = []
    for case in cohort.cases:
        if case.case_id not in found.results:
            continue
        path = Path(CASES, case.case_id, PAGE)
        if not (folder / path).is_file():  # a case that is computed again has a new folder
            progress(f"page of case {case.case_id}")
            result = found.results[case.case_id]
            try:
                synthetic = not unclear([case]) and is_synthetic(case)
                images = read_scans(result, case, {})
                write_page(result, images, folder / path, case_id=case.case_id, synthetic=synthetic)
            except InputError as error:
                problems += [replace(p, level="WARN", where=f"page of case {case.case_id}") for p in error.problems]
                continue
        views[case.case_id] = path.as_posix()
    return views, problems


def _drawn(package: ModelPackage, held_out: HeldOut, rater: str) -> HeldOut:
    """The cases that a second rater drew, before any case is run.

    Raises:
        InputError: the method has no marks to draw again, or there is no such rater.
    """
    from HCCAssistLib.training.second_rater import rated_cases

    try:
        volumes = package.recipe.module("second_rater").VOLUMES
    except ModuleNotFoundError as error:
        if error.name != f"{package.recipe.package}.second_rater":
            raise
        what = f"the method {package.recipe.id} does not evaluate a second rater"
        raise InputError(what, "option --rater", "leave it out") from None
    return rated_cases(held_out, rater, volumes)


def _is_report(folder: Path) -> bool:
    """Whether a folder is empty, or holds a report or the finished cases of one that was interrupted."""
    there = {path.name for path in folder.iterdir()} - {LOCK}
    return not there or (TABLE not in there and bool(there & {"report.json", CASES, EXTERNAL_CASES, RATED_CASES}))


def summary(found: Evaluation) -> list[tuple[str, ...]]:
    """Rows of the short table on the terminal."""
    return [row(level, estimate) for level, estimate in found.summary()]


def row(level: str, estimate: Estimate) -> tuple[str, ...]:
    """One figure of the short table."""
    from HCCAssistLib.evaluation.display import estimate_text, interval_text

    clustered = estimate.clustered
    interval = clustered if clustered and clustered.low is not None else estimate.interval
    count = f"{estimate.n} {plural(estimate.unit, estimate.n)}"
    return level, estimate.name, estimate_text(estimate), interval_text(interval), count
