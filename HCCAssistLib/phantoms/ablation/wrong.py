"""Cases that are wrong in a known way, to try what is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.phantoms.ablation.cases import make_case
from HCCAssistLib.phantoms.ablation.series import Series
from HCCAssistLib.phantoms.ablation.truth import AblationPhantom
from HCCAssistLib.recipes.ablation.recipe import POST, PRE

Fault = Literal[
    "time points swapped", "same series twice", "same phase twice", "phase missing", "region on another grid",
    "motion", "another field of view", "field of view without the tumour",
]  # fmt: skip
FAULTS: tuple[Fault, ...] = get_args(Fault)

PHASE = "arterial"
"""The one that is missing, there twice, or of another field of view."""

GRID_MM = 1.7
"""Edge of the voxels of the region that was drawn elsewhere."""

TOO_FAR = 6.0
"""Factor of the motion between phases: up to 54 mm head-foot, further than any breath."""


def make_wrong(seed: tuple[int, ...], fault: Fault) -> AblationPhantom:
    """A case with one fault; everything else, the truth included, is that of the case without it.

    Args:
        seed: numbers of the case.
        fault: one of ``FAULTS``. A region on another grid is legal, and so is another field of view that holds the
            tumour: both must come out right.

    Raises:
        InputError: there is no such fault.
    """
    if fault not in FAULTS:
        raise InputError(f"there is no fault {fault!r}", remedy=f"choose from {', '.join(FAULTS)}")
    one = make_case(seed, breath=TOO_FAR if fault == "motion" else 1.0)
    before, after = one.series[PRE], one.series[POST]
    if fault == "time points swapped":
        return replace(one, series={PRE: after, POST: before})
    if fault == "same series twice":
        return replace(one, series={PRE: before, POST: replace(after, volumes=before.volumes)})
    if fault == "region on another grid":
        return replace(one, series={PRE: replace(before, region=_elsewhere(before.region)), POST: after})
    if fault == "motion":
        return one
    return replace(one, series={PRE: replace(before, volumes=_volumes(before, fault)), POST: after})


def _volumes(series: Series, fault: Fault) -> dict[str, Image]:
    volumes = dict(series.volumes)
    if fault == "phase missing":
        del volumes[PHASE]
    elif fault == "same phase twice":
        volumes[PHASE] = volumes["portal"]
    else:
        volumes[PHASE] = _part(series, holds_it=fault == "another field of view")
    return volumes


def _part(series: Series, *, holds_it: bool) -> Image:
    """The phase cut, along the axis with most room, to one side of the first tumour; with or without it."""
    image, painted = series.volumes[PHASE], np.argwhere(series.region.array == 1)[:, ::-1]
    low, high, size = painted.min(axis=0), painted.max(axis=0) + 1, np.array(image.array.shape[::-1])
    axis = int(np.argmax(np.maximum(low, size - high) / size))
    after = size[axis] - high[axis] > low[axis]
    start, end = np.zeros(3, int), size.copy()
    if after == holds_it:
        end[axis] = high[axis] + (size[axis] - high[axis]) // 2 if holds_it else low[axis]
    else:
        start[axis] = low[axis] // 2 if holds_it else high[axis]
    return crop(image, start.tolist(), (end - start)[::-1].tolist(), fill_value=0)


def _elsewhere(region: Image) -> Image:
    """The same regions on a finer grid whose axes are those of the patient."""
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T * (region.geometry.size_ijk - 1)
    places = region.geometry.to_world(corners)
    low, high = places.min(axis=0), places.max(axis=0)
    i, j, k = (int(n) for n in np.ceil((high - low) / GRID_MM) + 1)
    grid = Geometry.from_parts((k, j, i), (GRID_MM,) * 3, low.tolist())
    return resample(region, grid, interpolation="nearest", fill_value=0)
