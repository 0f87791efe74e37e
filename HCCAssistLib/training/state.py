"""What a training consists of while it runs, to and from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from HCCAssistLib.training.checkpoint import Checkpoint
from HCCAssistLib.training.frozen import learning
from HCCAssistLib.training.plan import MOMENTUM, Plan

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.swa_utils import AveragedModel


@dataclass(frozen=True, eq=False, slots=True)
class TrainingState:
    """A network, its running average, the optimiser with its moments, and the source of order and augmentation."""

    network: nn.Module
    averaged: AveragedModel
    optimizer: Optimizer
    generator: Generator

    @classmethod
    def begin(cls, network: nn.Module, plan: Plan, generator: Generator) -> TrainingState:
        """Before the first epoch."""
        import torch
        from torch.optim.swa_utils import AveragedModel

        weights = learning(network)
        optimizer: Optimizer
        if plan.optimiser == "sgd":
            optimizer = torch.optim.SGD(weights, lr=plan.learning_rate, momentum=MOMENTUM, fused=True)
        else:
            optimizer = torch.optim.Adam(weights, lr=plan.learning_rate, fused=True)
        averaged = AveragedModel(network, multi_avg_fn=_running_average(plan.averaging))
        return cls(network, averaged, optimizer, generator)

    def weights(self) -> dict[str, Tensor]:
        """A copy of the averaged weights."""
        return {name: tensor.detach().clone() for name, tensor in self.averaged.module.state_dict().items()}

    def checkpoint(self, key: str, history: list[dict[str, float]], best: dict[str, Tensor]) -> Checkpoint:
        """All of it after a finished epoch, with the weights of the best one."""
        import torch

        tensors = {f"network.{n}": t.detach().cpu() for n, t in self.network.state_dict().items()}
        tensors |= {f"averaged.{n}": t.detach().cpu() for n, t in self.averaged.state_dict().items()}
        tensors |= {f"best.{n}": t.cpu() for n, t in best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{n}": torch.as_tensor(v).cpu() for n, v in moments.items()}
        tensors |= {"rng.generator": self.generator.get_state(), "rng.torch": torch.get_rng_state()}
        if torch.cuda.is_available():
            tensors["rng.cuda"] = torch.cuda.get_rng_state()
        return Checkpoint(key, tuple(history), tensors)

    def restore(self, found: Checkpoint) -> dict[str, Tensor]:
        """Go back to where a checkpoint was written; the weights of the best epoch until then."""
        import torch

        self.network.load_state_dict(found.group("network"))
        self.averaged.load_state_dict(found.group("averaged"))
        parameters = self.optimizer.param_groups[0]["params"]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in found.group("optimizer").items():
            index, kind = name.split(".", 1)
            like = parameters[int(index)]
            # the fused optimiser walks memory, so a moment must lie in memory as its weight does
            laid_out = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
            moments.setdefault(int(index), {})[kind] = laid_out
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.generator.set_state(found.tensors["rng.generator"])
        torch.set_rng_state(found.tensors["rng.torch"])
        if torch.cuda.is_available() and "rng.cuda" in found.tensors:
            torch.cuda.set_rng_state(found.tensors["rng.cuda"])
        device = parameters[0].device
        return {name: tensor.to(device) for name, tensor in found.group("best").items()}


def _running_average(kept: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """How a step moves the averages; of few steps so far it keeps less than ``kept``.

    A cohort of twenty patients has a few dozen steps in all. With a constant 0.99 the average of these would still be
    the weights from before training for the most part.
    """

    import torch

    def move(averages: Sequence[Tensor], weights: Sequence[Tensor], steps: Tensor | int) -> None:
        n = torch.as_tensor(steps)  # a graphics card is not waited for, as it would be for a number
        moved = 1 - ((1 + n) / (10 + n)).clamp(max=kept)
        for average, weight in zip(averages, weights, strict=True):
            average.lerp_(weight, moved)

    return move
