"""Looking at a whole archive: portion after portion, in several processes, going on where it was interrupted."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from HCCAssistLib.files import stored
from HCCAssistLib.importing.journal import Journal
from HCCAssistLib.importing.series import Found, Job, Series, look, summed
from HCCAssistLib.importing.tree import Portion, Tree, walk
from HCCAssistLib.parallel import side_by_side

WORTH_PROCESSES = 4
"""So many portions are looked at side by side."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What an archive holds.

    Attributes:
        tree: its files.
        series: its volumes.
        counts: of everything else.
        read: how many files were looked at now; the others were known.
    """

    tree: Tree
    series: tuple[Series, ...]
    counts: Found
    read: int


def scan(
    top: Path, journal: Journal, salt: str, *, workers: int = 1, progress: Callable[[float], None] | None = None
) -> Scan:
    """Look at the headers of all files below a folder; nothing is written there.

    Args:
        top: of the archive.
        journal: what was found before; what is found now is added.
        salt: of the hashes.
        workers: processes.
        progress: called with how much is done, 0 to 1.

    Raises:
        HCCAssistError: the disk of the journal is full.
    """
    tree = walk(top)
    found = {portion.key: journal.found(portion.key, portion.fingerprint) for portion in tree.portions}
    new = [portion for portion in tree.portions if found[portion.key] is None]
    files, done = tree.files, tree.files - sum(len(portion.names) for portion in new)
    jobs = [Job(top, {portion.folder: portion.names}, salt) for portion in new]
    with stored("what was found"):
        with closing(side_by_side(look, jobs, workers if len(jobs) >= WORTH_PROCESSES else 1)) as looked:
            for portion, one in zip(new, looked, strict=True):
                journal.keep(portion.key, portion.fingerprint, one)
                found[portion.key] = one
                done += len(portion.names)
                if progress is not None:
                    progress(done / files)
        known = {key: one for key, one in found.items() if one is not None}
        series, copies = _whole(top, journal, salt, tree.portions, known)
    counts = summed(known.values())
    counts = replace(counts, copies=counts.copies + copies, images=counts.images - copies)
    return Scan(tree, series, counts, sum(len(portion.names) for portion in new))


def _whole(
    top: Path, journal: Journal, salt: str, portions: Sequence[Portion], found: Mapping[str, Found]
) -> tuple[tuple[Series, ...], int]:
    """All series, those that lie in several portions looked at once more as a whole; and copies found that way."""
    places: dict[tuple[str, ...], dict[str, list[Series]]] = defaultdict(dict)
    series: list[Series] = []
    copies = 0
    for portion in portions:
        for one in found[portion.key].series:
            places[_claims(one)].setdefault(portion.key, []).append(one)
    fingerprints = {portion.key: portion.fingerprint for portion in portions}
    for claims, of_portion in places.items():
        parts = [one for some in of_portion.values() for one in some]
        if len(of_portion) == 1 or not parts[0].series:
            series += parts
            continue
        files: dict[str, dict[str, None]] = defaultdict(dict)
        for part in parts:
            for folder, names in part.files.items():
                files[folder].update(dict.fromkeys(names))
        key = "whole " + " ".join(claims)
        texts = [fingerprints[portion] for portion in of_portion]
        fingerprint = hashlib.sha256(" ".join(texts).encode()).hexdigest()[:16]
        whole = journal.found(key, fingerprint)
        if whole is None:
            whole = look(Job(top, {folder: list(names) for folder, names in files.items()}, salt))
            journal.keep(key, fingerprint, whole)
        series += [one for one in whole.series if _claims(one) == claims]
        copies += whole.copies
    return tuple(series), copies


def _claims(series: Series) -> tuple[str, ...]:
    return (series.patient_id, series.issuer, series.study, series.series)
