"""A reader's marks without what may tell the patient: numbered names, labels by their codes, sizes as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from HCCAssistLib.cohort.described_size import BY_LINE
from HCCAssistLib.cohort.finding_labels import Finding, findings_of_boxes, findings_of_points, findings_of_segments
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.cohort.segment_names import painted_lesions
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import Problem
from HCCAssistLib.labels import Classes

MOST_MM = 500.0
"""No lesion is larger: a number beyond is no size, and may be anything."""


@dataclass(slots=True)
class CleanMarks:
    """Marks of a case by ``"<time point>/<name>"``, as they may be kept.

    Attributes:
        points, boxes, segments: by place.
        findings: of the lesions, with their labels.
        problems: labels that are missing or cannot be read.
    """

    points: dict[str, PointList] = field(default_factory=dict)
    boxes: dict[str, tuple[LabelledBox, ...]] = field(default_factory=dict)
    segments: dict[str, tuple[Segment, ...]] = field(default_factory=dict)
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add_points(self, need: InputSpec, listed: PointList, classes: Classes | None) -> None:
        """Points under numbered names; those of lesions keep their label and size, all others nothing."""
        found: Sequence[Finding] = ()
        if need.of_lesions:
            found = self._labelled(need, *findings_of_points(listed, classes))
        texts = [_description(one) for one in found] or [""] * len(listed.points)
        self.points[str(need)] = PointList(
            need.name,
            tuple(
                Point(f"{need.name} {number}", point.position, text, point.visible)
                for number, (point, text) in enumerate(zip(listed.points, texts, strict=True), 1)
            ),
        )

    def add_boxes(self, need: InputSpec, drawn: Sequence[LabelledBox], classes: Classes | None) -> None:
        """Boxes, each called by its label and a number."""
        codes = [""] * len(drawn)
        if need.of_lesions:
            codes = [_code(one) for one in self._labelled(need, *findings_of_boxes(drawn, classes))]
        self.boxes[str(need)] = tuple(
            LabelledBox(f"{code or need.name} {number}", one.box)
            for number, (one, code) in enumerate(zip(drawn, codes, strict=True), 1)
        )

    def add_lesions(self, need: InputSpec, drawn: Sequence[Segment], classes: Classes | None) -> None:
        """Segments of lesions under numbered names, each with its label and whether it counts.

        Raises:
            InputError: no segment is a painted lesion.
        """
        lesions, doubts = painted_lesions(drawn)
        self.problems += doubts
        found = self._labelled(need, *findings_of_segments(lesions, classes))
        columns = (classes.column,) if classes else ()
        self.segments[str(need)] = tuple(
            Segment(
                f"{need.name} {number}",
                one.mask,
                {"target": "yes" if one.target else "no", **{column: _code(one) for column in columns}},
            )
            for number, one in enumerate(found, 1)
            if one.mask is not None
        )

    def _labelled(self, need: InputSpec, found: Sequence[Finding], faults: Sequence[Problem]) -> Sequence[Finding]:
        self.problems += [replace(fault, where=f"{need.name}, {fault.where}".rstrip(", ")) for fault in faults]
        self.findings[str(need)] = (*self.findings.get(str(need), ()), *found)
        return found


def _code(one: Finding) -> str:
    return one.subclass or one.code


def _description(one: Finding) -> str:
    size = ""
    if math.isfinite(one.size_mm) and one.size_mm <= MOST_MM:
        size = f"{one.size_mm:.1f} mm{f' {BY_LINE}' if one.measured else ''}"
    return ", ".join(text for text in (_code(one), size) if text)
