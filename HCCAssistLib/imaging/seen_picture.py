"""A picture as a network saw it, and where it lies in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry


@dataclass(frozen=True, eq=False, slots=True)
class SeenPicture:
    """An axial picture, the patient's left on the viewer's right.

    Attributes:
        place: of the volume that it is made of, ``"<time point>/<phase>"``.
        text: what a reader is told of it.
        grey: 8 bit ``(rows, columns)``, as the network saw it.
        grid: of its pixels, one slice: rows run to posterior and columns to the patient's left.
        heat: where its heat is looked up, of a map that is the same in several slices; its own grid where it is None.
    """

    place: str
    text: str
    grey: npt.NDArray[np.uint8]
    grid: Geometry
    heat: Geometry | None = None
