"""One process at a time in a folder: a lock of the operating system, which goes with the process that holds it."""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from HCCAssistLib.errors import HCCAssistError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_BUSY = {errno.EACCES, errno.EAGAIN, getattr(errno, "EDEADLOCK", errno.EAGAIN)}
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, getattr(errno, "EOPNOTSUPP", errno.ENOSYS)}
_LOCKED_BYTE = 1 << 30
"""On Windows, where what is locked cannot be read: far behind the text."""


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs; one that a killed process left behind is taken over.

    On a disk without locks (some network folders) everybody is let in.

    Args:
        path: in a folder that is there; removed at the end.
        what: is being done, such as ``"training"``.

    Raises:
        HCCAssistError: another process holds it, which is named.
    """
    file = _take(path, what)
    try:
        file.truncate(0)
        file.write(json.dumps({"process": os.getpid(), "computer": platform.node()}))
        file.flush()
        yield
    finally:
        if sys.platform == "win32":  # what is open cannot be removed there
            file.close()
        with suppress(OSError):
            path.unlink()
        with suppress(OSError):  # a full disk did not take the text
            file.close()


def refuse_if_held(path: Path, what: str) -> None:
    """Refuse at once what would have to wait for a lock; the work itself takes it.

    Raises:
        HCCAssistError: another process holds it, which is named.
    """
    if path.exists():
        with locked(path, what):
            pass


def _take(path: Path, what: str) -> IO[str]:
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            if sys.platform == "win32":
                file.seek(_LOCKED_BYTE)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return file
            file.close()
            if error.errno in _BUSY:
                raise HCCAssistError(_busy(path, what)) from error
            raise
        if sys.platform == "win32" or _is(file, path):
            return file
        file.close()  # its holder removed it in the meantime, and another one can be there by now


def _is(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _busy(path: Path, what: str) -> str:
    who = ""
    with suppress(OSError, ValueError, KeyError, TypeError):
        holder = json.loads(path.read_text(encoding="utf-8"))
        elsewhere = "" if holder["computer"] == platform.node() else f" on {holder['computer']}"
        who = f" (process {holder['process']}{elsewhere})"
    return f"another {what}{who} is working in this folder. Wait until it is done, or choose another --out."
