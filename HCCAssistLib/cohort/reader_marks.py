"""What further readers marked and judged in the cases of a cohort, beside what the cohort holds of its first reader.

readings/<reader>/<case_id>/<time_point>/<what>.seg.nrrd    or .mrk.json, as in the case itself
readings/<reader>/<case_id>/labels.json                     labels by column
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from HCCAssistLib.cohort.case import READINGS, Case, is_safe_name
from HCCAssistLib.cohort.case_content import Content, write_files
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.markups import read_nodes
from HCCAssistLib.cohort.points import LabelledBox, Point, read_points, read_rois
from HCCAssistLib.cohort.segment_names import choose, painted_lesions
from HCCAssistLib.cohort.segments import Segment, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_folder, parse_json, remove_leftovers, stored, write_json

LABELS = "labels.json"
FORMAT = "hccassist-labels/1"

FIRST = "cohort"
"""The first reader of a case whose table names none."""

CONSENSUS = "consensus"
"""Column that says of which readers a case holds the consensus."""


def put_marks(cohort: Path, case: Case, reader: str, files: Mapping[str, Content], labels: Mapping[str, str]) -> Path:
    """Keep what a reader marked in a case, whole or not at all; an earlier one of this reader is replaced.

    Args:
        cohort: folder of the cohort.
        case: of it.
        reader: initials or a pseudonym.
        files: of the marks, by their paths in a case's folder.
        labels: by column of the table.

    Returns:
        The folder.

    Raises:
        InputError: a reader that can be no folder's name.
        HCCAssistError: the disk is full or not writable.
    """
    check_reader(reader)
    folder = folder_of(cohort, case.case_id, reader)
    with stored("The reading"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent)
        with atomic_folder(folder) as part:
            write_files(files, part)
            about = {"format": FORMAT, "reader": reader, "case_id": case.case_id, "labels": dict(labels)}
            write_json(part / LABELS, about)
    return folder


def folder_of(cohort: Path, case_id: str, reader: str) -> Path:
    """Where the marks of a reader in a case lie."""
    return cohort / READINGS / reader / case_id


def check_reader(reader: str) -> None:
    """Refuse a reader that can be no folder's name.

    Raises:
        InputError: it cannot.
    """
    if not is_safe_name(reader):
        what = f"{reader!r} is no name for a folder"
        raise InputError(what, "reader", "use initials or a pseudonym of letters, digits, full stops and hyphens")


def marks_of(cohort: Path, cases: Sequence[Case]) -> dict[str, dict[str, Case]]:
    """What further readers marked: cases with their marks and labels in the place of the first reader's.

    Args:
        cohort: folder of the cohort.
        cases: of its table.

    Returns:
        By reader and then by case id, in the order of the table. A label that a reader did not give is empty.

    Raises:
        InputError: damaged labels, or those of another reader or case.
    """
    found: dict[str, dict[str, Case]] = {}
    root = cohort / READINGS
    readers = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    for reader in readers:
        read = {
            case.case_id: _read(case, folder_of(cohort, case.case_id, reader), reader)
            for case in cases
            if folder_of(cohort, case.case_id, reader).is_dir()
        }
        if read:
            found[reader] = read
    return found


def readers_of(cohort: Path, cases: Sequence[Case]) -> dict[str, dict[str, Case]]:
    """What every reader marked, the first one of each case included; by reader and then by case id.

    Where a case holds the consensus of its readers, the marks of its first one lie with those of the others.

    Raises:
        InputError: what ``marks_of`` raises.
    """
    own: dict[str, dict[str, Case]] = {}
    for case in cases:
        if is_missing(case.values.get(CONSENSUS, "")):
            own.setdefault(first_reader(case), {})[case.case_id] = case
    others = marks_of(cohort, cases)
    return {reader: {**others.get(reader, {}), **own.get(reader, {})} for reader in dict.fromkeys([*own, *others])}


def first_reader(case: Case) -> str:
    """Who marked the case itself."""
    reader = case.values.get("reader", "")
    return FIRST if is_missing(reader) else reader


def points_in(case: Case, need: InputSpec) -> tuple[Point, ...]:
    """The points of a case at a place; none where there is no file, or one of boxes.

    Raises:
        InputError: a damaged file.
    """
    with _placed(case):
        path = case.annotation_path(need.time_point, need.name, "points")
        is_box = path is not None and path.name.lower().endswith(".json") and _holds_boxes(path)
        return () if path is None or is_box else read_points(path).points


def boxes_in(case: Case, need: InputSpec) -> tuple[LabelledBox, ...]:
    """The boxes of a case at a place; none where there is no file, or one of points.

    Raises:
        InputError: a damaged file.
    """
    with _placed(case):
        path = case.annotation_path(need.time_point, need.name, "points")
        is_box = path is not None and path.name.lower().endswith(".json") and _holds_boxes(path)
        return read_rois(path) if path is not None and is_box else ()


def segments_in(case: Case, need: InputSpec) -> tuple[Segment, ...]:
    """The painted segments of a case that are what is asked for at a place; none where there is no file.

    Raises:
        InputError: a damaged file, or one that does not tell which segment is meant.
    """
    with _placed(case):
        path = case.annotation_path(need.time_point, need.name, "segment")
        if path is None:
            return ()
        segments = read_segments(path)
        return (painted_lesions(segments) if need.of_lesions else choose(segments, need.name))[0]


def _holds_boxes(path: Path) -> bool:
    return "ROI" in {node.get("type") for node in read_nodes(path)}


@contextmanager
def _placed(case: Case) -> Iterator[None]:
    """Put the reader's folder and the case in front of what is wrong."""
    try:
        yield
    except InputError as error:
        where = f"{case.folder.parent.name}/{case.case_id}"
        raise InputError(replace(p, where=f"{where}, {p.where}".rstrip(", ")) for p in error.problems) from error


def _read(case: Case, folder: Path, reader: str) -> Case:
    where, labels = f"{READINGS}/{reader}/{case.case_id}/{LABELS}", {}
    if (folder / LABELS).is_file():
        try:
            about = parse_json((folder / LABELS).read_bytes())
            labels = {str(column): str(value) for column, value in about["labels"].items()}
            if (about["format"], about["reader"], about["case_id"]) != (FORMAT, reader, case.case_id):
                raise InputError("it is of another reader or case", where, "put it where it belongs")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("the labels are damaged", where, "let the reader read the case again") from error
    return replace(case, folder=folder, values=labels, files={})
