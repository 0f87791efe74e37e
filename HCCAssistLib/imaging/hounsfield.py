"""Whether voxels can be Hounsfield units: air near -1000, water 0, soft tissue below 300, only bone and metal above."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.image import Image

SAMPLE = 250_000
"""Voxels looked at: the shares below are asked for in per cents."""

PADDING_HU = -1200
"""Scanners fill what they did not see with values below any air."""

EIGHT_BITS = ((0.0, 255.0), (-128.0, 127.0))

AIR_HU = -300
DENSE_HU = 800
NARROW = 20.0
WIDE_MM = 250
"""In a field this wide there are air and fat around and in the patient."""


def hounsfield_objection(image: Image) -> str:
    """What was measured in a volume whose voxels cannot be Hounsfield units; empty where they can.

    Crops without air, phantoms of one tissue, metal and padding pass.

    Args:
        image: any CT, in any storage order.
    """
    low, high = float(image.array.min()), float(image.array.max())
    if low == high:
        return f"all voxels have the value {low:g}"
    if (low, high) in EIGHT_BITS:
        return f"the values run from {low:g} to {high:g}, as in a picture of 8 bits"
    if high <= PADDING_HU:
        return f"all voxels lie below {PADDING_HU}"
    if high <= NARROW:
        low = float(image.array[image.array > PADDING_HU].min())
        if low >= -NARROW:
            return f"all voxels lie between {low:.3g} and {high:.3g}, as after a normalisation"
    values = _sample(image.array)
    seen = values[values > PADDING_HU]
    if not len(seen):
        return f"hardly any voxel lies above {PADDING_HU}"
    dense = float(np.mean(seen > DENSE_HU))
    if dense > 0.15:
        middle = float(np.median(seen[seen > DENSE_HU]))
        return (
            f"{dense:.0%} of the voxels lie above {DENSE_HU} (the middle one at {middle:.0f}), where only bone and "
            "metal are; is an offset of 1,000 or 1,024 left in the values, or are they inverted?"
        )
    if float(np.mean(seen < -50)) < 0.001:
        return _without_negatives(seen, high, image)
    tissue = float(np.mean(seen > AIR_HU))
    if tissue < 0.01:
        return f"{1 - tissue:.1%} of the voxels lie below {AIR_HU}: there is hardly anything but air"
    return ""


def _without_negatives(seen: npt.NDArray[np.float32], high: float, image: Image) -> str:
    """Air at 0 or brighter, as in windowed pictures and in MR; a crop within an organ has none."""
    bright = float(np.percentile(seen, 99))
    dark = float(np.mean(np.abs(seen) <= 0.08 * bright))
    what = f"hardly a voxel lies below -50, where air and fat are, and the highest is {high:.0f}"
    if dark > 0.2:
        return f"{what}; {dark:.0%} lie near 0, as in MR or in a picture of 8 bits"
    size = image.geometry.size_ijk * image.geometry.spacing
    if np.sort(size)[1] >= WIDE_MM:
        return f"{what}, in a field of {np.sort(size)[1]:.0f} mm"
    return ""


def _sample(array: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Voxels from everywhere in the volume; whole lines, which memory gives fastest."""
    lines = array.reshape(-1, array.shape[-1])
    step = max(1, array.size // SAMPLE)
    # a step that shares no factor with the lines of a slice does not fall on the same column of every slice
    while step > 1 and np.gcd(step, array.shape[1]) > 1:
        step += 1
    return lines[::step].astype(np.float32).ravel()
