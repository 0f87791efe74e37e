"""Grad-CAM without a graph through the backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Explainable(Protocol):
    """A network cut in two at the map that is to be explained."""

    training: bool

    def features(self, x: Tensor, /) -> Tensor:
        """The last convolution's map ``(N, channels, ...)``."""

    def head(self, maps: Tensor, /) -> Tensor:
        """Logits ``(N,)`` or ``(N, classes)`` from that map."""


def gradcam(network: Explainable, x: Tensor, *, target: int | Tensor | None = None) -> Tensor:
    """Raw Grad-CAM maps: the last convolution's maps, weighted by the mean gradient of the score, rectified.

    Selvaraju RR et al. Grad-CAM: visual explanations from deep networks via gradient-based localization. ICCV 2017.
    Only the part behind the map is differentiated, so that the cost is that of one forward pass. Values are not
    scaled: a map that is zero everywhere says that nothing spoke for the class.

    Args:
        network: of two or three dimensions, in evaluation mode.
        x: its input ``(N, channels, ...)``.
        target: of several classes, the one to explain, for all samples or for each ``(N,)``; by default the one with
            the highest score.

    Returns:
        ``(N, ...)``, the size of the last convolution's map, at least 0.

    Raises:
        ValueError: the network is in training mode, where dropout would explain a different network every time.
    """
    return gradcam_and_scores(network, x, target=target)[0]


def gradcam_and_scores(network: Explainable, x: Tensor, *, target: int | Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The maps of ``gradcam`` and the scores ``(N,)`` that they explain, from one pass."""
    maps, scores = open_pass(network, x)
    if scores.ndim == 2:
        chosen = scores.detach().argmax(dim=1) if target is None else torch.as_tensor(target, device=scores.device)
        with torch.enable_grad():
            scores = scores.gather(1, chosen.expand(len(scores))[:, None])
    return weighed(maps, scores), scores.detach()


def open_pass(network: Explainable, x: Tensor) -> tuple[Tensor, Tensor]:
    """One forward pass: the last convolution's map, and the scores with their graph back to that map.

    What is to be explained may depend on the scores, also on those of other networks; then no second pass is needed.

    Raises:
        ValueError: the network is in training mode.
    """
    if network.training:
        raise ValueError("put the network into evaluation mode before explaining it")
    channels_last = {4: torch.channels_last, 5: torch.channels_last_3d}
    with torch.no_grad():
        maps = network.features(x.contiguous(memory_format=channels_last[x.ndim]))
    return scored(network, maps)


def scored(network: Explainable, maps: Tensor) -> tuple[Tensor, Tensor]:
    """The last convolution's map, and the scores with their graph back to it."""
    maps = maps.detach().requires_grad_()
    with torch.enable_grad():
        return maps, network.head(maps)


def weighed(maps: Tensor, scores: Tensor) -> Tensor:
    """Grad-CAM ``(N, ...)`` of maps from ``open_pass``, for scores ``(N,)`` or ``(N, 1)`` with their graph."""
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(scores.sum(), maps)
    with torch.no_grad():
        return torch.einsum("nc,nc...->n...", gradient.flatten(2).mean(dim=2), maps).relu_()


def mean_map(passes: Sequence[tuple[Tensor, Tensor]], target: Tensor) -> Tensor:
    """Where several networks looked for a class: the mean of their maps, each on its own highest activation before.

    Args:
        passes: of ``open_pass``, of each network; networks may share one map.
        target: ``(N,)`` class of each sample.

    Returns:
        ``(N, ...)``, 0 to 1.
    """
    total = torch.zeros((), device=target.device)
    for maps, logits in passes:
        with torch.enable_grad():
            chosen = logits.gather(1, target[:, None])
        heat = weighed(maps, chosen)
        highest = heat.flatten(1).amax(dim=1).clamp_min(torch.finfo(heat.dtype).tiny)
        total = total + heat / highest.reshape(-1, *(1,) * (heat.ndim - 1))
    return total / len(passes)
