"""Marks of several readers that mean the same thing: points near each other, segments that overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from HCCAssistLib.cohort.points import Point
from HCCAssistLib.cohort.segments import Segment, mask_on
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray, Geometry

MATCH_MM = 15.0
"""Points of two readers that are farther apart mark two things."""

MARGIN = 3
"""Voxels around all segments that are compared."""


@dataclass(slots=True)
class Group:
    """One thing that readers marked.

    Attributes:
        points: by reader.
        segments: by reader; one that a reader drew in several parts has several.
    """

    points: dict[str, Point] = field(default_factory=dict)
    segments: dict[str, list[Segment]] = field(default_factory=dict)

    @property
    def center(self) -> FloatArray:
        """Mean of the points, LPS mm."""
        found: FloatArray = np.mean([point.position for point in self.points.values()], axis=0)
        return found


def group_points(listed: Mapping[str, Sequence[Point]]) -> list[Group]:
    """The things that points of several readers mark; a reader marks each once.

    Args:
        listed: points by reader, whose order decides where several fit.
    """
    from scipy.optimize import linear_sum_assignment

    groups: list[Group] = []
    for reader, points in listed.items():
        taken: set[int] = set()
        if groups and points:
            places = np.array([point.position for point in points])
            away = np.linalg.norm(np.array([group.center for group in groups])[:, None] - places[None], axis=2)
            rows, columns = linear_sum_assignment(np.minimum(away, 10 * MATCH_MM))
            for row, column in zip(rows, columns, strict=True):
                if away[row, column] <= MATCH_MM:
                    groups[row].points[reader] = points[column]
                    taken.add(int(column))
        groups += [Group({reader: point}) for index, point in enumerate(points) if index not in taken]
    return groups


def group_segments(drawn: Mapping[str, Sequence[Segment]]) -> list[Group]:
    """The things that segments of several readers show: those that overlap.

    Args:
        drawn: painted segments by reader, whose order decides where several overlap.
    """
    groups: list[Group] = []
    for reader, segments in drawn.items():
        for segment in segments:
            shared = [_shared(segment, group, reader) for group in groups]
            best = int(np.argmax(shared)) if shared else -1
            if best >= 0 and shared[best] > 0:
                groups[best].segments.setdefault(reader, []).append(segment)
            else:
                groups.append(Group(segments={reader: [segment]}))
    return groups


def common_grid(segments: Sequence[Segment]) -> Geometry:
    """A grid of the first segment's voxels that holds all of them, with a margin."""
    reference = segments[0].mask.geometry
    index = np.concatenate([reference.to_index(segment.points) for segment in segments])
    start = np.floor(index.min(axis=0)).astype(int) - MARGIN
    size = np.ceil(index.max(axis=0)).astype(int) + 1 + MARGIN - start
    i, j, k = (int(n) for n in size)
    return reference.crop(start.tolist(), (k, j, i))


def union(segments: Sequence[Segment], grid: Geometry) -> np.ndarray:
    """The voxels of a grid that any of some segments paints, as 0 and 1."""
    found = np.zeros(grid.shape, np.uint8)
    for segment in segments:
        try:
            found |= mask_on(segment, grid).array
        except InputError:  # it lies elsewhere
            continue
    return found


def _shared(segment: Segment, group: Group, reader: str) -> int:
    """Voxels that a segment shares with those of other readers in a group."""
    others = [one for other, drawn in group.segments.items() if other != reader for one in drawn]
    if not others:
        return 0
    grid = common_grid([segment, *others])
    return int((union([segment], grid) & union(others, grid)).sum())
