"""The files of one case, read and checked against each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.needs import Need
from HCCAssistLib.cohort.points import read_points
from HCCAssistLib.cohort.segments import read_segments, segments_of
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

NAMES_SHOWN = 5
_SUFFIX = {"volume": ".nrrd", "points": ".mrk.json", "segment": ".seg.nrrd"}


@dataclass(slots=True)
class CaseFiles:
    """What was found of one case.

    Attributes:
        problems: everything wrong with its files.
        paths: the files that are there.
        points: how many points each readable point file holds.
        fingerprints: of the readable volumes; equal ones show the same scan.
        grids: of the first readable volume of each time point.
    """

    problems: list[Problem] = field(default_factory=list)
    paths: dict[Need, Path] = field(default_factory=dict)
    points: dict[Need, int] = field(default_factory=dict)
    fingerprints: dict[Need, str] = field(default_factory=dict)
    grids: dict[str, Geometry] = field(default_factory=dict)


def check_files(case: Case, needs: Sequence[Need]) -> CaseFiles:
    """Read every file of a case that a recipe needs or may use, and list what is wrong."""
    found = CaseFiles()
    check = {"volume": _volume, "points": _points, "segment": _segment}
    for need in sorted(needs, key=lambda need: need.kind != "volume"):
        path = None
        try:
            if need.kind == "volume":
                path = case.volume_path(need.time_point, need.name)
            else:
                path = case.annotation_path(need.time_point, need.name, need.kind)
            if path is not None:
                found.paths[need] = path
                found.problems += [_placed(p, case, need, path) for p in check[need.kind](found, need, path)]
            elif need.required:
                found.problems.append(
                    Problem("STOP", f"there is no {need}", f"case {case.case_id}", how_to_add(case, need))
                )
        except InputError as error:
            found.problems += [_placed(problem, case, need, path) for problem in error.problems]
    return found


def how_to_add(case: Case, need: Need) -> str:
    """What to do about a missing file; names what lies in its folder, since it is often only misnamed."""
    wanted = f"{need}{_SUFFIX[need.kind]}"
    folder = case.folder / need.time_point
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not there:
        return f"add {wanted}"
    more = f" and {len(there) - NAMES_SHOWN} more" if len(there) > NAMES_SHOWN else ""
    return f"add {wanted}; the folder holds {', '.join(there[:NAMES_SHOWN])}{more}"


def _placed(problem: Problem, case: Case, need: Need, path: Path | None) -> Problem:
    """The problem with the case and the file in front of where it is."""
    # A file that lies elsewhere may carry a patient's name.
    listed = path is not None and path.parent == case.folder / need.time_point
    name = path.name if path is not None and listed else need.name
    inside = problem.where.removeprefix(path.name if path else f"case {case.case_id}").strip(", ")
    where = f"case {case.case_id}, {need.time_point}/{name}" + (f", {inside}" if inside else "")
    return Problem(problem.level, problem.what, where, problem.remedy)


def _volume(found: CaseFiles, need: Need, path: Path) -> Iterator[Problem]:
    image = read_image(path)
    found.grids.setdefault(need.time_point, image.geometry)
    found.fingerprints[need] = fingerprint(image)
    for step in image.history:
        if step.startswith("warning: "):
            yield Problem("WARN", step.removeprefix("warning: ").rstrip("."))


def _points(found: CaseFiles, need: Need, path: Path) -> Iterator[Problem]:
    points = read_points(path)
    found.points[need] = len(points.points)
    yield from points.warnings
    grid = found.grids.get(need.time_point)
    if grid is None:
        return
    outside = [point for point in points.points if not grid.contains(point.position)]
    swapped = np.array([point.position for point in outside]).reshape(-1, 3) * (-1, -1, 1)
    remedy = "place the point in the volume, or delete it; was it placed on another series?"
    if len(outside) == len(points.points) and grid.contains(swapped).all():
        remedy = "left-right and front-back seem swapped: save the points again from Slicer"
    for point in outside:
        index = grid.to_index(point.position)
        away = np.linalg.norm(point.position - grid.to_world(np.clip(index, -0.5, grid.size_ijk - 0.5)))
        yield Problem("STOP", f"the point lies {away:.1f} mm outside the volume", f"point {point.label!r}", remedy)


def _segment(found: CaseFiles, need: Need, path: Path) -> Iterator[Problem]:
    segments = read_segments(path)
    paint = "paint it, or delete it"
    if all(segment.is_empty for segment in segments):
        yield Problem("STOP", "no segment is painted", "", paint)
        return
    for segment in segments:
        if segment.is_empty:
            yield Problem("WARN", "the segment is empty", f"segment {segment.name!r}", paint)
    chosen = segments_of(segments, need.name)
    if len(chosen) > 1:
        names = ", ".join(segment.name for segment in chosen)
        yield Problem("WARN", f"{names} count as {need.name} together", "", f"name one {need.name!r} if that is wrong")
    grid = found.grids.get(need.time_point)
    if grid is None:
        return
    for segment in chosen:
        inside = float(grid.contains(segment.points).mean())
        where, other = f"segment {segment.name!r}", "was it drawn on another series or patient?"
        if inside == 0:
            yield Problem("STOP", "the segment lies outside the volume", where, other)
        elif inside < 1:
            share = f"{max(1 - inside, 0.01):.0%}"
            yield Problem("WARN", f"{share} of the segment lies outside the volume", where, other)


def fingerprint(image: Image) -> str:
    """sha256 of how often each value occurs, with the size of the grid.

    The same scan has the same fingerprint however it was stored: other format, voxel type, axis order or position.
    """
    array = np.rint(image.array) if image.array.dtype.kind == "f" else image.array
    values, counts = np.unique(array, return_counts=True)
    sha = hashlib.sha256(str((sorted(image.array.shape), sorted(np.round(image.geometry.spacing, 2)))).encode())
    sha.update(values.astype(np.float64).tobytes() + counts.astype(np.int64).tobytes())
    return sha.hexdigest()
