"""The loop with a small network of its own: what holds here holds for every recipe."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from HCCAssistLib.errors import Cancelled, HCCAssistError, InputError
from HCCAssistLib.training.augmentation import AxialAffine, center_crop
from HCCAssistLib.training.loop import Fit, Plan, fit, outputs
from HCCAssistLib.training.samples import Samples, joined

PLAN = Plan(epochs=6, patience=6, batch=8, learning_rate=3e-2, seed=3, averaging=0.8)


def samples(count: int, seed: int, case: str = "case") -> Samples:
    """Half of the patches hold a bright block."""
    rng = np.random.default_rng(seed)
    voxels = rng.normal(50, 5, (count, 4, 12, 12)).astype(np.int16)
    labels = (np.arange(count) % 2).astype(np.uint8)
    voxels[labels == 1, 1:3, 4:8, 4:8] += 60
    return Samples(
        voxels,
        labels,
        np.zeros(count, np.int32),
        np.where(labels == 1, 0, -1).astype(np.int32),
        np.zeros((count, 3), np.float32),
        (f"{case}-{seed}",),
        (f"{case}-{seed}",),
        ("train",),
        (str(seed),),
    )


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 16, 3, padding=1)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.dropout(torch.relu(self.conv(x)).amax((2, 3, 4))))[:, 0]


def make_batch(voxels: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    grey = (voxels.float() - 50) / 30
    grey = AxialAffine()(grey, 8, generator) if generator else center_crop(grey, 8)
    return grey[:, None]


def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, labels.float())


def run(plan: Plan = PLAN, **given: object) -> Fit:
    return fit(Small(), make_batch, loss, samples(40, 1), samples(20, 2), plan, **{"key": "k", **given})


def same(a: Fit, b: Fit) -> bool:
    return a.history == b.history and all(torch.equal(a.weights[n], b.weights[n]) for n in a.weights)


def test_it_learns() -> None:
    found = run(replace(PLAN, epochs=25, patience=25))
    network = Small()
    network.load_state_dict(found.weights)
    test = samples(40, 7)
    scores = outputs(network, make_batch, test, device="cpu")
    assert scores[test.labels == 1].min() > scores[test.labels == 0].max() - 1.0
    assert found.history[-1]["train_loss"] < found.history[0]["train_loss"] * 0.8


def test_the_same_seed_gives_the_same_weights_whatever_ran_before() -> None:
    first = run()
    torch.rand(17)
    assert same(first, run())
    assert not same(first, run(replace(PLAN, seed=4)))


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_training_killed_after_any_epoch_resumes_to_identical_weights(tmp_path: Path, stop: int) -> None:
    path = tmp_path / "checkpoint.safetensors"
    child = subprocess.run([sys.executable, __file__, str(path), str(stop)], check=False, timeout=120)
    assert child.returncode == -signal.SIGKILL
    whole = run()
    resumed_at: list[int] = []
    resumed = run(checkpoint=path, progress=lambda epoch, losses: resumed_at.append(epoch))
    assert resumed_at[0] == stop + 1
    assert same(whole, resumed)


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


def test_a_criterion_chooses_the_epoch_and_the_loss_decides_between_equals() -> None:
    given = iter([0.5, 0.9, 0.7, 0.9, 0.2, 0.1])
    found = run(criterion=lambda labels, said: next(given))
    assert [epoch["criterion"] for epoch in found.history] == [0.5, 0.9, 0.7, 0.9, 0.2, 0.1]
    second, fourth = (found.history[n]["validation_loss"] for n in (1, 3))
    assert found.best_epoch == (2 if second <= fourth else 4)


def test_averaged_weights_are_kept_and_not_the_last_ones() -> None:
    assert not same(run(), run(replace(PLAN, averaging=0.0)))


def test_a_loss_that_is_no_number_is_said() -> None:
    with pytest.raises(HCCAssistError, match="no longer a number"):
        run(replace(PLAN, learning_rate=1e30))


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


def test_samples_survive_their_file_and_refuse_a_damaged_one(tmp_path: Path) -> None:
    both = joined([samples(6, 1, "a"), samples(4, 2, "b")])
    assert list(both.case) == [0] * 6 + [1] * 4
    path = tmp_path / "samples.safetensors"
    both.save(path)
    assert Samples.load(path).digest() == both.digest()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cannot be read"):
        Samples.load(path)


def test_shuffled_labels_stay_together_within_a_lesion() -> None:
    parts = [samples(20, seed, f"p{seed}") for seed in range(30)]
    both = joined(parts)
    shuffled = both.permuted(seed=1)
    assert len(shuffled) == len(both)
    for case in range(30):
        for lesion in (-1, 0):
            group = shuffled.labels[(both.case == case) & (both.lesion == lesion)]
            assert len(np.unique(group)) == 1
    assert 0.3 < (shuffled.labels == both.labels).mean() < 0.7


def run_until_killed(path: Path, stop: int) -> None:
    """Train and die without warning right after an epoch's checkpoint."""

    def kill(epoch: int, losses: dict[str, float]) -> None:
        if epoch == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    run(checkpoint=path, progress=kill)


if __name__ == "__main__":
    run_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
