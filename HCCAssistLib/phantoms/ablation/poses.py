"""How a patient lies in the scanner, how breath moves the liver between phases, and the grids of the volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.phantoms.dynamic_t1 import LIVER, Motion, rigid_motion
from HCCAssistLib.phantoms.liver.layout import draw_layout
from HCCAssistLib.recipes.ablation.recipe import FIXED, PHASES

BREATH_MM, BREATH_DEGREES = (2.5, 3.5, 9.0), 2.0
"""At most, to the left, back and head, between a phase and the delayed one."""

PLACED_MM, PLACED_DEGREES = (12.0, 8.0, 30.0), 5.0
"""At most, by which a patient lies differently at the second time point."""

SLIDES = 0.5
"""Share of the time points in which the wall stays where it is while the liver moves."""

SLICE_MM: Mapping[str, tuple[float, ...]] = {"internal": (3.0, 3.5, 4.0), "external": (3.0, 4.5)}
PIXEL_MM = {"internal": (1.95, 2.25), "external": (1.8, 2.4)}
FIELD_MM = (286.0, 214.0, 142.0)
"""What is seen, to the left, back and head."""

HIGH_MM = 3.0
"""Middle of what is seen, under that of the liver."""


@dataclass(frozen=True, eq=False, slots=True)
class Pose:
    """How the patient lies in the scans of one time point; every matrix is 4 x 4 and counts in LPS mm.

    Attributes:
        placed: from the patient's own frame to the scanner, in the delayed phase.
        breaths: of each phase, how the organs move in the patient's own frame.
        slides: whether the wall does not move with them.
        grid: of the volumes, axial or nearly so.
        turned_degrees: of the slices out of the patient's axes.
    """

    placed: FloatArray
    breaths: Mapping[str, FloatArray]
    slides: bool
    grid: Geometry
    turned_degrees: float

    @classmethod
    def draw(
        cls, rng: np.random.Generator, *, moved: bool, scanner: str, oblique: bool | None, breath: float = 1.0
    ) -> Pose:
        """A time point.

        Args:
            rng: drawn from.
            moved: whether the patient lies differently than in the own frame.
            scanner: a key of ``SLICE_MM``.
            oblique: whether the slices are turned; None to draw that too.
            breath: factor of the motion between phases.
        """
        shift, degrees = rng.uniform(-1, 1, 3) * PLACED_MM, rng.uniform(-1, 1, 3) * PLACED_DEGREES
        placed = matrix_of(rigid_motion(shift, degrees)) if moved else np.eye(4)
        breaths = {}
        for phase in PHASES:
            way, turn = rng.uniform(-1, 1, 3) * BREATH_MM, rng.uniform(-1, 1, 3) * BREATH_DEGREES
            still = phase == FIXED
            breaths[phase] = np.eye(4) if still else matrix_of(rigid_motion(breath * way, breath * turn))
        slides = bool(rng.random() < SLIDES)
        spacing, axes, turned = draw_layout(rng, SLICE_MM[scanner], PIXEL_MM[scanner], oblique)
        i, j, k = (round(side / step) for side, step in zip(FIELD_MM, spacing, strict=True))
        aside = rng.uniform(-1, 1, 3) * (5, 5, 4)
        middle = placed[:3, :3] @ (LIVER * (0, 0, 1) - (0, 0, HIGH_MM)) + placed[:3, 3] + aside
        half = axes @ ((np.array([i, j, k]) - 1) / 2 * spacing)
        return cls(
            placed, breaths, slides, Geometry.from_parts((k, j, i), spacing, (middle - half).tolist(), axes), turned
        )

    def of_tissue(self, phase: str) -> FloatArray:
        """From the patient's own frame to where an organ is seen in a phase."""
        return np.asarray(self.placed @ self.breaths[phase])

    def of_wall(self, phase: str) -> FloatArray:
        """From the patient's own frame to where wall and spine are seen in a phase."""
        return self.placed if self.slides else self.of_tissue(phase)

    def from_delayed(self, phase: str) -> FloatArray:
        """From a place in the delayed phase to the same tissue in another one: what a registration has to find."""
        return np.asarray(self.of_tissue(phase) @ np.linalg.inv(self.placed))


def matrix_of(motion: Motion) -> FloatArray:
    """The 4 x 4 matrix of a rigid motion."""
    corners = motion.forward(np.vstack([np.zeros(3), np.eye(3)]))
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = (corners[1:] - corners[0]).T, corners[0]
    return matrix


def moved_by(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """LPS points ``(..., 3)`` after a motion."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def seen_from(geometry: Geometry, motion: FloatArray) -> Geometry:
    """A grid in the frame from which a motion brings tissue to it: a rigid motion leaves a grid a grid."""
    return Geometry(geometry.shape, np.linalg.inv(motion) @ geometry.affine)
