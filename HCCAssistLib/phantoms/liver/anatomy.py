"""The sizes and attenuations of one imaginary patient.

Frame of the drawn patients: LPS mm with x = 0 at the midline, y = 0 in the middle of the body and z = 0 at the right
dome of the diaphragm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CAVA_MM = 11.5
"""Radius of the inferior vena cava."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Sizes (mm) and attenuations (HU) of one patient.

    Attributes:
        half_width, half_depth: of the body at the skin.
        fat, wall: thickness of the subcutaneous fat at the flank and of the muscle under it.
        liver_height: from the dome to the lower tip.
        left_lobe: how far the left lobe reaches over the midline.
        ascites: thickness of fluid around the liver, often 0.
        liver_hu, aorta_hu, portal_hu, vein_hu, spleen_hu, kidney_hu: attenuation.
    """

    half_width: float
    half_depth: float
    fat: float
    wall: float
    liver_height: float
    left_lobe: float
    ascites: float
    liver_hu: float
    aorta_hu: float
    portal_hu: float
    vein_hu: float
    spleen_hu: float
    kidney_hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Anatomy:
        """A random patient, 35 s after the injection."""
        liver_hu = float(rng.uniform(58, 78))
        return cls(
            half_width=float(rng.uniform(148, 180)),
            half_depth=float(rng.uniform(106, 130)),
            fat=float(rng.uniform(7, 24)),
            wall=float(rng.uniform(13, 19)),
            liver_height=float(rng.uniform(135, 175)),
            left_lobe=float(rng.uniform(35, 85)),
            ascites=float(rng.uniform(4, 12)) if rng.random() < 0.15 else 0.0,
            liver_hu=liver_hu,
            aorta_hu=float(rng.uniform(280, 350)),
            portal_hu=float(liver_hu + rng.uniform(15, 45)),
            vein_hu=float(rng.uniform(41, 50)),
            spleen_hu=float(rng.uniform(105, 135)),
            kidney_hu=float(rng.uniform(170, 225)),
        )

    @property
    def spine(self) -> tuple[float, float]:
        """Middle of the vertebral bodies in the axial plane."""
        return 0.0, self.half_depth - 66.0

    @property
    def aorta(self) -> tuple[float, float]:
        """Middle of the aorta in the axial plane."""
        return 9.0, self.spine[1] - 30.0

    @property
    def cava(self) -> tuple[tuple[float, float, float], ...]:
        """The inferior vena cava from below the kidneys to the heart."""
        x, y = -24.0, self.spine[1] - 34.0
        return (
            (x + 2, y + 6, -self.liver_height - 30),
            (x, y + 2, -0.75 * self.liver_height),
            (x, y, -60),
            (x + 4, y - 6, 8),
        )

    @property
    def hilum(self) -> tuple[float, float, float]:
        """Where the portal vein and the hepatic artery enter the liver."""
        return -34.0, self.spine[1] - 58.0, -0.56 * self.liver_height
