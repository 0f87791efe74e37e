"""The findings that a reader marked in the scene, each with its label, which can be changed there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import slicer

from HCCAssistLib.cohort.described_size import BY_LINE, described_size, without_size
from HCCAssistLib.cohort.finding_labels import label_in
from HCCAssistLib.cohort.segment_names import names_organ
from HCCAssistLib.labels import Classes
from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.targets import tag_of


@dataclass(frozen=True, slots=True)
class FindingMark:
    """One finding.

    Attributes:
        title: of the point, segment, line or box.
        label: code or subclass that it has; empty where it has none.
        set_label: give it another one, where a reader would write it.
        ras: where it is; None where that is not told at once.
    """

    title: str
    label: str
    set_label: Callable[[str], None]
    ras: tuple[float, float, float] | None = None


def marks_in(chosen: ChosenInputs, place: str, classes: Classes) -> Iterator[FindingMark]:
    """The findings of a place.

    Args:
        chosen: by the reader.
        place: of the lesions, ``"baseline/masses"``.
        classes: that they may have.
    """
    points, box = chosen.points.get(place), chosen.boxes.get(place)
    if points is not None and points.IsA("vtkMRMLMarkupsFiducialNode"):
        for index in range(points.GetNumberOfControlPoints()):
            if points.GetNthControlPointPositionStatus(index) == slicer.vtkMRMLMarkupsNode.PositionDefined:
                yield _point(points, index, classes)
    elif points is not None:
        yield FindingMark(points.GetName(), label_in("", points.GetName() or "", classes), points.SetName)
    segmentation = chosen.segments.get(place, (None, ""))[0]
    if segmentation is not None:
        segments = segmentation.GetSegmentation()
        for index in range(segments.GetNumberOfSegments()):
            segment = segments.GetNthSegment(index)
            name = segment.GetName() or ""
            if not names_organ(name):
                label = label_in(tag_of(segment, classes.column), name, classes)
                yield FindingMark(name, label, partial(segment.SetTag, classes.column))
    if box is not None:
        ras = [0.0, 0.0, 0.0]
        box.GetCenterWorld(ras)
        label = label_in("", box.GetName() or "", classes)
        yield FindingMark(box.GetName(), label, box.SetName, (ras[0], ras[1], ras[2]))


def _point(node: Any, index: int, classes: Classes) -> FindingMark:
    title, text = node.GetNthControlPointLabel(index), node.GetNthControlPointDescription(index) or ""
    ras = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(index, ras)

    def set_label(label: str) -> None:
        now = node.GetNthControlPointDescription(index) or ""
        size = described_size(now)
        measured = f" {BY_LINE}" if BY_LINE in now else ""
        size_text = f"{size:g} mm{measured}" if np.isfinite(size) else ""
        node.SetNthControlPointDescription(index, ", ".join(one for one in (label, size_text) if one))

    return FindingMark(title, label_in(without_size(text), title, classes), set_label, (ras[0], ras[1], ras[2]))
