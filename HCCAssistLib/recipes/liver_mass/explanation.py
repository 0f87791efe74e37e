"""Scores of all networks and their Grad-CAM from one forward pass each, and the maps in the patient on every phase.

The phases are the channels of one picture, so that the map is one for all of them: it tells where the networks looked,
not in which phase. It is placed on the grid of each phase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.explain.placement import place_frames
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.liver_mass.recipe import SIZE

if TYPE_CHECKING:
    from torch import Tensor

    from HCCAssistLib.recipes.liver_mass.network import LiverMassNetwork

PIXELS_PER_CELL = 4
"""Of the last convolution's map, behind two poolings."""

Scores = npt.NDArray[np.float64]


def scores_and_maps(networks: Sequence[LiverMassNetwork], pictures: Tensor) -> tuple[Scores, npt.NDArray[np.float32]]:
    """Probabilities by each network, and where they looked for the category that is most probable in the mean.

    Args:
        networks: of a model, in evaluation mode.
        pictures: ``(n, phases, 70, 70)``, 0..1, on the networks' device.

    Returns:
        Probabilities ``(networks, n, 5)``, and maps ``(n, 18, 18)``: the mean over the networks, each map on its own
        highest activation before.
    """
    import torch

    from HCCAssistLib.explain.gradcam import mean_map, open_pass

    passes = [open_pass(network, pictures) for network in networks]
    probabilities = torch.stack([logits.detach().double().softmax(dim=1) for _, logits in passes])
    heat = mean_map(passes, probabilities.mean(dim=0).argmax(dim=1))
    return probabilities.cpu().numpy(), heat.cpu().numpy()


def probabilities(networks: Sequence[LiverMassNetwork], pictures: Tensor) -> Scores:
    """Probabilities ``(networks, n, 5)`` without maps."""
    import torch

    pictures = pictures.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        return torch.stack([network(pictures).double().softmax(dim=1) for network in networks]).cpu().numpy()


def in_patient(maps: npt.NDArray[np.float32], frames: Sequence[Box], volumes: Mapping[str, Image]) -> dict[str, Image]:
    """The maps on the grid of each volume, merged where frames overlap."""
    placed = {
        name: place_frames(maps, frames, volume.geometry, pixels=SIZE, pixels_per_cell=PIXELS_PER_CELL)
        for name, volume in volumes.items()
    }
    return {name: heat for name, heat in placed.items() if heat is not None}
