"""The seven versions of a VOI that an epoch shows: pixels are moved, and none is interpolated.

Cui 2022: up-down and left-right flip, random translation, and turns by 90, 180 and 270 degrees, beside the original,
which makes 1246 VOIs of 178. Directions are those of an axial slice as displayed: up is anterior, left is the patient's
right, and turns are counter-clockwise. All slices of a VOI move together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from HCCAssistLib.recipes.hepatectomy.recipe import SHIFT, VERSIONS

if TYPE_CHECKING:
    from torch import Generator, Tensor

ROWS, COLUMNS = -2, -1


def center_crop(stored: Tensor) -> Tensor:
    """What the network sees, ``(n, 10, 150, 150)``, of stored VOIs ``(n, 10, 170, 170)``."""
    return stored[..., SHIFT:-SHIFT, SHIFT:-SHIFT]


def versions(stored: Tensor, numbers: Tensor, generator: Generator) -> Tensor:
    """The wanted version of each VOI.

    Args:
        stored: ``(n, 10, 170, 170)``, with a margin that translations bring in.
        numbers: ``(n,)`` of ``VERSIONS``.
        generator: of the translations, on the CPU; each VOI takes two numbers, whatever version it is shown in, so that
            the versions of others do not change them.

    Returns:
        ``(n, 10, 150, 150)`` of the same type.
    """
    import torch

    moves = torch.randint(-SHIFT, SHIFT + 1, (len(stored), 2), generator=generator).tolist()
    chosen = numbers.tolist()
    return torch.stack([_version(one, VERSIONS[n], *move) for one, n, move in zip(stored, chosen, moves, strict=True)])


def _version(stored: Tensor, name: str, down: int, right: int) -> Tensor:
    """One version of one stored VOI ``(10, 170, 170)``; ``down`` and ``right`` are pixels of the translated one."""
    import torch

    if name == "translated":
        height, width = stored.shape[ROWS] - 2 * SHIFT, stored.shape[COLUMNS] - 2 * SHIFT
        return stored[:, SHIFT - down : SHIFT - down + height, SHIFT - right : SHIFT - right + width]
    seen = center_crop(stored)
    if name == "original":
        return seen
    if name in ("up-down", "left-right"):
        return seen.flip(ROWS if name == "up-down" else COLUMNS)
    return torch.rot90(seen, int(name) // 90, (ROWS, COLUMNS))
