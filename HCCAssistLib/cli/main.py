"""Entry point: parses, runs one subcommand, and turns every failure into one line and an exit status.

Exit status 0: done. 1: the work failed. 2: bad input or usage.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from HCCAssistLib import __version__

COMMANDS = (
    "demo",
    "demo_model",
    "recipes",
    "phantom",
    "check",
    "check_series",
    "import_cohort",
    "train",
    "predict",
    "view",
    "evaluate",
    "compare",
    "jobs",
    "next",
    "learning_curve",
    "models",
    "backbones",
    "readers",
    "margin",
    "clusters",
)
"""Modules of this package, imported within ``main``: until then nobody answers to Ctrl-C."""


class _Parser(argparse.ArgumentParser):
    """Says usage errors in one line, and takes an option only once and only under its full name."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        for name in (None, "store"):
            self.register("action", name, _Once)

    def error(self, message: str) -> NoReturn:
        from HCCAssistLib.cli.console import complain

        complain(f"{self.prog}: {message}. See {self.prog} --help.")
        raise SystemExit(2)


class _Once(argparse._StoreAction):
    """An option of which the last one would win in silence."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        given = vars(namespace).setdefault("given", set())
        if option_string and self.dest in given:
            raise argparse.ArgumentError(self, "given twice")
        given.add(self.dest)
        super().__call__(parser, namespace, values, option_string)


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The command line: with the subcommand that comes first among the arguments, or with all where none does.

    A refusal waits for what is imported, and the other subcommands are half a second of it.
    """
    top = _Parser(
        prog="hccassist",
        description="Deep-learning methods for hepatocellular carcinoma. Research use only: not for diagnosis.",
    )
    top.add_argument("--version", action="version", version=f"hccassist {__version__}")
    subcommands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    names = {name.replace("_", "-"): name for name in COMMANDS}
    asked = [names[word] for word in arguments[:1] if word in names]
    for name in asked or COMMANDS:
        command = importlib.import_module(f"HCCAssistLib.cli.{name}")
        sub = command.add(subcommands)
        sub.add_argument("--debug", action="store_true", help="show a traceback when something fails")
        sub.set_defaults(run=command.run, stopped=getattr(command, "STOPPED", "Nothing half-written was left."))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    from HCCAssistLib.cli.console import print_anything
    from HCCAssistLib.cli.process import silence_resource_tracker, tune
    from HCCAssistLib.cli.stopping import stoppable
    from HCCAssistLib.files import remove_unfinished

    args = argparse.Namespace(command="", debug=False, stopped="")
    print_anything()
    stopped = False
    with stoppable(lambda: _stopped(args)) as was_asked:
        try:
            parser(sys.argv[1:] if arguments is None else arguments).parse_args(arguments, args)
            tune()
            silence_resource_tracker()
            return int(args.run(args) or 0)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 2
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt) or was_asked()
            return _stopped(args) if stopped else _fail(args, error)
        finally:
            remove_unfinished()
            if arguments is None:  # a process of its own
                if stopped:
                    os._exit(1)  # to take PyTorch down can last seconds
                gc.freeze()  # at its end nobody need search all that PyTorch made for garbage


def _fail(args: argparse.Namespace, error: BaseException) -> int:
    """Say what happened, a line for each problem; the exit status."""
    from HCCAssistLib.cli.console import complain
    from HCCAssistLib.errors import HCCAssistError, InputError, is_out_of_memory
    from HCCAssistLib.files import disk_fault

    if args.debug:
        traceback.print_exception(error)
    if isinstance(error, HCCAssistError):
        message = str(error)
    elif is_out_of_memory(error):
        message = "there is not enough memory. Close other programs, and try again."
    elif isinstance(error, OSError):
        message = disk_fault(error)
    else:  # a fault of ours must not show a stranger a traceback
        message = f"internal error ({type(error).__name__}: {error}). Run with --debug and report it."
    for line in message.splitlines():
        complain(f"hccassist {args.command}: {line}")
    return 2 if isinstance(error, InputError) else 1


def _stopped(args: argparse.Namespace) -> int:
    from HCCAssistLib.cli.console import complain

    complain(" ".join(filter(None, ["hccassist", args.command])) + f": stopped. {args.stopped}".rstrip())
    return 1


if __name__ == "__main__":
    sys.exit(main())
