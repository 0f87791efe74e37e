"""Deformable registration of MR phases: B-splines (Rueckert et al., IEEE TMI 1999) after the rigid transform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.registration.moving import itk_transform
from HCCAssistLib.registration.region import Fixed, Moving, prepare_fixed, prepare_moving
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.registration.rigid import BINS, SEED, measured, registered, why_not
from HCCAssistLib.registration.spline import ORDER, Spline
from HCCAssistLib.registration.threads import one_thread

CONTROL_MM = 40.0
"""Distance of control points: wider than a vessel, narrower than a lobe."""

LEVELS = (("coarse", 1.0, 10), ("middle", 0.06, 10))
"""Level, share of its voxels, and steps of the quasi-Newton optimiser."""

FOLD_MM = 3.0
"""Points that far apart are looked at for folds."""


def register_deformable(fixed: Image, moving: Image, mask: Image | None = None) -> Registration:
    """A B-spline deformation after the rigid transform; where that failed, the rigid outcome with its reason.

    A deformation can make tissue fit that does not belong together; a lesion that grew between two scans would be
    shrunk. It is meant for phases of one time point alone.

    Args:
        fixed, moving, mask: as for ``register_rigid``.

    Raises:
        InputError: an image or a mask that nothing can be registered by.
    """
    with one_thread():
        ready = prepare_fixed(fixed, mask)
        rigid = registered(ready, moving)
        source = prepare_moving(moving, ready)
        if not rigid.succeeded or source is None or rigid.quality is None:
            return rigid
        spline = Spline.from_itk(_search(ready, source, itk_transform(rigid)))
        outcome = replace(rigid, source="deformable", spline=spline)
        quality = measured(ready, source, itk_transform(outcome), rigid.quality.starts_mm, rigid.quality.overlap)
        quality = replace(quality, rotation_degrees=rigid.quality.rotation_degrees)
        outcome = replace(outcome, quality=quality)
        if _folds(outcome, ready):
            return outcome.failed("the deformation folds tissue over inside the liver; use the rigid transform")
        if quality.information_after < rigid.quality.information_after:
            return outcome.failed("the deformation fits no better than the rigid transform; use that one")
        return outcome.failed(why_not(quality))


def _search(fixed: Fixed, moving: Moving, rigid: sitk.Transform) -> sitk.BSplineTransform:
    """The deformation before the rigid transform, level by level."""
    sides = np.array(fixed.coarse.GetSize()) * fixed.coarse.GetSpacing()
    mesh = [max(2, round(side / CONTROL_MM)) for side in sides.tolist()]
    spline = sitk.BSplineTransformInitializer(fixed.coarse, mesh, ORDER)
    for level, share, steps in LEVELS:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(BINS)
        if share < 1:
            method.SetMetricSamplingStrategy(method.RANDOM)
            method.SetMetricSamplingPercentage(share, SEED)
        method.SetMetricFixedMask(getattr(fixed, f"{level}_mask"))
        method.SetMetricUseFixedImageGradientFilter(False)
        method.SetMetricUseMovingImageGradientFilter(False)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsLBFGSB(1e-6, steps, 7, 2 * steps, 1e6)
        method.SetMovingInitialTransform(rigid)
        method.SetInitialTransform(spline, True)
        method.Execute(getattr(fixed, level), getattr(moving, level))
    return spline


def _folds(outcome: Registration, fixed: Fixed) -> bool:
    """Whether the mapping turns tissue inside out at any point of the mask."""
    points = fixed.points[::4]
    here = outcome.to_moving(points)
    sides = [outcome.to_moving(points + FOLD_MM * axis) - here for axis in np.eye(3)]
    return bool((np.linalg.det(np.stack(sides, axis=-1)) <= 0).any())
