"""The files of a ROOT on a cluster, over SFTP: whole or not at all, uploads that go on where they stopped, verified."""

from __future__ import annotations

import errno
import hashlib
import posixpath
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import Any

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.files import atomic_file
from HCCAssistLib.jobs.cluster.connection import Connection
from HCCAssistLib.jobs.runs.files import PART
from HCCAssistLib.wording import rounded

AT_ONCE = 8 << 20
"""Bytes that are sent before others may use the connection."""
PIECE = 1 << 15
PRIVATE = 0o700
"""What is sent is of patients, though without names: a folder is its owner's alone."""
SUM_SECONDS = 1800.0


class SftpFiles:
    """See ``jobs.runs.files.Files``; connects when it is made.

    Args:
        connection: to the cluster, whose profile names the folder.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.root = connection.profile.remote(connection.profile.root, connection.home)
        self._made: set[str] = set()

    def path(self, path: str) -> str:
        """Where a file lies on the cluster.

        Raises:
            ValueError: outside of the ROOT.
        """
        parts = path.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise ValueError(f"not a path below the folder: {path!r}")
        return posixpath.join(self.root, *parts)

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return self._stat(path) is not None

    def size(self, path: str) -> int | None:
        """Bytes of a file, None where it is not there."""
        found = self._stat(path)
        return None if found is None else int(found.st_size)

    def names(self, path: str) -> list[str]:
        """What a folder holds, sorted; nothing where it is not there."""
        place = self.path(path)
        try:
            return sorted(self._connection.with_sftp(lambda sftp: sftp.listdir(place)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: str, offset: int = 0) -> bytes:
        """The bytes of a file from some place on."""
        place = self.path(path)

        def work(sftp: Any) -> bytes:
            with sftp.open(place, "rb") as file:
                file.seek(offset)
                return bytes(file.read())

        return self._connection.with_sftp(work)

    def write(self, path: str, data: bytes) -> None:
        """Replace a file in one step."""
        place = self.path(path)
        part = f"{place}.{uuid.uuid4().hex[:8]}{PART}"

        def work(sftp: Any) -> None:
            self._make_folder(sftp, posixpath.dirname(place))
            try:
                with sftp.open(part, "wb") as file:
                    file.write(data)
                sftp.posix_rename(part, place)
            except OSError:
                with suppress(OSError):
                    sftp.remove(part)
                raise

        with self._in_words(path, len(data)):
            self._connection.with_sftp(work)

    def put(self, source: Path, path: str, progress: Callable[[int], None] | None = None) -> None:
        """Copy a file there; its size and sha256 are compared before it gets its name.

        Raises:
            HCCAssistError: the disk is full, or what arrived is not what was sent.
        """
        place, total = self.path(path), source.stat().st_size
        part = f"{place}{PART}"
        with self._in_words(path, total):
            self._connection.with_sftp(lambda sftp: self._make_folder(sftp, posixpath.dirname(place)))
            with source.open("rb") as file:
                wanted = hashlib.file_digest(file, "sha256").hexdigest()
            for _ in range(2):  # a part that somebody else left is found out by its sum, and sent anew
                while self._connection.with_sftp(lambda sftp: self._send(sftp, source, part, total, progress)) < total:
                    pass
                if self._sum(part) == wanted:
                    self._connection.with_sftp(lambda sftp: _rename(sftp, part, place))
                    return
                self._connection.with_sftp(lambda sftp: sftp.remove(part))
        raise HCCAssistError(f"{posixpath.basename(path)} did not arrive as it was sent. Try again.")

    def _send(self, sftp: Any, source: Path, part: str, total: int, progress: Callable[[int], None] | None) -> int:
        """Send the next bytes; how many are there now."""
        try:
            done = int(sftp.stat(part).st_size)
        except FileNotFoundError:
            done = 0
        begin = 0 if done > total else done
        with source.open("rb") as read, sftp.open(part, "r+b" if begin else "wb") as written:
            written.set_pipelined(True)
            written.seek(begin)
            read.seek(begin)
            end = min(total, begin + AT_ONCE)
            while (now := read.tell()) < end:
                written.write(read.read(min(PIECE, end - now)))
        there = int(sftp.stat(part).st_size)
        if there != end:
            raise OSError(errno.ENOSPC, "not all of it was taken")
        if progress:
            progress(there)
        return there

    def _sum(self, place: str) -> str:
        done = self._connection.run(["sha256sum", "--", place], seconds=SUM_SECONDS)
        if done.status:
            raise HCCAssistError(f"what was sent cannot be verified on the cluster: {done.err.strip() or 'sha256sum'}.")
        return done.out.splitlines()[-1][:64]  # the shell may have greeted before

    def get(self, path: str, target: Path) -> None:
        """Copy a file to this computer."""
        place = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)

        def work(sftp: Any) -> None:
            size = sftp.stat(place).st_size
            with atomic_file(target) as part:
                with part.open("wb") as file:
                    sftp.getfo(place, file)
                if part.stat().st_size != size:
                    raise OSError(errno.EIO, "it was changed while it was read")

        self._connection.with_sftp(work)

    def remove(self, path: str) -> None:
        """Delete a file, or a folder with all that it holds."""
        done = self._connection.run(["rm", "-rf", "--", self.path(path)])
        self._made.clear()
        if done.status:
            raise HCCAssistError(f"{path} cannot be removed on the cluster: {done.err.strip()}.")

    def free_bytes(self) -> int | None:
        """Free on the disk of the ROOT, None where the cluster does not say; a quota can be smaller."""
        done = self._connection.run(["df", "-P", "-k", "--", self.root])
        try:
            return int(done.out.splitlines()[-1].split()[3]) * 1024
        except (IndexError, ValueError):
            return None

    def make_root(self) -> None:
        """Make the folder itself."""
        with self._in_words(self.root, 0):
            self._connection.with_sftp(lambda sftp: self._make_folder(sftp, self.root))

    def _stat(self, path: str) -> Any:
        place = self.path(path)
        try:
            return self._connection.with_sftp(lambda sftp: sftp.stat(place))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _make_folder(self, sftp: Any, place: str) -> None:
        if place in self._made:
            return
        try:
            if not S_ISDIR(sftp.stat(place).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "a file is where a folder should be", place)
        except FileNotFoundError:
            self._make_folder(sftp, posixpath.dirname(place))
            try:
                sftp.mkdir(place, PRIVATE)
            except OSError:  # without a number where somebody else has just made it
                if not S_ISDIR(sftp.stat(place).st_mode):
                    raise
        self._made.add(place)

    @contextmanager
    def _in_words(self, path: str, size: int) -> Iterator[None]:
        """Say why something cannot be written: SFTP itself knows no full disk, only a failure.

        Raises:
            HCCAssistError: instead of an OSError of the block.
        """
        try:
            yield
        except FileNotFoundError as error:
            self._made.clear()  # somebody removed a folder
            raise HCCAssistError(f"{path} cannot be written: its folder went in the meantime. Try again.") from error
        except PermissionError as error:
            raise HCCAssistError(
                f"{path} may not be written on the cluster. Choose a folder of your own as root in the profile."
            ) from error
        except OSError as error:
            raise HCCAssistError(f"{path} cannot be written on the cluster: {self._why(error, size)}") from error

    def _why(self, error: OSError, size: int) -> str:
        if error.errno not in (None, errno.ENOSPC):
            return f"{error.strerror}. Check root in the profile."
        free = self.free_bytes()
        if free is not None and free > max(2 * size, 64 << 20):
            return (
                f"most likely your quota is used up ({rounded(free / 1e9, 1)} GB are free for others). "
                "Remove what you no longer need there, and start the same again: it goes on where it stopped."
            )
        left = "" if free is None else f" ({rounded(free / 1e6, 0)} MB are left)"
        return f"the disk is full{left}. Make room there, and start the same again: it goes on where it stopped."


def _rename(sftp: Any, part: str, place: str) -> None:
    """Give a file its name; also where the connection was lost after it had got it."""
    try:
        sftp.posix_rename(part, place)
    except FileNotFoundError:
        sftp.stat(place)
