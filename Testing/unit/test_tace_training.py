"""The layer behind the frozen backbone: what is kept of the six variants trains it as the backbone itself would."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tace_toy import StandIn, install
from torch import Tensor, nn

from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.recipes.tace.augmentation import VARIANTS, augmented, variants
from HCCAssistLib.recipes.tace.bodies import as_input, variant_features
from HCCAssistLib.recipes.tace.network import HEAD_WEIGHTS, ResponseLayer, SmallNetwork, build, loss
from HCCAssistLib.recipes.tace.recipe import SIZE, TACE
from HCCAssistLib.recipes.tace.sampling import batch_maker
from HCCAssistLib.recipes.tace.training import settled
from HCCAssistLib.training.loop import Fit, fit, outputs
from HCCAssistLib.training.plan import Plan
from HCCAssistLib.training.samples import Origin, Samples

OPTIONS = TACE.resolve({"epochs": 6, "batch": 8, "learning_rate": 0.01}, preset="paper")
PATCHES = 16


def patches(count: int = PATCHES, side: int = SIZE) -> np.ndarray:
    """Noise, brighter in a corner that depends on the class, so that no variant is like another."""
    found = np.random.default_rng(3).integers(0, 160, (count, 1, side, side), dtype=np.uint8)
    for number in range(count):
        found[number, :, : side // (2 + number % 4), : side // 3] += np.uint8(90)
    return found


def samples_of(arrays: Mapping[str, np.ndarray], count: int = PATCHES, split: str = "train") -> Samples:
    labels = (np.arange(count) % 4).astype(np.uint8)
    case = (np.arange(count) // 4).astype(np.int32)
    origins = tuple(Origin(f"case-{n}", f"p{n}", split) for n in range(-(-count // 4)))
    return Samples({**arrays, "label": labels, "case": case}, origins)


class Whole(nn.Module):
    """The backbone with the layer behind it, run in every step."""

    frozen = ("backbone",)

    def __init__(self, backbone: StandIn) -> None:
        super().__init__()
        self.backbone, self.layer = copy.deepcopy(backbone), build(OPTIONS)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.backbone.pooled(self.backbone.features(x))
        logits: Tensor = self.layer(features)
        return logits


def naive_maker(inputs: Mapping[str, Tensor], generator: torch.Generator | None) -> Tensor:
    """A variant of each patch, drawn in the step that shows it."""
    images = inputs["image"]
    numbers = torch.zeros(len(images), dtype=torch.long)
    if generator is not None:
        numbers = torch.randint(len(VARIANTS), (len(images),), generator=generator)
    return as_input(augmented(images, numbers))


def trained(samples: Samples, **more: object) -> Fit:
    return fit(
        lambda: build(OPTIONS), batch_maker(OPTIONS), loss, samples, samples, Plan.of(OPTIONS, seed=3), key="t", **more
    )  # type: ignore[arg-type]


def test_epochs_on_what_is_kept_are_those_that_run_the_backbone_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, images = install(monkeypatch), patches()
    kept = samples_of({"features": variant_features(backbone, images)})
    fast = trained(kept)
    whole = samples_of({"image": images})
    naive = fit(lambda: Whole(backbone), naive_maker, loss, whole, whole, Plan.of(OPTIONS, seed=3), key="naive")
    assert len(fast.history) == len(naive.history) == 6
    quick, slow = ResponseLayer(), Whole(backbone)
    quick.load_state_dict(fast.weights)
    slow.load_state_dict(naive.weights)
    logits = outputs(quick, batch_maker(OPTIONS), kept, device="cpu")
    wanted = outputs(slow, naive_maker, whole, device="cpu")
    assert np.abs(logits - wanted).max() < 1e-5
    assert np.ptp(logits, axis=0).min() > 1e-3, "the logits of different patches differ by far more"
    torch.manual_seed(3)
    start = build(OPTIONS)
    assert not torch.allclose(quick.fc.weight, start.fc.weight, atol=1e-3), "and the layer has learnt"


def test_no_weight_and_no_running_statistic_of_the_backbone_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, images = install(monkeypatch), patches()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    variant_features(backbone, images)
    whole = samples_of({"image": images})
    found = fit(lambda: Whole(backbone), naive_maker, loss, whole, whole, Plan.of(OPTIONS, seed=0, epochs=1), key="n")
    assert "layers.1.running_mean" in before and not backbone.training
    for name, tensor in before.items():
        assert torch.equal(backbone.state_dict()[name], tensor)
        assert torch.equal(found.weights[f"backbone.{name}"], tensor), "set_training keeps it in evaluation mode, too"


def test_features_are_the_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, threads = install(monkeypatch), torch.get_num_threads()
    used: list[int] = []
    features = backbone.features
    monkeypatch.setattr(backbone, "features", lambda x: used.append(torch.get_num_threads()) or features(x))
    try:
        torch.set_num_threads(2)
        variant_features(backbone, patches(6))
        assert used == [1, 1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_8196_weights_learn_behind_a_backbone() -> None:
    assert HEAD_WEIGHTS == 8196
    assert sum(weights.numel() for weights in build(OPTIONS).parameters() if weights.requires_grad) == 8196


def test_the_small_network_learns_as_a_whole_and_has_a_map_of_seven_by_seven() -> None:
    network = build({**OPTIONS, "body": "small"})
    assert isinstance(network, SmallNetwork)
    assert sum(weights.numel() for weights in network.parameters() if weights.requires_grad) == 116_564
    x = torch.rand(2, 3, SIZE, SIZE)
    assert network.features(x).shape == (2, 96, 7, 7)
    assert torch.allclose(network(x), network.head(network.features(x)))


def test_the_variants_are_the_six_of_the_paper_and_move_pixels_alone() -> None:
    image = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4)
    plain = image[0, 0].numpy()
    wanted = [plain, plain[:, ::-1], plain[::-1], plain[::-1, ::-1], np.rot90(plain), np.rot90(plain, -1)]
    found = variants(image)[0, :, 0].numpy()
    assert len(VARIANTS) == len({one.tobytes() for one in found}) == 6
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))
    drawn = augmented(image.repeat(6, 1, 1, 1), torch.arange(6))
    assert np.array_equal(drawn[:, 0].numpy(), found)


def test_a_network_is_given_three_channels_of_0_to_1() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 3)
    assert as_input(images).tolist() == [[[pytest.approx([0.0, 0.2, 1.0])]] * 3]
    slices = torch.arange(3, dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert torch.allclose(as_input(slices).flatten() * 255, torch.arange(3.0))


def test_all_variants_are_drawn_in_training_and_none_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    features = variant_features(install(monkeypatch), patches(1))
    inputs = {"features": torch.from_numpy(np.repeat(features, 200, axis=0))}
    make = batch_maker(OPTIONS)
    drawn = make(inputs, torch.Generator().manual_seed(0))
    counts = [(drawn == inputs["features"][0, n]).all(dim=1).sum().item() for n in range(6)]  # type: ignore[union-attr]
    assert sum(counts) == 200 and min(counts) > 15
    assert (make(inputs, None) == inputs["features"][0, 0]).all()  # type: ignore[union-attr]


def test_both_ways_see_the_same_variant_of_the_same_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, images = install(monkeypatch), patches(8)
    kept = {"features": torch.from_numpy(variant_features(backbone, images))}
    seen = batch_maker({**OPTIONS, "body": "small"})
    x = seen({"image": torch.from_numpy(images)}, torch.Generator().manual_seed(1))
    drawn = batch_maker(OPTIONS)(kept, torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(backbone.pooled(backbone.features(x)), drawn, atol=1e-5)  # type: ignore[arg-type]


def test_a_training_that_was_stopped_goes_on_to_the_same_weights_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = samples_of({"features": variant_features(install(monkeypatch), patches())})
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    path = tmp_path / "final.safetensors"
    with pytest.raises(Cancelled):
        trained(kept, checkpoint=path, cancelled=cancelled)
    again, whole = trained(kept, checkpoint=path), trained(kept)
    assert all(torch.equal(again.weights[name], whole.weights[name]) for name in whole.weights)
    assert again.history == whole.history


def test_shuffled_responses_stay_those_of_a_patient() -> None:
    one = samples_of({"image": np.zeros((16, 1, 4, 4), np.uint8)})
    one = replace(one, arrays={**one.arrays, "label": one["case"].astype(np.uint8)})
    shuffled = one.permuted(2)
    assert all(len(set(shuffled.labels[shuffled["case"] == case])) == 1 for case in range(4))
    assert (shuffled.labels != one.labels).any()


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InputError, match="ends at -200 HU before it begins"):
        settled({**OPTIONS, "window_high": -200.0})
