"""The files of one case, read and checked against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.fingerprints import Fingerprint, fingerprint
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.judgement import judge
from HCCAssistLib.cohort.points import PointList, read_points
from HCCAssistLib.cohort.segment_names import choose
from HCCAssistLib.cohort.segments import Segment, read_segments
from HCCAssistLib.cohort.unused_files import NAMES_SHOWN, SAVED_AS, unused_names
from HCCAssistLib.dicom.series import read_series
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image


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
    paths: dict[InputSpec, Path] = field(default_factory=dict)
    volumes: dict[str, Image] = field(default_factory=dict)
    points: dict[str, PointList] = field(default_factory=dict)
    masks: dict[str, Image] = field(default_factory=dict)


@dataclass(slots=True)
class CaseFiles:
    """What was found of one case, without its voxels.

    Attributes:
        problems: everything wrong with its files.
        paths: the files that are there.
        points: how many points each readable point file holds.
        fingerprints: of the readable volumes, for ``same_scan``.
        grids: of the first readable volume of each time point.
        unused: files that look like an input and are not read.
    """

    problems: list[Problem] = field(default_factory=list)
    paths: dict[InputSpec, Path] = field(default_factory=dict)
    points: dict[InputSpec, int] = field(default_factory=dict)
    fingerprints: dict[InputSpec, Fingerprint] = field(default_factory=dict)
    grids: dict[str, Geometry] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)


Check = Callable[[CaseContents], Iterable[Problem]]
"""What a recipe asks of a case beyond its files; a problem that names no place is one of the case."""


def read_case(case: Case, needs: Sequence[InputSpec]) -> CaseContents:
    """Read every file of a case that a recipe needs or may use, and list all that is wrong.

    Training, evaluation and prediction all read a case through here, so that they judge it alike.

    Args:
        case: the files.
        needs: what the recipe asks of it.
    """
    contents = CaseContents()
    segments: dict[str, tuple[Segment, ...]] = {}
    for need in needs:
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
                contents.volumes[str(need)], found = _read_volume(path, case, need)
            elif need.kind == "segment":
                segments[str(need)], found = choose(read_segments(path), need.name)
            else:
                contents.points[str(need)] = points = read_points(path)
                found = points.warnings
            contents.problems += [_placed(problem, case, need, path) for problem in found]
        except InputError as error:
            contents.problems += [_placed(problem, case, need, path) for problem in error.problems]
    contents.masks, doubts = judge(needs, contents.volumes, segments, contents.points)
    contents.problems += [_placed(problem, case, need, contents.paths[need]) for need, problem in doubts]
    return contents


def check_files(
    case: Case,
    needs: Sequence[InputSpec],
    *,
    check: Check | None = None,
    others: Sequence[InputSpec] = (),
) -> CaseFiles:
    """What is wrong with the files of a case, and what tells it from other cases.

    Args:
        case: the files.
        needs: what the recipe asks of it.
        check: what the recipe asks beyond that, for example ``problems`` of its module ``checks``.
        others: what other recipes read, which is no stray file.
    """
    contents = read_case(case, needs)
    problems = list(contents.problems)
    asked = check(contents) if check else ()
    problems += [replace(p, where=f"case {case.case_id}{', ' if p.where else ''}{p.where}") for p in asked]
    found = CaseFiles(problems, contents.paths, unused=unused_names(case, needs, others))
    for need in contents.paths:
        if need.kind == "points" and str(need) in contents.points:
            found.points[need] = len(contents.points[str(need)].points)
        if need.kind == "volume" and str(need) in contents.volumes:
            found.fingerprints[need] = fingerprint(contents.volumes[str(need)])
            found.grids.setdefault(need.time_point, contents.volumes[str(need)].geometry)
    return found


def how_to_add(case: Case, need: InputSpec) -> str:
    """What to do about a missing file; names what lies in its folder, since it is often only misnamed."""
    wanted = f"{need}{SAVED_AS[need.kind]}"
    folder = case.time_point_folder(need.time_point)
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not there:
        return f"add {wanted}"
    more = f" and {len(there) - NAMES_SHOWN} more" if len(there) > NAMES_SHOWN else ""
    return f"add {wanted}; the folder holds {', '.join(there[:NAMES_SHOWN])}{more}"


def _placed(problem: Problem, case: Case, need: InputSpec, path: Path | None) -> Problem:
    """The problem with the case and the file in front of where it is."""
    # A file that lies elsewhere may carry a patient's name.
    listed = path is not None and path.parent == case.time_point_folder(need.time_point)
    name = path.name if path is not None and listed else need.name
    inside = problem.where.removeprefix(path.name if path else f"case {case.case_id}").strip(", ")
    inside = "" if inside == case.case_id else inside
    where = f"case {case.case_id}, {need.time_point}/{name}" + (f", {inside}" if inside else "")
    return Problem(problem.level, problem.what, where, problem.remedy)


def _read_volume(path: Path, case: Case, need: InputSpec) -> tuple[Image, tuple[Problem, ...]]:
    if path.is_dir():
        return read_series(path, name=case.case_id, modality=need.modality, phase=need.name)
    image = read_image(path, name=case.case_id)
    said = (step.removeprefix("warning: ") for step in image.history if step.startswith("warning: "))
    return image, tuple(Problem("WARN", what.rstrip(".")) for what in said)
