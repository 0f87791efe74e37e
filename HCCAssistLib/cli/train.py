"""``hccassist train``: from a cohort to a model package."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.console import Progress, say, settings, warn
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.locks import refuse_if_held
from HCCAssistLib.models.caveats import model_warnings, trained_on
from HCCAssistLib.models.package import check_name
from HCCAssistLib.recipes.registry import RECIPES, all_columns, cohort_spec, get_recipe
from HCCAssistLib.results.cutoff import cutoff_value
from HCCAssistLib.training.parts import check_parts, lock_of

STOPPED = "Run the same command again to go on where it stopped."


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("train", help="train a model on a cohort")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--out", type=checks.folder, required=True, metavar="MODEL", help="folder of the model package")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the recipe")
    parser.add_argument("--engine", choices=("local",), default="local", help="where to train")
    parser.add_argument("--folds", type=int, default=1, metavar="K", help="one network per fold of the training cases")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def run(args: argparse.Namespace) -> None:
    """Train, or go on with a training that was interrupted."""
    recipe = get_recipe(args.recipe)
    options = recipe.resolve(settings(args.set))
    if not 1 <= args.folds <= 20:
        raise InputError(f"{args.folds} folds are not possible", "option --folds", "give 1 to 20")
    checks.seed(args.seed)
    checks.device(args.device)
    check_name(args.out.name)
    checks.output_folder(args.out, apart_from=[args.cohort])
    cohort = read_cohort(args.cohort, tolerant=True, known=all_columns())
    check_parts(cohort, cohort_spec(recipe, options), folds=args.folds, seed=args.seed)

    refuse_if_held(lock_of(args.out), "training")  # before torch, which takes longer than to refuse

    from HCCAssistLib.training.run import Job, train

    job = Job(
        recipe=recipe,
        options=options,
        out=args.out,
        name=args.out.name,
        seed=args.seed,
        folds=args.folds,
        device=args.device,
        workers=os.cpu_count() or 1,
    )
    package, problems = train(cohort, job, say=Progress("train"))
    warn((*problems, *model_warnings(package.card)))
    training, cutoff = package.card.training, package.card.default_cutoff
    say(f"model {package.card.name} in {package.folder}")
    say(f"  {trained_on(training)}, best epoch {', '.join(map(str, training['best_epoch']))}")
    if cutoff is not None:
        say(f"  cut-off {cutoff_value(cutoff)} ({cutoff.source})")
