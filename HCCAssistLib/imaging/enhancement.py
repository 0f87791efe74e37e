"""Whether an abdominal CT can be arterial phase, from its voxels alone.

Headers name the phase wrongly or not at all in most archives. This looks at the brightest vessel that runs along the
spine (the aorta in every phase), the liver, and how much soft tissue is brighter than blood without contrast. It
needs no segmentation and takes well under a second. It answers "unknown" rather than guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.imaging.contrast import ContrastEvidence, Phase
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.imaging.windows import AIR_HU

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

STEP_MM = 2.5
ENHANCED_HU = (90, 450)
"""Soft tissue brighter than any without contrast, and below cortical bone."""

MIN_WIDTH_MM, MIN_HEIGHT_MM, MIN_SOFT_LITRES = 220, 35, 1.0
MAX_STEP_MM = 5.5
MIN_FAT, MAX_BONE = 0.03, 0.10
MIN_LIVER_ML = 50

# Found on real unenhanced and portal CT, the same painted with the attenuations of other phases, and phantoms:
# the vessel measured 70-105 HU unenhanced (it is an upper bound), 75-130 delayed, 115-180 portal, 245-335 arterial.
ARTERIAL_VESSEL_HU, ARTERIAL_OVER_LIVER = 180, 2.2
ENHANCED_VESSEL_HU, ENHANCED_LIVER_HU = 120, 82
LATE_VESSEL_HU = 90
ENHANCED_SHARE, UNENHANCED_SHARE = 0.04, 0.03


def contrast_evidence(image: Image) -> ContrastEvidence:
    """Estimate the contrast phase of a CT in Hounsfield units.

    Args:
        image: in any storage order; oral contrast, noise and cropped fields of view are fine, MR is "unknown".
    """
    ordered = to_lps_order(image)
    if max(ordered.geometry.spacing[:2]) > MAX_STEP_MM or ordered.geometry.obliquity_degrees > 30:
        return _unknown("the voxels are too coarse or the slices are not axial")
    scan = _Scan.of(ordered)
    if objection := _no_abdomen(scan):
        return _unknown(objection)
    spine = _spine(scan)
    if spine is None:
        return _unknown("no spine was found to look beside")
    right, front = (offset * step for offset, step in zip(spine, scan.steps[:0:-1], strict=True))
    smooth = ndimage.gaussian_filter(scan.hu, (0, 2 / scan.steps[1], 2 / scan.steps[2]))
    # Brightness of the darkest pixel of 3 x 3: small bright spots and edges vanish, vessels of 8 mm stay.
    core = ndimage.minimum_filter(smooth, (1, 3, 3))
    vessel = _vessel_hu(core, scan, right, front)
    around_bone = ndimage.binary_dilation(scan.cortex, iterations=3) | ((np.abs(right) < 35) & (front < 75))
    tissue = scan.body & ~around_bone
    enhanced = tissue & (core > ENHANCED_HU[0]) & (core < ENHANCED_HU[1])
    share = float(enhanced.sum() / max(1, scan.soft.sum()))
    liver = _liver_hu(smooth, tissue & (right > 20) & (front > -10), scan)
    phase, reason = _judge(vessel, liver, share)
    return ContrastEvidence(phase, float(enhanced.sum() * scan.voxel_ml), vessel, liver, reason)


def _judge(vessel: float, liver: float, share: float) -> tuple[Phase, str]:
    """The phase by the vessel and the liver (HU) and the enhanced share of the soft tissue."""
    measured = f"vessel beside the spine {vessel:.0f} HU, liver {liver:.0f} HU, {share:.0%} of soft tissue above 90 HU"
    if not (np.isfinite(vessel) and np.isfinite(liver)):
        return "unknown", "no vessel beside the spine, or no liver, was found"
    if vessel >= ARTERIAL_VESSEL_HU and vessel >= ARTERIAL_OVER_LIVER * liver:
        return "arterial", f"the aorta is far brighter than the liver: {measured}"
    if vessel < ENHANCED_VESSEL_HU and liver < ENHANCED_LIVER_HU and share < UNENHANCED_SHARE:
        return "unenhanced", f"neither vessels nor organs are enhanced: {measured}"
    is_liver_enhanced = liver >= ENHANCED_LIVER_HU and vessel >= LATE_VESSEL_HU
    if is_liver_enhanced or (vessel >= ENHANCED_VESSEL_HU and share >= ENHANCED_SHARE):
        return "portal-or-later", f"organs are enhanced and the aorta is not much brighter: {measured}"
    return "unknown", f"the measurements fit no phase: {measured}"


@dataclass(frozen=True, eq=False, slots=True)
class _Scan:
    """The volume on a grid of about 2.5 mm, ``[k, j, i]`` in LPS order.

    Attributes:
        hu: block means.
        cortex: blocks that are cortical bone, calcium or metal in part.
        body: the largest connected part that is not air.
        soft: soft tissue of the body.
        steps: mm between blocks along ``(k, j, i)``.
    """

    hu: Array
    cortex: Mask
    body: Mask
    soft: Mask
    steps: tuple[float, float, float]

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.steps)) / 1000

    @classmethod
    def of(cls, image: Image) -> _Scan:
        spacing = image.geometry.spacing[::-1]
        factors = np.maximum(1, np.round(STEP_MM / spacing)).astype(int)
        factors = np.minimum(factors, image.array.shape)
        whole = [n // f for n, f in zip(image.array.shape, factors, strict=True)]
        used = image.array[tuple(slice(0, n * f) for n, f in zip(whole, factors, strict=True))]
        blocks = used.reshape([size for pair in zip(whole, factors, strict=True) for size in pair])
        hu = blocks.mean(axis=(1, 3, 5), dtype=np.float32).clip(AIR_HU, 3071)
        cortex = (blocks > 450).mean(axis=(1, 3, 5), dtype=np.float32) > 0.2
        body = _largest(ndimage.binary_opening(hu > -250))
        k, j, i = (spacing * factors).tolist()
        return cls(hu, cortex, body, body & (hu > -20) & (hu < 200), (k, j, i))


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _no_abdomen(scan: _Scan) -> str:
    """Why this cannot be an adult's abdominal CT, empty where it can."""
    if not scan.body.any():
        return "there is no body in the volume"
    columns = np.flatnonzero(scan.body.any(axis=(0, 1)))
    width = (columns[-1] - columns[0] + 1) * scan.steps[2]
    height = scan.hu.shape[0] * scan.steps[0]
    if width < MIN_WIDTH_MM or height < MIN_HEIGHT_MM or scan.soft.sum() * scan.voxel_ml < 1000 * MIN_SOFT_LITRES:
        return f"the body in the volume is too small for an abdomen ({width:.0f} mm wide, {height:.0f} mm high)"
    volume = scan.body.sum()
    if (scan.body & (scan.hu > -140) & (scan.hu < -60)).sum() < MIN_FAT * volume:
        return "there is no fat of about -100 HU: these are not the Hounsfield units of an abdominal CT"
    if (scan.body & (scan.hu > 300)).sum() > MAX_BONE * volume:
        return "there is more bone than in an abdomen"
    return ""


def _spine(scan: _Scan) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Blocks to the patient's right of, and in front of, the bone of the spine; broadcast over ``[k, j, i]``.

    Bone that stays at one place through the slices; broad even brightness (a vessel full of contrast, oral contrast)
    is left out, so that mostly the vertebral arches count.
    """
    even = ndimage.minimum_filter(scan.hu, (1, 3, 3)) > 180
    near_even = ndimage.binary_dilation(even, np.ones((1, 5, 5), dtype=bool))
    bone = scan.body & (scan.hu > 250) & ~near_even
    rows, columns = np.arange(bone.shape[1]), np.arange(bone.shape[2])
    density = ndimage.gaussian_filter(bone.mean(axis=0), (10 / scan.steps[1], 10 / scan.steps[2]))
    middle = np.nonzero(scan.body)[2].mean()
    density[:, np.abs(columns - middle) * scan.steps[2] > 40] = 0
    if density.max() <= 0:
        return None
    row, column = np.unravel_index(density.argmax(), density.shape)
    bone &= (np.abs(columns - column) * scan.steps[2] < 30) & (np.abs(rows - row) * scan.steps[1] < 30)[:, None]
    weights = ndimage.gaussian_filter1d(bone.astype(np.float32), 15 / scan.steps[0], axis=0)
    total = weights.sum(axis=(1, 2))
    seen = total > 1e-3 * total.max()
    if seen.mean() < 0.5:
        return None
    total[~seen] = np.inf
    y = np.where(seen, weights.sum(axis=2) @ rows / total, row)
    x = np.where(seen, weights.sum(axis=1) @ columns / total, column)
    return x[:, None, None] - columns, y[:, None, None] - rows[:, None]


def _vessel_hu(core: Array, scan: _Scan, right: npt.NDArray[np.float64], front: npt.NDArray[np.float64]) -> float:
    """The brightest vessel in front of the spine that goes on for 20 mm up and down, NaN where there is none.

    Vertebrae are as bright, but end at their discs; bowel with contrast does not go on.
    """
    bright = np.where(ndimage.binary_dilation(scan.cortex), np.float32(AIR_HU), core)
    along = np.minimum(_walk(bright, scan.steps), _walk(bright[::-1], scan.steps)[::-1])
    beside_spine = (np.abs(right) < 40) & (front > 22) & (front < 95)
    brightest = np.where(beside_spine, along, AIR_HU).max(axis=(1, 2))
    # The upper part of the slices: below its bifurcation there is no aorta.
    vessel = float(np.percentile(brightest, 65))
    return vessel if vessel > 0 else float("nan")


def _walk(bright: Array, steps: tuple[float, float, float]) -> Array:
    """For each pixel the darkest point on the brightest path through the 20 mm of slices before it.

    A path moves aside by a pixel for every two pixels it goes along, as a winding aorta does.
    """
    reached = bright
    every = max(1, round(2 * steps[1] / steps[0]))
    for step in range(1, round(20 / steps[0]) + 1):
        before = np.concatenate([reached[:1], reached[:-1]])
        if step % every == 0:
            before = ndimage.maximum_filter(before, (1, 3, 3))
        reached = np.minimum(bright, before)
    return reached


def _liver_hu(smooth: Array, where: Mask, scan: _Scan) -> float:
    """The commonest attenuation of even tissue; the liver is by far the largest such mass on the right."""
    mean = ndimage.uniform_filter(smooth, (1, 5, 5))
    square = ndimage.uniform_filter(smooth**2, (1, 5, 5))
    even = where & (square - mean**2 < 12**2) & (mean > 20) & (mean < 180)
    if even.sum() * scan.voxel_ml < MIN_LIVER_ML:
        return float("nan")
    counts = np.bincount(mean[even].astype(int), minlength=200)
    return float(np.convolve(counts, np.ones(9), mode="same").argmax())


def _unknown(reason: str) -> ContrastEvidence:
    return ContrastEvidence("unknown", float("nan"), float("nan"), float("nan"), reason)
