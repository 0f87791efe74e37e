"""The 2-D convolutional network of Yasaka 2018: six convolutions, three poolings, three fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.recipes.liver_mass.recipe import CATEGORIES, SIZE, phases_of
from HCCAssistLib.recipes.options import Value

CHANNELS = (32, 64, 128)
"""Maps of each pair of convolutions."""

HIDDEN = 512
"""Values of the first two fully connected layers."""


class LiverMassNetwork(nn.Module):
    """(3x3 convolution, 3x3 convolution, 2x2 max pooling) three times, then layers of 512, 512 and 5.

    The paper prints the layers; kernels and widths stand in an appendix that is not at hand and are those of the
    method's specification. Weights begin as He proposes (ICCV 2015), biases at 0. Poolings round up, as Chainer's do:
    maps of 70, 35, 18 and 9. Three phases make 5,861,157 weights, two 5,860,869 and one 5,860,581.

    >>> sum(weights.numel() for weights in LiverMassNetwork(3).parameters())
    5861157

    Args:
        phases: channels of a picture.
        width: share of the maps and hidden values that every layer has; 1 is the full network.
        dropout: share of the values dropped behind each of the first two fully connected layers.
    """

    def __init__(self, phases: int = 3, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        first, second, third = (max(1, round(count * width)) for count in CHANNELS)
        hidden = max(1, round(HIDDEN * width))
        self.conv1, self.conv2 = _convolution(phases, first), _convolution(first, first)
        self.conv3, self.conv4 = _convolution(first, second), _convolution(second, second)
        self.conv5, self.conv6 = _convolution(second, third), _convolution(third, third)
        side = SIZE
        for _ in CHANNELS:
            side = -(-side // 2)
        self.fc1 = nn.Linear(third * side * side, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, len(CATEGORIES))
        self.dropout = nn.Dropout(dropout)
        self._draw_weights()

    def _draw_weights(self) -> None:
        """As He proposes: torch's own shrink what passes nine layers so far that the first epochs learn nothing."""
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            else:
                nn.init.zeros_(parameter)

    def features(self, x: Tensor) -> Tensor:
        """The last convolution's map after its ReLU, before the third pooling: what Grad-CAM explains.

        Args:
            x: pictures ``(N, phases, 70, 70)``, 0..1.

        Returns:
            ``(N, 128, 18, 18)``, fewer maps in a narrower network. Cell ``c`` covers pixels ``4 c .. 4 c + 3``, the
            last one of them two.
        """
        # grey values around 0 and of about unit size: from 0 to 1 as they are, the first epochs learn little
        x = (x - 0.5) * 4
        # ReLU and max pooling commute; pooling first leaves a quarter of the values to rectify
        x = functional.relu(_pooled(self.conv2(functional.relu(self.conv1(x)))))
        x = functional.relu(_pooled(self.conv4(functional.relu(self.conv3(x)))))
        return functional.relu(self.conv6(functional.relu(self.conv5(x))))

    def head(self, maps: Tensor) -> Tensor:
        """Logits ``(N, 5)`` from the maps of ``features``, in the order of the categories."""
        x = self.dropout(functional.relu(self.fc1(_pooled(maps).flatten(1))))
        logits: Tensor = self.fc3(self.dropout(functional.relu(self.fc2(x))))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, 5)`` of pictures ``(N, phases, 70, 70)``."""
        return self.head(self.features(x))


def build(options: Mapping[str, Value]) -> LiverMassNetwork:
    """The network that the recipe's options describe, with weights drawn from torch's seed."""
    return LiverMassNetwork(len(phases_of(options)), float(options["width"]), float(options["dropout"]))


def loss(logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of logits ``(N, 5)`` and labels; the paper names no loss."""
    each = functional.cross_entropy(logits, targets["label"], reduction="none")
    return torch.mean(each * targets["weight"] if "weight" in targets else each)


def _convolution(incoming: int, outgoing: int) -> nn.Conv2d:
    return nn.Conv2d(incoming, outgoing, 3, padding=1)


def _pooled(maps: Tensor) -> Tensor:
    return functional.max_pool2d(maps, 2, ceil_mode=True)
