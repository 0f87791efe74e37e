"""An image: voxels with their geometry, never one without the other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry


@dataclass(frozen=True, eq=False, slots=True)
class Image:
    """A scalar volume in the patient.

    >>> import numpy as np
    >>> from HCCAssistLib.imaging.geometry import Geometry
    >>> grid = Geometry.from_parts((40, 512, 512), (0.7, 0.7, 5.0), origin=(-179, -179, 900))
    >>> Image(np.full(grid.shape, 60, np.int16), grid, "case_017").array.shape
    (40, 512, 512)

    Attributes:
        array: voxels ``[k, j, i]``, read-only; CT in Hounsfield units.
        geometry: the grid the voxels stand on.
        name: a pseudonymous label used in messages.
        history: what was done to the voxels since they were read, oldest first.
        acquired: day and time of the scan as DICOM writes them, ``"20250131142500"``, or the day alone; empty where
            they are not known. It serves to tell which of two scans came first and is never written.

    Raises:
        InputError: the array does not fit the grid, is not numeric, or holds NaN or infinite values.
    """

    array: npt.NDArray[Any]
    geometry: Geometry
    name: str = ""
    history: tuple[str, ...] = field(default=())
    acquired: str = ""

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.dtype.kind not in "biuf":
            raise InputError(f"the voxels are of type {array.dtype}, not numbers", self.name)
        if array.shape != self.geometry.shape:
            raise InputError(f"{array.shape} voxels do not fit a grid of {self.geometry.shape}", self.name)
        if array.dtype.kind == "f":
            bad = int(array.size - np.count_nonzero(np.isfinite(array)))
            if bad:
                raise InputError(
                    f"{bad} voxels are NaN or infinite", self.name, "replace them with the value of air (-1024 for CT)"
                )
        array = array.view()
        array.setflags(write=False)
        object.__setattr__(self, "array", array)

    def with_array(self, array: npt.NDArray[Any], step: str) -> Image:
        """The same grid with other voxels; ``step`` says what was done."""
        return replace(self, array=array, history=(*self.history, step))

    def digest(self) -> str:
        """sha256 of voxels and grid: tells two inputs apart without naming a patient."""
        sha = hashlib.sha256(str((self.array.dtype.str, self.array.shape)).encode())
        sha.update(np.round(self.geometry.affine, 4).tobytes())
        sha.update(np.ascontiguousarray(self.array).data)
        return sha.hexdigest()
