"""Deformable registration of MR phases: B-splines (Rueckert et al., IEEE TMI 1999) after the rigid transform.

Mutual information of new random places in each step (Klein et al., IEEE TIP 2007): the same ones in all steps would be
fitted with their noise. Steps are those of Adam (Kingma and Ba, ICLR 2015) and get shorter.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.registration.control_grid import ControlGrid
from HCCAssistLib.registration.joint_histogram import JointHistogram
from HCCAssistLib.registration.moving import itk_transform
from HCCAssistLib.registration.region import FINE_MM, Fixed, Moving, prepare_fixed, prepare_moving
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.registration.rigid import SEED, fit, registered, why_not
from HCCAssistLib.registration.sampled import Floats, Sampled
from HCCAssistLib.registration.spline import Spline
from HCCAssistLib.registration.threads import one_thread

CONTROL_MM = 40.0
"""Distance of control points: wider than a vessel, narrower than a lobe."""

STEPS, FIRST_MM, LAST_MM = 200, 0.5, 0.03
"""Steps, and how far a control point goes in the first and in the last of them."""

SAMPLES = 2000
"""Places in the mask that one step looks at."""

BENDING = 1.5e-6
"""Mutual information (nats) that a bend is worth, by mm squared."""

MOMENTUM, SPREAD = 0.9, 0.99
"""How long Adam remembers slopes and their squares."""

SMALLEST = 1e-8
"""Added to the spread of slopes, so that none is divided by 0."""

AVERAGED = 50
"""Last steps whose mean is the outcome, since single ones sway."""

FOLD_MM = 3.0
"""Points that far apart are looked at for folds."""


def register_deformable(fixed: Image, moving: Image, mask: Image | None = None) -> Registration:
    """A B-spline deformation after the rigid transform; where that failed, the rigid outcome with its reason.

    A deformation can make tissue fit that does not belong together; a lesion that grew between two scans would be
    shrunk. It is meant for phases of one time point alone. Same input, same output, to the last bit.

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
        fine = prepare_fixed(fixed, mask, middle_mm=FINE_MM)
        finely = prepare_moving(moving, fine, middle_mm=FINE_MM) or source
        outcome = replace(rigid, source="deformable", spline=_search(fine, finely, rigid.matrix))
        information, normalized, edges = fit(ready, source, itk_transform(outcome))
        ways = np.linalg.norm(outcome.to_moving(ready.points) - ready.points, axis=1)
        quality = replace(
            rigid.quality,
            information_after=information,
            normalized_after=normalized,
            edges_after=edges,
            shift_mm=float(ways.mean()),
        )
        outcome = replace(outcome, quality=quality)
        if _folds(outcome, ready):
            return outcome.failed("the deformation folds tissue over inside the liver; use the rigid transform")
        if quality.information_after < rigid.quality.information_after:
            return outcome.failed("the deformation fits no better than the rigid transform; use that one")
        return outcome.failed(why_not(quality))


def _search(fixed: Fixed, moving: Moving, rigid: FloatArray) -> Spline:
    """The deformation before the rigid transform, by steps of Adam."""
    grid = ControlGrid(fixed.middle, CONTROL_MM)
    slope = _Slope(fixed, moving, rigid, grid)
    rng = np.random.default_rng(SEED)
    coefficients, mean, square, total = (np.zeros((grid.count, 3), np.float32) for _ in range(4))
    for step, length in enumerate(np.geomspace(FIRST_MM, LAST_MM, STEPS).tolist(), start=1):
        found = slope.at(coefficients, rng)
        mean = MOMENTUM * mean + (1 - MOMENTUM) * found
        square = SPREAD * square + (1 - SPREAD) * found**2
        spread = np.sqrt(square / (1 - SPREAD**step)) + SMALLEST
        coefficients = coefficients + np.float32(length / (1 - MOMENTUM**step)) * mean / spread
        if step > STEPS - AVERAGED:
            total += coefficients
    return grid.spline(total / np.float32(AVERAGED))


class _Slope:
    """How the mutual information changes with each coefficient."""

    def __init__(self, fixed: Fixed, moving: Moving, rigid: FloatArray, grid: ControlGrid) -> None:
        self._fixed, self._moving, self._grid = Sampled(fixed.middle), Sampled(moving.middle), grid
        k, j, i = np.nonzero(sitk.GetArrayViewFromImage(fixed.middle_mask))
        self._inside = np.stack([i, j, k]).astype(np.float32)
        self._turn, _ = self._moving.after(rigid)
        self._to_moving = self._moving.after(rigid @ self._fixed.affine)
        values, _, seen = self._moving.at(_moved(self._inside, *self._to_moving))
        self._histogram = JointHistogram(self._fixed.at(self._inside)[0], values[seen])

    def at(self, coefficients: Floats, rng: np.random.Generator) -> Floats:
        """The slope ``(count, 3)`` by new places, nats per mm, less what bends cost."""
        voxels = self._inside[:, rng.integers(0, self._inside.shape[1], SAMPLES)]
        places = voxels + rng.random(voxels.shape, dtype=np.float32) - np.float32(0.5)
        weights = self._grid.weights(places)
        there = _moved(places, *self._to_moving) + _moved((weights @ coefficients).T, self._turn)
        values, slopes, seen = self._moving.at(there)
        gains = self._histogram.slopes(self._fixed.at(places)[0], values, seen)
        pulls = _moved(slopes * gains, self._turn.T) / np.float32(SAMPLES)
        slope: Floats = weights.T @ pulls.T - np.float32(BENDING) * self._grid.bending(coefficients)
        return slope


def _moved(points: Floats, turn: Floats, shift: Floats | float = 0.0) -> Floats:
    """``turn @ points + shift`` for ``(3, n)``, by sums whose order no number of threads changes."""
    moved: Floats = np.einsum("ab,bn->an", turn, points) + np.float32(shift)
    return moved


def _folds(outcome: Registration, fixed: Fixed) -> bool:
    """Whether the mapping turns tissue inside out at any point of the mask."""
    here = outcome.to_moving(fixed.points)
    sides = [outcome.to_moving(fixed.points + FOLD_MM * axis) - here for axis in np.eye(3)]
    return bool((np.linalg.det(np.stack(sides, axis=-1)) <= 0).any())
