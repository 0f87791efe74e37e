"""One annotation of a case from those of several readers: the majority of labels, segments joined, means of points."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.cohort.additions import put_case
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_content import Content, case_files
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.described_size import without_size
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.mark_groups import Group, common_grid, group_points, group_segments, union
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.cohort.reader_marks import (
    CONSENSUS,
    FORMAT,
    LABELS,
    boxes_in,
    first_reader,
    folder_of,
    points_in,
    readers_of,
    segments_in,
)
from HCCAssistLib.cohort.revisions import Changes, changes, keep_revision
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_folder, stored, write_json
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.labels import Classes

How = Literal["staple", "majority"]
HOWS: tuple[How, ...] = ("staple", "majority")
T = TypeVar("T")

CERTAIN = 0.5
"""Probability from which a voxel belongs to the segment that STAPLE estimates."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the readers of a case have in common.

    Attributes:
        values: labels by column.
        files: marks by their paths in the case's folder.
        undecided: what they have not, in words; then the case stays as it is.
    """

    values: Mapping[str, str]
    files: Mapping[str, Content]
    undecided: tuple[str, ...] = ()


def consensus_of(
    read: Mapping[str, Case], needs: Sequence[InputSpec], labels: Mapping[str, Classes], how: How
) -> Agreed:
    """What several readers of one case agree on.

    A label, a point or a segment counts that more than half of the readers have. A point lies at their mean; a segment
    is made by STAPLE, or of the voxels that more than half of them painted.

    Args:
        read: the case by reader.
        needs: marks that may be there.
        labels: by column of the table, or by place for labels of findings.
        how: how segments are joined.

    Raises:
        InputError: a damaged file.
    """
    values: dict[str, str] = {}
    undecided: list[str] = []
    for column in (name for name, one in labels.items() if one.of == "case"):
        told = [case.values.get(column, "") for case in read.values()]
        told = [text for text in told if not is_missing(text)]
        if told:
            label = _most(told, len(told))
            undecided += [] if label else [f"{column} ({', '.join(told)})"]
            values |= {column: label} if label else {}
    points: dict[str, PointList] = {}
    segments: dict[str, tuple[Segment, ...]] = {}
    drawn_boxes = {str(need) for need in needs for case in read.values() if need.kind == "roi" and boxes_in(case, need)}
    undecided += [f"{place} (boxes have no consensus)" for place in sorted(drawn_boxes)]
    for need in dict.fromkeys(needs):
        classes = labels.get(str(need))
        if need.kind == "points" and (
            placed := _of_all({reader: points_in(case, need) for reader, case in read.items()})
        ):
            points[str(need)] = _joined_points(placed, need, len(read), classes, undecided)
        elif need.kind == "segment" and (
            drawn := _of_all({reader: segments_in(case, need) for reader, case in read.items()})
        ):
            segments[str(need)] = _joined_segments(drawn, need, list(read), how, classes, undecided)
    files = case_files(volumes={}, points=points, masks={}, segments=segments, transforms={})
    return Agreed(values, files, tuple(undecided))


def said_by(case: Case, needs: Sequence[InputSpec], labels: Mapping[str, Classes]) -> Agreed:
    """What one reader of a case says: his labels, and his marks as he made them.

    Args:
        case: with the marks and labels of the reader.
        needs, labels: as for ``consensus_of``.

    Raises:
        InputError: a damaged file.
    """
    values = {name: case.values.get(name, "") for name, one in labels.items() if one.of == "case"}
    of = {kind: [need for need in dict.fromkeys(needs) if need.kind == kind] for kind in ("points", "segment", "roi")}
    files = case_files(
        volumes={},
        points={str(need): PointList(need.name, points_in(case, need)) for need in of["points"]},
        masks={},
        segments={str(need): segments_in(case, need) for need in of["segment"]},
        transforms={},
        boxes={str(need): boxes_in(case, need) for need in of["roi"]},
    )
    return Agreed({name: value for name, value in values.items() if not is_missing(value)}, files)


@dataclass(frozen=True, slots=True)
class Decided:
    """What the cases of a cohort hold once it is decided what counts of several readers.

    Attributes:
        cases: ids of those that hold it.
        changes: what of each of these changes, or changed, where anything does.
        undecided: cases that stay as they are, with on what their readers do not agree.
    """

    cases: tuple[str, ...]
    changes: Mapping[str, Changes]
    undecided: Mapping[str, tuple[str, ...]]


def set_consensus(
    cohort: Path,
    cases: Sequence[Case],
    needs: Sequence[InputSpec],
    labels: Mapping[str, Classes],
    how: str,
    *,
    write: bool = True,
) -> Decided:
    """Let the cases of a cohort that several readers read hold what counts of these; what each marked is kept.

    Args:
        cohort: folder of the cohort.
        cases: of its table.
        needs, labels: as for ``consensus_of``.
        how: how what they agree on is joined, or the name of the reader whose marks and labels count.
        write: whether it is done; otherwise it is only told what would change.

    Raises:
        InputError: a damaged file, or nobody of that name read a case.
        HCCAssistError: the disk is full or not writable.
    """
    readers = readers_of(cohort, cases)
    if how not in HOWS and how not in readers:
        what = f"no reader is called {how}"
        raise InputError(what, cohort.name, f"known are {', '.join(readers) or 'none'}")
    done: list[str] = []
    changed: dict[str, Changes] = {}
    undecided: dict[str, tuple[str, ...]] = {}
    for case in cases:
        read = {reader: of[case.case_id] for reader, of in readers.items() if case.case_id in of}
        if len(read) < 2 or (how not in HOWS and how not in read):
            continue
        joined = next((one for one in HOWS if one == how), None)
        agreed = consensus_of(read, needs, labels, joined) if joined else said_by(read[how], needs, labels)
        if agreed.undecided:
            undecided[case.case_id] = agreed.undecided
            continue
        if write:
            _keep_first(cohort, case, labels)
        replaced = {f"{need}" for need in needs if need.kind in ("points", "segment")}
        there = {path.relative_to(case.folder).as_posix() for path in case.folder.rglob("*") if path.is_file()}
        carried = tuple(name for name in there if name.split(".")[0] not in replaced and name not in agreed.files)
        values = {**agreed.values, CONSENSUS: f"{how} of {', '.join(read)}"}
        found = changes(case, agreed.files, values, carried)
        if found and write:
            keep_revision(cohort, case, found, CONSENSUS)
            put_case(cohort, case.case_id, agreed.files, values, replace=True, carried=carried)
        if found:
            changed[case.case_id] = found
        done.append(case.case_id)
    return Decided(tuple(done), changed, undecided)


def _keep_first(cohort: Path, case: Case, labels: Mapping[str, Classes]) -> None:
    """Lay what the first reader marked beside the marks of the others, unless it lies there."""
    reader = first_reader(case)
    folder = folder_of(cohort, case.case_id, reader)
    if folder.exists() or not is_missing(case.values.get(CONSENSUS, "")):
        return
    marks = [path for path in case.folder.rglob("*") if path.name.endswith((".seg.nrrd", ".mrk.json", ".fcsv"))]
    own = {name: case.values[name] for name in labels if not is_missing(case.values.get(name, ""))}
    with stored("The marks of the first reader"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(folder) as part:
            for path in marks:
                target = part / path.relative_to(case.folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            write_json(part / LABELS, {"format": FORMAT, "reader": reader, "case_id": case.case_id, "labels": own})


def _most(texts: Sequence[str], readers: int) -> str:
    """The text that more than half of the readers say; empty where there is none."""
    text, count = Counter(texts).most_common(1)[0]
    return text if 2 * count > readers else ""


def _of_all(found: Mapping[str, Sequence[T]]) -> Mapping[str, Sequence[T]]:
    """What each reader has; nothing where nobody has any."""
    return found if any(found.values()) else {}


def _joined_points(
    placed: Mapping[str, Sequence[Point]], need: InputSpec, readers: int, classes: Classes | None, undecided: list[str]
) -> PointList:
    points: list[Point] = []
    for group in (one for one in group_points(placed) if 2 * len(one.points) > readers):
        texts = [without_size(point.description) for point in group.points.values()]
        label = _most(texts, len(texts)) if classes is not None else ""
        if classes is not None and not label:
            undecided.append(f"{need}, {classes.column} ({', '.join(texts)})")
        x, y, z = (float(v) for v in group.center)
        points.append(Point(f"{need.name} {len(points) + 1}", (x, y, z), label))
    return PointList(need.name, tuple(points))


def _joined_segments(
    drawn: Mapping[str, Sequence[Segment]],
    need: InputSpec,
    readers: Sequence[str],
    how: How,
    classes: Classes | None,
    undecided: list[str],
) -> tuple[Segment, ...]:
    groups = group_segments(drawn) if need.of_lesions else [Group(segments={r: list(s) for r, s in drawn.items() if s})]
    found: list[Segment] = []
    for group in (one for one in groups if 2 * len(one.segments) > len(readers)):
        members = [segment for of_reader in group.segments.values() for segment in of_reader]
        grid = common_grid(members)
        votes = [union(group.segments.get(reader, ()), grid) for reader in readers]
        mask = _joined(votes, how)
        if not mask.any():
            continue
        tags: dict[str, str] = {}
        if need.of_lesions:
            targets = [segment.tags.get("target", "yes") for segment in members]
            tags["target"] = _most(targets, len(targets)) or targets[0]
        if classes is not None:
            told = [segment.tags.get(classes.column, "") for segment in members]
            tags[classes.column] = _most(told, len(told))
            if not tags[classes.column]:
                undecided.append(f"{need}, {classes.column} ({', '.join(told)})")
        title = f"{need.name} {len(found) + 1}" if need.of_lesions else need.name
        found.append(Segment(title, Image(mask, grid, title), tags))
    return tuple(found)


def _joined(votes: Sequence[np.ndarray], how: How) -> np.ndarray:
    """The voxels that several masks have in common, as 0 and 1."""
    images = [sitk.GetImageFromArray(vote) for vote in votes]
    if how == "staple":
        probability = sitk.GetArrayFromImage(sitk.STAPLE(images, 1.0))
        return (probability >= CERTAIN).astype(np.uint8)
    voted: np.ndarray = sitk.GetArrayFromImage(sitk.LabelVoting(images, 0))  # a tie is no majority
    return (voted == 1).astype(np.uint8)
