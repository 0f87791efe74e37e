"""The longest viable diameter lies in an axial section of the patient, however its volume was stored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from imaging_samples import ORDERS, rotation, stored_as

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.response.diameter import FLAT_MM, Diameter, diameter_of_mask

WAY, ACROSS = np.array([0.8, -0.6, 0.0]), np.array([0.6, 0.8, 0.0])
CENTER = np.array([-23.0, 41.0, -77.0])


def tumour(turn: tuple[float, float, float], spacing: tuple[float, float, float] = (0.7, 0.9, 2.0)) -> Image:
    """A bar of 40 mm in the axial plane, thicker at its one end, away from the middle of a grid that is turned.

    A post stands on it that is 48 mm high, which no axial section shows.
    """
    directions = rotation(*turn)
    shape = (34, 72, 84)
    middle = Geometry.from_parts(shape, spacing, (0, 0, 0), directions).to_world((46, 31, 18))
    grid = Geometry.from_parts(shape, spacing, CENTER - middle, directions)
    k, j, i = np.indices(shape)
    away = grid.to_world(np.stack([i, j, k], axis=-1)) - CENTER
    along, across, up = away @ WAY, away @ ACROSS, away[..., 2]
    bar = (np.abs(along) < 20) & (np.abs(across) < np.where(along > 8, 6, 3)) & (np.abs(up - 3) < 5)
    post = (np.abs(along) < 3) & (np.abs(across) < 3) & (np.abs(up) < 24)
    return Image((bar | post).astype(np.uint8), grid)


LENGTH = 40 * math.hypot(1, 6 / 28)
"""From a corner of the thin end along the corner where the bar becomes thick."""


@pytest.mark.parametrize("turn", [(0, 0, 0), (0, 0, 33), (14, -9, 21), (-20, 16, 140)])
def test_the_chord_lies_where_the_tumour_lies_in_oblique_anisotropic_volumes(turn: tuple[float, float, float]) -> None:
    found = diameter_of_mask(tumour(turn), "viable")
    away = np.array(sorted(found.ends or (), key=lambda end: float(np.dot(end, WAY)))) - CENTER
    np.testing.assert_allclose(away @ WAY, (-20, 20), atol=1.2)
    assert np.abs(away @ ACROSS)[0] <= 3 + 1.2
    assert np.abs(away @ ACROSS)[1] <= 6 + 1.2
    assert away[0, 2] == pytest.approx(away[1, 2], abs=1e-6)
    assert -2 - 1.1 <= away[0, 2] <= 8 + 1.1
    assert found.mm == pytest.approx(LENGTH, abs=1.2)
    assert found.warnings == ()


@pytest.mark.parametrize("turn", [(0, 0, 0), (14, -9, 21)])
def test_the_order_in_which_the_volume_is_stored_changes_nothing(turn: tuple[float, float, float]) -> None:
    mask = tumour(turn)
    truth = diameter_of_mask(mask)
    for axes, flips in ORDERS[::5]:
        found = diameter_of_mask(stored_as(mask, axes, flips))
        assert found.mm == pytest.approx(truth.mm, abs=1e-6 if turn == (0, 0, 0) else 0.71)


def test_slices_that_were_stored_sagittally_are_still_measured_in_the_axial_plane() -> None:
    grid = Geometry.from_parts((30, 30, 30), (1.0, 1.0, 3.0), (5, 6, 7), np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]))
    mask = np.zeros(grid.shape, np.uint8)
    mask[10, 2:28, 5] = 1  # 26 mm from foot to head, one voxel wide in the axial plane: 1 mm x 3 mm
    found = diameter_of_mask(Image(mask, grid))
    assert found.mm == pytest.approx(math.hypot(1, 3))


def test_necrosis_is_no_part_of_the_diameter() -> None:
    grid = Geometry.from_parts((3, 60, 60), (0.8, 0.8, 5.0))
    y, x = np.mgrid[:60, :60]
    away = np.hypot(x - 30, y - 30)
    whole, ring = ((away < 25) & (away >= inner) for inner in (0, 15))
    of_whole, of_ring = (diameter_of_mask(Image(np.stack([part] * 3).astype(np.uint8), grid)) for part in (whole, ring))
    assert of_whole.mm == pytest.approx(40.0, abs=1.2)
    assert of_ring.mm == pytest.approx(0.8 * 2 * math.sqrt(25**2 - 15**2), abs=1.6)


@pytest.mark.parametrize("turn", [(0, 0, 0), (14, -9, 21), (44, 1, 30), (0, 45, 45)])
def test_a_lesion_of_one_voxel_is_as_wide_as_a_voxel(turn: tuple[float, float, float]) -> None:
    spacing = (0.7, 0.9, 0.8)
    for shift in np.random.default_rng(3).uniform(-1, 1, (20, 3)):
        grid = Geometry.from_parts((9, 9, 9), spacing, shift, rotation(*turn))
        mask = np.zeros(grid.shape, np.uint8)
        mask[4, 5, 6] = 1
        found = diameter_of_mask(Image(mask, grid))
        assert 0.35 <= found.mm <= math.hypot(*spacing) + 0.5
        middle = np.mean(found.ends or (), axis=0)
        assert np.linalg.norm(middle - grid.to_world((6, 5, 4))) < 0.8


def test_the_section_with_the_longest_chord_need_not_be_the_largest() -> None:
    grid = Geometry.from_parts((4, 40, 40), (1.0, 1.0, 5.0))
    mask = np.zeros(grid.shape, np.uint8)
    mask[1, 10:22, 10:22] = 1
    mask[3, 5, 2:38] = 1
    found = diameter_of_mask(Image(mask, grid))
    assert found.mm == pytest.approx(math.hypot(36, 1))
    assert {end[2] for end in found.ends or ()} == {15.0}


def test_a_tumour_at_the_volumes_edge_is_measured_to_the_edge() -> None:
    grid = Geometry.from_parts((2, 20, 20), (1.0, 1.0, 5.0))
    assert diameter_of_mask(Image(np.ones(grid.shape, np.uint8), grid)).mm == pytest.approx(math.hypot(20, 20))


def test_an_empty_segment_and_one_larger_than_any_tumour_are_refused() -> None:
    grid = Geometry.from_parts((2, 20, 20), (30.0, 30.0, 5.0))
    with pytest.raises(InputError, match=r"viable: the segment is empty. Paint it, or say that no viable"):
        diameter_of_mask(Image(np.zeros(grid.shape, np.uint8), grid), "viable")
    with pytest.raises(InputError, match="none of a tumour of the liver"):
        diameter_of_mask(Image(np.ones(grid.shape, np.uint8), grid))


@pytest.mark.parametrize("mm", [-1.0, math.nan, math.inf, 401.0, True, "12"])
def test_what_is_no_diameter_is_refused(mm: Any) -> None:
    with pytest.raises(InputError, match="diameter"):
        Diameter.typed(mm)


def test_nothing_left_is_said_and_not_measured() -> None:
    assert Diameter.typed(0).source == "none"
    with pytest.raises(InputError, match="Say that no viable tissue is left"):
        Diameter(0.0, "segment")
    with pytest.raises(InputError, match="same place"):
        Diameter.along_line((1, 2, 3), (1, 2, 3))


def test_a_line_is_as_long_as_its_ends_are_apart_and_a_tilted_one_is_told() -> None:
    flat = Diameter.along_line((0, 0, 10), (30, 40, 10 + FLAT_MM))
    assert flat.mm == pytest.approx(math.hypot(30, 40, 1))
    assert flat.warnings == ()
    (warning,) = Diameter.along_line((0, 0, 10), (30, 40, 20), "L").warnings
    assert str(warning).startswith("L: its ends lie 10.0 mm apart in height (11 degrees)")
    for place in ((0, 0), (0, 0, math.nan), (0, 0, math.inf)):
        with pytest.raises(InputError, match="no place"):
            Diameter.along_line((1, 1, 1), place)
