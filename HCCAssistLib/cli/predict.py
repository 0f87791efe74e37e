"""``hccassist predict``: run a model on a case or a cohort."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from HCCAssistLib.cli.console import Progress, say, say_json, settings, table, warn
from HCCAssistLib.cohort.cohort import open_cases
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.inference.findings import DetectionResult


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("predict", help="run a model on a case or a cohort")
    parser.add_argument(
        "input", type=Path, metavar="CASE_OR_COHORT", help="cohort, case folder, volume or DICOM folder"
    )
    parser.add_argument("--model", required=True, help="folder of a model package, or the name of an installed one")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="one result, or one per case of a cohort"
    )
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def run(args: argparse.Namespace) -> int:
    """Predict case by case; one bad case does not lose the others."""
    from HCCAssistLib.inference.model import choose_device, load_model
    from HCCAssistLib.inference.results import write_result
    from HCCAssistLib.inference.study import read_study
    from HCCAssistLib.models.store import ModelStore, default_store, find_model

    package = find_model(args.model, ModelStore(default_store()))
    options = settings(args.set)
    package.recipe.resolve(options, run=True)
    cohort = open_cases(args.input)
    single = cohort.folder is None or len(cohort.cases) == 1
    model = load_model(package, device=choose_device(args.device))
    predict = package.recipe.module("prediction").predict
    progress = Progress("predict", quiet=False)
    done: list[dict[str, Any]] = []
    failed: list[tuple[str, InputError]] = []
    for number, case in enumerate(cohort.cases):

        def part(share: float, number: int = number, name: str = case.case_id) -> None:
            progress(name, (number + share) / len(cohort.cases))

        try:
            result = predict(read_study(case, package.recipe), model, options, progress=part)
        except InputError as error:
            if single:
                raise
            failed.append((case.case_id, error))
            continue
        write_result(result, args.out if single else args.out / case.case_id)
        done.append({"case_id": case.case_id, **result.as_json()})
        if not args.json:
            _show(case.case_id, result)
        warn(result.warnings)
    if args.json:
        say_json(
            {
                "cases": done,
                "failed": [{"case_id": name, "problem": str(error)} for name, error in failed],
            }
        )
    warn(Problem("STOP", problem.what, f"case {name}", problem.remedy) for name, e in failed for problem in e.problems)
    return 1 if failed else 0


def _show(case_id: str, result: DetectionResult) -> None:
    shown = result.shown
    say(
        f"{case_id}: {len(shown)} of {len(result.candidates)} candidates at or above {result.threshold:.3f} "
        f"({result.threshold_source})"
    )
    rows = [
        (
            c.number,
            f"{c.probability:.3f}",
            c.slice,
            " ".join(f"{v:.1f}" for v in c.box.center),
            "-" if c.distance_to_ablation_mm is None else f"{c.distance_to_ablation_mm:.0f}",
        )
        for c in shown
    ]
    if rows:
        say(table(("number", "probability", "slice", "centre LPS mm", "mm to ablation zone"), rows))
