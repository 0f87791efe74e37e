"""How the tumour looks before and the zone after the ablation, and how far each look tells of its score.

Sizes, mean signals and the size of the zone are drawn apart from the scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from HCCAssistLib.phantoms.liver.tumour_looks import ranks

TUMOUR_LOADINGS: Mapping[str, float] = MappingProxyType(
    {"rim": 0.85, "texture": 0.85, "blur_mm": 0.82, "corona": 0.85, "satellites": 0.8}
)
ZONE_LOADINGS: Mapping[str, float] = MappingProxyType({"margin_mm": -0.88, "nodule_mm": 0.88, "uneven": 0.85})
"""Correlation of each look, before it is brought to its range, with the score."""

MARGIN_MM = (-3.0, 8.0)
"""Smallest margin that is wanted, of the worst and the best zone."""

FREE_OF_NODULE, NODULE_MM = 0.45, (4.0, 9.0)
"""Share of the zones without enhancing tissue at the edge; smallest and largest radius of it."""

UNEVEN = (0.01, 0.22)
"""Least and most of what still takes up contrast in a zone, in patches without a mean of their own."""

SATELLITES = 4
BLUR_MM = (1.2, 7.0)


@dataclass(frozen=True, slots=True)
class TumourLooks:
    """Signals are shares of the liver's in the phase.

    Attributes:
        rim: how far the shell outshines the core in the arterial phase.
        texture: standard deviation of the arterial texture.
        blur_mm: width of the border.
        corona: arterial signal of the liver around it.
        satellites: small nodules beside it.
        unenhanced, arterial, portal, delayed: mean signal over the liver.
        capsule: signal of a capsule in the delayed phase.
    """

    rim: float
    texture: float
    blur_mm: float
    corona: float
    satellites: int
    unenhanced: float
    arterial: float
    portal: float
    delayed: float
    capsule: float


@dataclass(frozen=True, slots=True)
class ZoneLooks:
    """How the ablation zone looks.

    Attributes:
        wanted_mm: smallest margin that the zone is shifted for.
        nodule_mm: radius of enhancing tissue at its edge; 0 without.
        bright: its unenhanced signal over that of the liver, as a share.
        ghost: how much darker the ablated tumour in it is, as a share of the liver's unenhanced signal.
        rim, rim_mm: arterial signal of the reactive rim over the liver, as a share, and its thickness.
        wedge: arterial signal of the liver behind it, as a share; 0 without.
        beyond_mm: how far its semi-axes exceed those of the tumour.
        uneven: standard deviation of what still takes up contrast inside it, as a share of the liver's unenhanced
            signal.
    """

    wanted_mm: float
    nodule_mm: float
    bright: float
    ghost: float
    rim: float
    rim_mm: float
    wedge: float
    beyond_mm: float
    uneven: float


def draw_tumour_looks(rng: np.random.Generator, score: float) -> TumourLooks:
    """A tumour of a given score."""
    rank = ranks(rng, score, TUMOUR_LOADINGS)
    return TumourLooks(
        rim=-0.05 + 0.60 * rank["rim"],
        texture=0.02 + 0.22 * rank["texture"],
        blur_mm=BLUR_MM[0] + (BLUR_MM[1] - BLUR_MM[0]) * rank["blur_mm"],
        corona=0.45 * max(0.0, rank["corona"] - 0.25),
        satellites=round(SATELLITES * max(0.0, rank["satellites"] - 0.3) / 0.7),
        unenhanced=float(-rng.uniform(0.12, 0.30)),
        arterial=float(rng.uniform(0.25, 0.60)),
        portal=float(-rng.uniform(0.02, 0.18)),
        delayed=float(-rng.uniform(0.12, 0.30)),
        capsule=float(rng.uniform(0.0, 0.25)),
    )


def draw_zone_looks(rng: np.random.Generator, score: float) -> ZoneLooks:
    """A zone of a given score."""
    rank = ranks(rng, score, ZONE_LOADINGS)
    grown = max(0.0, rank["nodule_mm"] - FREE_OF_NODULE) / (1 - FREE_OF_NODULE)
    return ZoneLooks(
        wanted_mm=MARGIN_MM[0] + (MARGIN_MM[1] - MARGIN_MM[0]) * rank["margin_mm"],
        nodule_mm=NODULE_MM[0] + (NODULE_MM[1] - NODULE_MM[0]) * grown if grown else 0.0,
        bright=float(rng.uniform(0.10, 0.45)),
        ghost=float(rng.uniform(0.30, 0.50)),
        rim=float(rng.uniform(0.10, 0.40)),
        rim_mm=float(rng.uniform(2.0, 4.0)),
        wedge=float(rng.uniform(0.15, 0.35)) if rng.random() < 0.35 else 0.0,
        beyond_mm=float(rng.uniform(10.5, 13.5)),
        uneven=UNEVEN[0] + (UNEVEN[1] - UNEVEN[0]) * rank["uneven"],
    )
