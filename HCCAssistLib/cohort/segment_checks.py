"""A file's or a scene's segments on a volume, with all that makes them doubtful there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.segments import Segment, mask_on
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.cropping import filled_box
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.image import Image

AIR_HU, FAT_HU, MOST_FAT = -300, -50, 0.05
LIVER_HU = 40
"""Livers average 50 and more in CT; fat in the liver can bring one below, a wrong place does so more often."""

NOT_LIVER_HU = -100

FEW_VOXELS = 8
KEPT = 0.75
"""Least part of a segment's volume that must be left on the volume's voxels."""

SMALL_LIVER_ML, WHOLE_SCAN_ML = 100, 3000
"""A liver this small in a scan this large is a stray stroke."""

BESIDE_MM = 20

OTHER = "was it drawn on another series or patient?"


def on_volume(
    chosen: Sequence[Segment], name: str, volume: Image, *, in_hu: bool = True, one_slice: bool = False
) -> tuple[Image, tuple[Problem, ...]]:
    """Segments, together, on a volume's grid.

    Args:
        chosen: the segments that are meant.
        name: what they are, ``"liver"`` or ``"ablation"``; the liver is held to look like one.
        volume: what the mask is used on; its voxels are judged only where they can be Hounsfield units.
        in_hu: whether they are meant to be; voxels of MR are not.
        one_slice: whether one painted slice is all that is asked for.

    Returns:
        Voxels 0 and 1, uint8, on the volume's grid, at least one of them 1; and warnings.

    Raises:
        InputError: a segment is empty or cannot belong to the volume.
    """
    problems: list[Problem] = []
    where = f"segment {', '.join(repr(segment.name) for segment in chosen)}"
    masks = []
    for segment in chosen:
        try:
            masks.append(mask_on(segment, volume.geometry))
        except InputError as error:
            here = f"segment {segment.name!r}"
            raise InputError(Problem("STOP", p.what, here, p.remedy) for p in error.problems) from error
    mask = masks[0]
    if len(masks) > 1:
        mask = mask.with_array(np.maximum.reduce([m.array for m in masks]), "union")
    problems += _placed(chosen, mask, where, one_slice)
    problems += _plausible(mask, name, volume, where, in_hu)
    if any(problem.level == "STOP" for problem in problems):
        raise InputError([p for p in problems if p.level == "STOP"])
    return mask, tuple(problems)


def apart(zone: Image, liver: Image) -> tuple[Problem, ...]:
    """A warning where an ablation zone lies beside the liver.

    Args:
        zone: mask on the volume's grid; segments of the liver may leave it out.
        liver: mask on the same grid.
    """
    box = filled_box(zone.array)
    reach = np.ceil(BESIDE_MM / zone.geometry.spacing[::-1]).astype(int)
    wide = tuple(slice(max(0, side.start - by), side.stop + by) for side, by in zip(box, reach, strict=True))
    if liver.array[wide].any():
        return ()
    what = f"the ablation zone's segment lies more than {BESIDE_MM:g} mm from the liver's"
    return (Problem("WARN", what, "", "is one of them of another series or patient, or mirrored?"),)


def _placed(chosen: Sequence[Segment], mask: Image, where: str, one_slice: bool) -> list[Problem]:
    """Whether the segments lie in the volume, and in enough of its voxels."""
    grid = mask.geometry
    counts = [int(np.count_nonzero(segment.mask.array)) for segment in chosen]
    outside = sum(count * _outside(segment, grid) for count, segment in zip(counts, chosen, strict=True)) / sum(counts)
    if outside > 0:
        return [Problem("WARN", f"{max(outside, 0.01):.0%} of the segment lies outside the volume", where, OTHER)]
    voxels = int(np.count_nonzero(mask.array))
    ml = _volume_ml(voxels, grid)
    own = sum(_volume_ml(n, segment.mask.geometry) for n, segment in zip(counts, chosen, strict=True))
    if len(chosen) == 1 and (ml < KEPT * own or ml * KEPT > own):
        what = f"the segment of {_ml(own)} is thinner than the volume's voxels, where {_ml(ml)} of it count"
        return [Problem("WARN", what, where, "draw it on the volume itself")]
    box = filled_box(mask.array)
    size = [side.stop - side.start for side in reversed(box)]
    if voxels < FEW_VOXELS or (min(size) == 1 and not one_slice):
        flat = f"is one voxel thin ({size[0]} x {size[1]} x {size[2]} voxels)"
        what = f"the segment {flat if voxels > 1 else 'is a single voxel'}: {_ml(ml)}"
        return [Problem("WARN", what, where, "paint all of it, or delete it")]
    return []


def _outside(segment: Segment, grid: Geometry) -> float:
    """Which part of a segment's voxels a volume does not hold."""
    own = segment.mask.geometry
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in own.size_ijk), indexing="ij"), -1).reshape(-1, 3)
    if grid.contains(own.to_world(corners)).all():
        return 0.0
    return 1 - float(grid.contains(segment.points).mean())


def _plausible(mask: Image, name: str, volume: Image, where: str, in_hu: bool) -> list[Problem]:
    """Whether what lies under the mask can be what the mask is called."""
    values = _values(mask, volume)
    is_liver = name == "liver"
    problems = []
    ml, scan_ml = (_volume_ml(voxels, mask.geometry) for voxels in (len(values), mask.array.size))
    if is_liver and ml < SMALL_LIVER_ML and scan_ml > WHOLE_SCAN_ML:
        what = f"the liver's segment is too small for a liver: {_ml(ml)}"
        problems.append(Problem("WARN", what, where, "segment the whole liver, or findings beside it are missed"))
    if not in_hu or hounsfield_objection(volume):
        return problems
    air, mean = float(np.mean(values < AIR_HU)), float(values.mean())
    fat = float(np.mean(values < FAT_HU))
    if air > (0.5 if is_liver else 0.95):
        what = f"{air:.0%} of the segment lies in air or lung (mean {mean:.0f} HU)"
        problems.append(Problem("STOP", what, where, f"is it upside down or mirrored, or {OTHER}"))
    elif is_liver and mean < NOT_LIVER_HU:
        what = f"there is no liver under the segment: its mean is {mean:.0f} HU"
        problems.append(Problem("STOP", what, where, f"is it upside down or mirrored, or {OTHER}"))
    elif is_liver and (mean < LIVER_HU or fat > MOST_FAT):
        what = f"the mean under the segment is {mean:.0f} HU, {fat:.0%} of it fat, air or lung"
        remedy = f"livers in CT have above {LIVER_HU} HU: is this one fatty, the segment upside down, or {OTHER}"
        problems.append(Problem("WARN", what, where, remedy))
    elif air > 0.3:
        what = f"{air:.0%} of the segment lies in air or lung (mean {mean:.0f} HU)"
        problems.append(Problem("WARN", what, where, OTHER))
    return problems


def _values(mask: Image, volume: Image) -> npt.NDArray[np.float32]:
    """The volume's voxels under a mask; what scanners pad with is air."""
    box = filled_box(mask.array)
    values = volume.array[box][mask.array[box] > 0]
    return np.clip(values.astype(np.float32), -1024, 3071)


def _volume_ml(voxels: int, grid: Geometry) -> float:
    return voxels * float(np.prod(grid.spacing)) / 1000


def _ml(volume: float) -> str:
    return f"{volume:,.0f} ml" if volume >= 10 else f"{volume:.2g} ml"
