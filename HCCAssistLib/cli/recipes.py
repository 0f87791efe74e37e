"""``hccassist recipes``: the methods there are, with what they need and their options."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import say, say_json, table
from HCCAssistLib.errors import InputError
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import Option
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.recipes.spec import Recipe


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("recipes", help="the methods and their options")
    add_json(parser)
    parser.add_argument(
        "--markdown",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="write the tables in documents anew between their marks",
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Print the registry, or write it into documents."""
    if args.markdown:
        _write(args.markdown)
    elif args.json:
        say_json({"recipes": [recipe.as_json() for recipe in RECIPES.values()]})
    else:
        for recipe in RECIPES.values():
            _print(recipe)


def _write(documents: list[Path]) -> None:
    """Every document, or none where one of them cannot be read."""
    from HCCAssistLib.files import atomic_file
    from HCCAssistLib.recipes.markdown import replaced

    texts: dict[Path, str] = {}
    for path in documents:
        try:
            texts[path] = replaced(path.read_text(encoding="utf-8"), RECIPES.values())
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("the document cannot be read", f"option --markdown {path.name}") from error
    for path, text in texts.items():
        with atomic_file(path) as part:
            part.write_text(text, encoding="utf-8")


def _print(recipe: Recipe) -> None:
    say(f"{recipe.id}: {recipe.title}\n  {recipe.paper}")
    say(f"  needs {', '.join(_needs(recipe))}")
    say(f"  {_label(recipe)}")
    for one in recipe.variables:
        low, high = one.bounds
        values = ", ".join(f"{value:g} {name}" for value, name in one.choices.items()) or f"{low:g} to {high:g}"
        say(f"  clinical value {one.column}: {one.title}, {values} {one.unit}".rstrip() + f"; missing: {one.missing}")
    for name, given in recipe.presets.items():
        values = ", ".join(f"{option}={value}" for option, value in given.items()) or "the defaults"
        say(f"  --preset {name}: {values}")
    for title, options in (("training", recipe.options), ("prediction", recipe.run_options)):
        if options:
            say(f"  --set for {title}:")
            say("    " + table(("name", "default", "choices", "meaning"), map(_row, options)).replace("\n", "\n    "))


def _needs(recipe: Recipe) -> Iterator[str]:
    """The inputs, alternatives together: ``pre/tumour (segment or roi)``."""
    for place in dict.fromkeys(map(str, recipe.inputs)):
        here = [one for one in recipe.inputs if str(one) == place]
        parts = [" or ".join(dict.fromkeys(one.modality if one.kind == "volume" else one.kind for one in here))]
        parts += [] if any(one.required for one in here) else ["optional"]
        conditions = {f"{name} {' or '.join(map(str, v))}" for one in here for name, v in one.only_with.items()}
        parts += [f"with {condition}" for condition in sorted(conditions)]
        yield f"{place} ({', '.join(parts)})"


def _label(recipe: Recipe) -> str:
    label = recipe.label
    if isinstance(label, Classes):
        named = ", ".join(f"{code} {name}" for code, name in label.names.items())
        where = "column" if label.of == "case" else "label of each finding"
        return f"learns from the {where} {label.column}: {named}"
    return f"learns from the columns {label.time} and {label.event}: early is within {label.horizon_months:g} months"


def _row(option: Option) -> tuple[object, ...]:
    bounds = f"{option.bounds[0]:g} to {option.bounds[1]:g}" if option.bounds else ""
    return option.name, option.default, ", ".join(map(str, option.choices)) or bounds, option.help
