"""Scanning a study: which part of the volume, at which stride, and the peaks of the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.cropping import crop, filled_box
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.imaging.working_grid import working_image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.inference.threads import in_threads
from HCCAssistLib.recipes.ltp.network import LTPNetwork
from HCCAssistLib.recipes.ltp.recipe import PATCH_SHAPE, SPACING_MM, STRIDES, TIME_POINT, WINDOWS
from HCCAssistLib.recipes.ltp.sampling import TISSUE_HU, start_around
from HCCAssistLib.recipes.ltp.sliding_window.candidates import (
    Peak,
    ScoreMap,
    merge_close_peaks,
    non_maximum_suppression,
    refine_peak,
)
from HCCAssistLib.recipes.ltp.sliding_window.dense_scan import scan
from HCCAssistLib.recipes.ltp.sliding_window.scan_grid import ScanGrid
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.detection import Searched

LIVER_MARGIN_MM = 5.0
"""How far beyond the liver segment patches are centred: a nodule may bulge from the capsule."""

REFINE_REACH, REFINE_STRIDE = np.array([16, 16, 4]), np.array([4, 4, 1])
"""Voxels ``(i, j, k)`` around a peak that are scanned again, and between the patches there."""

ROUNDING_MM = 1e-3

HIGHEST_HU = 3071

Progress = Callable[[float], None]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Scanned:
    """A scan of a study.

    Attributes:
        image: what was scanned, int16 Hounsfield units in LPS order.
        scores: of every patch, the mean over the networks.
        region: where lesions are looked for, margin included, on the image's grid; None for everywhere.
        searched: the same in words and numbers.
        warnings: what was done to the image.
    """

    image: Image
    scores: ScoreMap
    region: Mask | None
    searched: Searched
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
        InputError: no arterial volume, one too thin for a patch, a region that is not there, or nothing to search.
        Cancelled: the person asked to stop.
    """
    stored = study.volumes[f"{TIME_POINT}/arterial"]
    image, warnings = working_image(stored, SPACING_MM, fill_value=AIR_HU)
    if image.geometry.shape[0] < PATCH_SHAPE[0]:
        raise InputError(
            f"the volume has {image.geometry.shape[0]} axial slices, a patch needs {PATCH_SHAPE[0]}",
            study.case_id,
            "load the whole series",
        )
    hu = _whole_hu(image.array)
    image = image.with_array(hu, "rounded to int16")  # frees the floats of one that was resampled
    name, volume_ml, region = _region(study, image, chosen)
    if stored.array.min() == stored.array.max():
        raise _nothing("all voxels of the scan are equal", study)
    if region is not None and not region.any():
        raise _nothing(f"the {name} lies outside the scan", study)
    grid = ScanGrid.covering(hu.shape, STRIDES[str(chosen["stride"])], _bounds(region))
    wanted = _wanted(hu, region, grid)
    searched = Searched(name, volume_ml, int(np.count_nonzero(wanted)))
    if not searched.patches:
        raise _nothing(f"the {name} holds no tissue above {TISSUE_HU} HU", study)
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
    return Scanned(image, scores, region, searched, warnings)


def refined_peaks(
    scanned: Scanned,
    networks: Sequence[LTPNetwork],
    *,
    device: str,
    cancelled: Callable[[], bool] | None = None,
) -> list[Peak]:
    """Peaks of a scan looked at again slice by slice: a coarse stride must not decide where a box lies.

    Their centres stay in the region that was scanned.
    """

    def looked_at(peak: Peak) -> Peak:
        first = start_around(np.rint(peak.center).astype(np.int64)) - REFINE_REACH
        shape = 2 * REFINE_REACH // REFINE_STRIDE + 1
        grid = ScanGrid(tuple(first[::-1]), tuple(REFINE_STRIDE[::-1]), tuple(shape[::-1]))
        total = np.zeros(grid.shape, dtype=np.float32)
        for network in networks:
            total += scan(network, scanned.image.array, WINDOWS, grid, device=device, cancelled=cancelled)
        z, y, x = grid.centers
        around = ScoreMap(total / np.float32(len(networks)), z, y, x, PATCH_SHAPE)
        return refine_peak(around, _held(scanned.region, grid)) or peak

    refined = list(in_threads(looked_at, non_maximum_suppression(scanned.scores), device))
    return merge_close_peaks(kept_within(refined, scanned), PATCH_SHAPE)


def kept_within(peaks: Sequence[Peak], scanned: Scanned) -> list[Peak]:
    """The peaks, those centred beyond the region that was scanned moved to the nearest of its voxels.

    A centre is a mean over patches, and the mean of two ends of a bent region may lie outside it.
    """
    region = scanned.region
    if region is None:
        return list(peaks)
    kept = []
    for peak in peaks:
        first = np.floor(peak.center).astype(int)
        # between voxels that all are in the region, so is the centre
        around = [np.clip([a, a + 1], 0, size - 1) for a, size in zip(first[::-1], region.shape, strict=True)]
        if not region[np.ix_(*around)].all():
            peak = replace(peak, center=_nearest(region, peak.center, scanned.image.geometry.spacing))
        kept.append(peak)
    return kept


def _nearest(
    region: Mask, center: tuple[float, float, float], spacing: npt.NDArray[np.float64]
) -> tuple[float, float, float]:
    """The voxel ``(i, j, k)`` of a region nearest to a place."""
    for reach in (PATCH_SHAPE[2], max(region.shape)):
        first = [max(0, round(c) - reach) for c in center]
        part = region[tuple(slice(a, a + 2 * reach + 1) for a in reversed(first))]
        if part.any():
            break
    voxels = np.argwhere(part)[:, ::-1] + first
    i, j, k = voxels[np.square((voxels - center) * spacing).sum(axis=1).argmin()]
    return float(i), float(j), float(k)


def within_region(heat: Image, scanned: Scanned) -> Image:
    """A heat map, dark beyond the region that was scanned; its grid is a part of the image's."""
    if scanned.region is None:
        return heat
    first = np.rint(scanned.image.geometry.to_index(heat.geometry.origin)).astype(int)
    part = tuple(slice(a, a + n) for a, n in zip(first[::-1], heat.array.shape, strict=True))
    return heat.with_array(np.where(scanned.region[part], heat.array, np.float32(0)), "cut to what was searched")


def _nothing(why: str, study: Study) -> InputError:
    return InputError(f"there is nothing to search: {why}", study.case_id, "check the scan and the segments")


def _region(study: Study, image: Image, chosen: Mapping[str, Value]) -> tuple[str, float, Mask | None]:
    """Where lesions are looked for: in words, how large it is in ml, and on the image's grid (None for everywhere).

    Raises:
        InputError: the segment that the region needs is not there, or holds no voxel.
    """
    wanted = chosen["region"]
    liver = study.masks.get(f"{TIME_POINT}/liver")
    voxel_ml = float(np.prod(image.geometry.spacing)) / 1000
    if wanted == "ring":
        ring = _within(_zone(study, image), float(chosen["ring_mm"]), image.geometry)
        name = f"ring of {chosen['ring_mm']:g} mm around the ablation zone"
        return name, float(np.count_nonzero(ring)) * voxel_ml, ring
    if wanted == "liver" and liver is None:
        raise InputError("there is no liver segment", study.case_id, "segment the liver, or scan the volume")
    if wanted == "volume" or liver is None:
        return "whole volume", image.array.size * voxel_ml, None
    if not liver.array.any():
        raise InputError("the liver's segment is empty", study.case_id, "segment the liver, or scan the volume")
    ml = float(np.count_nonzero(liver.array) * np.prod(liver.geometry.spacing)) / 1000
    return "liver", ml, _within(liver, LIVER_MARGIN_MM, image.geometry)


def _zone(study: Study, image: Image) -> Image:
    """The ablation zone: its segment, or voxels at its points."""
    mask, points = study.masks.get(f"{TIME_POINT}/ablation"), study.points.get(f"{TIME_POINT}/ablation")
    if mask is not None and mask.array.any():
        return mask
    voxels = np.zeros(image.geometry.shape, dtype=np.uint8)
    if points is not None:
        held = points.positions[image.geometry.contains(points.positions)]
        i, j, k = np.floor(image.geometry.to_index(held) + 0.5).astype(int).T
        voxels[k, j, i] = 1
    if not voxels.any():
        raise InputError(
            "a ring was asked for, but there is no ablation zone in the volume",
            study.case_id,
            "segment the ablation zone or mark it with a point, or scan the liver or the volume",
        )
    return Image(voxels, image.geometry, "ablation")


def _within(mask: Image, distance_mm: float, grid: Geometry) -> Mask:
    """The voxels of a grid that lie at most ``distance_mm`` from a mask's painted voxels; these may fall between them.

    Distances are measured on the mask's own grid, so that what is thinner than the target's voxels is not lost.
    """
    box = filled_box(mask.array)
    reach = np.ceil(distance_mm / mask.geometry.spacing).astype(int) + 1
    first = [side.start - by for side, by in zip(reversed(box), reach, strict=True)]
    shape = [side.stop - side.start + 2 * by for side, by in zip(box, reversed(reach), strict=True)]
    part = crop(mask, first, shape, fill_value=0)
    # the same distances as SciPy's in a third of the time
    inside = sitk.GetImageFromArray((part.array > 0).astype(np.uint8))
    inside.SetSpacing([float(step) for step in mask.geometry.spacing])
    away = sitk.SignedMaurerDistanceMap(inside, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    distances = part.with_array(sitk.GetArrayViewFromImage(away), "distances")
    far = distance_mm + float(np.linalg.norm(mask.geometry.spacing))
    within = np.zeros(grid.shape, dtype=bool)
    if around := _overlap(part.geometry, grid):
        start, size = [side.start for side in around], [side.stop - side.start for side in around]
        on_grid = resample(distances, grid.crop(start[::-1], size), interpolation="linear", fill_value=far)
        within[around] = on_grid.array <= distance_mm + ROUNDING_MM
    return within


def _overlap(part: Geometry, grid: Geometry) -> tuple[slice, ...] | None:
    """The voxels ``(k, j, i)`` of a grid around those of another one; None where there are none."""
    corners = part.to_world(list(product(*((-1, size) for size in part.size_ijk))))
    index = grid.to_index(corners)
    first = np.clip(np.floor(index.min(axis=0)), 0, grid.size_ijk).astype(int)
    end = np.clip(np.ceil(index.max(axis=0)) + 1, 0, grid.size_ijk).astype(int)
    return tuple(map(slice, first[::-1], end[::-1])) if (end > first).all() else None


def _whole_hu(array: npt.NDArray[np.generic]) -> npt.NDArray[np.int16]:
    """Voxels as whole Hounsfield units, slice by slice: a large scan in floats would be a gigabyte."""
    if array.dtype == np.int16 and array.min() >= AIR_HU and array.max() <= HIGHEST_HU:
        return np.asarray(array, dtype=np.int16)
    hu = np.empty(array.shape, dtype=np.int16)
    for own, voxels in zip(hu, array, strict=True):
        own[...] = np.clip(np.rint(voxels), AIR_HU, HIGHEST_HU)
    return hu


def _bounds(region: Mask | None) -> tuple[slice, slice, slice] | None:
    if region is None:
        return None
    return filled_box(region)


def _wanted(hu: npt.NDArray[np.int16], region: Mask | None, grid: ScanGrid) -> Mask:
    """Which patches of a scan to look at: those centred in the region, and on tissue.

    A region so small that no patch is centred in it is looked at by those whose share of the grid it touches.
    """
    places = np.ix_(*grid.centers)
    inside = ndimage.grey_dilation(hu[places], size=(1, 3, 3)) > TISSUE_HU
    if region is None:
        return inside
    centred = region[places]
    if not centred.any():
        centred = ndimage.grey_dilation(region.astype(np.uint8), size=[step + 1 for step in grid.stride])[places] > 0
    return inside & centred


def _held(region: Mask | None, grid: ScanGrid) -> Mask:
    """Which patches of a grid, some of them beyond the volume, are centred in a region."""
    if region is None:
        return np.ones(grid.shape, dtype=bool)
    axes = [(np.clip(c, 0, n - 1), (c >= 0) & (c < n)) for c, n in zip(grid.centers, region.shape, strict=True)]
    z, y, x = (there for _, there in axes)
    return region[np.ix_(*(index for index, _ in axes))] & z[:, None, None] & y[None, :, None] & x[None, None, :]


def _part(progress: Progress | None, start: float, share: float) -> Progress | None:
    return (lambda done: progress(start + share * done)) if progress else None
