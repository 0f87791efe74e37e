"""Surfaces lie between the voxels, where the body was, however its volume is stored."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from ellipsoids import Ellipsoid
from imaging_samples import ORDERS, rotation, stored_as

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.distance import DistanceTable, SignedDistance
from HCCAssistLib.margin.edges import at_edge, edge_warning, is_painted_on
from HCCAssistLib.margin.surface import surface_of

pytestmark = pytest.mark.heavy

CENTER = np.array([-23.0, 41.0, -77.0])
BODY = Ellipsoid(np.array([8.0, 11.0, 16.0]), CENTER, rotation(20, 35, -50))
MIRROR = np.diag((-1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("spacing", "turn"),
    [
        ((1.0, 1.0, 1.0), np.eye(3)),
        ((1.0, 1.0, 1.0), rotation(14, -9, 21)),
        ((0.7, 0.9, 2.0), rotation(14, -9, 21) @ MIRROR),
        ((0.8, 0.8, 5.0), MIRROR),
        ((3.0, 0.8, 0.8), rotation(-20, 16, 140)),
    ],
)
def test_the_surface_is_where_the_body_was_painted(spacing: tuple[float, float, float], turn: np.ndarray) -> None:
    surface = surface_of(BODY.painted(spacing, turn, (0.2, -0.3, 0.4)), "body")
    depth, largest = BODY.depth(surface.points), max(spacing)
    assert abs(np.average(depth, weights=surface.areas)) < 0.06 * largest
    assert np.abs(depth).mean() < 0.12 * largest
    assert np.abs(depth).max() < 0.45 * largest
    assert surface.areas.sum() == pytest.approx(BODY.areas().sum(), rel=0.04)
    outwards = BODY.depth(surface.points + 0.5 * surface.normals) - depth
    assert outwards.max() < -0.3
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1)
    middle = np.average(surface.points, weights=surface.areas, axis=0)
    assert np.linalg.norm(middle - CENTER) < 0.1 * largest


def test_the_order_in_which_a_volume_is_stored_changes_nothing() -> None:
    image = BODY.painted((0.8, 0.9, 2.0), rotation(14, -9, 21))
    expected = surface_of(image, "body")
    for axes, flips in ORDERS[1::11]:
        found = surface_of(stored_as(image, axes, flips), "body")
        assert found.areas.sum() == pytest.approx(expected.areas.sum(), rel=0.01)
        assert np.abs(SignedDistance(expected)(found.points)).max() < 0.25


def test_a_ball_does_not_shrink() -> None:
    for radius in (4.0, 8.0, 20.0):
        surface = surface_of(Ellipsoid.ball(radius, (0.3, 0.2, -0.4)).painted(), "ball")
        away = np.linalg.norm(surface.points - (0.3, 0.2, -0.4), axis=1)
        assert np.average(away, weights=surface.areas) == pytest.approx(radius, abs=0.12)


def test_a_cavity_has_a_surface_too() -> None:
    outer, inner = Ellipsoid.ball(15), Ellipsoid.ball(7)
    image = outer.painted()
    grid = image.geometry
    places = grid.to_world(np.stack(np.indices(grid.shape)[::-1], axis=-1))
    surface = surface_of(image.with_array(image.array * ~inner.contains(places), "a cavity"), "body")
    assert surface.areas.sum() == pytest.approx(4 * math.pi * (15**2 + 7**2), rel=0.06)


def test_distances_are_exact_off_the_surface_and_signed() -> None:
    surface = surface_of(BODY.painted(), "body")
    rng = np.random.default_rng(1)
    places = CENTER + rng.uniform(-24, 24, (3000, 3))
    exact, distance = BODY.depth(places), SignedDistance(surface)
    near = exact < 4  # deeper inside, the nearest place is soon another one
    assert np.abs(distance(places) - exact)[near].max() < 0.7
    assert np.abs(distance(places) - exact).mean() < 0.1
    table = DistanceTable.around(distance, places, 2.0)
    assert np.abs(table.at(places) - exact)[near].max() < 0.8
    inside = surface.contains(places)
    assert (inside == (exact > 0))[np.abs(exact) > 1].all()


@pytest.mark.parametrize("turn", [np.eye(3), rotation(20, -10, 35) @ np.diag((1.0, -1.0, 1.0))])
def test_a_segment_at_the_edge_of_its_scan_is_told_and_one_that_was_cut_out_is_not(turn: np.ndarray) -> None:
    image = BODY.painted((0.8, 0.9, 2.0), turn)
    painted = np.argwhere(image.array)
    first, last = painted.min(axis=0), painted.max(axis=0)
    cut = crop(image, first[::-1].tolist(), (last + 1 - first).tolist(), fill_value=0)
    assert not at_edge(cut, image.geometry)
    for axis in range(3):
        for side in (first, last):
            at, shape = np.zeros(3, int), np.array(image.geometry.shape)
            at[axis] = side[axis] if side is first else 0
            shape[axis] = shape[axis] - side[axis] if side is first else side[axis] + 1
            assert at_edge(cut, image.geometry.crop(at[::-1].tolist(), shape.tolist()))
    assert edge_warning(cut, "tumour", None) == ()
    assert is_painted_on(cut, image.geometry)
    other = replace(image.geometry, affine=image.geometry.affine + np.outer([0.3, 0, 0, 0], [0, 0, 0, 1.0]))
    assert not is_painted_on(cut, other)
    assert not is_painted_on(cut, Geometry.from_parts((9, 9, 9), (0.8, 0.8, 0.8), (0, 0, 0), turn))


def test_a_segment_of_many_voxels_is_measured_in_blocks_and_stays_where_it_is() -> None:
    turn = rotation(14, -9, 21) @ MIRROR
    body = Ellipsoid(np.array([20.0, 27.0, 33.0]), CENTER, rotation(20, 35, -50))
    image = body.painted((0.25, 0.35, 0.9), turn)  # 200 voxels and more along the first axis
    surface = surface_of(image, "body")
    assert surface.step >= 2 * 0.25
    off = body.depth(surface.points)
    assert np.abs(off).max() < 0.3
    assert abs(off.mean()) < 0.08
    assert surface.areas.sum() == pytest.approx(body.areas().sum(), rel=0.01)


@pytest.mark.parametrize("places", [[(4, 9, 9), (5, 10, 10)], [(1, 1, 1), (7, 18, 18)]])
def test_a_few_voxels_have_no_surface(places: list[tuple[int, int, int]]) -> None:
    mask = np.zeros((9, 20, 20), np.uint8)
    for place in places:
        mask[place] = 1
    with pytest.raises(
        InputError, match=r"tumour: the segment holds 2 voxels, too few to have a surface\. Paint it on"
    ):
        surface_of(Image(mask, Geometry.from_parts(mask.shape, (0.8, 0.8, 3.0))), "tumour")


def test_what_has_no_surface_is_refused() -> None:
    grid = Geometry.from_parts((9, 20, 20), (0.8, 0.8, 3.0))
    mask = np.zeros(grid.shape, np.uint8)
    with pytest.raises(InputError, match=r"zone: the segment is empty. Paint it, or choose another one\."):
        surface_of(Image(mask, grid), "zone")
    mask[4, 5:15, 5:15] = 1
    with pytest.raises(InputError, match=r"zone: the segment is painted in one slice only \(10 x 10 x 1 voxels\)"):
        surface_of(Image(mask, grid), "zone")
    mask[5, 9, 9] = 1
    assert len(surface_of(Image(mask, grid), "zone").points) > 50


def test_a_slim_body_keeps_its_tips() -> None:
    found = []
    for turn, jitter in (
        ((14, -9, 21), (0.2, -0.3, 0.4)),
        ((-40, 20, 60), (-0.4, 0.1, 0.3)),
        ((5, 50, 0), (0, 0.4, -0.2)),
    ):
        body = Ellipsoid(np.array([5.0, 6.0, 15.0]), CENTER, rotation(*turn))
        along = surface_of(body.painted(jitter=jitter), "body").points @ body.axes[:, 2]
        found.append(float(np.ptp(along)) / 2 - 15)
    assert np.mean(found) > -0.2
