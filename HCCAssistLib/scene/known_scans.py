"""Whether a scan is in a cohort already, under whatever name and however it was stored.

What was seen of a case is kept on this computer until a file changes: a cohort of 500 scans takes minutes to read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.fingerprints import Fingerprint, fingerprint, same_scan
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.places import data_folder
from HCCAssistLib.recipes.spec import Recipe

_seen: dict[tuple[Path, str], tuple[str, tuple[Fingerprint, ...]]] = {}
"""Of each case folder and recipe: what tells its files and the fingerprints of its volumes when they were read last."""


def case_with_scan(cases: Iterable[Case], recipe: Recipe, volumes: Mapping[str, Image]) -> Case | None:
    """The first case with a volume that shows the same scan as one of some volumes; None where there is none.

    The first look at a cohort reads all of its volumes that were not written or seen on this computer.
    """
    own = [fingerprint(image) for image in volumes.values()]
    for case in cases:
        if any(same_scan(one, other) for one in own for other in _fingerprints(case, recipe)):
            return case
    return None


def remember_scans(case: Case, recipe: Recipe, volumes: Iterable[Image]) -> None:
    """Keep what the scans of a case look like, which was just written."""
    prints = tuple(fingerprint(image) for image in volumes)
    _keep((case.folder.absolute(), recipe.id), _files(case, recipe), prints)


def _fingerprints(case: Case, recipe: Recipe) -> tuple[Fingerprint, ...]:
    """Of the readable volumes of a case; others are for the check of the cohort to tell."""
    key, files = (case.folder.absolute(), recipe.id), _files(case, recipe)
    if key not in _seen:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = parse_json(_kept_in(key).read_bytes())
            _seen[key] = str(kept["files"]), tuple(tuple(map(str, one)) for one in kept["fingerprints"])
    if key not in _seen or _seen[key][0] != files:
        read = read_case(case, recipe.volumes()).volumes.values()
        _keep(key, files, tuple(fingerprint(image) for image in read))
    return _seen[key][1]


def _keep(key: tuple[Path, str], files: str, prints: tuple[Fingerprint, ...]) -> None:
    _seen[key] = files, prints
    with suppress(OSError):  # a full disk: it is read again the next time
        path = _kept_in(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"files": files, "fingerprints": [list(one) for one in prints]})


def _kept_in(key: tuple[Path, str]) -> Path:
    name = hashlib.sha256(f"{key[0]} {key[1]}".encode()).hexdigest()[:32]
    return data_folder("scans") / f"{name}.json"


def _files(case: Case, recipe: Recipe) -> str:
    """What tells the files of a case's volumes from others: their names, sizes and times, hashed."""
    found: list[tuple[str, int, int]] = []
    for spec in recipe.volumes():
        with suppress(InputError):
            path = case.volume_path(spec.time_point, spec.name)
            if path is not None:
                for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                    about = file.stat()
                    found.append((str(file), about.st_size, about.st_mtime_ns))
    return hashlib.sha256(repr(found).encode()).hexdigest()
