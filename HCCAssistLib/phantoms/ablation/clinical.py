"""Clinical values that tell of the risk as far as their weights say, some of them not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import ndtr

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "tumour_size_mm": 0.25,
        "tumour_number": 0.45,
        "hbv": 0.25,
        "total_protein_g_per_l": -0.45,
        "afp_ng_per_ml": 0.69,
    }
)
"""Of each value, on a normal scale, in the clinical score; size alone tells next to nothing."""

MISSING: Mapping[str, float] = MappingProxyType(
    {
        "tumour_size_mm": 0.03,
        "tumour_number": 0.03,
        "hbv": 0.06,
        "total_protein_g_per_l": 0.12,
        "afp_ng_per_ml": 0.15,
    }
)
"""Share of the patients of whom a value is not known, whatever their risk."""

SIZE_MM, SIZES_MM = (24.0, 0.32), (10.0, 48.0)
"""Median and spread (of the logarithm) of the longest axis of the largest tumour; smallest and largest."""

SEVERAL, THREE, HBV = 0.72, 0.92, 0.16
"""Shares of the patients with one tumour, with at most two, and without hepatitis B."""

PROTEIN, AFP = (70.0, 6.5), (20.0, 1.9)
"""Mean and spread of total protein (g/L); median and spread (of the logarithm) of AFP (ng/mL)."""


@dataclass(frozen=True, slots=True)
class Clinical:
    """The values of one patient.

    Attributes:
        values: all of them, by the recipe's columns.
        unknown: the columns that the table leaves empty.
    """

    values: Mapping[str, float]
    unknown: tuple[str, ...]

    @classmethod
    def draw(cls, seed: Sequence[int], score: float) -> Clinical:
        """A patient of a clinical score.

        >>> sorted(Clinical.draw((1, 2), 0.0).values) == sorted(WEIGHTS)
        True

        Args:
            seed: numbers of the case.
            score: standard normal over all patients.
        """
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence((*seed, 2026))))
        weights = np.array(list(WEIGHTS.values()))
        length = float(np.linalg.norm(weights))
        free = rng.standard_normal(len(weights))
        size, number, hbv, protein, afp = (free + weights / length * (score - weights @ free / length)).tolist()
        values = {
            "tumour_size_mm": float(np.round(np.clip(SIZE_MM[0] * np.exp(SIZE_MM[1] * size), *SIZES_MM))),
            "tumour_number": 1.0 + float(ndtr(number) > SEVERAL) + float(ndtr(number) > THREE),
            "hbv": float(ndtr(hbv) > HBV),
            "total_protein_g_per_l": round(PROTEIN[0] + PROTEIN[1] * protein, 1),
            "afp_ng_per_ml": round(float(np.clip(AFP[0] * np.exp(AFP[1] * afp), 0.8, 60_000)), 1),
        }
        lacking = rng.random(len(values)) < list(MISSING.values())
        return cls(values, tuple(name for name, lacks in zip(values, lacking, strict=True) if lacks))

    def row(self) -> dict[str, object]:
        """Columns of the table; an unknown value is an empty cell."""
        return {name: "" if name in self.unknown else f"{value:g}" for name, value in self.values.items()}
