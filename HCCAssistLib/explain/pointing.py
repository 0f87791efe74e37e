"""Do the maps point at the lesion, and would those of an untrained network do so too?"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy import ndimage

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample

if TYPE_CHECKING:
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")


@dataclass(frozen=True, slots=True)
class Pointing:
    """Outcome of a pointing game.

    Attributes:
        hits: whether each map's peak lies in its lesion, or within the tolerance of it.
        distances_mm: from each peak to the nearest voxel of its lesion, 0 inside; infinite for a map without a peak.
        chance: share of hits that peaks anywhere on the maps would have, without a tolerance.
    """

    hits: tuple[bool, ...]
    distances_mm: tuple[float, ...]
    chance: float

    @property
    def fraction(self) -> float:
        """Share of the maps that hit."""
        return sum(self.hits) / len(self.hits)


def pointing_game(maps: Sequence[Image], lesions: Sequence[Image], *, tolerance_mm: float = 0.0) -> Pointing:
    """How often the peak of a map lies in the lesion that it should explain.

    Zhang J et al. Top-down neural attention by excitation backprop. ECCV 2016. A map that is zero everywhere misses.

    Args:
        maps: one per lesion, in the patient.
        lesions: masks (above 0 inside), on any grid.
        tolerance_mm: a peak this far from the lesion still counts.

    Raises:
        ValueError: no maps, or not as many lesions, or an empty lesion.
    """
    if not maps or len(maps) != len(lesions):
        raise ValueError(f"{len(maps)} maps do not fit {len(lesions)} lesions")
    distances, chances = [], []
    for heat, lesion in zip(maps, lesions, strict=True):
        distances.append(_distance(peak(heat), lesion))
        chances.append(float((resample(lesion, heat.geometry, interpolation="nearest", fill_value=0).array > 0).mean()))
    hits = tuple(distance <= tolerance_mm for distance in distances)
    return Pointing(hits, tuple(distances), float(np.mean(chances)))


def peak(heat: Image) -> FloatArray | None:
    """LPS position of a map's hot spot; None if the map is zero everywhere.

    The hot spot is the centre of mass of what holds together with the highest voxel at half its value or more. The
    highest voxel alone would be wrong in coarse maps: with two cells along z it always lies in the outermost slices
    of a patch, however little the first cell exceeds the second.
    """
    highest = heat.array.max()
    if highest <= 0:
        return None
    regions, _ = ndimage.label(heat.array >= highest / 2)
    spot = np.argwhere(regions == regions[np.unravel_index(heat.array.argmax(), heat.array.shape)])
    weights = heat.array[tuple(spot.T)].astype(np.float64)
    middle: FloatArray = heat.geometry.to_world((spot[:, ::-1] * weights[:, None]).sum(axis=0) / weights.sum())
    return middle


def _distance(point: FloatArray | None, lesion: Image) -> float:
    inside = np.argwhere(lesion.array > 0)[:, ::-1]
    if len(inside) == 0:
        raise ValueError("a lesion's mask is empty")
    if point is None:
        return float("inf")
    voxel = np.floor(lesion.geometry.to_index(point) + 0.5).astype(int)
    if (inside == voxel).all(axis=1).any():
        return 0.0
    return float(np.linalg.norm(lesion.geometry.to_world(inside) - point, axis=1).min())


def randomise_layers(network: Network, upto: str, *, seed: int) -> Network:
    """A copy whose layers, from the output back to and including ``upto``, are as before any training.

    The cascading check of Adebayo J et al. Sanity checks for saliency maps. NeurIPS 2018: maps that do not change
    when the weights are lost explain the image, not the network. One draw of weights may point at a bright lesion by
    luck: judge the mean over several seeds.

    Args:
        network: its layers with weights must be defined in the order in which they are applied.
        upto: name of a layer with weights, such as ``"fc1"`` or ``"conv1"``.
        seed: of the new weights.

    Raises:
        ValueError: there is no such layer.
    """
    import torch

    fresh = copy.deepcopy(network)
    layers = {name: module for name, module in fresh.named_modules() if hasattr(module, "reset_parameters")}
    if upto not in layers:
        raise ValueError(f"there is no layer {upto!r}; choose from {', '.join(layers)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in reversed(layers):
            layers[name].reset_parameters()
            if name == upto:
                break
    return fresh
