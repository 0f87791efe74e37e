"""Files that are either whole or not there, and what is said where a disk does not take them."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import HCCAssistError

_unfinished: set[Path] = set()
_journal: list[Path] = []


@contextmanager
def atomic_file(path: Path, *, ending: str = "") -> Iterator[Path]:
    """A path to write to; when the block ends well, its content becomes ``path`` in one step.

    A process that is killed, or a disk that fills, leaves the old ``path`` as it was.

    Args:
        path: the file.
        ending: of the name to write to, for a writer that goes by it.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part{ending}")
    with _half_written(part):
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; when the block ends well, it replaces ``path`` in one step."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    old = path.with_name(f"{path.name}.{os.getpid()}.old.part")
    remove(part)
    with _half_written(part):
        part.mkdir(parents=True)
        yield part
        try:
            if path.exists():
                path.rename(old)
            part.rename(path)
        finally:
            if old.exists() and not path.exists():
                old.rename(path)
            remove(old)


@contextmanager
def temporary_folder(beside: Path | None = None) -> Iterator[Path]:
    """A folder that goes with the block: among the system's temporary files, or on the disk of a file beside it."""
    begins, above = (f".{beside.stem}.", beside.parent) if beside else ("hccassist-", None)
    folder = Path(tempfile.mkdtemp(".part", begins, above))
    with _half_written(folder):
        yield folder


@contextmanager
def _half_written(part: Path) -> Iterator[None]:
    """Whatever ends the block, ``part`` is gone, or known to whoever ends the process."""
    _unfinished.add(part)
    for journal in _journal:
        with suppress(OSError), journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(str(part.absolute())) + "\n")
    try:
        yield
    finally:
        remove(part)
        _unfinished.discard(part)


def keep_journal(path: Path) -> None:
    """Note from now on what this process begins to write, so that its caller can remove it should it be killed."""
    _journal[:] = [path]


def remove_journalled(path: Path) -> None:
    """Remove what a process that has ended left half-written, by its journal."""
    with suppress(OSError):
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # the last line of a process that was killed may be cut short
                remove(Path(json.loads(line)))


def remove_unfinished() -> None:
    """Remove all that this process has half-written: it is about to end."""
    for part in list(_unfinished):
        remove(part)
        _unfinished.discard(part)


def remove(path: Path) -> None:
    """Delete a file or a folder where it is there, also while another thread goes on writing into it."""
    for _ in range(20):
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if not os.path.lexists(path):
            return
        time.sleep(0.01)


def remove_whole(path: Path) -> None:
    """Delete a folder in one step: whoever looks meets the whole of it or nothing.

    Raises:
        OSError: it cannot be deleted, and stays whole.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with _half_written(part):
        path.rename(part)


def parse_json(text: str | bytes) -> Any:
    """The content of JSON text.

    Raises:
        ValueError: not JSON, nested too deeply, or with a number of more digits than Python reads.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def write_json(path: Path, data: Any) -> None:
    """Write JSON at full precision, whole or not at all; NaN is refused."""
    with atomic_file(path) as part:
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


_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def disk_is_full(error: OSError) -> bool:
    """Whether there was no space left; numpy says so without the number of the error."""
    return error.errno in _FULL or (error.errno is None and "requested and" in str(error))


def disk_fault(error: OSError) -> str:
    """What is wrong with a disk or a folder and what to do, in one sentence or two, without any path."""
    name = Path(os.fsdecode(error.filename)).name if isinstance(error.filename, str | bytes) else ""
    name = re.sub(r"(\.\d+)?(\.old)?\.part\b.*", "", name).lstrip(".")
    about = f" ({name})" if name else ""
    if disk_is_full(error):
        return f"the disk is full{about}. Free some space, and run the same command again."
    if error.errno in _FORBIDDEN:
        return f"this may not be read or written{about}. Ask for the right to it, or choose another folder."
    if error.errno == errno.EFBIG:
        return f"a file would be larger than this system allows{about}. Choose another disk."
    reason = error.strerror or type(error).__name__
    return f"the disk or the folder failed{about}: {reason[:1].lower()}{reason[1:]}. Check both, and run again."


@contextmanager
def stored(what: str) -> Iterator[None]:
    """Say why ``what`` cannot be stored, where a disk does not take it.

    Raises:
        HCCAssistError: instead of an OSError of the block.
    """
    try:
        yield
    except OSError as error:
        raise HCCAssistError(f"{what} cannot be stored: {disk_fault(error)}") from error
