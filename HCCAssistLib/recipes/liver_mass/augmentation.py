"""52 pictures of each one: turned by quarters (4), and each turn plain, shifted (4), enlarged (4) or with noise (4).

The paper says that 52 were made by turning, shifting, enlarging and noise; their composition is not at hand, so this
table is a reading of it. Every variant is the same whenever it is made: it depends on its number and, where noise is
added, on the picture's own key. Quarter turns and shifts move pixels and interpolate none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from HCCAssistLib.recipes.liver_mass.recipe import COPIES, SIZE

if TYPE_CHECKING:
    from torch import Tensor

SHIFT = 7
"""Pixels: a tenth of the picture."""

STORED = SIZE + 2 * SHIFT
"""Pixels of a stored picture: what a shift brings in is the patient, not a made-up border."""

SHIFTS = ((-SHIFT, 0), (SHIFT, 0), (0, -SHIFT), (0, SHIFT))
"""Pixels ``(down, right)`` by which what is seen moves."""

ENLARGED = (64, 60, 54, 48)
"""Pixels in the middle that are enlarged to the whole picture: by 1.09, 1.17, 1.30 and 1.46."""

NOISES_HU = (5.0, 10.0, 15.0, 20.0)
"""Standard deviations of the noise."""

QUARTERS = 4
BANK, BANK_SEED = 512, 2018
"""Pixels along each side of the field that all noise is cut from, and its seed."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the 52.

    Attributes:
        quarters: turns by 90 degrees, counter-clockwise as displayed.
        shift: pixels ``(down, right)``.
        seen: pixels of the middle that fill the picture.
        noise_hu: standard deviation, 0 for none.
    """

    quarters: int = 0
    shift: tuple[int, int] = (0, 0)
    seen: int = SIZE
    noise_hu: float = 0.0


def _table() -> tuple[Variant, ...]:
    """All variants; any first part of them has turns, shifts, enlargements and noises in turn."""
    kinds = [Variant()]
    for shift, seen, noise in zip(SHIFTS, ENLARGED, NOISES_HU, strict=True):
        kinds += [Variant(shift=shift), Variant(seen=seen), Variant(noise_hu=noise)]
    return tuple(Variant(turn, k.shift, k.seen, k.noise_hu) for k in kinds for turn in range(QUARTERS))


VARIANTS = _table()
"""By number. The first is the picture as it is."""

if len(VARIANTS) != COPIES:
    raise AssertionError(f"the table holds {len(VARIANTS)} variants, not {COPIES}")


def center_crop(pictures: Tensor) -> Tensor:
    """What the network sees, ``(n, phases, 70, 70)`` 0..1, of stored 8-bit pictures ``(n, phases, STORED, STORED)``."""
    return pictures[..., SHIFT : SHIFT + SIZE, SHIFT : SHIFT + SIZE].float().mul_(1 / 255)


def augmented(pictures: Tensor, variants: Tensor, keys: Tensor, widths_hu: tuple[float, ...]) -> Tensor:
    """The wanted variant of each picture; a whole batch at once.

    Args:
        pictures: stored ones ``(n, phases, STORED, STORED)``, 8 bit.
        variants: ``(n,)`` numbers from 0 to 51.
        keys: ``(n,)`` whole numbers that tell the pictures apart, for their noise.
        widths_hu: of the window of each phase.

    Returns:
        ``(n, phases, 70, 70)``, 0..1.
    """
    import torch

    chosen = [VARIANTS[number] for number in variants.tolist()]
    found = torch.empty((*pictures.shape[:2], SIZE, SIZE), device=pictures.device)
    # row by row: each pixel is written once, and no batch of 32-bit floats is copied to and fro
    for row, variant in enumerate(chosen):
        if variant.seen == SIZE:
            torch.mul(_seen(pictures[row], variant), 1 / 255, out=found[row])
    for seen in ENLARGED:
        rows = [row for row, variant in enumerate(chosen) if variant.seen == seen]
        if rows:
            enlarged = _enlarged(torch.stack([_seen(pictures[row], chosen[row]) for row in rows]))
            found.index_copy_(0, torch.tensor(rows, device=found.device), enlarged)
    for row, key in enumerate(keys.tolist()):
        if chosen[row].noise_hu:
            _add_noise(found[row], chosen[row], key, widths_hu)
    return found


def _seen(picture: Tensor, variant: Variant) -> Tensor:
    """The part of a stored picture ``(phases, STORED, STORED)`` that a variant shows, turned."""
    import torch

    first = (STORED - variant.seen) // 2
    down, right = (first - by for by in variant.shift)
    part = picture[:, down : down + variant.seen, right : right + variant.seen]
    return torch.rot90(part, variant.quarters, (1, 2)) if variant.quarters else part


def _enlarged(parts: Tensor) -> Tensor:
    """Pictures ``(n, phases, seen, seen)`` of 8 bits on all pixels, 0..1."""
    from torch.nn.functional import interpolate

    # whole grey values, which torch enlarges six times as fast on a CPU; a graphics card knows floats alone
    parts = parts if parts.device.type == "cpu" else parts.float()
    return interpolate(parts, size=(SIZE, SIZE), mode="bilinear", align_corners=False).round() / 255


def _add_noise(picture: Tensor, variant: Variant, key: int, widths_hu: tuple[float, ...]) -> None:
    """Noise in Hounsfield units, seen through each phase's window; every picture, variant and phase has its own."""
    room = BANK - SIZE + 1
    bank = _bank(str(picture.device))
    for phase, width in enumerate(widths_hu):
        # a large odd factor spreads neighbouring keys over the whole field
        place = ((key * len(VARIANTS) + VARIANTS.index(variant)) * 8 + phase) * 2654435761 % 2**31 // 16 % room**2
        down, right = divmod(place, room)
        picture[phase].add_(bank[down : down + SIZE, right : right + SIZE], alpha=variant.noise_hu / width)
    picture.clamp_(0, 1)


@cache
def _bank(device: str) -> Tensor:
    import torch

    return torch.randn((BANK, BANK), generator=torch.Generator().manual_seed(BANK_SEED)).to(device)
