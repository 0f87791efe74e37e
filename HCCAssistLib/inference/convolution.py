"""3-D convolutions that are fast for a batch of one, too."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    padding: tuple[int, ...] = (0, 0, 0),
    stride: tuple[int, ...] = (1, 1, 1),
    dilation: tuple[int, ...] = (1, 1, 1),
) -> Tensor:
    """A 3-D convolution in channels-last layout."""
    x = x.contiguous(memory_format=torch.channels_last_3d)
    # oneDNN has no double precision
    if x.device.type == "cpu" and x.dtype != torch.float64 and torch.backends.mkldnn.is_available():
        # conv3d leaves batches of one and 1x1x1 kernels to code that is two to six times slower
        return torch.ops.aten.mkldnn_convolution(x, weight, bias, padding, stride, dilation, 1)
    return functional.conv3d(x, weight, bias, stride, padding, dilation)
