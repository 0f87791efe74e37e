"""``hccassist demo``: every method on a synthetic case, with the models that come along; or the whole main job."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks, demo_case, demo_tour, demo_training
from HCCAssistLib.cli.console import say
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import size_on_disk
from HCCAssistLib.locks import locked
from HCCAssistLib.recipes.registry import RECIPES, get_recipe

if TYPE_CHECKING:
    from HCCAssistLib.phantoms.demo import Demo
    from HCCAssistLib.phantoms.liver.implant import Background

MOST_CASES = 10_000

LOCK = ".lock"
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
    background = _background(args.background, one)
    for folder in folders.values():
        _check_background(folder / demo_training.UNSEEN, background, args.out.name)
    args.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with locked(args.out / LOCK, "demo"):
        say("HCCAssist demo. Everything here is synthetic and says nothing about patients. Research use only.")
        if args.train:
            demo_training.run(args, folders[one], demos[one], background)
        else:
            demo_tour.run({folders[recipe]: demo for recipe, demo in demos.items()}, args.device, background)
    used = os.times()
    cpu = used.user + used.system + used.children_user + used.children_system
    took, size = time.monotonic() - began, size_on_disk(args.out) / 1e6
    say()
    say(f"took {took:.0f} s, and {cpu:.0f} s of processor time; {size:.0f} MB of disk in {args.out}")
    if not args.train:
        demo_tour.say_more(demos, args.out)


def _settle_size(args: argparse.Namespace, demo: Demo) -> None:
    cases, epochs = demo.short or (demo.cases, demo.epochs)
    args.cases = cases if args.cases is None else args.cases
    args.epochs = epochs if args.epochs is None else args.epochs
    checks.number(args.cases, demo.least_cases, MOST_CASES, "option --cases")
    checks.number(args.epochs, 1, 1000, "option --epochs")


def _is_demo(folder: Path) -> bool:
    """Whether a folder holds nothing but what a demo writes."""
    names = {LOCK, *RECIPES, *(f"{recipe}{TRAINED}" for recipe in RECIPES)}
    return all(path.name in names or checks.is_of_the_system(path.name) for path in folder.iterdir())


def _background(ct: Path | None, recipe: str) -> Background | None:
    """The real CT to implant lesions into, or None; it is prepared here, so that an unsuitable one is told at once.

    Raises:
        InputError: not a CT with a liver.
    """
    if ct is None:
        return None
    from HCCAssistLib.dicom.volume import read_volume
    from HCCAssistLib.phantoms.cohort import phantoms_of
    from HCCAssistLib.phantoms.liver.implant import Background

    phantoms_of(get_recipe(recipe).package).check_background()
    return Background(read_volume(ct, name="background"))


def _check_background(unseen: Path, background: Background | None, out: str) -> None:
    """Refuse to go on with a demo of another background.

    Raises:
        InputError: an earlier run in the same folder had one.
    """
    if not unseen.exists():
        return
    before = demo_case.the_case(unseen).values.get("background", "")
    if before != (background.label if background else ""):
        what, remedy = "this is a demo with another background", "choose a new folder"
        raise InputError(what, f"option --out {out}", remedy)
