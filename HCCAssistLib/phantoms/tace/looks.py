"""How a tumour looks in the arterial phase, and how far each look tells of its score.

Worse tumours are coarser and more uneven, less enclosed by a capsule, more necrotic and fed through more shunts. Their
size and their mean attenuation are drawn apart from the score: what necrosis takes from the mean, the rest of the
tumour gives back.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from HCCAssistLib.phantoms.liver.tumour_looks import Looks, ranks

LOADINGS: Mapping[str, float] = MappingProxyType(
    {"texture_hu": -0.88, "texture_mm": -0.82, "capsule": 0.78, "necrosis": -0.82, "shunts": -0.8}
)
"""Correlation of each look, before it is brought to its range, with the score of the tumour."""

TEXTURE_HU = (2.0, 32.0)
TEXTURE_SHARE = (0.08, 0.32)
"""Finest and coarsest texture: hill and valley together, as a share of the diameter."""

LEAST_TEXTURE_MM = 3.5
FREE_OF_NECROSIS, MOST_NECROSIS = 0.35, 0.45
"""Share of the tumours without necrosis, and the largest share of a tumour that is necrotic."""

MOST_SHUNTS = 4
MEAN_HU = (-8.0, 45.0)
"""Mean of a whole tumour over the liver."""


def draw_looks(rng: np.random.Generator, score: float, diameter_mm: float) -> Looks:
    """A tumour of a given score and size (mm)."""
    rank = ranks(rng, score, LOADINGS)
    finest, coarsest = TEXTURE_SHARE
    share = finest * (coarsest / finest) ** rank["texture_mm"]
    necrotic = max(0.0, rank["necrosis"] - FREE_OF_NECROSIS) / (1 - FREE_OF_NECROSIS)
    shunts = min(int(rank["shunts"] * (MOST_SHUNTS + 1)), MOST_SHUNTS)
    return Looks(
        mean_hu=float(rng.uniform(*MEAN_HU)),
        texture_hu=TEXTURE_HU[0] + (TEXTURE_HU[1] - TEXTURE_HU[0]) * rank["texture_hu"],
        texture_mm=max(LEAST_TEXTURE_MM, share * diameter_mm),
        capsule=rank["capsule"],
        capsule_hu=float(-rng.uniform(28, 45)),
        capsule_mm=float(np.clip(0.06 * diameter_mm, 1.6, 4.0) * rng.uniform(0.85, 1.15)),
        necrosis=MOST_NECROSIS * necrotic,
        necrosis_hu=float(rng.uniform(16, 34)),
        shunts=shunts,
        wedge_hu=float(rng.uniform(10, 22)) if shunts else 0.0,
    )
