"""What the last layer of a network is given, and what it gives, written down while the network is applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

if TYPE_CHECKING:
    from torch import Tensor, nn

FloatArray = npt.NDArray[np.float64]


@dataclass(slots=True)
class Recording:
    """One network, as far as it was applied.

    Attributes:
        given: what the last layer was given, batch by batch.
        outputs: what it gave.
    """

    given: list[FloatArray] = field(default_factory=list)
    outputs: list[FloatArray] = field(default_factory=list)

    @property
    def features(self) -> FloatArray:
        """``(rows, values)`` of the layer before the last one."""
        return np.concatenate(self.given)

    @property
    def probabilities(self) -> FloatArray:
        """``(rows, classes)``: of a single output the probabilities that there is no event, and that there is one."""
        logits = np.concatenate(self.outputs)
        if logits.shape[1] > 1:
            found: FloatArray = softmax(logits, axis=1)
            return found
        event = expit(logits[:, 0])
        return np.stack([1 - event, event], axis=1)


@contextmanager
def recorded(networks: Sequence[nn.Module]) -> Iterator[tuple[Recording, ...]]:
    """Write down what the last layer of each network sees while something else applies them.

    >>> import torch
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> with recorded([network]) as (seen,):
    ...     _ = network(torch.zeros(5, 4))
    >>> seen.features.shape, seen.probabilities.shape
    ((5, 3), (5, 2))

    Args:
        networks: each ends in a fully connected layer, the last one that it was built with.
    """
    found = tuple(Recording() for _ in networks)
    hooks = [_last(network).register_forward_hook(_into(one)) for network, one in zip(networks, found, strict=True)]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _last(network: nn.Module) -> nn.Module:
    from torch import nn

    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]


def _into(one: Recording) -> Any:
    def write(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        one.given.append(given[0].detach().cpu().numpy().astype(np.float64))
        one.outputs.append(output.detach().cpu().numpy().astype(np.float64))

    return write
