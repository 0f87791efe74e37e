"""Measuring the ablation margin from the tumour before and the ablation zone after the treatment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.result import Interval
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.ablation_margin import LIMITS_MM, AblationMargin, shares
from HCCAssistLib.margin.distance import DistanceTable, SignedDistance
from HCCAssistLib.margin.liver_border import SUBCAPSULAR_MM, at_border
from HCCAssistLib.margin.registration_error import RegistrationError, check_rigid
from HCCAssistLib.margin.surface import Surface, surface_of

FARTHEST_MM = 20.0
"""Surfaces that lie so far apart are not of one place: the registration failed."""

MOST_POINTS, MOST_MOVED = 12_000, 3_000
"""Points of the tumour's surface that are measured, and those that are moved by every random registration."""

METHOD = "random rigid registrations, percentiles widened to their mirror images about the estimate"

LEVEL = 0.95


def measure_margin(
    tumour: Image,
    zone: Image,
    pre_to_post: npt.ArrayLike,
    *,
    error: RegistrationError | None,
    liver: Image | None = None,
) -> AblationMargin:
    """The margin of an ablation zone around a tumour, with intervals for the error of the registration.

    At each point of the tumour's outer surface the margin is the distance to the nearest place of the zone's outer
    surface, positive where the point lies inside the zone. It is directed: from tumour to zone. Points are weighted
    by the area that they stand for. Segments may lie on any grids.

    An interval holds the figures of randomly moved registrations (``RegistrationError``) between their percentiles 2.5
    and 97.5, and the mirror images of these about the estimate. Each random movement makes the smallest margin of a
    tumour in the middle of its zone smaller, and so did the error that is in the registration already: percentiles
    alone would nearly never hold the truth there.

    >>> from HCCAssistLib.imaging.geometry import Geometry
    >>> grid = Geometry.from_parts((60, 60, 60), (1.0, 1.0, 1.0), (-29.5, -29.5, -29.5))
    >>> away = np.linalg.norm(grid.to_world(np.stack(np.indices(grid.shape), -1)), axis=-1)
    >>> tumour, zone = (Image((away < radius).astype(np.uint8), grid) for radius in (10, 18))
    >>> round(measure_margin(tumour, zone, np.eye(4), error=RegistrationError(2.0)).smallest_mm)
    8

    Args:
        tumour: painted where not 0, on the scan before the ablation.
        zone: painted where not 0, on the scan after it.
        pre_to_post: 4 x 4, rigid, maps LPS mm of the scan before to those of the scan after.
        error: how wrong the registration may be; None where nobody knows, and there are no intervals.
        liver: painted where not 0, on the scan before: surface within 5 mm of the liver's surface does not count.

    Raises:
        InputError: an empty segment, one of a single slice, a transform that is not rigid, segments that lie far apart,
            or a tumour that lies at the border of the liver as a whole.
    """
    matrix = check_rigid(np.asarray(pre_to_post))
    before, after = surface_of(tumour, "tumour"), surface_of(zone, "ablation zone")
    chosen = _spread(len(before.points), MOST_POINTS)
    points, areas = before.points[chosen], before.areas[chosen] * (before.areas.sum() / before.areas[chosen].sum())
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    _check_near(moved, before, after, matrix)
    distance = SignedDistance(after)
    margins = distance(moved)
    counted = np.ones(len(points), bool) if liver is None else ~at_border(points, tumour, liver)
    if not counted.any():
        what = f"the whole surface lies within {SUBCAPSULAR_MM:g} mm of the liver's surface"
        raise InputError(what, "tumour", "check the liver's segment, or measure without it")
    if error is None:
        missing = Interval.missing("the error of the registration is not known", METHOD, LEVEL)
        smallest, under = missing, (missing,) * len(LIMITS_MM)
    else:
        smallest, under = _intervals(distance, moved, margins, areas, counted, error)
    return AblationMargin(
        points=points,
        margins=margins,
        areas=areas,
        counted=counted,
        smallest_interval=smallest,
        under_intervals=under,
        liver_known=liver is not None,
        registration_mm=None if error is None else float(error.mm),
        warnings=_warnings(margins),
    )


def _spread(n: int, most: int) -> npt.NDArray[np.intp]:
    """At most so many of ``n`` points, which lie in the order of voxels, all over the surface."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.intp))


def _check_near(moved: FloatArray, before: Surface, after: Surface, matrix: FloatArray) -> None:
    from scipy.spatial import cKDTree

    few = moved[_spread(len(moved), 500)]
    gap = float(cKDTree(after.points).query(few)[0].min())
    back = (after.points[_spread(len(after.points), 500)] - matrix[:3, 3]) @ matrix[:3, :3]
    if gap > FARTHEST_MM and not (after.contains(few).any() or before.contains(back).any()):
        what = f"tumour and ablation zone lie {gap:.0f} mm apart: the registration failed, or they are of two places"
        raise InputError(what, "registration", "register the scans anew, or choose the zone of this tumour")


def _intervals(
    distance: SignedDistance,
    moved: FloatArray,
    margins: FloatArray,
    areas: FloatArray,
    counted: npt.NDArray[np.bool_],
    error: RegistrationError,
) -> tuple[Interval, tuple[Interval, ...]]:
    """Of the smallest margin, and of the share under each limit."""
    center = np.average(moved, axis=0, weights=areas)
    places, weights = moved[counted], areas[counted]
    some = _spread(len(places), MOST_MOVED)
    arms, weights = places[some] - center, weights[some]
    rotations, shifts = error.movements()
    wrong = np.matmul(arms, rotations.transpose(0, 2, 1)) + center + shifts[:, None]
    reach = float(np.linalg.norm(wrong - places[some], axis=-1).max())
    table = DistanceTable.around(distance, places[some], reach)
    found = table.at(wrong)
    # What the fewer points and the table's straight lines leave out is the same before and after a movement.
    here, exact = table.at(places[some]), margins[counted]
    smallest = found.min(axis=1) + (exact.min() - here.min())
    under = np.clip(shares(found, weights) + shares(exact, areas[counted]) - shares(here, weights), 0, 1)
    estimates = shares(exact, areas[counted])
    limits = [
        _interval(draws, float(estimate), error, (0, 1)) for draws, estimate in zip(under.T, estimates, strict=True)
    ]
    return _interval(smallest, float(exact.min()), error, (-np.inf, np.inf)), tuple(limits)


def _interval(draws: FloatArray, estimate: float, error: RegistrationError, bounds: tuple[float, float]) -> Interval:
    low, high = np.quantile(draws, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    low, high = min(low, 2 * estimate - high), max(high, 2 * estimate - low)
    least, most = (float(np.clip(value, *bounds)) for value in (low, high))
    return Interval(least, most, METHOD, LEVEL, draws=len(draws), seed=error.seed)


def _warnings(margins: FloatArray) -> tuple[Problem, ...]:
    if margins.max() >= 0:
        return ()
    what = "the ablation zone covers no part of the tumour's surface"
    return (Problem("WARN", what, "registration", "check the registration, and that both are of one place"),)
