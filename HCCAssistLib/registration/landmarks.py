"""How far a registration misses points that a person marked in both images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.registration.registration import Registration


@dataclass(frozen=True, slots=True)
class LandmarkError:
    """Distances between mapped and marked points.

    Attributes:
        n: pairs of points.
        mean_mm, max_mm: over the pairs.
        each_mm: of each pair, in the order given.
    """

    n: int
    mean_mm: float
    max_mm: float
    each_mm: tuple[float, ...]


def landmark_error(
    registration: Registration, fixed_points: npt.ArrayLike, moving_points: npt.ArrayLike
) -> LandmarkError:
    """The target registration error at landmarks.

    >>> landmark_error(Registration.by_person(np.eye(4)), [(0, 0, 0), (9, 0, 0)], [(0, 0, 1), (9, 3, 4)]).mean_mm
    3.0

    Args:
        registration: from fixed to moving.
        fixed_points, moving_points: the same anatomical places, LPS mm ``(n, 3)``, in the same order.

    Raises:
        InputError: no points, unequal numbers of them, or no finite places.
    """
    fixed, moving = (_places(points) for points in (fixed_points, moving_points))
    if len(fixed) != len(moving):
        what = f"{len(fixed)} landmarks in the fixed and {len(moving)} in the moving image"
        raise InputError(what, "landmarks", "mark each place in both, in the same order")
    each = np.linalg.norm(registration.to_moving(fixed) - moving, axis=1)
    return LandmarkError(len(each), float(each.mean()), float(each.max()), tuple(float(mm) for mm in each))


def _places(points: npt.ArrayLike) -> FloatArray:
    places = np.asarray(points, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 3 or not len(places) or not np.isfinite(places).all():
        raise InputError("landmarks are at least one finite point of three coordinates", "landmarks", "mark them again")
    return places
