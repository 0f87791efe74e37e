"""The training loop of all networks: averaged weights, early stop on validation samples, checkpoints at epoch ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import Cancelled, HCCAssistError
from HCCAssistLib.training.checkpoint import Checkpoint
from HCCAssistLib.training.samples import Samples

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.swa_utils import AveragedModel


class BatchMaker(Protocol):
    """Turns stored patches into what a network sees."""

    def __call__(self, voxels: Tensor, generator: Generator | None) -> Tensor:
        """Network input from ``(n, *patch)`` int16 voxels; augmented where a generator is given."""


Criterion = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.float32]], float]
"""How good a network's outputs are, of ``(labels, outputs)`` of the validation samples; more is better."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train.

    Attributes:
        epochs: at most.
        patience: epochs without a better one on the validation samples before it ends.
        batch: samples in a batch.
        learning_rate: of Adam.
        seed: of weights, order and augmentation.
        device: to train on.
        averaging: share of the running average of the weights that a step keeps; 0 takes the last weights alone.
    """

    epochs: int
    patience: int
    batch: int
    learning_rate: float
    seed: int
    device: str = "cpu"
    averaging: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """A finished training: the (averaged) weights of its best epoch and the course of all epochs."""

    weights: dict[str, Tensor]
    best_epoch: int
    history: tuple[dict[str, float], ...]


def fit(
    network: nn.Module,
    make_batch: BatchMaker,
    loss: Callable[[Tensor, Tensor], Tensor],
    train: Samples,
    validation: Samples,
    plan: Plan,
    *,
    key: str,
    criterion: Criterion | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[int, dict[str, float]], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Fit:
    """Train a network, or go on with the training that ``checkpoint`` holds.

    Args:
        network: freshly built; its initial weights come from ``plan.seed``.
        make_batch: voxels to network input.
        loss: of ``(outputs, labels)``.
        train: patches to learn from.
        validation: patches of other patients, which decide when to stop.
        plan: epochs, batch, learning rate, seed, device.
        key: names this training; see ``Checkpoint``.
        criterion: by which the best epoch is chosen, the lower loss where two are equal; by the loss alone where None.
        checkpoint: file written after each epoch, or None to keep nothing.
        progress: called with the number of finished epochs and the last epoch's losses.
        cancelled: asked after every batch.

    Raises:
        Cancelled: the person stopped it; the last checkpoint stays.
        HCCAssistError: the loss is no longer a number.
    """
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    torch.manual_seed(plan.seed)
    generator = torch.Generator().manual_seed(plan.seed)
    _initialise(network)
    network.to(plan.device).to(memory_format=_memory_format(network))  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, fused=True)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(plan.averaging))
    history: list[dict[str, float]] = []
    best = _weights(averaged)
    if checkpoint is not None and checkpoint.exists():
        state = Checkpoint.load(checkpoint, key)
        history = list(state.history)
        best = _restore(state, network, averaged, optimizer, generator)
    voxels = torch.from_numpy(train.voxels).to(plan.device)
    labels = torch.from_numpy(train.labels.astype(np.int64)).to(plan.device)
    while not _finished(history, plan):
        network.train()
        order = torch.randperm(len(train), generator=generator)
        total = torch.zeros((), device=plan.device)
        for first in range(0, len(train), plan.batch):
            # conv3d of a single patch takes a slow path, and a lone last patch would weigh as much as a batch
            picked = order[first : first + plan.batch]
            if len(picked) < 2 and first:
                continue
            picked = picked.to(plan.device)
            optimizer.zero_grad(set_to_none=True)
            value = loss(network(make_batch(voxels[picked], generator)), labels[picked])
            value.backward()
            optimizer.step()
            averaged.update_parameters(network)
            total += value.detach() * len(picked)
            if cancelled and cancelled():
                raise Cancelled("the training was cancelled; run the same command again to go on")
        epoch = {"train_loss": float(total) / len(train)}
        said = outputs(averaged.module, make_batch, validation, device=plan.device)
        epoch["validation_loss"] = _loss(loss, said, validation)
        if not all(math.isfinite(v) for v in epoch.values()):
            raise HCCAssistError(f"the loss is no longer a number in epoch {len(history) + 1}; lower learning_rate")
        if criterion:
            epoch["criterion"] = criterion(validation.labels, said)
        history.append(epoch)
        if best_epoch(history) == len(history):
            best = _weights(averaged)
        if checkpoint is not None:
            _state(key, history, network, averaged, best, optimizer, generator).save(checkpoint)
        if progress:
            progress(len(history), epoch)
    return Fit({n: t.cpu().contiguous() for n, t in best.items()}, best_epoch(history), tuple(history))


def outputs(
    network: nn.Module, make_batch: BatchMaker, samples: Samples, *, device: str, batch: int = 128
) -> npt.NDArray[np.float32]:
    """What the network says of every patch, without augmentation: ``(n, ...)`` logits."""
    import torch

    network.eval()
    found = []
    with torch.inference_mode():
        for first in range(0, len(samples), batch):
            voxels = torch.from_numpy(samples.voxels[first : first + batch]).to(device)
            found.append(network(make_batch(voxels, None)).float().cpu().numpy())
    return np.concatenate(found)


def _loss(loss: Callable[[Tensor, Tensor], Tensor], said: npt.NDArray[np.float32], samples: Samples) -> float:
    import torch

    return float(loss(torch.from_numpy(said), torch.from_numpy(samples.labels.astype(np.int64))))


def best_epoch(history: list[dict[str, float]]) -> int:
    """The epoch, counted from 1, that did best on the validation samples; 0 before the first."""
    if not history:
        return 0
    return 1 + max(
        range(len(history)),
        key=lambda n: (history[n].get("criterion", 0.0), -history[n]["validation_loss"], -n),
    )


def _finished(history: list[dict[str, float]], plan: Plan) -> bool:
    return len(history) >= plan.epochs or len(history) - best_epoch(history) >= plan.patience


def _initialise(network: nn.Module) -> None:
    """Draw the initial weights anew, so that they follow from the seed and not from what ran before."""
    for module in network.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()


def _weights(averaged: AveragedModel) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in averaged.module.state_dict().items()}


def _memory_format(network: nn.Module) -> object:
    import torch

    has_3d = any(isinstance(module, torch.nn.Conv3d) for module in network.modules())
    return torch.channels_last_3d if has_3d else torch.channels_last


def _state(
    key: str,
    history: list[dict[str, float]],
    network: nn.Module,
    averaged: AveragedModel,
    best: dict[str, Tensor],
    optimizer: Optimizer,
    generator: Generator,
) -> Checkpoint:
    import torch

    tensors = {f"network.{n}": t.detach().cpu() for n, t in network.state_dict().items()}
    tensors |= {f"averaged.{n}": t.detach().cpu() for n, t in averaged.state_dict().items()}
    tensors |= {f"best.{n}": t.cpu() for n, t in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{n}": torch.as_tensor(v).cpu() for n, v in moments.items()}
    tensors |= {"rng.generator": generator.get_state(), "rng.torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    return Checkpoint(key, tuple(history), tensors)


def _restore(
    state: Checkpoint, network: nn.Module, averaged: AveragedModel, optimizer: Optimizer, generator: Generator
) -> dict[str, Tensor]:
    import torch

    network.load_state_dict(state.group("network"))
    averaged.load_state_dict(state.group("averaged"))
    parameters = optimizer.param_groups[0]["params"]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.group("optimizer").items():
        index, kind = name.split(".", 1)
        like = parameters[int(index)]
        # the fused optimiser walks memory, so a moment must lie in memory as its weight does
        laid_out = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
        moments.setdefault(int(index), {})[kind] = laid_out
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    generator.set_state(state.tensors["rng.generator"])
    torch.set_rng_state(state.tensors["rng.torch"])
    if torch.cuda.is_available() and "rng.cuda" in state.tensors:
        torch.cuda.set_rng_state(state.tensors["rng.cuda"])
    device = next(network.parameters()).device
    return {name: tensor.to(device) for name, tensor in state.group("best").items()}
