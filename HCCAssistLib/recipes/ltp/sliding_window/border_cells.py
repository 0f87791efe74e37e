"""The cells of a patch's maps, told apart by what they depend on.

Inside a patch a map's cell depends on voxels alone and is the same for all patches (side ``MID``). In a zero-padded
network the cells at a patch's border also see the padding: per map one cell at each end of an axis (sides ``LOW`` and
``HIGH``), which belongs to one row or column of patches only.

Maps are kept per pair of sides along (y, x): along a ``MID`` axis they run over the scan, along a ``LOW`` or ``HIGH``
one over the patches. A border cell and its two inner neighbours are stacked as channels and the taps of the weights
rearranged to match, so that each pair of sides is an ordinary convolution; it yields the two cells that the pooling
joins.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product

import torch
from torch import Tensor


class BorderSide(Enum):
    """Where along an axis of a patch a cell lies."""

    LOW = 0
    MID = 1
    HIGH = 2


Sides = tuple[BorderSide, BorderSide]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Places of the patches on a map: ``count`` of them along (y, x), ``step`` cells apart."""

    step: tuple[int, int]
    count: tuple[int, int]

    def finer(self, factor: int) -> Lattice:
        """The same places on a map with ``factor`` times as many cells."""
        return Lattice((self.step[0] * factor, self.step[1] * factor), self.count)


def taps(side: BorderSide) -> Tensor:
    """``[cell, input, tap, kernel]``: which tap of a 3-wide kernel joins an input to a cell.

    Of a border the inputs are the border cell and its two inner neighbours, the cells the two nearest the border;
    beyond the border lie zeros.
    """
    if side is BorderSide.MID:
        return torch.eye(3)[None, None]
    joined = torch.zeros(2, 3, 3, 1)
    offset = 1 if side is BorderSide.LOW else 0
    for cell, source in product(range(2), range(3)):
        tap = source - cell + offset
        if 0 <= tap < 3:
            joined[cell, source, tap] = 1
    return joined


def cells_of(pair: Sides) -> int:
    """How many cells the convolution of a pair of sides yields side by side, as channels."""
    return 2 ** sum(side is not BorderSide.MID for side in pair)


def stacked(maps: dict[Sides, Tensor], pair: Sides, lattice: Lattice, cells: int) -> Tensor:
    """The cells that the convolution of a pair of sides reads, border cell and inner neighbours as channels.

    Inner arrays begin at a patch's second cell, so its neighbours of the border are their cells 0 and 1, and
    ``cells - 4`` and ``cells - 3``.
    """
    sources: dict[BorderSide, list[tuple[BorderSide, int | None]]] = {
        BorderSide.LOW: [(BorderSide.LOW, None), (BorderSide.MID, 0), (BorderSide.MID, 1)],
        BorderSide.MID: [(BorderSide.MID, None)],
        BorderSide.HIGH: [(BorderSide.MID, cells - 4), (BorderSide.MID, cells - 3), (BorderSide.HIGH, None)],
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


def pooled(x: Tensor, pair: Sides, stride: int) -> Tensor:
    """2x2x2 max pooling: along borders over the two cells stacked as channels, along z always by pairs.

    Maxima of slices take half the time of ``max_pool3d`` in this layout.
    """
    return pooled_in_plane(torch.maximum(x[:, :, 0::2], x[:, :, 1::2]), pair, stride)


def pooled_in_plane(x: Tensor, pair: Sides, stride: int) -> Tensor:
    """The part of ``pooled`` that lies in each slice."""
    for axis, side in zip((3, 4), pair, strict=True):
        if side is not BorderSide.MID:
            x = torch.maximum(*x.chunk(2, dim=1))
        elif stride == 2:
            x = torch.maximum(every(x, axis, 0, 2, x.shape[axis] // 2), every(x, axis, 1, 2, x.shape[axis] // 2))
        else:
            x = torch.maximum(x.narrow(axis, 0, x.shape[axis] - 1), x.narrow(axis, 1, x.shape[axis] - 1))
    return x
