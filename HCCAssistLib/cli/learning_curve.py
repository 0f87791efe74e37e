"""``hccassist learning-curve``: what more cases would bring, from trainings on parts of a cohort."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import Progress, say, say_json, settings, table
from HCCAssistLib.cli.evaluate import at_work_alone
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.models.package import file_sha256
from HCCAssistLib.recipes.registry import RECIPES, all_columns, cohort_spec, get_recipe
from HCCAssistLib.training.parts import check_parts

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.learning_curve import LearningCurve
    from HCCAssistLib.evaluation.report import Report
    from HCCAssistLib.evaluation.result import Estimate
    from HCCAssistLib.recipes.spec import Recipe

STOPPED = "Run the same command again to go on."

PLAN, MODELS, MOST = "plan.json", "models", 8


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "learning-curve", help="what more cases would bring, from trainings on parts of a cohort"
    )
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--out", type=checks.folder, required=True, metavar="REPORT", help="folder of the report")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the recipe")
    parser.add_argument("--preset", default="", help="values of options: paper, or quick to try things out")
    parser.add_argument(
        "--sizes", type=int, default=4, metavar="N", help="parts of the training patients, each half of the next"
    )
    parser.add_argument("--draws", type=int, default=3, metavar="R", help="trainings of each size, on other patients")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Train and evaluate every part, and write the report."""
    from HCCAssistLib.evaluation.optional import check_reports

    check_reports()
    recipe = get_recipe(args.recipe)
    options = recipe.resolve(settings(args.set), preset=args.preset)
    for name, given, least in (("sizes", args.sizes, 3), ("draws", args.draws, 1)):
        if not least <= given <= MOST:
            raise InputError(f"{given} {name} are not possible", f"option --{name}", f"give {least} to {MOST}")
    checks.seed(args.seed)
    checks.device(args.device)
    checks.output_folder(args.out, apart_from=[args.cohort], accept=_is_curve)
    cohort = read_cohort(args.cohort, tolerant=True, known=all_columns())
    check_parts(cohort, cohort_spec(recipe, options), folds=1, seed=args.seed)  # before torch

    from HCCAssistLib.inference.loaded_model import choose_device
    from HCCAssistLib.training.job import Job
    from HCCAssistLib.training.learning_curve import learning_curve, parts

    job = Job(
        recipe=recipe,
        options=options,
        out=args.out / MODELS,
        name=MODELS,
        seed=args.seed,
        preset=args.preset,
        device=choose_device(args.device),
        workers=os.cpu_count() or 1,
    ).checked(cohort)
    wanted = parts(cohort, job, sizes=args.sizes, draws=args.draws)
    plan = {
        "recipe": recipe.id,
        "options": job.options,
        "trainings": [part.name for part in wanted],
        "seed": args.seed,
        TABLE: file_sha256(args.cohort / TABLE),
    }
    progress = Progress("learning-curve")
    with at_work_alone(args.out, "learning curve"):
        if (args.out / PLAN).exists() and parse_json((args.out / PLAN).read_text(encoding="utf-8")) != plan:
            what = "it holds the trainings of other options or of another table"
            raise InputError(what, f"option --out {args.out.name}", "choose a new folder")
        write_json(args.out / PLAN, plan)
        curve, figures = learning_curve(wanted, job, progress=progress)
        page = _report(curve, figures, recipe, args.seed).write(args.out)
    progress("done", 1.0)
    if args.json:
        say_json({"kind": "learning curve", "research_use_only": True, **curve.as_json(), "report": str(page)})
        return
    rows = [(one.patients, len(one.values), f"{one.median:.3f}", _range(one.values)) for one in curve.sizes]
    say(table(("patients", "trainings", curve.name, "range"), rows))
    say(curve.sentence)
    say(f"report in {page}")


def _report(curve: LearningCurve, figures: tuple[Estimate, ...], recipe: Recipe, seed: int) -> Report:
    from HCCAssistLib.evaluation.learning_curve_report import learning_curve_report

    return learning_curve_report(
        curve,
        title=f"{recipe.title}: what more cases would bring",
        unit=figures[0].unit,
        provenance={"recipe": f"{recipe.id}: {recipe.paper}", "seed": str(seed)},
    )


def _range(values: tuple[float, ...]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}"


def _is_curve(folder: Path) -> bool:
    return not any(folder.iterdir()) or (folder / PLAN).exists()
