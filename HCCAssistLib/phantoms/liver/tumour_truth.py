"""The truth of a planted tumour, as it is written to truth.json."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.liver.arterial_tumour import PlantedTumour
from HCCAssistLib.phantoms.liver.tumour_looks import Looks

NOTE = "synthetic; says nothing about patients"

Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TumourTruth:
    """A planted tumour.

    Attributes:
        label: of its segment.
        target: whether it counts: it is one of the two largest, or the only one.
        score: what it shows of what becomes of the patient.
        center_lps: centre of all of it, LPS mm.
        diameter_mm: its longest axis.
        axial_mm: its longest diameter in the axial plane, as a reader measures it.
        volume_ml: of its shape, whatever the grid.
        viable_hu: attenuation of what is neither necrosis, nor capsule, nor shunt.
        looks: how it looks.
    """

    label: str
    target: bool
    score: float
    center_lps: Place
    diameter_mm: float
    axial_mm: float
    volume_ml: float
    viable_hu: float
    looks: Looks


def truth_of(tumour: PlantedTumour, number: int, *, target: bool, score: float) -> TumourTruth:
    """The truth of the tumour of this number, 1 and up."""
    return TumourTruth(
        label=f"tumour {number}",
        target=target,
        score=score,
        center_lps=place_of(tumour.middle),
        diameter_mm=round(tumour.diameter_mm, 2),
        axial_mm=round(tumour.axial_mm, 2),
        volume_ml=round(tumour.volume_ml, 3),
        viable_hu=round(tumour.viable_hu, 1),
        looks=tumour.looks,
    )


def place_of(point: npt.ArrayLike) -> Place:
    """An LPS point to a micrometre."""
    x, y, z = (round(float(v), 3) for v in np.asarray(point))
    return x, y, z
