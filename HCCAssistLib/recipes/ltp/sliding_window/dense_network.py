"""The LTP network on many overlapping patches at once, without computing anything twice.

Neighbouring patches share almost all of their convolutions. What depends on voxels alone is computed once for all
patches, what also depends on the zero padding at a patch's border once per row or column of patches (see
``patch_nodes``; a network with context has none of the latter). The result is that of the patches one by one, whereas
a plain fully convolutional pass over zero-padded weights is wrong within 7 voxels of every patch's border.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil, floor

import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.imaging.windows import AIR_HU, Window
from HCCAssistLib.inference.convolution import convolved
from HCCAssistLib.recipes.ltp.network import CELL, LTPNetwork, windowed
from HCCAssistLib.recipes.ltp.recipe import PATCH_SHAPE
from HCCAssistLib.recipes.ltp.sliding_window.border_cells import (
    BorderSide,
    Lattice,
    Sides,
    cells_of,
    every,
    pooled,
    pooled_in_plane,
    stacked,
    taps,
)

LAST = torch.channels_last_3d

CACHED_BYTES = 4 << 20
"""Piece of a convolution's output that stays in a CPU's cache until it is pooled."""

HEAD_BYTES = 16 << 20
"""Output of the first dense layer worked on at a time: enough patches to pay for arranging its weights."""

DEVICE_BYTES = 256 << 20
"""The same on a graphics card, which wants large pieces."""

Layer = tuple[Tensor, Tensor]


class DenseNetwork:
    """The weights of a network, arranged for dense evaluation on one device.

    Args:
        network: it is not changed.
        windows: its channels.
        device: where to compute.
    """

    def __init__(self, network: LTPNetwork, windows: Sequence[Window], device: torch.device) -> None:
        self.pools = network.pools
        self.device = device
        self.lowest, self.grey_values = _grey_values(windows, device)
        self.zero_padded = network.border == "strict"
        sides = tuple(BorderSide) if self.zero_padded else (BorderSide.MID,)
        self.sides: tuple[Sides, ...] = tuple(product(sides, sides))
        layers = (network.conv1, network.conv2, network.conv3)
        self.layers = [{pair: self._layer(layer, pair) for pair in self.sides} for layer in layers]
        self.fc1 = {pair: self._first_dense(network.fc1, pair) for pair in self.sides}
        self.fc2 = self._put(network.fc2.weight[:, :, None, None, None]), self._put(network.fc2.bias)
        self.fc3 = self._put(network.fc3.weight[0]), self._put(network.fc3.bias)

    @torch.inference_mode()
    def logits(self, hu: Tensor, depth_step: int, lattice: Lattice) -> Tensor:
        """Logits ``(nz, ny, nx)`` of all patches of a block.

        Args:
            hu: 16-bit Hounsfield units ``(slices, rows, columns)`` on the device, from the first patch's first voxel
                to the last patch's last one, context included. Its values are overwritten.
            depth_step: slices between patches.
            lattice: places of the patches along (y, x) on the last convolution's map.
        """
        grey = hu.clamp_(self.lowest, self.lowest + len(self.grey_values) - 1).sub_(self.lowest)[None, None]
        maps = {pair: self._voxels(grey, pair, lattice.finer(CELL)) for pair in self.sides}
        for level, (layer, work) in enumerate(zip(self.layers, (self._first, self._second, self._last), strict=True)):
            cells, places = PATCH_SHAPE[1] >> level, lattice.finer(CELL >> level)
            maps = {
                pair: work(stacked(maps, pair, places, cells), layer[pair], pair, depth_step) for pair in self.sides
            }
        return self._head(maps, lattice)

    def _voxels(self, grey: Tensor, pair: Sides, lattice: Lattice) -> Tensor:
        """The voxels of one pair of sides, as a view."""
        for axis, side, step, count in zip((3, 4), pair, lattice.step, lattice.count, strict=True):
            if side is not BorderSide.MID:
                grey = every(grey, axis, 0 if side is BorderSide.LOW else PATCH_SHAPE[1] - 1, step, count)
            elif self.zero_padded:
                grey = grey.narrow(axis, 1, grey.shape[axis] - 2)
        return grey

    def _first(self, grey: Tensor, layer: Layer, pair: Sides, depth_step: int) -> Tensor:
        """First convolution, 2x2x2 pooling and ReLU of grey values ``(1, places, slices, y, x)``, a row for each slab.

        Patches that begin on neighbouring slices overlap. Only at the first and the last slice of a patch does the
        padding along z matter; all others are convolved once for all patches.
        """
        weight, bias = layer
        low, high = (part.contiguous(memory_format=LAST) for part in (weight[:, :, 1:], weight[:, :, :-1]))
        last = grey.shape[2] - PATCH_SHAPE[0]

        def work(part: Tensor) -> Tensor:
            x = self._windowed(part)
            inner = pooled_in_plane(convolved(x, weight, bias), pair, 2)
            ends = [
                pooled_in_plane(convolved(cut, end, bias, stride=(depth_step, 1, 1)), pair, 2)
                for cut, end in ((x[:, :, : last + 2], low), (x[:, :, PATCH_SHAPE[0] - 2 :], high))
            ]
            slabs = ends[0].shape[2]
            middle = [every(inner, 2, n, depth_step, slabs) for n in range(PATCH_SHAPE[0] - 2)]
            slices = torch.stack([ends[0], *middle, ends[1]], dim=3)[0].movedim(1, 0)
            return torch.maximum(slices[:, :, 0::2], slices[:, :, 1::2])

        return self._in_bands(grey, work, pair, len(bias) * grey.shape[2])

    def _second(self, x: Tensor, layer: Layer, pair: Sides, _depth_step: int) -> Tensor:
        """Second convolution, 2x2x2 pooling and ReLU of maps ``(slabs, c, z, y, x)``."""

        def work(part: Tensor) -> Tensor:
            return pooled(convolved(part, *layer, padding=(1, 0, 0)), pair, 2)

        return torch.cat([self._in_bands(slab, work, pair, len(layer[1]) * x.shape[2]) for slab in x.split(1)])

    def _in_bands(self, x: Tensor, work: Callable[[Tensor], Tensor], pair: Sides, cells: int) -> Tensor:
        """ReLU of what some work makes of ``(..., y, x)``, in bands of rows: its intermediate maps are large, and used
        once.

        Args:
            x: what the work is given rows of.
            work: a convolution and its pooling.
            pair: sides that the cells lie at.
            cells: of the convolution's output along its channels and z.
        """
        rows_in, halo = (2, 2) if pair[0] is BorderSide.MID else (1, 0)
        rows = (x.shape[3] - halo) // rows_in
        # before the pooling there are eight times as many cells, whatever the sides
        band = max(1, self._budget(CACHED_BYTES) // (cells * rows_in * x.shape[4] * 4))
        tops = range(0, rows, band)
        parts = [work(x[:, :, :, top * rows_in : min(top + band, rows) * rows_in + halo]) for top in tops]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=3)).relu_()

    def _windowed(self, grey: Tensor) -> Tensor:
        """Voxels ``(n, places, k, j, i)`` with their windows, ``(n, places * channels, k, j, i)``."""
        return functional.embedding(grey.movedim(1, -1).int(), self.grey_values).flatten(-2).movedim(-1, 1)

    def _last(self, x: Tensor, layer: Layer, pair: Sides, _depth_step: int) -> Tensor:
        """Third convolution and ReLU; a third pooling keeps every in-plane phase, since patches start on any cell."""
        maps = convolved(x, *layer, padding=(1, 0, 0))
        return (pooled(maps, pair, 1) if self.pools == 3 else maps).relu_()

    def _head(self, maps: dict[Sides, Tensor], lattice: Lattice) -> Tensor:
        """The dense layers as convolutions, in bands of patch rows."""
        rows, columns = lattice.count
        slabs = len(maps[self.sides[0]])
        band = max(1, self._budget(HEAD_BYTES) // (slabs * columns * self.fc2[0].shape[1] * 4))
        parts = []
        for top in range(0, rows, band):
            bottom = min(top + band, rows)
            hidden = self._first_hidden(maps, self.sides[0], lattice, top, bottom)
            for pair in self.sides[1:]:
                hidden += self._first_hidden(maps, pair, lattice, top, bottom)
            hidden = convolved(hidden.relu_(), *self.fc2).relu_()
            parts.append(hidden[:, :, 0].movedim(1, -1) @ self.fc3[0] + self.fc3[1])
        return torch.cat(parts, dim=1)

    def _first_hidden(self, maps: dict[Sides, Tensor], pair: Sides, lattice: Lattice, top: int, bottom: int) -> Tensor:
        """What the cells of one pair of sides add to the first dense layer, for some rows of patches."""
        down, right = (step if side is BorderSide.MID else 1 for step, side in zip(lattice.step, pair, strict=True))
        x = maps[pair]
        x = x.narrow(3, top * down, x.shape[3] - (lattice.count[0] - bottom + top) * down)
        apart = 2 if self.pools == 3 else 1
        return convolved(x, *self.fc1[pair], stride=(1, down, right), dilation=(1, apart, apart))

    def _budget(self, cpu_bytes: int) -> int:
        return cpu_bytes if self.device.type == "cpu" else DEVICE_BYTES

    def _put(self, parameter: Tensor) -> Tensor:
        return parameter.detach().to(self.device, torch.float32)

    def _layer(self, layer: nn.Conv3d, pair: Sides) -> Layer:
        """Weights from the stacked cells of one pair of sides to the cells that pooling joins."""
        parameters = {name: value.detach().to("cpu", torch.float32) for name, value in layer.named_parameters()}
        # outputs (n, m, o), inputs (i, j, c), kernel (z, p, q)
        arranged = torch.einsum("oczab,niap,mjbq->nmoijczpq", parameters["weight"], taps(pair[0]), taps(pair[1]))
        return self._put(arranged.flatten(0, 2).flatten(1, 3)).contiguous(memory_format=LAST), self._put(
            parameters["bias"].repeat(cells_of(pair))
        )

    def _first_dense(self, layer: nn.Linear, pair: Sides) -> tuple[Tensor, Tensor | None]:
        """The part of the first dense layer that reads the cells of one pair of sides, as a convolution."""
        depth, size = (2, 8) if self.pools == 2 else (1, 4)
        border = size // 4 if self.zero_padded else 0
        span = {
            BorderSide.LOW: slice(0, border),
            BorderSide.MID: slice(border, size - border),
            BorderSide.HIGH: slice(size - border, size),
        }
        weight = layer.weight.detach().reshape(len(layer.weight), -1, depth, size, size)
        weight = weight[..., span[pair[0]], span[pair[1]]]
        shape = [((n, 1), (1, n))[side is BorderSide.MID] for n, side in zip(weight.shape[-2:], pair, strict=True)]
        weight = weight.reshape(*weight.shape[:3], *shape[0], *shape[1]).permute(0, 3, 5, 1, 2, 4, 6)
        arranged = self._put(weight.flatten(1, 3)).contiguous(memory_format=LAST)
        return arranged, self._put(layer.bias) if pair == self.sides[0] else None


def _grey_values(windows: Sequence[Window], device: torch.device) -> tuple[int, Tensor]:
    """Lowest Hounsfield unit that matters, and the input's channels for it and every one above, ``(n, channels)``."""
    lowest = max(AIR_HU, floor(min(window.lower for window in windows)))
    highest = ceil(max(window.lower + window.width for window in windows))
    units = torch.arange(lowest, highest + 1, dtype=torch.int16).view(-1, 1, 1)
    return lowest, windowed(units, windows).view(len(windows), -1).T.contiguous().to(device)
