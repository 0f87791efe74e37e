"""Files of a case that look like an input and that nothing reads: often one that was only misnamed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from HCCAssistLib.cohort.case import ANNOTATION_SUFFIXES, PHASES, TIME_POINTS, VOLUME_SUFFIXES, Case
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.spelling import heading_key
from HCCAssistLib.errors import InputError, Problem

NAMES_SHOWN = 5

SAVED_AS = {"volume": ".nrrd", "points": ".mrk.json", "segment": ".seg.nrrd", "roi": ".mrk.json"}

_INPUTS = (
    *(".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd", ".hdr", ".img", ".gipl", ".mgz", ".mgh", ".dcm", ".ima"),
    *(".vtm", ".vtk", ".vtp", ".vti", ".stl", ".obj", ".ply", ".fcsv", ".acsv", ".mrk.json", ".mrml", ".mrb", ".h5"),
    *(".npy", ".npz", ".mat", ".zip", ".7z", ".rar", ".tar", ".gz"),
)
"""Endings of images, segments and points, of this and of other programs."""

_NO_INPUTS = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".svg", ".webp", ".pdf", ".html", ".htm", ".md", ".doc", ".docx"),
    *(".ppt", ".pptx", ".log", ".md5", ".sha1", ".sha256"),
)
"""Endings of pictures, reports and checksums, which may be named like the input that they show or belong to."""

_OWN_LEFTOVER = re.compile(r"\.\d+\.part")
"""What a program that was ended while it wrote a file has left of it."""


def unused_files(case: Case, needs: Sequence[InputSpec], others: Iterable[InputSpec] = ()) -> list[Problem]:
    """One warning that names the files of a case that look like an input and are not used; empty where there are none.

    Reports, pictures, hidden files, and what other methods or other phases of the contrast are named are no such files.
    """
    names = unused_names(case, needs, others)
    return [not_used(names, f"case {case.case_id}", needs, case.case_id)] if names else []


def unused_names(case: Case, needs: Sequence[InputSpec], others: Iterable[InputSpec] = ()) -> list[str]:
    """The files that ``unused_files`` warns of, by their path in the case's folder."""
    if case.files or not case.folder.is_dir():  # a volume that was opened alone: what lies beside it is no case
        return []
    used = {_identity(path) for need in needs for path in _paths(case, need)}
    known = {*needs, *others}
    named, expected = {need.name for need in known}, _expected(case, known)
    found = []
    for path in _candidates(case.folder):
        is_expected = path.name.lower() in expected.get(path.parent, ()) or _identity(path) in used
        if not is_expected and (path.is_dir() or _is_input(path.name, named)):
            found.append(path.relative_to(case.folder).as_posix() + ("/" if path.is_dir() else ""))
    return found


def not_used(names: Sequence[str], where: str, needs: Sequence[InputSpec], case_id: str = "") -> Problem:
    """The warning of files that are not used."""
    listed = ", ".join(names[:NAMES_SHOWN])
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    meant = next((need for name in names for need in _meant(name, needs)), None)
    remedy = f"save it as {meant}{SAVED_AS[meant.kind]}" if meant else "give it the name of an input"
    what = f"{listed}{more} {'is' if len(names) == 1 else 'are'} not used"
    return Problem("WARN", what, where, f"{remedy} if it is one, or move it away", case_id)


def _meant(name: str, needs: Sequence[InputSpec]) -> list[InputSpec]:
    """Inputs whose name stands in a file's, segments before points unless the file looks like points."""
    key = heading_key(name.rstrip("/").split("/")[-1])
    points = name.lower().endswith((".mrk.json", ".fcsv", ".json", ".csv"))
    found = [need for need in needs if heading_key(need.name) in key]
    return sorted(found, key=lambda need: (need.kind == "points") != points)


def _paths(case: Case, need: InputSpec) -> list[Path]:
    try:
        if need.kind == "volume":
            given = case.transform_path(need.time_point, need.name) if need.registered_to else None
            return [p for p in (case.volume_path(need.time_point, need.name), given) if p]
        path = case.annotation_path(need.time_point, need.name, need.kind)
        return [path] if path else []
    except InputError:  # there in several forms, which is a fault of its own
        return []


def _identity(path: Path) -> tuple[int, int]:
    """Of the file: not every system tells ``Post/`` and ``post/`` apart."""
    about = path.stat()
    return about.st_dev, about.st_ino


def _candidates(folder: Path) -> Iterator[Path]:
    """The files of a case and of the folders in it, and folders of DICOM slices."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.is_dir():
            for inner in sorted(path.iterdir()):
                if not inner.name.startswith(".") and (inner.is_file() or _holds_slices(inner)):
                    yield inner


def _holds_slices(folder: Path) -> bool:
    names = (path.name.lower() for path in sorted(folder.iterdir())[:20])
    return any(name.endswith((".dcm", ".ima")) or "." not in name for name in names)


def _is_input(name: str, named: Iterable[str]) -> bool:
    """Whether a file has the ending of an input, with or without another one after it, or the name of an input."""
    name = name.lower().rstrip()
    if name.endswith(_INPUTS):
        return True
    if name.endswith(_NO_INPUTS) or _OWN_LEFTOVER.search(name):
        return False
    inner = name.removesuffix("~") if name.endswith("~") else name.rpartition(".")[0]  # liver.seg.nrrd.txt, or ~
    return inner.endswith(_INPUTS) or heading_key(name.split(".")[0]) in map(heading_key, named)


def _expected(case: Case, known: Iterable[InputSpec]) -> dict[Path, set[str]]:
    """What the inputs of all methods and the phases of the contrast are called, by folder, in small letters."""
    phases = {f"{phase}{suffix}" for phase in PHASES for suffix in ("", *VOLUME_SUFFIXES)}
    expected = {case.time_point_folder(time_point): set(phases) for time_point in TIME_POINTS}
    for need in known:
        suffixes = ("", *VOLUME_SUFFIXES) if need.kind == "volume" else ANNOTATION_SUFFIXES[need.kind]
        expected[case.time_point_folder(need.time_point)] |= {f"{need.name}{suffix}" for suffix in suffixes}
    return expected
