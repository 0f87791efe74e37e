"""Random transforms of whole mini-batches on the device they train on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, slots=True)
class AxialAffine:
    """The five kinds of Lim 2023, all in the axial plane: flip, shift, shear, zoom and rotation.

    One affine map and one interpolation for the whole mini-batch. A part of the patches is only flipped, turned by
    quarters and shifted by whole pixels: their noise stays as the scanner made it, which interpolation would smooth
    and a network would learn to tell apart from a real scan.

    Attributes:
        rotation: largest turn in degrees.
        zoom: largest enlargement or reduction, as a fraction.
        shear: largest slope.
        shift: largest shift in pixels.
        flip: probability of a flip along each in-plane axis.
        exact: share of the patches that are not interpolated.
    """

    rotation: float = 180.0
    zoom: float = 0.15
    shear: float = 0.15
    shift: int = 3
    flip: float = 0.5
    exact: float = 0.4

    def matrices(self, count: int, size: int, out: int, generator: Generator) -> Tensor:
        """Maps ``(count, 2, 3)`` from output to input in the convention of ``affine_grid`` with square images.

        Args:
            count: patches in the batch.
            size: edge of the stored patches in pixels.
            out: edge of the patches wanted in pixels.
            generator: on the CPU, so that a seed means the same on every device.
        """
        import torch

        def uniform(limit: float) -> Tensor:
            return (torch.rand(count, generator=generator) * 2 - 1) * limit

        exact = torch.rand(count, generator=generator) < self.exact
        angle = torch.deg2rad(uniform(self.rotation))
        quarter = torch.randint(0, 4, (count,), generator=generator) * (math.pi / 2)
        angle = torch.where(exact, quarter if self.rotation >= 90 else torch.zeros(count), angle)
        scale = torch.where(exact, 1.0, torch.exp(uniform(math.log1p(self.zoom))))
        shear = torch.where(exact, 0.0, uniform(self.shear))
        shift = torch.stack([uniform(self.shift), uniform(self.shift)], -1)
        shift = torch.where(exact[:, None], shift.round(), shift)
        flips = torch.where(torch.rand(count, 2, generator=generator) < self.flip, -1.0, 1.0)
        cos, sin = angle.cos(), angle.sin()
        turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
        slope = torch.eye(2).repeat(count, 1, 1)
        slope[:, 0, 1] = shear
        linear = (turn @ slope) * flips[:, None, :] * scale[:, None, None] * (out / size)
        return torch.cat([linear, (shift * 2 / size)[..., None]], -1)

    def __call__(self, patches: Tensor, out: int, generator: Generator) -> Tensor:
        """Transformed patches.

        Args:
            patches: ``(n, slices, size, size)`` float; all slices of a patch move together.
            out: in-plane edge of the result in pixels; ``size - out`` must be even, so that nothing need be
                interpolated where nothing is turned.
            generator: source of the transforms.

        Returns:
            ``(n, slices, out, out)`` float.
        """
        import torch
        from torch.nn.functional import affine_grid, grid_sample

        count, slices, size, _ = patches.shape
        maps = self.matrices(count, size, out, generator).to(patches.device, non_blocking=True)
        grid = affine_grid(maps, [count, slices, out, out], align_corners=False)
        moved = grid_sample(patches, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return torch.as_tensor(moved)


def center_crop(patches: Tensor, out: int) -> Tensor:
    """The middle ``out`` x ``out`` pixels of ``(n, slices, size, size)`` patches."""
    first = (patches.shape[-1] - out) // 2
    return patches[..., first : first + out, first : first + out]
