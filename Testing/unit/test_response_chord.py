"""The longest chord of a section is that of a search over all pairs of corners, and a hole breaks it."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise
from math import ceil, floor, hypot

import numpy as np
import pytest
from scipy import ndimage

from HCCAssistLib.response import chord
from HCCAssistLib.response.chord import longest_chord

Corner = tuple[int, int]


def brute_force(section: np.ndarray, spacing: tuple[float, float]) -> float:
    """Length in mm of the longest chord, followed with fractions from crossing to crossing; 0 where none is painted."""
    around = np.pad(section.astype(bool), 1)
    rows, columns = section.shape
    outline = [
        (x, y) for x in range(columns + 1) for y in range(rows + 1) if 0 < around[y : y + 2, x : x + 2].sum() < 4
    ]
    by_length = sorted((-length(one, other, spacing), one, other) for one, other in combinations(outline, 2))
    return next((-minus for minus, one, other in by_length if is_inside(around, one, other)), 0.0)


def length(one: Corner, other: Corner, spacing: tuple[float, float]) -> float:
    return hypot((one[0] - other[0]) * spacing[0], (one[1] - other[1]) * spacing[1])


def is_inside(around: np.ndarray, one: Corner, other: Corner) -> bool:
    crossings = {Fraction(0), Fraction(1)}
    for axis in (0, 1):
        way = other[axis] - one[axis]
        low, high = sorted((one[axis], other[axis]))
        crossings |= {Fraction(line - one[axis], way) for line in range(low + 1, high)} if way else set()
    ordered = sorted(crossings)
    between = [(first + second) / 2 for first, second in pairwise(ordered)]
    return all(
        point_inside(around, *(a + t * (b - a) for a, b in zip(one, other, strict=True)))
        for t in [*ordered[1:-1], *between]
    )


def point_inside(around: np.ndarray, x: Fraction, y: Fraction) -> bool:
    touched = around[ceil(y) : floor(y) + 2, ceil(x) : floor(x) + 2]
    if touched.shape != (2, 2):
        return bool(touched.all())  # in a pixel, or on the side between two
    is_pinched = touched.sum() == 2 and touched[0, 0] == touched[1, 1]
    return bool(touched.any()) and not is_pinched


def found_length(section: np.ndarray, spacing: tuple[float, float]) -> float:
    ends = longest_chord(section, spacing)
    return 0.0 if ends is None else float(np.hypot(*((ends[1] - ends[0]) * spacing)))


@pytest.mark.parametrize("seed", range(40))
def test_the_longest_chord_is_that_of_brute_force_on_random_masks_with_holes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    section = rng.random(rng.integers(1, 10, 2)) < rng.choice([0.3, 0.6, 0.8, 0.95])
    spacing = tuple(float(mm) for mm in rng.choice([0.5, 0.7, 0.9, 1.9], 2))
    assert found_length(section, spacing) == pytest.approx(brute_force(section, spacing), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_ruling_out_corners_and_directions_rules_out_no_longest_chord(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("FEW", 5), ("SHARE", 2), ("MANY", 0), ("CHECKED", 2), ("PAIRS", 50)):
        monkeypatch.setattr(chord, name, value)
    rng = np.random.default_rng(100 + seed)
    section = rng.random((9, 12)) < rng.choice([0.6, 0.8, 0.95])
    assert found_length(section, (0.6, 1.7)) == pytest.approx(brute_force(section, (0.6, 1.7)), abs=1e-12)


def test_a_section_full_of_small_holes_is_measured_alike_with_and_without_ruling_out_corners(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    section = np.random.default_rng(7).random((48, 52)) < 0.75
    monkeypatch.setattr(chord, "MANY", 100)
    found = found_length(section, (0.7, 0.9))
    monkeypatch.setattr(chord, "MANY", 1_000_000)
    assert found == found_length(section, (0.7, 0.9)) > 5


@pytest.mark.parametrize("seed", range(4))
def test_it_is_that_of_brute_force_on_lesions_with_necrosis(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:26, :30]
    lesion = ((x - 15) / 13) ** 2 + ((y - 12) / 10) ** 2 < 1 + 0.15 * ndimage.gaussian_filter(
        rng.normal(size=x.shape), 2
    )
    section = lesion & (ndimage.gaussian_filter(rng.normal(size=x.shape), 1.5) > -0.25)
    assert found_length(section, (0.8, 1.3)) == pytest.approx(brute_force(section, (0.8, 1.3)), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_no_line_with_ends_anywhere_is_longer_by_more_than_a_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    section = ndimage.gaussian_filter(rng.normal(size=(40, 50)), 3) > -0.05
    spacing = (0.7, 1.1)
    found = found_length(section, spacing)
    y, x = np.argwhere(section).T
    one, other = (rng.integers(0, len(x), 30_000) for _ in range(2))
    ends = [np.stack([x[n], y[n]], 1) + rng.uniform(-0.5, 0.5, (len(n), 2)) for n in (one, other)]
    ways = np.linspace(0, 1, 120)[:, None, None]
    along = np.rint(ends[0] + ways * (ends[1] - ends[0])).astype(int)
    inside = section[along[..., 1], along[..., 0]].all(axis=0)
    assert inside.sum() > 500
    assert np.hypot(*((ends[1] - ends[0])[inside] * spacing).T).max() <= found + np.hypot(*spacing)


def test_one_pixel_is_as_wide_as_a_pixel_and_never_nothing() -> None:
    section = np.zeros((9, 9), bool)
    section[4, 6] = True
    assert found_length(section, (0.8, 0.8)) == pytest.approx(0.8 * 2**0.5)
    row = np.zeros((3, 40), bool)
    row[1, 5:25] = True  # centre to centre it would be 19
    assert found_length(row, (1.0, 1.0)) == pytest.approx(hypot(20, 1))


def test_nothing_painted_has_no_chord() -> None:
    assert longest_chord(np.zeros((5, 5), bool), (1.0, 1.0)) is None
    assert longest_chord(np.ones((5, 5), bool), (1.0, 1.0), longer_than=hypot(5, 5)) is None


def test_necrosis_breaks_the_chord_even_where_its_pixels_touch_diagonally() -> None:
    square = np.ones((20, 20), bool)
    assert found_length(square, (1.0, 1.0)) == pytest.approx(hypot(20, 20))
    for n in range(20):
        square[n, 19 - n] = False  # a septum from corner to corner, one pixel wide
    assert found_length(square, (1.0, 1.0)) == pytest.approx(hypot(19, 19))  # along the septum


def test_two_parts_that_touch_at_a_corner_are_two() -> None:
    section = np.zeros((8, 8), bool)
    section[:4, :4] = section[4:, 4:] = True
    assert found_length(section, (1.0, 1.0)) == pytest.approx(hypot(4, 4))
    section[4, 3] = True  # a way round the corner makes them one
    assert found_length(section, (1.0, 1.0)) == pytest.approx(hypot(8, 8))


def test_a_line_without_width_does_not_run_between_necrosis() -> None:
    slabs = np.zeros((2, 40), bool)
    slabs[0, :14] = slabs[1, 13:27] = slabs[0, 26:] = True  # the side between them is 40 long, with tissue by turns
    found = found_length(slabs, (1.0, 1.0))
    assert found == pytest.approx(brute_force(slabs, (1, 1)))
    assert found < 30
    riddled = np.random.default_rng(0).random((60, 60)) < 0.8
    ends = longest_chord(riddled, (0.7, 0.8))
    assert ends is not None
    (x, y), (other_x, other_y) = ends
    assert x != other_x and y != other_y, "a longest line crosses pixels"


def test_a_line_may_pass_a_hole() -> None:
    section = np.ones((3, 30), bool)
    section[1, 10:20] = False
    assert (
        found_length(section, (1.0, 1.0)) == pytest.approx(hypot(30, 1)) == pytest.approx(brute_force(section, (1, 1)))
    )


def test_lengths_are_millimetres_where_pixels_are_no_squares() -> None:
    section = np.zeros((30, 30), bool)
    section[2:12, 5] = True  # 10 rows of 2.5 mm
    section[20, 4:24] = True  # 20 columns of 0.5 mm
    ends = longest_chord(section, (0.5, 2.5))
    assert ends is not None
    assert sorted(ends[:, 1].tolist()) == [1.5, 11.5]
    assert found_length(section, (0.5, 2.5)) == pytest.approx(hypot(25, 0.5))
