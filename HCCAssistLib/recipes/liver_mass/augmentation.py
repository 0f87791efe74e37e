"""52 pictures of each one: turned by quarters (4), and each turn plain, shifted (4), enlarged (4) or with noise (4).

The paper says that 52 were made by turning, shifting, enlarging and noise; their composition is not at hand, so this
table is a reading of it. Every variant is the same whenever it is made: it depends on its number and, where noise is
added, on the picture's own key. Quarter turns and shifts move pixels and interpolate none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
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

_KIND = tuple(VARIANTS.index(replace(one, noise_hu=0.0)) for one in VARIANTS)
"""Of each variant, the number of the same without noise: what is done to its pixels."""

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

    numbers = variants.tolist()
    # sorted by what is done to them, the pictures of one kind lie together and nothing is copied to and fro
    order = sorted(range(len(numbers)), key=lambda row: _KIND[numbers[row]])
    ordered = pictures.index_select(0, torch.tensor(order, device=pictures.device))
    found = torch.empty((*pictures.shape[:2], SIZE, SIZE), device=pictures.device)
    first = 0
    for kind, rows in groupby(order, key=lambda row: _KIND[numbers[row]]):
        end = first + len(list(rows))
        _seen(ordered[first:end], VARIANTS[kind], found[first:end])
        first = end
    places = torch.empty(len(order), dtype=torch.int64)
    places[order] = torch.arange(len(order))
    found = found.index_select(0, places.to(found.device))
    noisy = torch.tensor([row for row, n in enumerate(numbers) if VARIANTS[n].noise_hu], dtype=torch.int64)
    if len(noisy):
        there = noisy.to(found.device)
        changed = _with_noise(found.index_select(0, there), variants[there], keys[there], widths_hu)
        found.index_copy_(0, there, changed)
    return found


def _seen(pictures: Tensor, variant: Variant, out: Tensor) -> None:
    """Turned, shifted and enlarged, without noise, into ``out``."""
    import torch
    from torch.nn.functional import interpolate

    first = (STORED - variant.seen) // 2
    down, right = (first - by for by in variant.shift)
    part = pictures[..., down : down + variant.seen, right : right + variant.seen]
    if variant.quarters:
        part = torch.rot90(part, variant.quarters, (2, 3))
    if variant.seen != SIZE:
        # whole grey values, which torch enlarges six times as fast on a CPU; a graphics card knows floats alone
        part = part if part.device.type == "cpu" else part.float()
        part = interpolate(part, size=(SIZE, SIZE), mode="bilinear", align_corners=False).round()
    torch.mul(part, 1 / 255, out=out)


def _with_noise(pictures: Tensor, variants: Tensor, keys: Tensor, widths_hu: tuple[float, ...]) -> Tensor:
    """Noise in Hounsfield units, seen through each phase's window; every picture and phase has its own."""
    import torch

    phases = torch.arange(pictures.shape[1], device=pictures.device)
    # a large odd factor spreads neighbouring keys over the whole field
    mixed = (keys.to(torch.int64)[:, None] * len(VARIANTS) + variants[:, None]) * 8 + phases
    mixed = (mixed * 2654435761) & 0x7FFFFFFF
    room = BANK - SIZE + 1
    places = (mixed >> 4) % (room * room)
    windows = _bank(str(pictures.device)).unfold(0, SIZE, 1).unfold(1, SIZE, 1)
    sd = torch.tensor([[VARIANTS[n].noise_hu / width for width in widths_hu] for n in variants.tolist()])
    noise = windows[places // room, places % room] * sd.to(pictures)[..., None, None]
    return pictures.add(noise).clamp_(0, 1)


@cache
def _bank(device: str) -> Tensor:
    import torch

    return torch.randn((BANK, BANK), generator=torch.Generator().manual_seed(BANK_SEED)).to(device)
