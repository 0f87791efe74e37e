"""The tumours of a study: where the patches of each lie, and what is measured under its segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.axial import longest_diameter
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.inscribed_square import Square, largest_square
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, TUMOURS
from HCCAssistLib.recipes.tace.sections import axial_mask, stored_mask

LEAST_PIXELS = 4
"""Side of the smallest square that is a picture of a tumour; no slice with less is used."""

DENSE_HU = 350
"""Above what an arterial tumour takes up: lipiodol, or chalk."""

PART = 0.05
"""Share of a segment's voxels from which a piece that lies apart counts."""

TWICE = 0.5
"""Share of the smaller of two segments from which they mark one tumour."""

Place = tuple[float, float, float]


@dataclass(frozen=True, eq=False, slots=True)
class Patch:
    """Where a patch lies: the pixels of the patient that it is made of.

    Attributes:
        grids: of each slice that it shows, one pixel thick, rows to posterior and columns to left. The first is the
            slice that the patch is of; there are three where slices are the channels.
    """

    grids: tuple[Geometry, ...]

    @property
    def pixels(self) -> int:
        """Along each side, before the patch is resized."""
        return self.grids[0].shape[1]

    @property
    def box(self) -> Box:
        """In the patient, as thick as the slices are apart."""
        grid = self.grids[0]
        width, height, depth = (float(mm) for mm in grid.size_ijk * grid.spacing)
        x, y, z = (float(at) for at in grid.center)
        return Box((x, y, z), (width, height, depth))


@dataclass(frozen=True, eq=False, slots=True)
class Tumour:
    """One segment.

    Attributes:
        number: 1 and up, in the order of the file.
        label: of the segment.
        target: whether it counts for the patient.
        center: LPS mm, of the segment's voxels.
        diameter_mm: longest diameter in the slice of largest area.
        volume_ml: of its voxels as stored.
        slice_mm: between the slices that patches are taken from.
        hu: mean under the segment.
        dense: share of its voxels above ``DENSE_HU``.
        parts: pieces that lie apart.
        at_edge: whether it reaches the border of the volume.
        patches: one to three, the slice of largest area first.
    """

    number: int
    label: str
    target: bool
    center: Place
    diameter_mm: float
    volume_ml: float
    slice_mm: float
    hu: float
    dense: float
    parts: int
    at_edge: bool
    patches: tuple[Patch, ...]


def tumours_of(study: Study | CaseContents, options: Mapping[str, Value]) -> tuple[Tumour, ...]:
    """The tumours that a reader drew, each with the patches that the network sees.

    Args:
        study: with the arterial phase.
        options: of the recipe.

    Raises:
        InputError: segments outside the volume, too small for a patch, or two of one tumour; all of them are listed.
    """
    volume = study.volumes[ARTERIAL]
    tumours: list[Tumour] = []
    masks: list[tuple[str, Image]] = []
    problems: list[Problem] = []
    for number, finding in enumerate(study.findings.get(TUMOURS, ()), 1):
        if finding.mask is None:
            continue
        segment = Segment(finding.name, finding.mask)
        try:
            stored = stored_mask(segment, volume.geometry)
            mask = axial_mask(segment, stored, options)
            patches, diameter = _patches(mask, segment.name, options)
        except InputError as error:
            problems += error.problems
            continue
        masks.append((segment.name, stored))
        values = _under(volume, stored)
        tumour = Tumour(
            number=number,
            label=segment.name,
            target=finding.target,
            center=finding.center,
            diameter_mm=diameter,
            volume_ml=len(values) * float(np.prod(stored.geometry.spacing)) / 1000,
            slice_mm=float(mask.geometry.spacing[2]),
            hu=float(values.mean()),
            dense=float(np.mean(values > DENSE_HU)),
            parts=_parts(stored.array),
            at_edge=_at_edge(stored.geometry, volume.geometry),
            patches=patches,
        )
        tumours.append(tumour)
    problems += _doubled(masks, volume.geometry)
    if problems:
        raise InputError(problems)
    return tuple(tumours)


def _patches(mask: Image, name: str, options: Mapping[str, Value]) -> tuple[tuple[Patch, ...], float]:
    """Patches in the slice of largest area and its neighbours that hold tumour, and the diameter in that slice.

    Raises:
        InputError: no square is large enough.
    """
    areas = np.count_nonzero(mask.array, axis=(1, 2))
    middle = float((areas * np.arange(len(areas))).sum() / areas.sum())
    largest = min(np.flatnonzero(areas == areas.max()).tolist(), key=lambda k: (abs(k - middle), k))
    slices = [k for k in (largest, largest - 1, largest + 1) if 0 <= k < len(areas) and areas[k]]
    if options["channels"] == "slices":
        shared = np.logical_and.reduce(mask.array[slices])
        # a neighbour that holds no tumour, or that the volume lacks, is stood in for by the slice itself
        channels = [largest, *(k if k in slices else largest for k in (largest - 1, largest + 1))]
        chosen = [(channels, largest_square(shared) if shared.any() else Square(0, 0, 0))]
    else:
        chosen = [([k], largest_square(mask.array[k])) for k in slices]
    _, best = chosen[0]
    if best.side < LEAST_PIXELS:
        size = f"{best.side} x {best.side} {'pixel' if best.side == 1 else 'pixels'}"
        what = f"the largest square that lies in the tumour is {size}: too little to see"
        raise InputError(what, f"tumour {name!r}", f"paint all of the tumour; {LEAST_PIXELS} x {LEAST_PIXELS} at least")
    patches = tuple(
        Patch(tuple(mask.geometry.crop((square.column, square.row, k), (1, square.side, square.side)) for k in of))
        for of, square in chosen
        if square.side >= LEAST_PIXELS
    )
    return patches, longest_diameter(mask.array[largest], mask.geometry.spacing)


def _under(volume: Image, stored: Image) -> npt.NDArray[np.float32]:
    """The volume's voxels in a segment."""
    first = _first(stored.geometry, volume.geometry)
    values = crop(volume, first.tolist(), stored.geometry.shape, fill_value=0).array[stored.array > 0]
    return values.astype(np.float32)


def _parts(mask: npt.NDArray[np.generic]) -> int:
    pieces, _ = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    return max(1, int(np.count_nonzero(sizes >= PART * sizes.sum())))


def _at_edge(part: Geometry, grid: Geometry) -> bool:
    first = _first(part, grid)
    return bool((first <= 0).any() or (first + part.size_ijk >= grid.size_ijk).any())


def _doubled(masks: Sequence[tuple[str, Image]], grid: Geometry) -> Iterator[Problem]:
    """Segments that mark one tumour twice; those that touch, or share a border, are two tumours."""
    for number, (name, mask) in enumerate(masks):
        for other_name, other in masks[:number]:
            smaller = min(np.count_nonzero(mask.array), np.count_nonzero(other.array))
            if _shared(mask, other, grid) > TWICE * smaller:
                what = f"it lies on {other_name!r} for the most part: one tumour is marked twice"
                yield Problem("STOP", what, f"tumour {name!r}", "delete one of the two segments")


def _shared(one: Image, other: Image, grid: Geometry) -> int:
    """Voxels of the volume that two segments share."""
    firsts = [_first(mask.geometry, grid) for mask in (one, other)]
    low = np.maximum(*firsts)
    high = np.minimum(*(first + mask.geometry.size_ijk for first, mask in zip(firsts, (one, other), strict=True)))
    if (high <= low).any():
        return 0
    parts = []
    for first, mask in zip(firsts, (one, other), strict=True):
        box = tuple(slice(int(a), int(b)) for a, b in zip((low - first)[::-1], (high - first)[::-1], strict=True))
        parts.append(mask.array[box] > 0)
    return int(np.count_nonzero(parts[0] & parts[1]))


def _first(part: Geometry, grid: Geometry) -> npt.NDArray[np.int64]:
    """Index ``(i, j, k)`` in a volume of the first voxel of a part of it."""
    first: npt.NDArray[np.int64] = np.rint(grid.to_index(part.origin)).astype(np.int64)
    return first
