"""Scanning a study: which part of the volume, at which stride, and the peaks of the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.imaging.working_grid import working_image
from HCCAssistLib.inference.candidates import Peak, ScoreMap, centered, distinct, suppressed
from HCCAssistLib.inference.dense_scan import ScanGrid, scan
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.network import LTPNetwork
from HCCAssistLib.recipes.ltp.recipe import LTP, PATCH_SHAPE, STRIDES, TIME_POINT, WINDOWS
from HCCAssistLib.recipes.ltp.sampling import TISSUE_HU, start_around
from HCCAssistLib.recipes.spec import Value

LIVER_MARGIN_MM = 5.0
"""How far beyond the liver segment patches are centred: a nodule may bulge from the capsule."""

REFINE_REACH, REFINE_STRIDE = np.array([16, 16, 4]), np.array([4, 4, 1])
"""Voxels ``(i, j, k)`` around a peak that are scanned again, and between the patches there."""

Progress = Callable[[float], None]
Mask = npt.NDArray[np.bool_]


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
    return distinct(refined, PATCH_SHAPE)


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
    # the same distances as SciPy's in a third of the time
    inside = sitk.GetImageFromArray(mask[window].astype(np.uint8))
    inside.SetSpacing([float(step) for step in spacing[::-1]])
    away = sitk.SignedMaurerDistanceMap(inside, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    near = np.zeros_like(mask)
    near[window] = sitk.GetArrayViewFromImage(away) <= distance_mm
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
