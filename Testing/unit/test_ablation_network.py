"""One definition for one time point and for two: its weights, and that nothing of an absent time point is looked at."""

import numpy as np
import pytest
import torch
from ablation_toy import TINY

from HCCAssistLib.recipes.ablation.network import HIDDEN, MAPS, PIXELS_PER_CELL, LongitudinalNetwork, build, loss
from HCCAssistLib.recipes.ablation.recipe import ABLATION, SIZE

OPTIONS = ABLATION.resolve(TINY)


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 2, 12, 128, 128, generator=torch.Generator().manual_seed(seed))


def test_both_networks_have_136_289_weights_that_learn() -> None:
    paper = ABLATION.resolve({})
    layers = {name: sum(w.numel() for w in part.parameters()) for name, part in build(paper, "pre").named_children()}
    convolutions = sum(9 * one * other + 2 * other for one, other in zip((12, *MAPS), MAPS, strict=False))
    assert layers == {"blocks": convolutions, "gru": 3 * HIDDEN * (128 + HIDDEN + 2), "dropout": 0, "last": 65}
    for name in ("pre", "prepost"):
        assert sum(w.numel() for w in build(paper, name).parameters()) == 136_289
    assert layers["gru"] == 37_248, "as torch.nn.GRU has them"


def test_the_gru_reads_the_time_points_as_torch_s_own_does() -> None:
    network = LongitudinalNetwork(2, 0.25).eval()
    gru = torch.nn.GRU(network.gru.input_size, network.gru.hidden_size, batch_first=True)
    gru.load_state_dict({f"{name}_l0": weights for name, weights in network.gru.state_dict().items()})
    maps = torch.rand(6, network.gru.input_size, 4, 4)
    with torch.no_grad():
        wanted = network.last(gru(maps.amax(dim=(2, 3)).reshape(3, 2, -1))[1][0])[:, 0]
        found = network.head(maps, torch.ones(3, 2, dtype=torch.bool))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_the_maps_have_a_cell_for_every_eight_pixels() -> None:
    network = build(OPTIONS, "pre").eval()
    with torch.no_grad():
        found = network.features(pictures(1)[0])
    assert found.shape[-2:] == (SIZE // PIXELS_PER_CELL,) * 2 == (16, 16) and float(found.min()) >= 0


@pytest.mark.parametrize("training", [False, True])
def test_garbage_in_an_absent_time_point_changes_nothing(training: bool) -> None:
    """Neither the scores, nor what batch normalisation learns, nor the gradient."""
    x, present = pictures(4), torch.tensor([[True, True], [True, False], [True, True], [True, False]])
    torch.manual_seed(0)
    start = build({**OPTIONS, "dropout": 0.0}, "prepost").state_dict()
    found = []
    for garbage in (0.0, 1e6, float("nan")):
        network = build({**OPTIONS, "dropout": 0.0}, "prepost")
        network.load_state_dict(start)
        network.train(training)
        shown = x.clone()
        shown[~present] = garbage
        logits = network(shown, present)
        loss(logits, {"label": torch.tensor([0, 1, 1, 0])}).backward()
        state = [value.clone() for value in (*network.state_dict().values(), *(w.grad for w in network.parameters()))]
        found.append((logits.detach(), state))
    for logits, state in found[1:]:
        assert torch.equal(logits, found[0][0]) and logits.isfinite().all()
        assert all(torch.equal(one, other) for one, other in zip(state, found[0][1], strict=True))


def test_without_the_second_time_point_the_score_is_that_of_the_first_alone() -> None:
    prepost, pre = build(OPTIONS, "prepost").eval(), build(OPTIONS, "pre").eval()
    pre.load_state_dict(prepost.state_dict())
    x, absent = pictures(2), torch.tensor([[True, False]] * 2)
    with torch.no_grad():
        assert torch.equal(prepost(x, absent), pre(x, absent))
        assert torch.equal(pre(x, absent), pre(x, ~torch.zeros(2, 2, dtype=torch.bool))), "Pre looks at no second one"
        both = prepost(x, torch.ones(2, 2, dtype=torch.bool))
        swapped = prepost(x.flip(1), torch.ones(2, 2, dtype=torch.bool))
    assert not torch.allclose(both, prepost(x, absent)) and not torch.allclose(both, swapped), "order counts"


def test_the_loss_is_weighted_binary_cross_entropy() -> None:
    logits, labels, weights = torch.tensor([0.3, -1.2, 2.0]), torch.tensor([1, 0, 0]), torch.tensor([2.0, 0.5, 1.0])
    p = torch.sigmoid(logits).numpy().astype(float)
    each = -np.log([p[0], 1 - p[1], 1 - p[2]])
    assert float(loss(logits, {"label": labels})) == pytest.approx(each.mean(), abs=1e-6)
    weighted = float(loss(logits, {"label": labels, "weight": weights}))
    assert weighted == pytest.approx((each * [2, 0.5, 1]).mean(), abs=1e-6)
