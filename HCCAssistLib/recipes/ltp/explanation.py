"""Grad-CAM of candidates, slice by slice, where they lie in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.explain.placement import PlacedMaps, place
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.recipes.ltp.recipe import PATCH_SHAPE, WINDOWS

if TYPE_CHECKING:
    from HCCAssistLib.recipes.ltp.network import LTPNetwork

DEPTH, EDGE = PATCH_SHAPE[0], PATCH_SHAPE[-1]
SHIFT = EDGE // 4
SHIFTS = ((0, 0), (-SHIFT, -SHIFT), (SHIFT, -SHIFT), (-SHIFT, SHIFT), (SHIFT, SHIFT))
"""Pixels ``(i, j)`` by which the patch is moved; a candidate's probability is a mean over such shifts too."""

Cells = npt.NDArray[np.float32]


def explain(
    networks: Sequence[LTPNetwork], image: Image, starts: Sequence[npt.ArrayLike], *, device: str = "cpu"
) -> PlacedMaps:
    """Heat of patches in the patient.

    A map of this network has two cells along z, and each of them has seen all eight slices of the patch: which of the
    two is hot says nothing about the slice. In-plane the cells tell places apart. Each slice is therefore drawn from
    the patch centred on it: its map, added up along z, at a strength of that patch's probability. The fully connected
    layers weigh every place of a patch in their own way; as for a candidate's probability, the mean over patches
    shifted in-plane is taken, so that what the image shows remains and what the place in the patch does cancels out.

    Args:
        networks: of a model; their maps are averaged.
        image: in LPS order.
        starts: first voxel ``(i, j, k)`` of each patch.
        device: where to compute.

    Returns:
        One map of the size of a patch for each start, and all of them merged.
    """
    from HCCAssistLib.inference.threads import in_threads

    def heat(start: npt.ArrayLike) -> Cells:
        maps = [_heat(network, image, np.asarray(start), device) for network in networks]
        return np.mean(maps, axis=0)

    cells = list(in_threads(heat, starts, device))
    return place(np.stack(cells), np.array(starts), image.geometry, patch_shape=PATCH_SHAPE)


def _heat(network: LTPNetwork, image: Image, start: npt.NDArray[np.int64], device: str) -> Cells:
    """Cells ``(8, 8, 8)`` of a patch: the mean over the shifted patches; one that misses a cell says nothing there."""
    parts = _slices(network, image, start, device)
    cells = parts.shape[-1]
    margin = cells * SHIFT // EDGE
    total = np.zeros((DEPTH, cells + 2 * margin, cells + 2 * margin), dtype=np.float32)
    for (i, j), part in zip(SHIFTS, parts, strict=True):
        y, x = margin + j * cells // EDGE, margin + i * cells // EDGE
        total[:, y : y + cells, x : x + cells] += part / len(SHIFTS)
    return total[:, margin:-margin, margin:-margin]


def _slices(network: LTPNetwork, image: Image, start: npt.NDArray[np.int64], device: str) -> Cells:
    """Cells ``(shifts, 8, 8, 8)``: for every slice of each shifted patch the map of the patch centred on that slice."""
    import torch

    from HCCAssistLib.explain.gradcam import scored, weighed
    from HCCAssistLib.recipes.ltp.network import CELL, windowed

    i, j, k = (int(v) for v in start)
    edge = network.margin + SHIFT
    span = (2 * DEPTH - 1, EDGE + 2 * edge, EDGE + 2 * edge)
    block = crop(image, (i - edge, j - edge, k - DEPTH // 2), span, fill_value=AIR_HU)
    hu = torch.from_numpy(np.clip(np.rint(block.array), AIR_HU, 3071).astype(np.int16)).to(device)
    x = windowed(torch.stack([hu[first : first + DEPTH] for first in range(DEPTH)]), WINDOWS)
    x = x.contiguous(memory_format=torch.channels_last_3d)

    def shifted(pixels: torch.Tensor, step: int, size: int) -> torch.Tensor:
        corners = [((SHIFT + down) // step, (SHIFT + right) // step) for right, down in SHIFTS]
        return torch.cat([pixels[..., top : top + size, left : left + size] for top, left in corners])

    with torch.no_grad():
        if network.border == "context":  # a cell is the same for every patch that holds it
            maps = shifted(network.features(x), CELL, EDGE // CELL)
        else:
            maps = network.features(shifted(x, 1, EDGE))
    maps, logits = scored(network, maps)
    heat = weighed(maps, logits).sum(dim=1)
    strongest = heat.flatten(1).amax(dim=1).clamp_min(torch.finfo(heat.dtype).tiny)
    heat = heat * (logits.detach().sigmoid() / strongest)[:, None, None]
    cells: Cells = heat.unflatten(0, (len(SHIFTS), DEPTH)).cpu().numpy()
    return cells
