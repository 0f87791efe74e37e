"""Points that cannot be where a lesion is are told by their labels: in air, beside the liver, swapped, doubled."""

from __future__ import annotations

import re

import numpy as np
import pytest
from body import LIVER_CENTER, LIVER_RADII, body_image, liver_mask, oblique_grid

from HCCAssistLib.cohort.point_checks import contradictions, points_on_volume
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import Problem

GRID = oblique_grid()
CT = body_image(GRID)
LIVER = liver_mask(GRID)


def points(*positions: object) -> PointList:
    return PointList("ltp", tuple(Point(f"F-{n}", tuple(p)) for n, p in enumerate(positions, start=1)))  # type: ignore[arg-type]


def said(*positions: object, liver: bool = True, lesions: bool = True) -> list[Problem]:
    found = points_on_volume(points(*positions), CT, of_lesions=lesions, liver=LIVER if liver else None)
    return list(found)


GOOD = (-35.0, 12.0, -15.0), (-50.0, 20.0, -25.0), (-20.0, 0.0, -5.0)


def test_points_in_the_liver_give_no_word() -> None:
    assert said(*GOOD) == []
    assert said(*GOOD, liver=False) == []


@pytest.mark.parametrize(
    ("position", "level", "says"),
    [
        ((0, -85, -10), "STOP", "lies in air or lung: mean -1"),  # in front of the patient
        ((-40, 0, 45), "STOP", "lies in air or lung: mean -8"),  # deep in the lung
        ((-40, 0, 27), "WARN", "lies in air or lung"),  # at the edge of the lung
        ((0, -65, -10), "WARN", "lies in fat: mean -"),
        ((0, 0, 300), "STOP", "mm outside the volume"),
    ],
)
def test_a_point_that_cannot_be_a_lesion_is_told_by_degree(position: object, level: str, says: str) -> None:
    problems = said(*GOOD, position, liver=False)
    assert [(problem.level, problem.where) for problem in problems] == [(level, "point 'F-4'")]
    assert says in problems[0].what


@pytest.mark.parametrize(("beyond", "level"), [(3, None), (12, "WARN"), (40, "STOP")])
def test_a_point_beside_the_livers_segment_is_told_with_how_far(beyond: float, level: str | None) -> None:
    # beyond its left end, where the body goes on
    position = LIVER_CENTER + np.array((LIVER_RADII[0] + beyond, 0, 0))
    problems = said(*GOOD, position)
    assert [problem.level for problem in problems] == ([level] if level else [])
    if level == "WARN":
        assert re.search(r"lies 1[0-3] mm outside", problems[0].what)
        assert "outside the liver's segment" in problems[0].what
    if level == "STOP":
        assert "more than 30 mm outside" in problems[0].what
    assert said(*GOOD, position, lesions=False) == []


def test_swapped_and_mirrored_points_are_told_with_what_would_put_them_right() -> None:
    swaps = {(-1, -1, 1): "left-right and front-back swapped", (-1, 1, 1): "with left-right swapped"}
    for signs, says in swaps.items():
        behind = np.array(((-35.0, 30.0, -15.0), (-45.0, 25.0, -20.0)))
        assert said(*behind) == []
        problems = said(*(behind * signs))
        assert len(problems) == 2
        assert all(says in problem.remedy for problem in problems)
    low = (-35.0, 12.0, -28.0), (-45.0, 15.0, -33.0)
    index = GRID.to_index(low)
    index[:, 0] = GRID.size_ijk[0] - 1 - index[:, 0]  # the first axis of the grid runs from head to foot
    problems = said(*GRID.to_world(index))
    assert problems
    assert all("mirrored head-foot" in problem.remedy for problem in problems)


def test_one_of_several_points_astray_is_not_called_a_swap() -> None:
    (problem,) = said(*GOOD, np.array(GOOD[0]) * (-1, -1, 1))
    assert "outside the liver's segment" in problem.what
    assert "swapped" not in problem.remedy


@pytest.mark.parametrize(("mm", "level"), [(0.0, "STOP"), (2.5, "STOP"), (4.5, "WARN"), (6.0, None)])
def test_a_lesion_marked_twice_is_told_once(mm: float, level: str | None) -> None:
    near = np.array(GOOD[1]) + np.array((2.0, -1.0, 2.0)) / 3 * mm
    problems = said(*GOOD, near)
    assert [problem.level for problem in problems] == ([level] if level else [])
    if level:
        assert f"the points 'F-2' and 'F-4' are {mm:.1f} mm apart" in problems[0].what
        assert [problem.level for problem in said(*GOOD, near, lesions=False)] == ["WARN"]


def test_a_place_that_is_lesion_and_rejected_is_a_contradiction() -> None:
    rejected = PointList("rejected", (Point("candidate 7", (-50.0, 22.0, -25.0)), Point("far", (50.0, 0.0, 0.0))))
    (problem,) = contradictions(points(*GOOD), rejected, "rejected")
    assert (problem.level, problem.where) == ("STOP", "point 'F-2'")
    assert "2.0 mm from 'candidate 7', which is marked as rejected" in problem.what


def test_voxels_that_are_no_hounsfield_units_say_nothing_of_points() -> None:
    shifted = CT.with_array((CT.array + 1024).clip(0), "as stored")
    assert points_on_volume(points(*GOOD, (0, -85, -10)), shifted, of_lesions=True) == ()
