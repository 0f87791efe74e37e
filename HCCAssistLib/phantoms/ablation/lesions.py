"""The tumours of a patient before the ablation, the zones after it, and how both are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.phantoms.ablation.looks import TumourLooks, ZoneLooks
from HCCAssistLib.phantoms.ablation.patient import HOLLOW, HOLLOW_MM, RIGHT, RIGHT_MM, SIGNALS
from HCCAssistLib.phantoms.ablation.true_margin import TrueMargin, shift_for, true_margin
from HCCAssistLib.phantoms.liver.arterial_tumour import draw_shape
from HCCAssistLib.phantoms.liver.canvas import Canvas, capsule, edge
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid
from HCCAssistLib.phantoms.liver.texture import Waves
from HCCAssistLib.phantoms.liver.vessels import Tube

GAP_MM = 14.0
"""Between two tumours, so that their zones do not touch."""

TRIES = 2000

LEVEL = 0.3
"""Factor of the head-foot part of the way that a zone is shifted, and of the way to living tissue at its edge: a few
axial slices through the middle are all that the method looks at, and what tells shall lie in them."""

SECOND_MM = 6.0
"""Margin of the zone of any tumour but the largest."""

TEXTURE_OF: Mapping[str, float] = {"unenhanced": 0.3, "arterial": 1.0, "portal": 0.5, "delayed": 0.5}
RIM_OF: Mapping[str, float] = {"unenhanced": 0.0, "arterial": 1.0, "portal": 0.6, "delayed": 0.4}
NODULE_OF: Mapping[str, float] = {"unenhanced": -0.18, "arterial": 0.75, "portal": 0.05, "delayed": -0.12}
"""How much of the arterial texture, and of the rim and what is uneven in a zone, each phase shows, and the signal of
living tumour over the liver's."""


@dataclass(frozen=True, eq=False, slots=True)
class Lesions:
    """Of one patient, in the own frame.

    Attributes:
        tumours: surfaces, the largest first.
        zones: of each tumour; that of the largest is shifted for its margin.
        looks, zone_looks: of the largest and of its zone; the others look alike.
        texture: random field of the tumours.
        patches: random field of the rims.
        satellites: middle and radius of small nodules beside the largest tumour.
        margin: of the largest tumour.
        nodule: middle of the enhancing tissue at the edge of its zone.
        tract: of the needle.
        wedge: where the liver behind the zone is bright.
    """

    tumours: tuple[IrregularEllipsoid, ...]
    zones: tuple[IrregularEllipsoid, ...]
    looks: TumourLooks
    zone_looks: ZoneLooks
    texture: Waves
    patches: Waves
    satellites: tuple[tuple[FloatArray, float], ...]
    margin: TrueMargin
    nodule: FloatArray
    tract: Tube
    wedge: Tube

    @classmethod
    def draw(
        cls, rng: np.random.Generator, size_mm: float, number: int, looks: TumourLooks, zone_looks: ZoneLooks
    ) -> Lesions:
        """Lesions of a patient, placed where their zones do not leave the right lobe.

        Args:
            rng: drawn from.
            size_mm: longest axis of the largest tumour.
            number: of tumours.
            looks: of the tumours.
            zone_looks: of the zones.
        """
        sizes = [size_mm, *(float(np.clip(size_mm * rng.uniform(0.4, 0.7), 8.0, 16.0)) for _ in range(number - 1))]
        tumours: list[IrregularEllipsoid] = []
        for size in sizes:
            room = RIGHT_MM - size / 2 - (23 if not tumours else 10)
            center = _free_place(rng, room, size, tumours)
            tumours.append(_lumpy(draw_shape(rng, size, center)))
        way = _level(_unit(rng))
        grown = [zone_looks.beyond_mm, *[SECOND_MM] * (number - 1)]
        zones = [_lumpy(_zone_around(rng, tumour, mm)) for tumour, mm in zip(tumours, grown, strict=True)]
        shift = shift_for(tumours[0], zones[0], way, zone_looks.wanted_mm)
        zones[0] = _shifted(zones[0], shift * way)
        margin = true_margin(tumours[0], zones[0])
        first, zone = tumours[0], zones[0]
        worst = np.array(margin.smallest_at) - zone.center
        nodule = zone.margin_point(_level(worst))
        entry, behind = _unit(rng), _unit(rng)
        return cls(
            tumours=tuple(tumours),
            zones=tuple(zones),
            looks=looks,
            zone_looks=zone_looks,
            texture=Waves(rng, max(7.0, 0.3 * size_mm), count=8),
            patches=Waves(rng, 16.0),
            satellites=tuple(_satellite(rng, first) for _ in range(looks.satellites)),
            margin=margin,
            nodule=nodule,
            tract=Tube(zone.center, zone.center + 60 * (entry - (1 + entry[0]) * np.array([0.6, 0, 0])), 1.8, 1.4),
            wedge=Tube(zone.center, zone.center + (zone.radius + 26) * behind, 0.35 * zone.radius, 0.7 * zone.radius),
        )

    def draw_before(self, canvas: Canvas, phase: str) -> None:
        """Tumours with corona and satellites."""
        liver, looks = SIGNALS[phase]["liver"], self.looks
        if phase == "arterial" and looks.corona:
            self._halo(canvas, self.tumours[0], 0.0, 7.0, looks.corona * liver, 3.5)
        for middle, radius in self.satellites:
            _ball(canvas, middle, radius, (1 + NODULE_OF[phase]) * liver)
        for tumour in self.tumours:
            patch = tumour.patch(canvas, looks.blur_mm + 1)
            if patch is None:
                continue
            depth = tumour.depth(patch)
            inside = depth > 0
            if not inside.any():  # only its border reaches into the volume
                continue
            shell = edge(np.float32(0.36 * tumour.radius) - depth, 2.0)
            level = np.full(patch.shape, 1 + getattr(looks, phase), dtype=np.float32)
            uneven = self.texture.on(patch)
            # both without a mean of their own: the mean signal of a tumour tells nothing
            level += np.float32(TEXTURE_OF[phase] * looks.texture) * (uneven - uneven[inside].mean())
            if phase == "arterial":
                level += np.float32(looks.rim) * (shell - shell[inside].mean())
            if phase in ("portal", "delayed"):
                level += np.float32(looks.capsule) * edge(np.float32(1.8) - np.abs(depth), 1.5)
            canvas.paint(patch, edge(depth, looks.blur_mm), level * np.float32(liver))

    def draw_after(self, canvas: Canvas, phase: str) -> None:
        """Zones with reactive rim, what is left of the tumours, the tract of the needle, and the wedge behind."""
        liver, plain, looks = SIGNALS[phase]["liver"], SIGNALS["unenhanced"]["liver"], self.zone_looks
        outside = replace(self, tumours=self.tumours[:1])  # what lies beyond the zone is drawn first, the zone over it
        outside.draw_before(canvas, phase)
        if looks.wedge and phase == "arterial":
            patch = canvas.patch([self.wedge.start, self.wedge.end], self.wedge.radius_end + 4)
            if patch is not None:
                one = self.wedge
                depth = capsule(patch, one.start, one.end, one.radius_start, one.radius_end)
                canvas.add(patch, edge(depth, 5.0), looks.wedge * liver)
        if looks.nodule_mm:
            _ball(canvas, self.nodule, looks.nodule_mm, (1 + NODULE_OF[phase]) * liver)
        for zone, tumour in zip(self.zones, self.tumours, strict=True):
            self._halo(canvas, zone, looks.rim_mm, 2.0, RIM_OF[phase] * looks.rim * liver, 1.5)
            patch = zone.patch(canvas, 3.0)
            if patch is None:
                continue
            dead = np.full(patch.shape, 1 + looks.bright, dtype=np.float32)
            dead -= np.float32(looks.ghost) * edge(tumour.depth(patch), 2.0)
            depth, uneven = zone.depth(patch), self.texture.on(patch)
            if (depth > 0).any():  # no mean of its own: the mean signal of a zone tells nothing
                uneven -= uneven[depth > 0].mean()
            dead += np.float32(0.05 + RIM_OF[phase] * looks.uneven) * uneven
            canvas.paint(patch, edge(depth, 1.5), dead * np.float32(plain))
        patch = canvas.patch([self.tract.start, self.tract.end], 4)
        if patch is not None:
            thread = capsule(patch, self.tract.start, self.tract.end, self.tract.radius_start, self.tract.radius_end)
            canvas.paint(patch, np.float32(0.7) * edge(thread, 2.0), 1.1 * plain)

    def _halo(
        self, canvas: Canvas, shape: IrregularEllipsoid, sharp_mm: float, soft_mm: float, contrast: float, width: float
    ) -> None:
        """A patchy bright layer outside a surface: full for ``sharp_mm``, then falling, fading over ``width`` mm."""
        patch = shape.patch(canvas, sharp_mm + 2 * soft_mm + 1)
        if patch is None or not contrast:
            return
        away = -shape.depth(patch) - np.float32(sharp_mm)
        falls = np.exp(-np.maximum(away, 0) / np.float32(soft_mm)) * edge(np.float32(2 * soft_mm) - away, width)
        canvas.add(patch, falls * (1 + np.float32(0.3) * self.patches.on(patch)), contrast)


def _free_place(
    rng: np.random.Generator, room: FloatArray, size: float, others: list[IrregularEllipsoid]
) -> FloatArray:
    for tight in np.linspace(0, 1, TRIES):  # a crowded liver holds them closer together, and closer to its lower side
        offset = rng.uniform(-1, 1, 3) * room
        center = RIGHT + offset
        apart = [float(np.linalg.norm(center - one.center)) - one.reach - size / 2 for one in others]
        under = float(np.linalg.norm((center - HOLLOW) / (HOLLOW_MM + RIGHT_MM - room)))
        if (
            np.linalg.norm(offset / room) < 1
            and under > 1 - 0.6 * tight
            and min(apart, default=99) > GAP_MM - 11 * tight
        ):
            return center
    raise InputError("there is no room for so many tumours", remedy="take another seed")


def _zone_around(rng: np.random.Generator, tumour: IrregularEllipsoid, beyond_mm: float) -> IrregularEllipsoid:
    own = draw_shape(rng, 2 * tumour.radius, tumour.center)
    return replace(own, axes=tumour.axes, semi_axes=tumour.semi_axes + beyond_mm, bump_mm=0.6 * own.bump_mm)


def _lumpy(shape: IrregularEllipsoid) -> IrregularEllipsoid:
    return replace(shape, bump_mm=1.3 * shape.bump_mm)


def _shifted(shape: IrregularEllipsoid, by: FloatArray) -> IrregularEllipsoid:
    bumps = copy(shape.bumps)  # they are a field in space, which has to come along
    bumps.phases = bumps.phases - bumps.vectors @ by
    return replace(shape, center=shape.center + by, bumps=bumps)


def _satellite(rng: np.random.Generator, tumour: IrregularEllipsoid) -> tuple[FloatArray, float]:
    way, radius = _unit(rng), float(rng.uniform(2.5, 4.0))
    return tumour.margin_point(way) + (radius + rng.uniform(2.0, 8.0)) * way, radius


def _ball(canvas: Canvas, middle: FloatArray, radius: float, value: float) -> None:
    patch = canvas.patch(middle, radius + 2)
    if patch is not None:
        canvas.paint(patch, edge(np.float32(radius) - np.sqrt(patch.squared_distance(middle)), 1.5), value)


def _level(way: FloatArray) -> FloatArray:
    """The direction, turned towards the axial plane."""
    flat = way * (1.0, 1.0, LEVEL)
    return np.asarray(flat / np.linalg.norm(flat))


def _unit(rng: np.random.Generator) -> FloatArray:
    way = rng.standard_normal(3)
    return np.asarray(way / np.linalg.norm(way))
