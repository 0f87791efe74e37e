"""Several volumes in one series: phases, time points, echoes, told apart by a field of the header or by the order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np

from HCCAssistLib.dicom.frames import Slice
from HCCAssistLib.dicom.stacks import SAME_POSITION_MM, Stack, depths_of, in_order

SPLIT_BY = (
    ("AcquisitionNumber", "acquisition"),
    ("TemporalPositionIdentifier", "time point"),
    ("TemporalPositionIndex", "time point"),
    ("TemporalPositionTimeOffset", "time point"),
    ("TriggerTime", "trigger time"),
    ("ContrastBolusAgentPhase", "contrast phase"),
    ("EchoNumbers", "echo"),
    ("EchoTime", "echo time"),
    ("DiffusionBValue", "b-value"),
    ("ImageType", "image type"),
    ("KVP", "tube voltage"),
    ("ConvolutionKernel", "kernel"),
    ("SeriesNumber", "series number"),
    ("SeriesDescription", "description"),
    ("StackID", "stack"),
)
"""Fields that tell stacks on the same positions apart, in the order they are tried, and their plain names."""

_OF_PIECES = {"AcquisitionNumber", "TriggerTime"}
_TIMES = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")
PAUSE_SECONDS = 2.0
OVERLAP = 1.5
"""Slices so many times thicker than their distance overlap so much that two stacks may be pushed into each other."""


def split(stack: Stack) -> list[Stack]:
    """The volumes that a stack holds; the stack itself where there is one, or where nothing tells them apart."""
    if stack.depths() is None or len(stack.slices) < 4:
        return [stack]
    for parts, is_sure in _ways_to_split(stack):
        if _interleave(parts, stack, is_sure) if stack.is_regular else _halves_fit(parts, stack):
            names = [", ".join(filter(None, (stack.part, part.part))) for part in parts]
            return [replace(p, part=name, set_aside=stack.set_aside) for p, name in zip(parts, names, strict=True)]
    return [stack]


def _ways_to_split(stack: Stack) -> Iterator[tuple[list[Stack], bool]]:
    """Ways to take a stack apart, and whether nothing but several volumes explains that way.

    One MR volume may be scanned in pieces, odd slices first; images may be computed and numbered in any order.
    """
    is_mr = stack.first.text("Modality") == "MR"
    differing = [(field, name) for field, name in SPLIT_BY if len({item.text(field) for item in stack.slices}) > 1]
    for field, name in differing:
        by_value: dict[str, list[Slice]] = defaultdict(list)
        for item in stack.slices:
            by_value[item.text(field)].append(item)
        yield _parts(sorted(by_value.values(), key=_in_number_order(field)), name), not (is_mr and field in _OF_PIECES)
    for (field_a, name_a), (field_b, name_b) in combinations(differing, 2):
        by_pair: dict[tuple[str, str], list[Slice]] = defaultdict(list)
        for item in stack.slices:
            by_pair[item.text(field_a), item.text(field_b)].append(item)
        pairs = [by_pair[pair] for pair in sorted(by_pair)]
        yield _parts(pairs, f"{name_a} and {name_b}"), not (is_mr and {field_a, field_b} <= _OF_PIECES)
    for field in _TIMES:
        if all(item.text(field) for item in stack.slices):
            ordered = sorted(stack.slices, key=lambda item: item.text(field))
            is_sure = not is_mr and field != "ContentTime"
            yield from ((_parts(cut(ordered), "time"), is_sure) for cut in (_runs, _sweeps))
            yield _parts(_bursts(ordered, field), "time"), is_sure
    if all(item.text("InstanceNumber").isdigit() for item in stack.slices):
        ordered = sorted(stack.slices, key=lambda item: int(item.text("InstanceNumber")))
        yield _parts(_sweeps(ordered), "run of the image numbers"), False
    if len({item.file for item in stack.slices}) < len(stack.slices):
        by_file: dict[object, list[Slice]] = defaultdict(list)
        for item in stack.slices:
            by_file[item.file].append(item)
        yield _parts(list(by_file.values()), "file"), True


def _parts(groups: list[list[Slice]], name: str) -> list[Stack]:
    return [Stack(in_order(group), part=f"{name} {n}") for n, group in enumerate(groups, 1)]


def _in_number_order(field: str) -> Callable[[list[Slice]], tuple[float, str]]:
    def order(group: list[Slice]) -> tuple[float, str]:
        value = group[0].text(field)
        try:
            return float(value), value
        except ValueError:
            return 0.0, value

    return order


def _runs(slices: list[Slice]) -> list[list[Slice]]:
    """Slices in an order, cut wherever a position comes up again."""
    runs: list[list[Slice]] = []
    taken: list[float] = []
    for item, depth in zip(slices, _depths(slices), strict=True):
        if not runs or any(abs(depth - other) <= SAME_POSITION_MM for other in taken):
            runs.append([])
            taken = []
        runs[-1].append(item)
        taken.append(float(depth))
    return runs


def _sweeps(slices: list[Slice]) -> list[list[Slice]]:
    """Slices in an order, cut wherever it turns back: the table moves one way while a phase is scanned."""
    depths = _depths(slices)
    sweeps: list[list[Slice]] = [[slices[0]]]
    direction = 0.0
    for item, step in zip(slices[1:], np.diff(depths), strict=True):
        if direction and step * direction < 0:
            sweeps.append([])
            direction = 0.0
        elif abs(step) > SAME_POSITION_MM:
            direction = step
        sweeps[-1].append(item)
    return sweeps


def _bursts(slices: list[Slice], field: str) -> list[list[Slice]]:
    """Slices in the order of time, cut wherever the scanner paused: one phase may be scanned up, the next one down."""
    gaps = np.diff([_seconds(item.text(field)) for item in slices])
    pauses = np.flatnonzero(gaps > max(PAUSE_SECONDS, 5 * float(np.median(gaps)))) + 1
    ends = [0, *pauses.tolist(), len(slices)]
    return [slices[start:end] for start, end in pairwise(ends)]


def _seconds(time: str) -> float:
    """Of a time of day, with or without its date; 0 where it is neither."""
    match = re.match(r"(\d{8})?(\d\d)(\d\d)(\d\d(?:\.\d+)?)", time.replace(":", ""))
    if match is None:
        return 0.0
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + seconds


def _depths(slices: list[Slice]) -> np.ndarray:
    depths = depths_of(tuple(slices))
    assert depths is not None  # noqa: S101 - the stack has positions, see split
    return depths


def _interleave(parts: list[Stack], whole: Stack, is_sure: bool) -> bool:
    """Whether an even stack is several even ones pushed into each other, each shifted by a share of a slice.

    Where the parts may as well be pieces of one volume, only slices much thicker than their distance tell.
    """
    if len(parts) < 2 or not all(part.is_regular for part in parts):
        return False
    step = _mean_step(whole)
    if any(abs(_mean_step(part) - len(parts) * step) > 0.3 * step for part in parts):
        return False
    return is_sure or (whole.first.thickness or 0.0) >= OVERLAP * step


def _mean_step(stack: Stack) -> float:
    depths = _depths(list(stack.slices))
    return float(depths[-1] - depths[0]) / (len(depths) - 1)


def _halves_fit(parts: list[Stack], whole: Stack) -> bool:
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
