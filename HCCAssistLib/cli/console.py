"""What the command says: results on stdout, progress and warnings on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from HCCAssistLib.errors import InputError, Problem


def say(text: str = "") -> None:
    """A line for the person, on stdout."""
    print(text)  # noqa: T201


def say_json(data: Any) -> None:
    """The one JSON object of a command run with ``--json``."""
    print(json.dumps(data, indent=2, allow_nan=False))  # noqa: T201


def warn(problems: Iterable[Problem]) -> None:
    """Warnings on stderr, one line each."""
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)  # noqa: T201


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns padded to their widest cell."""
    cells = [list(map(str, header)), *(list(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def settings(given: Sequence[str]) -> dict[str, str]:
    """The values of ``--set name=value``.

    Raises:
        InputError: not of that form, or a name given twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name or name in found:
            raise InputError(f"{text!r} is not a setting", "option --set", "write --set name=value, each name once")
        found[name] = value
    return found


class Progress:
    """One line of progress on stderr with the time that is left; a new line at most every few seconds in a log."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self.title = title
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self.began = time.monotonic()
        self.said = 0.0
        self.last = ""

    def __call__(self, what: str, done: float) -> None:
        """Report what is being done, and how much of the whole is done (0 to 1)."""
        now = time.monotonic()
        finished = done >= 1.0
        if self.quiet or (not finished and now - self.said < (0.1 if self.terminal else 5.0)):
            return
        self.said = now
        elapsed = now - self.began
        if finished:
            left = f"{elapsed:.0f} s"
        else:
            left = f"about {elapsed / done - elapsed:.0f} s left" if done > 0.02 and elapsed > 2 else ""
        line = f"{self.title}: {100 * done:3.0f} %  {what}  {left}".rstrip()
        if line == self.last:
            return
        self.last = line
        if self.terminal:
            sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if finished else ""))
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def part(self, done: float) -> None:
        """Report how much is done where there is only one thing being done."""
        self("", done)
