"""Which slices belong to one volume: grouping and sorting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from HCCAssistLib.dicom.frames import Slice

SAME_POSITION_MM = 1e-3
SAME_DIRECTION = 2e-3
"""Largest difference between the direction cosines of one stack's slices: 0.1 degrees."""
FEWEST_LOOSE = 4
"""From so many positions on, slices that each claim to be a series of their own are one volume."""

PATIENT = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")
_SERIES = ("StudyInstanceUID", "SeriesInstanceUID")
_IMAGE = ("Modality", "Rows", "Columns")


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
        """The slice whose header stands for the stack."""
        return self.slices[0]

    def depths(self) -> np.ndarray | None:
        """Millimetres along the normal, rising; None where a position or orientation is missing."""
        return depths_of(self.slices)

    def distinct(self, field: str) -> int:
        """How many different values a field has, where it has one."""
        return len({_plain(item.text(field)) for item in self.slices} - {""})

    @property
    def is_regular(self) -> bool:
        """Whether positions are distinct and about evenly spaced."""
        depths = self.depths()
        if depths is None or len(depths) < 2:
            return False
        steps = np.diff(depths)
        usual = np.median(steps)
        return bool(steps.min() > max(SAME_POSITION_MM, 0.7 * usual) and steps.max() < 1.3 * usual)


def group_slices(slices: list[Slice]) -> tuple[list[Stack], int]:
    """The slices that claim to belong together, in the order of their files, and how many other images there are.

    Slices that each have a series, study or frame of reference of their own, as after anonymising file by file, are
    put together where all else agrees.
    """
    set_aside: dict[tuple[str, ...], int] = defaultdict(int)
    kept = []
    for item in slices:
        if is_no_slice(item):
            set_aside[_key(item, *PATIENT, *_SERIES)] += 1
        else:
            kept.append(item)
    patients = {field: _filled(kept, field) for field in (*PATIENT, "FrameOfReferenceUID")}

    def strict(item: Slice) -> tuple:
        claims = (_plain(patients[field].get(item.text("SeriesInstanceUID"), item.text(field))) for field in patients)
        return (*_key(item, *_SERIES, *_IMAGE), is_secondary_capture(item), *claims)

    place = {id(item): number for number, item in enumerate(kept)}
    groups = _with_loose_joined(_grouped(kept, strict))
    groups.sort(key=lambda group: place[id(group[0])])
    stacks = [Stack(in_order(g), set_aside=set_aside[_key(g[0], *PATIENT, *_SERIES)]) for g in groups]
    return _with_frames_of_reference_named(stacks), sum(set_aside.values())


def is_secondary_capture(item: Slice) -> bool:
    """Whether a slice was saved again as a picture."""
    return "Secondary Capture" in getattr(item.header.get("SOPClassUID"), "name", "")


def is_no_slice(item: Slice) -> bool:
    """Localizers, screen saves, and pictures that do not say where in the patient they lie."""
    return bool(other_picture(item))


def other_picture(item: Slice) -> str:
    """What an image is that is no slice of a volume: a localizer, a screen save; empty for a slice."""
    kinds = item.text("ImageType").upper()
    if "SCREEN SAVE" in kinds:
        return "screen save"
    if any(word in kinds for word in ("LOCALIZER", "SCOUT", "TOPO")):
        return "localizer"
    has_place = item.position is not None and item.orientation is not None and item.spacing is not None
    return "secondary capture" if is_secondary_capture(item) and not has_place else ""


def depths_of(slices: tuple[Slice, ...]) -> np.ndarray | None:
    """Millimetres along the normal of each slice; None where a position or orientation is missing."""
    orientation = slices[0].orientation
    if orientation is None or any(s.position is None for s in slices):
        return None
    positions = np.array([s.position for s in slices])
    depths: np.ndarray = positions @ np.cross(orientation[0], orientation[1])
    return depths


def in_order(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """Sorted along the normal where that is known."""
    slices = tuple(slices)
    depths = depths_of(slices)
    if depths is None:
        return slices
    return tuple(slices[n] for n in np.argsort(depths, kind="stable"))


def _key(item: Slice, *fields: str) -> tuple[str, ...]:
    return tuple(item.text(field) for field in fields)


def _plain(name: str) -> str:
    return name.replace("^", " ").strip().casefold()


def _filled(slices: list[Slice], field: str) -> dict[str, str]:
    """For each series in which some slices leave a field empty and the others agree on it, that value."""
    values: dict[str, set[str]] = defaultdict(set)
    for item in slices:
        values[item.text("SeriesInstanceUID")].add(item.text(field))
    return {series: max(found) for series, found in values.items() if series and len(found) == 2 and not min(found)}


def _grouped(slices: Iterable[Slice], key: Callable[[Slice], tuple]) -> list[list[Slice]]:
    """Slices with the same key, and with directions and pixels that agree within rounding."""
    by_key: dict[tuple, list[list[Slice]]] = defaultdict(list)
    for item in slices:
        groups = by_key[key(item)]
        for group in groups:
            if lie_alike(item, group[0]):
                group.append(item)
                break
        else:
            groups.append([item])
    return [group for groups in by_key.values() for group in groups]


def lie_alike(item: Slice, other: Slice) -> bool:
    """Whether directions and pixels of two slices agree within rounding."""
    return _close(item.orientation, other.orientation, SAME_DIRECTION) and _close(item.spacing, other.spacing, 1e-3)


def _close(a: np.ndarray | None, b: np.ndarray | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.abs(a - b).max() <= tolerance)


def _with_loose_joined(groups: list[list[Slice]]) -> list[list[Slice]]:
    """Groups of one slice each put together, where they are alike but for their identifiers."""
    loose = [group[0] for group in groups if len(group) == 1]
    numbers = {item.text("SeriesNumber") for item in loose}
    fields = _IMAGE if len(numbers) > len(loose) // 2 else (*_IMAGE, "SeriesNumber")
    joined = [
        group
        for group in _grouped(loose, lambda item: (*_key(item, *fields), is_secondary_capture(item)))
        if _positions(group) >= FEWEST_LOOSE
    ]
    taken = {id(item) for group in joined for item in group}
    return [*(group for group in groups if id(group[0]) not in taken), *joined]


def _positions(group: list[Slice]) -> int:
    depths = depths_of(tuple(group))
    return 0 if depths is None else 1 + int((np.diff(np.sort(depths)) > SAME_POSITION_MM).sum())


def _with_frames_of_reference_named(stacks: list[Stack]) -> list[Stack]:
    """Where one series falls apart for its frames of reference, say so."""
    systems: dict[tuple, list[str]] = defaultdict(list)

    def series_of(stack: Stack) -> list[str]:
        return systems[_key(stack.first, *PATIENT, *_SERIES)]

    for stack in stacks:
        if (system := stack.first.text("FrameOfReferenceUID")) not in series_of(stack):
            series_of(stack).append(system)
    return [
        replace(stack, part=f"frame of reference {known.index(stack.first.text('FrameOfReferenceUID')) + 1}")
        if len(known := series_of(stack)) > 1
        else stack
        for stack in stacks
    ]
