"""The nodes of a patch's maps, told apart by what they depend on.

Inside a patch a map's node depends on voxels alone and is the same for all patches (kind ``MID``). In a zero-padded
network the nodes at a patch's border also see the padding: per map one node at each end of an axis (kinds ``LOW`` and
``HIGH``), which belongs to one row or column of patches only.

Maps are kept per pair of kinds along (y, x): along a ``MID`` axis they run over the scan, along a ``LOW`` or ``HIGH``
one over the patches. A border node and its two inner neighbours are stacked as channels and the taps of the weights
rearranged to match, so that every kind is an ordinary convolution; it yields the two nodes that the pooling joins.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product

import torch
from torch import Tensor


class Kind(Enum):
    """Where along an axis of a patch a node lies."""

    LOW = 0
    MID = 1
    HIGH = 2


Kinds = tuple[Kind, Kind]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Places of the patches on a map: ``count`` of them along (y, x), ``step`` nodes apart."""

    step: tuple[int, int]
    count: tuple[int, int]

    def finer(self, factor: int) -> Lattice:
        """The same places on a map with ``factor`` times as many nodes."""
        return Lattice((self.step[0] * factor, self.step[1] * factor), self.count)


def taps(kind: Kind) -> Tensor:
    """``[node, input, tap, kernel]``: which tap of a 3-wide kernel joins an input to a node.

    Of a border the inputs are the border node and its two inner neighbours, the nodes the two nearest the border;
    beyond the border lie zeros.
    """
    if kind is Kind.MID:
        return torch.eye(3)[None, None]
    joined = torch.zeros(2, 3, 3, 1)
    offset = 1 if kind is Kind.LOW else 0
    for node, source in product(range(2), range(3)):
        tap = source - node + offset
        if 0 <= tap < 3:
            joined[node, source, tap] = 1
    return joined


def nodes_of(pair: Kinds) -> int:
    """How many nodes a kind's convolution yields side by side, as channels."""
    return 2 ** sum(kind is not Kind.MID for kind in pair)


def stacked(maps: dict[Kinds, Tensor], pair: Kinds, lattice: Lattice, nodes: int) -> Tensor:
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
            part = every(part, 3, top, lattice.step[0], lattice.count[0])
        if left is not None:
            part = every(part, 4, left, lattice.step[1], lattice.count[1])
        parts.append(part.movedim(1, -1))
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)).movedim(-1, 1)


def every(x: Tensor, axis: int, first: int, step: int, count: int) -> Tensor:
    """Every ``step``-th element of an axis."""
    index = [slice(None)] * x.ndim
    index[axis] = slice(first, first + (count - 1) * step + 1, step)
    return x[tuple(index)]


def pooled(x: Tensor, pair: Kinds, stride: int) -> Tensor:
    """2x2x2 max pooling: along borders over the two nodes stacked as channels, along z always by pairs.

    Maxima of slices take half the time of ``max_pool3d`` in this layout.
    """
    x = torch.maximum(x[:, :, 0::2], x[:, :, 1::2])
    for axis, kind in zip((3, 4), pair, strict=True):
        if kind is not Kind.MID:
            x = torch.maximum(*x.chunk(2, dim=1))
        elif stride == 2:
            x = torch.maximum(every(x, axis, 0, 2, x.shape[axis] // 2), every(x, axis, 1, 2, x.shape[axis] // 2))
        else:
            x = torch.maximum(x.narrow(axis, 0, x.shape[axis] - 1), x.narrow(axis, 1, x.shape[axis] - 1))
    return x
