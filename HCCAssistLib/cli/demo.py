"""``hccassist demo``: every method on a synthetic case, with the models that come along; or the whole main job."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks, demo_training
from HCCAssistLib.cli.console import Progress, say
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import size_on_disk
from HCCAssistLib.locks import locked
from HCCAssistLib.recipes.registry import RECIPES, get_recipe

if TYPE_CHECKING:
    from HCCAssistLib.phantoms.demo import Demo
    from HCCAssistLib.phantoms.liver.implant import Background

MOST_CASES = 10_000

UNSEEN, RESULT, LOCK = "unseen", "result", ".lock"
TRAINED = "-trained"
"""Behind the recipe in the name of the folder in which a model was trained."""

STOPPED = "Run the same command again to go on."


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "demo", help="every method on a synthetic case, with the models that come along; with --train the whole job"
    )
    parser.add_argument("--recipe", choices=RECIPES, help="one method; all if left out, the first with --train")
    parser.add_argument("--out", type=checks.folder, default="demo", metavar="DIR", help="where everything is written")
    parser.add_argument("--background", type=Path, metavar="CT", help="look in this real CT with implanted lesions")
    parser.add_argument("--train", action="store_true", help="train on phantoms and evaluate, too: minutes")
    parser.add_argument("--cases", type=int, metavar="N", help="phantoms to train and test on, with --train")
    parser.add_argument("--epochs", type=int, metavar="E", help="epochs of training at most, with --train")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def run(args: argparse.Namespace) -> None:
    """Do everything and say where to look; a second run in the same folder uses what is there."""
    from HCCAssistLib.evaluation.optional import check_reports
    from HCCAssistLib.phantoms.demo import demo_of

    first = next(iter(RECIPES))
    one = args.recipe or (first if args.train or args.background else "")
    recipes = [one] if one else list(RECIPES)
    demos = {recipe: demo_of(get_recipe(recipe).package) for recipe in recipes}
    folders = {recipe: args.out / f"{recipe}{TRAINED if args.train else ''}" for recipe in recipes}
    if args.train:
        args.recipe = one
        _settle_size(args, demos[one])
    elif args.cases is not None or args.epochs is not None:
        what = "--cases" if args.cases is not None else "--epochs"
        raise InputError("only a training has a size", f"option {what}", "add --train")
    checks.device(args.device)
    check_reports()
    checks.output_folder(args.out, apart_from=filter(None, [args.background]), accept=_is_demo)
    if args.train:
        demo_training.check_what_is_there(folders[one], one, cases=args.cases, epochs=args.epochs)
    background = _background(args.background, one, folders[recipes[0]] / UNSEEN, args.out)
    args.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with locked(args.out / LOCK, "demo"):
        say("HCCAssist demo. Everything here is synthetic and says nothing about patients. Research use only.")
        if args.train:
            demo_training.run(args, folders[one], demos[one], background)
        else:
            for number, recipe in enumerate(recipes, 1):
                step = f"{number}/{len(recipes)} {recipe}"
                _show(recipe, demos[recipe], folders[recipe], step, args.device, background)
    _say_cost(args.out, time.monotonic() - began)
    if not args.train:
        _say_more(demos)


def _settle_size(args: argparse.Namespace, demo: Demo) -> None:
    cases, epochs = demo.short or (demo.cases, demo.epochs)
    args.cases = cases if args.cases is None else args.cases
    args.epochs = epochs if args.epochs is None else args.epochs
    checks.number(args.cases, demo.least_cases, MOST_CASES, "option --cases")
    checks.number(args.epochs, 1, 1000, "option --epochs")


def _is_demo(folder: Path) -> bool:
    """Whether a folder holds nothing but what a demo writes."""
    names = {LOCK, *RECIPES, *(f"{recipe}{TRAINED}" for recipe in RECIPES)}
    return all(path.name in names for path in folder.iterdir())


def _background(ct: Path | None, recipe: str, unseen: Path, out: Path) -> Background | None:
    """The real CT to implant lesions into, or None; it is prepared here, so that an unsuitable one is told at once.

    Raises:
        InputError: not a CT with a liver, or another one than in an earlier run in the same folder.
    """
    from HCCAssistLib.cohort.cohort import read_cohort

    found = None
    if ct is not None:
        from HCCAssistLib.dicom.volume import read_volume
        from HCCAssistLib.phantoms.cohort import phantoms_of
        from HCCAssistLib.phantoms.liver.implant import Background

        phantoms_of(get_recipe(recipe).package).check_background()
        found = Background(read_volume(ct, name="background"))
    if unseen.exists():
        before = read_cohort(unseen).cases[0].values.get("background", "")
        if before != (found.label if found else ""):
            what, where = "this is a demo with another background", f"option --out {out.name}"
            raise InputError(what, where, "choose a new folder")
    return found


def _show(recipe_id: str, demo: Demo, folder: Path, step: str, device: str, background: Background | None) -> None:
    """Apply the model that comes along for a method to one phantom, and write everything that is known of it."""
    from HCCAssistLib.cli import demo_case
    from HCCAssistLib.evaluation.case_report import CaseReport
    from HCCAssistLib.files import atomic_folder
    from HCCAssistLib.inference.loaded_model import choose_device, load_model
    from HCCAssistLib.models.store import shipped_model
    from HCCAssistLib.training.evaluation_report import add_model

    recipe = get_recipe(recipe_id)
    say()
    say(f"{recipe.title}")
    progress = Progress(step)
    progress("synthetic case", 0.0)
    if (folder / UNSEEN).exists():
        say(f"reused    {folder / UNSEEN}, the case of an earlier run; its result is made anew")
    case = demo_case.unseen_case(recipe, demo, folder / UNSEEN, background)
    model = load_model(shipped_model(recipe_id), device=choose_device(device))
    shown = demo_case.show(case, model, demo, progress=lambda done: progress("computing", 0.2 + 0.5 * done))
    progress("pictures", 0.7)
    pages = CaseReport(recipe.title, subtitle=f"model {model.package.card.name}, unseen synthetic case {case.case_id}")
    pages.add_warnings(shown.result.warnings)
    pages.add_text(f"{shown.sentence[:1].upper()}{shown.sentence[1:]}.")
    with atomic_folder(folder / RESULT) as part:
        demo_case.add_to_report(pages, shown, demo_case.write(shown, part))
        add_model(pages, model)
        pages.write(part)
    progress("done", 1.0)
    shown.say()
    demo_case.say_files(folder / RESULT)


def _say_cost(folder: Path, seconds: float) -> None:
    used = os.times()
    cpu = used.user + used.system + used.children_user + used.children_system
    say()
    say(f"took {seconds:.0f} s, and {cpu:.0f} s of CPU time; {size_on_disk(folder) / 1e6:.0f} MB in {folder}")


def _say_more(demos: dict[str, Demo]) -> None:
    """What takes longer, and is left to the person."""
    say()
    say("What can follow:")
    for recipe in demos:
        say(f"  hccassist demo --train --recipe {recipe}   phantoms, training, evaluation, report")
