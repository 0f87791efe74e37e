"""Storage order does not matter: the same voxels lie at the same places."""

from __future__ import annotations

import numpy as np
import pytest
from imaging_samples import ORDERS, random_image, stored_as
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.orientation import patient_axes, stored_slice, to_lps_order


@pytest.mark.parametrize("turn", [(0, 0, 0), (14, -9, 21)])
def test_every_one_of_48_orders_becomes_the_same_volume(turn: tuple[float, float, float]) -> None:
    image = random_image(turn=turn)
    for axes, flips in ORDERS:
        ordered = to_lps_order(stored_as(image, axes, flips))
        assert np.array_equal(ordered.array, image.array)
        assert ordered.geometry.matches(image.geometry, tolerance_mm=1e-9)
        assert ordered.array.flags.c_contiguous


def test_voxels_keep_their_place_whatever_their_value() -> None:
    stored = stored_as(random_image(turn=(30, 5, -40)), (2, 0, 1), (True, False, True))
    ordered = to_lps_order(stored)
    for i, j, k in [(0, 0, 0), (3, 2, 1), (8, 13, 10)]:
        place = stored.geometry.to_world((i, j, k))
        new = np.rint(ordered.geometry.to_index(place)).astype(int)
        assert np.allclose(ordered.geometry.to_world(new), place)
        assert ordered.array[tuple(new[::-1])] == stored.array[k, j, i]
    assert (np.diag(ordered.geometry.directions) > 0).all()


def test_reordering_is_noted_in_the_history_only_where_it_happened() -> None:
    image = random_image()
    assert to_lps_order(image).history == ()
    assert len(to_lps_order(stored_as(image, (1, 0, 2), (False, False, False))).history) == 1


def test_an_ambiguous_grid_still_gets_each_axis_once() -> None:
    half = np.sqrt(0.5)
    both_to_the_left = np.array([[half, half, 0], [half, -half, 0], [0, 0, 1]]).T
    assert sorted(patient_axes(Geometry.from_parts((3, 3, 3), (1, 1, 1), directions=both_to_the_left))) == [0, 1, 2]


def test_the_stored_slice_is_the_one_the_viewer_shows() -> None:
    image = random_image()
    upright = image.geometry
    place = upright.to_world((5, 4, 6))
    assert stored_slice(upright, place) == 6
    upside_down = stored_as(image, (0, 1, 2), (False, False, True)).geometry
    assert stored_slice(upside_down, place) == 9 - 1 - 6
    sagittal = stored_as(image, (2, 1, 0), (False, False, False)).geometry
    assert stored_slice(sagittal, place) == 6


def test_the_stored_slice_is_clamped_to_the_volume() -> None:
    geometry = random_image().geometry
    assert stored_slice(geometry, geometry.to_world((0, 0, -7))) == 0
    assert stored_slice(geometry, geometry.to_world((0, 0, 99))) == 8


def test_the_axes_pair_with_the_largest_sum_of_cosines() -> None:
    for seed in range(50):
        turned = Rotation.random(random_state=seed).as_matrix()
        geometry = Geometry.from_parts((3, 4, 5), (1.0, 1.0, 1.0), (0, 0, 0), turned)
        assert patient_axes(geometry) == tuple(linear_sum_assignment(-np.abs(geometry.directions))[1])
