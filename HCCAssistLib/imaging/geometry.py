"""Where voxels are: an immutable grid in the patient, and boxes with their frame.

The library counts in LPS millimetres (x grows to the patient's left, y to posterior, z to superior).
Arrays are indexed ``[k, j, i]`` as in SimpleITK; points are written ``(x, y, z)`` and indices ``(i, j, k)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError

FloatArray = npt.NDArray[np.float64]

MM_PER_UNIT = {
    **dict.fromkeys(("mm", "millimeter", "millimetre", "millimeters", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimetre", "centimeters", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), 1000.0),
    **dict.fromkeys(("um", "\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "micron", "microns"), 0.001),
    **dict.fromkeys(("micrometer", "micrometre", "micrometers", "micrometres"), 0.001),
}
"""Millimetres in the units of length that files give, in small letters."""

EXTENT_MM = (5.0, 3000.0)
"""Longest side of a volume that a patient can fill: anything else is a wrong unit."""

VOXEL_MM = (0.005, 200.0)
"""Edges that a voxel of a patient can have."""

SHEAR_TOLERANCE = 0.01
"""Largest cosine between two grid axes: 0.57 degrees, twenty times the rounding of DICOM orientations."""


@dataclass(frozen=True, eq=False, slots=True)
class Geometry:
    """The grid of a volume.

    >>> grid = Geometry.from_parts((40, 512, 512), (0.7, 0.7, 5.0), origin=(-179, -179, 900))
    >>> grid.to_world((256, 256, 10)).round(1).tolist()  # (i, j, k) to left, posterior, superior millimetres
    [0.2, 0.2, 950.0]
    >>> grid.to_index((0.2, 0.2, 950.0)).round(1).tolist()
    [256.0, 256.0, 10.0]

    Attributes:
        shape: voxels along ``(k, j, i)``, the order of the array.
        affine: 4x4, maps ``(i, j, k, 1)`` to LPS millimetres of the voxel's centre. Read-only.
        spacing: millimetres between voxels along ``(i, j, k)``. Read-only.

    Raises:
        InputError: an empty, singular, non-finite or sheared grid.
    """

    shape: tuple[int, int, int]
    affine: FloatArray
    # of the affine, once: they are asked for thousands of times
    spacing: FloatArray = field(init=False, repr=False)
    _inverse: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"the volume is empty or not three-dimensional: {shape} voxels")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise InputError("the volume's position and orientation are missing or not finite")
        if not np.allclose(affine[3], (0, 0, 0, 1)):
            raise InputError("the volume's grid is not affine")
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        if (lengths < 1e-6).any():
            raise InputError("the volume's voxels have no size")
        axes = affine[:3, :3] / lengths
        cosines = np.abs(axes.T @ axes - np.eye(3))
        if cosines.max() > SHEAR_TOLERANCE:
            degrees = np.degrees(np.arcsin(min(1.0, cosines.max())))
            raise InputError(
                f"the volume's axes are sheared by {degrees:.1f} degrees (gantry tilt or a sheared transform)",
                remedy="convert the original DICOM series again (dcm2niix straightens a tilted gantry), or resample it "
                "to a straight grid",
            )
        affine.setflags(write=False)
        lengths.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "spacing", lengths)
        object.__setattr__(self, "_inverse", np.linalg.inv(affine))

    @classmethod
    def from_parts(
        cls,
        shape: Sequence[int],
        spacing: Sequence[float],
        origin: Sequence[float] = (0.0, 0.0, 0.0),
        directions: npt.ArrayLike | None = None,
    ) -> Geometry:
        """A grid from its spacing ``(i, j, k)`` in mm, the LPS position of voxel 0 and its axes as columns."""
        affine = np.eye(4)
        columns = np.eye(3) if directions is None else np.asarray(directions, dtype=np.float64).reshape(3, 3)
        affine[:3, :3] = columns * np.asarray(spacing, dtype=np.float64)
        affine[:3, 3] = origin
        return cls((int(shape[0]), int(shape[1]), int(shape[2])), affine)

    @property
    def directions(self) -> FloatArray:
        """Unit vectors of the axes ``i, j, k`` in LPS, as columns."""
        axes: FloatArray = self.affine[:3, :3] / self.spacing
        return axes

    @property
    def origin(self) -> FloatArray:
        """LPS position of the centre of voxel ``(0, 0, 0)``."""
        return self.affine[:3, 3].copy()

    @property
    def size_ijk(self) -> FloatArray:
        """Voxels along ``(i, j, k)``."""
        return np.array(self.shape[::-1], dtype=np.float64)

    @property
    def center(self) -> FloatArray:
        """LPS position of the middle of the volume."""
        return self.to_world((self.size_ijk - 1) / 2)

    @property
    def voxel_diagonal(self) -> float:
        """Length in mm of a voxel's diagonal."""
        return float(np.linalg.norm(self.spacing))

    @property
    def is_left_handed(self) -> bool:
        """Whether the axes mirror the patient; every path must still come out right."""
        return bool(np.linalg.det(self.affine[:3, :3]) < 0)

    @property
    def obliquity_degrees(self) -> float:
        """Largest angle between a grid axis and the patient axis nearest to it."""
        nearest = np.abs(self.directions).max(axis=0)
        return float(np.degrees(np.arccos(np.clip(nearest.min(), -1.0, 1.0))))

    @property
    def axial_axis(self) -> int:
        """Which of ``(i, j, k)`` runs closest to head-foot: the axis that numbers the axial slices."""
        return int(np.argmax(np.abs(self.directions[2])))

    def to_world(self, ijk: npt.ArrayLike) -> FloatArray:
        """LPS millimetres of (fractional) indices ``(..., 3)`` in the order ``(i, j, k)``."""
        index = np.asarray(ijk, dtype=np.float64)
        return index @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, lps: npt.ArrayLike) -> FloatArray:
        """Fractional indices ``(i, j, k)`` of LPS points ``(..., 3)``."""
        return np.asarray(lps, dtype=np.float64) @ self._inverse[:3, :3].T + self._inverse[:3, 3]

    def contains(self, lps: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether points ``(..., 3)`` lie in a voxel of the volume."""
        index = self.to_index(lps)
        return np.asarray(((index >= -0.5) & (index < self.size_ijk - 0.5)).all(axis=-1))

    def crop(self, start_ijk: Sequence[int], shape: Sequence[int]) -> Geometry:
        """The grid that begins at voxel ``start_ijk`` (it may be negative) with ``shape`` voxels ``(k, j, i)``."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world(start_ijk)
        return Geometry((int(shape[0]), int(shape[1]), int(shape[2])), affine)

    def matches(self, other: Geometry, tolerance_mm: float = 1e-2) -> bool:
        """Whether both grids put every voxel at the same place."""
        if self.shape != other.shape:
            return False
        corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) * (self.size_ijk - 1)
        return bool(np.abs(self.to_world(corners) - other.to_world(corners)).max() <= tolerance_mm)

    def in_mm(self, mm_per_unit: float) -> Geometry:
        """The grid of a file whose lengths are in another unit than millimetres."""
        affine = self.affine.copy()
        affine[:3] *= mm_per_unit
        return Geometry(self.shape, affine)

    def check_size(self, unit: str = "") -> None:
        """Refuse voxels and sides that no patient has: the unit is wrong, and resampling would fill the memory.

        Args:
            unit: the unit that the file gives, where it gives one.

        Raises:
            InputError: a size outside ``EXTENT_MM`` or ``VOXEL_MM``.
        """
        spacing, sides = self.spacing, self.spacing * self.size_ijk
        if (
            EXTENT_MM[0] <= sides.max() <= EXTENT_MM[1]
            and spacing.min() >= VOXEL_MM[0]
            and spacing.max() <= VOXEL_MM[1]
        ):
            return
        voxels, volume = (" x ".join(f"{length:,.6g}" for length in lengths) for lengths in (spacing, sides))
        unit_note = f" (the file gives lengths in {unit})" if unit else ""
        raise InputError(
            f"voxels of {voxels} mm make a volume of {volume} mm, which no patient fills{unit_note}",
            remedy="correct the unit or the spacing in the file: its numbers are probably in another unit",
        )

    def as_json(self) -> dict[str, Any]:
        """Shape and affine as plain lists."""
        return {"shape_kji": list(self.shape), "affine_lps": self.affine.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Geometry:
        """Read what ``as_json`` wrote."""
        k, j, i = data["shape_kji"]
        return cls((k, j, i), np.array(data["affine_lps"], dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Box:
    """A box in the patient.

    >>> box = Box(center=(10.0, -20.0, 950.0), size=(22.0, 22.0, 40.0))
    >>> bool(box.contains((15.0, -20.0, 940.0))), bool(box.contains((40.0, -20.0, 940.0)))
    (True, False)

    Attributes:
        center: LPS millimetres.
        size: full edge lengths in mm along the box's own axes.
        axes: unit vectors of the box's axes in LPS, as rows; the patient's axes by default.
    """

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    axes: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    def __post_init__(self) -> None:
        numbers = np.array([*self.center, *self.size, *np.ravel(self.axes)], dtype=np.float64)
        if numbers.shape != (15,) or not np.isfinite(numbers).all():
            raise ValueError("a box needs a finite centre, size and three axes")
        if min(self.size) <= 0:
            raise ValueError(f"a box needs edges longer than 0 mm, not {self.size}")
        axes = np.array(self.axes, dtype=np.float64)
        if np.abs(axes @ axes.T - np.eye(3)).max() > 2 * SHEAR_TOLERANCE:
            raise ValueError("the axes of a box must be orthogonal unit vectors")
        object.__setattr__(self, "center", tuple(float(v) for v in self.center))
        object.__setattr__(self, "size", tuple(float(v) for v in self.size))
        object.__setattr__(self, "axes", tuple(tuple(float(v) for v in axis) for axis in axes))

    def as_json(self) -> dict[str, Any]:
        """Centre, size and axes as plain lists."""
        axes = [list(axis) for axis in self.axes]
        return {"center_lps": list(self.center), "size_mm": list(self.size), "axes_lps": axes}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Box:
        """Read what ``as_json`` wrote."""
        axes = tuple(tuple(axis) for axis in data["axes_lps"])
        return cls(tuple(data["center_lps"]), tuple(data["size_mm"]), axes)

    def corners(self) -> FloatArray:
        """The eight corners in LPS, shape ``(8, 3)``."""
        signs = np.stack(np.meshgrid((-0.5, 0.5), (-0.5, 0.5), (-0.5, 0.5), indexing="ij"), -1).reshape(-1, 3)
        corners: FloatArray = np.array(self.center) + (signs * np.array(self.size)) @ np.array(self.axes)
        return corners

    def contains(self, lps: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether LPS points ``(..., 3)`` lie in the box."""
        local = (np.asarray(lps, dtype=np.float64) - np.array(self.center)) @ np.array(self.axes).T
        return np.asarray((np.abs(local) <= np.array(self.size) / 2).all(axis=-1))
