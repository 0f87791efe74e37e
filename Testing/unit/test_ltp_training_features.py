import copy

import pytest
import torch

from HCCAssistLib.recipes.ltp.network import LTPNetwork, loss, windowed
from HCCAssistLib.recipes.ltp.recipe import WINDOWS
from HCCAssistLib.recipes.ltp.training_features import faster_in_blocks, features_in_blocks

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN")

LABELS = {"label": torch.tensor([1, 0, 0, 1, 0, 0])}


def patches(network: LTPNetwork) -> torch.Tensor:
    """Tissue beside air, where every window is black and all values of a pooling are equal."""
    generator = torch.Generator().manual_seed(3)
    hu = torch.randn(6, *network.patch_shape, generator=generator) * 40 + 80
    hu[1:3, :, :20] = -1000
    return windowed(hu, WINDOWS)


def learnt(network: LTPNetwork, x: torch.Tensor, features) -> dict[str, torch.Tensor]:
    """The gradient of every layer."""
    network.zero_grad()
    loss(network.head(features(network, x)), LABELS).backward()
    return {name: weight.grad.double().clone() for name, weight in network.named_parameters()}


def apart(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found - exact).norm() / exact.norm())


@pytest.mark.parametrize(("pools", "border", "width"), [(3, "context", 1.0), (2, "strict", 1.0), (3, "context", 0.5)])
def test_every_layers_gradient_in_blocks_is_that_of_64_bit_floats(pools, border, width):
    torch.manual_seed(0)
    network = LTPNetwork(pools, border, width).to(memory_format=torch.channels_last_3d)
    x = patches(network)

    exact = learnt(copy.deepcopy(network).double(), x.double(), LTPNetwork.features)
    found = learnt(network, x, features_in_blocks)

    assert {name: apart(found[name], exact[name]) for name in exact} == pytest.approx(dict.fromkeys(exact, 0), abs=1e-4)
    # what the bound notices: a tap of a thirtieth of its size in one layer
    wrong = exact["conv3.weight"].clone()
    wrong[:, :, 0] *= 1 - 1 / 30
    assert apart(wrong, exact["conv3.weight"]) > 1e-3


def test_maps_in_blocks_are_the_networks_own():
    torch.manual_seed(1)
    network = LTPNetwork()
    x = patches(network)

    with torch.no_grad():
        torch.testing.assert_close(features_in_blocks(network, x), network.features(x), rtol=1e-5, atol=1e-5)


def test_blocks_are_for_full_registers_of_32_bit_floats_in_training_alone():
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        pytest.skip("without AVX-512 nothing is laid out in blocks")
    network = LTPNetwork()
    x = patches(network)

    assert faster_in_blocks(network, x)
    assert not faster_in_blocks(LTPNetwork(width=0.5), x)
    assert not faster_in_blocks(network, x.double())
    assert "MkldnnMaxPool3D" in graph(network(x))
    assert "MkldnnMaxPool3D" not in graph(network.eval()(x))


def graph(value: torch.Tensor) -> str:
    """The names of what goes backward."""
    names, left = [], [value.grad_fn]
    while left:
        node = left.pop()
        names.append(node.name())
        left += [after for after, _ in node.next_functions if after is not None]
    return " ".join(names)
