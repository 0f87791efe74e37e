"""Phantoms for the recipe hepatectomy-recurrence: a liver with a single tumour, and when it recurs once removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.phantoms.cohort import Phantoms, Row
from HCCAssistLib.phantoms.hepatectomy.looks import draw_looks
from HCCAssistLib.phantoms.hepatectomy.scores import STRENGTH, Scores
from HCCAssistLib.phantoms.hepatectomy.second_rater import second_segment
from HCCAssistLib.phantoms.hepatectomy.truth import HepatectomyPhantom
from HCCAssistLib.phantoms.liver.arterial_region import Region, grid_around
from HCCAssistLib.phantoms.liver.arterial_scan import stored_mask, take_scan
from HCCAssistLib.phantoms.liver.arterial_tumour import draw_shape, plant
from HCCAssistLib.phantoms.liver.implant import Background
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid
from HCCAssistLib.phantoms.liver.layout import draw_layout
from HCCAssistLib.phantoms.liver.placement import place_tumours
from HCCAssistLib.phantoms.liver.scene import SCANNERS, FieldOfView
from HCCAssistLib.phantoms.liver.storage import Storage, draw_storage
from HCCAssistLib.phantoms.liver.tumour_looks import Looks
from HCCAssistLib.phantoms.liver.tumour_truth import truth_of
from HCCAssistLib.phantoms.recurrence import stratum, wanted_early
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, HEPATECTOMY, OUTCOME, TIME_POINT, TUMOUR, VOI_SHAPE

SLICE_MM: Mapping[str, tuple[float, ...]] = {"internal": (5.0, 5.0, 5.0, 6.0, 7.0, 8.0), "external": (2.5, 3.0, 5.0)}
"""As found in the paper, and thinner ones elsewhere."""

PIXEL_MM = {"internal": (0.75, 0.95), "external": (0.9, 1.1)}

DIAMETER_MM = (46.0, 0.45)
"""Median and spread (of the logarithm) of the longest axis."""

LIMITS_MM = (20.0, 110.0)

SEEN_MM = VOI_SHAPE[2] / 2 + 2
"""To each side of the tumour, so that the volume holds what the network sees around it."""


def make_case(
    seed: int | Sequence[int],
    *,
    early: bool | None = None,
    strength: float = STRENGTH,
    scanner: str = "internal",
    storage: Storage | None = None,
    oblique: bool | None = None,
    second_rater: bool = False,
) -> HepatectomyPhantom:
    """A synthetic case.

    Args:
        seed: one or several numbers.
        early: whether the patient is one with an early recurrence, or surely without; drawn from the seed by default.
        strength: how far the tumour tells of the risk, 0 to 1; with 0 a case looks the same whatever the outcome.
        scanner: one of ``SCANNERS``.
        storage: order of the voxels; drawn from the seed by default.
        oblique: whether the slices are turned out of the patient's axes; drawn from the seed by default.
        second_rater: whether a second rater draws the tumour too.

    Raises:
        InputError: a strength outside 0 to 1.

    Example:
        >>> from HCCAssistLib.phantoms.hepatectomy.cases import make_case
        >>> case = make_case(1, early=True)
        >>> case.scores.event, case.scores.months <= 24, bool(case.segment.array.any())
        (True, True, True)
    """
    numbers = (seed,) if isinstance(seed, int) else tuple(int(n) for n in seed)
    scores = Scores.draw(numbers, strength, early)
    streams = np.random.SeedSequence(numbers).spawn(5)
    patient, disease, layout, noise, rater = (np.random.Generator(np.random.SFC64(s)) for s in streams)
    region = Region.draw(patient, SCANNERS[scanner])
    shape, looks = draw_tumour(numbers, scores.tumour)
    tumour = plant(disease, looks, shape, region)
    spacing, directions, turned = draw_layout(layout, SLICE_MM[scanner], PIXEL_MM[scanner], oblique)
    grid = grid_around([shape.center], [shape.reach], spacing, directions, seen_mm=SEEN_MM)
    order = storage or draw_storage(layout)
    scan = take_scan(noise, region, [tumour], grid, order)
    return HepatectomyPhantom(
        arterial=scan.arterial,
        segment=scan.labels,
        second=stored_mask(second_segment(rater, tumour, grid), order) if second_rater else None,
        necrosis=scan.necrosis,
        liver=stored_mask(region.liver(grid), order),
        scores=scores,
        tumour=truth_of(tumour, 1, target=True, score=scores.tumour),
        patient=region.facts(),
        turned_degrees=round(turned, 2),
        scanner=scanner,
        seed=numbers,
    )


def draw_tumour(seed: Sequence[int], score: float) -> tuple[IrregularEllipsoid, Looks]:
    """Surface and looks of the tumour of a case, before anything is drawn.

    Args:
        seed: numbers of the case; the surface depends on nothing else.
        score: what the tumour shows of the risk.
    """
    streams = np.random.SeedSequence((*seed, 150)).spawn(2)
    place, disease = (np.random.Generator(np.random.SFC64(s)) for s in streams)
    (size,), (center,) = place_tumours(place, 1, DIAMETER_MM, LIMITS_MM)
    return draw_shape(place, size, center), draw_looks(disease, score, size)


def write_case(
    folder: Path, seed: tuple[int, int], row: Row, *, background: Background | None, field: FieldOfView, scanner: str
) -> None:
    """Make a case of a cohort and write it into a new folder; the outcome follows from the seed, as in its row.

    Raises:
        InputError: a background is given.
    """
    if background is not None:
        raise InputError(PHANTOMS.own_background, remedy="leave out the background")
    phantom = make_case(seed, early=wanted_early(*seed), scanner=scanner)
    (folder / TIME_POINT).mkdir(parents=True)
    write_image(phantom.arterial, folder / f"{ARTERIAL}.nrrd", packed=False)
    write_segments([segment_of(phantom)], folder / f"{TUMOUR}.seg.nrrd")
    write_json(folder / "truth.json", phantom.as_json())


def segment_of(phantom: HepatectomyPhantom, *, second_rater: bool = False) -> Segment:
    """The segment of the tumour, the target.

    Args:
        phantom: the case.
        second_rater: as the second rater drew it.

    Raises:
        InputError: the case was made without a second rater.
    """
    mask = phantom.second if second_rater else phantom.segment
    if mask is None:
        raise InputError("no second rater drew this case", remedy="make it with second_rater=True")
    return Segment(phantom.tumour.label, mask, {"target": "yes"})


def _row(seed: int, number: int) -> Row:
    scores = Scores.draw((seed, number), early=wanted_early(seed, number))
    return {OUTCOME.time: scores.months, OUTCOME.event: int(scores.event)}


PHANTOMS = Phantoms(
    prefix="hepatectomy",
    row=_row,
    stratum=partial(stratum, OUTCOME),
    write=write_case,
    split=HEPATECTOMY.split,
    own_background="these phantoms are not put into a real CT",
)
