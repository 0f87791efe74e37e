"""Masses of kinds that are none of the five categories, and that readers meet: to see whether they are called unlike.

Attenuations and signs are those of the literature, as far as it tells them:

* ``lipiodol``: HCC after chemoembolization that retains iodized oil. 283 HU (standard deviation 152) over the liver on
  unenhanced CT (J Vasc Interv Radiol 2013;24:1837-1844); 365 HU and more where necrosis is complete (Cardiovasc
  Intervent Radiol 1993;16:209-213). The oil stays as bright in all phases; in three of ten it fills a part alone.
* ``angiomyolipoma``: macroscopic fat, below -20 HU, beside tissue that enhances early and for long (Prasad,
  RadioGraphics 2005;25:321-331; Yang, World J Gastroenterol 2009;15:3417-3420).
* ``calcified``: a hypovascular mass with coarse calcium in its middle or in a shell (Stoupis, RadioGraphics
  1998;18:675-685); 130 HU and more is counted as calcium on CT.
* ``abscess``: pus of 0 to 30 HU within a membrane that enhances early and stays so. Around it a ring of oedema, dark in
  the arterial phase, in three of ten: the double target sign (Mortele, RadioGraphics 2004;24:937-955).
* ``ablated``: a zone of coagulation without any enhancement, denser in its middle, smooth and sharp, within a ring of
  hyperaemia in the arterial phase in most of the first months (Park, RadioGraphics 2008;28:379-390).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from HCCAssistLib.phantoms.liver_mass.patterns import Look, Looks

NO_HALO = MappingProxyType({"unenhanced": 0.0, "arterial": 0.0, "delayed": 0.0})


@dataclass(frozen=True, eq=False, slots=True)
class UnseenKind:
    """A kind of mass without a category.

    Attributes:
        median_mm: of the longest axis.
        smooth: whether its surface is.
        uneven_hu: standard deviation of the texture of its inside, lowest and highest.
        draw: the three phases of one such mass of a given size, with its pattern in words.
        halo: probability, thickness in mm (lowest and highest), and HU over the liver by phase, of a ring around it.
    """

    median_mm: float
    smooth: bool
    uneven_hu: tuple[float, float]
    draw: Callable[[np.random.Generator, float], Looks]
    halo: tuple[float, tuple[float, float], Mapping[str, tuple[float, float]]] | None = None

    def draw_halo(self, rng: np.random.Generator) -> tuple[float, Mapping[str, float]]:
        """Thickness in mm, 0 of none, and HU over the liver by phase."""
        if self.halo is None or rng.random() >= self.halo[0]:
            return 0.0, NO_HALO
        _, thick, over = self.halo
        return float(rng.uniform(*thick)), {phase: float(rng.uniform(*limits)) for phase, limits in over.items()}


def _lipiodol(rng: np.random.Generator, size: float) -> Looks:
    over = float(np.clip(rng.normal(283, 152), 100, 700))
    if rng.random() < 0.7:
        look = Look(over + 60, 0.0, 0.0, fluid=True)
        return "oil in all of it", (look, look, look)
    thick, share = rng.uniform(0.2, 0.35) * size, rng.uniform(0.5, 0.9)
    look = Look(rng.uniform(25, 50), over + 60, thick, share, fluid=True, rim_fluid=True)
    return "oil in a part, the rest necrotic", (look, look, look)


def _angiomyolipoma(rng: np.random.Generator, size: float) -> Looks:
    fat, thick, share = rng.uniform(-100, -25), rng.uniform(0.12, 0.3) * size, rng.uniform(0.5, 0.9)
    rims = (rng.uniform(-25, -5), rng.uniform(20, 60), rng.uniform(-5, 20))
    first, second, third = (Look(fat, rim, thick, share, fluid=True) for rim in rims)
    return "fat beside tissue that enhances", (first, second, third)


def _calcified(rng: np.random.Generator, size: float) -> Looks:
    calcium = rng.uniform(130, 500)
    tissue = (rng.uniform(-20, -3), rng.uniform(-25, 0), rng.uniform(-25, 0))
    if rng.random() < 0.5:
        thick = rng.uniform(0.25, 0.38) * size
        first, second, third = (Look(calcium, over, thick, fluid=True) for over in tissue)
        return "calcium in the middle", (first, second, third)
    thick, share = rng.uniform(0.08, 0.16) * size, rng.uniform(0.4, 0.9)
    first, second, third = (Look(over, calcium, thick, share, rim_fluid=True) for over in tissue)
    return "calcium in a shell", (first, second, third)


def _abscess(rng: np.random.Generator, size: float) -> Looks:
    pus, thick = rng.uniform(0, 30), float(np.clip(rng.uniform(0.08, 0.2) * size, 1.5, 8.0))
    rims = (rng.uniform(-10, 0), rng.uniform(25, 60), rng.uniform(5, 25))
    first, second, third = (Look(pus, rim, thick, fluid=True) for rim in rims)
    return "pus within a membrane", (first, second, third)


def _ablated(rng: np.random.Generator, size: float) -> Looks:
    zone = rng.uniform(30, 55)
    look = Look(zone + rng.uniform(8, 30), zone, rng.uniform(0.15, 0.3) * size, fluid=True, rim_fluid=True)
    return "coagulated", (look, look, look)


_OEDEMA = {"unenhanced": (-10.0, 0.0), "arterial": (-30.0, -10.0), "delayed": (-5.0, 8.0)}
_HYPERAEMIA = {"unenhanced": (0.0, 0.0), "arterial": (10.0, 35.0), "delayed": (0.0, 8.0)}

UNSEEN: Mapping[str, UnseenKind] = MappingProxyType(
    {
        "lipiodol": UnseenKind(27.0, False, (10.0, 60.0), _lipiodol),
        "angiomyolipoma": UnseenKind(30.0, True, (4.0, 15.0), _angiomyolipoma),
        "calcified": UnseenKind(25.0, False, (3.0, 15.0), _calcified),
        "abscess": UnseenKind(28.0, False, (1.0, 5.0), _abscess, (0.3, (4.0, 8.0), _OEDEMA)),
        "ablated": UnseenKind(34.0, True, (1.0, 5.0), _ablated, (0.7, (3.0, 8.0), _HYPERAEMIA)),
    }
)
"""By name."""
