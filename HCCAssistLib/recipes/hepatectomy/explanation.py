"""Scores of all networks and their Grad-CAM for early recurrence from one pass each, and the map in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from HCCAssistLib.explain.placement import place_frames
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.hepatectomy.recipe import VOI_SHAPE

if TYPE_CHECKING:
    from torch import Tensor

    from HCCAssistLib.recipes.hepatectomy.network import RecurrenceNetwork

Scores = npt.NDArray[np.float64]
Map = npt.NDArray[np.float32]


def scores_and_map(networks: Sequence[RecurrenceNetwork], x: Tensor, *, heat: bool) -> tuple[Scores, Map | None]:
    """Probability of early recurrence by each network, and what raised it.

    Args:
        networks: of a model, in evaluation mode.
        x: one VOI ``(1, 1, 10, 150, 150)``, 0..1, on the networks' device.
        heat: whether the map is wanted.

    Returns:
        Probabilities ``(networks,)``, and the map ``(10, 10)`` of the last pooling, which has one slice: the mean over
        the networks, each map on its own highest activation before.
    """
    import torch

    from HCCAssistLib.explain.gradcam import mean_map, open_pass
    from HCCAssistLib.recipes.hepatectomy.zero_outside import ZeroOutside

    fast = [ZeroOutside(network) for network in networks]
    if not heat:
        with torch.no_grad():
            logits = torch.cat([network.head(network.features(x)) for network in fast])
        return early(logits.cpu().numpy()), None
    passes = [open_pass(network, x) for network in fast]
    scores = early(torch.cat([logits.detach() for _, logits in passes]).cpu().numpy())
    found: Map = mean_map(passes, torch.ones(1, dtype=torch.long, device=x.device))[0, 0].cpu().numpy()
    return scores, found


def early(logits: npt.NDArray[np.floating]) -> Scores:
    """Probability of early recurrence ``(n,)`` of logits ``(n, 2)``."""
    probabilities: Scores = softmax(logits.astype(np.float64), axis=1)[:, 1]
    return probabilities


def in_patient(heat: Map, box: Box, geometry: Geometry) -> Image | None:
    """The map on the grid of a volume, the same in all slices that the network saw.

    Cells are placed where the network looks for them: 16 pixels apart, the first one around pixel 5.

    Args:
        heat: ``(10, 10)``, at least 0.
        box: what the network saw.
        geometry: of the volume.
    """
    from HCCAssistLib.recipes.hepatectomy.network import FIRST_CENTER, PIXELS_PER_CELL

    return place_frames(
        heat[None],
        [box],
        geometry,
        pixels=VOI_SHAPE[1],
        pixels_per_cell=PIXELS_PER_CELL,
        first_center=FIRST_CENTER,
    )
