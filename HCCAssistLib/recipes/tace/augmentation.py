"""The six variants of a patch: as it is, mirrored in three ways, and turned by a quarter either way. All are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

VARIANTS = (
    "as it is",
    "mirrored left to right",
    "mirrored front to back",
    "mirrored both ways",
    "turned by +90 degrees",
    "turned by -90 degrees",
)
"""By number. Turns are counter-clockwise as displayed."""


def variant(patches: Tensor, number: int) -> Tensor:
    """One variant of patches ``(..., rows, columns)`` that are square; pixels are moved, none is interpolated."""
    import torch

    if number >= 4:
        return torch.rot90(patches, 1 if number == 4 else -1, (-2, -1))
    axes = ((), (-1,), (-2,), (-2, -1))[number]
    return patches.flip(axes) if axes else patches


def variants(patches: Tensor) -> Tensor:
    """All of them: ``(n, 6, ...)`` of patches ``(n, ...)``."""
    import torch

    return torch.stack([variant(patches, number) for number in range(len(VARIANTS))], dim=1)


def augmented(patches: Tensor, numbers: Tensor) -> Tensor:
    """The wanted variant of each patch.

    Args:
        patches: ``(n, channels, rows, columns)``.
        numbers: ``(n,)`` from 0 to 5.
    """
    import torch

    found = torch.empty_like(patches)
    for row, number in enumerate(numbers.tolist()):
        found[row] = variant(patches[row], number)
    return found
