"""How masses of each category look in each phase, as contrasts over the liver.

Made so that no phase tells enough: classic HCC, hypervascular C and a small haemangioma fill alike in the arterial
phase; HCC, metastases and hypovascular C are all dark in the delayed phase. Nor do mean values: what tells a metastasis
from a hypovascular nodule, or a haemangioma from a cyst, lies at the rim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from HCCAssistLib.phantoms.liver.canvas import Canvas, Field, Patch, edge
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid
from HCCAssistLib.phantoms.liver.texture import Waves
from HCCAssistLib.recipes.liver_mass.recipe import PHASES

DIAMETER_MM = MappingProxyType(
    {"A": (27.0, 0.40), "B": (25.0, 0.40), "C-hyper": (22.0, 0.35), "C-hypo": (21.0, 0.35), "D": (24.0, 0.40)}
    | {"E": (22.0, 0.45)}
)
"""Median and spread (of the logarithm) of the longest axis: as in the paper, C smaller than the others."""

LIMITS_MM = (9.0, 46.0)


@dataclass(frozen=True, slots=True)
class Look:
    """One phase of a mass, HU over the liver around it.

    Attributes:
        core: of the inside.
        rim: of a shell under the surface; equal to the core where there is none.
        rim_mm: its thickness.
        patches: share of the rim that enhances; below 1 it is nodular with gaps.
        fluid: whether the core is given in HU, since fluid does not follow the liver.
        rim_fluid: whether the rim is, too.
    """

    core: float
    rim: float
    rim_mm: float
    patches: float = 1.0
    fluid: bool = False
    rim_fluid: bool = False

    def core_over(self, liver_hu: float) -> float:
        """Contrast of the inside over a liver of this attenuation, HU."""
        return self.core - liver_hu if self.fluid else self.core

    def rim_over(self, liver_hu: float) -> float:
        """Contrast of the rim."""
        return self.rim - liver_hu if self.rim_fluid else self.rim


@dataclass(frozen=True, eq=False, slots=True)
class PlantedMass:
    """A mass.

    Attributes:
        code: category or subtype, as in the recipe.
        pattern: in words.
        shape: its surface.
        looks: by phase.
        uneven_hu: standard deviation of the inside's texture.
        soft_mm: width of its margin.
        seed: of its texture.
        halo_mm: thickness of a ring around it; 0 of none.
        halo: HU over the liver of that ring, by phase.
    """

    code: str
    pattern: str
    shape: IrregularEllipsoid
    looks: Mapping[str, Look]
    uneven_hu: float
    soft_mm: float
    seed: int
    halo_mm: float = 0.0
    halo: Mapping[str, float] = field(default_factory=dict)

    @property
    def diameter_mm(self) -> float:
        """Its longest axis."""
        return float(2 * self.shape.semi_axes.max())

    def paint(self, canvas: Canvas, phase: str, liver_hu: float) -> None:
        """Draw one of its phases in a liver of a given attenuation."""
        patch = self.shape.patch(canvas, self.soft_mm + 1 + self.halo_mm)
        if patch is None:
            return
        depth = self.shape.depth(patch)
        if self.halo_mm:
            ring = edge(depth + self.halo_mm, self.soft_mm) * (1 - edge(depth, self.soft_mm))
            canvas.add(patch, ring, self.halo[phase])
        hu = np.float32(liver_hu) + self._contrast(patch, depth, self.looks[phase], liver_hu)
        canvas.paint(patch, edge(depth, self.soft_mm), hu)

    def _contrast(self, patch: Patch, depth: Field, look: Look, liver_hu: float) -> Field:
        rng = np.random.default_rng(self.seed)
        texture, gaps = Waves(rng, max(6.0, 0.35 * self.diameter_mm)), Waves(rng, max(8.0, 0.5 * self.diameter_mm))
        inside = look.core_over(liver_hu) + self.uneven_hu * texture.on(patch)
        if look.rim_mm == 0:
            return np.asarray(inside, dtype=np.float32)
        shell = edge(look.rim_mm - depth, 1.5)
        if look.patches < 1:
            shell = shell * edge(gaps.on(patch) - np.float32(1.3 - 2.2 * look.patches), 0.5)
        return np.asarray(inside + shell * (look.rim_over(liver_hu) - inside), dtype=np.float32)


def draw_looks(
    rng: np.random.Generator,
    code: str,
    diameter_mm: float,
    draw: Callable[[np.random.Generator, float], Looks] | None = None,
) -> tuple[str, Mapping[str, Look]]:
    """A pattern in words, and the three phases of one such mass.

    Args:
        rng: drawn from.
        code: of a category or subtype.
        diameter_mm: of the mass.
        draw: of a kind without a category.
    """
    pattern, looks = (draw or _DRAW[code])(rng, diameter_mm)
    return pattern, dict(zip(PHASES, looks, strict=True))


Looks = tuple[str, tuple[Look, Look, Look]]


def _even(hu: float) -> Look:
    return Look(hu, hu, 0.0)


def _hcc(rng: np.random.Generator, size: float) -> Looks:
    """Bright, then darker than the liver, mostly within a capsule that takes up contrast late."""
    before, arterial, delayed = rng.uniform(-16, 0), rng.uniform(2, 52), rng.uniform(-28, 3)
    thick = rng.uniform(1.5, 2.6)
    with_capsule = rng.random() < 0.75
    late = Look(delayed, rng.uniform(8, 28), thick) if with_capsule else _even(min(delayed, -10.0))
    words = "wash-in and wash-out, capsule" if with_capsule else "wash-in and wash-out"
    return words, (_even(before), _even(arterial), late)


def _malignant(rng: np.random.Generator, size: float) -> Looks:
    """A rim in the arterial phase around a dark middle, which stays dark or fills slowly."""
    before = rng.uniform(-20, -3)
    thick = rng.uniform(0.14, 0.24) * size
    if rng.random() < 0.25:
        fluid = rng.uniform(12, 40)
        rims = (rng.uniform(-12, 0), rng.uniform(22, 48), rng.uniform(-10, 10))
        first, second, third = (Look(fluid, rim, thick, fluid=True) for rim in rims)
        return "rim, necrotic middle", (first, second, third)
    arterial = Look(rng.uniform(-26, 30), rng.uniform(32, 58), thick, rng.uniform(0.7, 1.0))
    if rng.random() < 0.55:
        return "rim, dark middle", (_even(before), arterial, Look(rng.uniform(-38, -6), rng.uniform(-12, 4), thick))
    fills = Look(rng.uniform(-4, 24), rng.uniform(-26, -10), thick)
    return "rim, fills from the middle", (_even(before), arterial, fills)


def _hypervascular(rng: np.random.Generator, size: float) -> Looks:
    """Bright, and no wash-out."""
    return "wash-in without wash-out", (
        _even(rng.uniform(-13, 4)),
        _even(rng.uniform(8, 48)),
        _even(rng.uniform(-14, 12)),
    )


def _hypovascular(rng: np.random.Generator, size: float) -> Looks:
    """Darker than the liver in all phases, without a rim."""
    dark = rng.uniform(-26, -6)
    return "hypovascular", (_even(rng.uniform(-14, 2)), _even(dark), _even(dark + rng.uniform(-12, 3)))


def _haemangioma(rng: np.random.Generator, size: float) -> Looks:
    """Nodules at the rim that spread inwards, as bright as blood; small ones fill at once."""
    before, late = rng.uniform(-22, -5), rng.uniform(8, 32)
    if size < 26 and rng.random() < 0.5:
        return "fills at once", (_even(before), _even(rng.uniform(20, 60)), _even(late))
    share = rng.uniform(0.5, 0.85)
    arterial = Look(before + rng.uniform(-6, 8), rng.uniform(50, 95), rng.uniform(0.16, 0.26) * size, share)
    if rng.random() < 0.5:  # not yet filled
        partly = Look(rng.uniform(-30, -4), late + 5, rng.uniform(0.24, 0.36) * size, min(1.0, share + 0.25))
        return "nodules at the rim, middle not filled", (_even(before), arterial, partly)
    return "nodules at the rim, filled later", (_even(before), arterial, _even(late))


def _cyst(rng: np.random.Generator, size: float) -> Looks:
    """Fluid, the same in all phases, some of it thick."""
    fluid = rng.uniform(0, 16) if rng.random() < 0.5 else rng.uniform(16, 42)
    look = Look(fluid, 0.0, 0.0, fluid=True)
    return "fluid", (look, look, look)


_DRAW: Mapping[str, Callable[[np.random.Generator, float], Looks]] = {
    "A": _hcc,
    "B": _malignant,
    "C-hyper": _hypervascular,
    "C-hypo": _hypovascular,
    "D": _haemangioma,
    "E": _cyst,
}
