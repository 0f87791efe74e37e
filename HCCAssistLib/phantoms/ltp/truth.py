"""The truth of a synthetic case of the recipe ltp, as it is written to truth.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from HCCAssistLib.imaging.image import Image

NOTE = "synthetic; says nothing about patients"

Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LesionTruth:
    """A planted nodule.

    Attributes:
        center_lps: its exact centre, LPS mm.
        point_lps: where a reader clicked: near the centre, inside the nodule.
        diameter_mm: its long axis.
        contrast_hu: enhancement over the liver.
        liver_hu: attenuation of the liver around it.
        pattern: ``"homogeneous"``, ``"rim"``, ``"mosaic"`` or ``"faint"``.
        zone: number of the ablation zone it grows from, from 0.
        voxels: how many it fills for the most part.
    """

    center_lps: Place
    point_lps: Place
    diameter_mm: float
    contrast_hu: float
    liver_hu: float
    pattern: str
    zone: int
    voxels: int


@dataclass(frozen=True, slots=True)
class ZoneTruth:
    """An ablation zone: centre (LPS mm), full axes (mm), attenuation (HU), and what is in and around it."""

    center_lps: Place
    axes_mm: Place
    hu: float
    coagulum: bool
    gas: bool
    benign_rim: bool


@dataclass(frozen=True, slots=True)
class ConfounderTruth:
    """Something that imitates a lesion: kind, centre (LPS mm), size (mm), contrast over the liver (HU)."""

    kind: str
    center_lps: Place
    size_mm: float
    contrast_hu: float


@dataclass(frozen=True, eq=False, slots=True)
class LTPPhantom:
    """One synthetic case.

    Attributes:
        image: int16 HU in the storage order of the case.
        liver, ablation: masks 0/1 on the same grid; the liver holds the zones and the nodules.
        lesion_labels: 0 outside, n in the n-th nodule, on the same grid.
        lesions, zones, confounders: the truth.
        noise_hu: standard deviation of the noise in the liver.
        seed: that the case came from.
        background: label of the real CT the lesions were put into, empty for a drawn patient.
    """

    image: Image
    liver: Image
    ablation: Image
    lesion_labels: Image
    lesions: tuple[LesionTruth, ...]
    zones: tuple[ZoneTruth, ...]
    confounders: tuple[ConfounderTruth, ...]
    noise_hu: float
    seed: tuple[int, ...]
    background: str = ""

    def as_json(self) -> dict[str, Any]:
        """The content of truth.json."""
        note = NOTE
        if self.background:
            note += "; all cases with this background are one anatomy: never split them between training and test"
        return {
            "note": note,
            "seed": list(self.seed),
            "background": self.background,
            "noise_hu": self.noise_hu,
            "lesions": [asdict(lesion) for lesion in self.lesions],
            "ablation_zones": [asdict(zone) for zone in self.zones],
            "confounders": [asdict(item) for item in self.confounders],
        }
