"""The loop with a small network of its own: what holds here holds for every recipe."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from HCCAssistLib.errors import Cancelled, HCCAssistError, InputError
from HCCAssistLib.training.augmentation import AxialAffine, center_crop
from HCCAssistLib.training.balance import balanced_order, class_weights
from HCCAssistLib.training.loop import Fit, fit, outputs
from HCCAssistLib.training.plan import Plan
from HCCAssistLib.training.samples import Origin, Samples
from HCCAssistLib.training.state import TrainingState

pytestmark = pytest.mark.heavy

PLAN = Plan(epochs=6, patience=6, batch=8, learning_rate=3e-2, seed=3, averaging=0.8)


def samples(count: int, seed: int, case: str = "case") -> Samples:
    """Half of the patches hold a bright block."""
    rng = np.random.default_rng(seed)
    voxels = rng.normal(50, 5, (count, 4, 12, 12)).astype(np.int16)
    labels = (np.arange(count) % 2).astype(np.uint8)
    voxels[labels == 1, 1:3, 4:8, 4:8] += 60
    arrays = {
        "voxels": voxels,
        "label": labels,
        "case": np.zeros(count, np.int32),
        "lesion": np.where(labels == 1, 0, -1).astype(np.int32),
    }
    return Samples(arrays, (Origin(f"{case}-{seed}", f"{case}-{seed}", "train", (str(seed),)),))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small take longer to share out than to compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 16, 3, padding=1)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.dropout(torch.relu(self.conv(x)).amax((2, 3, 4))))[:, 0]


def make_batch(inputs: dict[str, torch.Tensor], generator: torch.Generator | None) -> torch.Tensor:
    grey = (inputs["voxels"].float() - 50) / 30
    grey = AxialAffine()(grey, 8, generator) if generator else center_crop(grey, 8)
    return grey[:, None]


def loss(logits: torch.Tensor, targets: dict[str, torch.Tensor]) -> torch.Tensor:
    labels = targets["label"].float()
    return nn.functional.binary_cross_entropy_with_logits(logits, labels, weight=targets.get("weight"))


def run(plan: Plan = PLAN, **given: object) -> Fit:
    parts = {"build": Small, "train": samples(40, 1), "validation": samples(20, 2), "key": "k", **given}
    return fit(make_batch=make_batch, loss=loss, plan=plan, **parts)  # type: ignore[arg-type]


def same(a: Fit, b: Fit) -> bool:
    return a.history == b.history and all(torch.equal(a.weights[n], b.weights[n]) for n in a.weights)


def test_it_learns() -> None:
    found = run(replace(PLAN, epochs=25, patience=25))
    network = Small()
    network.load_state_dict(found.weights)
    test = samples(40, 7)
    scores = outputs(network, make_batch, test, device="cpu")
    assert scores[test.labels == 1].mean() > scores[test.labels == 0].mean() + 1.0
    assert (scores[test.labels == 1][:, None] > scores[test.labels == 0]).mean() > 0.95
    assert found.history[-1]["train_loss"] < found.history[0]["train_loss"] * 0.8


def test_the_same_seed_gives_the_same_weights_whatever_ran_before() -> None:
    first = run()
    torch.rand(17)
    assert same(first, run())
    assert not same(first, run(replace(PLAN, seed=4)))


def test_a_training_killed_after_an_epoch_resumes_to_identical_weights(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    child = subprocess.run([sys.executable, __file__, str(path), "3"], check=False, timeout=120)
    assert child.returncode == -signal.SIGKILL
    resumed_at: list[int] = []
    resumed = run(checkpoint=path, progress=lambda epoch, losses: resumed_at.append(epoch))
    assert resumed_at[0] == 4
    assert same(run(), resumed)


@pytest.mark.parametrize(
    ("stop", "optimiser", "balance"),
    [(1, "adam", "none"), (3, "adam", "weights"), (3, "sgd", "sampler"), (5, "sgd", "none")],
)
def test_a_training_goes_on_after_any_epoch_with_all_that_moves_it(
    tmp_path: Path, stop: int, optimiser: str, balance: str
) -> None:
    """Momentum, moments, order and augmentation are those of the training that was not interrupted."""
    plan = replace(PLAN, optimiser=optimiser, balance=balance)
    path = tmp_path / "checkpoint.safetensors"
    run(replace(plan, epochs=stop), checkpoint=path)
    assert same(run(plan), run(plan, checkpoint=path))


def test_a_cancelled_training_resumes_to_identical_weights(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    batches = iter(range(1000))
    with pytest.raises(Cancelled):
        run(checkpoint=path, cancelled=lambda: next(batches) == 13)  # in the middle of the third epoch
    assert same(run(), run(checkpoint=path))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    run(replace(PLAN, epochs=1), checkpoint=path)
    with pytest.raises(InputError, match="another training"):
        run(checkpoint=path, key="other")


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="cannot be read"):
        run(checkpoint=path)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.safetensors"
    run(replace(PLAN, epochs=2), checkpoint=path)
    before = path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run(checkpoint=path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert same(run(), run(checkpoint=path))


def test_it_stops_early_and_keeps_the_best_epoch() -> None:
    found = run(replace(PLAN, epochs=200, patience=3, learning_rate=0.3))
    assert len(found.history) < 200
    losses = [epoch["validation_loss"] for epoch in found.history]
    assert found.best_epoch == int(np.argmin(losses)) + 1
    assert len(losses) - found.best_epoch == 3


def test_a_metric_chooses_the_epoch_and_the_loss_decides_between_equals() -> None:
    given = iter([0.5, 0.9, 0.7, 0.9, 0.2, 0.1])
    found = run(metric=lambda validation, logits: next(given))
    assert [epoch["metric"] for epoch in found.history] == [0.5, 0.9, 0.7, 0.9, 0.2, 0.1]
    second, fourth = (found.history[n]["validation_loss"] for n in (1, 3))
    assert found.best_epoch == (2 if second <= fourth else 4)


def test_averaged_weights_are_kept_and_not_the_last_ones() -> None:
    assert not same(run(), run(replace(PLAN, averaging=0.0)))


def test_the_average_of_few_steps_is_not_the_weights_from_before_training() -> None:
    """With a constant share of 0.99, 94 % of it would be these after the 6 steps of an epoch of 48 patches."""
    state = TrainingState.begin(network := Small(), replace(PLAN, averaging=0.99), torch.Generator())
    with torch.no_grad():
        for step in range(7):
            for tensor in network.parameters():
                tensor.fill_(step)
            state.averaged.update_parameters(network)
    held = [float(tensor.detach().mean()) for tensor in state.averaged.module.parameters()]
    expected = 0.0
    for n in range(1, 7):
        expected += (1 - (1 + n) / (10 + n)) * (n - expected)
    assert held == pytest.approx([expected] * len(held), abs=1e-5) and expected > 4


def test_a_loss_that_is_no_number_is_said() -> None:
    with pytest.raises(HCCAssistError, match="no longer a number"):
        run(replace(PLAN, learning_rate=1e30))


def test_passes_in_16_bits_learn_the_same_with_weights_and_validation_in_32() -> None:
    plan = replace(PLAN, epochs=25, patience=25)
    mixed, full = run(replace(plan, precision="bfloat16")), run(plan)
    assert mixed.precision == "bfloat16" and not same(mixed, full)
    assert {tensor.dtype for tensor in mixed.weights.values()} == {torch.float32}
    network = Small()
    network.load_state_dict(mixed.weights)
    test = samples(20, 2)
    logits = outputs(network, make_batch, test, device="cpu")
    validated = float(loss(torch.from_numpy(logits), {"label": torch.from_numpy(test.labels)}))
    assert validated == pytest.approx(mixed.history[mixed.best_epoch - 1]["validation_loss"], rel=1e-6)
    assert (logits[test.labels == 1][:, None] > logits[test.labels == 0]).mean() > 0.95


def test_a_processor_learns_in_32_bits_whatever_is_open() -> None:
    given = {"epochs": 1, "patience": 1, "batch": 8, "learning_rate": 0.1}
    assert Plan.of({**given, "precision": "auto"}, seed=1).precision == "float32"
    assert Plan.of(given, seed=1, device="cpu").precision == "float32"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="SKIPPED: no CUDA device")
def test_a_card_learns_what_the_processor_learns() -> None:
    given = {"epochs": 25, "patience": 25, "batch": 8, "learning_rate": 3e-2, "averaging": 0.8}
    found = run(Plan.of(given, seed=3, device="cuda"))
    assert found.precision == ("bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32")
    network = Small()
    network.load_state_dict(found.weights)
    test = samples(40, 7)
    scores = outputs(network, make_batch, test, device="cpu")
    assert (scores[test.labels == 1][:, None] > scores[test.labels == 0]).mean() > 0.95


def test_exact_augmentation_only_moves_pixels_and_keeps_slices_together() -> None:
    generator = torch.Generator().manual_seed(0)
    patches = torch.arange(6 * 3 * 20 * 20).reshape(6, 3, 20, 20).float() % 977
    moved = AxialAffine(exact=1.0)(patches, 12, generator)
    for before, after in zip(patches, moved, strict=True):
        # interpolation weights are not exactly 0 and 1 in single precision
        assert torch.isin(after.round(), before).all()
        assert (after - after.round()).abs().max() < 0.05
        for z in range(3):
            offset = before[z].flatten()[:, None] - before[0].flatten()[:, None]
            assert torch.allclose((after[z] - after[0]) % 977, offset[0] % 977, atol=0.1)


def test_augmentation_turns_shifts_zooms_and_flips_within_its_limits() -> None:
    maps = AxialAffine().matrices(4000, 60, 46, torch.Generator().manual_seed(1))
    linear, shift = maps[:, :, :2] * 60 / 46, maps[:, :, 2] * 60 / 2
    area = torch.linalg.det(linear)
    assert 0.45 < (area < 0).float().mean() < 0.55  # one axis flipped
    assert area.abs().max() < 1.15**2 * 1.05
    assert area.abs().min() > 1.15**-2 / 1.05
    assert shift.abs().max() <= 3
    angles = torch.atan2(linear[:, 1, 0], linear[:, 0, 0])
    assert torch.histc(angles, 8, -3.15, 3.15).min() > 200  # every direction occurs


def test_augmentation_follows_its_seed() -> None:
    patches = torch.rand(4, 2, 20, 20)
    one, again, other = (AxialAffine()(patches, 12, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)


def test_the_optimisers_and_balances_are_different_trainings() -> None:
    plans = [PLAN, replace(PLAN, optimiser="sgd"), replace(PLAN, balance="sampler")]
    found = [run(plan) for plan in plans]
    assert not same(found[0], found[1])
    assert not same(found[0], found[2])


def test_descent_has_the_momentum_of_the_papers() -> None:
    """Two steps on a line of slope 1: the second goes 0.9 of the first further."""

    class Line(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value = nn.Parameter(torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.value.expand(len(x))

    plan = Plan(epochs=2, patience=2, batch=40, learning_rate=0.1, seed=0, optimiser="sgd")
    found = fit(Line, make_batch, lambda out, targets: out.mean(), samples(40, 1), samples(4, 2), plan, key="k")
    assert found.weights["value"].item() == pytest.approx(-(0.1 + 0.19))


def test_weights_are_the_inverse_of_a_classs_share_and_reach_the_loss() -> None:
    assert class_weights(np.array([0] * 105 + [1] * 73)).tolist() == pytest.approx([0.848, 1.219], abs=5e-4)  # Cui 2022
    seen: list[tuple[list[int], list[float]]] = []

    def watched(logits: torch.Tensor, targets: dict[str, torch.Tensor]) -> torch.Tensor:
        seen.append((targets["label"].tolist(), targets["weight"].tolist()))
        return loss(logits, targets)

    few = samples(40, 1).select(np.r_[0:40:2, 1:11:2])  # 20 of class 0, 5 of class 1
    plan = replace(PLAN, epochs=1, balance="weights")
    fit(Small, make_batch, watched, few, samples(20, 2), plan, key="k")
    for labels, weights in seen:
        assert weights == [0.625 if label == 0 else 2.5 for label in labels]


def test_the_sampler_draws_every_class_equally_often_and_all_of_the_large_one_in_turn() -> None:
    labels = torch.tensor([0] * 20 + [1] * 4 + [2] * 6)
    generator = torch.Generator().manual_seed(0)
    orders = [balanced_order(labels, generator) for _ in range(8)]
    for order in orders:
        assert torch.bincount(labels[order]).tolist() == [10, 10, 10]
    assert len(torch.cat(orders).unique()) == 30
    assert not torch.equal(orders[0], orders[1])


class Frozen(nn.Module):
    """A body with normalisation and dropout that stays as it is, under a head that learns."""

    frozen = ("body",)

    def __init__(self, *, named: bool = True) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.Dropout(0.5), nn.ReLU())
        self.head = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.1), nn.Linear(4, 1))
        if not named:
            self.frozen = ()
            self.body.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).mean((2, 3, 4)))[:, 0]


@pytest.mark.parametrize("named", [True, False])
def test_frozen_parts_keep_weights_and_running_statistics_while_the_rest_learns(named: bool) -> None:
    modes: list[tuple[bool, bool]] = []

    class Watched(Frozen):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():
                modes.append((any(m.training for m in self.body.modules()), self.head.training))
            return super().forward(x)

    torch.manual_seed(PLAN.seed)
    before = Frozen().state_dict()
    after = run(build=lambda: Watched(named=named)).weights
    assert set(modes) == {(False, True)}
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("body"))
    moved = [name for name in before if name.startswith("head") and not torch.equal(before[name], after[name])]
    assert {"head.0.running_mean", "head.2.weight"} <= set(moved)


def test_a_frozen_network_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    plan = replace(PLAN, optimiser="sgd")
    run(replace(plan, epochs=2), build=Frozen, checkpoint=path)
    assert same(run(plan, build=Frozen), run(plan, build=Frozen, checkpoint=path))


def test_initial_weights_are_those_that_build_gives() -> None:
    """Weights that are loaded, not drawn, are where the training begins."""

    def loaded() -> Small:
        network = Small()
        nn.init.constant_(network.conv.weight, 0.25)
        return network

    still = replace(PLAN, epochs=1, learning_rate=1e-12)
    assert torch.allclose(run(still, build=loaded).weights["conv.weight"], torch.tensor(0.25))


def test_several_inputs_and_a_time_to_an_event_reach_network_and_loss() -> None:
    """Two time points, of which some cases lack one, and a loss of months and events."""
    rng = np.random.default_rng(0)
    arrays = {
        "case": np.arange(12, dtype=np.int32),
        "images": rng.normal(size=(12, 2, 3, 8, 8)).astype(np.float32),
        "present": np.array([[True, n % 3 > 0] for n in range(12)]),
        "time": rng.uniform(1, 60, 12),
        "event": (np.arange(12) % 2).astype(np.uint8),
    }
    both = Samples(arrays, tuple(Origin(f"c{n}", f"p{n}", "train") for n in range(12)))

    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 1)

        def forward(self, images: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
            by_time = self.fc(images.mean((3, 4)))[..., 0] * present
            return by_time.sum(1) / present.sum(1)

    def hazard(outputs: torch.Tensor, targets: dict[str, torch.Tensor]) -> torch.Tensor:
        assert set(targets) == {"time", "event"}
        return (outputs.exp() * targets["time"] / 60 - outputs * targets["event"]).mean()

    def batch(inputs: dict[str, torch.Tensor], generator: torch.Generator | None) -> tuple[torch.Tensor, ...]:
        return inputs["images"], inputs["present"].float()

    found = fit(Late, batch, hazard, both, both, replace(PLAN, epochs=30, patience=30), key="k")
    assert found.history[-1]["train_loss"] < found.history[0]["train_loss"]


def run_until_killed(path: Path, stop: int) -> None:
    """Train and die without warning right after an epoch's checkpoint."""

    def kill(epoch: int, losses: dict[str, float]) -> None:
        if epoch == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    run(checkpoint=path, progress=kill)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
