"""The files below a folder, in portions that are looked at one by one: names and sizes only, nothing is opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST = 2000
"""Files of a portion. A folder mostly holds one series; one with more files than this makes several portions."""

PACKED = (".zip", ".7z", ".rar", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".iso")


@dataclass(frozen=True, slots=True)
class Portion:
    """Files of one folder.

    Attributes:
        folder: its path in the tree, with ``/``; empty for the tree itself.
        names: of the files, sorted.
        fingerprint: of names, sizes and times of change: another one means that something changed.
    """

    folder: str
    names: tuple[str, ...]
    fingerprint: str

    @property
    def key(self) -> str:
        """Tells it from the other portions."""
        return f"{self.folder}/{self.names[0]}"


@dataclass(frozen=True, slots=True)
class Tree:
    """All portions below a folder.

    Attributes:
        portions: in the order of their folders.
        closed: how many folders may not be read.
        links: how many links to folders there are, which are not followed.
        packed: how many archives (.zip and the like) there are, which are not opened.
    """

    portions: tuple[Portion, ...]
    closed: int
    links: int
    packed: int

    @property
    def files(self) -> int:
        """How many there are."""
        return sum(len(portion.names) for portion in self.portions)


def walk(top: Path) -> Tree:
    """List a folder and all below it."""
    closed = links = packed = 0
    portions: list[Portion] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(top / folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            closed += 1
            continue
        inner = [entry for entry in listed if entry.is_dir(follow_symlinks=False)]
        folders += [f"{folder}/{entry.name}".lstrip("/") for entry in reversed(inner)]
        links += sum(entry.is_symlink() and entry.is_dir() for entry in listed)
        packed += sum(entry.name.lower().endswith(PACKED) for entry in listed)
        portions += _portions(folder, [entry for entry in listed if entry.is_file()])
    return Tree(tuple(portions), closed, links, packed)


def _portions(folder: str, files: list[os.DirEntry[str]]) -> Iterator[Portion]:
    for begin in range(0, len(files), LARGEST):
        some = files[begin : begin + LARGEST]
        digest = hashlib.sha256()
        for entry in some:
            digest.update(f"{entry.name}\0{_size_and_time(entry)}\n".encode(errors="surrogateescape"))
        yield Portion(folder, tuple(entry.name for entry in some), digest.hexdigest()[:16])


def _size_and_time(entry: os.DirEntry[str]) -> str:
    try:
        about = entry.stat()
    except OSError:  # it went in the meantime, or its disk does not answer: counted as damaged when it is read
        return "unknown"
    return f"{about.st_size} {about.st_mtime_ns}"
