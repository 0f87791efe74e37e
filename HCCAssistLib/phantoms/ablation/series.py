"""A dynamic series of four phases of one time point, as a scanner stores it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.ablation.patient import SIGNALS, Patient
from HCCAssistLib.phantoms.ablation.poses import Pose, seen_from
from HCCAssistLib.phantoms.liver.canvas import SUBSAMPLE_MM, Canvas, Field
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid
from HCCAssistLib.phantoms.liver.storage import Storage, stored
from HCCAssistLib.phantoms.liver.tumour_truth import NOTE
from HCCAssistLib.recipes.ablation.recipe import FIXED, PHASES

NOISE = (3.0, 6.5)
"""Least and most standard deviation in each of the two channels, where an unenhanced liver has 104."""

BIAS = (0.05, 0.16)
GAIN, OFFSET = (0.7, 12.0), (0.0, 30.0)
"""By which a scanner multiplies, of each volume anew within a third, and what it adds."""


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """One time point; all images lie on one grid.

    Attributes:
        volumes: int16 of each phase.
        region: 0 outside, n in the n-th tumour or zone, as a reader draws it in the delayed phase.
        liver: 1 in the liver of the delayed phase, lesions included.
        pose: how the patient lay and breathed.
        gains: multiplier and offset of each phase.
    """

    volumes: Mapping[str, Image]
    region: Image
    liver: Image
    pose: Pose
    gains: Mapping[str, tuple[float, float]]


def take_series(
    rng: np.random.Generator,
    patient: Patient,
    pose: Pose,
    draw: Callable[[Canvas, str], None],
    shapes: tuple[IrregularEllipsoid, ...],
    order: Storage,
    *,
    noise: float | None = None,
) -> Series:
    """Draw the phases of a time point and store their voxels in an order.

    Args:
        rng: of noise, bias field and gain.
        patient: without lesions.
        pose: of the time point.
        draw: draws the lesions into a canvas in the patient's own frame, in a phase.
        shapes: surfaces of what is marked, in that frame.
        order: of the stored voxels.
        noise: standard deviation in each channel; drawn by default.
    """
    level = float(rng.uniform(*NOISE))
    level = level if noise is None else noise
    gain = float(np.exp(rng.uniform(*np.log(GAIN))))
    volumes, gains = {}, {}
    liver = np.zeros(pose.grid.shape, np.uint8)
    for phase in PHASES:
        wall, cavity = patient.draw_wall(seen_from(pose.grid, pose.of_wall(phase)), SIGNALS[phase])
        canvas, deep = patient.draw_inside(
            seen_from(pose.grid, pose.of_tissue(phase)), SIGNALS[phase], arterial=phase == "arterial"
        )
        canvas.samples = (max(1, int(np.ceil(pose.grid.spacing[2] / SUBSAMPLE_MM))), 1, 1)
        draw(canvas, phase)
        signal = wall + cavity * (canvas.array - wall)
        own = gain * float(rng.uniform(0.75, 1.25)), float(rng.uniform(*OFFSET))
        gains[phase] = own
        volumes[phase] = stored(Image(_scanned(rng, pose.grid, signal, level, own), pose.grid, phase, (NOTE,)), order)
        if phase == FIXED:
            liver = ((deep > 0) & (cavity > 0.5)).astype(np.uint8)
    region = _marked(seen_from(pose.grid, pose.of_tissue(FIXED)), shapes)
    regions, livers = (stored(Image(array, pose.grid, "mask", (NOTE,)), order) for array in (region, liver))
    return Series(volumes, regions, livers, pose, gains)


def _scanned(
    rng: np.random.Generator, grid: Geometry, signal: Field, noise: float, gain: tuple[float, float]
) -> np.ndarray:
    """Bias field, Rician noise, and the scanner's own scale."""
    strength, lean = float(rng.uniform(*BIAS)), rng.uniform(0, 2 * np.pi, 2)
    k, j, i = (np.arange(n) * step for n, step in zip(grid.shape, grid.spacing[::-1], strict=True))
    field = np.sin(i / 110 + lean[0])[None, :] * np.cos(j / 90 + lean[1])[:, None]
    signal *= (1 + strength * field[None] + 0.3 * strength * np.sin(k / 80)[:, None, None]).astype(np.float32)
    if noise:
        fast = np.random.Generator(np.random.SFC64(rng.integers(2**63)))
        real, imaginary = (fast.standard_normal(signal.shape, dtype=np.float32) for _ in range(2))
        signal += np.float32(noise) * real
        signal = np.hypot(signal, np.float32(noise) * imaginary)
    return np.rint(np.float32(gain[0]) * signal + np.float32(gain[1])).astype(np.int16)


def _marked(grid: Geometry, shapes: tuple[IrregularEllipsoid, ...]) -> np.ndarray:
    marked = np.zeros(grid.shape, np.uint8)
    canvas = Canvas(grid, np.zeros((1, 1, 1), np.float32))
    for number, shape in enumerate(shapes, 1):
        patch = shape.patch(canvas)
        if patch is not None:
            marked[patch.slices][patch.average(shape.depth(patch) > 0) > 0.5] = number
    return marked
