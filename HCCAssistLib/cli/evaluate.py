"""``hccassist evaluate``: how well a model does on cases it has not seen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli.console import Progress, say, say_json, settings, table, warn
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.models.store import ModelStore, default_store, find_model

if TYPE_CHECKING:
    from HCCAssistLib.recipes.ltp.performance import LTPEvaluation

STOPPED = "Run the same command again to go on."

CASES = "cases"
"""Within the report's folder: every finished case, so that an interrupted evaluation goes on."""


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("evaluate", help="evaluate a model on unseen cases")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--model", required=True, help="folder of a model package, or the name of an installed one")
    parser.add_argument("--out", type=Path, required=True, metavar="REPORT", help="folder of the report")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report; cases that cannot be used are left out and named."""
    options = settings(args.set)
    _refuse_taken(args.out)
    package = find_model(args.model, ModelStore(default_store()))
    package.recipe.resolve(options, run=True)
    cohort = read_cohort(args.cohort, tolerant=True)
    progress = Progress("evaluate")

    from HCCAssistLib.evaluation.held_out import hold_out

    # before torch is loaded, which takes longer than to refuse most that is wrong
    progress("checking the cohort", 0.0)
    held_out = hold_out(cohort, package.recipe, package.card)

    from HCCAssistLib.inference.model import choose_device, load_model

    model = load_model(package, device=choose_device(args.device))
    module = package.recipe.module("evaluation")
    try:
        found: LTPEvaluation = module.evaluate(
            cohort, model, options, held_out=held_out, folder=args.out / CASES, progress=progress
        )
    except KeyboardInterrupt as error:
        raise Cancelled(f"the evaluation was stopped. {STOPPED}") from error
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


def _refuse_taken(folder: Path) -> None:
    """Refuse to write a report among files of something else."""
    if folder.exists() and not (folder.is_dir() and _is_report(folder)):
        raise InputError("there is something else already", f"option --out {folder.name}", "choose a new folder")


def _is_report(folder: Path) -> bool:
    """Whether a folder is empty, or holds a report or the finished cases of one that was interrupted."""
    there = {path.name for path in folder.iterdir()}
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
    from HCCAssistLib.evaluation.display import estimate_text, interval_text, plural

    interval = estimate.clustered or estimate.interval
    count = f"{estimate.n} {plural(estimate.unit, estimate.n)}"
    return level, estimate.name, estimate_text(estimate), interval_text(interval), count
