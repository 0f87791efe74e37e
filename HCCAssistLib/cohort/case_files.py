"""The files of one case, read and checked against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.finding_labels import Finding, findings_of_boxes, findings_of_points, findings_of_segments
from HCCAssistLib.cohort.fingerprints import Fingerprint, fingerprint
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.judgement import judge
from HCCAssistLib.cohort.markups import read_nodes
from HCCAssistLib.cohort.points import LabelledBox, PointList, read_points, read_rois
from HCCAssistLib.cohort.segment_names import choose, painted_lesions
from HCCAssistLib.cohort.segments import Segment, read_segments
from HCCAssistLib.cohort.transform_files import read_transform
from HCCAssistLib.cohort.unused_files import NAMES_SHOWN, SAVED_AS, unused_names
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.labels import Classes


@dataclass(slots=True)
class CaseContents:
    """All that could be read of one case, by ``"<time point>/<name>"``.

    Attributes:
        case: whose files.
        problems: everything wrong with its files, STOP and WARN.
        paths: the files that are there.
        volumes: as stored.
        points: whether or not they lie well.
        masks: segments, each on the grid of the first volume of its time point.
        boxes: that a reader drew.
        findings: of the annotations of lesions, each with its label.
        transforms: that a person gave for a volume, 4x4; see ``Study``.
    """

    case: Case
    problems: list[Problem] = field(default_factory=list)
    paths: dict[InputSpec, Path] = field(default_factory=dict)
    volumes: dict[str, Image] = field(default_factory=dict)
    points: dict[str, PointList] = field(default_factory=dict)
    masks: dict[str, Image] = field(default_factory=dict)
    boxes: dict[str, tuple[LabelledBox, ...]] = field(default_factory=dict)
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    transforms: dict[str, FloatArray] = field(default_factory=dict)


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
        codes: classes of the case's findings.
    """

    problems: list[Problem] = field(default_factory=list)
    paths: dict[InputSpec, Path] = field(default_factory=dict)
    points: dict[InputSpec, int] = field(default_factory=dict)
    fingerprints: dict[InputSpec, Fingerprint] = field(default_factory=dict)
    grids: dict[str, Geometry] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    codes: tuple[str, ...] = ()


Check = Callable[[CaseContents], Iterable[Problem]]
"""What a recipe asks of a case beyond its files; a problem that names no place is one of the case."""


def read_case(case: Case, needs: Sequence[InputSpec], classes: Classes | None = None) -> CaseContents:
    """Read every file of a case that a recipe needs or may use, and list all that is wrong.

    Training, evaluation and prediction all read a case through here, so that they judge it alike.

    Args:
        case: the files.
        needs: what the recipe asks of it.
        classes: that its findings must have; None where findings need no label.
    """
    contents = CaseContents(case)
    segments: dict[str, tuple[Segment, ...]] = {}
    faulty: set[str] = set()
    for need in needs:
        path = None
        try:
            path = _path(case, need, needs)
            if path is None:
                continue
            contents.paths[need] = path
            found = _read(need, path, case, classes, contents, segments)
            contents.problems += [_placed(problem, case, need, path) for problem in found]
            if need.registered_to and (path := case.transform_path(need.time_point, need.name)) is not None:
                contents.transforms[str(need)] = read_transform(path)
        except InputError as error:
            faulty.add(str(need))
            contents.problems += [_placed(problem, case, need, path) for problem in error.problems]
    there = {str(need) for need in contents.paths} | faulty
    for place in dict.fromkeys(str(need) for need in needs if need.required and str(need) not in there):
        alternatives = [need for need in needs if str(need) == place]
        remedy = how_to_add(case, *alternatives)
        contents.problems.append(Problem("STOP", f"there is no {place}", f"case {case.case_id}", remedy))
    contents.masks, doubts = judge(needs, contents.volumes, segments, contents.points, contents.boxes)
    contents.problems += [_placed(problem, case, need, contents.paths[need]) for need, problem in doubts]
    return contents


def _path(case: Case, need: InputSpec, needs: Sequence[InputSpec]) -> Path | None:
    """The file of an input; None where there is none, or where the file of that name is one of its alternatives."""
    if need.kind == "volume":
        return case.volume_path(need.time_point, need.name)
    path = case.annotation_path(need.time_point, need.name, need.kind)
    kinds = {other.kind for other in needs if str(other) == str(need)}
    if path is not None and path.name.lower().endswith(".json") and {"points", "roi"} <= kinds:
        is_roi = "ROI" in {node.get("type") for node in read_nodes(path)}
        return path if is_roi == (need.kind == "roi") else None
    return path


def _read(
    need: InputSpec,
    path: Path,
    case: Case,
    classes: Classes | None,
    contents: CaseContents,
    segments: dict[str, tuple[Segment, ...]],
) -> Sequence[Problem]:
    """Read one file into the contents of the case; what is doubtful about it."""
    place = str(need)
    if need.kind == "volume":
        contents.volumes[place], found = _read_volume(path, case, need)
        return found
    if need.kind == "roi":
        contents.boxes[place] = boxes = read_rois(path)
        if not need.of_lesions:
            return ()
        labelled, doubts = findings_of_boxes(boxes, classes)
        contents.findings[place] = (*contents.findings.get(place, ()), *labelled)
        return doubts
    if need.kind == "points":
        contents.points[place] = points = read_points(path)
        if not need.of_lesions:
            return points.warnings
        labelled, doubts = findings_of_points(points, classes)
        contents.findings[place] = (*contents.findings.get(place, ()), *labelled)
        return [*points.warnings, *doubts]
    if not need.of_lesions:
        segments[place], found = choose(read_segments(path), need.name)
        return found
    segments[place], found = painted_lesions(read_segments(path))
    labelled, doubts = findings_of_segments(segments[place], classes)
    contents.findings[place] = (*contents.findings.get(place, ()), *labelled)
    return [*found, *doubts]


def check_files(
    case: Case,
    needs: Sequence[InputSpec],
    *,
    check: Check | None = None,
    others: Sequence[InputSpec] = (),
    classes: Classes | None = None,
) -> CaseFiles:
    """What is wrong with the files of a case, and what tells it from other cases.

    Args:
        case: the files.
        needs: what the recipe asks of it.
        check: what the recipe asks beyond that, for example ``problems`` of its module ``checks``.
        others: what other recipes read, which is no stray file.
        classes: that the findings must have; None where findings need no label.
    """
    contents = read_case(case, needs, classes)
    problems = list(contents.problems)
    of_check = check(contents) if check else ()
    problems += [replace(p, where=f"case {case.case_id}{', ' if p.where else ''}{p.where}") for p in of_check]
    codes = tuple(one.code for findings in contents.findings.values() for one in findings if one.code)
    found = CaseFiles(problems, contents.paths, unused=unused_names(case, needs, others), codes=codes)
    for need in contents.paths:
        if need.kind == "points" and str(need) in contents.points:
            found.points[need] = len(contents.points[str(need)].points)
        if need.kind == "volume" and str(need) in contents.volumes:
            found.fingerprints[need] = fingerprint(contents.volumes[str(need)])
            found.grids.setdefault(need.time_point, contents.volumes[str(need)].geometry)
    return found


def how_to_add(case: Case, *alternatives: InputSpec) -> str:
    """What to do about a missing file; names what lies in its folder, since it is often only misnamed."""
    wanted = " or ".join(dict.fromkeys(f"{need}{SAVED_AS[need.kind]}" for need in alternatives))
    folder = case.time_point_folder(alternatives[0].time_point)
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
        from HCCAssistLib.dicom.series import read_series  # pydicom is not for everybody to wait for

        return read_series(path, name=case.case_id, modality=need.modality, phase=need.name)
    image = read_image(path, name=case.case_id)
    warnings = (step.removeprefix("warning: ") for step in image.history if step.startswith("warning: "))
    return image, tuple(Problem("WARN", what.rstrip(".")) for what in warnings)
