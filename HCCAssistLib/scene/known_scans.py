"""Whether a scan is in a cohort already, under whatever name and however it was stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.fingerprints import Fingerprint, fingerprint, same_scan
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.spec import Recipe

_Seen = tuple[tuple[str, int, int], ...]

_seen: dict[tuple[Path, str], tuple[_Seen, tuple[Fingerprint, ...]]] = {}
"""Of each case folder and recipe: its files and the fingerprints of its volumes when they were read last."""


def case_with_scan(cases: Iterable[Case], recipe: Recipe, volumes: Mapping[str, Image]) -> Case | None:
    """The first case with a volume that shows the same scan as one of some volumes; None where there is none.

    The first look at a cohort reads all of its volumes; what was seen is remembered until a file changes.
    """
    own = [fingerprint(image) for image in volumes.values()]
    for case in cases:
        if any(same_scan(one, other) for one in own for other in _fingerprints(case, recipe)):
            return case
    return None


def _fingerprints(case: Case, recipe: Recipe) -> tuple[Fingerprint, ...]:
    """Of the readable volumes of a case; others are for the check of the cohort to tell."""
    key, files = (case.folder.absolute(), recipe.id), tuple(_files(case, recipe))
    if key not in _seen or _seen[key][0] != files:
        read = read_case(case, recipe.volumes()).volumes.values()
        _seen[key] = files, tuple(fingerprint(image) for image in read)
    return _seen[key][1]


def _files(case: Case, recipe: Recipe) -> Iterator[tuple[str, int, int]]:
    """The files of a case's volumes with their sizes and times."""
    for spec in recipe.volumes():
        with suppress(InputError):
            path = case.volume_path(spec.time_point, spec.name)
            if path is not None:
                for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                    yield str(file), file.stat().st_size, file.stat().st_mtime_ns
