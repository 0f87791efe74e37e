"""Phantoms for the recipe ablation-recurrence: dynamic MR before and after an ablation, and when the tumour recurs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.phantoms.ablation.clinical import Clinical
from HCCAssistLib.phantoms.ablation.lesions import Lesions
from HCCAssistLib.phantoms.ablation.looks import draw_tumour_looks, draw_zone_looks
from HCCAssistLib.phantoms.ablation.patient import Patient
from HCCAssistLib.phantoms.ablation.poses import Pose
from HCCAssistLib.phantoms.ablation.scores import STRENGTH, Scores
from HCCAssistLib.phantoms.ablation.series import take_series
from HCCAssistLib.phantoms.ablation.truth import AblationPhantom
from HCCAssistLib.phantoms.cohort import Phantoms, Row
from HCCAssistLib.phantoms.liver.implant import Background
from HCCAssistLib.phantoms.liver.scene import FieldOfView
from HCCAssistLib.phantoms.liver.storage import Storage, draw_storage
from HCCAssistLib.phantoms.recurrence import stratum, wanted_early
from HCCAssistLib.recipes.ablation.recipe import ABLATION, LIVER, OUTCOME, POST, PRE, REGIONS, TIME_POINTS


def make_case(
    seed: int | Sequence[int],
    *,
    early: bool | None = None,
    strength: float = STRENGTH,
    scanner: str = "internal",
    storage: Storage | None = None,
    oblique: bool | None = None,
    breath: float = 1.0,
    noise: float | None = None,
) -> AblationPhantom:
    """A synthetic case.

    Args:
        seed: one or several numbers.
        early: whether the patient is one with an early recurrence, or surely without; drawn from the seed by default.
        strength: how far images and values tell of the risk, 0 to 1; with 0 a case is the same whatever the outcome.
        scanner: ``"internal"`` or ``"external"``.
        storage: order of the voxels of all volumes; drawn for each time point by default.
        oblique: whether the slices are turned out of the patient's axes; drawn for each time point by default.
        breath: factor of the motion between phases; 0 for none.
        noise: standard deviation in each channel, where an unenhanced liver has 104; drawn by default.

    Raises:
        InputError: a strength outside 0 to 1.

    Example:
        >>> from HCCAssistLib.phantoms.ablation.cases import make_case
        >>> case = make_case(1, early=True)
        >>> case.scores.early, sorted(case.volumes)[:2], bool(case.region("pre").array.any())
        (True, ['post/arterial', 'post/delayed'], True)
    """
    numbers = (seed,) if isinstance(seed, int) else tuple(int(n) for n in seed)
    scores = Scores.draw(numbers, strength, early)
    clinical = Clinical.draw(numbers, scores.clinical)
    lesions = draw_lesions(numbers, scores, clinical)
    streams = np.random.SeedSequence((*numbers, 160)).spawn(5)
    body, *placing, noise_pre, noise_post = (np.random.Generator(np.random.SFC64(s)) for s in streams)
    patient, series = Patient.draw(body), {}
    drawn = {PRE: (lesions.draw_before, lesions.tumours), POST: (lesions.draw_after, lesions.zones)}
    for point, place, rng in zip(TIME_POINTS, placing, (noise_pre, noise_post), strict=True):
        pose = Pose.draw(place, moved=point == POST, scanner=scanner, oblique=oblique, breath=breath)
        order = draw_storage(place)
        draw, shapes = drawn[point]
        series[point] = take_series(rng, patient, pose, draw, shapes, storage or order, noise=noise)
    return AblationPhantom(series, lesions, scores, clinical, scanner, numbers)


def draw_lesions(seed: Sequence[int], scores: Scores, clinical: Clinical) -> Lesions:
    """Tumours and zones of a case, before anything is drawn.

    Args:
        seed: numbers of the case; places and surfaces depend on nothing else.
        scores: what tumour and zone show of the risk.
        clinical: size and number of the tumours.
    """
    streams = np.random.SeedSequence((*seed, 161)).spawn(3)
    tumour, zone, place = (np.random.Generator(np.random.SFC64(s)) for s in streams)
    size, number = clinical.values["tumour_size_mm"], int(clinical.values["tumour_number"])
    looks, zone_looks = draw_tumour_looks(tumour, scores.tumour), draw_zone_looks(zone, scores.zone)
    return Lesions.draw(place, size, number, looks, zone_looks)


def write_case(
    folder: Path, seed: tuple[int, int], row: Row, *, background: Background | None, field: FieldOfView, scanner: str
) -> None:
    """Make a case of a cohort and write it into a new folder; the outcome follows from the seed, as in its row.

    Raises:
        InputError: a background is given.
    """
    if background is not None:
        raise InputError(PHANTOMS.own_background, remedy="leave out the background")
    write_phantom(folder, make_case(seed, early=wanted_early(*seed), scanner=scanner))


def write_phantom(folder: Path, phantom: AblationPhantom) -> None:
    """Write volumes, segments and truth of a phantom into a new folder."""
    for point, series in phantom.series.items():
        (folder / point).mkdir(parents=True)
        write_segments(segments_of(phantom, point), folder / f"{REGIONS[point]}.seg.nrrd")
        write_segments([Segment(LIVER, series.liver)], folder / f"{point}/{LIVER}.seg.nrrd")
    for place, image in phantom.volumes.items():
        write_image(image, folder / f"{place}.nrrd", packed=False)
    write_json(folder / "truth.json", phantom.as_json())


def segments_of(phantom: AblationPhantom, time_point: str) -> list[Segment]:
    """All tumours before, the largest first and marked as the target; after, the zone of that one."""
    if time_point == POST:
        return [Segment("ablation", phantom.region(POST))]
    found = [Segment(f"tumour {n}", phantom.region(PRE, n)) for n in range(1, len(phantom.lesions.tumours) + 1)]
    return [Segment(found[0].name, found[0].mask, {"target": "yes"}), *found[1:]]


def _row(seed: int, number: int) -> Row:
    scores = Scores.draw((seed, number), early=wanted_early(seed, number))
    values = Clinical.draw((seed, number), scores.clinical).row()
    return {**values, OUTCOME.time: scores.months, OUTCOME.event: int(scores.event)}


PHANTOMS = Phantoms(
    prefix="ablation",
    row=_row,
    stratum=partial(stratum, OUTCOME),
    write=write_case,
    split=ABLATION.split,
    own_background="these phantoms are not put into a real CT",
)
