"""The findings of a case, each with its label: the description of a point, or the tag or name of a segment or a box."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.described_size import BY_LINE, described_size, without_size
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList, read_points, read_rois
from HCCAssistLib.cohort.segment_names import painted_lesions
from HCCAssistLib.cohort.segments import Segment, read_segments
from HCCAssistLib.cohort.synthetic import NO
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.labels import Classes

_NUMBERED = re.compile(r"[\s_#-]*\(?\d+\)?$")
_PREFIX = re.compile(r"(category|class|kategorie|klasse|type|typ)\b[\s:=]*", re.IGNORECASE)


@dataclass(frozen=True, eq=False, slots=True)
class Finding:
    """One finding that a reader marked.

    Attributes:
        name: of the point, segment or box.
        center: LPS millimetres: of the point or box, or the centre of the segment's voxels.
        code: of its class, ``""`` where it has none.
        subclass: the finer code that the reader wrote, or ``""``.
        mask: of a segment, voxels 0 and 1 on a grid of its own; None of a point.
        target: whether it is one of those that count; all do where none is tagged ``target``.
        box: that a reader drew around it, None of any other.
        size_mm: that the reader wrote beside a point; NaN where there is none.
        measured: whether that size was measured with a line.
    """

    name: str
    center: tuple[float, float, float]
    code: str = ""
    subclass: str = ""
    mask: Image | None = None
    target: bool = True
    box: Box | None = None
    size_mm: float = math.nan
    measured: bool = False

    def as_json(self) -> dict[str, Any]:
        """All but the mask, whose voxels are kept apart."""
        return {
            "name": self.name,
            "center": list(self.center),
            "code": self.code,
            "subclass": self.subclass,
            "target": self.target,
            "box": self.box.as_json() if self.box else None,
            "size_mm": self.size_mm if math.isfinite(self.size_mm) else None,
            "measured": self.measured,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], mask: Image | None = None) -> Finding:
        """Read what ``as_json`` wrote.

        Raises:
            KeyError, TypeError, ValueError: it was not written by it.
        """
        box, size = data["box"], data["size_mm"]
        return cls(
            name=data["name"],
            center=tuple(data["center"]),
            code=data["code"],
            subclass=data["subclass"],
            mask=mask,
            target=data["target"],
            box=Box.from_json(box) if box else None,
            size_mm=math.nan if size is None else float(size),
            measured=data["measured"],
        )


def findings_of_points(points: PointList, classes: Classes | None) -> tuple[tuple[Finding, ...], list[Problem]]:
    """The points of a file as findings, and what is wrong with their labels.

    Args:
        points: the description holds the label; where there is none, the point's own label may be one.
        classes: that they may have; None where labels do not matter.
    """
    texts = [(f"point {p.label!r}", without_size(p.description), p.label) for p in points.points]
    codes, problems = _labels(texts, "its description", classes)
    places = zip(points.points, codes, strict=True)
    return tuple(_of_point(point, code) for point, code in places), problems


def findings_of_boxes(
    boxes: Sequence[LabelledBox], classes: Classes | None
) -> tuple[tuple[Finding, ...], list[Problem]]:
    """The boxes of a file as findings, and what is wrong with their labels.

    Args:
        boxes: the name holds the label.
        classes: that they may have; None where labels do not matter.
    """
    codes, problems = _labels([(f"box {one.label!r}", "", one.label) for one in boxes], "its name", classes)
    places = zip(boxes, codes, strict=True)
    return tuple(Finding(one.label, one.box.center, *code, box=one.box) for one, code in places), problems


def findings_of_segments(
    segments: Sequence[Segment], classes: Classes | None
) -> tuple[tuple[Finding, ...], list[Problem]]:
    """The painted segments of a file as findings, and what is wrong with their labels.

    Args:
        segments: the tag named like the label's column holds the label; where there is none, the name may be one.
        classes: that they may have; None where labels do not matter.
    """
    painted = [segment for segment in segments if not segment.is_empty]
    column = classes.column if classes else ""
    texts = [(f"segment {s.name!r}", s.tags.get(column, ""), s.name) for s in painted]
    codes, problems = _labels(texts, "its name", classes)
    tagged = any("target" in segment.tags for segment in painted)
    found = []
    for segment, code in zip(painted, codes, strict=True):
        x, y, z = (float(v) for v in segment.points.mean(axis=0))
        target = not tagged or segment.tags.get("target", "no").strip().lower() not in NO
        found.append(Finding(segment.name, (x, y, z), *code, mask=segment.mask, target=target))
    return tuple(found), problems


def segments_of_findings(findings: Sequence[Finding], name: str) -> tuple[Segment, ...]:
    """Findings that were drawn as segments, as ``findings_of_segments`` reads them again, each with whether it counts.

    Their names are numbered anew, since those that a reader gave may tell who the patient is.

    Args:
        findings: those that have no mask are left out.
        name: of what they are (``"tumour"``).
    """
    drawn = [(one.mask, one.target) for one in findings if one.mask is not None]
    return tuple(
        Segment(f"{name} {number}", mask, {"target": "yes" if target else "no"})
        for number, (mask, target) in enumerate(drawn, 1)
    )


def label_in(text: str, name: str, classes: Classes) -> str:
    """The code or subclass that a finding's own text says, or else its name; ``""`` where neither does."""
    (code, subclass), *_ = _labels([("", text, name)], "", classes)[0]
    return subclass or code


def finding_codes(case: Case, inputs: Sequence[InputSpec], classes: Classes) -> tuple[str, ...]:
    """The classes of a case's findings; files that cannot be read have none, which the check of the cohort tells."""
    codes: list[str] = []
    for need in (need for need in inputs if need.of_lesions):
        if need.kind == "volume":
            continue
        try:
            path = case.annotation_path(need.time_point, need.name, need.kind)
            if path is None:
                continue
            if need.kind == "points":
                found, _ = findings_of_points(read_points(path), classes)
            elif need.kind == "roi":
                found, _ = findings_of_boxes(read_rois(path), classes)
            else:
                found, _ = findings_of_segments(painted_lesions(read_segments(path))[0], classes)
        except InputError:
            continue
        codes += [one.code for one in found if one.code]
    return tuple(codes)


def _of_point(point: Point, code: tuple[str, str]) -> Finding:
    size, measured = described_size(point.description), BY_LINE in point.description.casefold()
    return Finding(point.label, point.position, *code, size_mm=size, measured=measured)


def _labels(
    texts: Iterable[tuple[str, str, str]], place: str, classes: Classes | None
) -> tuple[list[tuple[str, str]], list[Problem]]:
    """Code and subclass of each, and what is wrong.

    Args:
        texts: where each stands, the text for the label, and the name that may hold it instead.
        place: where to write it.
        classes: that they may have.
    """
    texts = list(texts)
    if classes is None:
        return [("", "")] * len(texts), []
    codes: list[tuple[str, str]] = []
    problems: list[Problem] = []
    unnamed: list[Problem] = []
    for where, text, name in texts:
        given = not is_missing(text)
        read = _read(_bare(text), classes) if given else _read(_NUMBERED.sub("", _bare(name)), classes)
        if not given and not read[0]:  # a code may end in a number itself
            read = _read(_bare(name), classes)
        codes.append(read)
        if read[0]:
            continue
        remedy = f"write {classes.to_write} into {place}"
        if given:
            near = classes.nearest(_bare(text))
            what = f"{text!a} is no {classes.column}"
            problems.append(Problem("STOP", what, where, f"{remedy}{f' ({near} may be meant)' if near else ''}"))
        else:
            unnamed.append(Problem("STOP", f"it has no {classes.column}", where, remedy))
    if len(unnamed) > 1 and len(unnamed) == len(texts):  # one cause: nobody has written them yet
        what = f"none of the {len(texts)} findings has a {classes.column}"
        unnamed = [Problem("STOP", what, "", f"write {classes.to_write} into {place} of each")]
    return codes, problems + unnamed


def _read(text: str, classes: Classes) -> tuple[str, str]:
    """Code and subclass that a text says, however it is capitalised, or the name of a class; empty where neither."""
    for known in (*classes.names, *classes.subclasses):
        if text.casefold() == known.casefold():
            return classes.code_of(known), known if known in classes.subclasses else ""
    named = [code for code, name in classes.names.items() if text.casefold() == name.casefold()]
    return (named[0] if named else "", "")


def _bare(text: str) -> str:
    """Without the word before it: ``Category B``."""
    return _PREFIX.sub("", text.strip(), count=1).strip()
