"""Entry point: parses, runs one subcommand, and turns every failure into one line and an exit status.

Exit status 0: done. 1: the work failed. 2: bad input or usage.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from HCCAssistLib import __version__
from HCCAssistLib.cli import demo, evaluate, models, phantom, predict, recipes, train
from HCCAssistLib.cli.process import tune
from HCCAssistLib.errors import Cancelled, HCCAssistError, InputError

COMMANDS = (demo, recipes, phantom, train, predict, evaluate, models)


class _Parser(argparse.ArgumentParser):
    """Says usage errors in one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}. See {self.prog} --help.", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """The command line with all its subcommands."""
    top = _Parser(
        prog="hccassist",
        description="Deep-learning methods for hepatocellular carcinoma. Research use only: not for diagnosis.",
    )
    top.add_argument("--version", action="version", version=f"hccassist {__version__}")
    subcommands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for command in COMMANDS:
        sub = command.add(subcommands)
        sub.add_argument("--debug", action="store_true", help="show a traceback when something fails")
        sub.set_defaults(run=command.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    try:
        args = parser().parse_args(arguments)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    tune()
    try:
        return int(args.run(args) or 0)
    except KeyboardInterrupt:
        return _fail(args, "stopped by the keyboard", 1)
    except InputError as error:
        return _fail(args, str(error), 2)
    except (HCCAssistError, Cancelled) as error:
        return _fail(args, str(error), 1)
    except MemoryError:
        return _fail(args, "this computer ran out of memory. Close other programs, or choose a smaller region.", 1)
    except OSError as error:
        return _fail(args, f"{error.strerror or error}: {error.filename or ''}. Check the disk and the folder.", 1)
    except Exception as error:  # a fault of ours must not show a stranger a traceback
        return _fail(args, f"internal error ({type(error).__name__}: {error}). Run with --debug and report it.", 1)


def _fail(args: argparse.Namespace, message: str, status: int) -> int:
    if args.debug:
        traceback.print_exc()
    for line in message.splitlines():
        print(f"hccassist {args.command}: {line}", file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())
