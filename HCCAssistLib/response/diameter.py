"""Diameters of viable tumour: measured in a segment, along a line that a reader drew, typed, or none left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.imaging.resampling import axis_aligned_grid, resample
from HCCAssistLib.response.chord import longest_chord

Place = tuple[float, float, float]
Source = Literal["segment", "line", "typed", "none"]

SOURCES: Mapping[Source, str] = {
    "segment": "the longest chord of a segment",
    "line": "along a line",
    "typed": "typed",
    "none": "no viable tissue is left",
}

LARGEST_MM = 400.0
"""No tumour of the liver is larger: another number is a slip of the pen."""

STRAIGHT_DEGREES = 1.0
"""Slices and lines that are tilted by less count as axial: 1 degree changes a length by 0.02 %."""

FLAT_MM = 1.0
"""A hand that clicks both ends of a line in one section may miss it by so much."""

FINE_VOXELS = 128
"""Tilted segments up to so many voxels long are sampled at half a voxel, so that not even one voxel is missed."""


@dataclass(frozen=True, slots=True)
class Diameter:
    """One diameter of viable tissue at one time.

    >>> Diameter.along_line((10.0, -20.0, 55.0), (40.0, 20.0, 55.0), name="L").mm
    50.0

    Attributes:
        mm: from outer edge to outer edge; 0 only where no viable tissue is left.
        source: how it is known.
        name: of the segment or the line.
        ends: LPS mm, of a segment's chord and of a line.

    Raises:
        InputError: a number that no diameter is, or 0 mm for tissue that is there.
    """

    mm: float
    source: Source
    name: str = ""
    ends: tuple[Place, Place] | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise InputError(
                f"{self.source!r} is no source of a diameter", self.name, f"known are {', '.join(SOURCES)}"
            )
        if isinstance(self.mm, bool) or not isinstance(self.mm, int | float) or not math.isfinite(self.mm):
            raise InputError(f"a diameter is a number of millimetres, not {self.mm!r}", self.name, "measure it again")
        if not 0 <= self.mm <= LARGEST_MM:
            what = f"a diameter of {self.mm:g} mm is none of a tumour of the liver"
            raise InputError(what, self.name, f"correct it: up to {LARGEST_MM:g} mm")
        if (self.mm == 0) != (self.source == "none"):
            remedy = "say that no viable tissue is left, or measure what is left"
            raise InputError(f"a diameter of {self.mm:g} mm, {SOURCES[self.source]}", self.name, remedy)
        object.__setattr__(self, "mm", float(self.mm))

    @classmethod
    def typed(cls, mm: float) -> Diameter:
        """A number that a reader typed; 0 says that no viable tissue is left."""
        return cls(mm, "none" if mm == 0 else "typed")

    @classmethod
    def along_line(cls, one: npt.ArrayLike, other: npt.ArrayLike, name: str = "") -> Diameter:
        """The length of a line.

        Args:
            one, other: its ends, LPS mm.
            name: of the line.

        Raises:
            InputError: ends that are no places, a line without length, or one longer than any tumour.
        """
        ends = (_place(one, name), _place(other, name))
        if ends[0] == ends[1]:
            raise InputError("both ends of the line lie at the same place", name, "draw it again, or delete it")
        return cls(math.dist(*ends), "line", name, ends)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is doubtful about it: a line that leaves its axial section."""
        if self.ends is None:
            return ()
        height = abs(self.ends[1][2] - self.ends[0][2])
        degrees = math.degrees(math.asin(min(1.0, height / self.mm)))
        if height <= FLAT_MM or degrees <= STRAIGHT_DEGREES:
            return ()
        what = f"its ends lie {height:.1f} mm apart in height ({degrees:.0f} degrees), so not in one axial section"
        return (Problem("WARN", what, self.name, "draw it in one axial section"),)

    def as_json(self) -> dict[str, Any]:
        """Its entries as plain values."""
        ends = None if self.ends is None else [list(end) for end in self.ends]
        return {"mm": self.mm, "source": self.source, "name": self.name, "ends_lps": ends}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Diameter:
        """Read what ``as_json`` wrote.

        Raises:
            InputError, KeyError, TypeError, ValueError: damaged.
        """
        name, ends = data["name"], data["ends_lps"]
        if not isinstance(name, str):
            raise ValueError("the name of a diameter is no text")
        if ends is None:
            return cls(data["mm"], data["source"], name)
        one, other = (_place(end, name) for end in ends)
        if not math.isclose(math.dist(one, other), data["mm"], abs_tol=1e-6):
            raise ValueError("a diameter is not as long as the way between its ends")
        return cls(data["mm"], data["source"], name, (one, other))


def diameter_of_mask(mask: Image, name: str = "") -> Diameter:
    """The longest chord of viable tissue in any axial section.

    Sections are axial by the patient's axes, however the volume was stored. Straight slices are taken as they were
    reconstructed; tilted ones are sampled in axial planes. What is inside a section is said in ``longest_chord``.

    >>> import numpy as np
    >>> from HCCAssistLib.imaging.geometry import Geometry
    >>> grid = Geometry.from_parts((3, 8, 8), (0.5, 0.5, 5.0))
    >>> mask = np.zeros(grid.shape, np.uint8)
    >>> mask[1, 2:5, 1:5] = 1
    >>> diameter_of_mask(Image(mask, grid)).mm
    2.5

    Args:
        mask: viable tissue, where not 0.
        name: of the segment.

    Raises:
        InputError: nothing is painted, or more than any tumour.
    """
    from scipy import ndimage

    boxes = ndimage.find_objects((mask.array != 0).astype(np.uint8))
    if not boxes:
        raise InputError("the segment is empty", name, "paint it, or say that no viable tissue is left")
    box = boxes[0]
    painted = crop(mask, [side.start for side in reversed(box)], [side.stop - side.start for side in box], fill_value=0)
    straight = to_lps_order(_straightened(painted))
    spacing = (float(straight.geometry.spacing[0]), float(straight.geometry.spacing[1]))
    found, best = None, 0.0
    for k in np.argsort(-np.count_nonzero(straight.array, axis=(1, 2)), kind="stable"):
        ends = longest_chord(straight.array[k], spacing, longer_than=best)
        if ends is not None:
            one, other = straight.geometry.to_world(np.column_stack([ends, (k, k)]))
            found = (_place(one, name), _place(other, name))
            best = math.dist(*found)
    if found is None:
        raise InputError("the segment fits into no axial section", name, "paint it anew on the scan")
    return Diameter(best, "segment", name, found)


def _straightened(mask: Image) -> Image:
    """A tilted mask on a straight grid."""
    if mask.geometry.obliquity_degrees <= STRAIGHT_DEGREES:
        return mask
    step = float(mask.geometry.spacing.min())
    if (mask.geometry.spacing * mask.geometry.size_ijk).max() <= FINE_VOXELS * step:
        step /= 2
    return resample(mask, axis_aligned_grid(mask.geometry, (step,) * 3), interpolation="nearest", fill_value=0)


def _place(values: npt.ArrayLike, where: str) -> Place:
    place = np.asarray(values, dtype=np.float64)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise InputError("an end of the line has no place", where, "draw it again, or delete it")
    x, y, z = (float(value) for value in place)
    return x, y, z
