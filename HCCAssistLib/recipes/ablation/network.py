"""One network for one time point and for two: a convolutional network that the time points share, and a GRU over them.

Kong 2025 names neither layers nor sizes (its supplement is not to be had): this is a small network of the kind that
it describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.recipes.ablation.recipe import PHASES, SLICES
from HCCAssistLib.recipes.options import Value

CHANNELS = len(PHASES) * SLICES
"""Of a time point: phase by phase, in each the slices from foot to head."""

MAPS = (16, 32, 64, 128)
"""Of the four blocks."""

HIDDEN = 64
"""Values that the GRU keeps."""

PIXELS_PER_CELL = 8
"""Of the last block's maps: three poolings lie before it."""

TIMES = {"pre": 1, "prepost": 2}
"""How many time points each network looks at."""


class LongitudinalNetwork(nn.Module):
    """Four blocks of convolution, batch normalisation and ReLU, the largest value of each map, a GRU, one logit.

    All time points go through the same convolutions; the GRU reads their 128 values in the order of time. A time point
    that is absent is passed over: the GRU keeps what it had, and nothing of the absent pictures is looked at, not even
    by batch normalisation.

    The number counts all weights that learn: kernels without biases (batch normalisation has its own), its factors and
    offsets (its running means and variances do not learn), the GRU and the last layer. It is the same for one time
    point and for two.

    >>> [sum(w.numel() for w in LongitudinalNetwork(times).parameters()) for times in (1, 2)]
    [136289, 136289]

    Args:
        times: time points that it looks at, the first ones that it is given.
        width: share of the maps and values that every layer has.
        dropout: share of the values dropped before the last layer.
    """

    def __init__(self, times: int, width: float = 1.0, dropout: float = 0.2) -> None:
        super().__init__()
        self.times = times
        maps = [CHANNELS, *(max(1, round(count * width)) for count in MAPS)]
        hidden = max(1, round(HIDDEN * width))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(one, other, 3, padding=1, bias=False), nn.BatchNorm2d(other))
            for one, other in pairwise(maps)
        )
        # not nn.GRU, whose cuDNN version refuses a backward pass in evaluation mode, which Grad-CAM needs
        self.gru = nn.GRUCell(maps[-1], hidden)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, 1)

    def features(self, pictures: Tensor) -> Tensor:
        """The last block's maps, which Grad-CAM explains.

        Args:
            pictures: of time points ``(P, 12, 128, 128)``, 0..1.

        Returns:
            ``(P, 128, 16, 16)``, fewer maps in a narrower network, at least 0.
        """
        for number, block in enumerate(self.blocks):
            # ReLU and max pooling commute; pooling first leaves a quarter of the values to rectify
            pictures = block(functional.max_pool2d(pictures, 2) if number else pictures)
            pictures = functional.relu(pictures)
        return pictures

    def head(self, maps: Tensor, present: Tensor) -> Tensor:
        """Logits from the maps of the time points that are there.

        Args:
            maps: ``(P, 128, 16, 16)``, patient by patient, in each in the order of time.
            present: truth values ``(N, times)``, ``P`` of them true.

        Returns:
            ``(N,)``.
        """
        # a tumour takes a twentieth of the picture: a mean over all of it would bury what is seen in that
        values = maps.amax(dim=(2, 3))
        of_each = values.new_zeros(*present.shape, values.shape[1]).masked_scatter(present[..., None], values)
        state = values.new_zeros(len(present), self.gru.hidden_size)
        for time in range(present.shape[1]):
            state = torch.where(present[:, time, None], self.gru(of_each[:, time], state), state)
        logits: Tensor = self.last(self.dropout(state))[:, 0]
        return logits

    def forward(self, pictures: Tensor, present: Tensor) -> Tensor:
        """Logits ``(N,)`` of early recurrence.

        Args:
            pictures: ``(N, T, 12, 128, 128)``, 0..1, ``T`` at least ``times``; anything where a time point is absent.
            present: truth values ``(N, T)``.
        """
        pictures, present = pictures[:, : self.times], present[:, : self.times]
        return self.head(self.features(pictures[present]), present)


def build(options: Mapping[str, Value], name: str) -> LongitudinalNetwork:
    """The network ``pre`` or ``prepost`` that the recipe's options describe, with weights drawn from torch's seed."""
    return LongitudinalNetwork(TIMES[name], float(options["width"]), float(options["dropout"]))


def loss(logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
    """Binary cross-entropy of logits ``(N,)`` and labels 0 and 1, weighted where classes are weighed."""
    each = functional.binary_cross_entropy_with_logits(logits, targets["label"].float(), reduction="none")
    return torch.mean(each * targets["weight"] if "weight" in targets else each)
