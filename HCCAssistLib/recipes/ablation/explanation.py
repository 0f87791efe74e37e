"""Scores of all networks of a kind and their Grad-CAM for early recurrence, on every time point, in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from HCCAssistLib.explain.placement import place_frames
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.ablation.recipe import SIZE

if TYPE_CHECKING:
    from torch import Tensor

    from HCCAssistLib.recipes.ablation.network import LongitudinalNetwork

Scores = npt.NDArray[np.float64]
Maps = npt.NDArray[np.float32]


def scores_of(networks: Sequence[LongitudinalNetwork], pictures: Tensor, present: Tensor) -> Scores:
    """Probability of early recurrence by each network, ``(networks,)``.

    Args:
        networks: of one kind, in evaluation mode.
        pictures: of one patient, ``(1, times, 12, 128, 128)``, 0..1.
        present: truth values ``(1, times)``.
    """
    import torch

    with torch.inference_mode():
        logits = torch.cat([network(pictures, present) for network in networks])
    return _probabilities(logits)


def scores_and_maps(networks: Sequence[LongitudinalNetwork], pictures: Tensor, present: Tensor) -> tuple[Scores, Maps]:
    """The same, and what raised them.

    Returns:
        Probabilities, and maps ``(time points that are there, 16, 16)``, 0 to 1: the mean over the networks. Those of
        a network share one scale, its highest activation at any time point, so that they tell which time point weighs.
    """
    import torch

    from HCCAssistLib.explain.gradcam import weighed

    logits, total = [], torch.zeros((), device=pictures.device)
    for network in networks:
        if network.training:
            raise ValueError("put the network into evaluation mode before explaining it")
        there = present[:, : network.times]
        with torch.no_grad():
            maps = network.features(pictures[:, : network.times][there])
        maps = maps.detach().requires_grad_()
        with torch.enable_grad():
            score = network.head(maps, there)
        heat = weighed(maps, score)
        total = total + heat / heat.amax().clamp_min(torch.finfo(heat.dtype).tiny)
        logits.append(score.detach())
    maps_found: Maps = (total / len(networks)).cpu().numpy()
    return _probabilities(torch.cat(logits)), maps_found


def in_patient(heat: Maps, box: Box, geometry: Geometry) -> Image | None:
    """The map of a time point on the grid of its delayed phase, the same in all slices that the network saw.

    Args:
        heat: ``(16, 16)``, 0 to 1.
        box: what the network saw.
        geometry: of the delayed phase.
    """
    from HCCAssistLib.recipes.ablation.network import PIXELS_PER_CELL

    placed = place_frames(heat[None], [box], geometry, pixels=SIZE, pixels_per_cell=PIXELS_PER_CELL)
    if placed is None:
        return None
    scale = np.float32(heat.max())  # the placed map is on its own scale, and both time points share one
    return placed.with_array(placed.array * scale, "on the scale that the time points share")


def _probabilities(logits: Tensor) -> Scores:
    found: Scores = expit(logits.cpu().numpy().astype(np.float64))
    return found
