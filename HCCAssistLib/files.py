"""Files that are either whole or not there."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to; when the block ends well, its content becomes ``path`` in one step.

    A process that is killed, or a disk that fills, leaves the old ``path`` as it was.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """A folder to fill; when the block ends well, it replaces ``path`` in one step."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        old = path.with_name(f"{path.name}.{os.getpid()}.old.part")
        if path.exists():
            path.rename(old)
        part.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_json(path: Path, data: Any) -> None:
    """Write JSON at full precision, whole or not at all; NaN is refused."""
    with written_whole(path) as part:
        part.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def remove_leftovers(folder: Path, *, older_than_s: float = 3600.0) -> None:
    """Delete what writers that were killed left half-written in a folder; what is still being written is young."""
    for part in folder.glob("*.part"):
        try:
            if time.time() - max(path.stat().st_mtime for path in (part, *part.rglob("*"))) > older_than_s:
                shutil.rmtree(part) if part.is_dir() else part.unlink()
        except OSError:  # another process removes it too
            continue


def size_on_disk(folder: Path) -> int:
    """Bytes of all files in a folder; 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # it went in the meantime
            total += path.lstat().st_size if path.is_file() else 0
    return total
