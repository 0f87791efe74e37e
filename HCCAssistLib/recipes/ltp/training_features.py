"""The maps of a batch that is learnt from, on a processor: the network's own arithmetic, laid out for its kernels.

In torch's usual layouts a step loses most time with the convolution that reads the windows and the pooling of its maps.
In oneDNN's own layout, blocks of 16 maps, both are fast where a processor has AVX-512; with AVX2 they are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from HCCAssistLib.recipes.ltp.network import LTPNetwork

BLOCK = 16
"""Maps that one register of AVX-512 holds; a layout of blocks that are not full is slower than the usual one."""


def faster_in_blocks(network: LTPNetwork, x: Tensor) -> bool:
    """Whether ``features_in_blocks`` is the faster way to a network's maps on the processor that holds ``x``."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and not network.conv1.out_channels % BLOCK
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    )


def features_in_blocks(network: LTPNetwork, x: Tensor) -> Tensor:
    """What ``network.features`` gives, but for the order of sums.

    Args:
        network: of any border and width.
        x: windowed patches ``(N, 3, *patch_shape)``, 32-bit floats on a processor.
    """
    # a stride that is left out is not known any more when this pooling goes backward
    x = functional.max_pool3d(network.conv1(x.to_mkldnn()), 2, 2)
    x = functional.max_pool3d(network.conv2(functional.relu(x)), 2, 2).to_dense()
    return functional.relu(_convolved_in_plane(network.conv3, functional.relu(x)))


def _convolved_in_plane(layer: nn.Conv3d, maps: Tensor) -> Tensor:
    """A 3x3x3 convolution of maps of two slices, as one in the plane whose weights join each slice to each.

    It multiplies nothing by the zeros beyond the slices, and oneDNN is fast at it.

    Args:
        layer: padded by a slice on both sides.
        maps: ``(N, in, 2, rows, columns)``.

    Returns:
        ``(N, out, 2, rows, columns)``, fewer rows and columns without padding.
    """
    lower, upper = layer.weight[:, :, 1:], layer.weight[:, :, :2]  # what each slice of the result takes of the two
    weight = torch.stack([lower, upper], 1).flatten(2, 3).flatten(0, 1)
    bias = None if layer.bias is None else layer.bias.repeat_interleave(2)
    last = torch.channels_last
    found = functional.conv2d(
        maps.flatten(1, 2).contiguous(memory_format=last),
        weight.contiguous(memory_format=last),
        bias,
        padding=layer.padding[1:],
    )
    return found.unflatten(1, (-1, 2))
