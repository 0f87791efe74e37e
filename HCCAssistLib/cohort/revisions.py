"""What a case was before it was captured again: kept beside the cohort, with what changed.

revisions/<case_id>/001/...             the files as they were
revisions/<case_id>/001/revision.json   what changed, and by whom
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_content import Content, is_same
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_folder, parse_json, stored, write_json

REVISIONS = "revisions"
ABOUT = "revision.json"
FORMAT = "hccassist-revision/1"


@dataclass(frozen=True, slots=True)
class Changes:
    """What replacing a case would change.

    Attributes:
        added: files that were not there.
        changed: files with another content.
        removed: files that would not be there any more.
        values: cells of the table by column, before and after.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.values)

    def __str__(self) -> str:
        """In a sentence for the question before it is done."""
        parts = [
            f"{words}: {', '.join(name.split('.')[0] for name in names)}"
            for words, names in (("changed", self.changed), ("new", self.added), ("left out", self.removed))
            if names
        ]
        parts += [
            f"{column} {before or 'empty'} \N{RIGHTWARDS ARROW} {after or 'empty'}"
            for column, (before, after) in self.values.items()
        ]
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        values = {column: list(pair) for column, pair in self.values.items()}
        return {
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "values": values,
        }


def changes(
    case: Case, files: Mapping[str, Content], values: Mapping[str, str], carried: Collection[str] = ()
) -> Changes:
    """What would change in a case.

    Args:
        case: as it is.
        files: that its folder would hold.
        values: cells of the table that would be written.
        carried: files that would stay as they are.
    """
    there = {path.relative_to(case.folder).as_posix() for path in case.folder.rglob("*") if path.is_file()}
    cells = {column: (case.values.get(column, ""), value) for column, value in values.items()}
    return Changes(
        added=tuple(sorted(files.keys() - there)),
        changed=tuple(sorted(name for name in files.keys() & there if not is_same(files[name], case.folder / name))),
        removed=tuple(sorted(there - files.keys() - set(carried))),
        values={column: pair for column, pair in cells.items() if pair[0] != pair[1]},
    )


def keep_revision(cohort: Path, case: Case, found: Changes, reader: str) -> int:
    """Keep a case as it is, before it is replaced; the number of the revision.

    One that was kept for a replacement that never came about is taken again.

    Raises:
        HCCAssistError: the disk is full or not writable.
    """
    folder = cohort / REVISIONS / case.case_id
    numbers = [int(path.name) for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    number = max(numbers, default=0)
    if not number or not _same_files(folder / f"{number:03d}", case.folder):
        number += 1
    about = {"format": FORMAT, "case_id": case.case_id, "reader": reader, "row": dict(case.values), **found.as_json()}
    with stored("The former version of the case"):
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_folder(folder / f"{number:03d}") as part:
            shutil.copytree(case.folder, part, dirs_exist_ok=True)
            write_json(part / ABOUT, about)
    return number


def revisions_of(cohort: Path, case_id: str) -> tuple[dict[str, Any], ...]:
    """What was noted of each revision of a case, the first one first.

    Raises:
        InputError: a note is damaged.
    """
    notes = []
    for path in sorted((cohort / REVISIONS / case_id).glob(f"*/{ABOUT}")):
        if not path.parent.name.isdigit():  # of a writer that was killed
            continue
        try:
            note = parse_json(path.read_bytes())
        except ValueError as error:
            where = f"{REVISIONS}/{case_id}/{path.parent.name}/{ABOUT}"
            raise InputError("the note is damaged", where, "restore it from a copy, or delete it") from error
        notes.append({"number": int(path.parent.name), **note})
    return tuple(notes)


def _same_files(one: Path, other: Path) -> bool:
    kept = {path.relative_to(one): path for path in one.rglob("*") if path.is_file() and path.name != ABOUT}
    there = {path.relative_to(other): path for path in other.rglob("*") if path.is_file()}
    return kept.keys() == there.keys() and all(kept[name].read_bytes() == there[name].read_bytes() for name in kept)
