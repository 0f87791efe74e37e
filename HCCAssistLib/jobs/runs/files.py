"""Files below one ROOT, whether it lies on this computer or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from HCCAssistLib.files import atomic_file, remove

PART = ".part"
"""Ends the name of a file that is still on its way."""

COPIED_AT_ONCE = 1 << 20


class Files(Protocol):
    """Files of a ROOT; paths are relative to it, with ``/`` between their parts.

    All methods raise OSError where a disk or a connection fails.
    """

    root: str
    """The folder itself, as the machine that it lies on names it."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""

    def size(self, path: str) -> int | None:
        """Bytes of a file, None where it is not there."""

    def names(self, path: str) -> list[str]:
        """What a folder holds, sorted; nothing where it is not there."""

    def read(self, path: str, offset: int = 0) -> bytes:
        """The bytes of a file from some place on.

        Raises:
            FileNotFoundError: it is not there.
        """

    def write(self, path: str, data: bytes) -> None:
        """Replace a file in one step, whole or not at all; missing folders are made."""

    def put(self, source: Path, path: str, progress: Callable[[int], None] | None = None) -> None:
        """Copy a file of this computer there, whole or not at all; one that was interrupted goes on where it stopped.

        Args:
            source: to copy.
            path: of the copy; missing folders are made.
            progress: called with the bytes that are there by now.
        """

    def get(self, path: str, target: Path) -> None:
        """Copy a file to this computer, whole or not at all; missing folders are made.

        Raises:
            FileNotFoundError: it is not there.
        """

    def remove(self, path: str) -> None:
        """Delete a file, or a folder with all that it holds; nothing happens where it is not there."""


class LocalFiles:
    """A ROOT on a disk of this computer."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)

    def path(self, path: str) -> Path:
        """Where a file lies."""
        return Path(self.root, *path.split("/"))

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return self.path(path).exists()

    def size(self, path: str) -> int | None:
        """Bytes of a file, None where it is not there."""
        try:
            return self.path(path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, path: str) -> list[str]:
        """What a folder holds, sorted; nothing where it is not there."""
        try:
            return sorted(os.listdir(self.path(path)))  # noqa: PTH208  names alone: no path is made of each
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: str, offset: int = 0) -> bytes:
        """The bytes of a file from some place on."""
        with self.path(path).open("rb") as file:
            file.seek(offset)
            return file.read()

    def write(self, path: str, data: bytes) -> None:
        """Replace a file in one step, whole or not at all."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(target) as part:
            part.write_bytes(data)

    def put(self, source: Path, path: str, progress: Callable[[int], None] | None = None) -> None:
        """Copy a file there; one that was interrupted goes on where it stopped."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}{PART}")
        with source.open("rb") as read, part.open("ab") as written:
            if written.tell() > source.stat().st_size:
                written.truncate(0)
            read.seek(written.tell())
            while data := read.read(COPIED_AT_ONCE):
                written.write(data)
                if progress:
                    progress(written.tell())
            written.flush()
            os.fsync(written.fileno())
        part.replace(target)

    def get(self, path: str, target: Path) -> None:
        """Copy a file to another place."""
        source = self.path(path)
        if source == target:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(target) as part, source.open("rb") as read, part.open("wb") as written:
            while data := read.read(COPIED_AT_ONCE):
                written.write(data)

    def remove(self, path: str) -> None:
        """Delete a file, or a folder with all that it holds."""
        remove(self.path(path))
