"""Scanning a volume with the LTP network: the score of every patch of a grid, exactly as if taken one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from HCCAssistLib.errors import Cancelled
from HCCAssistLib.imaging.windows import AIR_HU, Window
from HCCAssistLib.recipes.ltp.network import CELL, LTPNetwork, windowed
from HCCAssistLib.recipes.ltp.recipe import PATCH_SHAPE
from HCCAssistLib.recipes.ltp.sliding_window.border_cells import Lattice
from HCCAssistLib.recipes.ltp.sliding_window.dense_network import DenseNetwork
from HCCAssistLib.recipes.ltp.sliding_window.scan_grid import ScanGrid

TILE_PIXELS = {"context": 600 * 600, "strict": 240 * 240}
"""Pixels of a slab worked on together, which bounds the memory; a whole CT slice fits the first."""

SLABS, MOST_SLABS = 2, 4
"""Slabs of so many pixels worked on together, and of smaller ones: they share windowed and convolved slices. More would
share little more, and let a cancel wait."""

Volume = npt.NDArray[Any]
Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def scan(
    network: LTPNetwork,
    hu: Volume,
    windows: Sequence[Window],
    grid: ScanGrid,
    *,
    device: str | torch.device = "cpu",
    mask: Mask | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Scores:
    """Probability of every patch of a grid.

    Any stride along any axis gives the score of each patch cut out on its own (to 1e-5); strides of
    multiples of 4 in-plane are cheapest. Beyond the volume lies air.

    Args:
        network: with its weights; it is not changed.
        hu: Hounsfield units ``[k, j, i]``; rounded to whole numbers.
        windows: the network's channels.
        grid: where the patches lie.
        device: where to compute.
        mask: which patches are wanted, of the grid's shape; all by default.
        progress: called with the part done, 0 to 1.
        cancelled: called before every few slices.

    Returns:
        ``(nz, ny, nx)`` 0 to 1; NaN where a patch is not wanted.

    Raises:
        Cancelled: ``cancelled`` returned True.
    """
    device = torch.device(device)
    wanted = _wanted(mask, grid)
    dense = DenseNetwork(network, windows, device)
    scores = np.full(grid.shape, np.nan, dtype=np.float32)
    groups = list(_groups(wanted, _slabs_at_once(wanted, grid, network)))
    with torch.inference_mode(), _full_precision(device):
        for done, layers in enumerate(groups):
            for rows, columns, lattice in _tiles(np.asarray(wanted[layers].any(axis=0)), grid, network):
                if cancelled and cancelled():
                    raise Cancelled("the scan was stopped")
                places = (layers, rows, columns)
                block = torch.from_numpy(_block(hu, grid, places, network.margin)).to(device)
                logits = dense.logits(block, grid.stride[0], lattice)
                scores[places] = np.where(wanted[places], torch.sigmoid(logits).cpu().numpy(), np.float32(np.nan))
            if progress:
                progress((done + 1) / len(groups))
    return scores


def scan_patchwise(
    network: LTPNetwork,
    hu: Volume,
    windows: Sequence[Window],
    grid: ScanGrid,
    *,
    device: str | torch.device = "cpu",
    mask: Mask | None = None,
    batch: int = 64,
) -> Scores:
    """What ``scan`` must give, by cutting out every patch: for tests, and twenty times slower."""
    wanted = _wanted(mask, grid)
    scores = np.full(grid.shape, np.nan, dtype=np.float32)
    network = network.to(device)
    places = np.argwhere(wanted)
    with torch.inference_mode(), _full_precision(device):
        for part in (places[n : n + batch] for n in range(0, len(places), batch)):
            patches = [
                _block(hu, grid, (slice(z, z + 1), slice(y, y + 1), slice(x, x + 1)), network.margin)
                for z, y, x in part
            ]
            logits = network(windowed(torch.from_numpy(np.stack(patches)).to(device), windows))
            scores[tuple(part.T)] = torch.sigmoid(logits).cpu().numpy()
    return scores


def _wanted(mask: Mask | None, grid: ScanGrid) -> Mask:
    if mask is None:
        return np.broadcast_to(np.array(True), grid.shape)
    if mask.shape != grid.shape:
        raise ValueError(f"a mask of {mask.shape} does not fit a grid of {grid.shape} patches")
    return mask.astype(bool)


def _slabs_at_once(wanted: Mask, grid: ScanGrid, network: LTPNetwork) -> int:
    """How many slabs fit the memory of ``SLABS`` whole ones; few patches are wanted around a peak."""
    pixels = 1
    for size, stride, others in zip(network.patch_shape[1:], grid.stride[1:], ((0, 2), (0, 1)), strict=True):
        used = np.flatnonzero(wanted.any(axis=others))
        pixels *= size + stride * int(used[-1] - used[0] if len(used) else 0)
    return min(max(SLABS, SLABS * TILE_PIXELS[network.border] // pixels), MOST_SLABS)


def _groups(wanted: Mask, most: int) -> Iterator[slice]:
    """Layers to work on together: neighbours that hold wanted patches, so many at a time."""
    layer, used = 0, np.asarray(wanted.any(axis=(1, 2)))
    while layer < len(used):
        end = layer
        while end < len(used) and end - layer < most and used[end]:
            end += 1
        if end > layer:
            yield slice(layer, end)
        layer = max(end, layer + 1)


def _tiles(wanted: Mask, grid: ScanGrid, network: LTPNetwork) -> Iterator[tuple[slice, slice, Lattice]]:
    """Rows and columns of patches to work on together, around the wanted ones."""
    _, height, width = PATCH_SHAPE
    for columns, right in _aligned(np.flatnonzero(wanted.any(axis=0)), grid.stride[2]):
        pixels = width + len(columns) * right * CELL
        for rows, down in _aligned(np.flatnonzero(wanted.any(axis=1)), grid.stride[1]):
            at_once = max(1, (TILE_PIXELS[network.border] // pixels - height) // (down * CELL))
            for part in (rows[n : n + at_once] for n in range(0, len(rows), at_once)):
                yield _slice(part), _slice(columns), Lattice((down, right), (len(part), len(columns)))


def _aligned(used: npt.NDArray[np.intp], stride: int) -> Iterator[tuple[range, int]]:
    """Patches whose starts are whole cells apart, from the first to the last used one, and how many cells.

    Two poolings fix a patch's place on the map to its start modulo 4. A stride that is no multiple of 4 is worked
    off as interleaved scans whose strides are.
    """
    scans = CELL // gcd(CELL, stride)
    for first in range(used[0], min(used[0] + scans, used[-1] + 1)):
        yield range(first, used[-1] + 1, scans), stride * scans // CELL


def _slice(places: range) -> slice:
    return slice(places.start, places[-1] + 1, places.step)


def _block(hu: Volume, grid: ScanGrid, places: tuple[slice, slice, slice], margin: int) -> npt.NDArray[np.int16]:
    """The voxels of some patches, with context in-plane, and air beyond the volume."""
    margins = (0, margin, margin)
    starts = [axis[part] for axis, part in zip(grid.starts, places, strict=True)]
    low = np.array([start[0] - edge for start, edge in zip(starts, margins, strict=True)])
    high = np.array([start[-1] + size + edge for start, size, edge in zip(starts, PATCH_SHAPE, margins, strict=True)])
    block = np.full(high - low, AIR_HU, dtype=np.int16)
    first = np.clip(low, 0, hu.shape)
    end = np.clip(high, first, hu.shape)
    source = hu[tuple(slice(a, b) for a, b in zip(first, end, strict=True))]
    target = tuple(slice(a, b) for a, b in zip(first - low, end - low, strict=True))
    block[target] = source if source.dtype == np.int16 else np.clip(np.rint(source), -32768, 32767)
    return block


def _full_precision(device: str | torch.device) -> AbstractContextManager[None]:
    """CUDA convolutions in true 32-bit floats, which TF32 is not.

    A processor has no such settings; they belong to the whole process, and scans on it run side by side in threads.
    """
    if torch.device(device).type == "cpu":
        return nullcontext()
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags
