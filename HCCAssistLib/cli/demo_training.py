"""``hccassist demo --train``: the main job, start to end: phantoms, training, evaluation, an unseen case."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli.console import Progress, as_argument, own_command, say, table
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.wording import plural

if TYPE_CHECKING:
    from HCCAssistLib.cohort.cohort import Cohort
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.phantoms.demo import Demo
    from HCCAssistLib.phantoms.liver.implant import Background

SEED = 7

COHORT, MODEL, UNSEEN, RESULT = "cohort", "model", "unseen", "result"


def check_what_is_there(folder: Path, recipe: str, *, cases: int, epochs: int) -> None:
    """Refuse to go on with a demo of another size.

    Raises:
        InputError: the folder holds one.
    """
    where, remedy = f"option --out {folder.parent.name}", "choose a new folder"
    if (folder / COHORT).exists():
        there = len(read_cohort(folder / COHORT).cases)
        if there != cases:
            raise InputError(f"this is a demo of {there} cases, not of {cases}", where, remedy)
    if (folder / MODEL).exists():
        from HCCAssistLib.models.package import read_package

        trained = read_package(folder / MODEL, recipe=recipe).card.options["epochs"]
        if trained != epochs:
            raise InputError(f"this is a demo of {trained} epochs, not of {epochs}", where, remedy)


def phantoms_to_train(recipe: Recipe, demo: Demo, folder: Path, cases: int, progress: Progress) -> Cohort:
    """The cohort of phantoms that a model of a demo is trained and tested on, unless it is there already."""
    from HCCAssistLib.phantoms.cohort import phantoms_of, write_cohort

    if not folder.exists():
        phantoms = phantoms_of(recipe.package)
        write_cohort(
            replace(phantoms, split=demo.split or phantoms.split),
            folder,
            cases=cases,
            seed=SEED,
            field="liver",
            workers=os.cpu_count() or 1,
            progress=progress.part,
        )
    return read_cohort(folder)


def trained(
    recipe: Recipe,
    demo: Demo,
    cohort: Cohort,
    folder: Path,
    options: dict[str, Any],
    *,
    name: str,
    device: str,
    progress: Progress,
) -> ModelPackage:
    """A model of that cohort, unless it is there already.

    Args:
        recipe: of the method.
        demo: of the method.
        cohort: of ``phantoms_to_train``.
        folder: of the package.
        options: that differ from those of the demo.
        name: of the model.
        device: to train on.
        progress: of the training.
    """
    from HCCAssistLib.models.package import read_package
    from HCCAssistLib.training.job import Job
    from HCCAssistLib.training.run import train

    if folder.exists():
        return read_package(folder, recipe=recipe.id)
    resolved = recipe.resolve({**demo.training, **options})
    workers = os.cpu_count() or 1
    job = Job(recipe, resolved, folder, name=name, seed=SEED, folds=demo.folds, device=device, workers=workers)
    package, _ = train(cohort, job, progress=progress)
    return package


def run(args: argparse.Namespace, folder: Path, demo: Demo, background: Background | None) -> None:
    """Everything of one method, in a folder that is locked; what is there is used again."""
    from HCCAssistLib.cli import demo_case
    from HCCAssistLib.cli.evaluate import row, summary
    from HCCAssistLib.files import atomic_folder
    from HCCAssistLib.inference.loaded_model import choose_device, load_model

    recipe, device = get_recipe(args.recipe), choose_device(args.device)
    if args.cases < demo.cases or args.epochs < demo.epochs:
        epochs = f"{args.epochs} {plural('epoch', args.epochs)}"
        say(f"A short training: {args.cases} phantoms, {epochs}. The demonstration model, which finds more, had")
        say(f"{demo.cases} and {demo.epochs}: --cases {demo.cases} --epochs {demo.epochs}, if you can wait.")
    for what in (COHORT, MODEL, UNSEEN):
        if (folder / what).exists():
            say(f"reused    {folder / what}, of an earlier run")
    cohort = phantoms_to_train(recipe, demo, folder / COHORT, args.cases, Progress("1/4 phantoms"))
    package = trained(
        recipe,
        demo,
        cohort,
        folder / MODEL,
        {"epochs": args.epochs},
        name=f"{recipe.id}-demo",
        device=device,
        progress=Progress("2/4 training"),
    )
    model = load_model(package, device=device)

    progress = Progress("3/4 evaluation")
    found = recipe.module("evaluation").evaluate(cohort, model, {}, progress=progress)
    pages = recipe.module("report").report(found, model, title=demo.title)
    rows = [*summary(found), *(row(*one) for one in demo.evidence(pages, cohort, model, found))]
    progress("done", 1.0)

    case = demo_case.unseen_case(recipe, demo, folder / UNSEEN, background)
    shown = demo_case.show(case, model, demo, progress=Progress(f"4/4 {recipe.task}").part)
    pages.add_heading(f"Unseen case {case.case_id}")
    pages.add_text(
        f"One more synthetic case, in no split of the cohort, with other settings of the run: {shown.sentence}."
    )
    with atomic_folder(folder / RESULT) as part:
        demo_case.add_to_report(pages, shown, demo_case.write(shown, part))
        pages.write(part)

    say()
    say(table(("level", "figure", "estimate", "95 % interval", "n"), rows))
    say()
    shown.say()
    demo_case.say_files(folder / RESULT)
    say(f"model     {folder / MODEL} (install it with: {own_command()} models install {as_argument(folder / MODEL)})")
