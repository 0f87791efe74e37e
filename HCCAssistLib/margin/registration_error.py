"""How a rigid registration may be wrong: random rigid movements of a stated size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray

LARGEST_MM = 20.0
"""An error above this says that the registration failed."""

LEVER_MM = 50.0
"""Distance from the tumour at which a wrong rotation alone moves as far as the wrong shift: where landmarks lie."""

DRAWS = (100, 10_000)


@dataclass(frozen=True, slots=True)
class RegistrationError:
    """The model of the error: an isotropic normal shift, and an isotropic normal rotation about the tumour's centre.

    The shift has the root mean square ``mm`` (``mm / sqrt(3)`` along each axis). The rotation vector has a normal angle
    about each axis, so large that it moves a point ``LEVER_MM`` away by the root mean square ``mm`` too: of landmarks
    spread over the liver the residual is as large as that. A tumour's own surface, 10 mm from its centre, turns by a
    fifth of ``mm``.

    >>> error = RegistrationError(2.0, draws=1000, seed=1)
    >>> rotations, shifts = error.movements()
    >>> rotations.shape, shifts.shape, round(float((shifts**2).sum(axis=1).mean() ** 0.5), 1)
    ((1000, 3, 3), (1000, 3), 2.0)

    Attributes:
        mm: root mean square distance between landmarks after the registration, or its target registration error.
        draws: random movements.
        seed: of the movements.

    Raises:
        InputError: a number out of range.
    """

    mm: float
    draws: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        number = self.mm
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= LARGEST_MM:
            what = f"an error of {number!r} mm is none of a registration"
            raise InputError(what, "registration", f"give what landmarks show, above 0 and up to {LARGEST_MM:g} mm")
        least, most = DRAWS
        if type(self.draws) is not int or not least <= self.draws <= most:
            raise InputError(f"{self.draws!r} random registrations", "registration", f"take {least} to {most}")
        if type(self.seed) is not int or self.seed < 0:
            raise InputError(f"{self.seed!r} is no seed", "registration", "give a whole number from 0 on")

    def movements(self) -> tuple[FloatArray, FloatArray]:
        """Rotations ``(draws, 3, 3)`` about the tumour's centre and shifts ``(draws, 3)`` in mm."""
        from scipy.spatial.transform import Rotation

        rng = np.random.default_rng(self.seed)
        shifts = rng.normal(0, self.mm / math.sqrt(3), (self.draws, 3))
        # a rotation vector w moves a point p by w x p: on average over directions 2/3 |w|^2 |p|^2, with |w|^2 = 3 s^2
        angles = rng.normal(0, self.mm / (LEVER_MM * math.sqrt(2)), (self.draws, 3))
        return np.asarray(Rotation.from_rotvec(angles).as_matrix()), shifts


def check_rigid(matrix: FloatArray) -> FloatArray:
    """A rigid transform, or why a matrix is none.

    Args:
        matrix: 4 x 4.

    Raises:
        InputError: another shape, numbers that are not finite, or scaling, shear or a mirror.
    """
    try:
        found = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("the registration is no matrix of numbers", "registration") from error
    if found.shape != (4, 4) or not np.isfinite(found).all() or not np.allclose(found[3], (0, 0, 0, 1)):
        remedy = "give the matrix from the scan before to the scan after the ablation, in LPS millimetres"
        raise InputError("the registration is no 4 x 4 matrix of finite numbers", "registration", remedy)
    turn = found[:3, :3]
    if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3 or np.linalg.det(turn) < 0:
        remedy = "register rigidly: a margin in a stretched or mirrored scan is none"
        raise InputError("the registration scales, shears or mirrors", "registration", remedy)
    return found
