import numpy as np
import pytest
import torch
from torch import Tensor, nn

from HCCAssistLib.explain.gradcam import gradcam
from HCCAssistLib.explain.placement import place
from HCCAssistLib.imaging.geometry import Geometry

PATCH = (8, 32, 32)


def rotation(x: float, y: float, z: float) -> np.ndarray:
    def about(axis: int, degrees: float) -> np.ndarray:
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
        return turn

    return about(2, z) @ about(1, y) @ about(0, x)


def oblique_mirrored() -> Geometry:
    """Oblique, left-handed (i mirrored), anisotropic."""
    axes = rotation(17, -11, 24) @ np.diag([-1.0, 1.0, 1.0])
    geometry = Geometry.from_parts((30, 90, 110), (0.7, 0.9, 3.1), (-40.0, 25.0, -310.0), axes)
    assert geometry.is_left_handed
    return geometry


class BlobSeeker(nn.Module):
    """Responds to bright voxels: its map is the mean of each 4x4x4 cell, its score their sum."""

    def features(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool3d(x, 4)

    def head(self, maps: Tensor) -> Tensor:
        return maps.flatten(1).sum(dim=1)


def test_the_map_lies_on_the_object_it_responds_to_in_an_oblique_mirrored_anisotropic_volume():
    geometry = oblique_mirrored()
    volume = np.zeros(geometry.shape, dtype=np.float32)
    # an L of 4-voxel cells: a long bar along +j, a short one along +i, one cell thick in k
    start = np.array([61, 40, 9])  # i, j, k of the patch
    for di, dj in ((4, 4), (4, 8), (4, 12), (4, 16), (8, 4)):
        i, j, k = start + np.array([di, dj, 4])
        volume[k : k + 4, j : j + 4, i : i + 4] = 1.0
    i, j, k = start
    patch = volume[k : k + 8, j : j + 32, i : i + 32]

    maps = gradcam(BlobSeeker().eval(), torch.from_numpy(patch[None, None]))
    placed = place(maps.numpy(), [start], geometry, patch_shape=PATCH)

    heat = placed.merged
    assert heat.geometry.shape == PATCH
    weights = heat.array.astype(float)
    voxels = np.argwhere(np.ones(PATCH))[:, ::-1]
    moments = heat.geometry.to_world(voxels)
    center = (moments * weights.ravel()[:, None]).sum(axis=0) / weights.sum()
    truth = geometry.to_world(np.argwhere(volume > 0)[:, ::-1])
    # the map covers a border cell of z and fades over it, which moves its middle by less than a slice
    offset = geometry.to_index(center) - geometry.to_index(truth.mean(axis=0))
    assert np.abs(offset[:2]).max() < 0.05
    assert abs(offset[2]) < 1.0
    # every bright voxel of the patient is hot, and what is 4 voxels away from all of them is cold
    index = np.rint(heat.geometry.to_index(truth)).astype(int)
    assert weights[tuple(index.T[::-1])].min() > 0.2
    hot = geometry.to_index(heat.geometry.to_world(voxels[weights.ravel() > 0.01]))
    bright = np.argwhere(volume > 0)[:, ::-1]
    apart = np.abs(hot[:, None] - bright[None]).max(axis=2).min(axis=1)
    assert apart.max() < 4
    # the tip of the long bar, not its mirror images, holds the same heat as the corner
    tip = heat.geometry.to_index(geometry.to_world(start + np.array([5.5, 17.5, 7.0])))
    mirrored = heat.geometry.to_index(geometry.to_world(start + np.array([17.5, 5.5, 7.0])))
    assert weights[7, int(tip[1]), int(tip[0])] > 0.6
    assert weights[7, int(mirrored[1]), int(mirrored[0])] == 0


def test_values_between_cell_centres_are_linear_in_the_patient():
    geometry = oblique_mirrored()
    start = np.array([20, 30, 5])
    k, j, i = np.indices((2, 8, 8))
    # cell c is centred at voxel 4 c + 1.5 of the patch
    position = geometry.to_world(start + np.stack([i, j, k], axis=-1) * 4 + 1.5)
    slope = np.array([0.011, -0.017, 0.009])
    cells = position @ slope
    base = cells.min()

    placed = place((cells - base)[None], [start], geometry, patch_shape=PATCH)

    array, grid = placed.merged.array, placed.merged.geometry
    inner = np.argwhere(np.ones((4, 28, 28)))[:, ::-1] + 2  # voxels 2 .. 5 and 2 .. 29 lie between the centres
    expected = (grid.to_world(inner) @ slope - base) / placed.scales[0]
    np.testing.assert_allclose(array[tuple(inner.T[::-1])], expected, atol=1e-5)
    assert placed.scales[0] == pytest.approx((cells - base).max(), rel=1e-6)
    # beyond the outermost centres the border cell's value stays
    assert array[0, 0, 0] == pytest.approx((cells[0, 0, 0] - base) / placed.scales[0], abs=1e-5)
    assert array[7, 31, 31] == pytest.approx((cells[1, 7, 7] - base) / placed.scales[0], abs=1e-5)


def test_maps_merge_by_their_maximum_each_on_its_own_scale_over_the_patches_only():
    geometry = Geometry.from_parts((40, 100, 100), (1, 1, 2))
    maps = np.zeros((2, 2, 8, 8))
    maps[0], maps[1] = 0.5, 2.0
    maps[0, 1], maps[1, 1] = 2.0, 8.0

    placed = place(maps, [(10, 20, 4), (30, 40, 8)], geometry, patch_shape=PATCH)

    assert placed.scales == (2.0, 8.0)
    assert placed.merged.geometry.shape == (12, 52, 52)
    np.testing.assert_allclose(placed.merged.geometry.origin, (10, 20, 8))
    merged = placed.merged.array
    assert merged[0, 0, 0] == pytest.approx(0.25)
    assert merged[11, 51, 51] == 1
    assert merged[7, 25, 25] == 1  # both: the lower end of the second, the upper end of the first
    assert merged[4, 51, 51] == pytest.approx(0.25)
    assert merged[0, 51, 51] == 0  # neither
    assert [image.array.max() for image in placed.each] == pytest.approx([1.0, 1.0])
    np.testing.assert_allclose(placed.each[1].geometry.origin, (30, 40, 16))
    assert "own highest activation" in placed.merged.history[0]


def test_a_patch_that_sticks_out_is_cut_at_the_volumes_border():
    geometry = Geometry.from_parts((10, 40, 40), (1, 1, 1))
    cells = np.zeros((1, 2, 8, 8))
    cells[0, 1, 7, 7] = 1.0

    placed = place(cells, [(-20, -4, -2)], geometry, patch_shape=PATCH)

    assert placed.merged.geometry.shape == (6, 28, 12)
    np.testing.assert_allclose(placed.merged.geometry.origin, (0, 0, 0))
    peak = np.unravel_index(placed.merged.array.argmax(), placed.merged.array.shape)
    # cell 7 is centred at voxel 29.5 of the patch, cell 1 at slice 5.5
    assert peak[2] in (9, 10, 11)
    assert peak[1] in (25, 26, 27)
    assert peak[0] in (3, 4, 5)


def test_maps_without_any_activation_stay_zero_and_say_so():
    placed = place(np.zeros((1, 2, 8, 8)), [(0, 0, 0)], Geometry.from_parts((8, 32, 32), (1, 1, 1)), patch_shape=PATCH)

    assert placed.scales == (0.0,)
    assert placed.merged.array.max() == 0


@pytest.mark.parametrize(
    ("maps", "starts", "why"),
    [
        (np.zeros((0, 2, 8, 8)), np.zeros((0, 3)), "do not fit"),
        (np.zeros((2, 2, 8, 8)), [(0, 0, 0)], "do not fit"),
        (np.full((1, 2, 8, 8), np.nan), [(0, 0, 0)], "finite"),
        (np.full((1, 2, 8, 8), -1.0), [(0, 0, 0)], "at least 0"),
        (np.ones((1, 2, 8, 8)), [(40, 0, 0)], "outside the volume"),
    ],
)
def test_what_cannot_be_placed_is_refused(maps, starts, why):
    with pytest.raises(ValueError, match=why):
        place(maps, starts, Geometry.from_parts((8, 32, 32), (1, 1, 1)), patch_shape=PATCH)
