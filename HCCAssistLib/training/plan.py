"""How a network is trained: the choices that every recipe has, in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from HCCAssistLib.recipes.options import Value

Optimiser = Literal["adam", "sgd"]
Balance = Literal["none", "weights", "sampler"]
Precision = Literal["float32", "bfloat16"]

MOMENTUM = 0.9
"""Of gradient descent (``sgd``)."""

HOW_LONG = frozenset({"epochs", "patience"})
"""Options that may be changed when a training goes on; every other one would make it another training."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how fast and on what share of the classes to train.

    >>> Plan.of({"epochs": 50, "patience": 8, "batch": 64, "learning_rate": 0.001}, seed=1).optimiser
    'adam'

    Attributes:
        epochs: at most.
        patience: epochs without a better one on the validation samples before it ends.
        batch: samples in a batch.
        learning_rate: of the optimiser.
        seed: of initial weights, order and augmentation.
        device: to train on.
        averaging: share of the running average of the weights that a step keeps; 0 takes the last weights alone.
        optimiser: ``"adam"``, or ``"sgd"`` with a momentum of ``MOMENTUM``.
        balance: ``"none"``; ``"weights"`` weighs a sample by the inverse of its class's share; ``"sampler"`` draws
            every class equally often.
        copies: how often an epoch shows each sample. Where it is more than once, what is made of the samples is told
            which copy it makes, by the array ``copy``, counted from 0.
        precision: of the passes that are learnt from; weights, losses and validation are 32-bit floats always.
    """

    epochs: int
    patience: int
    batch: int
    learning_rate: float
    seed: int
    device: str = "cpu"
    averaging: float = 0.0
    optimiser: Optimiser = "adam"
    balance: Balance = "none"
    copies: int = 1
    precision: Precision = "float32"

    @classmethod
    def of(cls, options: Mapping[str, Value], *, seed: int, device: str = "cpu", epochs: int | None = None) -> Plan:
        """The plan that a recipe's training options describe (see ``recipes.options.training_options``).

        Args:
            options: resolved.
            seed: of this member.
            device: to train on.
            epochs: fewer than the options allow; None takes theirs.
        """
        most = int(options["epochs"])
        return cls(
            epochs=most if epochs is None else min(most, epochs),
            patience=int(options["patience"]),
            batch=int(options["batch"]),
            learning_rate=float(options["learning_rate"]),
            seed=seed,
            device=device,
            averaging=float(options.get("averaging", 0.0)),
            optimiser=cast(Optimiser, options.get("optimiser", "adam")),
            balance=cast(Balance, options.get("balance", "none")),
            copies=int(options.get("copies", 1)),
            precision=_precision(str(options.get("precision", "auto")), device),
        )


def _precision(asked: str, device: str) -> Precision:
    """16-bit floats on cards that compute with them, where that is left open.

    Not on a processor: the gradients of a 3-D convolution over two slices in bfloat16 are wrong there (PyTorch 2.13).
    """
    if asked != "auto" or not device.startswith("cuda"):
        return "float32"
    import torch

    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
