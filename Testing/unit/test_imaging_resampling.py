"""Resampling is right for any grid and costs what the target costs."""

from __future__ import annotations

import time

import numpy as np
import pytest
from imaging_samples import ORDERS, random_image, rotation, stored_as
from scipy.ndimage import map_coordinates

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import axis_aligned_grid, resample


def ramp(shape: tuple[int, int, int], geometry: Geometry) -> Image:
    """Values that are linear in LPS millimetres, which linear interpolation reproduces exactly."""
    k, j, i = np.indices(shape)
    world = geometry.to_world(np.stack([i, j, k], axis=-1))
    return Image((world @ (1.0, -2.0, 3.0) + 7).astype(np.float64), geometry)


def oblique_target(center: np.ndarray, *, mirrored: bool = False) -> Geometry:
    directions = rotation(20, -35, 50) * ((1, 1, -1) if mirrored else (1, 1, 1))
    target = Geometry.from_parts((4, 5, 6), (0.9, 0.6, 1.3), (0, 0, 0), directions)
    return Geometry.from_parts((4, 5, 6), (0.9, 0.6, 1.3), center - target.center, directions)


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_oblique_grid_gets_the_values_of_its_places(mirrored: bool) -> None:
    geometry = Geometry.from_parts((24, 26, 28), (0.7, 1.1, 2.3), (-5, 3, 11), rotation(-10, 25, 5))
    source = ramp(geometry.shape, geometry)
    target = oblique_target(geometry.center, mirrored=mirrored)
    result = resample(source, target, fill_value=-1024)
    assert np.allclose(result.array, ramp(target.shape, target).array, atol=1e-4)
    assert result.geometry is target
    assert result.history[-1].startswith("resampled (linear)")


def test_all_storage_orders_give_the_same_and_agree_with_scipy() -> None:
    image = random_image()
    target = oblique_target(image.geometry.center)
    k, j, i = np.indices(target.shape)
    index = image.geometry.to_index(target.to_world(np.stack([i, j, k], axis=-1)))
    truth = map_coordinates(image.array.astype(float), np.moveaxis(index[..., ::-1], -1, 0), order=1)
    for axes, flips in ORDERS:
        array = resample(stored_as(image, axes, flips), target, fill_value=-1024).array
        assert array.dtype == np.int16
        assert np.abs(array - truth).max() <= 0.51


def test_only_part_of_the_source_gives_what_all_of_it_would() -> None:
    rng = np.random.default_rng(0)
    source = Image(rng.normal(size=(30, 40, 50)).astype(np.float32), Geometry((30, 40, 50), np.eye(4)))
    for center in ((25, 20, 15), (2, 1, 1), (49, 39, 29)):
        box = oblique_target(np.array(center, dtype=float))
        everything = Geometry.from_parts((60, 70, 80), (0.9, 0.6, 1.3), box.to_world((-30, -30, -30)), box.directions)
        whole = resample(source, everything, fill_value=-9)
        part = resample(source, box, fill_value=-9)
        assert np.allclose(part.array, whole.array[30:34, 30:35, 30:36], atol=1e-5)


def test_nearest_keeps_labels_and_takes_the_nearest_voxel() -> None:
    image = random_image()
    labels = image.with_array((image.array % 5).astype(np.uint8), "labels")
    target = oblique_target(image.geometry.center)
    result = resample(labels, target, interpolation="nearest", fill_value=0)
    assert result.array.dtype == np.uint8
    for k, j, i in np.ndindex(*target.shape):
        index = image.geometry.to_index(target.to_world((i, j, k)))
        if np.abs(index % 1 - 0.5).min() > 1e-6:
            assert result.array[k, j, i] == labels.array[tuple(np.rint(index).astype(int)[::-1])]


def test_places_outside_get_the_outside_value() -> None:
    image = random_image()
    away = Geometry.from_parts((3, 3, 3), (1, 1, 1), (500, 500, 500))
    assert (resample(image, away, fill_value=-1024).array == -1024).all()
    half = Geometry.from_parts((1, 1, 6), (0.7, 1.1, 2.3), image.geometry.to_world((-3, 5, 4)))
    resampled = resample(image, half, fill_value=-1024).array
    assert resampled.ravel().tolist() == [-1024] * 3 + image.array[4, 5, :3].tolist()


def test_a_mask_of_true_and_false_stays_one() -> None:
    image = random_image()
    mask = image.with_array(image.array > 0, "mask")
    result = resample(mask, image.geometry, interpolation="nearest", fill_value=0)
    assert result.array.dtype == bool
    assert np.array_equal(result.array, mask.array)


def test_unfit_arguments_are_refused() -> None:
    image = random_image()
    with pytest.raises(ValueError, match="cannot hold"):
        resample(image, image.geometry, fill_value=1e6)
    with pytest.raises(ValueError, match="linear, nearest"):
        resample(image, image.geometry, interpolation="cubic", fill_value=0)  # type: ignore[arg-type]


def test_a_box_of_interest_costs_a_hundredth_of_the_volume() -> None:
    source = Image(np.zeros((96, 320, 320), dtype=np.int16), Geometry((96, 320, 320), np.diag([0.8, 0.8, 2.5, 1])))
    whole = Geometry.from_parts((120, 256, 256), (1, 1, 2), (0, 0, 0), rotation(2, 0, 0))
    box = Geometry.from_parts((16, 32, 32), (1, 1, 2), (100, 100, 100), rotation(2, 0, 0))

    def seconds(target: Geometry, repeats: int) -> float:
        times = []
        for _ in range(repeats):
            began = time.process_time()
            resample(source, target, fill_value=-1024)
            times.append(time.process_time() - began)
        return min(times)

    seconds(box, 1)
    assert seconds(whole, 2) > 20 * seconds(box, 10)  # 100 where nothing else runs; see the benchmark


def test_the_straight_grid_lies_on_whole_multiples_of_the_spacing_whatever_the_storage() -> None:
    image = random_image(turn=(0, 0, 0))
    truth = axis_aligned_grid(image.geometry)
    assert np.allclose(truth.spacing, (0.7, 1.1, 2.3))
    assert np.allclose(truth.origin / truth.spacing, np.rint(truth.origin / truth.spacing))
    for axes, flips in ORDERS:
        assert axis_aligned_grid(stored_as(image, axes, flips).geometry).matches(truth, tolerance_mm=1e-6)


def test_the_straight_grid_of_an_oblique_volume_covers_it() -> None:
    geometry = random_image(turn=(15, -20, 30)).geometry
    grid = axis_aligned_grid(geometry, (1.0, 1.5, 2.0))
    assert np.allclose(grid.directions, np.eye(3))
    assert np.allclose(grid.spacing, (1.0, 1.5, 2.0))
    k, j, i = np.indices(geometry.shape)
    voxels = geometry.to_world(np.stack([i, j, k], axis=-1).reshape(-1, 3))
    assert grid.contains(voxels).all()
    smaller = grid.crop((2, 2, 2), [n - 4 for n in grid.shape])
    assert not smaller.contains(voxels).all()


def test_the_straight_grid_of_a_single_slice_meets_it() -> None:
    for z in (0.0, 1.5, 2.9):
        grid = axis_aligned_grid(Geometry.from_parts((1, 10, 10), (1, 1, 3), (0.2, 0.2, z)))
        assert grid.shape[0] == 1
        assert abs(grid.origin[2] - z) <= 1.5 + 1e-9


def test_volumes_centred_between_voxels_get_no_rim_of_air() -> None:
    image = Image(
        np.full((7, 8, 8), 50, dtype=np.int16), Geometry.from_parts((7, 8, 8), (0.75, 0.75, 3), (-2.625,) * 3)
    )
    for axes, flips in ORDERS:
        stored = stored_as(image, axes, flips)
        assert (resample(stored, axis_aligned_grid(stored.geometry), fill_value=-1024).array == 50).all()
