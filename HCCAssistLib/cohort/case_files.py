"""The files of one case, read and checked against each other."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.needs import Need
from HCCAssistLib.cohort.point_checks import contradictions, points_on_volume
from HCCAssistLib.cohort.points import PointList, read_points
from HCCAssistLib.cohort.segment_checks import on_volume
from HCCAssistLib.cohort.segment_names import choose
from HCCAssistLib.cohort.segments import read_segments
from HCCAssistLib.dicom.series import read_series
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

NAMES_SHOWN = 5
_SUFFIX = {"volume": ".nrrd", "points": ".mrk.json", "segment": ".seg.nrrd"}


@dataclass(slots=True)
class CaseContents:
    """All that could be read of one case, by ``"<time point>/<name>"``.

    Attributes:
        problems: everything wrong with its files, STOP and WARN.
        paths: the files that are there.
        volumes: as stored.
        points: whether or not they lie well.
        masks: segments, each on the grid of the first volume of its time point.
    """

    problems: list[Problem] = field(default_factory=list)
    paths: dict[Need, Path] = field(default_factory=dict)
    volumes: dict[str, Image] = field(default_factory=dict)
    points: dict[str, PointList] = field(default_factory=dict)
    masks: dict[str, Image] = field(default_factory=dict)

    def grid_volume(self, time_point: str) -> Image | None:
        """The volume that the annotations of a time point belong to, None where none could be read."""
        return next((image for key, image in self.volumes.items() if key.startswith(f"{time_point}/")), None)


@dataclass(slots=True)
class CaseFiles:
    """What was found of one case, without its voxels.

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


Check = Callable[[CaseContents], Iterable[Problem]]
"""What a recipe asks of a case beyond its files; a problem that names no place is one of the case."""


def read_case(case: Case, needs: Sequence[Need], *, modality: str = "CT") -> CaseContents:
    """Read every file of a case that a recipe needs or may use, and list all that is wrong.

    Training, evaluation and prediction all read a case through here, so that they judge it alike.

    Args:
        case: the files.
        needs: what the recipe asks of it.
        modality: of the images, as in DICOM.
    """
    contents = CaseContents()
    order = {"volume": 0, "segment": 1, "points": 2}  # points are judged in the volume and in the liver
    for need in sorted(needs, key=lambda need: order[need.kind]):
        path = None
        try:
            if need.kind == "volume":
                path = case.volume_path(need.time_point, need.name)
            else:
                path = case.annotation_path(need.time_point, need.name, need.kind)
            if path is None:
                if need.required:
                    missing = Problem("STOP", f"there is no {need}", f"case {case.case_id}", how_to_add(case, need))
                    contents.problems.append(missing)
                continue
            contents.paths[need] = path
            if need.kind == "volume":
                found = _volume(contents, need, path, case, modality)
            elif need.kind == "segment":
                found = _segment(contents, need, path)
            else:
                found = _points(contents, need, path)
            contents.problems += [_placed(problem, case, need, path) for problem in found]
        except InputError as error:
            contents.problems += [_placed(problem, case, need, path) for problem in error.problems]
    for lesions, others in itertools.product(needs, needs):
        one, other = contents.points.get(str(lesions)), contents.points.get(str(others))
        is_pair = lesions.of_lesions and others.kind == "points" and others.name == "rejected"
        if is_pair and lesions.time_point == others.time_point and one is not None and other is not None:
            path, doubts = contents.paths[lesions], contradictions(one, other, others.name)
            contents.problems += [_placed(problem, case, lesions, path) for problem in doubts]
    return contents


def check_files(case: Case, needs: Sequence[Need], *, modality: str = "CT", check: Check | None = None) -> CaseFiles:
    """What is wrong with the files of a case, and what tells it from other cases.

    Args:
        case: the files.
        needs: what the recipe asks of it.
        modality: of the images, as in DICOM.
        check: what the recipe asks beyond that, for example ``problems`` of its module ``checks``.
    """
    contents = read_case(case, needs, modality=modality)
    problems = list(contents.problems)
    asked = check(contents) if check else ()
    problems += [replace(p, where=f"case {case.case_id}{', ' if p.where else ''}{p.where}") for p in asked]
    found = CaseFiles(problems, contents.paths)
    for need in contents.paths:
        if need.kind == "points" and str(need) in contents.points:
            found.points[need] = len(contents.points[str(need)].points)
        if need.kind == "volume" and str(need) in contents.volumes:
            found.fingerprints[need] = fingerprint(contents.volumes[str(need)])
            found.grids.setdefault(need.time_point, contents.volumes[str(need)].geometry)
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
    inside = "" if inside == case.case_id else inside
    where = f"case {case.case_id}, {need.time_point}/{name}" + (f", {inside}" if inside else "")
    return Problem(problem.level, problem.what, where, problem.remedy)


def _volume(contents: CaseContents, need: Need, path: Path, case: Case, modality: str) -> tuple[Problem, ...]:
    if path.is_dir():
        image, warnings = read_series(path, name=case.case_id)
    else:
        image = read_image(path, name=case.case_id)
        said = (step.removeprefix("warning: ") for step in image.history if step.startswith("warning: "))
        warnings = tuple(Problem("WARN", what.rstrip(".")) for what in said)
    contents.volumes[str(need)] = image
    return warnings


def _segment(contents: CaseContents, need: Need, path: Path) -> tuple[Problem, ...]:
    segments = read_segments(path)
    volume = contents.grid_volume(need.time_point)
    if volume is None:
        return choose(segments, need.name)[1]
    contents.masks[str(need)], problems = on_volume(segments, need.name, volume)
    return problems


def _points(contents: CaseContents, need: Need, path: Path) -> tuple[Problem, ...]:
    points = read_points(path)
    contents.points[str(need)] = points
    volume = contents.grid_volume(need.time_point)
    if volume is None:
        return points.warnings
    liver = contents.masks.get(f"{need.time_point}/liver")
    return (*points.warnings, *points_on_volume(points, volume, of_lesions=need.of_lesions, liver=liver))


def fingerprint(image: Image) -> str:
    """sha256 of how often each value occurs, with the size of the grid.

    The same scan has the same fingerprint however it was stored: other format, voxel type, axis order or position.
    """
    array = np.rint(image.array) if image.array.dtype.kind == "f" else image.array
    values, counts = np.unique(array, return_counts=True)
    sha = hashlib.sha256(str((sorted(image.array.shape), sorted(np.round(image.geometry.spacing, 2)))).encode())
    sha.update(values.astype(np.float64).tobytes() + counts.astype(np.int64).tobytes())
    return sha.hexdigest()
