"""Detecting local tumour progression in an arterial CT: scan, candidates, boxes and heat map."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import expit

from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.cropping import filled_box
from HCCAssistLib.imaging.enhancement import contrast_evidence
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import stored_slice
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.recipes.ltp.explanation import explain
from HCCAssistLib.recipes.ltp.recipe import LTP, PATCH_SHAPE, TIME_POINT
from HCCAssistLib.recipes.ltp.sampling import start_around
from HCCAssistLib.recipes.ltp.sliding_window.candidates import Peak
from HCCAssistLib.recipes.ltp.sliding_window.scanning import (
    Progress,
    refined_peaks,
    scan_study,
    within_region,
)
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.detection import Candidate, DetectionResult

LEAST_EXPLAINED, MOST_EXPLAINED = 3, 20
"""Grad-CAM explains the candidates at or above the threshold, within these numbers: heat without a box misleads."""

Scores = npt.NDArray[np.float32]


def probabilities(logits: Scores) -> Scores:
    """Scores from logits, ``(n,)``."""
    return expit(logits)


def predict(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> DetectionResult:
    """Scan an arterial CT for local tumour progression.

    Args:
        study: with ``post/arterial``, and ``post/liver`` and ``post/ablation`` where there are such.
        model: of the recipe ``ltp``.
        run_options: of one run; see the recipe.
        progress: called with the part done, 0 to 1.
        cancelled: called between slabs of the scan.

    Raises:
        InputError: no arterial volume, one too thin for a patch, a region that is not there, or nothing to search.
        Cancelled: the person asked to stop.
    """
    began = time.perf_counter()
    chosen = LTP.resolve(run_options, run=True)
    stored = study.volumes[f"{TIME_POINT}/arterial"]
    with ThreadPoolExecutor(max_workers=1) as beside:
        voxel_warnings = beside.submit(_voxel_warnings, stored)
        scanned = scan_study(study, model.networks, chosen, device=model.device, progress=progress, cancelled=cancelled)
    image = scanned.image
    warnings = (
        *study.warnings,
        *scanned.warnings,
        *voxel_warnings.result(),
        *_region_warnings(study, chosen),
        *model_warnings(model.package.card),
    )
    cutoff = model.package.card.cutoff()
    peaks = refined_peaks(scanned, model.networks, device=model.device, cancelled=cancelled)
    zone = study.masks.get(f"{TIME_POINT}/ablation")
    surface = _Surface.of(zone) if zone is not None else None
    candidates = tuple(
        _candidate(number, peak, image.geometry, stored.geometry, surface) for number, peak in enumerate(peaks, 1)
    )
    shown = [peak for peak in peaks if peak.probability >= cutoff.value]
    explained = peaks[: min(max(len(shown), LEAST_EXPLAINED), MOST_EXPLAINED)]
    heatmap = None
    if chosen["heatmap"] and explained:
        starts = [start_around(np.rint(peak.center).astype(np.int64)) for peak in explained]
        heatmap = within_region(explain(model.networks, image, starts, device=model.device).merged, scanned)
    if progress:
        progress(1.0)
    return DetectionResult(
        candidates=candidates,
        threshold=cutoff.value,
        threshold_source=cutoff.source,
        geometry=stored.geometry,
        run=model.run_record(study, _used(study, chosen), chosen, began=began),
        warnings=warnings,
        heatmap=heatmap,
        searched=scanned.searched,
    )


def _used(study: Study, chosen: Mapping[str, Value]) -> list[str]:
    """The inputs that decide the candidates and what is said of them, by their names in a run record."""
    volume, liver, zone = (f"{TIME_POINT}/{name}" for name in ("arterial", "liver", "ablation"))
    used = [volume]
    if chosen["region"] in ("auto", "liver") and liver in study.masks:
        used.append(liver)
    if zone in study.masks and study.masks[zone].array.any():
        used.append(zone)
    elif chosen["region"] == "ring":
        used.append(f"{zone} points")
    return used


def _voxel_warnings(image: Image) -> tuple[Problem, ...]:
    if objection := hounsfield_objection(image):
        what = f"the voxels are not Hounsfield units, so the findings mean nothing: {objection}"
        return (Problem("WARN", what, image.name, "load the CT as it is stored, not windowed or normalised"),)
    evidence = contrast_evidence(image)
    if evidence.phase == "arterial":
        return ()
    what = (
        f"the contrast phase could not be recognised ({evidence.reason})"
        if evidence.phase == "unknown"
        else f"the phase does not fit: this looks {evidence.phase}, and the method needs a late arterial phase "
        f"({evidence.reason})"
    )
    return (Problem("WARN", what, image.name, "check that this is the late arterial series of the liver CT"),)


def _region_warnings(study: Study, chosen: Mapping[str, Value]) -> tuple[Problem, ...]:
    problems = []
    if chosen["region"] == "auto" and f"{TIME_POINT}/liver" not in study.masks:
        what = "there is no liver segment, so the whole volume was scanned and organs beside the liver can be marked"
        problems.append(Problem("WARN", what, study.case_id, "segment the liver (any liver segmentation will do)"))
    zone = study.masks.get(f"{TIME_POINT}/ablation")
    if zone is not None and not zone.array.any():
        what = "the ablation zone's segment is empty, so candidates have no distance to it"
        problems.append(Problem("WARN", what, study.case_id, "paint it, or leave it out"))
    elif zone is None and f"{TIME_POINT}/ablation" in study.points:
        what = "the ablation zone is marked by points alone, so candidates have no distance to its surface"
        problems.append(Problem("WARN", what, study.case_id, "segment the ablation zone to have the distances"))
    return tuple(problems)


class _Surface:
    """Signed distance to the surface of a mask."""

    def __init__(self, mask: Image) -> None:
        box = filled_box(mask.array)
        inside = mask.array[box] > 0
        shell = inside & ~ndimage.binary_erosion(inside)
        first = [side.start for side in box]
        self.mask = mask
        self.tree = cKDTree(mask.geometry.to_world((np.argwhere(shell) + first)[:, ::-1]))

    @classmethod
    def of(cls, mask: Image) -> _Surface | None:
        return cls(mask) if mask.array.any() else None

    def distance(self, lps: npt.ArrayLike) -> float:
        """Millimetres from a point to the surface, negative inside."""
        i, j, k = np.rint(self.mask.geometry.to_index(lps)).astype(int)
        away = float(self.tree.query(lps)[0])
        within = self.mask.geometry.contains(lps) and self.mask.array[k, j, i] > 0
        return -away if within else away


def _candidate(number: int, peak: Peak, working: Geometry, stored: Geometry, surface: _Surface | None) -> Candidate:
    center = working.to_world(peak.center)
    axes, spacing = working.directions.T, working.spacing
    size = np.array(peak.extent) * spacing
    half_i, half_j = (axes[axis] * spacing[axis] * PATCH_SHAPE[1] / 2 for axis in (0, 1))
    rectangle = [center + a * half_i + b * half_j for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    reach = axes[2] * (size[2] - spacing[2]) / 2
    first, last = sorted((stored_slice(stored, center - reach), stored_slice(stored, center + reach)))
    return Candidate(
        number=number,
        box=Box(tuple(center), tuple(size), tuple(tuple(axis) for axis in axes)),
        probability=min(1.0, peak.probability),
        slice=stored_slice(stored, center),
        slices=(first, last),
        rectangle=tuple((float(x), float(y), float(z)) for x, y, z in rectangle),
        diameter_mm=float(max(size[:2])),
        distance_to_ablation_mm=surface.distance(center) if surface else None,
    )
