"""The network of Table S2: its shapes, its weights, TensorFlow's padding, and its gradient against a plain one."""

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.recipes.hepatectomy.network import (
    FIRST_CENTER,
    PIXELS_PER_CELL,
    RecurrenceNetwork,
    build,
    loss,
    padded_behind,
    pooled,
)
from HCCAssistLib.recipes.hepatectomy.recipe import HEPATECTOMY, VOI_SHAPE
from HCCAssistLib.training.balance import class_weights

pytestmark = pytest.mark.heavy

PRINTED = {
    "conv1": (896, (10, 150, 150, 32)),
    "conv2": (55_360, (5, 75, 75, 64)),
    "conv3": (221_312, (3, 38, 38, 128)),
    "conv4": (442_496, (3, 38, 38, 128)),
    "conv5": (590_080, (2, 19, 19, 256)),
    "conv6": (1_179_904, (2, 19, 19, 256)),
    "fc1": (13_107_712, (512,)),
    "fc2": (131_328, (256,)),
    "fc3": (32_896, (128,)),
    "fc4": (258, (2,)),
}
"""Weights, and output (z, y, x, channels)."""

CUBE, FLAT = (3, 3, 3), (2, 3, 3)
POOLINGS = [
    ((10, 150, 150), CUBE, (5, 75, 75)),
    ((5, 75, 75), CUBE, (3, 38, 38)),
    ((3, 38, 38), CUBE, (2, 19, 19)),
    ((2, 19, 19), FLAT, (1, 10, 10)),
]


def test_layers_weights_and_shapes_are_those_printed() -> None:
    network = RecurrenceNetwork()
    shapes: dict[str, tuple[int, ...]] = {}
    for name in PRINTED:

        def note(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
            shapes[name] = (*output.shape[2:], output.shape[1])

        network.get_submodule(name).register_forward_hook(note)
    with torch.inference_mode():
        maps = network.train().features(torch.rand(1, 1, *VOI_SHAPE))
        logits = network.head(maps)
    assert shapes == {name: shape for name, (_, shape) in PRINTED.items()}
    counts = {name: sum(p.numel() for p in network.get_submodule(name).parameters()) for name in PRINTED}
    assert counts == {name: count for name, (count, _) in PRINTED.items()}
    assert sum(p.numel() for p in network.parameters()) == sum(counts.values()) == 15_762_242
    assert maps.shape == (1, 256, 1, 10, 10) and maps[0].numel() == 25_600 and logits.shape == (1, 2)


@pytest.mark.parametrize(("size", "kernel", "wanted"), POOLINGS)
def test_poolings_halve_and_round_up(size: tuple[int, ...], kernel: tuple[int, int, int], wanted: tuple) -> None:
    assert pooled(torch.zeros(1, 1, *size), kernel).shape[2:] == wanted


def same(size: int, taps: int, stride: int) -> tuple[int, int]:
    """Padding before and after, by the rule of TensorFlow's SAME."""
    total = max((-(-size // stride) - 1) * stride + taps - size, 0)
    return total // 2, total - total // 2


def test_the_rule_gives_the_padding_of_the_method_s_specification() -> None:
    of_pooling = {10: (0, 1), 150: (0, 1), 5: (1, 1), 75: (1, 1), 3: (1, 1), 38: (0, 1), 19: (1, 1)}
    assert {n: same(n, 3, 2) for n in of_pooling} == of_pooling
    assert same(2, 2, 2) == (0, 0) and same(2, 2, 1) == (0, 1)


def windows(array: npt.NDArray[np.float64], kernel: tuple[int, ...], stride: int, outside: float) -> npt.NDArray:
    """Every window ``(..., taps)`` of a padded array, by going through them one by one."""
    padded = np.pad(
        array, [same(n, k, stride) for n, k in zip(array.shape, kernel, strict=True)], constant_values=outside
    )
    wanted = [-(-n // stride) for n in array.shape]
    found = np.empty((*wanted, int(np.prod(kernel))))
    for place in product(*map(range, wanted)):
        part = tuple(slice(at * stride, at * stride + k) for at, k in zip(place, kernel, strict=True))
        found[place] = padded[part].ravel()
    return found


@pytest.mark.parametrize("kernel", [CUBE, FLAT])
@pytest.mark.parametrize("size", [(10, 6, 7), (5, 8, 5), (3, 7, 6), (2, 5, 4), (1, 3, 2)])
def test_pooling_is_tensorflow_s_on_odd_and_even_sizes(size: tuple[int, ...], kernel: tuple[int, int, int]) -> None:
    array = np.random.default_rng(0).normal(-5, 1, size)  # below 0: zeros in the padding would win
    found = pooled(torch.from_numpy(array)[None, None], kernel)[0, 0].numpy()
    assert np.array_equal(found, windows(array, kernel, 2, -np.inf).max(axis=-1))


@pytest.mark.parametrize("name", ["conv1", "conv5"])
def test_convolutions_are_tensorflow_s(name: str) -> None:
    network = RecurrenceNetwork(width=0.01).double()
    layer = network.get_submodule(name)
    kernel = tuple(layer.weight.shape[2:])
    assert kernel == (CUBE if name == "conv1" else FLAT)
    array = np.random.default_rng(1).normal(size=(2, 5, 4))
    x = torch.from_numpy(array)[None, None]
    with torch.no_grad():
        found = layer(x if name == "conv1" else padded_behind(x))[0].numpy()
    for number, one in enumerate(found):
        taps = layer.weight[number, 0].detach().numpy().ravel()
        assert np.allclose(one, windows(array, kernel, 1, 0.0) @ taps, atol=1e-12)


def plain(network: RecurrenceNetwork, x: Tensor) -> Tensor:
    """The table read line by line, without anything that makes it fast: padding first, ReLU before the pooling."""

    def padded(maps: Tensor, kernel: tuple[int, ...], stride: int, value: float) -> Tensor:
        sides = [same(n, k, stride) for n, k in zip(maps.shape[2:], kernel, strict=True)]
        return functional.pad(maps, [n for side in reversed(sides) for n in side], value=value)

    def convolved(maps: Tensor, layer: nn.Conv3d) -> Tensor:
        kernel = tuple(layer.weight.shape[2:])
        return functional.relu(functional.conv3d(padded(maps, kernel, 1, 0.0), layer.weight, layer.bias))

    def shrunk(maps: Tensor, kernel: tuple[int, ...]) -> Tensor:
        return functional.max_pool3d(padded(maps, kernel, 2, -torch.inf), kernel, 2)

    x = shrunk(convolved(x, network.conv1), CUBE)
    x = shrunk(convolved(x, network.conv2), CUBE)
    x = shrunk(convolved(convolved(x, network.conv3), network.conv4), CUBE)
    x = shrunk(convolved(convolved(x, network.conv5), network.conv6), FLAT)
    x = x.contiguous().flatten(1)
    for layer in (network.fc1, network.fc2, network.fc3):
        x = functional.relu(layer(x))
    return network.fc4(x)


def gradients(network: RecurrenceNetwork, forward: Callable[[Tensor], Tensor], x: Tensor) -> dict[str, Tensor]:
    network.zero_grad()
    loss(forward(x), {"label": torch.tensor([0, 1])}).backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def test_the_fast_layout_has_the_outputs_and_the_gradient_of_the_plain_network() -> None:
    torch.manual_seed(0)
    network = RecurrenceNetwork(width=0.06, dropout=0.0).double().train()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.1)
    x = torch.rand(2, 1, *VOI_SHAPE, dtype=torch.float64)
    slow = gradients(network, lambda given: plain(network, given), x)
    with torch.no_grad():
        wanted = plain(network, x)
    network.to(memory_format=torch.channels_last_3d)
    fast = gradients(network, network, x)
    with torch.no_grad():
        assert torch.allclose(network(x), wanted, rtol=1e-12, atol=1e-14)
    assert fast.keys() == slow.keys() and len(fast) == 20
    for name, gradient in slow.items():
        assert gradient.abs().max() > 0
        assert (fast[name] - gradient).abs().max() < 1e-12 * gradient.abs().max(), name


def test_volumes_go_through_alone_and_in_any_number_with_the_same_outputs() -> None:
    torch.manual_seed(1)
    network = RecurrenceNetwork(width=0.03).eval()
    x = torch.rand(11, 1, *VOI_SHAPE)
    with torch.inference_mode():
        together = network(x)
        alone = torch.cat([network(one[None]) for one in x])
    assert together.shape == (11, 2) and torch.allclose(together, alone, atol=1e-6)
    assert together.std(dim=0).min() > 1e-4


def test_dropout_is_at_work_in_training_alone() -> None:
    torch.manual_seed(2)
    network = build(HEPATECTOMY.resolve({"width": 0.1}))
    maps = torch.rand(1, 26, 1, 10, 10)
    with torch.no_grad():
        drawn = torch.stack([network.train().head(maps) for _ in range(4)])
        still = torch.stack([network.eval().head(maps) for _ in range(4)])
    assert drawn.std(dim=0).min() > 0 and still.std(dim=0).max() == 0


def test_a_cell_of_the_last_map_looks_symmetrically_around_its_pixel() -> None:
    """From the first and the last pixel that each cell can take its maximum from; convolutions are symmetric."""
    pixels = torch.arange(150.0).expand(1, 1, *VOI_SHAPE)
    last, first = pixels, -pixels
    for _, kernel, _ in POOLINGS:
        last, first = pooled(last, kernel), pooled(first, kernel)
    middle = (last - first)[0, 0, 0, 0] / 2
    cells = torch.arange(10)
    inner = slice(1, 8)  # borders cut the reach of the others
    assert torch.equal(middle[inner], (cells * PIXELS_PER_CELL + FIRST_CENTER)[inner].float())


def test_classes_are_weighed_as_in_the_paper_s_cohort() -> None:
    weights = class_weights(np.array([0] * 105 + [1] * 73))
    assert weights.round(3).tolist() == pytest.approx([0.848, 1.219])
    logits, labels = torch.tensor([[1.0, 0.0], [0.5, 0.2]]), torch.tensor([0, 1])
    each = functional.cross_entropy(logits, labels, reduction="none")
    weighed = loss(logits, {"label": labels, "weight": torch.from_numpy(weights)[labels]})
    assert weighed == pytest.approx(float((0.848 * each[0] + 1.219 * each[1]) / 2), abs=1e-3)
