"""Whether an abdominal CT can be arterial phase, from its voxels alone.

Headers name the phase wrongly or not at all in most archives. This compares the aorta, the vena cava and the veins of
the liver with the liver itself, at the levels of the liver, and asks how much soft tissue is brighter than blood
without contrast. It needs no segmentation and takes well under a second. Where a sign is missing or the signs
contradict each other it answers "unknown".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from HCCAssistLib.imaging.abdomen import Scan
from HCCAssistLib.imaging.abdomen_organs import Liver, find_liver, find_vessel, muscle_hu, veins_share
from HCCAssistLib.imaging.abdomen_spine import Spine, find_spine
from HCCAssistLib.imaging.contrast import ContrastEvidence, Phase
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order

ENHANCED_HU = (90, 450)
"""Soft tissue brighter than any without contrast, and below cortical bone."""

MAX_PIXEL_MM, MAX_SLICE_MM, MAX_TILT_DEGREES = 5.5, 12, 20
MIN_HEIGHT_MM, MIN_SLICES, MIN_FIELD_MM = 35, 4, 120
MIN_LIVER_MM, MIN_FAT, MIN_APART_MM = 25, 0.02, 18


def contrast_evidence(image: Image) -> ContrastEvidence:
    """Estimate the contrast phase of a CT in Hounsfield units.

    Args:
        image: in any storage order; oral contrast, noise, slices of up to 12 mm and cropped fields of view are fine
            as long as a good part of the liver and the aorta beside it are in them. MR is "unknown".
    """
    ordered = to_lps_order(image)
    spacing = ordered.geometry.spacing
    if max(spacing[:2]) > MAX_PIXEL_MM or spacing[2] > MAX_SLICE_MM:
        return _unknown(f"the voxels are too coarse ({spacing[0]:.1f} x {spacing[1]:.1f} x {spacing[2]:.1f} mm)")
    if ordered.geometry.obliquity_degrees > MAX_TILT_DEGREES:
        return _unknown("the slices are not axial")
    slices = ordered.array.shape[0]
    if slices < MIN_SLICES or slices * spacing[2] < MIN_HEIGHT_MM:
        return _unknown(f"{slices} slices over {slices * spacing[2]:.0f} mm are too few")
    depth, width = (float(n * step) for n, step in zip(ordered.array.shape[1:], spacing[1::-1], strict=True))
    if min(depth, width) < MIN_FIELD_MM:
        return _unknown(f"the field of view of {width:.0f} x {depth:.0f} mm is too small for an abdomen")
    if objection := _clipped(ordered):
        return _unknown(objection)
    scan = Scan.of(ordered)
    if objection := _no_hounsfield_units(scan):
        return _unknown(objection)
    spine = find_spine(scan)
    if spine is None:
        return _unknown("no spine was found to look beside")
    liver = find_liver(scan, spine)
    if liver is None:
        return _unknown("no liver was found to the right of the spine")
    beside = float(liver.levels.sum() * scan.steps[0])
    if beside < MIN_LIVER_MM:
        return _unknown(f"only {beside:.0f} mm of liver lie beside the spine")
    signs = _Signs.of(scan, spine, liver)
    phase, reason = _judge(signs)
    return ContrastEvidence(phase, signs.enhanced_ml, signs.aorta, signs.liver, reason)


def _clipped(image: Image) -> str:
    """Why the voxels have lost the ends of their range, empty where they have not."""
    few = image.array[:: max(1, image.array.shape[0] // 12), ::4, ::4]
    low, high = float(few.min()), float(few.max())
    if low > -500 and (few == low).mean() > 0.01:
        return f"the voxels are cut off at {low:.0f}: these are not the Hounsfield units of a CT"
    if high < 700 and (few == high).mean() > 0.0005 and (few == high).sum() > 20:
        return f"the voxels are cut off at {high:.0f}: these are not the Hounsfield units of a CT"
    return ""


def _no_hounsfield_units(scan: Scan) -> str:
    """Why these are not the Hounsfield units of a body, empty where they are."""
    volume = scan.body.sum()
    if volume == 0:
        return "there is no body in the volume"
    if (scan.body & (scan.hu > -140) & (scan.hu < -60)).sum() < MIN_FAT * volume:
        return "there is no fat of about -100 HU: these are not the Hounsfield units of an abdominal CT"
    return ""


@dataclass(frozen=True, slots=True)
class _Signs:
    """What was measured at the levels of the liver.

    Attributes:
        aorta, cava, liver, muscle: attenuation in HU.
        apart: mm from the vena cava to the aorta; where they are close, one vessel may have been taken for both.
        steady: the share of the levels in which the aorta is as bright and no wider than a vessel.
        in_view: the share of the levels in which the place of the aorta is inside the volume.
        brightest: what is brightest where the aorta lies, whether it goes on or not, HU.
        veins: the share of the liver nearer to the aorta's attenuation than to its own.
        share: of the soft tissue, how much is enhanced.
        enhanced_ml: how much that is.
    """

    aorta: float
    cava: float
    liver: float
    muscle: float
    apart: float
    steady: float
    in_view: float
    brightest: float
    veins: float
    share: float
    enhanced_ml: float

    @classmethod
    def of(cls, scan: Scan, spine: Spine, liver: Liver) -> _Signs:
        aorta = find_vessel(scan, spine, liver, (-10, 38), 14)
        cava = find_vessel(scan, spine, liver, (-38, -14), 14)
        left, front = spine.offsets(scan)
        _, j, i = scan.steps
        core = ndimage.minimum_filter(scan.smooth(0, 2), (1, 3, 3))
        near_bone = ndimage.binary_dilation(
            scan.hu > 350, np.ones((1, round(15 / j) | 1, round(15 / i) | 1), dtype=bool)
        )
        tissue = scan.body & ~near_bone & ~((np.abs(left) < 35) & (front < 75)) & liver.levels[:, None, None]
        enhanced = tissue & (core > ENHANCED_HU[0]) & (core < ENHANCED_HU[1])
        soft = scan.body & (scan.hu > -20) & (scan.hu < 200) & liver.levels[:, None, None]
        return cls(
            aorta.hu,
            cava.hu,
            liver.hu,
            muscle_hu(scan, spine),
            aorta.left - cava.left,
            aorta.steady,
            aorta.in_view,
            aorta.brightest,
            veins_share(scan, liver, liver.hu + 0.6 * (aorta.hu - liver.hu)),
            float(enhanced.sum() / max(1, soft.sum())),
            float(enhanced.sum() * scan.voxel_ml),
        )


def _judge(s: _Signs) -> tuple[Phase, str]:
    """The phase by signs that must agree.

    Found on real unenhanced and portal CT, the same painted with the attenuations of other phases, and phantoms: the
    aorta measured 35-60 HU unenhanced, 95-105 delayed, 130-180 portal, 240-335 arterial. Between them is "unknown".
    """
    measured = (
        f"aorta {s.aorta:.0f} HU, vena cava {s.cava:.0f} HU, liver {s.liver:.0f} HU, "
        f"{s.share:.1%} of the soft tissue beside the liver and in it above {ENHANCED_HU[0]} HU"
    )
    if not 5 <= s.muscle <= 95:
        return "unknown", f"the muscle beside the spine has {s.muscle:.0f} HU: are these Hounsfield units?"
    if s.in_view < 0.8:
        return "unknown", "the place of the aorta is not in the volume"
    if s.steady < 0.6:
        return "unknown", f"nothing beside the spine goes on as an aorta does along the liver: {measured}"
    if s.cava > 1.4 * max(s.aorta, 50):
        return "unknown", f"the vessel to the right of the spine is brighter than that to the left: {measured}"
    if s.aorta > 900:
        return "unknown", f"there is metal beside the spine: {measured}"
    if 10 < s.aorta < 80 and s.brightest < 115 and 0 < s.cava < 90 and s.liver < 80 and s.share < 0.03:
        return "unenhanced", f"neither vessels nor organs are enhanced: {measured}"
    over_liver = s.aorta / s.liver
    are_veins_filled = (s.cava > 0.75 * s.aorta and s.apart > MIN_APART_MM) or s.veins > 0.01
    if s.aorta > 170 and over_liver > 2.3 and s.liver < 100 and s.share > 0.008:
        if are_veins_filled:
            return "unknown", f"the aorta is far brighter than the liver, but so are veins: {measured}"
        return "arterial", f"the aorta is far brighter than the liver and the veins: {measured}"
    if s.aorta > 90 and s.share > 0.04:
        if s.liver > 82 and over_liver < 1.75:
            return "portal-or-later", f"the liver is enhanced and the aorta is not much brighter: {measured}"
        if 110 < s.aorta < 200 and s.liver < 100 and are_veins_filled and over_liver < 2.6:
            return "portal-or-later", f"the veins are as bright as the aorta: {measured}"
    return "unknown", f"the measurements fit no phase: {measured}"


def _unknown(reason: str) -> ContrastEvidence:
    return ContrastEvidence("unknown", float("nan"), float("nan"), float("nan"), reason)
