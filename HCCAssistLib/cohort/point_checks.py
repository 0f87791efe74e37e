"""Whether points lie where a lesion can be: in the volume, in tissue, in the liver, and one for each lesion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import patient_axes

TISSUE_HU, FAT_HU = -300, -50
MOSTLY_AIR = 0.2
NEAR_MM, AROUND_MM = 3.0, 10.0
SAME_MM, CLOSE_MM = 3.0, 5.0
"""Two points this near mark one place; those less near probably do."""

LIVER_EDGE_MM, FAR_FROM_LIVER_MM = 5.0, 30.0
"""A nodule may bulge from the liver's segment, or a segment may leave the treated part out."""

MISPLACED = "place it in the lesion, or delete it; was it placed on another series?"
Level = Literal["STOP", "WARN"]

_SWAPS = (
    ((-1, -1, 1), "left-right and front-back"),
    ((-1, 1, 1), "left-right"),
    ((1, -1, 1), "front-back"),
)


def points_on_volume(
    points: PointList, volume: Image, *, of_lesions: bool, liver: Image | None = None, in_hu: bool = True
) -> tuple[Problem, ...]:
    """What is wrong with the places of points.

    Args:
        points: of one file or node.
        volume: that they were placed on; air and fat are told only where its voxels can be Hounsfield units.
        of_lesions: each marks a lesion; then air stops the work, and the liver and doubled points are looked at.
        liver: mask on the volume's grid.
        in_hu: whether the voxels are meant to be Hounsfield units.
    """
    inside = volume.geometry.contains(points.positions)
    voxels_in_hu = in_hu and not hounsfield_objection(volume)
    problems: list[Problem] = []
    astray = 0
    for point, here in zip(points.points, inside, strict=True):
        found = _outside(point, volume) if not here else None
        if here and voxels_in_hu:
            found = _in_air(point, volume, of_lesions)
        if found is None and here and of_lesions and liver is not None:
            found = _from_liver(point, liver)
        astray += found is not None
        if found is None and here and voxels_in_hu and of_lesions:
            found = _in_fat(point, volume)
        if found is not None:
            problems.append(found)
    if astray == len(points.points) and (
        hint := _mirrored(points.positions, volume, liver if of_lesions else None, voxels_in_hu)
    ):
        problems = [replace(problem, remedy=hint) for problem in problems]
    return (*problems, *_doubled(points, of_lesions))


def boxes_on_volume(boxes: Sequence[LabelledBox], volume: Image) -> Iterator[Problem]:
    """Boxes whose centre lies outside the volume."""
    remedy = "draw the box in the volume, or delete it; was it drawn on another series?"
    for one in boxes:
        if not volume.geometry.contains(np.array([one.box.center]))[0]:
            index = volume.geometry.to_index(one.box.center)
            nearest = volume.geometry.to_world(np.clip(index, -0.5, volume.geometry.size_ijk - 0.5))
            away = float(np.linalg.norm(np.asarray(one.box.center) - nearest))
            what = f"the centre of the box lies {away:.1f} mm outside the volume"
            yield Problem("STOP", what, f"box {one.label!r}", remedy)


def same_place(
    first: Sequence[Point], second: Sequence[Point], problem_of: Callable[[Point, Point, float], Problem]
) -> Iterator[Problem]:
    """A problem for each pair of one point of either list that marks one place; ``problem_of`` makes it."""
    for one in first:
        for other in second:
            away = float(np.linalg.norm(np.subtract(one.position, other.position)))
            if away <= CLOSE_MM:
                yield problem_of(one, other, away)


def _doubled(points: PointList, of_lesions: bool) -> Iterator[Problem]:
    for number, point in enumerate(points.points):

        def problem_of(one: Point, other: Point, away: float) -> Problem:
            level: Level = "STOP" if of_lesions and away <= SAME_MM else "WARN"
            what = f"the points {one.label!r} and {other.label!r} are {away:.1f} mm apart: one place is marked twice"
            return Problem(level, what, f"point {other.label!r}", "delete one of them")

        yield from same_place((point,), points.points[number + 1 :], problem_of)


def contradictions(lesions: PointList, others: PointList, others_are: str) -> Iterator[Problem]:
    """Places that are marked as lesion and as something else.

    Args:
        lesions: points of lesions.
        others: points of what is none.
        others_are: in a word, for example ``"rejected"``.
    """

    def problem_of(one: Point, other: Point, away: float) -> Problem:
        what = f"the point {one.label!r} is {away:.1f} mm from {other.label!r}, which is marked as {others_are}"
        level: Level = "STOP" if away <= SAME_MM else "WARN"
        return Problem(level, what, f"point {one.label!r}", "delete the one that is wrong")

    yield from same_place(lesions.points, others.points, problem_of)


def _outside(point: Point, volume: Image) -> Problem:
    grid = volume.geometry
    index = grid.to_index(point.position)
    away = np.linalg.norm(point.position - grid.to_world(np.clip(index, -0.5, grid.size_ijk - 0.5)))
    remedy = "place the point in the volume, or delete it; was it placed on another series?"
    return Problem("STOP", f"the point lies {away:.1f} mm outside the volume", f"point {point.label!r}", remedy)


def _in_air(point: Point, volume: Image, of_lesions: bool) -> Problem | None:
    near, tissue = _around(point.position, volume)
    if near >= TISSUE_HU:
        return None
    what = f"the point lies in air or lung: mean {near:.0f} HU, {tissue:.0%} of the {AROUND_MM:.0f} mm around is tissue"
    level: Level = "STOP" if of_lesions and tissue < MOSTLY_AIR else "WARN"
    return Problem(level, what, f"point {point.label!r}", MISPLACED)


def _in_fat(point: Point, volume: Image) -> Problem | None:
    near, _ = _around(point.position, volume)
    if near >= FAT_HU:
        return None
    return Problem("WARN", f"the point lies in fat: mean {near:.0f} HU", f"point {point.label!r}", MISPLACED)


def _from_liver(point: Point, liver: Image) -> Problem | None:
    away = _distance(point.position, liver)
    if away <= LIVER_EDGE_MM:
        return None
    how = f"{away:.0f} mm" if np.isfinite(away) else f"more than {FAR_FROM_LIVER_MM:.0f} mm"
    level: Level = "WARN" if away <= FAR_FROM_LIVER_MM else "STOP"
    remedy = "correct the point or the liver's segment; the search does not reach so far beyond the liver"
    return Problem(level, f"the point lies {how} outside the liver's segment", f"point {point.label!r}", remedy)


def _mirrored(positions: FloatArray, volume: Image, liver: Image | None, voxels_in_hu: bool) -> str:
    """What to do where all points would lie well, had their coordinates been swapped; empty where they would not.

    Nearly every place in an abdomen is tissue: without a liver only the swap that really happens, of LPS and RAS, is
    thought of.
    """
    place = "liver" if liver is not None else "tissue" if voxels_in_hu else "volume"
    for signs, axes in _SWAPS if liver is not None else _SWAPS[:1]:
        if _lie_well(positions * signs, volume, liver, voxels_in_hu):
            them = "the points" if len(positions) > 1 else "it"
            return f"with {axes} swapped {them} would lie in the {place}: save the points again from Slicer"
    if liver is None or not volume.geometry.contains(positions).all():
        return ""
    for patient_axis, name in enumerate(("left-right", "front-back", "head-foot")):
        grid, along = volume.geometry, patient_axes(volume.geometry)[patient_axis]
        index = grid.to_index(positions)
        index[:, along] = grid.size_ijk[along] - 1 - index[:, along]
        if _lie_well(grid.to_world(index), volume, liver, voxels_in_hu):
            return f"mirrored {name} in the volume they would lie in the liver: was it turned after they were placed?"
    return ""


def _lie_well(positions: FloatArray, volume: Image, liver: Image | None, voxels_in_hu: bool) -> bool:
    if not volume.geometry.contains(positions).all():
        return False
    if liver is not None:
        return all(_distance(position, liver) <= LIVER_EDGE_MM for position in positions)
    return not voxels_in_hu or all(_around(position, volume)[0] >= FAT_HU for position in positions)


def _around(position: npt.ArrayLike, volume: Image) -> tuple[float, float]:
    """Mean HU within 3 mm of a point in the volume (the voxel there at least), and the share of tissue in 10 mm."""
    offsets, block = _block(position, volume, AROUND_MM)
    away = _length(offsets)
    near = block[away <= max(NEAR_MM, float(away.min()))]
    return float(np.clip(near, -1024, 3071).mean()), float(np.mean(block[away <= AROUND_MM] > TISSUE_HU))


def _distance(position: npt.ArrayLike, mask: Image) -> float:
    """Millimetres to the nearest painted voxel, 0 within one, infinite beyond 30 mm."""
    offsets, block = _block(position, mask, FAR_FROM_LIVER_MM)
    half = mask.geometry.spacing / 2
    away = _length([np.maximum(np.abs(along) - by, 0) for along, by in zip(offsets, half, strict=True)])
    nearest = float(away[block > 0].min(initial=np.inf))
    return nearest if nearest <= FAR_FROM_LIVER_MM else np.inf


def _block(position: npt.ArrayLike, image: Image, radius: float) -> tuple[list[FloatArray], npt.NDArray[Any]]:
    """The voxels in the box around a point of the volume: how far they lie along the axes (mm), and their values."""
    grid = image.geometry
    index = grid.to_index(position)
    reach = np.ceil(radius / grid.spacing) + 1
    first = np.clip(np.rint(index) - reach, 0, grid.size_ijk - 1).astype(int)
    end = np.clip(np.rint(index) + reach + 1, 1, grid.size_ijk).astype(int)
    offsets = [(np.arange(a, b) - at) * step for a, b, at, step in zip(first, end, index, grid.spacing, strict=True)]
    return offsets, image.array[first[2] : end[2], first[1] : end[1], first[0] : end[0]]


def _length(offsets: Sequence[FloatArray]) -> FloatArray:
    x, y, z = (np.square(along) for along in offsets)
    length: FloatArray = np.sqrt(z[:, None, None] + y[None, :, None] + x[None, None, :])
    return length
