"""Options that several subcommands have in common, each defined once."""

from __future__ import annotations

import argparse


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``: the answer for a program."""
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """``--set``, ``--device`` and ``--json`` of a subcommand that runs models."""
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="an option of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    add_json(parser)


def add_model(parser: argparse.ArgumentParser) -> None:
    """``--model`` of a subcommand that runs one model."""
    parser.add_argument("--model", required=True, help="folder of a model package, or the name of an installed one")
