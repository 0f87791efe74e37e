"""``hccassist recipes``: the methods there are, with their options."""

from __future__ import annotations

import argparse

from HCCAssistLib.cli.console import say, say_json, table
from HCCAssistLib.recipes.options import Option
from HCCAssistLib.recipes.registry import RECIPES


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("recipes", help="the methods and their options")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def run(args: argparse.Namespace) -> None:
    """Print the registry."""
    if args.json:
        say_json({"recipes": [recipe.as_json() for recipe in RECIPES.values()]})
        return
    for recipe in RECIPES.values():
        say(f"{recipe.id}: {recipe.title}\n  {recipe.paper}")
        say(f"  needs {', '.join(f'{need}' + ('' if need.required else ' (optional)') for need in recipe.inputs)}")
        for title, options in (("training", recipe.options), ("prediction", recipe.run_options)):
            say(f"  --set for {title}:")
            say("    " + table(("name", "default", "choices", "meaning"), map(_row, options)).replace("\n", "\n    "))


def _row(option: Option) -> tuple[object, ...]:
    bounds = f"{option.bounds[0]:g} to {option.bounds[1]:g}" if option.bounds else ""
    return option.name, option.default, ", ".join(map(str, option.choices)) or bounds, option.help
