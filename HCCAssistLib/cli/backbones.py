"""``hccassist backbones``: the frozen networks that models refer to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import say, say_json, table
from HCCAssistLib.errors import InputError
from HCCAssistLib.models.backbones.store import SHORT, Backbone, BackboneStore, default_backbones


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "backbones", help="list, show, install or remove the frozen networks that models refer to"
    )
    parser.add_argument("action", choices=("list", "show", "install", "remove"))
    parser.add_argument(
        "backbone",
        nargs="?",
        help="name or sha256 of a backbone; for install a folder or .tgz of a TensorFlow.js ResNet-50, a torchvision "
        ".pth, or a backbone's .safetensors",
    )
    parser.add_argument("--store", type=Path, help="folder of the installed backbones")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Do one thing with the store."""
    store = BackboneStore(args.store or default_backbones())
    if store.folder.exists() and not store.folder.is_dir():
        raise InputError("this is a file, not a folder of backbones", f"option --store {store.folder.name}")
    if args.action == "list":
        if args.backbone:
            raise InputError("backbones list takes no name", remedy=f"write backbones show {args.backbone}")
        _list(store.entries(), as_json=args.json)
        return
    if not args.backbone:
        raise InputError(f"backbones {args.action} needs the name of a backbone")
    if args.action == "remove":
        removed = store.remove(args.backbone)
        if args.json:
            say_json({"removed": removed.name})
        else:
            say(f"removed {removed.name}; models that refer to it ask for it from now on")
        return
    found = store.install(Path(args.backbone)) if args.action == "install" else store.get(args.backbone)
    if args.json:
        say_json({"backbone": _json(found), "file": str(found.path)})
    else:
        say("\n".join([found.name, *(f"  {heading}: {text}" for heading, text in _rows(found))]))


def _list(entries: tuple[Backbone, ...], *, as_json: bool) -> None:
    good = [one for one in entries if one.description is not None]
    refused = [one for one in entries if one.description is None]
    if as_json:
        bad = [{"name": one.name, "reason": one.reason} for one in refused]
        say_json({"backbones": [_json(one) for one in good], "refused": bad})
        return
    rows = [
        (one.name, one.description.variant.title, one.description.licence or "not stated", one.sha256[:SHORT])
        for one in good
        if one.description is not None
    ]
    say(table(("name", "variant", "licence", "sha256"), rows) if rows else "no backbones are installed")
    for one in refused:
        say(f"{one.name} cannot be used: {one.reason}")


def _json(one: Backbone) -> dict[str, Any]:
    told = one.description.as_json() if one.description is not None else {}
    return {**told, "name": one.name, "sha256": one.sha256}


def _rows(one: Backbone) -> list[tuple[str, str]]:
    rows = [("sha256", one.sha256)]
    if one.description is not None:
        told = one.description
        rows += [("network", "ResNet-50"), ("variant", told.variant.title), ("source", told.source)]
        rows += [("licence", told.licence or "not stated")]
    return rows
