"""How a tumour looks in the arterial phase, and looks that tell of a score as far as they are said to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr


@dataclass(frozen=True, slots=True)
class Looks:
    """One tumour.

    Attributes:
        mean_hu: mean of all of it over the liver.
        texture_hu, texture_mm: standard deviation of its texture, and the size of a hill and a valley.
        capsule: share of its surface under a capsule.
        capsule_hu, capsule_mm: contrast of the capsule over the inside, and its thickness.
        necrosis: share of its volume.
        necrosis_hu: attenuation of that.
        shunts: tubes from outside that run through it.
        wedge_hu: contrast of the liver behind it that the shunts feed; 0 without them.
    """

    mean_hu: float
    texture_hu: float
    texture_mm: float
    capsule: float
    capsule_hu: float
    capsule_mm: float
    necrosis: float
    necrosis_hu: float
    shunts: int
    wedge_hu: float


def mixed(score: float, correlation: float, rng: np.random.Generator) -> float:
    """A standard normal value with a given correlation to another one."""
    return float(correlation * score + np.sqrt(1 - correlation**2) * rng.standard_normal())


def ranks(rng: np.random.Generator, score: float, loadings: Mapping[str, float]) -> dict[str, float]:
    """Of each look its share of all tumours that have less of it, 0 to 1.

    Args:
        rng: drawn from; as often whatever the score.
        score: of the tumour; standard normal over all tumours.
        loadings: correlation of each look, before it is brought to its range, with the score.
    """
    return {name: float(ndtr(mixed(score, loading, rng))) for name, loading in loadings.items()}
