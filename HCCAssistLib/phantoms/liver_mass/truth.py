"""The truth of a synthetic case of the recipe liver-mass, as it is written to truth.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from HCCAssistLib.imaging.image import Image

NOTE = "synthetic; says nothing about patients"

Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class MassTruth:
    """A planted mass.

    Attributes:
        label: of its mark.
        category: ``"A"`` to ``"E"``.
        subtype: ``"C-hyper"`` or ``"C-hypo"``, empty for other categories.
        pattern: how it enhances, in words.
        center_lps: its exact centre at the breath of the arterial phase, LPS mm.
        point_lps: where a reader clicked.
        diameter_mm: its longest axis.
        axial_mm: its longest diameter in the axial plane, as a reader measures it.
        core_hu: mean contrast over the liver of its inside, by phase.
    """

    label: str
    category: str
    subtype: str
    pattern: str
    center_lps: Place
    point_lps: Place
    diameter_mm: float
    axial_mm: float
    core_hu: Mapping[str, float]


@dataclass(frozen=True, eq=False, slots=True)
class MassPhantom:
    """One synthetic case.

    Attributes:
        volumes: by phase, int16 HU, each on its own grid and in its own storage order.
        labels: 0 outside, n in the n-th mass, on the grid of the arterial phase.
        masses: the truth.
        shifts_mm: by phase, how far breathing moved the liver from where it is in the arterial phase, LPS mm.
        liver_hu: by phase.
        noise_hu: standard deviation of the noise.
        seed: that the case came from.
    """

    volumes: Mapping[str, Image]
    labels: Image
    masses: tuple[MassTruth, ...]
    shifts_mm: Mapping[str, Place]
    liver_hu: Mapping[str, float]
    noise_hu: float
    seed: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """The content of truth.json."""
        return {
            "note": NOTE,
            "seed": list(self.seed),
            "noise_hu": self.noise_hu,
            "liver_hu": dict(self.liver_hu),
            "shifts_mm": {phase: list(shift) for phase, shift in self.shifts_mm.items()},
            "masses": [asdict(mass) for mass in self.masses],
        }
