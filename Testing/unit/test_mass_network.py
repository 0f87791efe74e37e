"""The network of Yasaka 2018 as the paper prints it, and the 52 pictures that it learns from."""

import numpy as np
import pytest
import torch

from HCCAssistLib.recipes.liver_mass import augmentation
from HCCAssistLib.recipes.liver_mass.augmentation import (
    ENLARGED,
    SHIFT,
    SHIFTS,
    STORED,
    VARIANTS,
    Variant,
    augmented,
    center_crop,
)
from HCCAssistLib.recipes.liver_mass.network import build, loss
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, SIZE
from HCCAssistLib.recipes.liver_mass.sampling import batch_maker

WIDTHS = (250.0, 290.0, 290.0)


@pytest.mark.parametrize(
    ("phases", "weights"),
    [
        ("triphasic", 5_861_157),
        ("arterial-delayed", 5_860_869),
        ("unenhanced", 5_860_581),
        ("arterial", 5_860_581),
        ("delayed", 5_860_581),
    ],
)
def test_the_weights_are_as_many_as_counted_for_each_of_the_five_models(phases: str, weights: int) -> None:
    network = build(LIVER_MASS.resolve({"phases": phases}))
    assert sum(parameter.numel() for parameter in network.parameters()) == weights


def test_maps_shrink_from_70_to_35_to_18_to_9() -> None:
    network = build(LIVER_MASS.resolve({"width": 0.25})).eval()
    shapes = []
    hooks = [
        module.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape)))
        for module in network.modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)
    ]
    assert network(torch.zeros(2, 3, SIZE, SIZE)).shape == (2, 5)
    for hook in hooks:
        hook.remove()
    sides = [shape[-1] for shape in shapes[:6]]
    assert sides == [70, 70, 35, 35, 18, 18]
    assert [shape[1] for shape in shapes[:6]] == [8, 8, 16, 16, 32, 32]
    assert [shape[1] for shape in shapes[6:]] == [128, 128, 5]
    assert network.fc1.in_features == 32 * 9 * 9
    assert network.features(torch.zeros(1, 3, SIZE, SIZE)).shape == (1, 32, 18, 18)


def test_values_drop_out_in_training_alone() -> None:
    network = build(LIVER_MASS.resolve({"width": 0.1, "phases": "delayed"}))
    x = torch.rand(1, 1, SIZE, SIZE)
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_the_loss_is_cross_entropy_weighed_where_classes_are() -> None:
    logits = torch.tensor([[2.0, 0, 0, 0, 0], [0, 0, 1.0, 0, 0]])
    labels = torch.tensor([0, 1])
    each = -logits.log_softmax(dim=1)[torch.arange(2), labels]
    assert loss(logits, {"label": labels}) == pytest.approx(float(each.mean()))
    weighed = loss(logits, {"label": labels, "weight": torch.tensor([0.5, 2.0])})
    assert weighed == pytest.approx(float((each * torch.tensor([0.5, 2.0])).mean()))


def test_there_are_52_different_variants_four_turns_of_thirteen_kinds() -> None:
    assert len(set(VARIANTS)) == len(VARIANTS) == 52
    assert VARIANTS[0] == Variant()
    for turn in range(4):
        of_turn = [variant for variant in VARIANTS if variant.quarters == turn]
        assert len(of_turn) == 13
        assert sum(variant.shift != (0, 0) for variant in of_turn) == 4
        assert sum(variant.seen != SIZE for variant in of_turn) == 4
        assert sum(variant.noise_hu > 0 for variant in of_turn) == 4
    assert {variant.quarters for variant in VARIANTS[:4]} == {0, 1, 2, 3}
    assert all(any(kind(v) for v in VARIANTS[:16]) for kind in (lambda v: v.noise_hu, lambda v: v.seen < SIZE))


def stored(count: int = 1) -> torch.Tensor:
    """Pictures with an asymmetric mark in smooth grey."""
    rows, columns = np.mgrid[:STORED, :STORED]
    one = 60 + rows + 0.5 * columns
    one[30:36, 45:60] = 250
    return torch.tensor(np.repeat(one[None, None], count, axis=0).repeat(3, axis=1).astype(np.uint8))


def variant(number: int, pictures: torch.Tensor | None = None, key: int = 7) -> np.ndarray:
    given = stored() if pictures is None else pictures
    keys = torch.full((len(given),), key)
    return augmented(given, torch.full((len(given),), number), keys, WIDTHS)[0].numpy()


def number_of(wanted: Variant) -> int:
    return VARIANTS.index(wanted)


def test_turns_and_shifts_move_pixels_and_change_none() -> None:
    full = stored()[0, 0].numpy() / 255
    plain = full[SHIFT:-SHIFT, SHIFT:-SHIFT]
    for turn in range(4):
        assert np.allclose(variant(number_of(Variant(turn)))[1], np.rot90(plain, turn), atol=1e-6)
    for down, right in SHIFTS:
        found = variant(number_of(Variant(shift=(down, right))))[0]
        rows, columns = slice(SHIFT - down, SHIFT - down + SIZE), slice(SHIFT - right, SHIFT - right + SIZE)
        assert np.allclose(found, full[rows, columns], atol=1e-6)
    assert np.allclose(center_crop(stored())[0, 0], plain, atol=1e-6)


@pytest.mark.parametrize("seen", ENLARGED)
def test_an_enlargement_keeps_the_middle_and_stretches_around_it(seen: int) -> None:
    ramp = torch.arange(STORED, dtype=torch.uint8).expand(1, 3, STORED, STORED)
    found = variant(number_of(Variant(seen=seen)), ramp)[0] * 255
    columns = STORED / 2 - 0.5 + (np.arange(SIZE) - (SIZE - 1) / 2) * seen / SIZE
    assert found[35, 2:-2] == pytest.approx(columns[2:-2], abs=1.01), "whole grey values"


def test_noise_has_its_strength_through_the_window_and_is_its_own_for_each_picture_phase_and_variant() -> None:
    grey = torch.full((1, 3, STORED, STORED), 128, dtype=torch.uint8)
    numbers = [n for n, one in enumerate(VARIANTS) if one.noise_hu and not one.quarters]
    for number in numbers:
        noise = variant(number, grey) - 128 / 255
        for phase, width in enumerate(WIDTHS):
            assert noise[phase].std() * width == pytest.approx(VARIANTS[number].noise_hu, rel=0.08)
    one, other = (variant(numbers[-1], grey, key=key) for key in (7, 8))
    pairs = [(one[0], other[0]), (one[0], one[1]), (one[0], variant(numbers[-2], grey)[0])]
    assert all(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.1 for a, b in pairs)


def test_a_variant_is_the_same_whatever_else_is_in_the_batch() -> None:
    pictures, keys = stored(52), torch.arange(52) + 1000
    batch = augmented(pictures, torch.arange(52), keys, WIDTHS)
    assert torch.equal(batch, augmented(pictures, torch.arange(52), keys, WIDTHS))
    order = torch.randperm(52, generator=torch.Generator().manual_seed(1))
    assert torch.equal(augmented(pictures, order, keys[order], WIDTHS), batch[order])
    assert len({row.numpy().tobytes() for row in batch}) == 52
    augmentation._bank.cache_clear()
    assert torch.equal(batch, augmented(pictures, torch.arange(52), keys, WIDTHS))


def test_batches_are_augmented_in_training_alone() -> None:
    make = batch_maker(LIVER_MASS.resolve({}))
    inputs = {"image": stored(2), "key": torch.tensor([1, 2]), "copy": torch.tensor([1, 5])}
    plain = make(inputs, None)
    assert torch.equal(plain, center_crop(inputs["image"]))
    assert not torch.equal(make(inputs, torch.Generator()), plain)
