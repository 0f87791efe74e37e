"""Finished cases of an evaluation, kept on disk so that an interrupted one goes on."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_folder, parse_json, remove_leftovers, write_json
from HCCAssistLib.models.package import file_sha256

RECORD = "evaluation.json"

SETTLED_NS = 2_000_000_000
"""Files that changed so lately are not known by their time: file systems count in steps."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CaseFiles(Generic[T]):
    """How the finished case of a method lies in a folder.

    Attributes:
        form: name of the format, with its version; a case of another format is computed again.
        write: writes files of a case into its folder and returns what else its record is to hold.
        read: the case from its record, itself and its folder. What a damaged one raises (an ``InputError``, or an error
            of keys, types or values) means that the case is computed again.
    """

    form: str
    write: Callable[[T, Path], dict[str, Any]]
    read: Callable[[Mapping[str, Any], Case, Path], T]

    def keep(self, one: T, made_with: Mapping[str, Any], case: Case, folder: Path) -> None:
        """Write a finished case into ``folder/<case_id>``, whole or not at all.

        Args:
            one: the case.
            made_with: what decides its numbers (model, options, versions, files); ``kept`` asks for the same.
            case: whose it is.
            folder: of all finished cases.
        """
        with atomic_folder(folder / case.case_id) as part:
            content = self.write(one, part)
            head = {"format": self.form, "case_id": case.case_id, "made_with": dict(made_with)}
            write_json(part / RECORD, {**head, **content})

    def kept(self, made_with: Mapping[str, Any], case: Case, folder: Path) -> T | None:
        """A case that was finished before, None where there is none or it was made with anything else."""
        try:
            record = parse_json((folder / case.case_id / RECORD).read_text(encoding="utf-8"))
            if record["format"] != self.form or record["made_with"] != json.loads(json.dumps(made_with)):
                return None
            return self.read(record, case, folder / case.case_id)
        except (OSError, InputError, KeyError, TypeError, ValueError):  # not there, or damaged: it is computed again
            return None


class KnownFiles:
    """Digests of files that were read before, by path, size and time: a cohort of scans takes minutes to read.

    A file that changed within the last seconds is read again the next time: another change might not show in its time.

    Args:
        path: of the file that keeps them; made by ``keep``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._used: dict[str, list[Any]] = {}
        try:
            self._known: dict[str, list[Any]] = {str(k): list(v) for k, v in parse_json(path.read_bytes()).items()}
        except (OSError, ValueError, AttributeError, TypeError):  # not there, or damaged: files are read
            self._known = {}

    def sha256(self, path: Path) -> str:
        """The digest of a file."""
        name, about = str(path.absolute()), path.stat()
        stamp = [about.st_size, about.st_mtime_ns]
        known = self._known.get(name)
        if known is None or known[:2] != stamp:
            known = [*stamp, file_sha256(path)]
            if time.time_ns() - about.st_mtime_ns < SETTLED_NS:
                return str(known[2])
        self._used[name] = known
        return str(known[2])

    def keep(self) -> None:
        """Write down those that were asked for."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, self._used)


def digests(case: Case, known: KnownFiles | None = None) -> dict[str, str]:
    """sha256 of every file of a case: by its path within its folder, of volumes elsewhere by the name of the volume.

    Args:
        case: of a cohort.
        known: what is known of files; None to read each of them.
    """
    sha256 = known.sha256 if known is not None else file_sha256
    found = _digests_in(case.folder, "", sha256)
    for name, path in case.files.items():
        found |= _digests_in(path, f"{name}: ", sha256) if path.is_dir() else {f"{name}: {path.name}": sha256(path)}
    return found


def _digests_in(folder: Path, before: str, sha256: Callable[[Path], str]) -> dict[str, str]:
    walked = os.walk(folder, followlinks=True)  # a cohort may be made of links to where the images lie
    paths = [Path(inner) / name for inner, _, names in walked for name in names if not name.startswith(".")]
    return {before + path.relative_to(folder).as_posix(): sha256(path) for path in sorted(paths)}


def forget_others(folder: Path, names: Collection[str]) -> None:
    """Remove finished cases of an earlier evaluation that are not among those named."""
    remove_leftovers(folder)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names and (path / RECORD).is_file():
            shutil.rmtree(path)
