"""``hccassist evaluate``: how well a model does on cases it has not seen."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.console import Progress, say, say_json, settings, table, warn
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.locks import locked

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.result import Estimate
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.recipes.ltp.performance import LTPEvaluation

STOPPED = "Run the same command again to go on."

LOCK, CASES = ".lock", "cases"
"""Within the report's folder: every finished case, so that an interrupted evaluation goes on."""


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("evaluate", help="evaluate a model on unseen cases")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--model", required=True, help="folder of a model package, or the name of an installed one")
    parser.add_argument("--out", type=checks.folder, required=True, metavar="REPORT", help="folder of the report")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report; cases that cannot be used are left out and named."""
    from HCCAssistLib.models.store import ModelStore, default_store, find_model

    options = settings(args.set)
    checks.device(args.device)
    checks.output_folder(args.out, apart_from=[args.cohort, Path(args.model)], accept=_is_report)
    cohort = read_cohort(args.cohort, tolerant=True)
    package = find_model(args.model, ModelStore(default_store()))
    package.recipe.resolve(options, run=True)
    with _at_work_alone(args.out):
        return _evaluate(args, cohort, package, options)


@contextmanager
def _at_work_alone(folder: Path) -> Iterator[None]:
    """The folder of the report with nobody else at work there; one that holds nothing at the end is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / LOCK, "evaluation"):
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def _evaluate(args: argparse.Namespace, cohort: Cohort, package: ModelPackage, options: dict[str, str]) -> int:
    from HCCAssistLib.evaluation.held_out import hold_out

    progress = Progress("evaluate")
    # before torch is loaded, which takes longer than to refuse most that is wrong
    progress("checking the cohort", 0.0)
    held_out = hold_out(cohort, package.recipe, package.card)

    from HCCAssistLib.inference.loaded_model import choose_device, load_model

    model = load_model(package, device=choose_device(args.device))
    module = package.recipe.module("evaluation")
    found: LTPEvaluation = module.evaluate(
        cohort, model, options, held_out=held_out, folder=args.out / CASES, progress=progress
    )
    page = module.report(found, model).write(args.out)
    progress("done", 1.0)
    warn(found.problems)
    warn(problem for problems in found.left_out.values() for problem in problems)
    if args.json:
        say_json({**as_json(found), "report": str(page)})
    else:
        say(table(("level", "figure", "estimate", "95 % interval", "n"), summary(found)))
        say(module.flagged(found))
        if found.left_out:
            say(f"left out: {', '.join(found.left_out)}")
        say(f"report in {page}")
    return 1 if found.left_out else 0


def _is_report(folder: Path) -> bool:
    """Whether a folder is empty, or holds a report or the finished cases of one that was interrupted."""
    there = {path.name for path in folder.iterdir()} - {LOCK}
    return not there or (TABLE not in there and bool(there & {"report.json", CASES}))


def as_json(found: LTPEvaluation) -> dict[str, Any]:
    """Every figure at full precision, what it rests on, and what went wrong; curves are in report.json."""

    def level(evaluation: Any) -> dict[str, Any]:
        return {name: value for name, value in evaluation.as_json().items() if name not in ("roc", "precision_recall")}

    lesion: dict[str, Any] = {estimate.name: estimate.as_json() for estimate in found.at_cutoff}
    if found.froc:
        lesion |= {estimate.name: estimate.as_json() for estimate in (*found.froc.at_rates, found.froc.cpm)}
    return {
        "kind": "evaluation",
        "research_use_only": True,
        "run": dict(found.run),
        "warnings": [{"what": p.what, "where": p.where, "remedy": p.remedy} for p in found.problems],
        "patch": level(found.patch),
        "lesion": {"estimates": lesion},
        "patient": {**level(found.patient), "flagged_on_a_lesion": found.on_lesions.as_json()},
        "flow": found.flow.as_json(),
        "cases": list(found.results),
        "failed": [
            {"case_id": case_id, "problem": "\n".join(map(str, problems))}
            for case_id, problems in found.left_out.items()
        ],
    }


def summary(found: LTPEvaluation) -> list[tuple[str, ...]]:
    """Rows of the short table on the terminal."""
    rows = []
    for level in ("patch", "patient"):
        estimates = getattr(found, level).estimates
        rows += [row(level, estimates[name]) for name in ("AUC", "AP", "sensitivity", "specificity")]
    rows.append(row("patient", found.on_lesions))
    if found.froc:
        rows += [row("lesion", estimate) for estimate in (*found.froc.at_rates[3:5], found.froc.cpm)]
    return rows


def row(level: str, estimate: Estimate) -> tuple[str, ...]:
    """One figure of the short table."""
    from HCCAssistLib.evaluation.display import estimate_text, interval_text
    from HCCAssistLib.wording import plural

    interval = estimate.clustered or estimate.interval
    count = f"{estimate.n} {plural(estimate.unit, estimate.n)}"
    return level, estimate.name, estimate_text(estimate), interval_text(interval), count
