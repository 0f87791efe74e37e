import numpy as np
import pytest
import torch

from HCCAssistLib.explain.gradcam import gradcam
from HCCAssistLib.explain.placement import place
from HCCAssistLib.explain.pointing import peak, pointing_game, randomise_layers
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.ltp.network import LTPNetwork

pytestmark = pytest.mark.heavy

GRID = Geometry.from_parts((10, 20, 30), (0.5, 1.0, 3.0), (5.0, -7.0, 11.0), np.diag([-1.0, 1.0, 1.0]))


def heat(*voxels_kji: tuple[int, int, int]) -> Image:
    array = np.zeros(GRID.shape, dtype=np.float32)
    for voxel in voxels_kji:
        array[voxel] = 1.0
    return Image(array, GRID)


def lesion(geometry: Geometry = GRID) -> Image:
    """Voxels i 10..13, j 5..8, k 2..4 of the grid, whatever grid the mask is on."""
    k, j, i = np.indices(geometry.shape)
    index = np.rint(GRID.to_index(geometry.to_world(np.stack([i, j, k], axis=-1)))).astype(int)
    inside = ((index >= (10, 5, 2)) & (index <= (13, 8, 4))).all(axis=-1)
    return Image(inside.astype(np.uint8), geometry)


def test_peaks_in_the_lesion_hit_and_the_distance_of_others_is_in_mm():
    maps = [heat((3, 6, 12)), heat((3, 6, 17)), heat((7, 8, 13)), heat((0, 0, 0))]

    game = pointing_game(maps, [lesion()] * 4)

    assert game.hits == (True, False, False, False)
    assert game.fraction == 0.25
    # 4 voxels of 0.5 mm; 3 slices of 3 mm; from (0, 0, 0) to (10, 5, 2): 5, 5 and 6 mm
    assert game.distances_mm == pytest.approx((0.0, 2.0, 9.0, np.sqrt(25 + 25 + 36)))
    assert game.chance == pytest.approx(4 * 4 * 3 / (10 * 20 * 30))


def test_a_tolerance_counts_near_misses():
    maps = [heat((3, 6, 17)), heat((7, 8, 13))]

    assert pointing_game(maps, [lesion()] * 2, tolerance_mm=2.0).hits == (True, False)
    assert pointing_game(maps, [lesion()] * 2, tolerance_mm=9.0).hits == (True, True)


def test_the_lesions_mask_may_lie_on_another_grid():
    finer = Geometry.from_parts((50, 60, 70), (0.25, 0.5, 1.0), GRID.to_world((6, 3, 0)), np.diag([-1.0, 1.0, 1.0]))

    game = pointing_game([heat((3, 6, 12)), heat((3, 6, 14))], [lesion(finer)] * 2)

    assert game.hits == (True, False)


def test_the_peak_is_the_middle_of_the_hot_spot_that_holds_the_highest_voxel():
    array = np.zeros(GRID.shape, dtype=np.float32)
    array[2, 4, 6], array[3, 4, 6] = 1.0, 0.5
    array[4, 4, 6] = 0.4  # below half
    array[8, 15, 20:28] = 0.9  # a larger one elsewhere

    np.testing.assert_allclose(peak(Image(array, GRID)), GRID.to_world((6, 4, (2 * 1.0 + 3 * 0.5) / 1.5)))


def test_a_lesion_in_the_middle_of_a_patch_is_hit_although_the_map_has_two_cells_along_z():
    grid = Geometry.from_parts((8, 32, 32), (0.7, 0.7, 3.0))
    cells = np.zeros((1, 2, 8, 8))
    cells[0, :, 3, 5] = 1.0, 0.8
    mask = np.zeros(grid.shape, dtype=np.uint8)
    mask[3:5, 12:16, 20:24] = 1

    placed = place(cells, [(0, 0, 0)], grid, patch_shape=grid.shape)

    assert pointing_game(placed.each, [Image(mask, grid)]).hits == (True,)


def test_a_map_of_zeros_misses_whatever_the_tolerance():
    game = pointing_game([heat()], [lesion()], tolerance_mm=1e6)

    assert game.hits == (False,)
    assert game.distances_mm == (float("inf"),)


def test_maps_and_lesions_must_pair_up():
    with pytest.raises(ValueError, match="do not fit"):
        pointing_game([heat((1, 1, 1))], [])
    with pytest.raises(ValueError, match="empty"):
        pointing_game([heat((1, 1, 1))], [heat()])


@pytest.mark.parametrize(
    ("upto", "changed"),
    [("fc3", {"fc3"}), ("fc1", {"fc1", "fc2", "fc3"}), ("conv1", {"conv1", "conv2", "conv3", "fc1", "fc2", "fc3"})],
)
def test_randomising_starts_at_the_output_and_leaves_the_original(upto, changed):
    network = LTPNetwork()
    before = {name: value.clone() for name, value in network.state_dict().items()}

    fresh = randomise_layers(network, upto, seed=1)

    assert {
        name.split(".")[0] for name, value in fresh.state_dict().items() if not torch.equal(value, before[name])
    } == changed
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_randomising_is_repeatable_and_leaves_the_random_state_alone():
    network = LTPNetwork()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)

    one, two = (randomise_layers(network, "conv2", seed=5) for _ in range(2))

    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.fc1.weight, randomise_layers(network, "conv2", seed=6).fc1.weight)


def test_an_unknown_layer_is_refused():
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        randomise_layers(LTPNetwork(), "conv9", seed=0)


def blobs(count: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """Patches of noise, every second one with a bright blob; centres of the blobs ``(i, j, k)`` in the patch."""
    rng = np.random.default_rng(seed)
    x = rng.random((count, 3, 8, 32, 32), dtype=np.float32) * 0.5
    centers = np.stack([rng.integers(5, 27, count), rng.integers(5, 27, count), rng.integers(2, 6, count)], axis=-1)
    for n in range(0, count, 2):
        i, j, k = centers[n]
        x[n, :, k - 1 : k + 2, j - 3 : j + 4, i - 3 : i + 4] += 0.5
    return torch.from_numpy(x), centers


@pytest.mark.slow
def test_a_trained_network_points_at_the_blob_and_loses_it_with_its_weights():
    torch.manual_seed(0)
    network = LTPNetwork(3, "strict").to(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for step in range(60):
        x, _ = blobs(32, seed=step)
        labels = torch.tensor([1.0, 0.0] * 16)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            network(x.contiguous(memory_format=torch.channels_last_3d)), labels
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    x, centers = blobs(64, seed=1000)
    x, centers = x[::2], centers[::2]
    grid = Geometry.from_parts((8, 32, 32), (0.7, 0.7, 3.0))
    k, j, i = np.indices(grid.shape)
    lesions = [
        Image(((abs(i - c[0]) <= 3) & (abs(j - c[1]) <= 3) & (abs(k - c[2]) <= 1)).astype(np.uint8), grid)
        for c in centers
    ]

    def fraction(of: LTPNetwork) -> float:
        maps = gradcam(of, x).numpy()
        each = [place(one[None], [(0, 0, 0)], grid, patch_shape=grid.shape).each[0] for one in maps]
        return pointing_game(each, lesions, tolerance_mm=3.0).fraction

    trained = fraction(network)
    # one draw of weights may point at a bright blob by luck
    untrained = np.mean([fraction(randomise_layers(network, "conv1", seed=seed)) for seed in range(4)])

    assert trained >= 0.8
    assert untrained <= 0.4
