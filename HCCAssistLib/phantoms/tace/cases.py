"""Phantoms for the recipe tace-response: a liver before TACE with one to three tumours, and the patient's response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.cohort import Phantoms, Row
from HCCAssistLib.phantoms.liver.arterial_region import Region, grid_around
from HCCAssistLib.phantoms.liver.arterial_scan import take_scan
from HCCAssistLib.phantoms.liver.arterial_tumour import draw_shape, plant
from HCCAssistLib.phantoms.liver.implant import Background
from HCCAssistLib.phantoms.liver.layout import draw_layout
from HCCAssistLib.phantoms.liver.placement import place_tumours
from HCCAssistLib.phantoms.liver.scene import SCANNERS, FieldOfView
from HCCAssistLib.phantoms.liver.storage import Storage, draw_storage
from HCCAssistLib.phantoms.liver.tumour_truth import truth_of
from HCCAssistLib.phantoms.tace.looks import draw_looks
from HCCAssistLib.phantoms.tace.scores import STRENGTH, Scores, response_of
from HCCAssistLib.phantoms.tace.truth import TACEPhantom

TIME_POINT, RESPONSE = "pre", "response"
SPLIT = (562.0, 89.0, 138.0)
"""The paper's cohorts."""

SLICE_MM: Mapping[str, tuple[float, ...]] = {"internal": (1.0, 1.0, 1.0, 1.0, 2.5), "external": (1.25, 2.5, 3.0)}
PIXEL_MM = {"internal": (1.0, 1.1), "external": (1.15, 1.3)}
"""Of the part of a liver; coarser than those of a whole scan, so that a case is made in a second."""

DIAMETER_MM = (40.0, 0.55)
"""Median and spread (of the logarithm) of the longest axis."""

LIMITS_MM = (10.0, 120.0)
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
    count = int(place.choice(list(COUNTS), p=list(COUNTS.values())))
    sizes, centers = place_tumours(place, count, DIAMETER_MM, LIMITS_MM)
    shapes = [draw_shape(place, size, center) for size, center in zip(sizes, centers, strict=True)]
    scores = Scores.draw(told, response, len(sizes), strength)
    tumours = [
        plant(disease, draw_looks(disease, score, size), shape, region)
        for score, size, shape in zip(scores.tumours, sizes, shapes, strict=True)
    ]
    spacing, directions, turned = draw_layout(layout, SLICE_MM[scanner], PIXEL_MM[scanner], oblique)
    grid = grid_around(centers, [shape.reach for shape in shapes], spacing, directions)
    order = storage or draw_storage(layout)
    scan = take_scan(noise, region, tumours, grid, order)
    return TACEPhantom(
        arterial=scan.arterial,
        labels=scan.labels,
        necrosis=scan.necrosis,
        response=response,
        scores=scores,
        tumours=tuple(
            truth_of(tumour, number, target=number <= TARGETS, score=score)
            for number, (tumour, score) in enumerate(zip(tumours, scores.tumours, strict=True), 1)
        ),
        patient=region.facts(),
        turned_degrees=round(turned, 2),
        scanner=scanner,
        seed=numbers,
    )


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
    write_image(phantom.arterial, before / "arterial.nrrd", packed=False)
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
