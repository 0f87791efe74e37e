"""``hccassist train``: from a cohort to a model package."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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

MOST = 20
"""Folds, and repeats of each."""

STOPPED = "Run the same command again to go on where it stopped."


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("train", help="train a model on a cohort")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--out", type=checks.folder, required=True, metavar="MODEL", help="folder of the model package")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the recipe")
    parser.add_argument("--engine", choices=("local",), default="local", help="where to train")
    parser.add_argument("--preset", default="", help="values of options: paper, or quick to try things out")
    parser.add_argument("--folds", type=int, default=1, metavar="K", help="one network per fold of the training cases")
    parser.add_argument("--repeats", type=int, default=1, metavar="R", help="networks per fold, each with its own seed")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def run(args: argparse.Namespace) -> None:
    """Train, or go on with a training that was interrupted."""
    recipe = get_recipe(args.recipe)
    options = recipe.resolve(settings(args.set), preset=args.preset)
    for name, given in (("folds", args.folds), ("repeats", args.repeats)):
        if not 1 <= given <= MOST:
            raise InputError(f"{given} {name} are not possible", f"option --{name}", f"give 1 to {MOST}")
    checks.seed(args.seed)
    checks.device(args.device)
    check_name(args.out.name)
    checks.output_folder(args.out, apart_from=[args.cohort])
    cohort = read_cohort(args.cohort, tolerant=True, known=all_columns())
    check_parts(cohort, cohort_spec(recipe, options), folds=args.folds, seed=args.seed)

    refuse_if_held(lock_of(args.out), "training")  # before torch, which takes longer than to refuse

    from HCCAssistLib.training.job import Job
    from HCCAssistLib.training.run import train

    job = Job(
        recipe=recipe,
        options=options,
        out=args.out,
        name=args.out.name,
        seed=args.seed,
        folds=args.folds,
        repeats=args.repeats,
        preset=args.preset,
        device=args.device,
        workers=os.cpu_count() or 1,
    )
    package, problems = train(cohort, job, progress=Progress("train"))
    warn((*problems, *model_warnings(package.card)))
    training, cutoff = package.card.training, package.card.default_cutoff
    say(f"model {package.card.name} in {package.folder}")
    say(f"  {trained_on(training)}, {_fits(training['members'])}")
    if cutoff:
        say(f"  cut-off {cutoff_value(cutoff)} ({cutoff.source})")


def _fits(members: Sequence[Mapping[str, Any]]) -> str:
    """``best epoch 4, 7``: of each network, in the order of the members."""
    best = [one["best_epoch"] for one in members]
    each = [epoch for found in best for epoch in (found.values() if isinstance(found, Mapping) else (found,))]
    return f"best epoch {', '.join(map(str, each))}"
