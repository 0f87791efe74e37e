"""``~/.ssh/config`` with the files that it includes, which paramiko leaves out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from HCCAssistLib.errors import InputError

DEEPEST = 16
"""Files within files, as OpenSSH has it."""

LINE = re.compile(r"\s*(?P<word>\w+)\s*[\s=]\s*(?P<rest>.*)")


def included_lines(path: Path, base: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a file, and those of others in the place of each ``Include``.

    What is included ends where its file ends: the block that it stands in is begun again after it.

    Args:
        path: of the file.
        base: folder, usually ``~/.ssh``, of those that are named without one.
        depth: of this file below the first one.

    Raises:
        InputError: files include each other, or one with ``Host`` or ``Match`` is included within such a block, which
            cannot be told in one list of lines.
        OSError: a file cannot be read.
    """
    if depth > DEEPEST:
        raise InputError("files include each other", "~/.ssh/config", "take a line with Include away")
    block = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        found = LINE.match(line)
        word = found["word"].lower() if found else ""
        if word in ("host", "match"):
            block = line
        if not found or word != "include":
            yield line
            continue
        lines = [more for file in _files(base, found["rest"]) for more in included_lines(file, base, depth + 1)]
        if any((one := LINE.match(more)) and one["word"].lower() in ("host", "match") for more in lines):
            if block:
                raise InputError(
                    "a file with lines of Host is included below another Host or Match",
                    "~/.ssh/config",
                    "put this Include before the first Host",
                )
            lines.append("Host *")
        yield from lines


def _files(base: Path, rest: str) -> Iterator[Path]:
    for pattern in shlex.split(rest, comments=True):
        whole = Path(pattern).expanduser()
        place = Path(whole.anchor) if whole.is_absolute() else base
        yield from filter(Path.is_file, sorted(place.glob(str(whole.relative_to(whole.anchor)))))
