"""The masses of a study: where each lies, how large it is and how that is known, and at which heights it is looked at.

A mass is marked by a segment, a box or a point. The frame around it is twice its diameter, so that every way of marking
one gives a diameter: measured in the segment, the side of the box, the length that a reader measured with a line or
typed beside the point, or a default, which is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.finding_labels import Finding
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.axial import STRAIGHT_DEGREES, longest_diameter, slice_spacing
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.imaging.resampling import axis_aligned_grid, resample
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.liver_mass.recipe import MASSES, TIME_POINT, phases_of
from HCCAssistLib.recipes.liver_mass.sections import Place
from HCCAssistLib.recipes.options import Value

DIAMETERS_MM = (0.5, 400.0)
"""No mass of the liver is smaller or larger: another number is a slip of the pen."""

SPHERE_PART = 0.25
"""Sections of a mass whose shape is not known lie within this share of its diameter above and below its centre: a
sphere still has 0.87 of its width there."""

LEAST_AREA = 0.5
"""Sections of a segment have at least this share of the area of the largest."""

Source = Literal["segment", "roi", "line", "typed", "default"]

SOURCES: Mapping[Source, str] = {
    "segment": "measured in its segment",
    "roi": "the longest side of its box in the axial plane",
    "line": "measured with a line",
    "typed": "typed",
    "default": "not given: the default",
}


@dataclass(frozen=True, slots=True)
class Mass:
    """One mass.

    Attributes:
        number: 1 and up, in the order in which they are marked.
        label: of the point, segment or box.
        category: code, ``""`` where it is not known.
        subtype: the finer code, or ``""``.
        center: LPS mm, in the section in which it is seen.
        diameter_mm: longest diameter in the axial plane.
        diameter_source: how that is known.
        sections: LPS centres of the sections to train on, the first being ``center``.
    """

    number: int
    label: str
    category: str
    subtype: str
    center: Place
    diameter_mm: float
    diameter_source: Source
    sections: tuple[Place, ...]


def masses_of(study: Study | CaseContents, options: Mapping[str, Value]) -> tuple[Mass, ...]:
    """The masses that a reader marked.

    Args:
        study: with the phases that the options ask for.
        options: of the recipe.

    Raises:
        InputError: a size that no mass has, or one mass that is marked twice, by a point and by a segment.
    """
    findings = study.findings.get(MASSES, ())
    _refuse_doubled(findings)
    volumes = [study.volumes[f"{TIME_POINT}/{phase}"] for phase in phases_of(options)]
    step = min(slice_spacing(volume.geometry) for volume in volumes)
    count = int(options["sections"])
    masses = []
    for number, one in enumerate(findings, 1):
        if one.mask is not None:
            diameter, sections = _of_segment(one.mask, count)
            source: Source = "segment"
        elif one.box is not None:
            diameter, height = _of_box(one.box)
            source, sections = "roi", _around(one.center, height, step, count)
        else:
            known = math.isfinite(one.size_mm)
            diameter = one.size_mm if known else float(options["default_diameter"])
            source = ("line" if one.measured else "typed") if known else "default"
            sections = _around(one.center, diameter, step, count)
        low, high = DIAMETERS_MM
        if not low <= diameter <= high:
            what = f"a diameter of {diameter:g} mm is none of a liver mass"
            raise InputError(what, f"mass {one.name!r}", f"correct its size: {low:g} to {high:g} mm")
        masses.append(Mass(number, one.name, one.code, one.subclass, sections[0], diameter, source, sections))
    return tuple(masses)


def field_of_view(diameter_mm: float, options: Mapping[str, Value]) -> float:
    """Side in mm of the square that the network sees of a mass of this diameter."""
    side = float(options["field_factor"]) * diameter_mm
    return min(max(side, float(options["field_least"])), float(options["field_most"]))


def _refuse_doubled(findings: Sequence[Finding]) -> None:
    """A point or box in a mass that is a segment or box itself marks it twice."""
    for one in findings:
        for other in findings:
            if other is one or (one.mask is not None and other.mask is not None) or not _holds(one, other.center):
                continue
            if one.mask is None and other.mask is None and other.box is not None:
                continue  # two boxes may overlap: masses lie close together
            what = f"it lies in {one.name!r}: one mass is marked twice"
            raise InputError(what, f"mass {other.name!r}", "delete one of the two marks")


def _holds(one: Finding, point: Place) -> bool:
    if one.mask is not None:
        grid = one.mask.geometry
        i, j, k = np.floor(grid.to_index(point) + 0.5).astype(int)
        return bool(grid.contains(point)) and bool(one.mask.array[k, j, i])
    return one.box is not None and bool(one.box.contains(point))


def _of_box(box: Box) -> tuple[float, float]:
    """Longest side in the axial plane, and height, of a box turned in any way."""
    upright = int(np.argmax(np.abs(np.array(box.axes)[:, 2])))
    flat = [side for axis, side in enumerate(box.size) if axis != upright]
    return max(flat), box.size[upright]


def _around(center: Place, height: float, step: float, count: int) -> tuple[Place, ...]:
    """The centre, and places above and below it that are a slice apart at least, the nearest first."""
    x, y, z = center
    each_way = (count - 1) / 2
    reach = SPHERE_PART * height
    apart = max(step, reach / max(each_way, 1.0))
    offsets = [0.0]
    for number in range(1, count):
        offset = apart * ((number + 1) // 2) * (1 if number % 2 else -1)
        if abs(offset) <= reach + 1e-6 and len(offsets) < count:
            offsets.append(offset)
    return tuple((x, y, z + offset) for offset in offsets)


def _of_segment(mask: Image, count: int) -> tuple[float, tuple[Place, ...]]:
    """Longest diameter in the largest axial section, and the centres of that section and of others, the largest first.

    A centre is that of the section's bounding box.
    """
    if mask.geometry.obliquity_degrees > STRAIGHT_DEGREES:
        step = float(mask.geometry.spacing.min())
        mask = resample(mask, axis_aligned_grid(mask.geometry, (step,) * 3), interpolation="nearest", fill_value=0)
    straight = to_lps_order(mask)
    areas = np.count_nonzero(straight.array, axis=(1, 2))
    large = np.flatnonzero(areas >= LEAST_AREA * areas.max())
    largest = int(areas.argmax())
    spread = large[np.unique(np.rint(np.linspace(0, len(large) - 1, min(count, len(large)))).astype(int))]
    nearest = int(np.abs(spread - largest).argmin())
    chosen = [largest, *(int(k) for n, k in enumerate(spread) if n != nearest)]
    return longest_diameter(straight.array[largest], straight.geometry.spacing), tuple(
        _center(straight, k) for k in chosen
    )


def _center(mask: Image, k: int) -> Place:
    rows, columns = (np.flatnonzero(mask.array[k].any(axis=axis)) for axis in (1, 0))
    middle = ((columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2, k)
    x, y, z = (float(at) for at in mask.geometry.to_world(middle))
    return x, y, z
