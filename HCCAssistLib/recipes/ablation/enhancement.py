"""Whether what is marked takes up contrast: a tumour does, and what an ablation left does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.intensity import scale_of
from HCCAssistLib.recipes.ablation.recipe import FIXED, PHASES, POST, PRE
from HCCAssistLib.recipes.ablation.regions import Region, region_of
from HCCAssistLib.recipes.ablation.sections import sections_of

RING_MM = (4.0, 14.0)
"""What counts as the surroundings of a region: so far from its border."""

CLEAR = 0.1
"""Change against the surroundings, as a share of what a volume spans, that noise and motion do not make."""

STEP_MM = 2.0


def swapped_by_contrast(study: Study | CaseContents, intensity: str) -> Iterator[Problem]:
    """A warning where the zone of ablation takes up contrast and the tumour does not.

    Args:
        study: with both time points and their regions; the phases need not be registered.
        intensity: how volumes are scaled, see ``scale_of``.
    """
    before, after = (uptake(study, one, intensity) for one in (PRE, POST))
    if before is not None and after is not None and before < -CLEAR and after > CLEAR:
        what = "the zone of ablation takes up more contrast than the liver around it, and the tumour less"
        yield Problem("WARN", what, f"{PRE} and {POST}", "are the two time points exchanged? look at both")


def uptake(study: Study | CaseContents, time_point: str, intensity: str) -> float | None:
    """How much more a region takes up than what surrounds it in its largest slice; the most of all phases.

    Of both the change since the unenhanced phase counts, 1 being all that a volume spans from its darkest to its
    brightest tissue. None where too few voxels can be seen.

    Args:
        study: with the phases of the time point and its region.
        time_point: ``"pre"`` or ``"post"``.
        intensity: how volumes are scaled.
    """
    region = region_of(study, time_point)
    fixed = study.volumes[f"{time_point}/{FIXED}"].geometry
    sections = sections_of(region, fixed)
    (x, y, z), half = sections.center, sections.size_mm / 2 + RING_MM[1]
    count = 2 * int(np.ceil(half / STEP_MM)) + 1
    first = (x - count // 2 * STEP_MM, y - count // 2 * STEP_MM, z)
    grid = Geometry.from_parts((1, count, count), (STEP_MM, STEP_MM, sections.step_mm), first)
    inside, around = _parts(region, grid, sections.step_mm)
    differences = {}
    for phase in PHASES:
        volume = study.volumes[f"{time_point}/{phase}"]
        voxels = volume.with_array(volume.array.astype(np.float32), "float")
        signal = scale_of(volume, intensity)(resample(voxels, grid, fill_value=float(volume.array.min())).array)
        if not inside.any() or not around.any():
            return None
        differences[phase] = float(np.median(signal[inside]) - np.median(signal[around]))
    plain = differences.pop(PHASES[0])
    return max(differences.values()) - plain


def _parts(region: Region, grid: Geometry, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Of a slice: what lies in the region, and what lies in the ring around it."""
    from scipy import ndimage

    k, j, i = np.indices(grid.shape)
    places = grid.to_world(np.stack([i, j, k], axis=-1))
    if region.segment is None:
        inside = region.box.contains(places)
    else:
        points = region.segment.points
        near = points[np.abs(points[:, 2] - grid.origin[2]) <= step]
        index = np.rint(grid.to_index(near)).astype(int)
        index = index[((index[:, :2] >= 0) & (index[:, :2] < grid.size_ijk[:2])).all(axis=1)]
        inside = np.zeros(grid.shape, dtype=bool)
        inside[0, index[:, 1], index[:, 0]] = True
        inside = ndimage.binary_closing(inside, iterations=2) | inside
    away = ndimage.distance_transform_edt(~inside, sampling=grid.spacing[::-1]) if inside.any() else np.zeros(0)
    around = (away > RING_MM[0]) & (away <= RING_MM[1]) if inside.any() else np.zeros_like(inside)
    return inside, around
