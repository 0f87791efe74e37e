from __future__ import annotations

import itertools

import numpy as np
import pytest

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.canvas import Canvas, capsule, edge, ellipsoid
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid, random_axes
from HCCAssistLib.phantoms.liver.storage import stored
from HCCAssistLib.phantoms.liver.surfaces import CoarseGrid, blob
from HCCAssistLib.phantoms.liver.texture import Waves, correlated_noise, scan


def oblique(left_handed: bool) -> Geometry:
    """An anisotropic grid turned about two axes, with the thick side along j."""
    a, b = np.radians((25, -40))
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    axes = turn @ tilt
    if left_handed:
        axes = axes * (-1, 1, 1)
    return Geometry.from_parts((50, 14, 60), (0.9, 4.0, 1.1), (-30, 12, 55), axes)


def voxel_places(geometry: Geometry) -> np.ndarray:
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij")
    return geometry.to_world(np.stack([i, j, k], axis=-1))


def distance_to_segment(points: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    t = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(points - (a + t[..., None] * (b - a)), axis=-1)


@pytest.mark.parametrize("left_handed", [False, True])
def test_a_tube_lies_where_it_should_in_an_oblique_volume(left_handed: bool) -> None:
    geometry = oblique(left_handed)
    canvas = Canvas(geometry, np.zeros(geometry.shape, np.float32))
    a, b = geometry.center + np.array([-9, 3, 5]), geometry.center + np.array([7, -6, 8])
    patch = canvas.patch([a, b], 6, samples=(1, 1, 1))
    assert patch is not None
    depth = np.broadcast_to(capsule(patch, a, b, 4, 4), patch.shape)
    expected = 4 - distance_to_segment(voxel_places(geometry)[patch.slices], a, b)
    assert np.abs(depth - expected).max() < 1e-3


def test_an_ellipsoid_has_its_axes_and_its_volume_in_an_oblique_volume() -> None:
    geometry = oblique(left_handed=True)
    canvas = Canvas(geometry, np.zeros(geometry.shape, np.float32))
    axes = random_axes(np.random.default_rng(3))
    semi = np.array([12.0, 8.0, 6.0])
    center = geometry.center
    patch = canvas.patch(center, 14)
    assert patch is not None and patch.samples == (1, 4, 1)
    canvas.paint(patch, edge(ellipsoid(patch, center, axes, semi), 0.5), 100.0)
    volume = canvas.array.sum() / 100 * np.prod(geometry.spacing)
    assert volume == pytest.approx(4 / 3 * np.pi * semi.prod(), rel=0.03)
    inside = voxel_places(geometry)[canvas.array > 50] - center
    assert np.abs(inside @ axes.T / semi).max() < 1.3
    assert np.abs(inside @ axes[0]).max() > 10 and np.abs(inside @ axes[2]).max() < 8


def test_what_is_outside_the_volume_or_the_limit_is_not_drawn() -> None:
    geometry = Geometry.from_parts((6, 20, 20), (1, 1, 5))
    canvas = Canvas(geometry, np.zeros(geometry.shape, np.float32))
    assert canvas.patch((500, 0, 0), 5) is None
    canvas.limit = np.zeros(geometry.shape, np.float32)
    canvas.limit[:, :, 10:] = 1
    canvas.coverage = np.zeros(geometry.shape, np.float32)
    patch = canvas.patch((10, 10, 12), 9)
    assert patch is not None
    ball = edge(ellipsoid(patch, (10, 10, 12), np.eye(3), (7, 7, 7)), 1)
    canvas.paint(patch, ball, 50.0)
    canvas.add(patch, ball, 5.0)
    assert not canvas.array[:, :, :10].any() and not canvas.coverage[:, :, :10].any()
    assert canvas.array[2, 10, 12] == pytest.approx(55) and canvas.coverage[2, 10, 12] == 1


def test_a_thin_plate_across_thick_slices_keeps_its_partial_volume() -> None:
    geometry = Geometry.from_parts((5, 30, 30), (1, 1, 5))
    canvas = Canvas(geometry, np.zeros(geometry.shape, np.float32))
    patch = canvas.patch(geometry.center, 40)
    assert patch is not None
    height = patch.along((0, 0, 1), (0, 0, 10))
    canvas.paint(patch, np.broadcast_to(edge(1.25 - np.abs(height), 0.01), patch.shape), 100.0)
    assert canvas.array[2, 15, 15] == pytest.approx(50, abs=1)  # 2.5 mm of a 5 mm slice
    assert canvas.array[1, 15, 15] == canvas.array[3, 15, 15] == 0


def test_a_surface_on_the_coarse_grid_matches_the_shape_itself() -> None:
    geometry = Geometry.from_parts((20, 120, 140), (0.8, 0.7, 4), (-60, -35, -40))
    canvas = Canvas(geometry, np.full(geometry.shape, -100, np.float32))
    grid = CoarseGrid(canvas)
    center, semi = (-6.0, 4.0, -3.0), (30.0, 18.0, 24.0)
    occupancy = grid.occupancy(blob(grid, center, semi))
    grid.paint(blob(grid, center, semi), 60.0)
    assert occupancy.sum() * 0.8 * 0.7 * 4 == pytest.approx(4 / 3 * np.pi * np.prod(semi), rel=0.02)
    assert np.allclose(canvas.array, -100 + 160 * occupancy, atol=1e-3)
    q = np.linalg.norm((voxel_places(geometry) - center) / semi, axis=-1)
    assert occupancy[q < 0.9].min() == 1 and occupancy[q > 1.12].max() == 0


def test_an_organ_on_the_nodes_around_it_is_that_on_all_of_them_bit_by_bit() -> None:
    geometry = Geometry.from_parts((20, 120, 140), (0.8, 0.7, 4), (-60, -35, -40))
    center, size = (20.0, 10.0, -3.0), (14.0, 9.0, 12.0)
    rng = np.random.default_rng(2)
    marrow, bumps, before = Waves(rng, 15), Waves(rng, 20), rng.standard_normal(geometry.shape, np.float32)
    grids = [CoarseGrid(Canvas(geometry, before.copy())) for _ in range(2)]
    grids[1] = grids[1].around(center, size)
    for grid in grids:
        depth = blob(grid, center, size, 30) + bumps.on(grid.patch)
        grid.paint(depth, 60 + marrow.on(grid.patch))
        grid.paint(depth - np.float32(3), 90.0)
    whole, part = (grid.canvas.array for grid in grids)
    assert np.prod(grids[1].shape) < 0.6 * np.prod(grids[0].shape)
    assert np.array_equal(whole, part)
    assert 0.005 < np.mean(whole != before) < 0.05


@pytest.mark.parametrize("grid", [oblique(False), Geometry.from_parts((9, 60, 50), (0.8, 0.7, 5), (-20, -21, -20))])
def test_a_tube_in_the_box_that_it_touches_is_that_in_a_wide_one_bit_by_bit(grid: Geometry) -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        ends = grid.center + rng.uniform(-12, 12, (2, 3))
        radius, drawn = rng.uniform(0.6, 5), []
        for wide in (False, True):
            canvas = Canvas(grid, np.full(grid.shape, 40, np.float32))
            reach = radius + canvas.pixel / 2
            patch = canvas.patch(ends, reach + 6) if wide else canvas.near(ends, reach)
            assert patch is not None
            canvas.paint(patch, edge(capsule(patch, *ends, radius, 0.8 * radius), canvas.pixel), 250.0)
            drawn.append((np.prod(patch.shape), canvas.array))
        assert drawn[0][0] < 0.8 * drawn[1][0]
        assert np.array_equal(drawn[0][1], drawn[1][1]) and drawn[0][1].max() > 60


def test_the_depth_of_an_irregular_ellipsoid_at_points_is_that_on_the_voxels() -> None:
    geometry = oblique(left_handed=False)
    canvas = Canvas(geometry, np.zeros(geometry.shape, np.float32))
    rng = np.random.default_rng(5)
    shape = IrregularEllipsoid(geometry.center, random_axes(rng), np.array([11.0, 9.0, 7.0]), Waves(rng, 14), 1.0)
    patch = canvas.patch(shape.center, 15, samples=(1, 1, 1))
    assert patch is not None
    places = voxel_places(geometry)[patch.slices]
    assert np.abs(shape.depth(patch) - shape.depth_at(places)).max() < 1e-2
    direction = np.array([2.0, -1.0, 0.5]) / np.linalg.norm([2.0, -1.0, 0.5])
    margin = shape.margin_point(direction)
    assert abs(float(shape.depth_at(margin))) < 0.1
    assert np.allclose((margin - shape.center) / np.linalg.norm(margin - shape.center), direction)


ORDERS = [
    (order, flips)
    for order in itertools.permutations((0, 1, 2))
    for flips in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize("storage", ORDERS, ids=str)
def test_every_storage_order_keeps_every_voxel_at_its_place(storage: tuple) -> None:
    geometry = oblique(left_handed=False).crop((2, 1, 3), (3, 4, 5))
    image = Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), geometry)
    other = stored(image, storage)
    index = np.argwhere(np.ones(image.array.shape, bool))[:, ::-1]
    places = geometry.to_world(index)
    i, j, k = np.rint(other.geometry.to_index(places)).astype(int).T
    assert np.abs(other.geometry.to_index(places) - np.stack([i, j, k], 1)).max() < 1e-9
    assert np.array_equal(other.array[k, j, i], image.array.ravel())


def test_noise_has_the_asked_strength_and_correlation() -> None:
    rng = np.random.default_rng(0)
    noise = correlated_noise(rng, (12, 128, 128), (0.0, 1.0, 0.8))
    assert noise.std() == pytest.approx(1, abs=0.02)
    # a Gaussian kernel of sigma s gives exp(-1 / 4 s^2) between neighbours
    assert np.mean(noise[:, 1:] * noise[:, :-1]) == pytest.approx(np.exp(-1 / 4), abs=0.03)
    assert np.mean(noise[1:] * noise[:-1]) == pytest.approx(0, abs=0.03)
    clean = np.full((12, 128, 128), 70, np.float32)
    image = scan(rng, clean, sigma_px=1.0, noise_hu=np.full((128, 128), 12, np.float32), streak_hu=0.0)
    assert image.std() == pytest.approx(12, rel=0.04) and image.mean() == pytest.approx(70, abs=0.3)
