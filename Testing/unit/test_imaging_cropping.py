"""Crops hold the same tissue whatever the storage order, and padding where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from imaging_samples import ORDERS, random_image, stored_as
from scipy import ndimage

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop, crop_start, filled_box
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.orientation import to_lps_order


def test_a_crop_inside_is_a_copy_at_the_same_place() -> None:
    image = random_image(turn=(8, -3, 12))
    box = crop(image, (2, 3, 1), (4, 5, 6), fill_value=-1024)
    assert np.array_equal(box.array, image.array[1:5, 3:8, 2:8])
    assert not np.shares_memory(box.array, image.array)
    assert np.allclose(box.geometry.to_world((0, 0, 0)), image.geometry.to_world((2, 3, 1)))
    assert box.array.dtype == image.array.dtype


@pytest.mark.parametrize("start", [(-3, -2, -4), (10, 8, 6), (-3, 8, -1), (0, 0, 0)])
def test_what_the_volume_does_not_have_is_padding(start: tuple[int, int, int]) -> None:
    image = random_image()
    shape = (8, 7, 9)
    box = crop(image, start, shape, fill_value=-1024)
    truth = np.full(shape, -1024)
    for k, j, i in np.ndindex(*shape):
        source = (k + start[2], j + start[1], i + start[0])
        if all(0 <= n < limit for n, limit in zip(source, image.array.shape, strict=True)):
            truth[k, j, i] = image.array[source]
    assert np.array_equal(box.array, truth)


@pytest.mark.parametrize("start", [(-50, 0, 0), (0, 50, 0), (0, 0, -4)])
def test_a_box_wholly_outside_is_all_padding(start: tuple[int, int, int]) -> None:
    assert (crop(random_image(), start, (4, 4, 4), fill_value=-1024).array == -1024).all()


def test_a_crop_larger_than_the_volume_holds_all_of_it() -> None:
    image = random_image()
    box = crop(image, (-2, -2, -2), (13, 15, 18), fill_value=-1024)
    assert np.array_equal(box.array[2:11, 2:13, 2:16], image.array)
    assert (box.array == -1024).sum() == box.array.size - image.array.size


def test_of_an_even_size_the_odd_voxel_lies_before_the_centre() -> None:
    geometry = Geometry((40, 40, 40), np.eye(4))
    assert crop_start(geometry, (20, 20, 20), (8, 32, 5)) == (18, 4, 16)  # k: 16..23 is z-4..z+3


def test_half_way_between_two_voxels_counts_as_the_later_one() -> None:
    geometry = Geometry((40, 40, 40), np.eye(4))
    assert crop_start(geometry, (10.5, 10.49, 10.51), (1, 1, 1)) == (11, 10, 11)


@pytest.mark.parametrize("index", [(6, 5, 4), (6.5, 4.5, 3.5), (0.2, 10.4, 8.3)])
@pytest.mark.parametrize("turn", [(0, 0, 0), (11, 4, -17)])
def test_the_crop_around_a_point_is_the_same_for_all_48_storage_orders(
    index: tuple[float, float, float], turn: tuple[float, float, float]
) -> None:
    image = random_image(turn=turn)
    point, shape = image.geometry.to_world(index), (4, 7, 6)
    truth = crop(image, crop_start(image.geometry, point, shape), shape, fill_value=-1024)
    for axes, flips in ORDERS:
        ordered = to_lps_order(stored_as(image, axes, flips))
        box = crop(ordered, crop_start(ordered.geometry, point, shape), shape, fill_value=-1024)
        assert np.array_equal(box.array, truth.array)
        assert box.geometry.matches(truth.geometry, tolerance_mm=1e-9)


def test_padding_must_be_a_value_of_the_voxels_type() -> None:
    mask = random_image().with_array(np.zeros((9, 11, 14), dtype=np.uint8), "mask")
    with pytest.raises(ValueError, match="cannot hold the value -1024"):
        crop(mask, (0, 0, 0), (2, 2, 2), fill_value=-1024)


def test_an_empty_box_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        crop(random_image(), (0, 0, 0), (0, 2, 2), fill_value=-1024)


@pytest.mark.parametrize("voxels", [1, 2, 30])
def test_the_filled_box_is_that_of_scipy(voxels: int) -> None:
    rng = np.random.default_rng(voxels)
    mask = np.zeros((7, 9, 11), np.uint8)
    mask[tuple(rng.integers(1, size - 1, voxels) for size in mask.shape)] = 1
    assert filled_box(mask) == ndimage.find_objects(mask)[0]
    assert filled_box(mask > 0) == filled_box(mask)


def test_nothing_filled_has_no_box() -> None:
    with pytest.raises(ValueError, match="no voxel is filled"):
        filled_box(np.zeros((2, 3, 4), np.uint8))
