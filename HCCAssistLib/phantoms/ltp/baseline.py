"""The simplest detector of arterial enhancement, to compare the network with: a threshold on HU in the liver."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order

SMOOTHING_MM = 1.5
SMALLEST_ML = 0.1
"""A sphere of 5.8 mm: smaller spots are noise."""

CONTRASTS = (15.0, 20.0, 25.0, 30.0, 40.0)


@dataclass(frozen=True, slots=True)
class ThresholdCandidate:
    """An enhancing spot: its centre (LPS mm) and its mean contrast over the liver (HU)."""

    center_lps: tuple[float, float, float]
    score: float


@dataclass(frozen=True, eq=False, slots=True)
class ThresholdCase:
    """What the threshold is tuned on: a volume, its liver, and the lesions' centres (LPS mm) and radii (mm)."""

    image: Image
    liver: Image
    lesions: npt.NDArray[np.float64]
    radii: npt.NDArray[np.float64]


def hu_threshold_score(image: Image, liver: Image, *, contrast_hu: float) -> tuple[ThresholdCandidate, ...]:
    """Connected spots of the liver whose smoothed HU exceeds the liver's median by a contrast.

    Args:
        image: CT in HU, in any storage order.
        liver: mask on the same grid.
        contrast_hu: the threshold, over the median of the liver.

    Returns:
        By falling score.

    Raises:
        InputError: the mask is empty or lies on another grid.
    """
    return _spots(_Contrast(image, liver), contrast_hu)


def tune_contrast(
    cases: Iterable[ThresholdCase], *, contrasts: Sequence[float] = CONTRASTS, tolerance_mm: float = 5.0
) -> float:
    """The contrast with the best mean sensitivity over 1/8 to 8 false positives per volume.

    Args:
        cases: of the training set, with lesions in at least one.
        contrasts: what is tried.
        tolerance_mm: of the hit, as for ``froc``.
    """
    from HCCAssistLib.evaluation.froc import froc
    from HCCAssistLib.evaluation.lesion_matching import VolumeFindings

    prepared = [(case, _Contrast(case.image, case.liver)) for case in cases]

    def figure(contrast: float) -> float:
        findings = []
        for number, (case, prepared_case) in enumerate(prepared):
            found = _spots(prepared_case, contrast)
            centers = np.array([c.center_lps for c in found]).reshape(-1, 3)
            scores = np.array([c.score for c in found])
            findings.append(VolumeFindings(str(number), centers, scores, case.lesions, case.radii))
        # two draws: only the estimate is wanted here, not its interval
        return froc(findings, tolerance_mm=tolerance_mm, draws=2).cpm.value or 0.0

    return float(max(contrasts, key=figure))


class _Contrast:
    """Smoothed HU over the median of the liver, in the box around the liver."""

    def __init__(self, image: Image, liver: Image) -> None:
        if not image.geometry.matches(liver.geometry):
            raise InputError("the liver's mask lies on another grid than the image", image.name)
        if not liver.array.any():
            raise InputError("the liver's mask is empty", image.name)
        image, liver = to_lps_order(image), to_lps_order(liver)
        box = ndimage.find_objects((liver.array > 0).astype(np.uint8))[0]
        self.mask = np.asarray(liver.array[box]) > 0
        start = [s.start for s in box]
        self.geometry: Geometry = image.geometry.crop(start[::-1], self.mask.shape)
        hu = np.asarray(image.array[box], dtype=np.float32)
        sigma = SMOOTHING_MM / self.geometry.spacing[::-1]
        # a mean over the liver's own voxels, so that ribs and kidneys do not shine into its edge
        weight = ndimage.gaussian_filter(self.mask.astype(np.float32), sigma, truncate=3)
        total = ndimage.gaussian_filter(np.where(self.mask, hu, np.float32(0)), sigma, truncate=3)
        smooth = total / np.maximum(weight, np.float32(1e-3))
        self.hu: npt.NDArray[np.float32] = smooth - np.float32(np.median(smooth[self.mask]))


def _spots(contrast: _Contrast, threshold: float) -> tuple[ThresholdCandidate, ...]:
    labels, _ = ndimage.label(contrast.mask & (contrast.hu > threshold))
    inside = np.nonzero(labels)  # a small part of the box: what follows looks at nothing else
    of = labels[inside]
    counts = np.bincount(of)
    numbers = np.flatnonzero(counts * float(np.prod(contrast.geometry.spacing)) / 1000 >= SMALLEST_ML)
    if not len(numbers):
        return ()
    means = np.bincount(of, contrast.hu[inside])[numbers] / counts[numbers]
    middles = [np.bincount(of, axis)[numbers] / counts[numbers] for axis in reversed(inside)]
    places = contrast.geometry.to_world(np.stack(middles, axis=-1))
    found = [
        ThresholdCandidate((float(x), float(y), float(z)), float(s)) for (x, y, z), s in zip(places, means, strict=True)
    ]
    return tuple(sorted(found, key=lambda c: -c.score))
