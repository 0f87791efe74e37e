"""The parts of a step of the deformable search are exact: values, weights and slopes."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from imaging_samples import rotation

from HCCAssistLib.registration.control_grid import ControlGrid
from HCCAssistLib.registration.joint_histogram import EMPTY, JointHistogram
from HCCAssistLib.registration.sampled import Sampled

RNG = np.random.default_rng(0)
SIZE, SPACING, ORIGIN = (11, 9, 7), (2.0, 3.0, 5.0), (-20.0, 8.0, 30.0)


def oblique(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    image.SetDirection((rotation(20, -15, 40) * (1, -1, 1)).ravel().tolist())
    return image


def test_values_and_slopes_are_those_of_linear_interpolation() -> None:
    image = oblique(RNG.normal(size=SIZE[::-1]))
    sampled = Sampled(image)
    voxels = RNG.uniform(0.01, np.array(SIZE)[:, None] - 1.01, (3, 50)).astype(np.float32)
    values, slopes, seen = sampled.at(voxels)
    places = [image.TransformContinuousIndexToPhysicalPoint(voxel) for voxel in voxels.T.astype(float).tolist()]
    np.testing.assert_allclose(values, [image.EvaluateAtPhysicalPoint(p, sitk.sitkLinear) for p in places], atol=1e-5)
    assert seen.all()
    turn, shift = sampled.after(np.eye(4))
    np.testing.assert_allclose(turn @ np.array(places).T + shift, voxels, atol=1e-4)
    inner = np.floor(voxels) + np.clip(voxels - np.floor(voxels), 0.1, 0.9)
    _, slopes, _ = sampled.at(inner.astype(np.float32))
    for axis in range(3):
        step = 0.05 * np.eye(3, dtype=np.float32)[:, axis : axis + 1]
        rise = (sampled.at(inner + step)[0] - sampled.at(inner - step)[0]) / 0.1
        np.testing.assert_allclose(slopes[axis], rise, atol=1e-4)


def test_the_last_voxel_is_seen_and_what_lies_behind_it_is_not() -> None:
    array = RNG.normal(size=SIZE[::-1])
    values, _, seen = Sampled(oblique(array)).at(np.array([[10, 10.2], [8, 8], [6, 6]], np.float32))
    assert seen.tolist() == [True, False]
    np.testing.assert_allclose(values, array[-1, -1, -1], atol=0.02)


def test_weights_of_control_points_give_the_deformation_of_the_spline() -> None:
    grid = ControlGrid(oblique(np.zeros(SIZE[::-1])), 9.0)
    coefficients = RNG.normal(size=(grid.count, 3)).astype(np.float32)
    voxels = RNG.uniform(-0.49, np.array(SIZE)[:, None] - 0.51, (3, 60)).astype(np.float32)
    points = Sampled(oblique(np.zeros(SIZE[::-1]))).affine @ np.vstack([voxels, np.ones(60)])
    moved = grid.spline(coefficients).apply(points[:3].T)
    np.testing.assert_allclose(grid.weights(voxels) @ coefficients, moved - points[:3].T, atol=1e-4)


def test_a_stretch_bends_nothing_and_the_slope_of_bending_is_its_own() -> None:
    grid = ControlGrid(oblique(np.zeros(SIZE[::-1])), 9.0)
    k, j, i = np.indices(grid.geometry.shape).reshape(3, -1)
    stretch = np.stack([2 * i - j, 0.5 * k, i + j + k], axis=-1).astype(np.float32)
    np.testing.assert_allclose(grid.bending(stretch), 0, atol=1e-5)

    def energy(values: np.ndarray) -> float:
        whole = values.reshape(*grid.geometry.shape, 3)
        return sum(float((np.diff(whole, 2, axis=axis) ** 2).sum()) for axis in range(3)) / 2

    bent, way = RNG.normal(size=(2, grid.count, 3))
    rise = (energy(bent + 1e-4 * way) - energy(bent - 1e-4 * way)) / 2e-4
    assert np.isclose((grid.bending(bent) * way).sum(), rise, rtol=1e-4)


def information(histogram: JointHistogram) -> float:
    shares = histogram._shares + EMPTY
    return float((shares * np.log(shares / shares.sum(axis=0) / shares.sum(axis=1, keepdims=True))).sum())


def test_the_slope_of_the_mutual_information_is_its_own() -> None:
    fixed = RNG.uniform(0, 900, 800).astype(np.float32)
    moving = (np.sqrt(fixed) + RNG.normal(0, 3, 800)).astype(np.float32)
    seen = RNG.random(800) < 0.9
    inner = (moving > np.percentile(moving, 3)) & (moving < np.percentile(moving, 97))
    way = np.where(inner, RNG.normal(size=800), 0).astype(np.float32)

    def at(length: float) -> tuple[JointHistogram, np.ndarray]:
        one = JointHistogram(fixed, moving)
        return one, one.slopes(fixed, moving + np.float32(length) * way, seen)

    rise = (information(at(0.05)[0]) - information(at(-0.05)[0])) / 0.1
    assert np.isclose(float((at(0.0)[1] * way).sum()) / seen.sum(), rise, rtol=0.02)
    assert not at(0.0)[1][~seen].any()
    assert information(at(0.0)[0]) > 0.3


def test_one_value_everywhere_gives_no_slope() -> None:
    same = np.full(50, 7.0, np.float32)
    slopes = JointHistogram(same, same).slopes(same, same, np.ones(50, bool))
    assert np.isfinite(slopes).all() and not slopes.any()
