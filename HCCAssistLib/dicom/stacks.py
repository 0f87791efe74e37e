"""Which slices belong to one volume: grouping, sorting, and splitting of phases stored in one series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from HCCAssistLib.dicom.headers import Slice, number

SPLIT_BY = (
    ("AcquisitionNumber", "acquisition"),
    ("TemporalPositionIdentifier", "time point"),
    ("TemporalPositionIndex", "time point"),
    ("TriggerTime", "trigger time"),
    ("ContrastBolusAgentPhase", "contrast phase"),
    ("EchoNumbers", "echo"),
    ("EchoTime", "echo time"),
    ("DiffusionBValue", "b-value"),
    ("ImageType", "image type"),
)
"""Fields that tell stacks on the same positions apart, in the order they are tried, and their plain names."""

SAME_POSITION_MM = 1e-3
SAME_DIRECTION = 2e-3
"""Largest difference between the direction cosines of one stack's slices: 0.1 degrees."""


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """Slices that should make one volume.

    Attributes:
        slices: sorted along the normal of the slices where positions are known.
        part: which of several stacks of one series this is (``"acquisition 2"``), empty for the only one.
        set_aside: images of the series that are no slices: localizers, screen saves.
    """

    slices: tuple[Slice, ...]
    part: str = ""
    set_aside: int = 0

    @property
    def first(self) -> Slice:
        """The slice whose header speaks for the stack."""
        return self.slices[0]

    def depths(self) -> np.ndarray | None:
        """Millimetres along the normal, rising; None where a position or orientation is missing."""
        return _depths(self.slices)

    @property
    def is_regular(self) -> bool:
        """Whether positions are distinct and about evenly spaced."""
        depths = self.depths()
        if depths is None or len(depths) < 2:
            return False
        steps = np.diff(depths)
        return bool(steps.min() > SAME_POSITION_MM and steps.max() < 1.3 * np.median(steps))


def find_stacks(slices: list[Slice]) -> tuple[list[Stack], int]:
    """The stacks of a folder, in the order of their files, and how many other images there are."""
    set_aside: dict[tuple[str, ...], int] = defaultdict(int)
    groups: list[list[Slice]] = []
    for item in slices:
        if _is_no_slice(item):
            set_aside[_series(item)] += 1
            continue
        for group in groups:
            if _belongs(item, group[0]):
                group.append(item)
                break
        else:
            groups.append([item])
    stacks = []
    for group in groups:
        parts = _split(Stack(_sorted(group)))
        stacks += [replace(part, set_aside=set_aside[_series(group[0])]) for part in parts]
    return stacks, sum(set_aside.values())


def _is_no_slice(item: Slice) -> bool:
    kinds = item.text("ImageType").upper()
    kind_of_object = getattr(item.header.get("SOPClassUID"), "name", "")
    planning = any(word in kinds for word in ("LOCALIZER", "SCOUT", "TOPO", "SCREEN SAVE"))
    return planning or "Secondary Capture" in kind_of_object


def _series(item: Slice) -> tuple[str, ...]:
    return tuple(item.text(field) for field in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"))


def _belongs(item: Slice, other: Slice) -> bool:
    def key(s: Slice) -> tuple:
        return (*_series(s), *(s.text(f) for f in ("Modality", "FrameOfReferenceUID", "Rows", "Columns")))

    return (
        key(item) == key(other)
        and _close(item.orientation, other.orientation, SAME_DIRECTION)
        and _close(item.spacing, other.spacing, 1e-3)
    )


def _close(a: np.ndarray | None, b: np.ndarray | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.abs(a - b).max() <= tolerance)


def _depths(slices: tuple[Slice, ...]) -> np.ndarray | None:
    orientation = slices[0].orientation
    if orientation is None or any(s.position is None for s in slices):
        return None
    positions = np.array([s.position for s in slices])
    depths: np.ndarray = positions @ np.cross(orientation[0], orientation[1])
    return depths


def _sorted(slices: list[Slice]) -> tuple[Slice, ...]:
    depths = _depths(tuple(slices))
    if depths is None:
        return tuple(slices)
    return tuple(slices[n] for n in np.argsort(depths, kind="stable"))


def _split(stack: Stack) -> list[Stack]:
    """The stacks of an irregular one, where a field of the header separates them; else the stack itself."""
    if stack.depths() is None or stack.is_regular or len(stack.slices) < 4:
        return [stack]
    for parts in _ways_to_split(stack):
        if _explains(parts, stack):
            return parts
    return [stack]


def _ways_to_split(stack: Stack) -> Iterator[list[Stack]]:
    for field, plain_name in SPLIT_BY:
        by_value: dict[str, list[Slice]] = defaultdict(list)
        for item in stack.slices:
            by_value[item.text(field)].append(item)
        if len(by_value) > 1:
            yield [_part(group, plain_name, n) for n, group in enumerate(_in_number_order(by_value, field), 1)]
    for field in ("AcquisitionDateTime", "AcquisitionTime", "ContentTime"):
        if all(item.text(field) for item in stack.slices):
            runs = _runs(sorted(stack.slices, key=lambda item: item.text(field)))
            yield [_part(run, "time", n) for n, run in enumerate(runs, 1)]


def _in_number_order(by_value: dict[str, list[Slice]], field: str) -> list[list[Slice]]:
    def order(group: list[Slice]) -> tuple[float, str]:
        return number(group[0].header, field) or 0.0, group[0].text(field)

    return sorted(by_value.values(), key=order)


def _part(slices: list[Slice], plain_name: str, count: int) -> Stack:
    return Stack(_sorted(slices), part=f"{plain_name} {count}")


def _runs(slices: list[Slice]) -> list[list[Slice]]:
    """Slices in the order of time, cut wherever a position comes up again."""
    runs: list[list[Slice]] = []
    taken: list[float] = []
    depths = _depths(tuple(slices))
    assert depths is not None  # noqa: S101 - the stack has positions, see _split
    for item, depth in zip(slices, depths, strict=True):
        if not runs or any(abs(depth - other) <= SAME_POSITION_MM for other in taken):
            runs.append([])
            taken = []
        runs[-1].append(item)
        taken.append(float(depth))
    return runs


def _explains(parts: list[Stack], whole: Stack) -> bool:
    """Whether the parts are stacks of their own over the same region, not pieces of one."""
    if len(parts) < 2 or min(len(part.slices) for part in parts) < 2:
        return False
    depths = [part.depths() for part in parts]
    steps = [np.diff(d) for d in depths if d is not None]
    if len(steps) < len(parts) or min(step.min() for step in steps) <= SAME_POSITION_MM:
        return False
    whole_depths = whole.depths()
    assert whole_depths is not None  # noqa: S101 - its parts have depths
    has_copies = np.diff(whole_depths).min() <= SAME_POSITION_MM
    if not has_copies and not all(part.is_regular for part in parts):
        return False
    ranges = sorted((float(d[0]), float(d[-1])) for d in depths if d is not None)
    return all(
        min(end_a, end_b) - start_b >= 0.5 * min(end_a - start_a, end_b - start_b)
        for (start_a, end_a), (start_b, end_b) in pairwise(ranges)
    )
