"""Heat of candidates: the slice is told, although a map has two cells along z."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ltp_blob import BLOBS, blob_image, blob_network, straight_grid

from HCCAssistLib.explain.gradcam import gradcam_and_scores
from HCCAssistLib.explain.placement import place as place_maps
from HCCAssistLib.explain.pointing import peak
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.recipes.ltp.explanation import SHIFTS, explain
from HCCAssistLib.recipes.ltp.network import LTPNetwork, windowed
from HCCAssistLib.recipes.ltp.recipe import WINDOWS
from HCCAssistLib.recipes.ltp.sampling import start_around

pytestmark = pytest.mark.heavy

IMAGE = blob_image(straight_grid())


def start_beside(center: tuple[float, float, float], shift: tuple[int, int, int]) -> np.ndarray:
    """Of a patch that is shifted by voxels off a blob."""
    return start_around(np.rint(IMAGE.geometry.to_index(center)).astype(int)) + np.array(shift)


@pytest.mark.parametrize("border", ["context", "strict"])
@pytest.mark.parametrize("shift", [(0, 0, 0), (4, -4, -2), (-4, 4, 1)])
def test_the_peak_lies_on_the_blob_in_every_direction(shift: tuple[int, int, int], border: str) -> None:
    for center, radius in BLOBS:
        spot = peak(explain([blob_network(border=border)], IMAGE, [start_beside(center, shift)]).merged)
        assert spot is not None
        away = np.abs(spot - np.array(center))
        assert away[:2].max() < radius
        assert away[2] <= 4.0, "within a slice"


@pytest.mark.parametrize("blob", range(len(BLOBS)))
def test_the_hottest_slice_is_the_one_in_the_middle_of_the_blob(blob: int) -> None:
    center, radius = BLOBS[blob]
    heat = explain([blob_network()], IMAGE, [start_beside(center, (0, 0, 0))]).merged
    by_slice = heat.array.max(axis=(1, 2))
    away = np.abs([heat.geometry.to_world((0, 0, k))[2] - center[2] for k in range(len(by_slice))])
    assert away[by_slice.argmax()] == away.min()
    assert by_slice[away > radius + 2].max() < 0.7 * by_slice.max()


def test_patches_at_the_edge_of_the_volume_are_explained() -> None:
    first, last = (0, 0, 0), IMAGE.geometry.size_ijk - 1
    placed = explain([blob_network()], IMAGE, [start_around(np.array(v).astype(int)) for v in (first, last)])
    assert len(placed.each) == 2
    assert np.isfinite(placed.merged.array).all()


def test_networks_are_averaged() -> None:
    start = start_beside(BLOBS[0][0], (0, 0, 0))
    silent = blob_network()
    for parameter in silent.parameters():
        parameter.data.zero_()
    one = explain([blob_network()], IMAGE, [start])
    two = explain([blob_network(), silent], IMAGE, [start])
    np.testing.assert_allclose(two.scales[0], one.scales[0] / 2, rtol=1e-5)


@pytest.mark.parametrize("border", ["context", "strict"])
def test_shifted_patches_that_share_their_cells_are_explained_as_one_by_one(border: str) -> None:
    torch.manual_seed(3)
    network = LTPNetwork(pools=2, border=border).eval()
    start = start_beside(BLOBS[0][0], (1, -2, 0))
    total = np.zeros((8, 12, 12), np.float32)
    for right, down in SHIFTS:
        corner = start + np.array([right, down, 0])
        for k in range(8):
            i, j, first = (corner + np.array([0, 0, k - 4])).tolist()
            cut = crop(IMAGE, (i - network.margin, j - network.margin, first), network.patch_shape, fill_value=-1024)
            maps, logits = gradcam_and_scores(network, windowed(torch.from_numpy(cut.array.copy())[None], WINDOWS))
            heat = maps[0].sum(dim=0).numpy()
            place = (k, slice(2 + down // 4, 10 + down // 4), slice(2 + right // 4, 10 + right // 4))
            total[place] += heat / max(heat.max(), 1e-30) * float(logits.sigmoid()) / len(SHIFTS)
    alone = place_maps(total[None, :, 2:-2, 2:-2], [start], IMAGE.geometry, patch_shape=(8, 32, 32))
    together = explain([network], IMAGE, [start])
    assert together.scales[0] > 0
    np.testing.assert_allclose(together.merged.array, alone.merged.array, atol=1e-5)
