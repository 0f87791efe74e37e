"""An independent look at a registration: figures that the optimiser did not see."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.registration.region import Fixed, Moving

BINS = 32

CHANCE = 1 / 3
"""Mean squared cosine between two directions in space that know nothing of each other."""


def agreement(fixed: Fixed, moving: Moving, transform: sitk.Transform) -> tuple[float, float]:
    """Normalised mutual information and agreement of edges over the mask, where the moving image has voxels.

    The first is that of Studholme et al. (Pattern Recognition 1999), the second a normalised gradient field (Haber and
    Modersitzki, MICCAI 2006), weighted by the strength of both edges and scaled so that chance gives 0.
    """
    outside = -1e9
    there = sitk.GetArrayFromImage(sitk.Resample(moving.smooth, fixed.smooth, transform, sitk.sitkLinear, outside))
    here = sitk.GetArrayFromImage(fixed.smooth)
    seen = (sitk.GetArrayFromImage(fixed.middle_mask) != 0) & (there > outside / 2)
    if np.count_nonzero(seen) < BINS**2:
        return 1.0, 0.0
    counts = np.histogram2d(_ranked(here[seen]), _ranked(there[seen]), bins=BINS, range=((0, 1), (0, 1)))[0]
    share = counts / counts.sum()
    one, other, both = (_entropy(part) for part in (share.sum(axis=0), share.sum(axis=1), share))
    spacing = fixed.middle.GetSpacing()[::-1]
    there = np.where(there > outside / 2, there, 0)
    a, b = (np.array(np.gradient(image, *spacing))[:, _inner(seen)] for image in (here, there))
    strength = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    cosines = (a * b).sum(axis=0) ** 2 / np.maximum(strength, 1e-12)
    edges = (float(cosines.sum() / max(strength.sum(), 1e-12)) - CHANCE) / (1 - CHANCE)
    return (float((one + other) / both) if both > 0 else 1.0), edges


def _inner(seen: np.ndarray) -> np.ndarray:
    """Voxels whose six neighbours are seen as well, so that no gradient crosses the edge of an image."""
    inner = np.zeros_like(seen)
    core = (slice(1, -1),) * 3
    inner[core] = seen[core]
    for axis in range(3):
        inner &= np.roll(seen, 1, axis) & np.roll(seen, -1, axis)
    return inner


def _ranked(values: FloatArray) -> FloatArray:
    """Values from 0 to 1 between their 1st and 99th percentile."""
    low, high = np.percentile(values, (1, 99))
    ranked: FloatArray = np.clip((values - low) / max(float(high - low), 1e-12), 0, 1)
    return ranked


def _entropy(share: FloatArray) -> float:
    positive = share[share > 0]
    return float(-(positive * np.log(positive)).sum())
