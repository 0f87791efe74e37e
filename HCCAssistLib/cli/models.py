"""``hccassist models``: the installed models."""

from __future__ import annotations

import argparse
from pathlib import Path

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import say, say_json, table, warn
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import size_on_disk
from HCCAssistLib.models.card import card_rows
from HCCAssistLib.models.caveats import model_warnings, trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.models.store import ModelStore, default_store, find_model
from HCCAssistLib.results.cutoff import cutoff_value

COLUMNS = ("name", "recipe", "cut-off", "trained on", "size")


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("models", help="list, show, install or remove models")
    parser.add_argument("action", choices=("list", "show", "install", "remove"))
    parser.add_argument(
        "model",
        nargs="?",
        help="name of a model; for show, the folder of a package, too; for install its folder or .zip",
    )
    parser.add_argument("--store", type=Path, help="folder of the installed models")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Do one thing with the store."""
    store = ModelStore(args.store or default_store())
    if store.folder.exists() and not store.folder.is_dir():
        raise InputError("this is a file, not a folder of models", f"option --store {store.folder.name}")
    if args.action == "list":
        if args.model:
            raise InputError("models list takes no name", remedy=f"write models show {args.model}")
        _list(store, as_json=args.json)
        return
    if not args.model:
        raise InputError(f"models {args.action} needs the name of a model")
    if args.action == "remove":
        store.remove(args.model)
        if args.json:
            say_json({"removed": args.model})
        else:
            say(f"removed {args.model}")
        return
    package = store.install(Path(args.model)) if args.action == "install" else find_model(args.model, store)
    if args.json:
        warnings = [str(warning) for warning in model_warnings(package.card)]
        say_json({"model": package.card.as_json(), "folder": str(package.folder), "warnings": warnings})
    else:
        say(_card(package))
        warn(model_warnings(package.card))


def _list(store: ModelStore, *, as_json: bool) -> None:
    good, bad = store.packages()
    along = [entry for entry in store.offered() if entry.comes_along and entry.card]
    if as_json:
        say_json(
            {
                "models": [package.card.as_json() for package in good],
                "refused": [{"name": refused.name, "reason": refused.reason} for refused in bad],
                "come_along": [entry.card.as_json() for entry in along if entry.card],
            }
        )
        return
    rows = [_row(package.card, size_on_disk(package.folder)) for package in good]
    say(table(COLUMNS, rows) if rows else "no models are installed")
    for refused in bad:
        say(f"{refused.name} cannot be used: {refused.reason}")
    if along:
        say()
        say("demonstration models that come along, until one of the same recipe is installed:")
        say(table(COLUMNS, [_row(entry.card, entry.size) for entry in along if entry.card]))


def _row(card: ModelCard, size: int) -> tuple[str, ...]:
    cutoff = cutoff_value(card.default_cutoff) if card.default_cutoff else "none"
    return card.name, card.recipe, cutoff, trained_on(card.training) or "not stated", f"{size / 1e6:.1f} MB"


def _card(package: ModelPackage) -> str:
    lines = [package.card.name]
    for heading, text in card_rows(package.card, full=True)[1:]:
        lines += [f"  {heading}: {text}"] if "\n" not in text else [f"  {heading}:", *_indented(text)]
    return "\n".join(lines)


def _indented(text: str) -> list[str]:
    """The lines of a text, moved to the right."""
    return [f"    {line}" for line in text.splitlines()]
