"""Rigid registration of MR phases of one time point, by what is in and near the liver.

Mattes mutual information (Mattes et al., IEEE TMI 2003) of the voxels of the mask, first on a coarse image from two
starts, then on voxels of about 2.5 mm with a share of them. A bias field is divided out first: where it differs
between phases, it would shift the liver by a millimetre. Intensities count by volume only, never in fixed windows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.registration.quality import agreement
from HCCAssistLib.registration.region import COVERED, Fixed, Moving, check_image, prepare_fixed, prepare_moving
from HCCAssistLib.registration.registration import Quality, Registration
from HCCAssistLib.registration.threads import one_thread

BINS = 32
SEED = 1
SAMPLES = 12_000
"""Voxels of the mask that the last level looks at."""

HEIGHTS_MM = (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0)
"""Head-foot shifts that are tried first: a breath moves the liver that way most."""

ASIDE_MM = (7.0, -7.0, 8.0)
"""Where the second start lies from the first."""

COARSE_STEPS, FINE_STEPS = 40, 25
LARGEST_MM, LARGEST_DEGREES = 40.0, 12.0
"""No breath-hold moves the liver further: a larger outcome lies outside the range that can be captured."""

APART_MM = 2.0
"""Two starts that end further apart disagree."""

FEWEST_NORMALIZED, FEWEST_EDGES = 1.11, 0.6
"""Normalised mutual information and agreement of edges are above this for one liver in two phases, and at least one is
below it for those of two patients; chosen on phantoms (benchmarks/registration.py)."""


def register_rigid(fixed: Image, moving: Image, mask: Image | None = None) -> Registration:
    """The rigid transform from a fixed phase to a moving one of the same time point.

    Grids may differ in spacing, obliquity, order and handedness. Same input, same output, to the last bit.

    Args:
        fixed: the delayed phase.
        moving: another phase.
        mask: the liver where not 0, best painted on ``fixed``; None takes the body, which a note says.

    Returns:
        The outcome; where ``failure`` is not empty, it must not be used.

    Raises:
        InputError: an image or a mask that nothing can be registered by.
    """
    with one_thread():
        return registered(prepare_fixed(fixed, mask), moving)


def register_phases(fixed: Image, moving: Mapping[str, Image], mask: Image | None = None) -> dict[str, Registration]:
    """``register_rigid`` for several phases; what concerns the fixed image is done once."""
    with one_thread():
        ready = prepare_fixed(fixed, mask)
        return {name: registered(ready, image) for name, image in moving.items()}


def registered(fixed: Fixed, moving: Image) -> Registration:
    """The rigid transform of one moving image."""
    check_image(moving)
    overlap = float(moving.geometry.contains(fixed.points).mean())
    ready = prepare_moving(moving, fixed) if overlap >= COVERED else None
    if ready is None:
        why = (
            f"{moving.name or 'the moving image'} covers {100 * overlap:.0f} % of the mask by the positions in the"
            f" files (at least {100 * COVERED:.0f} % are needed); load phases of one examination, or give a"
            " transform by hand"
        )
        return Registration(np.eye(4), "rigid", failure=why, notes=fixed.notes)
    return _judged(fixed, ready, *_search(fixed, ready), overlap)


def _search(fixed: Fixed, moving: Moving) -> tuple[sitk.Euler3DTransform, float]:
    """The better outcome of two starts, and their mean distance in mm."""
    first = _start(fixed)
    coarse = _method(fixed.coarse_mask, fixed.points)

    def value(height: float) -> float:
        shifted = _shifted(first, (0, 0, height))
        coarse.SetInitialTransform(shifted)
        return _metric(coarse, fixed.coarse, moving.coarse)

    values = {height: value(height) for height in HEIGHTS_MM}
    best = min(values, key=lambda height: (values[height], abs(height)))
    found = []
    for aside in ((0.0, 0.0, 0.0), ASIDE_MM):
        transform = _shifted(first, np.add((0, 0, best), aside))
        coarse.SetOptimizerAsRegularStepGradientDescent(2.0, 0.05, COARSE_STEPS, 0.5, 1e-8)
        coarse.SetInitialTransform(transform, True)
        found.append((_run(coarse, fixed.coarse, moving.coarse), transform))
    apart = _distance(found[0][1], found[1][1], fixed.points)
    if apart <= APART_MM:
        found = [min(found, key=lambda pair: pair[0])]
    fine = _method(fixed.middle_mask, fixed.points, _share(fixed))
    refined = []
    for _, transform in found:
        fine.SetOptimizerAsRegularStepGradientDescent(0.5, 0.01, FINE_STEPS, 0.5, 1e-8)
        fine.SetInitialTransform(transform, True)
        refined.append((_run(fine, fixed.middle, moving.middle), transform))
    if len(refined) > 1:
        apart = _distance(refined[0][1], refined[1][1], fixed.points)
    return min(refined, key=lambda pair: pair[0])[1], apart


def _judged(
    fixed: Fixed, moving: Moving, transform: sitk.Euler3DTransform, apart: float, overlap: float
) -> Registration:
    """The outcome with its figures, and the sentence where it failed."""
    quality = _measured(fixed, moving, transform, apart, overlap)
    matrix = _matrix(transform)
    outcome = Registration(matrix, "rigid", quality=quality, notes=_noted(fixed, overlap))
    return outcome.failed(why_not(quality))


def _measured(fixed: Fixed, moving: Moving, transform: sitk.Euler3DTransform, apart: float, overlap: float) -> Quality:
    """The figures of a transform beside those of none; ``apart`` and ``overlap`` are passed on."""
    from scipy.spatial.transform import Rotation

    before, after = (fit(fixed, moving, one) for one in (_start(fixed), transform))
    ways = [np.subtract(transform.TransformPoint(point), point) for point in fixed.points[::4].tolist()]
    return Quality(
        information_before=before[0],
        information_after=after[0],
        normalized_before=before[1],
        normalized_after=after[1],
        edges_before=before[2],
        edges_after=after[2],
        shift_mm=float(np.linalg.norm(ways, axis=1).mean()),
        rotation_degrees=float(np.degrees(Rotation.from_matrix(_matrix(transform)[:3, :3]).magnitude())),
        starts_mm=apart,
        overlap=overlap,
    )


def fit(fixed: Fixed, moving: Moving, transform: sitk.Transform) -> tuple[float, float, float]:
    """Mutual information in nats, normalised mutual information and agreement of edges, of any transform."""
    method = _method(fixed.coarse_mask, fixed.points)
    method.SetInitialTransform(transform)
    return -_metric(method, fixed.coarse, moving.coarse), *agreement(fixed, moving, transform)


def why_not(quality: Quality) -> str:
    """Why an outcome must not be used; empty where it may."""
    if quality.shift_mm > LARGEST_MM or quality.rotation_degrees > LARGEST_DEGREES:
        return (
            f"it would shift the liver by {quality.shift_mm:.0f} mm and turn it by {quality.rotation_degrees:.0f}"
            f" degrees, more than any breath does ({LARGEST_MM:g} mm, {LARGEST_DEGREES:g} degrees);"
            " give a transform by hand"
        )
    if quality.starts_mm > APART_MM:
        return (
            f"two starts ended {quality.starts_mm:.1f} mm apart (at most {APART_MM:g} mm are accepted):"
            " the images do not say where the liver belongs; give a transform by hand"
        )
    if quality.normalized_after < FEWEST_NORMALIZED or quality.edges_after < FEWEST_EDGES:
        return (
            f"the images do not fit: normalised mutual information {quality.normalized_after:.3f} (needed"
            f" {FEWEST_NORMALIZED:g}), agreement of edges {quality.edges_after:.2f} (needed {FEWEST_EDGES:g}); is it"
            " the same patient and organ? Give a transform by hand"
        )
    if quality.information_after < quality.information_before or quality.edges_after < quality.edges_before - 0.02:
        return (
            f"the images fit no better than before (mutual information {quality.information_before:.3f} before,"
            f" {quality.information_after:.3f} after; edges {quality.edges_before:.2f}, {quality.edges_after:.2f});"
            " leave them as they are"
        )
    return ""


def _noted(fixed: Fixed, overlap: float) -> tuple[str, ...]:
    if overlap >= 0.98:
        return fixed.notes
    return (*fixed.notes, f"the moving image covers {100 * overlap:.0f} % of the mask")


def _share(fixed: Fixed) -> float:
    """Share of the voxels of the box that gives so many samples in the mask."""
    inside = int(np.count_nonzero(sitk.GetArrayViewFromImage(fixed.middle_mask)))
    return float(min(1.0, SAMPLES / max(1, inside)))


def _method(mask: sitk.Image, points: FloatArray, share: float = 1.0) -> sitk.ImageRegistrationMethod:
    """What both levels have in common."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    if share < 1:
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(share, SEED)
    method.SetMetricFixedMask(mask)
    method.SetMetricUseFixedImageGradientFilter(False)
    method.SetMetricUseMovingImageGradientFilter(False)
    method.SetInterpolator(sitk.sitkLinear)
    radius = float(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    method.SetOptimizerScales([radius] * 3 + [1.0] * 3)
    return method


def _run(method: sitk.ImageRegistrationMethod, fixed: sitk.Image, moving: sitk.Image) -> float:
    """Optimise in place; the metric reached, or a bad one where the images parted on the way."""
    try:
        method.Execute(fixed, moving)
        return float(method.GetMetricValue())
    except RuntimeError as error:
        return _parted(error)


def _metric(method: sitk.ImageRegistrationMethod, fixed: sitk.Image, moving: sitk.Image) -> float:
    """Negative mutual information; 0 where too few samples fall into the moving image."""
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError as error:
        return _parted(error)


def _parted(error: RuntimeError) -> float:
    text = str(error)
    if "samples map outside" in text or "valid points" in text or "Joint PDF" in text:
        return 0.0
    raise error


def _start(fixed: Fixed) -> sitk.Euler3DTransform:
    """No motion, turning about the middle of the mask."""
    transform = sitk.Euler3DTransform()
    transform.SetCenter(fixed.points.mean(axis=0).tolist())
    return transform


def _shifted(transform: sitk.Euler3DTransform, by: npt.ArrayLike) -> sitk.Euler3DTransform:
    moved = sitk.Euler3DTransform(transform)
    moved.SetTranslation((np.array(moved.GetTranslation()) + np.asarray(by)).tolist())
    return moved


def _matrix(transform: sitk.Euler3DTransform) -> FloatArray:
    """Its 4x4, LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    center = np.array(transform.GetCenter())
    matrix[:3, 3] = center + transform.GetTranslation() - matrix[:3, :3] @ center
    return matrix


def _distance(one: sitk.Euler3DTransform, other: sitk.Euler3DTransform, points: FloatArray) -> float:
    """Mean distance in mm between where two transforms put points."""
    a, b = _matrix(one), _matrix(other)
    apart = points @ (a - b)[:3, :3].T + (a - b)[:3, 3]
    return float(np.linalg.norm(apart, axis=1).mean())
