"""The training loop of all networks: averaged weights, early stop on validation samples, checkpoints at epoch ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import Cancelled, HCCAssistError
from HCCAssistLib.training.balance import balanced_order, class_weights
from HCCAssistLib.training.checkpoint import Checkpoint
from HCCAssistLib.training.frozen import freeze, set_training
from HCCAssistLib.training.plan import Plan, Precision
from HCCAssistLib.training.samples import Samples
from HCCAssistLib.training.state import TrainingState

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

CANCELLED = "the training was cancelled; run the same command again to go on"

Logits = npt.NDArray[np.float32]


class BatchMaker(Protocol):
    """Turns stored samples into the input of a network."""

    def __call__(self, inputs: Mapping[str, Tensor], generator: Generator | None) -> Tensor | tuple[Tensor, ...]:
        """Arguments of the network, from the named arrays ``(n, ...)``; augmented where a generator is given."""


Loss = Callable[["Tensor", Mapping[str, "Tensor"]], "Tensor"]
"""Of a network's outputs and the targets by name, ``label`` as 64-bit integers among them. Where classes are weighed,
``weight`` is there too: ``(n,)``, by which to multiply each sample's loss before the mean is taken."""

SelectionMetric = Callable[[Samples, Logits], float]
"""How good a network's outputs on the validation samples are; more is better. It chooses the epoch that is kept."""


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """A finished training: the (averaged) weights of its best epoch, the course of all epochs, and their precision."""

    weights: dict[str, Tensor]
    best_epoch: int
    history: tuple[dict[str, float], ...]
    precision: Precision = "float32"


def fit(
    build: Callable[[], nn.Module],
    make_batch: BatchMaker,
    loss: Loss,
    train: Samples,
    validation: Samples,
    plan: Plan,
    *,
    key: str,
    metric: SelectionMetric | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[int, dict[str, float]], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    may_write: Callable[[], None] | None = None,
) -> Fit:
    """Train a network, or go on with the training that ``checkpoint`` holds.

    Args:
        build: makes the network; what it draws at random comes from ``plan.seed``. Parts that it froze, or names in
            the network's attribute ``frozen``, keep weights and running statistics.
        make_batch: samples to the network's arguments.
        loss: of outputs and targets.
        train: samples to learn from.
        validation: samples of other patients, which decide when to stop.
        plan: epochs, batch, learning rate, seed, device.
        key: names this training; see ``Checkpoint``.
        metric: by which the best epoch is chosen, the lower loss where two are equal; by the loss alone where None.
        checkpoint: file written after each epoch, or None to keep nothing.
        progress: called with the number of finished epochs and the last epoch's losses.
        cancelled: called after every batch.
        may_write: called before a checkpoint is written; raises where somebody else owns its folder by now.

    Raises:
        Cancelled: the person stopped it; the last checkpoint stays.
        HCCAssistError: the loss is no longer a number.
    """
    import torch

    torch.manual_seed(plan.seed)
    generator = torch.Generator().manual_seed(plan.seed)
    network = build()
    freeze(network)
    network.to(plan.device).to(memory_format=_memory_format(network))  # type: ignore[call-overload]
    state = TrainingState.begin(network, plan, generator)
    history: list[dict[str, float]] = []
    best = state.weights()
    if checkpoint is not None and checkpoint.exists():
        found = Checkpoint.load(checkpoint, key)
        history, best = list(found.history), state.restore(found)
    weights = class_weights(train.labels) if plan.balance == "weights" else None
    inputs = _tensors(train.inputs, plan.device)
    targets, validated = (_targets(samples, weights, plan.device) for samples in (train, validation))
    while not _finished(history, plan):
        set_training(network)
        order = _order(train, plan, generator)
        total = torch.zeros((), device=plan.device)
        for first in range(0, len(order), plan.batch):
            # conv3d of a single patch takes a slow path, and a lone last patch would weigh as much as a batch
            picked = order[first : first + plan.batch]
            if len(picked) < 2 and first:
                continue
            picked = picked.to(plan.device)
            shown, picked = _shown(inputs, picked, plan.copies)
            state.optimizer.zero_grad(set_to_none=True)
            arguments = _arguments(make_batch(shown, generator))
            with _autocast(plan):
                outputs_ = network(*arguments).float()
            value = loss(outputs_, {n: t[picked] for n, t in targets.items()})
            value.backward()
            state.optimizer.step()
            state.averaged.update_parameters(network)
            total += value.detach() * len(picked)
            if cancelled and cancelled():
                raise Cancelled(CANCELLED)
        logits = outputs(state.averaged.module, make_batch, validation, device=plan.device)
        epoch = {
            "train_loss": float(total) / len(order),
            "validation_loss": float(loss(torch.from_numpy(logits), {n: t.cpu() for n, t in validated.items()})),
        }
        if not all(math.isfinite(v) for v in epoch.values()):
            raise HCCAssistError(f"the loss is no longer a number in epoch {len(history) + 1}; lower learning_rate")
        if metric:
            epoch["metric"] = metric(validation, logits)
        history.append(epoch)
        if best_epoch(history) == len(history):
            best = state.weights()
        if checkpoint is not None:
            if may_write:
                may_write()
            state.checkpoint(key, history, best).save(checkpoint)
        if progress:
            progress(len(history), epoch)
    return Fit({n: t.cpu().contiguous() for n, t in best.items()}, best_epoch(history), tuple(history), plan.precision)


def outputs(network: nn.Module, make_batch: BatchMaker, samples: Samples, *, device: str, batch: int = 128) -> Logits:
    """A network's outputs for every sample, without augmentation: ``(n, ...)``."""
    import torch

    network.eval()
    found = []
    with torch.inference_mode():
        for first in range(0, len(samples), batch):
            part = {name: array[first : first + batch] for name, array in samples.inputs.items()}
            arguments = _arguments(make_batch(_tensors(part, device), None))
            found.append(network(*arguments).float().cpu().numpy())
    return np.concatenate(found)


def best_epoch(history: list[dict[str, float]]) -> int:
    """The epoch, counted from 1, that did best on the validation samples; 0 before the first."""
    if not history:
        return 0
    return 1 + max(
        range(len(history)),
        key=lambda n: (history[n].get("metric", 0.0), -history[n]["validation_loss"], -n),
    )


def _finished(history: list[dict[str, float]], plan: Plan) -> bool:
    return len(history) >= plan.epochs or len(history) - best_epoch(history) >= plan.patience


def _order(train: Samples, plan: Plan, generator: Generator) -> Tensor:
    """Which samples an epoch shows, in its order: copy ``c`` of sample ``s`` of ``n`` has the number ``c n + s``."""
    import torch

    if plan.balance == "sampler":
        labels = torch.from_numpy(train.labels.astype(np.int64))
        return balanced_order(labels.repeat(plan.copies), generator)
    return torch.randperm(len(train) * plan.copies, generator=generator)


def _shown(inputs: Mapping[str, Tensor], order: Tensor, copies: int) -> tuple[dict[str, Tensor], Tensor]:
    """What a batch is made of, and which samples these are."""
    if copies == 1:
        return {name: one[order] for name, one in inputs.items()}, order
    count = len(next(iter(inputs.values())))
    picked = order % count
    return {**{name: one[picked] for name, one in inputs.items()}, "copy": order // count}, picked


def _tensors(arrays: Mapping[str, npt.NDArray[Any]], device: str) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def _targets(samples: Samples, weights: npt.NDArray[np.float32] | None, device: str) -> dict[str, Tensor]:
    found = dict(samples.targets)
    if "label" in found:
        found["label"] = found["label"].astype(np.int64)
    if weights is not None:
        found["weight"] = weights[samples.labels]
    return _tensors(found, device)


def _autocast(plan: Plan) -> AbstractContextManager[object]:
    """Matrix products and convolutions in the plan's precision; bfloat16 has the range of 32 bits: no loss scaling."""
    import torch

    kind = torch.device(plan.device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=plan.precision == "bfloat16")


def _arguments(batch: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return batch if isinstance(batch, tuple) else (batch,)


def _memory_format(network: nn.Module) -> object:
    import torch

    has_3d = any(isinstance(module, torch.nn.Conv3d) for module in network.modules())
    return torch.channels_last_3d if has_3d else torch.channels_last
