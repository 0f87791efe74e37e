"""What the command says: results on stdout, progress and warnings on stderr."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from HCCAssistLib.errors import InputError, Problem

_standing = False
"""Whether a line of progress stands on the terminal, without an end of line."""


def say(text: str = "") -> None:
    """A line for the person, on stdout."""
    clear_progress()
    _write(f"{text}\n", sys.stdout)


def as_argument(path: Path) -> str:
    """A path as it is typed in a terminal, for a command that is printed to be copied."""
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline([str(path)])
    return shlex.quote(str(path))


def own_command() -> str:
    """How this command is called: by its name, or as it was called now where the name is not known to the shell."""
    called = Path(sys.argv[0])
    return as_argument(called) if called.stem == "hccassist" and not shutil.which("hccassist") else "hccassist"


def say_json(data: Any) -> None:
    """The one JSON object of a command run with ``--json``; JSON has no NaN, so an unknown number is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    say(json.dumps(plain(data), indent=2, allow_nan=False))


def complain(line: str) -> None:
    """A line about a fault, on stderr."""
    clear_progress()
    _write(f"{line}\n", sys.stderr)


def warn(problems: Iterable[Problem]) -> None:
    """Warnings on stderr, one line each."""
    for problem in problems:
        complain(f"warning: {problem}")


def clear_progress() -> None:
    """Make room where a line of progress stands, so that nothing is glued to it."""
    global _standing
    if _standing:
        _standing = False
        _write("\r\x1b[K", sys.stderr)


def print_anything() -> None:
    """Let any file name be written to any terminal; what it cannot show comes out escaped."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


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
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise InputError(f"{text!r} is not a setting", "option --set", "write --set name=value")
        if name in found:
            raise InputError(f"{name} is given twice", "option --set", "give each name once")
        found[name] = value
    return found


class Progress:
    """One line of progress on stderr with the time that is left; a new line at most every few seconds in a log."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self.title = title
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self.began = time.monotonic()
        self.last_written = 0.0
        self.last = ""

    def __call__(self, what: str, done: float) -> None:
        """Report what is being done, and how much of the whole is done (0 to 1)."""
        global _standing
        now = time.monotonic()
        finished = done >= 1.0
        if self.quiet or (not finished and now - self.last_written < (0.1 if self.terminal else 5.0)):
            return
        self.last_written = now
        elapsed = now - self.began
        if finished:
            left = f"{elapsed:.0f} s"
        else:
            left = f"about {elapsed / done - elapsed:.0f} s left" if done > 0.02 and elapsed > 2 else ""
        line = f"{self.title}: {100 * done:3.0f} %  {what}  {left}".rstrip()
        if line == self.last:
            return
        self.last = line
        if not self.terminal:
            _write(f"{line}\n", sys.stderr)
            return
        width = shutil.get_terminal_size().columns - 1  # of a line that wraps only the end could be cleared
        _standing = not finished
        _write(f"\r\x1b[K{line[:width]}" + ("\n" if finished else ""), sys.stderr)

    def part(self, done: float) -> None:
        """Report how much is done where there is only one thing being done."""
        self("", done)


def _write(text: str, stream: TextIO) -> None:
    """Say it now. Whoever stopped listening (``| head``) does not stop the work."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
