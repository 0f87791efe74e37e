"""Phantoms for the recipe tace-response: a liver before TACE with one to three tumours, and the patient's response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.cohort import Phantoms, Row
from HCCAssistLib.phantoms.liver.implant import Background
from HCCAssistLib.phantoms.liver.scene import SCANNERS, FieldOfView
from HCCAssistLib.phantoms.liver.storage import Storage, draw_storage
from HCCAssistLib.phantoms.liver.storage import stored as stored_as
from HCCAssistLib.phantoms.tace.looks import Looks
from HCCAssistLib.phantoms.tace.region import SEMI_MM, Region, grid_around
from HCCAssistLib.phantoms.tace.scores import STRENGTH, Scores, response_of
from HCCAssistLib.phantoms.tace.truth import NOTE, Place, TACEPhantom, TumourTruth
from HCCAssistLib.phantoms.tace.tumour import PlantedTumour, draw_shape, plant

TIME_POINT, RESPONSE = "pre", "response"
SPLIT = (562.0, 89.0, 138.0)
"""The paper's cohorts."""

SLICE_MM: Mapping[str, tuple[float, ...]] = {"internal": (1.0, 1.0, 1.0, 1.0, 2.5), "external": (1.25, 2.5, 3.0)}
PIXEL_MM = {"internal": (1.0, 1.1), "external": (1.15, 1.3)}
"""Of the part of a liver; coarser than those of a whole scan, so that a case is made in a second."""

OBLIQUE, OBLONG = 0.1, 0.1
"""Shares of the cases with slices out of the patient's axes, and with pixels that are not square."""

DIAMETER_MM = (40.0, 0.55)
"""Median and spread (of the logarithm) of the longest axis."""

LIMITS_MM = (10.0, 120.0)
GAP_MM = 6.0
COUNTS = {1: 0.5, 2: 0.3, 3: 0.2}
"""Share of the patients with so many tumours."""

TARGETS = 2
"""So many tumours, the largest ones, are targets by mRECIST."""


def make_case(
    seed: int | Sequence[int],
    response: str,
    *,
    strength: float = STRENGTH,
    scanner: str = "internal",
    storage: Storage | None = None,
    oblique: bool | None = None,
) -> TACEPhantom:
    """A synthetic case.

    Args:
        seed: one or several numbers.
        response: of the patient: ``"CR"``, ``"PR"``, ``"SD"`` or ``"PD"``.
        strength: how far the tumours tell of the response, 0 to 1; with 0 a case is the same whatever the response.
        scanner: one of ``SCANNERS``.
        storage: order of the voxels; drawn from the seed by default.
        oblique: whether the slices are turned out of the patient's axes; drawn from the seed by default.

    Raises:
        InputError: another response, or a strength outside 0 to 1.

    Example:
        >>> from HCCAssistLib.phantoms.tace.cases import make_case
        >>> case = make_case(1, "PR")
        >>> case.response, int(case.labels.array.max()) == len(case.tumours)
        ('PR', True)
    """
    numbers = (seed,) if isinstance(seed, int) else tuple(int(n) for n in seed)
    streams = np.random.SeedSequence(numbers).spawn(6)
    patient, place, disease, layout, noise, told = (np.random.Generator(np.random.SFC64(s)) for s in streams)
    region = Region.draw(patient, SCANNERS[scanner])
    sizes, centers = place_tumours(place, int(place.choice(list(COUNTS), p=list(COUNTS.values()))))
    shapes = [draw_shape(place, size, center) for size, center in zip(sizes, centers, strict=True)]
    scores = Scores.draw(told, response, len(sizes), strength)
    tumours = [
        plant(disease, Looks.draw(disease, score, size), shape, region)
        for score, size, shape in zip(scores.tumours, sizes, shapes, strict=True)
    ]
    spacing, directions, turned = draw_layout(layout, scanner, oblique)
    grid = grid_around(centers, [shape.reach for shape in shapes], spacing, directions)
    order = storage or draw_storage(layout)
    canvas = region.canvas(grid)
    masks = {name: np.zeros(grid.shape, dtype=np.uint8) for name in ("tumours", "necrosis")}
    for number, tumour in enumerate(tumours, 1):
        if (painted := tumour.paint(canvas, region)) is not None:
            masks["tumours"][painted.slices][painted.inside] = number
            masks["necrosis"][painted.slices][painted.necrotic] = 1
    labels, necrosis = (
        replace(stored_as(Image(mask, grid, name), order), history=(NOTE,)) for name, mask in masks.items()
    )
    return TACEPhantom(
        arterial=stored_as(region.develop(noise, canvas), order),
        labels=labels,
        necrosis=necrosis,
        response=response,
        scores=scores,
        tumours=_truth(tumours, scores),
        patient={
            name: round(getattr(region, name), 2)
            for name in ("liver_hu", "portal_hu", "hepatic_hu", "artery_hu", "noise_hu", "blur_mm", "streak_hu")
        },
        turned_degrees=round(turned, 2),
        scanner=scanner,
        seed=numbers,
    )


def place_tumours(rng: np.random.Generator, count: int) -> tuple[list[float], list[npt.NDArray[np.float64]]]:
    """Diameters and LPS centres of tumours that do not touch, the largest first, all within the liver.

    Raises:
        InputError: there is no room for so many.
    """
    median, spread = DIAMETER_MM
    drawn = np.sort(np.clip(rng.lognormal(np.log(median), spread, count), *LIMITS_MM))[::-1]
    sizes: list[float] = []
    centers: list[npt.NDArray[np.float64]] = []
    for size in drawn.tolist():
        size = min([size, *sizes[-1:]])  # the one before may have been made smaller
        for attempt in range(400):
            if attempt and attempt % 40 == 0:
                size = max(0.85 * size, LIMITS_MM[0])  # a crowded liver holds smaller ones
            room = SEMI_MM - 0.55 * size - 2
            center = rng.uniform(-1, 1, 3) * room
            apart = [
                np.linalg.norm(center - other) - 0.55 * (size + wide)
                for wide, other in zip(sizes, centers, strict=True)
            ]
            if np.linalg.norm(center / room) < 1 and min(apart, default=np.inf) > GAP_MM:
                sizes.append(size)
                centers.append(center)
                break
        else:
            raise InputError(f"there is no room for {count} tumours", remedy="ask for 6 or fewer")
    return sizes, centers


def draw_layout(
    rng: np.random.Generator, scanner: str, oblique: bool | None
) -> tuple[tuple[float, float, float], npt.NDArray[np.float64], float]:
    """Spacing (mm along i, j and k), directions (as columns) of a volume, and by how many degrees they are turned."""
    slice_mm, pixel = float(rng.choice(SLICE_MM[scanner])), round(float(rng.uniform(*PIXEL_MM[scanner])), 4)
    tall = round(1.25 * pixel, 4) if rng.random() < OBLONG else pixel
    turn, tip = np.radians(rng.uniform((4, 4), (15, 12)) * rng.choice((-1, 1), 2))
    chance = bool(rng.random() < OBLIQUE)
    if not (chance if oblique is None else oblique):
        return (pixel, tall, slice_mm), np.eye(3), 0.0
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tip), -np.sin(tip)], [0, np.sin(tip), np.cos(tip)]])
    directions = about_z @ about_x
    turned = float(np.degrees(np.arccos((np.trace(directions) - 1) / 2)))
    return (pixel, tall, slice_mm), directions, turned


def write_case(
    folder: Path, seed: tuple[int, int], row: Row, *, background: Background | None, field: FieldOfView, scanner: str
) -> None:
    """Make a case of a cohort and write it into a new folder.

    Raises:
        InputError: a background is given.
    """
    if background is not None:
        raise InputError("these phantoms are not put into a real CT", remedy="leave out the background")
    phantom = make_case(seed, str(row[RESPONSE]), scanner=scanner)
    before = folder / TIME_POINT
    before.mkdir(parents=True)
    write_image(phantom.arterial, before / "arterial.nrrd")
    write_segments(segments_of(phantom), before / "tumour.seg.nrrd")
    write_json(folder / "truth.json", phantom.as_json())


def segments_of(phantom: TACEPhantom) -> list[Segment]:
    """A segment for each tumour, tagged whether it is a target."""
    return [
        Segment(tumour.label, mask_of(phantom, number), {"target": "yes" if tumour.target else "no"})
        for number, tumour in enumerate(phantom.tumours, 1)
    ]


def mask_of(phantom: TACEPhantom, number: int) -> Image:
    """One tumour, 1 and up, on the grid of the volume."""
    return replace(phantom.labels, array=(phantom.labels.array == number).astype(np.uint8))


def _row(seed: int, number: int) -> Row:
    return {RESPONSE: response_of(seed, number)}


def _stratum(row: Row) -> str:
    return str(row[RESPONSE])


PHANTOMS = Phantoms(prefix="tace", row=_row, stratum=_stratum, write=write_case, split=SPLIT)


def _truth(tumours: Sequence[PlantedTumour], scores: Scores) -> tuple[TumourTruth, ...]:
    return tuple(
        TumourTruth(
            label=f"tumour {number}",
            target=number <= TARGETS,
            score=score,
            center_lps=_place(tumour.middle),
            diameter_mm=round(tumour.diameter_mm, 2),
            axial_mm=round(tumour.axial_mm, 2),
            volume_ml=round(tumour.volume_ml, 3),
            viable_hu=round(tumour.viable_hu, 1),
            looks=tumour.looks,
        )
        for number, (tumour, score) in enumerate(zip(tumours, scores.tumours, strict=True), 1)
    )


def _place(point: npt.ArrayLike) -> Place:
    x, y, z = (round(float(v), 3) for v in np.asarray(point))
    return x, y, z
