"""Turned and mirrored versions of a patient's pictures, in training only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from HCCAssistLib.recipes.ablation.recipe import SIZE, TURN_DEGREES

if TYPE_CHECKING:
    from torch import Generator, Tensor


def turned(pictures: Tensor, generator: Generator) -> Tensor:
    """Each patient turned by a random angle about the middle of the crop, and every other one mirrored left-right.

    All slices, phases and time points of a patient move together, so that what changed between them stays what it is.
    Each patient takes two random numbers, whatever comes of them.

    Args:
        pictures: ``(n, ..., side, side)``, with a margin that turns bring in.
        generator: of angles and mirrors, on the CPU, so that a seed means the same on every device.

    Returns:
        ``(n, ..., 128, 128)``.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    count, side = len(pictures), pictures.shape[-1]
    draws = torch.rand(count, 2, generator=generator)
    angles = (draws[:, 0] * 2 - 1) * math.radians(TURN_DEGREES)
    mirror = torch.where(draws[:, 1] < 0.5, -1.0, 1.0)
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros(count)
    rows = [torch.stack([cos * mirror, -sin, zero], -1), torch.stack([sin * mirror, cos, zero], -1)]
    maps = torch.stack(rows, 1) * (SIZE / side)
    flat = pictures.reshape(count, -1, side, side)
    grid = affine_grid(maps.to(pictures.device), [count, flat.shape[1], SIZE, SIZE], align_corners=False)
    found = grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found.reshape(*pictures.shape[:-2], SIZE, SIZE)
