"""``hccassist evaluate``: how well a model does on cases it has not seen."""

from __future__ import annotations

import argparse
from pathlib import Path

from HCCAssistLib.cli.console import Progress, say, settings, table, warn
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.models.store import ModelStore, default_store, find_model


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("evaluate", help="evaluate a model on unseen cases")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--model", required=True, help="folder of a model package, or the name of an installed one")
    parser.add_argument("--out", type=Path, required=True, metavar="REPORT", help="folder of the report")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def run(args: argparse.Namespace) -> None:
    """Evaluate and write the report."""
    from HCCAssistLib.inference.model import choose_device, load_model

    package = find_model(args.model, ModelStore(default_store()))
    options = settings(args.set)
    package.recipe.resolve(options, run=True)
    model = load_model(package, device=choose_device(args.device))
    progress = Progress("evaluate")
    module = package.recipe.module("evaluation")
    found = module.evaluate(read_cohort(args.cohort), model, options, progress=progress)
    page = module.report(found, model).write(args.out)
    progress("done", 1.0)
    warn(found.problems)
    say(table(("level", "figure", "estimate", "95 % interval", "n"), summary(found)))
    say(f"report in {page}")


def summary(found: object) -> list[tuple[str, ...]]:
    """Rows of the short table on the terminal."""
    from HCCAssistLib.evaluation.froc import FrocCurve

    rows = []
    for level in ("patch", "patient"):
        estimates = getattr(found, level).estimates
        rows += [row(level, estimates[name]) for name in ("AUC", "AP", "sensitivity", "specificity")]
    curve: FrocCurve | None = getattr(found, "froc", None)
    if curve:
        rows += [row("lesion", estimate) for estimate in (*curve.at_rates[3:5], curve.cpm)]
    return rows


def row(level: str, estimate: Estimate) -> tuple[str, ...]:
    """One figure of the short table."""
    from HCCAssistLib.evaluation.display import estimate_text, interval_text, plural

    interval = estimate.clustered or estimate.interval
    count = f"{estimate.n} {plural(estimate.unit, estimate.n)}"
    return level, estimate.name, estimate_text(estimate), interval_text(interval), count
