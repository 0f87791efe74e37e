"""The 3-D convolutional network of Lim 2023 (figure 6), and the grey values it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.recipes.ltp.recipe import PATCH_SHAPE
from HCCAssistLib.recipes.ltp.training_features import faster_in_blocks, features_in_blocks
from HCCAssistLib.recipes.options import Value

CONTEXT_MARGIN = 7
"""Pixels by which three unpadded 3x3 convolutions at 1, 2 and 4 pixels per cell shorten each side: 1 + 2 + 4."""

CELL = 4
"""Voxels per cell of the last convolution's map, along every axis (two poolings before it)."""

Border = Literal["strict", "context"]


def windowed(hu: Tensor, windows: Sequence[Window]) -> Tensor:
    """The network's input: every window as a channel, quantised to 8 bit as in the paper, then scaled to 0..1.

    Training and every scan call this one function.

    Args:
        hu: Hounsfield units ``(..., k, j, i)``, whole numbers or floats.
        windows: one per channel.

    Returns:
        32-bit floats ``(..., channels, k, j, i)``.
    """
    grey = torch.empty(*hu.shape[:-3], len(windows), *hu.shape[-3:], device=hu.device)
    for channel, window in enumerate(windows):
        torch.mul(window(hu), 255, out=grey.select(-4, channel))
    return grey.round_().div_(255)


class LTPNetwork(nn.Module):
    """Three 3x3x3 convolutions with 16, 32 and 64 maps, 2x2x2 max pooling, then layers of 512, 128 and 1.

    Lim S, Shin Y, Lee YH (2023). The printed map sizes fit two readings: three poolings as the text says (661,121
    weights), or two as figure 6 shows (4,331,137).

    Args:
        pools: number of poolings.
        border: what a patch sees at its in-plane border. ``"strict"``: zeros, as printed. ``"context"``: 7 more
            pixels of the scan on each side; the maps and weights keep their sizes, and a whole scan becomes one
            pass over each slab. Slices beyond the 8 of a patch are zeros in both.
        width: share of the maps and hidden values that every layer has; 1 is the paper.
    """

    def __init__(self, pools: Literal[2, 3] = 3, border: Border = "context", width: float = 1.0) -> None:
        super().__init__()
        if pools not in (2, 3) or border not in ("strict", "context"):
            raise ValueError(f"pools is 2 or 3 and border is strict or context, not {pools!r} and {border!r}")
        self.pools = pools
        self.border = border
        padding = (1, 1, 1) if border == "strict" else (1, 0, 0)
        first, second, third, hidden, last = (max(1, round(count * width)) for count in (16, 32, 64, 512, 128))
        self.conv1 = nn.Conv3d(3, first, 3, padding=padding)
        self.conv2 = nn.Conv3d(first, second, 3, padding=padding)
        self.conv3 = nn.Conv3d(second, third, 3, padding=padding)
        self.fc1 = nn.Linear(third * (2 * 8 * 8 if pools == 2 else 1 * 4 * 4), hidden)
        self.fc2 = nn.Linear(hidden, last)
        self.fc3 = nn.Linear(last, 1)

    @property
    def margin(self) -> int:
        """Pixels of context that the input has around the 32 x 32 core on each side."""
        return CONTEXT_MARGIN if self.border == "context" else 0

    @property
    def patch_shape(self) -> tuple[int, int, int]:
        """Voxels ``(k, j, i)`` of one input."""
        depth, height, width = PATCH_SHAPE
        return depth, height + 2 * self.margin, width + 2 * self.margin

    def features(self, x: Tensor) -> Tensor:
        """The last convolution's map after its ReLU, before the third pooling: what Grad-CAM explains.

        Args:
            x: windowed patches ``(N, 3, *patch_shape)``, 0..1.

        Returns:
            ``(N, 64, 2, 8, 8)``, fewer maps in a narrower network. Cell ``c`` covers voxels ``4 c .. 4 c + 3`` of the
            core along each axis.
        """
        # ReLU and max pooling commute; pooling first leaves an eighth of the values to rectify
        x = functional.relu(functional.max_pool3d(self.conv1(x), 2))
        x = functional.relu(functional.max_pool3d(self.conv2(x), 2))
        return functional.relu(self.conv3(x))

    def head(self, maps: Tensor) -> Tensor:
        """Logits ``(N,)`` from the maps of ``features``; their sigmoid is the probability of LTP."""
        if self.pools == 3:
            maps = functional.max_pool3d(maps, 2)
        hidden = functional.relu(self.fc1(maps.flatten(1)))
        logits: Tensor = self.fc3(functional.relu(self.fc2(hidden)))
        return logits.squeeze(1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N,)`` of windowed patches ``(N, 3, *patch_shape)``."""
        in_blocks = self.training and torch.is_grad_enabled() and faster_in_blocks(self, x)
        return self.head(features_in_blocks(self, x) if in_blocks else self.features(x))


def build(options: Mapping[str, Value]) -> LTPNetwork:
    """The network that the recipe's options describe, with weights drawn from torch's seed."""
    return LTPNetwork(pools=options["pools"], border=options["border"], width=float(options.get("width", 1.0)))  # type: ignore[arg-type]


def loss(logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
    """Binary cross-entropy of logits ``(N,)`` and labels 0 and 1; the paper names no loss."""
    labels = targets["label"].to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, labels, weight=targets.get("weight"))
