"""The outcome of a registration: where each point of the fixed image lies in the moving one, and how good it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.registration.spline import Spline

FORMAT = "hccassist-registration/1"

Source = Literal["rigid", "deformable", "person"]
SOURCES: tuple[Source, ...] = ("rigid", "deformable", "person")

ORTHOGONAL = 1e-4
"""How far a rotation may be from orthogonal: rounding of files, never a stretch."""

STRETCH = 2.0
"""No transform between phases of one patient stretches by more."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What tells a good registration from a bad one; each figure over the voxels of the mask.

    Attributes:
        information_before, information_after: Mattes mutual information, nats; what was optimised.
        normalized_before, normalized_after: normalised mutual information ``(H(f) + H(m)) / H(f, m)``, 1 to 2; counted
            apart from the optimiser on all voxels of a grid of its own.
        edges_before, edges_after: how far edges of both images run along each other, whatever their contrast: 0 for
            chance, 1 for parallel everywhere.
        shift_mm: mean way that the points of the mask go.
        rotation_degrees: of the rigid part.
        starts_mm: mean distance between the outcomes of two starts.
        overlap: share of the mask that the moving image covers.
    """

    information_before: float
    information_after: float
    normalized_before: float
    normalized_after: float
    edges_before: float
    edges_after: float
    shift_mm: float
    rotation_degrees: float
    starts_mm: float
    overlap: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(f"the quality of a registration has {field.name} {value!r}", "registration")
            object.__setattr__(self, field.name, float(value))


@dataclass(frozen=True, eq=False, slots=True)
class Registration:
    """A mapping from the fixed to the moving image.

    It is the transform that resamples the moving image onto the fixed one, and, as a linear transform of Slicer, the
    one "from parent" of the moving volume.

    >>> shifted = Registration.by_person([[1, 0, 0, 4], [0, 1, 0, 0], [0, 0, 1, -12], [0, 0, 0, 1]])
    >>> shifted.to_moving([(10.0, 20.0, 30.0)]).tolist(), shifted.source
    ([[14.0, 20.0, 18.0]], 'person')

    Attributes:
        matrix: 4x4, LPS mm of the fixed image to LPS mm of the moving one. Read-only.
        source: ``"rigid"`` and ``"deformable"`` were computed; ``"person"`` was given.
        spline: a deformation that comes before the matrix, or None.
        quality: None where nothing could be or was measured.
        failure: a sentence that says why it must not be used; empty where it may.
        notes: sentences about what was done.

    Raises:
        InputError: no finite 4x4, a mirror, a stretch where none may be, or entries that do not fit each other.
    """

    matrix: FloatArray
    source: Source
    spline: Spline | None = None
    quality: Quality | None = None
    failure: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise InputError(f"{self.source!r} is no source of a registration", "registration")
        if (self.spline is not None) != (self.source == "deformable"):
            raise InputError("a deformation belongs to a deformable registration alone", "registration")
        matrix = _checked(self.matrix, is_rigid=self.source != "person")
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "notes", tuple(self.notes))

    @classmethod
    def by_person(cls, matrix: npt.ArrayLike, name: str = "") -> Registration:
        """A transform that a person gives; it overrides every computed one.

        Args:
            matrix: 4x4 from fixed to moving, LPS mm. It may be affine.
            name: of the transform.

        Raises:
            InputError: no transform that can join two images of one patient.
        """
        checked = _checked(matrix, is_rigid=False)
        notes = [f"the transform {name!r} was given by a person" if name else "the transform was given by a person"]
        stretches = np.linalg.svd(checked[:3, :3], compute_uv=False)
        if np.abs(stretches - 1).max() > ORTHOGONAL:
            notes.append(f"it stretches by {100 * (stretches.min() - 1):+.1f} to {100 * (stretches.max() - 1):+.1f} %")
        return cls(checked, "person", notes=tuple(notes))

    @property
    def succeeded(self) -> bool:
        """Whether it may be used."""
        return not self.failure

    def failed(self, why: str) -> Registration:
        """The same outcome, marked as one that must not be used."""
        return replace(self, failure=why)

    def to_moving(self, points: npt.ArrayLike) -> FloatArray:
        """Where LPS points ``(n, 3)`` of the fixed image lie in the moving one, LPS mm."""
        places = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        if self.spline is not None:
            places = self.spline.apply(places)
        moved: FloatArray = places @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return moved

    def as_json(self) -> dict[str, Any]:
        """Its entries as plain values, at full precision."""
        return {
            "format": FORMAT,
            "source": self.source,
            "matrix_fixed_to_moving_lps": self.matrix.tolist(),
            "spline": None if self.spline is None else self.spline.as_json(),
            "quality": None if self.quality is None else asdict(self.quality),
            "failure": self.failure,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, data: Any) -> Registration:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: of another format, or damaged.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise InputError(f"this is no registration of the format {FORMAT!r}", "registration", "register again")
        try:
            failure, notes = data["failure"], data["notes"]
            if not isinstance(failure, str) or not all(isinstance(note, str) for note in notes):
                raise TypeError("failure and notes are texts")
            spline, quality = data["spline"], data["quality"]
            return cls(
                np.array(data["matrix_fixed_to_moving_lps"], dtype=np.float64),
                data["source"],
                None if spline is None else Spline.from_json(spline),
                None if quality is None else Quality(**quality),
                failure,
                tuple(notes),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"the registration is damaged ({error})", "registration", "register again") from error


def write_registration(path: Path, registration: Registration) -> None:
    """Write a registration as JSON, whole or not at all."""
    write_json(path, registration.as_json())


def read_registration(path: Path) -> Registration:
    """Read what ``write_registration`` wrote.

    Raises:
        InputError: no such file, no JSON, another format, or damaged.
    """
    try:
        data = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError("the registration cannot be read", path.name, "register again") from error
    return Registration.from_json(data)


def _checked(matrix: npt.ArrayLike, *, is_rigid: bool) -> FloatArray:
    """A read-only copy of a 4x4 that can join two images of one patient."""
    try:
        checked = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("a transform is a matrix of 4 x 4 numbers", "registration") from error
    if checked.shape != (4, 4) or not np.isfinite(checked).all():
        raise InputError("a transform is a matrix of 4 x 4 finite numbers", "registration")
    if not np.allclose(checked[3], (0, 0, 0, 1), atol=1e-9, rtol=0):
        raise InputError("the last row of a transform is 0 0 0 1", "registration")
    turn = checked[:3, :3]
    if np.linalg.det(turn) <= 0:
        raise InputError("the transform mirrors the patient, or flattens it", "registration", "correct the transform")
    if is_rigid and np.abs(turn @ turn.T - np.eye(3)).max() > ORTHOGONAL:
        raise InputError("a rigid transform does not stretch", "registration", "register again")
    stretches = np.linalg.svd(turn, compute_uv=False)
    if stretches.max() > STRETCH or stretches.min() < 1 / STRETCH:
        what = f"the transform stretches by a factor of {stretches.max():.3g} (down to {stretches.min():.3g})"
        raise InputError(what, "registration", "correct its unit: it counts in millimetres")
    checked.setflags(write=False)
    return checked
