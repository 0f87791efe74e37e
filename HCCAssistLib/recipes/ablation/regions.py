"""What a reader marked at a time point: the tumour before the ablation, the zone after it, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Box, FloatArray, Geometry
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.recipe import FIXED, PRE, REGIONS, TUMOUR, ZONE

WORDS = {PRE: "tumour", "post": "ablation zone"}
"""What is marked at each time point."""

NAMED = 5
"""Regions that a message names."""


@dataclass(frozen=True, eq=False, slots=True)
class Region:
    """One tumour, or one zone of ablation.

    Attributes:
        number: of its finding, 1 and up, in the order of the files; 0 of a zone, which is no finding.
        label: of the segment or box.
        where: for messages.
        segment: None where a box alone marks it. It may be painted on one slice alone, and on any grid.
        box: by the patient's axes, around all of it.
        others: of the same kind that are smaller and do not count.
    """

    number: int
    label: str
    where: str
    segment: Segment | None
    box: Box
    others: tuple[str, ...] = ()

    @property
    def center(self) -> tuple[float, float, float]:
        """LPS mm: of the painted voxels, or of the box."""
        if self.segment is None:
            return self.box.center
        x, y, z = (float(at) for at in self.segment.points.mean(axis=0))
        return x, y, z

    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know of the choice."""
        if not self.others:
            return ()
        names = ", ".join(map(repr, self.others[:NAMED]))
        more = f" and {len(self.others) - NAMED} more" if len(self.others) > NAMED else ""
        what = f"{1 + len(self.others)} are marked, and the largest one counts, without {names}{more}"
        return (Problem("WARN", what, self.where, "tag another one with target yes if that is wrong"),)


def region_of(study: Study | CaseContents, time_point: str) -> Region:
    """The region that a reader marked at a time point: the largest one, a segment before a box.

    Where segments are tagged ``target``, only those that are tagged with yes count.

    Args:
        study: with the delayed phase of the time point.
        time_point: ``"pre"`` or ``"post"``.

    Raises:
        InputError: nothing is marked, it is empty, or it lies outside the volume.
    """
    grid = study.volumes[f"{time_point}/{FIXED}"].geometry
    there = _tumours(study) if time_point == PRE else _zones(study)
    if not there:
        what = f"no {WORDS[time_point]} is marked"
        remedy = f"paint the {WORDS[time_point]} in the delayed phase, one slice is enough, or draw a box around it"
        raise InputError(what, REGIONS[time_point], remedy)
    there.sort(key=_size, reverse=True)
    number, label, segment, drawn = there[0]
    where = f"{WORDS[time_point]} {label!r}"
    if segment is not None and segment.is_empty:
        raise InputError("the segment is empty", where, "paint it, or delete it")
    box = _around(segment) if segment is not None else _straight(drawn)
    places = segment.points if segment is not None else box.corners()
    if not grid.contains(places).any() and not (segment is None and grid.contains(box.center)):
        remedy = "was it drawn on another series, on the other time point, or on another patient?"
        raise InputError(f"it lies outside the delayed phase of {time_point}", where, remedy)
    return Region(number, label, where, segment, box, tuple(one[1] for one in there[1:]))


_Marked = tuple[int, str, Segment | None, Box | None]
"""Number, label, and the segment or the box."""


def _tumours(study: Study | CaseContents) -> list[_Marked]:
    numbered = list(enumerate(study.findings.get(TUMOUR, ()), 1))
    painted = [(n, one) for n, one in numbered if one.mask is not None]
    if painted and not any(one.target for _, one in painted):
        raise InputError("no tumour is marked as the target", TUMOUR, "tag the largest one with target yes")
    if painted:
        return [(n, f.name, Segment(f.name, f.mask), None) for n, f in painted if f.mask is not None and f.target]
    return [(n, one.name, None, one.box) for n, one in numbered if one.box is not None]


def _zones(study: Study | CaseContents) -> list[_Marked]:
    if ZONE in study.masks:
        return [(0, "ablation", Segment("ablation", study.masks[ZONE]), None)]
    return [(0, one.label, None, one.box) for one in study.boxes.get(ZONE, ())]


def _size(marked: _Marked) -> float:
    """mm³."""
    _, _, segment, box = marked
    if segment is not None:
        return float(np.count_nonzero(segment.mask.array) * np.prod(segment.mask.geometry.spacing))
    return float(np.prod(box.size)) if box is not None else 0.0


def _around(segment: Segment) -> Box:
    """By the patient's axes, around the painted voxels and not their centres alone."""
    points, reach = segment.points, half_voxel(segment.mask.geometry)
    return _between(points.min(axis=0) - reach, points.max(axis=0) + reach)


def half_voxel(geometry: Geometry) -> FloatArray:
    """How far a voxel reaches from its centre along each of the patient's axes, mm."""
    reach: FloatArray = np.abs(geometry.affine[:3, :3]).sum(axis=1) / 2
    return reach


def _straight(box: Box | None) -> Box:
    """By the patient's axes, around a box that may be turned."""
    if box is None:
        raise ValueError("a region without a segment has a box")
    corners = box.corners()
    return _between(corners.min(axis=0), corners.max(axis=0))


def _between(low: Sequence[float] | FloatArray, high: Sequence[float] | FloatArray) -> Box:
    x, y, z = (float(at) for at in (np.asarray(low) + np.asarray(high)) / 2)
    width, height, depth = (float(mm) for mm in np.asarray(high) - np.asarray(low))
    return Box((x, y, z), (width, height, depth))
