import numpy as np
import pytest
import torch

from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.recipes.ltp.network import LTPNetwork, build, loss, windowed
from HCCAssistLib.recipes.ltp.recipe import WINDOWS

BORDERS = ("strict", "context")


def weights(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(("pools", "total", "fc1"), [(3, 661_121, 524_800), (2, 4_331_137, 4_194_816)])
def test_weights_are_those_of_the_papers_two_readings(border, pools, total, fc1):
    network = LTPNetwork(pools, border)

    counts = {name: weights(layer) for name, layer in network.named_children()}

    assert counts == {"conv1": 1312, "conv2": 13_856, "conv3": 55_360, "fc1": fc1, "fc2": 65_664, "fc3": 129}
    assert weights(network) == total


def shapes_of(network: LTPNetwork) -> dict[str, tuple[int, ...]]:
    seen: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_children():
        layer.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, tuple(out.shape[1:])))
    with torch.no_grad():
        seen["logits"] = tuple(network(torch.rand(2, 3, *network.patch_shape)).shape)
    return seen


@pytest.mark.parametrize("pools", (2, 3))
def test_strict_maps_have_the_printed_sizes(pools):
    network = LTPNetwork(pools, "strict")

    assert network.margin == 0
    assert network.patch_shape == (8, 32, 32)
    assert shapes_of(network) == {
        "conv1": (16, 8, 32, 32),
        "conv2": (32, 4, 16, 16),
        "conv3": (64, 2, 8, 8),
        "fc1": (512,),
        "fc2": (128,),
        "fc3": (1,),
        "logits": (2,),
    }


@pytest.mark.parametrize("pools", (2, 3))
def test_context_needs_7_pixels_more_to_reach_the_same_last_map(pools):
    network = LTPNetwork(pools, "context")

    assert network.margin == 7
    assert network.patch_shape == (8, 46, 46)
    shapes = shapes_of(network)
    assert shapes["conv1"] == (16, 8, 44, 44)
    assert shapes["conv2"] == (32, 4, 20, 20)
    assert shapes["conv3"] == (64, 2, 8, 8)
    assert shapes["logits"] == (2,)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("pools", (2, 3))
def test_the_head_on_the_features_is_the_network_and_features_are_rectified(border, pools):
    torch.manual_seed(0)
    network = LTPNetwork(pools, border)
    x = torch.rand(3, 3, *network.patch_shape)

    with torch.no_grad():
        maps = network.features(x)
        assert maps.shape == (3, 64, 2, 8, 8)
        assert maps.min() == 0
        assert torch.equal(network.head(maps), network(x))


def test_the_network_is_conv_relu_pool_as_the_paper_draws_it():
    torch.manual_seed(1)
    network = LTPNetwork(3, "strict")
    x = torch.rand(2, 3, 8, 32, 32)

    with torch.no_grad():
        y = x
        for layer in (network.conv1, network.conv2, network.conv3):
            y = torch.nn.functional.max_pool3d(torch.relu(layer(y)), 2)
        y = y.reshape(2, 1024)
        expected = network.fc3(torch.relu(network.fc2(torch.relu(network.fc1(y)))))

        torch.testing.assert_close(network(x), expected[:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("width", "channels"), [(1.0, (16, 32, 64, 512, 128)), (0.5, (8, 16, 32, 256, 64))])
def test_a_narrower_network_has_its_share_of_every_layer(width, channels):
    network = build({"pools": 3, "border": "context", "width": width})

    layers = (network.conv1, network.conv2, network.conv3, network.fc1, network.fc2)
    assert tuple(len(layer.weight) for layer in layers) == channels
    assert shapes_of(network)["logits"] == (2,)


def test_the_narrowest_network_keeps_one_map_of_each_layer():
    network = LTPNetwork(width=0.05)

    assert [len(layer.weight) for layer in (network.conv1, network.conv2, network.conv3)] == [1, 2, 3]
    assert shapes_of(network)["logits"] == (2,)


def test_the_initial_weights_follow_from_torchs_seed_alone():
    made = []
    for before in (0, 5):
        torch.rand(before)
        torch.manual_seed(3)
        made.append(build({"pools": 3, "border": "context", "width": 1.0}).state_dict())

    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_weighed_samples_count_as_often_as_their_weights_say():
    logits, labels = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([1, 0, 0])

    plain = [loss(logits[n : n + 1], {"label": labels[n : n + 1]}) for n in range(3)]
    weighed = loss(logits, {"label": labels, "weight": torch.tensor([2.0, 0.5, 0.5])})

    torch.testing.assert_close(weighed, (2 * plain[0] + 0.5 * plain[1] + 0.5 * plain[2]) / 3)


@pytest.mark.parametrize("wrong", [{"pools": 1}, {"border": "same"}])
def test_other_variants_are_refused(wrong):
    with pytest.raises(ValueError, match="pools is 2 or 3"):
        LTPNetwork(**wrong)


def test_windowing_gives_the_papers_three_channels_in_256_grey_levels():
    hu = torch.tensor([-3000, -140, 60, 80, 95, 110, 120, 139, 140, 260, 3000], dtype=torch.int16).view(1, 1, 1, -1)

    grey = windowed(hu, WINDOWS)

    assert grey.shape == (1, 3, 1, 1, 11)
    assert grey.dtype == torch.float32
    liver, ablation, tumour = np.rint(grey[0, :, 0, 0].numpy() * 255).astype(int)
    assert liver.tolist() == [0, 0, 128, 140, 150, 159, 166, 178, 178, 255, 255]
    assert ablation.tolist() == [0, 0, 42, 128, 191, 255, 255, 255, 255, 255, 255]
    assert tumour.tolist() == [0, 0, 0, 0, 0, 64, 128, 249, 255, 255, 255]
    assert torch.equal(grey * 255, (grey * 255).round())


def test_windowing_patches_puts_channels_before_the_slices():
    hu = torch.randint(-200, 300, (5, 8, 6, 7), dtype=torch.int16)

    grey = windowed(hu, [Window(0, 400), Window(100, 100)])

    assert grey.shape == (5, 2, 8, 6, 7)
    assert torch.equal(grey, windowed(hu.float(), [Window(0, 400), Window(100, 100)]))
