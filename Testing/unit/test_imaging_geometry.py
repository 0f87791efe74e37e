"""A grid knows where its voxels are, in any storage order; boxes know their frame."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from imaging_samples import ORDERS, random_image, rotation, stored_as

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box, Geometry

OBLIQUE = Geometry.from_parts((5, 7, 9), (0.7, 1.1, 2.5), (-40.0, 12.0, 88.0), rotation(10, -25, 35))


def test_a_voxel_lies_where_its_axes_and_spacing_put_it() -> None:
    axes = rotation(10, -25, 35)
    truth = np.array([-40.0, 12.0, 88.0]) + 3 * 0.7 * axes[:, 0] + 2 * 1.1 * axes[:, 1] + 4 * 2.5 * axes[:, 2]
    assert np.allclose(OBLIQUE.to_world((3, 2, 4)), truth)
    assert np.allclose(OBLIQUE.to_index(truth), (3, 2, 4))


def test_points_can_be_given_in_any_number() -> None:
    index = np.random.default_rng(0).uniform(-5, 15, (4, 3, 3))
    assert OBLIQUE.to_world(index).shape == (4, 3, 3)
    assert np.allclose(OBLIQUE.to_index(OBLIQUE.to_world(index)), index)


def test_parts_come_back_out() -> None:
    assert np.allclose(OBLIQUE.spacing, (0.7, 1.1, 2.5))
    assert np.allclose(OBLIQUE.origin, (-40, 12, 88))
    assert np.allclose(OBLIQUE.directions, rotation(10, -25, 35))
    assert OBLIQUE.size_ijk.tolist() == [9, 7, 5]
    assert np.isclose(OBLIQUE.voxel_diagonal, math.sqrt(0.7**2 + 1.1**2 + 2.5**2))
    assert np.allclose(OBLIQUE.center, OBLIQUE.to_world((4, 3, 2)))


def test_handedness_and_obliquity_are_told() -> None:
    assert not OBLIQUE.is_left_handed
    mirrored = Geometry.from_parts((2, 2, 2), (1, 1, 1), directions=rotation(0, 0, 12) * (1, 1, -1))
    assert mirrored.is_left_handed
    assert np.isclose(mirrored.obliquity_degrees, 12)
    assert Geometry((2, 2, 2), np.eye(4)).obliquity_degrees == 0
    for axes, flips in ORDERS:
        stored = stored_as(random_image(), axes, flips).geometry
        assert stored.obliquity_degrees < 1e-5
        assert stored.axial_axis == axes.index(2)


def test_a_point_is_inside_up_to_the_faces_of_the_outer_voxels() -> None:
    inside = [(-0.49, 0, 0), (8.49, 6.49, 4.49), (4, 3, 2)]
    outside = [(-0.51, 0, 0), (8.51, 3, 2), (4, -0.6, 2), (4, 3, 4.6)]
    assert OBLIQUE.contains(OBLIQUE.to_world(inside)).all()
    assert not OBLIQUE.contains(OBLIQUE.to_world(outside)).any()


def test_a_crop_puts_its_voxels_where_they_were() -> None:
    part = OBLIQUE.crop((2, -1, 3), (4, 5, 6))
    assert part.shape == (4, 5, 6)
    assert np.allclose(part.to_world((1, 1, 1)), OBLIQUE.to_world((3, 0, 4)))


def test_grids_match_where_every_voxel_does() -> None:
    def moved(mm: float) -> Geometry:
        affine = OBLIQUE.affine.copy()
        affine[0, 3] += mm
        return Geometry(OBLIQUE.shape, affine)

    assert OBLIQUE.matches(moved(0.005))
    assert not OBLIQUE.matches(moved(0.02))
    turned = Geometry.from_parts((5, 7, 9), (0.7, 1.1, 2.5), OBLIQUE.origin, rotation(10, -25, 35.5))
    assert not OBLIQUE.matches(turned)  # the far corner is 0.09 mm off
    assert not OBLIQUE.matches(OBLIQUE.crop((0, 0, 0), (5, 7, 8)))


def test_json_keeps_the_grid_exactly() -> None:
    again = Geometry.from_json(json.loads(json.dumps(OBLIQUE.as_json())))
    assert again.shape == OBLIQUE.shape
    assert np.array_equal(again.affine, OBLIQUE.affine)


def test_a_grid_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        OBLIQUE.affine[0, 0] = 5
    affine = np.eye(4)
    geometry = Geometry((2, 2, 2), affine)
    affine[0, 3] = 99
    assert geometry.origin[0] == 0


def sheared(degrees: float) -> np.ndarray:
    affine = np.diag([0.8, 0.8, 2.5, 1.0])
    affine[1, 2] = 2.5 * math.tan(math.radians(degrees))
    return affine


@pytest.mark.parametrize(
    ("shape", "affine", "words"),
    [
        ((0, 5, 5), np.eye(4), "empty"),
        ((5, 5), np.eye(4), "not three-dimensional"),
        ((5, 5, 5), np.eye(3), "missing or not finite"),
        ((5, 5, 5), np.full((4, 4), np.nan), "missing or not finite"),
        ((5, 5, 5), np.diag([1, 1, 1, 2]), "not affine"),
        ((5, 5, 5), np.diag([1, 1, 0, 1]), "no size"),
        ((5, 5, 5), sheared(15), "sheared by 15.0 degrees"),
        ((5, 5, 5), np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1.0]]), "sheared by 90"),
    ],
)
def test_a_grid_that_is_none_is_refused(shape: tuple[int, int, int], affine: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Geometry(shape, affine)


def test_the_rounding_of_dicom_orientations_is_no_shear() -> None:
    Geometry((5, 5, 5), sheared(0.4))
    with pytest.raises(InputError, match="sheared"):
        Geometry((5, 5, 5), sheared(0.7))


def test_a_box_along_the_patient_has_its_corners_half_a_size_away() -> None:
    box = Box((10, 20, 30), (2, 4, 6))
    assert sorted(map(tuple, box.corners())) == sorted((x, y, z) for x in (9, 11) for y in (18, 22) for z in (27, 33))


def test_a_turned_box_holds_what_lies_along_its_own_axes() -> None:
    axes = rotation(0, 0, 30).T
    box = Box((5, -3, 8), (20, 2, 4), tuple(map(tuple, axes)))
    center = np.array(box.center)
    assert box.contains(center + 9.9 * axes[0])
    assert not box.contains(center + 10.1 * axes[0])
    assert not box.contains(center + 1.1 * axes[1])
    assert not box.contains(center + np.array((9.9, 0, 0)))  # inside were it not turned
    assert box.contains(box.corners() * 0.999 + center * 0.001).all()
    assert not box.contains(box.corners() * 1.001 - center * 0.001).any()


@pytest.mark.parametrize(
    ("center", "size", "axes"),
    [
        ((0, 0, math.nan), (1, 1, 1), np.eye(3)),
        ((0, 0, 0), (1, 0, 1), np.eye(3)),
        ((0, 0, 0), (1, -1, 1), np.eye(3)),
        ((0, 0, 0), (1, 1, 1), 2 * np.eye(3)),
        ((0, 0, 0), (1, 1, 1), [[1, 0, 0], [1, 0, 0], [0, 0, 1]]),
        ((0, 0), (1, 1, 1), np.eye(3)),
    ],
)
def test_a_box_that_is_none_is_refused(center: tuple, size: tuple, axes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="box"):
        Box(center, size, tuple(map(tuple, axes)))
