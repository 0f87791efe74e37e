from functools import lru_cache

import numpy as np
import pytest
import torch

from HCCAssistLib.errors import Cancelled
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.recipes.ltp.network import LTPNetwork, windowed
from HCCAssistLib.recipes.ltp.recipe import WINDOWS
from HCCAssistLib.recipes.ltp.sliding_window import dense_scan
from HCCAssistLib.recipes.ltp.sliding_window.dense_scan import TILE_PIXELS, scan, scan_patchwise
from HCCAssistLib.recipes.ltp.sliding_window.scan_grid import ScanGrid

pytestmark = pytest.mark.heavy

VARIANTS = [(3, "context"), (3, "strict"), (2, "context"), (2, "strict")]


@lru_cache
def decisive(pools: int, border: str) -> LTPNetwork:
    """Random weights whose probabilities spread from near 0 to near 1, so that a wrong score shows."""
    torch.manual_seed(pools)
    network = LTPNetwork(pools, border)
    for parameter in network.parameters():
        if parameter.ndim > 1:  # contrast survives all layers, as in a trained network
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    hu = scan_volume((15, 40, 50))
    scores = scan_patchwise(network, hu, WINDOWS, ScanGrid.covering(hu.shape, (8, 10, 10)))
    logits = torch.logit(torch.from_numpy(scores).double())
    with torch.no_grad():
        network.fc3.bias.sub_(logits.median())
        for parameter in network.fc3.parameters():
            parameter.mul_(2 / logits.std())
    return network


def scan_volume(shape: tuple[int, int, int]) -> np.ndarray:
    """Tissue-like HU with structure at every scale that the network sees, different along each axis."""
    rng = np.random.default_rng(0)
    k, j, i = np.indices(shape)
    waves = 40 * np.sin(i / 5) + 30 * np.cos(j / 9) + 20 * np.sin(k / 2 + i / 11)
    return (80 + waves + rng.normal(0, 40, shape)).astype(np.int16)


@pytest.mark.parametrize(("pools", "border"), VARIANTS)
@pytest.mark.parametrize("stride", [(4, 8, 8), (3, 4, 12), (5, 6, 5), (8, 16, 2)])
def test_a_scan_equals_the_patches_one_by_one(pools, border, stride):
    network, hu = decisive(pools, border), scan_volume((15, 40, 50))
    region = (slice(5, 6 + stride[0]), slice(max(0, 40 - 5 * stride[1]), 40), slice(0, min(50, 5 * stride[2])))
    grid = ScanGrid.covering(hu.shape, stride, region)

    scores = scan(network, hu, WINDOWS, grid)
    expected = scan_patchwise(network, hu, WINDOWS, grid)

    assert scores.shape == grid.shape
    assert scores.dtype == np.float32
    assert expected.max() - expected.min() > 0.2
    assert np.abs(scores - expected).max() <= 1e-5


@pytest.mark.parametrize("border", ["context", "strict"])
def test_stride_1_is_exact_too(border):
    network, hu = decisive(3, border), scan_volume((9, 40, 40))
    grid = ScanGrid.covering(hu.shape, (1, 1, 1), (slice(3, 5), slice(0, 5), slice(31, 37)))

    expected = scan_patchwise(network, hu, WINDOWS, grid)

    assert grid.shape == (2, 5, 6)
    assert np.abs(scan(network, hu, WINDOWS, grid) - expected).max() <= 1e-5


@pytest.mark.parametrize(("pools", "border"), VARIANTS)
def test_working_in_tiles_and_bands_changes_nothing(monkeypatch, pools, border):
    from HCCAssistLib.recipes.ltp.sliding_window import dense_network

    network, hu = decisive(pools, border), scan_volume((10, 70, 25))
    grid = ScanGrid.covering(hu.shape, (4, 4, 8))
    whole = scan(network, hu, WINDOWS, grid)

    monkeypatch.setitem(dense_scan.TILE_PIXELS, border, 60 * 60)
    monkeypatch.setattr(dense_network, "CACHED_BYTES", 1 << 17)
    monkeypatch.setattr(dense_network, "HEAD_BYTES", 1 << 15)

    assert np.abs(scan(network, hu, WINDOWS, grid) - whole).max() <= 1e-5


def test_patchwise_scores_are_the_networks_on_hand_cut_patches():
    network, hu = decisive(3, "context"), scan_volume((12, 60, 70))
    grid = ScanGrid((2, 9, 10), (2, 5, 3), (2, 3, 4))

    scores = scan_patchwise(network, hu, WINDOWS, grid, batch=5)

    for index in ((0, 0, 0), (1, 2, 3), (0, 1, 2)):
        z, y, x = (first + step * n for first, step, n in zip((2, 9, 10), (2, 5, 3), index, strict=True))
        patch = hu[z : z + 8, y - 7 : y + 39, x - 7 : x + 39]
        with torch.no_grad():
            logit = network(windowed(torch.from_numpy(patch[None].copy()), WINDOWS))
        assert scores[index] == pytest.approx(torch.sigmoid(logit).item(), abs=1e-5)


@pytest.mark.parametrize("border", ["context", "strict"])
def test_beyond_the_volume_lies_air(border):
    network, hu = decisive(3, border), scan_volume((6, 20, 24))
    grid = ScanGrid((-5, -20, -30), (6, 16, 12), (2, 3, 5))
    padded = np.pad(hu, ((8, 16), (40, 60), (40, 70)), constant_values=AIR_HU)
    inside = ScanGrid((3, 20, 10), grid.stride, grid.shape)

    scores = scan(network, hu, WINDOWS, grid)

    assert np.abs(scores - scan_patchwise(network, padded, WINDOWS, inside)).max() <= 1e-5


@pytest.mark.parametrize("border", ["context", "strict"])
def test_unwanted_patches_are_nan_and_wanted_ones_unchanged(border):
    network, hu = decisive(3, border), scan_volume((26, 44, 60))
    grid = ScanGrid.covering(hu.shape, (2, 4, 6))
    mask = np.random.default_rng(1).random(grid.shape) < 0.1
    mask[:, :2], mask[3], mask[7:10], mask[:, :, 5:] = False, False, False, False

    scores = scan(network, hu, WINDOWS, grid, mask=mask)

    assert np.isnan(scores[~mask]).all()
    expected = scan_patchwise(network, hu, WINDOWS, grid, mask=mask)
    assert np.isnan(expected[~mask]).all()
    assert np.abs(scores[mask] - expected[mask]).max() <= 1e-5


def test_layers_and_rows_without_wanted_patches_are_not_computed(monkeypatch):
    network, hu = decisive(3, "context"), scan_volume((40, 200, 200))
    grid = ScanGrid.covering(hu.shape, (4, 8, 8))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[6, 20:23, 4] = True
    computed = []
    original = dense_scan.DenseNetwork.logits

    def counting(self, block, depth_step, lattice):
        computed.append(tuple(block.shape))
        return original(self, block, depth_step, lattice)

    monkeypatch.setattr(dense_scan.DenseNetwork, "logits", counting)
    scan(network, hu, WINDOWS, grid, mask=mask)

    assert computed == [(8, 32 + 14 + 2 * 8, 32 + 14)]


def test_a_scan_on_a_processor_leaves_the_settings_of_the_process_alone():
    """Scans run side by side in threads there: each would put back what another one had set."""
    grid, hu, seen = ScanGrid.covering((10, 40, 40), (4, 8, 8)), scan_volume((10, 40, 40)), []
    flags = torch.backends.cudnn
    before = (flags.deterministic, flags.benchmark, flags.allow_tf32)

    def look() -> bool:
        seen.append((flags.deterministic, flags.benchmark, flags.allow_tf32))
        return False

    scan(LTPNetwork(), hu, WINDOWS, grid, cancelled=look)

    assert seen and set(seen) == {before}


def test_nothing_wanted_gives_nothing():
    grid = ScanGrid.covering((10, 40, 40), (4, 8, 8))

    scores = scan(LTPNetwork(), scan_volume((10, 40, 40)), WINDOWS, grid, mask=np.zeros(grid.shape, dtype=bool))

    assert np.isnan(scores).all()


def test_a_mask_of_another_shape_is_refused():
    grid = ScanGrid.covering((10, 40, 40), (4, 8, 8))

    with pytest.raises(ValueError, match="does not fit a grid"):
        scan(LTPNetwork(), scan_volume((10, 40, 40)), WINDOWS, grid, mask=np.ones((2, 2, 2), dtype=bool))


def test_float_voxels_are_rounded_to_hounsfield_units():
    network, hu = decisive(3, "context"), scan_volume((10, 40, 40))
    grid = ScanGrid.covering(hu.shape, (4, 8, 8))

    scores = scan(network, hu.astype(np.float32) + 0.3, WINDOWS, grid)

    assert np.array_equal(scores, scan(network, hu, WINDOWS, grid))


def test_a_single_patch_can_be_scanned():
    network, hu = decisive(3, "strict"), scan_volume((8, 32, 32))
    grid = ScanGrid((0, 0, 0), (1, 1, 1), (1, 1, 1))

    with torch.no_grad():
        logit = network(windowed(torch.from_numpy(hu[None]), WINDOWS))

    assert scan(network, hu, WINDOWS, grid).item() == pytest.approx(torch.sigmoid(logit).item(), abs=1e-5)


def test_progress_rises_to_1_and_the_network_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(TILE_PIXELS, "context", 1)  # as large volumes are worked on: few slabs at a time
    network, hu = decisive(3, "context"), scan_volume((24, 40, 40))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    seen: list[float] = []

    scan(network, hu, WINDOWS, ScanGrid.covering(hu.shape, (4, 8, 8)), progress=seen.append)

    assert len(seen) == 3
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_cancel_stops_between_slabs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(TILE_PIXELS, "context", 1)
    hu = scan_volume((40, 40, 40))
    seen: list[float] = []

    with pytest.raises(Cancelled):
        scan(
            LTPNetwork(),
            hu,
            WINDOWS,
            ScanGrid.covering(hu.shape, (4, 8, 8)),
            progress=seen.append,
            cancelled=lambda: len(seen) == 2,
        )

    assert len(seen) == 2


@pytest.mark.parametrize("stride", [(4, 16, 16), (4, 8, 8), (3, 5, 7), (1, 1, 1)])
@pytest.mark.parametrize("shape", [(8, 32, 32), (21, 70, 64), (9, 33, 47)])
def test_centres_lie_in_the_volume_and_within_half_a_stride_of_every_voxel(shape, stride):
    grid = ScanGrid.covering(shape, stride)

    for size, step, centers in zip(shape, stride, grid.centers, strict=True):
        assert centers[0] >= 0
        assert centers[-1] < size
        assert np.abs(np.arange(size)[:, None] - centers).min(axis=1).max() <= step / 2
        assert len(centers) == -(-size // step)
    assert grid.centers_ijk().shape == (*grid.shape, 3)


def test_a_regions_patches_are_those_of_the_volume_that_cover_it():
    shape, stride = (40, 200, 150), (4, 8, 8)
    region = (slice(7, 22), slice(33, 90), slice(0, 150))
    grid, whole = ScanGrid.covering(shape, stride, region), ScanGrid.covering(shape, stride)

    for part, step, centers, everywhere in zip(region, stride, grid.centers, whole.centers, strict=True):
        assert set(centers) <= set(everywhere)
        assert np.abs(np.arange(part.start, part.stop)[:, None] - centers).min(axis=1).max() <= step / 2
    assert grid.shape == (4, 8, 19)


def test_a_patchs_centre_is_16_pixels_and_4_slices_from_its_first_voxel():
    grid = ScanGrid((-4, 10, -3), (2, 8, 5), (3, 2, 4))

    assert grid.centers_ijk()[0, 0, 0].tolist() == [13, 26, 0]
    assert grid.centers_ijk()[2, 1, 3].tolist() == [13 + 15, 26 + 8, 4]


@pytest.mark.parametrize(
    ("shape", "stride", "region"),
    [
        ((10, 40, 40), (0, 8, 8), None),
        ((0, 40, 40), (4, 8, 8), None),
        ((10, 40, 40), (4, 8, 8), (slice(0, 10), slice(5, 5), slice(0, 40))),
        ((10, 40, 40), (4, 8, 8), (slice(0, 11), slice(0, 40), slice(0, 40))),
        ((10, 40, 40), (4, 8, 8), (slice(0, 10, 2), slice(0, 40), slice(0, 40))),
    ],
)
def test_impossible_grids_are_refused(shape, stride, region):
    with pytest.raises(ValueError, match="no part of"):
        ScanGrid.covering(shape, stride, region)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="SKIPPED: no CUDA device")
@pytest.mark.parametrize(("pools", "border"), VARIANTS)
def test_a_graphics_card_gives_the_same_scores(pools, border):
    network, hu = decisive(pools, border), scan_volume((15, 50, 58))
    grid = ScanGrid.covering(hu.shape, (4, 8, 6))

    scores = scan(network, hu, WINDOWS, grid, device="cuda")

    assert np.abs(scores - scan_patchwise(network, hu, WINDOWS, grid)).max() <= 1e-5
