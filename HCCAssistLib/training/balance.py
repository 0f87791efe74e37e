"""Classes of unequal size: weights of the loss, or an order that draws every class equally often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Generator, Tensor


def class_weights(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Weight of each class, the inverse of its share: 1 for every class where all are of one size.

    >>> [round(float(weight), 3) for weight in class_weights(np.array([0] * 105 + [1] * 73))]
    [0.848, 1.219]

    Returns:
        ``(highest class + 1,)``; 0 for a class without samples.
    """
    counts = np.bincount(labels)
    there = np.count_nonzero(counts)
    weights = np.divide(len(labels), there * counts, out=np.zeros(len(counts)), where=counts > 0)
    return weights.astype(np.float32)


def balanced_order(labels: Tensor, generator: Generator) -> Tensor:
    """As many indices as there are samples, each class as often as every other (by one at most), in random order.

    The samples of a small class come again and again, those of a large one take turns over the epochs.

    Args:
        labels: ``(n,)`` on the CPU.
        generator: of the order, on the CPU.
    """
    import torch

    members = [torch.nonzero(labels == one)[:, 0] for one in labels.unique()]
    picked = []
    for number, indices in enumerate(members):
        wanted = len(labels) * (number + 1) // len(members) - len(labels) * number // len(members)
        rounds = [indices[torch.randperm(len(indices), generator=generator)] for _ in range(-(-wanted // len(indices)))]
        picked.append(torch.cat(rounds)[:wanted])
    drawn = torch.cat(picked)
    return drawn[torch.randperm(len(drawn), generator=generator)]
