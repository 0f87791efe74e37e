"""Phantoms for the recipe ltp: a liver after ablation in the late arterial phase, with or without progression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.canvas import Canvas, edge
from HCCAssistLib.phantoms.confounders import Confounder, paint_confounder, place_confounders
from HCCAssistLib.phantoms.disease import AblationZone, Nodule, place_nodules, place_zones
from HCCAssistLib.phantoms.implant import Background
from HCCAssistLib.phantoms.scene import FieldOfView, draw_scene
from HCCAssistLib.phantoms.storage import AXIAL, Storage, draw_storage, stored

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
        voxels: voxels it holds in the stored volume.
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
        background: name of the real CT the lesions were put into, empty for a drawn patient.
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

    def truth(self) -> dict[str, Any]:
        """The content of truth.json."""
        from dataclasses import asdict

        return {
            "note": NOTE,
            "seed": list(self.seed),
            "background": self.background,
            "noise_hu": self.noise_hu,
            "lesions": [asdict(lesion) for lesion in self.lesions],
            "ablation_zones": [asdict(zone) for zone in self.zones],
            "confounders": [asdict(item) for item in self.confounders],
        }


def make_case(
    seed: int | Sequence[int],
    *,
    has_ltp: bool,
    background: Background | None = None,
    field: FieldOfView = "abdomen",
    storage: Storage | None = None,
) -> LTPPhantom:
    """A synthetic case; the same seed with and without progression differs at the nodules only.

    Args:
        seed: one or several numbers.
        has_ltp: whether there is local tumour progression.
        background: a real CT to put the lesions into instead of a drawn patient.
        field: the whole abdomen, or cut to the liver; without effect on a background.
        storage: order of the voxels; drawn from the seed by default, that of the background with one.
    """
    numbers = (seed,) if isinstance(seed, int) else tuple(int(n) for n in seed)
    streams = np.random.SeedSequence(numbers).spawn(6)
    anatomy, disease, decoys, tumour, noise, reader = (np.random.Generator(np.random.SFC64(s)) for s in streams)
    scene = background.scene() if background else draw_scene(anatomy, field)
    canvas = scene.canvas
    zones = place_zones(disease, scene.region)
    confounders = place_confounders(decoys, scene.region, zones)
    nodules: tuple[Nodule, ...] = ()
    if has_ltp:
        avoid = [(c.center, c.size_mm / 2) for c in confounders if c.kind != "benign rim"]
        nodules = place_nodules(tumour, scene.region, zones, avoid)
    for item in confounders:
        if item.kind != "vessel at the zone's margin":
            paint_confounder(canvas, item, scene.liver_hu(item.center))
    for zone in zones:
        zone.paint(canvas, scene.liver_hu(zone.lump.center))
    for item in confounders:
        if item.kind == "vessel at the zone's margin":
            paint_confounder(canvas, item, scene.liver_hu(item.center))
    for nodule in nodules:
        nodule.paint(canvas, scene.liver_hu(nodule.lump.center))
    labels = _labels(canvas, [(n.lump.patch(canvas), n.depth) for n in nodules], scene.mask)
    ablated = _labels(canvas, [(z.lump.patch(canvas), z.lump.depth) for z in zones], scene.mask) > 0
    ablated &= labels == 0
    if storage is None:
        storage = AXIAL if background else draw_storage(reader)
    name = "phantom"

    def image(array: npt.NDArray[Any], what: str) -> Image:
        return stored(Image(array, canvas.geometry, name, (what,)), storage)

    lesions = tuple(
        LesionTruth(
            center_lps=_place(nodule.lump.center),
            point_lps=_place(_click(reader, nodule)),
            diameter_mm=nodule.diameter_mm,
            contrast_hu=nodule.contrast_hu,
            liver_hu=scene.liver_hu(nodule.lump.center),
            pattern=nodule.pattern,
            zone=zones.index(nodule.zone),
            voxels=int(np.count_nonzero(labels == number)),
        )
        for number, nodule in enumerate(nodules, start=1)
    )
    return LTPPhantom(
        image=image(scene.develop(noise), NOTE),
        liver=image(scene.mask.astype(np.uint8), "liver"),
        ablation=image(ablated.astype(np.uint8), "ablation zones"),
        lesion_labels=image(labels, "planted nodules"),
        lesions=lesions,
        zones=tuple(_zone_truth(zone) for zone in zones),
        confounders=tuple(_confounder_truth(item) for item in confounders),
        noise_hu=scene.noise_hu,
        seed=numbers,
        background=(background.image.name or "real CT") if background else "",
    )


def _labels(canvas: Canvas, shapes: list[Any], limit: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Number of the shape that fills most of a voxel, 0 for none."""
    labels = np.zeros(canvas.geometry.shape, dtype=np.uint8)
    for number, (patch, depth) in enumerate(shapes, start=1):
        if patch is not None:
            filled = (patch.average(edge(depth(patch), 0.1)) > 0.5) & limit[patch.slices]
            labels[patch.slices][filled] = number
    return labels


def _click(rng: np.random.Generator, nodule: Nodule) -> npt.NDArray[np.float64]:
    """Where a reader sets the point: within a millimetre or two of the centre, inside the nodule."""
    center = nodule.lump.center
    for _ in range(10):
        point = center + rng.normal(0, 0.06 * nodule.diameter_mm, 3)
        if nodule.lump.depth_at(point) > 0.6 and nodule.bite_mm - nodule.zone.lump.depth_at(point) > 0.3:
            return np.asarray(point, dtype=np.float64)
    return center


def _place(point: npt.ArrayLike) -> Place:
    x, y, z = (round(float(v), 3) for v in np.asarray(point))
    return x, y, z


def _zone_truth(zone: AblationZone) -> ZoneTruth:
    return ZoneTruth(
        center_lps=_place(zone.lump.center),
        axes_mm=_place(2 * zone.lump.semi_axes),
        hu=zone.hu,
        coagulum=zone.coagulum_hu is not None,
        gas=zone.gas,
        benign_rim=zone.rim_mm > 0,
    )


def _confounder_truth(item: Confounder) -> ConfounderTruth:
    return ConfounderTruth(item.kind, _place(item.center), float(item.size_mm), float(item.contrast_hu))
