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
from HCCAssistLib.registration.region import Fixed, Moving, prepare_fixed, prepare_moving
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.registration.rigid import SEED, fit, registered, why_not
from HCCAssistLib.registration.sampled import Floats, Sampled
from HCCAssistLib.registration.spline import Spline
from HCCAssistLib.registration.threads import one_thread

CONTROL_MM = 40.0
"""Distance of control points: wider than a vessel, narrower than a lobe."""

LEVELS = (("middle", 200, 0.5, 0.03),)
"""Level, its steps, and the way of a control point in the first and the last of them, mm."""

SAMPLES = 2000
"""Places in the mask that one step looks at."""

BENDING = 1.5e-6
"""Mutual information (nats) that a bend is worth, by mm squared."""

MOMENTUM, SPREAD = 0.9, 0.99
"""How long Adam remembers slopes and their squares."""

LAST = 0.25
"""Share of the steps whose mean is the outcome, since single ones sway."""

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
        outcome = replace(rigid, source="deformable", spline=_search(ready, source, rigid.matrix))
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
    """The deformation before the rigid transform, level by level."""
    grid = ControlGrid(fixed.middle, CONTROL_MM)
    rng = np.random.default_rng(SEED)
    coefficients = np.zeros((grid.count, 3), np.float32)
    k, j, i = np.nonzero(sitk.GetArrayViewFromImage(fixed.middle_mask))
    inside = np.stack([i, j, k]).astype(np.float32)
    for level, steps, first_mm, last_mm in LEVELS:
        slope = _Slope(fixed, moving, level, rigid, grid, inside)
        lengths = np.geomspace(first_mm, last_mm, steps)
        coefficients = _climbed(slope, coefficients, lengths, rng)
    return grid.spline(coefficients)


class _Slope:
    """How the mutual information of a level changes with each coefficient."""

    def __init__(
        self, fixed: Fixed, moving: Moving, level: str, rigid: FloatArray, grid: ControlGrid, inside: Floats
    ) -> None:
        self._fixed, self._moving = Sampled(getattr(fixed, level)), Sampled(getattr(moving, level))
        self._grid, self._inside = grid, inside
        box = Sampled(fixed.middle)
        to_world = np.eye(4)
        to_world[:3, :3], to_world[:3, 3] = box.direction * box.spacing, box.origin
        self._to_fixed, self._to_moving = self._fixed.after(to_world), self._moving.after(rigid @ to_world)
        self._turn, _ = self._moving.after(rigid)
        here, there = (_moved(inside, *way) for way in (self._to_fixed, self._to_moving))
        values, _, seen = self._moving.at(there)
        self._histogram = JointHistogram(self._fixed.at(here)[0], values[seen])

    def at(self, coefficients: Floats, rng: np.random.Generator) -> Floats:
        """The slope ``(count, 3)`` by new places, nats per mm; without what bends."""
        chosen = self._inside[:, rng.integers(0, self._inside.shape[1], SAMPLES)]
        places = chosen + rng.random(chosen.shape, dtype=np.float32) - np.float32(0.5)
        weights = self._grid.weights(places)
        there = _moved(places, *self._to_moving) + _moved((weights @ coefficients).T, self._turn)
        values, slopes, seen = self._moving.at(there)
        gains = self._histogram.slopes(self._fixed.at(_moved(places, *self._to_fixed))[0], values, seen)
        pulls = _moved(slopes * gains, self._turn.T) / np.float32(SAMPLES)
        slope: Floats = weights.T @ pulls.T - np.float32(BENDING) * self._grid.bending(coefficients)
        return slope


def _climbed(slope: _Slope, coefficients: Floats, lengths: FloatArray, rng: np.random.Generator) -> Floats:
    """Coefficients after so many steps of Adam as there are lengths."""
    mean, square, last = (np.zeros_like(coefficients) for _ in range(3))
    kept = max(1, round(LAST * len(lengths)))
    for step, length in enumerate(lengths.tolist(), start=1):
        found = slope.at(coefficients, rng)
        mean = MOMENTUM * mean + (1 - MOMENTUM) * found
        square = SPREAD * square + (1 - SPREAD) * found**2
        spread = np.sqrt(square / (1 - SPREAD**step)) + 1e-8
        coefficients = coefficients + np.float32(length / (1 - MOMENTUM**step)) * mean / spread
        if step > len(lengths) - kept:
            last += coefficients / np.float32(kept)
    return last


def _moved(points: Floats, turn: Floats, shift: Floats | float = 0.0) -> Floats:
    """``turn @ points + shift`` for ``(3, n)``; sums of three need no library whose threads would change their bits."""
    moved: Floats = np.einsum("ab,bn->an", turn, points) + np.float32(shift)
    return moved


def _folds(outcome: Registration, fixed: Fixed) -> bool:
    """Whether the mapping turns tissue inside out at any point of the mask."""
    here = outcome.to_moving(fixed.points)
    sides = [outcome.to_moving(fixed.points + FOLD_MM * axis) - here for axis in np.eye(3)]
    return bool((np.linalg.det(np.stack(sides, axis=-1)) <= 0).any())
