"""What learns: one layer behind a frozen ResNet-50 (Peng 2020), or a small network where there is no backbone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.recipe import RESPONSES, with_backbone

FEATURES = 2048
"""Values that a ResNet-50 makes of a patch."""

HEAD_WEIGHTS = FEATURES * len(RESPONSES) + len(RESPONSES)
"""8,196: all that learns in the paper."""

CHANNELS = (16, 32, 64, 64, 96)
"""Maps of the small network's convolutions."""


class ResponseLayer(nn.Module):
    """The paper's last layer: 2048 values to four responses, 8,196 weights; softmax and loss follow outside.

    The 174 layers before it keep their ImageNet weights, so that they are no part of what is trained, or of a model
    package: see ``bodies``. First weights are drawn as torch draws those of a linear layer.

    >>> sum(weights.numel() for weights in ResponseLayer().parameters())
    8196
    """

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(FEATURES, len(RESPONSES))

    def forward(self, features: Tensor) -> Tensor:
        """Logits ``(N, 4)`` of features ``(N, 2048)``, in the order of the responses."""
        logits: Tensor = self.fc(features)
        return logits


class SmallNetwork(nn.Module):
    """Five 3x3 convolutions with stride 2, each with group normalisation, then the mean of the maps and one layer.

    It stands in where no ResNet-50 is installed, sees the same patches and learns as a whole: 116,564 weights. It is
    not the paper's network. Group normalisation has no running statistics that small cohorts would leave wrong.

    >>> sum(weights.numel() for weights in SmallNetwork().parameters())
    116564
    """

    first_center = 0
    """Pixel on which the first cell of ``features`` is centred; the next one is 32 pixels further."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        incoming = 3
        for outgoing in CHANNELS:
            blocks += [
                nn.Conv2d(incoming, outgoing, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(8, outgoing),
                nn.ReLU(),
            ]
            incoming = outgoing
        self.body = nn.Sequential(*blocks)
        self.fc = nn.Linear(incoming, len(RESPONSES))
        for module in self.body:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def features(self, x: Tensor) -> Tensor:
        """The last map ``(N, 96, 7, 7)`` of patches ``(N, 3, 224, 224)``, 0..1."""
        # grey values around 0 and of about unit size
        maps: Tensor = self.body((x - 0.5) * 4)
        return maps

    def head(self, maps: Tensor) -> Tensor:
        """Logits ``(N, 4)`` from the maps of ``features``."""
        logits: Tensor = self.fc(maps.mean(dim=(2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, 4)`` of patches ``(N, 3, 224, 224)``, 0..1."""
        return self.head(self.features(x))


def build(options: Mapping[str, Value]) -> ResponseLayer | SmallNetwork:
    """What the options let learn, with weights drawn from torch's seed."""
    return ResponseLayer() if with_backbone(options) else SmallNetwork()


def loss(logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of logits ``(N, 4)`` and labels.

    The paper names a binary cross-entropy behind a sigmoid, and a layer "softmax": four responses exclude each other.
    """
    each = functional.cross_entropy(logits, targets["label"], reduction="none")
    return torch.mean(each * targets["weight"] if "weight" in targets else each)
