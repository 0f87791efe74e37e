"""The network around a tumour on what it makes of zeros, against the whole network, in double precision."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from HCCAssistLib.explain.gradcam import open_pass
from HCCAssistLib.recipes.hepatectomy.explanation import scores_and_map
from HCCAssistLib.recipes.hepatectomy.network import RecurrenceNetwork
from HCCAssistLib.recipes.hepatectomy.recipe import VOI_SHAPE
from HCCAssistLib.recipes.hepatectomy.zero_outside import _KEPT, ZeroOutside

pytestmark = pytest.mark.heavy

SHOWN = {
    "in the middle": (55, 95, 57, 98),
    "off centre, tall": (20, 131, 61, 74),
    "odd sizes at odd places": (31, 48, 77, 110),
    "anterior border": (0, 33, 60, 91),
    "posterior border": (118, 150, 60, 91),
    "right border": (50, 90, 0, 22),
    "left border": (50, 90, 127, 150),
    "a corner": (141, 150, 0, 9),
    "as wide as the VOI": (40, 80, 0, 150),
    "one pixel from every border": (1, 149, 1, 149),
    "a single pixel": (70, 71, 33, 34),
    "the last pixel": (149, 150, 149, 150),
    "all": (0, 150, 0, 150),
    "nothing": (0, 0, 0, 0),
}
"""Rows and columns that are not 0."""


def network(seed: int = 0) -> RecurrenceNetwork:
    """With biases, so that zeros give something."""
    torch.manual_seed(seed)
    made = RecurrenceNetwork(width=0.06).double().eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.1)
    return made


def voi(top: int, bottom: int, left: int, right: int) -> Tensor:
    """An ellipse in the box whose voxels are 0 here and there, too."""
    rng = np.random.default_rng(top + bottom + left + right)
    voxels = np.zeros(VOI_SHAPE)
    rows, columns = np.ogrid[-1 : 1 : (bottom - top) * 1j, -1 : 1 : (right - left) * 1j]
    inside = rows**2 + columns**2 <= 1 if bottom - top > 2 else np.ones((bottom - top, right - left), bool)
    voxels[:, top:bottom, left:right] = inside * np.maximum(0, rng.normal(0.5, 0.3, (10, bottom - top, right - left)))
    voxels[7:, : top + (bottom - top) // 2] = 0
    return torch.from_numpy(voxels)[None, None]


@pytest.fixture(scope="module")
def whole() -> RecurrenceNetwork:
    return network()


@pytest.mark.parametrize("name", SHOWN)
def test_outputs_are_those_of_the_whole_network(whole: RecurrenceNetwork, name: str) -> None:
    x = voi(*SHOWN[name])
    with torch.no_grad():
        wanted, empty = whole.features(x), whole.features(torch.zeros_like(x))
        found = ZeroOutside(whole).features(x)
    assert found.shape == wanted.shape and (found - wanted).abs().max() <= 1e-12 * wanted.abs().max()
    if name != "nothing":
        assert (wanted - empty).abs().max() > 1e-4 * wanted.abs().max(), "the network does not see it"


def test_several_at_once_share_a_box(whole: RecurrenceNetwork) -> None:
    x = torch.cat([voi(*SHOWN[name]) for name in ("odd sizes at odd places", "right border", "nothing")])
    with torch.no_grad():
        assert torch.allclose(ZeroOutside(whole).features(x), whole.features(x), rtol=1e-12, atol=1e-14)


def test_gradient_and_map_are_those_of_the_whole_network(whole: RecurrenceNetwork) -> None:
    x = voi(*SHOWN["off centre, tall"])
    gradients = []
    for explained in (whole, ZeroOutside(whole)):
        maps, logits = open_pass(explained, x)
        gradients += torch.autograd.grad(logits[0, 1], maps)
    assert gradients[0].abs().max() > 0 and torch.allclose(*gradients, rtol=1e-12, atol=1e-14)


def test_weights_that_change_are_followed_and_networks_are_told_apart(whole: RecurrenceNetwork) -> None:
    x = voi(*SHOWN["in the middle"])
    other = network(1)
    with torch.no_grad():
        scores, heat = scores_and_map([whole, other], x, heat=True)
        assert np.allclose(scores, [torch.softmax(one(x), 1)[0, 1].item() for one in (whole, other)], rtol=1e-12)
        assert heat is not None and heat.max() > 0
        other.load_state_dict(whole.state_dict())
        assert torch.allclose(ZeroOutside(other).features(x), whole.features(x), rtol=1e-12, atol=1e-14)
        narrow = other.float()
        assert torch.allclose(ZeroOutside(narrow).features(x.float()), narrow.features(x.float()), rtol=1e-4, atol=1e-6)


def test_a_small_tumour_takes_a_fraction_of_the_work(whole: RecurrenceNetwork) -> None:
    x = voi(*SHOWN["in the middle"])
    work = []
    with torch.no_grad():
        ZeroOutside(whole).features(x)
        for one in (whole, ZeroOutside(whole)):
            with FlopCounterMode(display=False) as counter:
                one.features(x)
            work.append(counter.get_total_flops())
    assert 0 < work[1] < 0.3 * work[0]
    first = _KEPT[whole][1][1]
    assert first.untyped_storage().nbytes() == 8 * first[..., 0, 0].numel(), "one pixel stands for all"
