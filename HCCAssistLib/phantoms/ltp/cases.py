"""Phantoms for the recipe ltp: livers after ablation in the late arterial phase, with or without progression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.cohort import Phantoms, Row
from HCCAssistLib.phantoms.liver.canvas import Canvas, edge
from HCCAssistLib.phantoms.liver.implant import Background
from HCCAssistLib.phantoms.liver.scene import SCANNERS, FieldOfView, draw_scene
from HCCAssistLib.phantoms.liver.storage import AXIAL, Storage, draw_storage
from HCCAssistLib.phantoms.liver.storage import stored as stored_as
from HCCAssistLib.phantoms.ltp.confounders import Confounder, paint_confounder, place_confounders
from HCCAssistLib.phantoms.ltp.disease import AblationZone, Nodule, place_nodules, place_zones
from HCCAssistLib.phantoms.ltp.truth import NOTE, ConfounderTruth, LesionTruth, LTPPhantom, Place, ZoneTruth
from HCCAssistLib.recipes.ltp.recipe import LABEL, LTP, TIME_POINT

LTP_FRACTION = 34 / 74
"""Patients with progression among all of Lim 2023."""

ON_THE_ZONE = "vessel at the zone's margin"


def make_case(
    seed: int | Sequence[int],
    *,
    has_ltp: bool,
    background: Background | Image | None = None,
    field: FieldOfView = "abdomen",
    storage: Storage | None = None,
    scanner: str = "internal",
) -> LTPPhantom:
    """A synthetic case; the same seed with and without progression differs at the nodules only.

    Args:
        seed: one or several numbers.
        has_ltp: whether there is local tumour progression.
        background: a real CT to put the lesions into instead of a drawn patient; a ``Background`` is prepared
            once for many cases and may carry a mask of the liver.
        field: the whole abdomen, or cut to the liver; without effect on a background.
        storage: order of the voxels; drawn from the seed by default, that of the background with one.
        scanner: one of ``SCANNERS``; without effect on a background.

    Raises:
        InputError: no liver can be found in the background.
    """
    numbers = (seed,) if isinstance(seed, int) else tuple(int(n) for n in seed)
    streams = np.random.SeedSequence(numbers).spawn(7)
    anatomy, disease, decoys, tumour, noise, layout, reader = (np.random.Generator(np.random.SFC64(s)) for s in streams)
    if isinstance(background, Image):
        background = Background(background)
    scene = background.scene() if background else draw_scene(anatomy, field, SCANNERS[scanner])
    canvas, region = scene.canvas, scene.region
    zones = place_zones(disease, region, scene.liver_hu)
    confounders = place_confounders(decoys, region, zones)
    nodules: tuple[Nodule, ...] = ()
    if has_ltp:
        avoid = [(c.center, c.size_mm / 2) for c in confounders if c.kind != "benign rim"]
        smallest = max(5.0, 1.8 * float(canvas.geometry.spacing.max()))
        nodules = place_nodules(tumour, region, zones, avoid, smallest_mm=smallest)
    for item in confounders:
        if item.kind != ON_THE_ZONE:
            paint_confounder(canvas, item, scene.liver_hu(item.center))
    for zone in zones:
        zone.paint(canvas, scene.liver_hu(zone.shape.center))
    for item in confounders:
        if item.kind == ON_THE_ZONE:
            paint_confounder(canvas, item, scene.liver_hu(item.center))
    for nodule in nodules:
        nodule.paint(canvas, scene.liver_hu(nodule.shape.center))
    labels = _labels(canvas, nodules, scene.mask)
    ablated = (_labels(canvas, [zone.shape for zone in zones], scene.mask) > 0) & (labels == 0)
    storage = storage or (AXIAL if background else draw_storage(layout))

    def image(array: npt.NDArray[Any], what: str) -> Image:
        return stored_as(Image(array, canvas.geometry, what, (NOTE,)), storage)

    return LTPPhantom(
        image=image(scene.develop(noise), "phantom"),
        liver=image(scene.mask.astype(np.uint8), "liver"),
        ablation=image(ablated.astype(np.uint8), "ablation"),
        lesion_labels=image(labels, "ltp"),
        lesions=tuple(
            LesionTruth(
                center_lps=_place(nodule.shape.center),
                point_lps=_place(_click(reader, nodule, np.flatnonzero(labels == number), canvas.geometry)),
                diameter_mm=nodule.diameter_mm,
                contrast_hu=nodule.contrast_hu,
                liver_hu=scene.liver_hu(nodule.shape.center),
                pattern=nodule.pattern,
                zone=zones.index(nodule.zone),
                voxels=int(np.count_nonzero(labels == number)),
            )
            for number, nodule in enumerate(nodules, start=1)
        ),
        zones=tuple(_zone_truth(zone) for zone in zones),
        confounders=tuple(_confounder_truth(item) for item in confounders),
        noise_hu=scene.noise_hu,
        seed=numbers,
        background=background.label if background else "",
    )


def shows_ltp(seed: int, number: int) -> bool:
    """Whether a case of a cohort shows progression: the fraction of the paper, spread evenly over the cases."""
    # between 1 - 2 f and 1, so that the first two cases never agree
    start = np.random.default_rng((seed, 2023)).uniform(1 - 2 * LTP_FRACTION + 0.01, 0.99)
    return int(start + (number + 1) * LTP_FRACTION) > int(start + number * LTP_FRACTION)


def write_case(
    folder: Path, seed: tuple[int, int], row: Row, *, background: Background | None, field: FieldOfView, scanner: str
) -> None:
    """Make a case of a cohort and write it into a new folder."""
    phantom = make_case(seed, has_ltp=row[LABEL] == 1, background=background, field=field, scanner=scanner)
    post = folder / TIME_POINT
    post.mkdir(parents=True)
    write_image(phantom.image, post / "arterial.nrrd", packed=False)
    write_segments([Segment("liver", phantom.liver)], post / "liver.seg.nrrd")
    write_segments([Segment("ablation", phantom.ablation)], post / "ablation.seg.nrrd")
    if phantom.lesions:
        points = tuple(
            Point(f"LTP-{n}", lesion.point_lps, f"{lesion.diameter_mm:.0f} mm")
            for n, lesion in enumerate(phantom.lesions, start=1)
        )
        write_points(PointList("ltp", points), post / "ltp.mrk.json")
    write_json(folder / "truth.json", phantom.as_json())


def _row(seed: int, number: int) -> Row:
    return {LABEL: int(shows_ltp(seed, number))}


def _stratum(row: Row) -> str:
    return str(row[LABEL])


PHANTOMS = Phantoms(prefix="ltp", row=_row, stratum=_stratum, write=write_case, split=LTP.split)
"""About 34 of 74 cases show progression; two are enough to hold both classes."""


def _labels(canvas: Canvas, shapes: Sequence[Any], limit: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Number of the shape that fills most of a voxel, 0 for none."""
    labels = np.zeros(canvas.geometry.shape, dtype=np.uint8)
    for number, shape in enumerate(shapes, start=1):
        patch = shape.patch(canvas)
        if patch is not None:
            filled = patch.average(edge(shape.depth(patch), 0.1)) * limit[patch.slices]
            # a small nodule between two thick slices fills half of no voxel
            labels[patch.slices][filled > min(0.5, 0.7 * float(filled.max()))] = number
    return labels


def _click(
    rng: np.random.Generator, nodule: Nodule, voxels: npt.NDArray[np.intp], geometry: Geometry
) -> npt.NDArray[np.float64]:
    """Where a reader sets the point: on a slice, within a millimetre or two of the centre, inside the nodule."""
    places = np.stack(np.unravel_index(voxels, geometry.shape)[::-1], axis=1).astype(np.float64)
    distance = np.linalg.norm(geometry.to_world(places) - nodule.shape.center, axis=1)
    near = places[distance <= max(distance.min(), 0.15 * nodule.diameter_mm)]
    voxel = near[int(rng.integers(len(near)))]
    jitter = rng.uniform(-0.45, 0.45, 3)
    jitter[geometry.axial_axis] = 0
    return geometry.to_world(voxel + jitter)


def _place(point: npt.ArrayLike) -> Place:
    x, y, z = (round(float(v), 3) for v in np.asarray(point))
    return x, y, z


def _zone_truth(zone: AblationZone) -> ZoneTruth:
    return ZoneTruth(
        center_lps=_place(zone.shape.center),
        axes_mm=_place(2 * zone.shape.semi_axes),
        hu=zone.hu,
        coagulum=zone.coagulum_hu is not None,
        gas=zone.gas,
        benign_rim=zone.rim_mm > 0,
    )


def _confounder_truth(item: Confounder) -> ConfounderTruth:
    return ConfounderTruth(item.kind, _place(item.center), float(item.size_mm), float(item.contrast_hu))
