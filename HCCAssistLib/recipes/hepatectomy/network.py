"""The 3-D convolutional network of Cui 2022 (Table S2), with the padding of TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.inference.convolution import convolved
from HCCAssistLib.recipes.hepatectomy.recipe import VOI_SHAPE
from HCCAssistLib.recipes.options import Value

MAPS = (32, 64, 128, 256)
"""Of the convolutions between the poolings."""

HIDDEN = (512, 256, 128)
"""Values of the fully connected layers before the last one."""

Kernel = tuple[int, int, int]
CUBE: Kernel = (3, 3, 3)
FLAT: Kernel = (2, 3, 3)
"""Kernels ``(z, y, x)``: FLAT where two slices are left."""

CLASSES = 2
"""No early recurrence, early recurrence."""

AT_ONCE = 8
"""VOIs in a pass that learns nothing: the first layer's maps of each take 29 MB."""

PIXELS_PER_CELL, FIRST_CENTER = 16, 5
"""In-plane, of the last pooling: a cell ``c`` is centred on pixel ``16 c + 5``, since TensorFlow pads even sizes behind
and odd ones on both sides (150 and 38 pixels; 75 and 19)."""


class RecurrenceNetwork(nn.Module):
    """Six convolutions and four max poolings with stride 2, then layers of 512, 256, 128 and 2 values.

    Cui H, Wang KY, Li WY, et al. Diagn Interv Radiol 2022;28:524-531, Table S2: 15,762,242 weights. All layers pad as
    TensorFlow's SAME does: by one voxel more behind than before where the number is odd. Every layer but the last ends
    in a ReLU, and the fully connected ones in dropout besides. Weights begin as Glorot proposes and biases at 0, as
    Keras has it.

    >>> sum(weights.numel() for weights in RecurrenceNetwork().parameters())
    15762242

    Args:
        width: share of the maps and hidden values that every layer has; 1 is the paper.
        dropout: share of the values dropped behind each fully connected layer.
    """

    def __init__(self, width: float = 1.0, dropout: float = 0.5) -> None:
        super().__init__()
        first, second, third, fourth = (max(1, round(count * width)) for count in MAPS)
        wide, middle, narrow = (max(1, round(count * width)) for count in HIDDEN)
        self.conv1 = _convolution(1, first, CUBE)
        self.conv2 = _convolution(first, second, CUBE)
        self.conv3, self.conv4 = _convolution(second, third, CUBE), _convolution(third, third, CUBE)
        self.conv5, self.conv6 = _convolution(third, fourth, FLAT), _convolution(fourth, fourth, FLAT)
        depth, height, breadth = VOI_SHAPE
        for _ in MAPS:
            depth, height, breadth = (-(-size // 2) for size in (depth, height, breadth))
        self.fc1 = nn.Linear(fourth * depth * height * breadth, wide)
        self.fc2 = nn.Linear(wide, middle)
        self.fc3 = nn.Linear(middle, narrow)
        self.fc4 = nn.Linear(narrow, CLASSES)
        self.dropout = nn.Dropout(dropout)
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.zeros_(parameter)

    def features(self, x: Tensor) -> Tensor:
        """The last pooling's maps: what Grad-CAM explains.

        Args:
            x: VOIs ``(N, 1, 10, 150, 150)``, 0..1.

        Returns:
            ``(N, 256, 1, 10, 10)``, fewer maps in a narrower network, at least 0.
        """
        for layer, pooling in self.stages:
            x = self.stage(x, layer, pooling)
        return x

    def stage(self, x: Tensor, layer: nn.Conv3d, pooling: Kernel | None) -> Tensor:
        """Maps behind one of ``stages``."""
        x = self._convolved(layer, x if layer.kernel_size == CUBE else padded_behind(x))
        # ReLU and max pooling commute; pooling first leaves an eighth of the values to rectify
        return functional.relu(pooled(x, pooling) if pooling else x)

    @property
    def stages(self) -> tuple[tuple[nn.Conv3d, Kernel | None], ...]:
        """The convolutions, each with the pooling behind it where there is one; a ReLU ends each."""
        return (
            (self.conv1, CUBE),
            (self.conv2, CUBE),
            (self.conv3, None),
            (self.conv4, CUBE),
            (self.conv5, None),
            (self.conv6, FLAT),
        )

    def _convolved(self, layer: nn.Conv3d, x: Tensor) -> Tensor:
        """A single VOI would take a path in torch that is some three times slower."""
        if self.training:
            found: Tensor = layer(x)
            return found
        return convolved(x, layer.weight, layer.bias, padding=_paddings(layer))

    def head(self, maps: Tensor) -> Tensor:
        """Logits ``(N, 2)`` from the maps of ``features``: no early recurrence, early recurrence."""
        hidden = maps.flatten(1)
        for layer in (self.fc1, self.fc2, self.fc3):
            hidden = self.dropout(functional.relu(layer(hidden)))
        logits: Tensor = self.fc4(hidden)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, 2)`` of VOIs ``(N, 1, 10, 150, 150)``, 0..1; their softmax holds the probabilities."""
        if self.training:
            return self.head(self.features(x))
        return torch.cat([self.head(self.features(part)) for part in x.split(AT_ONCE)])


def pooled(maps: Tensor, kernel: Kernel) -> Tensor:
    """Maximum over ``kernel`` with stride 2, padded as TensorFlow's SAME does.

    What is padded never is the maximum. Of an even size and a kernel of 3, one voxel is padded behind, which rounding
    up does; of an odd size one on each side; a kernel of 2 lacks one voxel behind where the size is odd.

    Args:
        maps: ``(N, channels, z, y, x)``.
        kernel: 2 or 3 along each axis.

    Returns:
        Half the size along each axis, rounded up.
    """
    padding = tuple(int(size % 2 and side == 3) for size, side in zip(maps.shape[2:], kernel, strict=True))
    return functional.max_pool3d(maps, kernel, stride=2, padding=padding, ceil_mode=True)


def build(options: Mapping[str, Value]) -> RecurrenceNetwork:
    """The network that the recipe's options describe, with weights drawn from torch's seed.

    Its weights lie channels-last in memory, where a forward pass takes half of the time; weights that are loaded into
    it are laid out likewise.
    """
    network = RecurrenceNetwork(float(options["width"]), float(options["dropout"]))
    # torch's types know no network that is laid out anew
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


def loss(logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of logits ``(N, 2)`` and labels 0 and 1; the paper names no loss."""
    each = functional.cross_entropy(logits, targets["label"], reduction="none")
    return torch.mean(each * targets["weight"] if "weight" in targets else each)


def _convolution(incoming: int, outgoing: int, kernel: Kernel) -> nn.Conv3d:
    """With zeros around; along an axis of two taps TensorFlow pads behind alone, which ``padded_behind`` does."""
    along_z, along_y, along_x = (int(side == 3) for side in kernel)
    return nn.Conv3d(incoming, outgoing, kernel, padding=(along_z, along_y, along_x))


def _paddings(layer: nn.Conv3d) -> tuple[int, ...]:
    return tuple(int(side) for side in layer.padding)


def padded_behind(maps: Tensor) -> Tensor:
    """One slice of zeros behind, so that two taps along z keep the number of slices."""
    return functional.pad(maps, (0, 0, 0, 0, 0, 1))
