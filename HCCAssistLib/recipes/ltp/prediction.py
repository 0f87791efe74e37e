"""Detecting local tumour progression in an arterial CT: scan, candidates, boxes and heat map."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import expit

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.cutoffs import mean_cutoff
from HCCAssistLib.evaluation.result import CutOff
from HCCAssistLib.explain.gradcam import gradcam
from HCCAssistLib.explain.placement import place
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.enhancement import contrast_evidence
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import stored_slice
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.imaging.working_grid import working_image
from HCCAssistLib.inference.candidates import Peak, ScoreMap, centered, components, suppressed
from HCCAssistLib.inference.dense_scan import ScanGrid, scan
from HCCAssistLib.inference.findings import Candidate, DetectionResult, RunRecord
from HCCAssistLib.inference.model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.recipes.ltp.network import LTPNetwork, windowed
from HCCAssistLib.recipes.ltp.recipe import LTP, PATCH_SHAPE, STRIDES, TIME_POINT, WINDOWS
from HCCAssistLib.recipes.ltp.sampling import TISSUE_HU, start_around
from HCCAssistLib.recipes.spec import Value

LIVER_MARGIN_MM = 5.0
"""How far beyond the liver segment patches are centred: a nodule may bulge from the capsule."""

EXPLAINED = 20
"""Candidates, from the most probable down, that are explained by Grad-CAM."""

REFINE_REACH, REFINE_STRIDE = np.array([16, 16, 4]), np.array([4, 4, 1])
"""Voxels ``(i, j, k)`` around a peak that are scanned again, and between the patches there."""

Progress = Callable[[float], None]
Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def probabilities(logits: Scores) -> Scores:
    """Scores from what the network says, ``(n,)``."""
    return expit(logits)


def choose_cutoff(labels: npt.NDArray[np.uint8], scores: Scores, *, chosen_on: str) -> CutOff:
    """The maximum of the mean of sensitivity and specificity, as in the paper."""
    return mean_cutoff(labels, scores, chosen_on=f"{chosen_on} of patches")


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
        cancelled: asked between slabs of the scan.

    Raises:
        InputError: no arterial volume, one too thin for a patch, or a region that is not there.
        Cancelled: the person asked to stop.
    """
    began = time.perf_counter()
    chosen = LTP.resolve(run_options, run=True)
    scanned = scan_study(study, model.networks, chosen, device=model.device, progress=progress, cancelled=cancelled)
    image, scores, zone = scanned.image, scanned.scores, scanned.zone
    stored = study.volumes[f"{TIME_POINT}/arterial"]
    warnings = (*study.warnings, *scanned.warnings, *_phase_warnings(stored), *_model_warnings(model, study))
    cutoff = model.package.card.scan_cutoff or model.package.card.cutoff
    if chosen["candidates"] == "components":
        peaks = components(scores, cutoff.value)
    else:
        peaks = refined_peaks(scanned, model.networks, device=model.device, cancelled=cancelled)
    surface = _Surface.of(zone) if zone is not None else None
    candidates = tuple(
        _candidate(number, peak, image.geometry, stored.geometry, surface) for number, peak in enumerate(peaks, 1)
    )
    heatmap = _heatmap(model, image, peaks) if chosen["heatmap"] and peaks else None
    if progress:
        progress(1.0)
    return DetectionResult(
        candidates=candidates,
        threshold=cutoff.value,
        threshold_source=cutoff.source,
        geometry=stored.geometry,
        run=RunRecord(
            recipe=LTP.id,
            options={**model.package.card.options, **chosen},
            model=model.package.card.name,
            weights_sha256=model.package.weights_sha256,
            software=software_versions(),
            device=model.device,
            inputs={f"{TIME_POINT}/arterial": stored.digest()},
            seconds=time.perf_counter() - began,
        ),
        warnings=warnings,
        heatmap=heatmap,
    )


def refined_peaks(
    scanned: Scanned,
    networks: Sequence[LTPNetwork],
    *,
    device: str,
    cancelled: Callable[[], bool] | None = None,
) -> list[Peak]:
    """Peaks of a scan looked at again slice by slice: a coarse stride must not decide where a box lies."""
    refined = []
    for peak in suppressed(scanned.scores):
        first = start_around(np.rint(peak.center).astype(np.int64)) - REFINE_REACH
        shape = 2 * REFINE_REACH // REFINE_STRIDE + 1
        grid = ScanGrid(tuple(first[::-1]), tuple(REFINE_STRIDE[::-1]), tuple(shape[::-1]))
        total = np.zeros(grid.shape, dtype=np.float32)
        for network in networks:
            total += scan(network, scanned.image.array, WINDOWS, grid, device=device, cancelled=cancelled)
        z, y, x = grid.centers
        refined.append(centered(ScoreMap(total / np.float32(len(networks)), z, y, x, PATCH_SHAPE)))
    return sorted(refined, key=lambda peak: -peak.probability)


@dataclass(frozen=True, eq=False, slots=True)
class Scanned:
    """A scan of a study.

    Attributes:
        image: what was scanned, int16 Hounsfield units in LPS order.
        scores: of every patch, the mean over the networks.
        zone: the ablation zone on the image's grid, or None.
        warnings: what was done to the image.
    """

    image: Image
    scores: ScoreMap
    zone: Image | None
    warnings: tuple[Problem, ...]


def scan_study(
    study: Study,
    networks: Sequence[LTPNetwork],
    chosen: Mapping[str, Value],
    *,
    device: str,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Scanned:
    """Score the patches of the region that the run's options choose.

    Raises:
        InputError: no arterial volume, one too thin for a patch, or a region that is not there.
        Cancelled: the person asked to stop.
    """
    stored = study.volumes[f"{TIME_POINT}/arterial"]
    image, warnings = working_image(stored, LTP.spacing_mm, outside=AIR_HU)
    if image.geometry.shape[0] < PATCH_SHAPE[0]:
        raise InputError(
            f"the volume has {image.geometry.shape[0]} axial slices, a patch needs {PATCH_SHAPE[0]}",
            study.case_id,
            "load the whole series",
        )
    hu = np.clip(np.rint(image.array), AIR_HU, 3071).astype(np.int16)
    zone = _zone(study, image)
    region = _region(study, image, zone, chosen)
    grid = ScanGrid.covering(hu.shape, STRIDES[str(chosen["stride"])], _bounds(region))
    wanted = _wanted(hu, region, grid)
    share = 0.9 / len(networks)
    total = np.zeros(wanted.shape, dtype=np.float32)
    for fold, network in enumerate(networks):
        total += scan(
            network,
            hu,
            WINDOWS,
            grid,
            device=device,
            mask=wanted,
            progress=_part(progress, fold * share, share),
            cancelled=cancelled,
        )
    z, y, x = grid.centers
    scores = ScoreMap(total / np.float32(len(networks)), z, y, x, PATCH_SHAPE)
    return Scanned(image.with_array(hu, "rounded to int16"), scores, zone, warnings)


def _phase_warnings(image: Image) -> tuple[Problem, ...]:
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


def _model_warnings(model: LoadedModel, study: Study) -> tuple[Problem, ...]:
    training = model.package.card.training
    if training.get("permuted_labels"):
        what = "this model was trained on shuffled labels as a check; its findings mean nothing"
    elif training.get("synthetic") and not study.values.get("synthetic"):
        what = "this model has only seen synthetic cases; its findings say nothing about patients"
    else:
        return ()
    return (Problem("WARN", what, f"model {model.package.card.name}"),)


def _zone(study: Study, image: Image) -> Image | None:
    """The ablation zone on the image's grid, None where none was given."""
    mask = study.masks.get(f"{TIME_POINT}/ablation")
    return resample(mask, image.geometry, interpolation="nearest", outside=0) if mask else None


def _region(study: Study, image: Image, zone: Image | None, chosen: Mapping[str, Value]) -> Mask | None:
    """Where lesions are looked for, on the image's grid; None for everywhere.

    Raises:
        InputError: the segment that the region needs is not there.
    """
    wanted = chosen["region"]
    liver = study.masks.get(f"{TIME_POINT}/liver")
    spacing = image.geometry.spacing[::-1]
    if wanted == "ring":
        points = study.points.get(f"{TIME_POINT}/ablation")
        if zone is not None:
            return _within(zone.array > 0, float(chosen["ring_mm"]), spacing)
        if points is not None:
            centers = np.zeros(image.geometry.shape, dtype=bool)
            for i, j, k in np.rint(image.geometry.to_index([p.position for p in points.points])).astype(int):
                if 0 <= k < centers.shape[0] and 0 <= j < centers.shape[1] and 0 <= i < centers.shape[2]:
                    centers[k, j, i] = True
            if centers.any():
                return _within(centers, float(chosen["ring_mm"]), spacing)
        raise InputError(
            "a ring was asked for, but there is no ablation zone in the volume",
            study.case_id,
            "segment the ablation zone or mark it with a point, or scan the liver or the volume",
        )
    if wanted == "liver" and liver is None:
        raise InputError("there is no liver segment", study.case_id, "segment the liver, or scan the volume")
    if wanted == "volume" or liver is None:
        return None
    on_grid = resample(liver, image.geometry, interpolation="nearest", outside=0)
    return _within(on_grid.array > 0, LIVER_MARGIN_MM, spacing)


def _within(mask: Mask, distance_mm: float, spacing: npt.NDArray[np.float64]) -> Mask:
    """The voxels at most ``distance_mm`` from a mask that is not empty, the mask included."""
    window = tuple(
        slice(max(0, cut.start - reach), cut.stop + reach)
        for cut, reach in zip(
            ndimage.find_objects(mask.astype(np.uint8))[0], np.ceil(distance_mm / spacing).astype(int), strict=True
        )
    )
    near = np.zeros_like(mask)
    near[window] = ndimage.distance_transform_edt(~mask[window], sampling=spacing) <= distance_mm
    return near


def _bounds(region: Mask | None) -> tuple[slice, slice, slice] | None:
    if region is None:
        return None
    z, y, x = ndimage.find_objects(region.astype(np.uint8))[0]
    return z, y, x


def _wanted(hu: npt.NDArray[np.int16], region: Mask | None, grid: ScanGrid) -> Mask:
    """Which patches of a scan to look at: those centred in the region, and on tissue."""
    places = np.ix_(*grid.centers)
    inside = ndimage.grey_dilation(hu[places], size=(1, 3, 3)) > TISSUE_HU
    return inside if region is None else inside & region[places]


def _part(progress: Progress | None, start: float, share: float) -> Progress | None:
    return (lambda done: progress(start + share * done)) if progress else None


class _Surface:
    """Signed distance to the surface of a mask."""

    def __init__(self, mask: Image) -> None:
        inside = mask.array > 0
        shell = inside & ~ndimage.binary_erosion(inside)
        self.mask = mask
        self.tree = cKDTree(mask.geometry.to_world(np.argwhere(shell)[:, ::-1]))

    @classmethod
    def of(cls, mask: Image) -> _Surface | None:
        return cls(mask) if (mask.array > 0).any() else None

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


def _heatmap(model: LoadedModel, image: Image, peaks: Sequence[Peak]) -> Image:
    """Grad-CAM of the best candidates, merged, where they lie in the patient."""
    import torch

    starts = [start_around(np.rint(peak.center).astype(np.int64)) for peak in peaks[:EXPLAINED]]
    maps = np.zeros(())
    for network in model.networks:
        margin = network.patch_shape[-1] // 2 - PATCH_SHAPE[-1] // 2
        patches = [
            crop(image, (i - margin, j - margin, k), network.patch_shape, outside=AIR_HU).array for i, j, k in starts
        ]
        hu = torch.from_numpy(np.stack(patches)).to(model.device)
        maps = maps + gradcam(network, windowed(hu, WINDOWS)).cpu().numpy() / len(model.networks)
    return place(maps, np.array(starts), image.geometry, patch_shape=PATCH_SHAPE).merged
