"""Scores of all networks and their Grad-CAM from one pass through the backbone, and the maps in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.explain.placement import place_frames
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.tace.bodies import FrozenBody, as_input
from HCCAssistLib.recipes.tace.recipe import SIZE

if TYPE_CHECKING:
    from torch import Tensor

    from HCCAssistLib.recipes.tace.network import ResponseLayer, SmallNetwork

PIXELS_PER_CELL = 32
"""From one cell of the last map to the next, 7 x 7, of a ResNet-50 and of the small network."""

AT_ONCE = 16
"""Patches in a pass, so that many tumours do not fill the memory."""

Scores = npt.NDArray[np.float64]


def scores_and_maps(
    networks: Sequence[ResponseLayer | SmallNetwork],
    backbone: FrozenBody | None,
    images: npt.NDArray[np.uint8],
    tumour: npt.NDArray[np.int64],
    *,
    heat: bool,
    device: str = "cpu",
) -> tuple[Scores, npt.NDArray[np.float32] | None]:
    """Probabilities by each network, and where they looked for the most probable response of each tumour.

    Args:
        networks: of a model, in evaluation mode.
        backbone: that they stand behind; None where they see the patches themselves.
        images: patches ``(n, 1 or 3, 224, 224)`` of 8 bits.
        tumour: ``(n,)`` which one each patch is of.
        heat: whether the maps are wanted.
        device: of all networks.

    Returns:
        Probabilities ``(networks, n, 4)``, and maps ``(n, 7, 7)``: the mean over the networks, each map on its own
        highest activation before.
    """
    import torch

    from HCCAssistLib.explain.gradcam import mean_map

    batches = torch.from_numpy(images).to(device).split(AT_ONCE)
    passes = [_passes(networks, backbone, as_input(batch)) for batch in batches]
    logits = [torch.cat([of_batch[n][1].detach() for of_batch in passes]) for n in range(len(networks))]
    scores = torch.stack([one.double().softmax(dim=1) for one in logits])
    probabilities: Scores = scores.cpu().numpy()
    if not heat:
        return probabilities, None
    of_tumour = np.stack([probabilities[:, tumour == one].mean(axis=(0, 1)).argmax() for one in tumour])
    targets = torch.from_numpy(of_tumour).to(device).split(AT_ONCE)
    maps = [mean_map(of_batch, target) for of_batch, target in zip(passes, targets, strict=True)]
    return probabilities, torch.cat(maps).cpu().numpy()


def in_patient(
    maps: npt.NDArray[np.float32], boxes: Sequence[Box], geometry: Geometry, body: FrozenBody | SmallNetwork
) -> Image | None:
    """The maps of a body on the grid of a volume, each within its own patch."""
    return place_frames(
        maps, boxes, geometry, pixels=SIZE, pixels_per_cell=PIXELS_PER_CELL, first_center=body.first_center
    )


def _passes(
    networks: Sequence[ResponseLayer | SmallNetwork], backbone: FrozenBody | None, x: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """The last map and the logits of each network, with their graph back to that map; a backbone is run once."""
    import torch

    from HCCAssistLib.explain.gradcam import open_pass

    if backbone is None:
        return [open_pass(network, x) for network in networks]  # type: ignore[arg-type]
    with torch.no_grad():
        maps = backbone.features(x.contiguous(memory_format=torch.channels_last))
    maps = maps.detach().requires_grad_()
    with torch.enable_grad():
        features = backbone.pooled(maps)
        return [(maps, network(features)) for network in networks]
