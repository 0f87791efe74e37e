"""``hccassist train``: from a cohort to a model package."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.console import Progress, say, settings, warn
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.locks import refuse_if_held
from HCCAssistLib.models.caveats import model_warnings, trained_on
from HCCAssistLib.models.package import check_name
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import RECIPES, all_columns, cohort_spec, get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.cutoff import cutoff_value
from HCCAssistLib.training.parts import check_parts, lock_of

MOST = 20
"""Folds, and repeats of each."""

ENGINES = {
    "local": "here, now",
    "background": "here, and the command returns at once: see jobs",
    "slurm": "on the cluster of --profile",
}

STOPPED = "Run the same command again to go on where it stopped."


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("train", help="train a model on a cohort")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder with cohort.csv")
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--out", type=checks.folder, metavar="MODEL", help="folder of the model package")
    parser.add_argument("--name", default="", help="of the model, where it is trained in the background")
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the recipe")
    where = "; ".join(f"{name}: {what}" for name, what in ENGINES.items())
    parser.add_argument("--engine", choices=tuple(ENGINES), default="local", help=f"where to train. {where}")
    parser.add_argument("--profile", default="", metavar="CLUSTER", help="name or file of a cluster: see clusters")
    parser.add_argument("--preset", default="", help="values of options: paper, or quick to try things out")
    parser.add_argument("--folds", type=int, default=1, metavar="K", help="one network per fold of the training cases")
    parser.add_argument("--repeats", type=int, default=1, metavar="R", help="networks per fold, each with its own seed")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--dry-run", action="store_true", help="say how long it would take and how much memory; keep nothing"
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Train, or go on with a training that was interrupted."""
    recipe = get_recipe(args.recipe)
    options = recipe.resolve(settings(args.set), preset=args.preset)
    for name, given in (("folds", args.folds), ("repeats", args.repeats)):
        if not 1 <= given <= MOST:
            raise InputError(f"{given} {name} are not possible", f"option --{name}", f"give 1 to {MOST}")
    checks.seed(args.seed)
    checks.device(args.device, here=args.engine != "slurm")
    _check_where(args)
    cohort = read_cohort(args.cohort, tolerant=True, known=all_columns())
    check_parts(cohort, cohort_spec(recipe, options), folds=args.folds, seed=args.seed)
    if args.dry_run:
        _try(args, recipe, options, cohort)
    elif args.engine == "local":
        _train(args, recipe, options, cohort)
    elif args.engine == "slurm":
        from HCCAssistLib.cli.clustered import train_on_cluster

        train_on_cluster(args, lambda **more: _begin(args, options, **more))
    else:
        _begin(args, options)


def _check_where(args: argparse.Namespace) -> None:
    """Refuse a place for the model that does not go with where it is trained."""
    if (args.engine == "slurm") != bool(args.profile):
        what = "no cluster is named" if args.engine == "slurm" else "a cluster is named, and the engine is another one"
        raise InputError(what, "option --profile", "give --engine slurm and --profile together")
    if args.dry_run:
        return
    if args.engine == "local":
        if args.out is None:
            raise InputError("no folder for the model is named", "option --out", "name one")
        if args.name:
            raise InputError("the model is named as its folder", "option --name", "leave it out")
        check_name(args.out.name)
        checks.output_folder(args.out, apart_from=[args.cohort])
        return
    if args.out is not None:
        what = "the model is kept with the training until it is installed"
        raise InputError(what, "option --out", "give the model a --name instead")
    if not args.name:
        raise InputError("the model has no name", "option --name", "give it one")
    check_name(args.name)


def _begin(args: argparse.Namespace, options: Mapping[str, Value], **more: Any) -> str:
    """Hand the training to processes that go on by themselves; its id."""
    from HCCAssistLib.jobs.runs.trainings import Trainings

    begun = Trainings().begin(
        args.cohort,
        recipe=args.recipe,
        name=args.name,
        options=options,
        engine=args.engine,
        preset=args.preset,
        folds=args.folds,
        repeats=args.repeats,
        seed=args.seed,
        device=args.device,
        **more,
    )
    say(begun)
    say(f"hccassist jobs show {begun}")
    return begun


def _train(args: argparse.Namespace, recipe: Recipe, options: dict[str, Value], cohort: Cohort) -> None:
    """Train here and now."""
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


def _try(args: argparse.Namespace, recipe: Recipe, options: dict[str, Value], cohort: Cohort) -> None:
    """Say what the training would take."""
    from HCCAssistLib.training.dry_run import dry_run
    from HCCAssistLib.training.job import Job

    job = Job(
        recipe=recipe,
        options=options,
        out=Path(),
        name="try",
        seed=args.seed,
        folds=args.folds,
        repeats=args.repeats,
        device=args.device,
        workers=os.cpu_count() or 1,
    )
    for line in dry_run(cohort, job.checked(cohort)).in_words():
        say(line)
