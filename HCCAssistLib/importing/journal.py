"""What was found so far, beside the cohort and for its owner alone: a scan that was interrupted goes on from here."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json
from HCCAssistLib.importing.series import Found, Series

FORMAT = "hccassist-import/1"
ONLY_OWNER = 0o600
_BYTES = getattr(os, "O_BINARY", 0)
"""Windows would turn the ends of lines into its own."""


class Journal:
    """Lines of JSON, one for each portion of files that was looked at; of one portion the last line counts.

    Args:
        path: of the file; it is made where it is not there.
        salt: of the hashes in it.

    Attributes:
        offered: the series that were written into the table of roles at any time.
        series: all that were ever found, by id, also those that the archive no longer holds.

    Raises:
        InputError: the file is of something else, or has another salt.
    """

    def __init__(self, path: Path, salt: str) -> None:
        self.path = path
        self.offered: set[str] = set()
        self.series: dict[str, Series] = {}
        self._found: dict[str, tuple[str, dict[str, Any]]] = {}
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if lines and not _is_head(lines[0], salt):
            remedy = "move it away, and run the same command again: everything is looked at once more"
            raise InputError("this is not the list of what was found for this cohort", path.name, remedy)
        for line in lines[1:]:
            with suppress(ValueError, KeyError, TypeError):  # the last one of a process that was killed may be cut
                self._take(parse_json(line))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _BYTES, ONLY_OWNER)
        self._file: IO[bytes] = os.fdopen(descriptor, "ab", buffering=0)
        if not lines:
            self._write({"format": FORMAT, "salt": salt})
        elif not lines[-1].endswith(b"\n"):
            self._file.write(b"\n")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def found(self, key: str, fingerprint: str) -> Found | None:
        """What a portion holds; None where it was not looked at, or has changed since."""
        known, data = self._found.get(key, ("", {}))
        if known != fingerprint:
            return None
        return Found(**{**data, "series": tuple(Series(**one) for one in data["series"])})

    def keep(self, key: str, fingerprint: str, found: Found) -> None:
        """Note what a portion holds."""
        line = {"portion": key, "fingerprint": fingerprint, "found": asdict(found)}
        self._write(line)
        self._take(line)

    def offer(self, ids: Iterable[str]) -> None:
        """Note which series are in the table of roles, or were before a person deleted their rows."""
        new = sorted(set(ids) - self.offered)
        if new:
            self._write({"offered": new})
            self.offered.update(new)

    def _take(self, line: dict[str, Any]) -> None:
        if "offered" in line:
            self.offered.update(line["offered"])
        else:
            self._found[line["portion"]] = (line["fingerprint"], line["found"])
            self.series.update((one["id"], Series(**one)) for one in line["found"]["series"])

    def _write(self, line: dict[str, Any]) -> None:
        content = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        if self._file.write(content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)


def salt_of(path: Path) -> str:
    """The salt of a journal, empty where there is none."""
    with suppress(OSError, ValueError, KeyError, TypeError), path.open("rb") as file:
        return str(parse_json(file.readline())["salt"])
    return ""


def _is_head(line: bytes, salt: str) -> bool:
    with suppress(ValueError, TypeError, AttributeError):
        head = parse_json(line)
        return bool(head.get("format") == FORMAT and head.get("salt") == salt)
    return False
