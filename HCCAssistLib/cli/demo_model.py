"""``hccassist demo-model``: a demonstration model as it comes along, made again from phantoms alone."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.console import Progress, say, table
from HCCAssistLib.recipes.registry import RECIPES, get_recipe

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.evaluated import Evaluation
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.phantoms.demo import Demo

HELD_OUT = "held-out phantoms"
LICENCE = "Apache-2.0"


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "demo-model", help="make a demonstration model again, as it comes along: minutes on one core"
    )
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--out", type=checks.folder, required=True, metavar="DIR", help="folder of the model package")
    return parser


def run(args: argparse.Namespace) -> None:
    """Make phantoms, train on them on one thread, evaluate, and write the package."""
    checks.output_folder(args.out)
    from HCCAssistLib.phantoms.demo import demo_of

    package, rows = make(args.recipe, demo_of(get_recipe(args.recipe).package), args.out)
    say(table(("level", "figure", "estimate", "95 % interval", "n"), rows))
    size = sum(path.stat().st_size for path in args.out.iterdir())
    say(f"{package.card.name} ({size / 1e6:.1f} MB) in {args.out}; it says nothing about patients")


def make(recipe_id: str, demo: Demo, out: Path) -> tuple[ModelPackage, list[tuple[str, ...]]]:
    """The package, and its figures on held-out phantoms as rows of a table.

    On one thread of a CPU, where training is in 32 bits, the same kind of processor comes to the very same weights.
    """
    from HCCAssistLib.cli.demo_training import phantoms_to_train, trained
    from HCCAssistLib.cli.evaluate import summary
    from HCCAssistLib.files import temporary_folder
    from HCCAssistLib.inference.loaded_model import load_model
    from HCCAssistLib.models.store import DEMONSTRATION

    recipe, name = get_recipe(recipe_id), DEMONSTRATION.format(recipe=recipe_id)
    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(beside=out) as scratch, _one_thread():
        cohort = phantoms_to_train(recipe, demo, scratch / "cohort", demo.cases, Progress("1/3 phantoms"))
        package = trained(
            recipe,
            demo,
            cohort,
            scratch / "model",
            dict(demo.shipped),
            name=name,
            device="cpu",
            progress=Progress("2/3 training"),
        )
        progress = Progress("3/3 evaluation")
        found = recipe.module("evaluation").evaluate(cohort, load_model(package), {}, progress=progress)
        progress("done", 1.0)
        return _with_figures(package, found, demo, out), summary(found)


def _with_figures(package: ModelPackage, found: Evaluation, demo: Demo, out: Path) -> ModelPackage:
    """The package with a card that tells how well it did, and how it is made again."""
    from HCCAssistLib.files import atomic_folder, write_json
    from HCCAssistLib.models.model_card import sealed
    from HCCAssistLib.models.package import read_package

    card = package.card
    figures: dict[str, Any] = {}
    for level, estimate in found.summary():
        named = f"{HELD_OUT}, {level}: {estimate.name}"
        figures[named] = replace(estimate, name=named).as_json()
    about = {"phantoms": demo.cases, "command": f"hccassist demo-model {card.recipe}"}
    told = replace(card, metrics={**figures, **card.metrics}, training={**card.training, **about}, licence=LICENCE)
    with atomic_folder(out) as part:
        for name in card.files:
            shutil.copyfile(package.folder / name, part / name)
        write_json(part / "model.json", sealed(told.as_json()))
    return read_package(out, recipe=card.recipe)


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
