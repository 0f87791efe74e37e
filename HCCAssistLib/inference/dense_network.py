"""The LTP network on many overlapping patches at once, without computing anything twice.

Neighbouring patches share almost all of their convolutions. Inside a patch a map's node depends on voxels alone and
is computed once for all patches (kind ``MID``). In a zero-padded network the nodes at a patch's border also see the
padding; per map that is one node at each end of an axis (kinds ``LOW`` and ``HIGH``), computed once per row or
column of patches. A network with context has no such nodes. Both ways the result is that of the patches one by one,
whereas a plain fully convolutional pass over zero-padded weights is wrong within 7 voxels of every patch's border.

Maps are kept per pair of kinds along (y, x): along a ``MID`` axis they run over the scan, along a ``LOW`` or ``HIGH``
one over the patches. A border node and its two inner neighbours are stacked as channels and the taps of the weights
rearranged to match, so that every kind is an ordinary convolution; it yields the two nodes that the pooling joins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product
from math import ceil, floor

import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.imaging.windows import AIR_HU, Window
from HCCAssistLib.recipes.ltp.network import CELL, LTPNetwork, windowed
from HCCAssistLib.recipes.ltp.recipe import PATCH_SHAPE

LAST = torch.channels_last_3d

CACHED_BYTES = 2 << 20
"""Piece of a convolution's output that stays in a CPU's cache until it is pooled."""

HEAD_BYTES = 16 << 20
DEVICE_BYTES = 256 << 20


class Kind(Enum):
    """Where along an axis of a patch a node lies."""

    LOW = 0
    MID = 1
    HIGH = 2


Kinds = tuple[Kind, Kind]
Layer = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Places of the patches on a map: ``count`` of them along (y, x), ``step`` nodes apart."""

    step: tuple[int, int]
    count: tuple[int, int]

    def finer(self, factor: int) -> Lattice:
        """The same places on a map with ``factor`` times as many nodes."""
        return Lattice((self.step[0] * factor, self.step[1] * factor), self.count)


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
        kinds = tuple(Kind) if self.zero_padded else (Kind.MID,)
        self.kinds: tuple[Kinds, ...] = tuple(product(kinds, kinds))
        layers = (network.conv1, network.conv2, network.conv3)
        self.layers = [{pair: self._layer(layer, pair) for pair in self.kinds} for layer in layers]
        self.fc1 = {pair: self._first_dense(network.fc1, pair) for pair in self.kinds}
        self.fc1_bias = self._put(network.fc1.bias)
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
        grey = hu.clamp_(self.lowest, self.lowest + len(self.grey_values) - 1).sub_(self.lowest)
        slabs = grey.unfold(0, PATCH_SHAPE[0], depth_step).movedim(-1, 1)[:, None]
        maps = {pair: self._voxels(slabs, pair, lattice.finer(CELL)) for pair in self.kinds}
        for level, layer in enumerate(self.layers):
            nodes, places = PATCH_SHAPE[1] >> level, lattice.finer(CELL >> level)
            stacked = {pair: _stacked(maps, pair, places, nodes) for pair in self.kinds}
            convolve = self._convolved_and_pooled if level < 2 else self._last_map
            maps = {pair: convolve(stacked.pop(pair), layer[pair], pair) for pair in self.kinds}
        return self._head(maps, lattice)

    def _voxels(self, slabs: Tensor, pair: Kinds, lattice: Lattice) -> Tensor:
        """The voxels of one kind, as a view."""
        for axis, kind, step, count in zip((3, 4), pair, lattice.step, lattice.count, strict=True):
            if kind is not Kind.MID:
                slabs = _every(slabs, axis, 0 if kind is Kind.LOW else PATCH_SHAPE[1] - 1, step, count)
            elif self.zero_padded:
                slabs = slabs.narrow(axis, 1, slabs.shape[axis] - 2)
        return slabs

    def _convolved_and_pooled(self, x: Tensor, layer: Layer, pair: Kinds) -> Tensor:
        """Convolution, 2x2x2 pooling and ReLU, in bands of rows: the convolution's output is large, and used once."""
        rows_in, halo = (2, 2) if pair[0] is Kind.MID else (1, 0)
        rows = (x.shape[3] - halo) // rows_in
        columns = (x.shape[4] - 2) // 2 if pair[1] is Kind.MID else x.shape[4]
        channels = len(layer[1]) // _nodes(pair)
        out = torch.empty(
            (x.shape[0], channels, x.shape[2] // 2, rows, columns), device=x.device, memory_format=LAST
        )
        # the convolution's output is eight times the pooled one, whatever the kinds
        band = max(1, self._budget(CACHED_BYTES) * rows // (out.numel() * 4 * 8))
        for top in range(0, rows, band):
            bottom = min(top + band, rows)
            band_in = x[:, :, :, top * rows_in : bottom * rows_in + halo]
            if not x.is_floating_point():
                band_in = self._windowed(band_in)
            part = convolved(band_in, *layer, padding=(1, 0, 0))
            out[:, :, :, top:bottom] = _pooled(part, pair, 2)
        return out.relu_()

    def _windowed(self, grey: Tensor) -> Tensor:
        """Voxels ``(n, places, k, j, i)`` with their windows, ``(n, places * channels, k, j, i)``."""
        return functional.embedding(grey.movedim(1, -1).int(), self.grey_values).flatten(-2).movedim(-1, 1)

    def _last_map(self, x: Tensor, layer: Layer, pair: Kinds) -> Tensor:
        """Third convolution and ReLU; a third pooling keeps every in-plane phase, since patches start on any node."""
        maps = convolved(x, *layer, padding=(1, 0, 0))
        return (_pooled(maps, pair, 1) if self.pools == 3 else maps).relu_()

    def _head(self, maps: dict[Kinds, Tensor], lattice: Lattice) -> Tensor:
        """The dense layers as convolutions, in bands of patch rows."""
        count = lattice.count[0]
        slabs = next(iter(maps.values())).shape[0]
        band = max(1, self._budget(HEAD_BYTES) // (slabs * lattice.count[1] * len(self.fc1_bias) * 4))
        dilation = 2 if self.pools == 3 else 1
        parts = []
        for top in range(0, count, band):
            bottom = min(top + band, count)
            hidden = None
            for pair, x in maps.items():
                step = lattice.step[0] if pair[0] is Kind.MID else 1
                x = x.narrow(3, top * step, x.shape[3] - (count - bottom + top) * step)
                part = convolved(
                    x,
                    self.fc1[pair],
                    self.fc1_bias if hidden is None else None,
                    stride=(1, *(s if kind is Kind.MID else 1 for s, kind in zip(lattice.step, pair, strict=True))),
                    dilation=(1, dilation, dilation),
                )
                hidden = part if hidden is None else hidden.add_(part)
            assert hidden is not None
            hidden = convolved(hidden.relu_(), *self.fc2).relu_()
            parts.append(hidden[:, :, 0].movedim(1, -1) @ self.fc3[0] + self.fc3[1])
        return torch.cat(parts, dim=1)

    def _budget(self, cpu_bytes: int) -> int:
        return cpu_bytes if self.device.type == "cpu" else DEVICE_BYTES

    def _put(self, parameter: Tensor) -> Tensor:
        return parameter.detach().to(self.device, torch.float32)

    def _layer(self, layer: nn.Conv3d, pair: Kinds) -> Layer:
        """Weights from the stacked nodes of one kind to the nodes that pooling joins."""
        assert layer.bias is not None
        weight = layer.weight.detach().to("cpu", torch.float32)
        # outputs (n, m, o), inputs (i, j, c), kernel (z, p, q)
        taps = torch.einsum("oczab,niap,mjbq->nmoijczpq", weight, _taps(pair[0]), _taps(pair[1]))
        arranged = taps.flatten(0, 2).flatten(1, 3)
        return self._put(arranged).contiguous(memory_format=LAST), self._put(layer.bias.repeat(_nodes(pair)))

    def _first_dense(self, layer: nn.Linear, pair: Kinds) -> Tensor:
        """The part of the first dense layer that reads one kind's nodes, as a convolution."""
        depth, size = (2, 8) if self.pools == 2 else (1, 4)
        border = size // 4 if self.zero_padded else 0
        span = {Kind.LOW: slice(0, border), Kind.MID: slice(border, size - border), Kind.HIGH: slice(size - border, size)}
        weight = layer.weight.detach().reshape(len(layer.weight), -1, depth, size, size)
        weight = weight[..., span[pair[0]], span[pair[1]]]
        shape = [((n, 1), (1, n))[kind is Kind.MID] for n, kind in zip(weight.shape[-2:], pair, strict=True)]
        weight = weight.reshape(*weight.shape[:3], *shape[0], *shape[1]).permute(0, 3, 5, 1, 2, 4, 6)
        return self._put(weight.flatten(1, 3)).contiguous(memory_format=LAST)


def _grey_values(windows: Sequence[Window], device: torch.device) -> tuple[int, Tensor]:
    """Lowest Hounsfield unit that matters, and the input's channels for it and every one above, ``(n, channels)``."""
    lowest = max(AIR_HU, floor(min(window.lower for window in windows)))
    highest = ceil(max(window.lower + window.width for window in windows))
    units = torch.arange(lowest, highest + 1, dtype=torch.int16).view(-1, 1, 1)
    return lowest, windowed(units, windows).view(len(windows), -1).T.contiguous().to(device)


def convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    padding: tuple[int, ...] = (0, 0, 0),
    stride: tuple[int, ...] = (1, 1, 1),
    dilation: tuple[int, ...] = (1, 1, 1),
) -> Tensor:
    """A 3-D convolution in channels-last layout."""
    x = x.contiguous(memory_format=LAST)
    if x.device.type == "cpu" and torch.backends.mkldnn.is_available():
        # conv3d leaves batches of one and 1x1x1 kernels to code that is two to six times slower
        return torch.ops.aten.mkldnn_convolution(x, weight, bias, padding, stride, dilation, 1)
    return functional.conv3d(x, weight, bias, stride, padding, dilation)


def _taps(kind: Kind) -> Tensor:
    """``[node, input, tap, kernel]``: which tap of a 3-wide kernel joins an input to a node.

    Of a border the inputs are the border node and its two inner neighbours, the nodes the two nearest the border;
    beyond the border lie zeros.
    """
    if kind is Kind.MID:
        return torch.eye(3)[None, None]
    taps = torch.zeros(2, 3, 3, 1)
    offset = 1 if kind is Kind.LOW else 0
    for node, source in product(range(2), range(3)):
        tap = source - node + offset
        if 0 <= tap < 3:
            taps[node, source, tap] = 1
    return taps


def _nodes(pair: Kinds) -> int:
    return 2 ** sum(kind is not Kind.MID for kind in pair)


def _stacked(maps: dict[Kinds, Tensor], pair: Kinds, lattice: Lattice, nodes: int) -> Tensor:
    """The nodes that a kind's convolution reads, border node and inner neighbours as channels.

    Inner arrays begin at a patch's second node, so its neighbours of the border are their nodes 0 and 1, and
    ``nodes - 4`` and ``nodes - 3``.
    """
    sources: dict[Kind, list[tuple[Kind, int | None]]] = {
        Kind.LOW: [(Kind.LOW, None), (Kind.MID, 0), (Kind.MID, 1)],
        Kind.MID: [(Kind.MID, None)],
        Kind.HIGH: [(Kind.MID, nodes - 4), (Kind.MID, nodes - 3), (Kind.HIGH, None)],
    }
    parts = []
    for (row, top), (column, left) in product(sources[pair[0]], sources[pair[1]]):
        part = maps[row, column]
        if top is not None:
            part = _every(part, 3, top, lattice.step[0], lattice.count[0])
        if left is not None:
            part = _every(part, 4, left, lattice.step[1], lattice.count[1])
        parts.append(part.movedim(1, -1))
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)).movedim(-1, 1)


def _every(x: Tensor, axis: int, first: int, step: int, count: int) -> Tensor:
    """Every ``step``-th element of an axis."""
    index = [slice(None)] * x.ndim
    index[axis] = slice(first, first + (count - 1) * step + 1, step)
    return x[tuple(index)]


def _pooled(x: Tensor, pair: Kinds, stride: int) -> Tensor:
    """2x2x2 max pooling: along borders over the two nodes stacked as channels, along z always by pairs.

    Maxima of slices take half the time of ``max_pool3d`` in this layout.
    """
    x = torch.maximum(x[:, :, 0::2], x[:, :, 1::2])
    for axis, kind in zip((3, 4), pair, strict=True):
        if kind is not Kind.MID:
            x = torch.maximum(*x.chunk(2, dim=1))
        elif stride == 2:
            x = torch.maximum(_every(x, axis, 0, 2, x.shape[axis] // 2), _every(x, axis, 1, 2, x.shape[axis] // 2))
        else:
            x = torch.maximum(x.narrow(axis, 0, x.shape[axis] - 1), x.narrow(axis, 1, x.shape[axis] - 1))
    return x
