import pytest
import torch
from monai.visualize import GradCAM
from torch import Tensor, nn

from HCCAssistLib.explain.gradcam import gradcam
from HCCAssistLib.recipes.ltp.network import LTPNetwork


class Classifier2D(nn.Module):
    """A small network of several classes, with batch normalisation and dropout, in the shape that gradcam expects."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.5)
        self.dense = nn.Linear(8 * 4 * 6, 4)

    def features(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))

    def head(self, maps: Tensor) -> Tensor:
        return self.dense(self.dropout(maps).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class Tapped(nn.Module):
    """The same network with a layer for MONAI's hook, and classes where there is one score."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.tap = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        scores = self.network.head(self.tap(self.network.features(x)))
        return scores[:, None] if scores.ndim == 1 else scores


def monai_raw_map(network: nn.Module, x: Tensor, target: int) -> Tensor:
    return GradCAM(Tapped(network), "tap").compute_map(x, class_idx=target)[:, 0].detach()


@pytest.mark.parametrize("border", ["strict", "context"])
@pytest.mark.parametrize("pools", [2, 3])
def test_maps_equal_monais_before_its_normaliser(pools, border):
    torch.manual_seed(3)
    network = LTPNetwork(pools, border).eval()
    x = torch.rand(4, 3, *network.patch_shape)

    maps = gradcam(network, x)

    expected = monai_raw_map(network, x, 0)
    assert maps.shape == (4, 2, 8, 8)
    assert expected.max() > 0
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-4 * expected.max().item())


@pytest.mark.parametrize("target", [0, 3])
def test_maps_of_a_flat_network_of_several_classes_equal_monais(target):
    torch.manual_seed(4)
    network = Classifier2D().eval()
    x = torch.rand(5, 3, 8, 12)

    maps = gradcam(network, x, target=target)

    expected = monai_raw_map(network, x, target)
    assert maps.shape == (5, 4, 6)
    assert expected.max() > 0
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-4 * expected.max().item())


def test_without_a_target_each_sample_is_explained_by_its_own_best_class():
    torch.manual_seed(5)
    network = Classifier2D().eval()
    x = torch.rand(12, 3, 8, 12) * 3
    best = network(x).argmax(dim=1)
    assert len(best.unique()) > 1

    maps = gradcam(network, x)

    torch.testing.assert_close(maps, gradcam(network, x, target=best))
    for sample, target in enumerate(best.tolist()):
        alone = gradcam(network, x[sample : sample + 1], target=target)[0]
        torch.testing.assert_close(maps[sample], alone, rtol=1e-4, atol=1e-6)


def test_the_definition_by_hand():
    class Hand(nn.Module):
        def features(self, x: Tensor) -> Tensor:
            return x

        def head(self, maps: Tensor) -> Tensor:
            # gradients 6 on channel 0 and -2 on channel 1, on one of two cells each
            return 6 * maps[:, 0, 0, 0] - 2 * maps[:, 1, 0, 1]

    maps = gradcam(Hand().eval(), torch.tensor([[[[1.0, 2.0]], [[2.0, 9.0]]]]))

    # mean gradients 3 and -1: 3 * 1 - 2 = 1, 3 * 2 - 9 = -3 -> 0
    assert maps.tolist() == [[[1.0, 0.0]]]


def test_nothing_is_recorded_before_the_last_map_and_no_gradient_is_left():
    network = LTPNetwork().eval()
    recorded = []
    network.conv1.register_forward_hook(lambda _, __, out: recorded.append(out.requires_grad))
    network.fc1.register_forward_hook(lambda _, __, out: recorded.append(out.requires_grad))

    maps = gradcam(network, torch.rand(2, 3, *network.patch_shape))

    assert recorded == [False, True]
    assert not maps.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())


def test_it_works_where_gradients_are_switched_off():
    network = LTPNetwork().eval()
    x = torch.rand(2, 3, *network.patch_shape)

    with torch.no_grad():
        maps = gradcam(network, x)

    assert torch.equal(maps, gradcam(network, x))


def test_a_network_in_training_mode_is_refused():
    network = Classifier2D().train()

    with pytest.raises(ValueError, match="evaluation mode"):
        gradcam(network, torch.rand(2, 3, 8, 12))
