"""The network of a VOI that is 0 outside the tumour, computed around the tumour alone.

What the layers make of zeros depends on the weights alone and is kept. A tumour changes that where their taps reach
it: each layer is computed there, in a box that grows from layer to layer, on what is kept around it. So outputs are
those of the whole network but for the rounding of sums (``test_hepatectomy_zero_outside.py``).
"""

from __future__ import annotations

from types import EllipsisType
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.inference.convolution import convolved
from HCCAssistLib.recipes.hepatectomy.network import CUBE, Kernel, RecurrenceNetwork, padded_behind

TAPS = 3
"""Of every kernel along rows and columns."""

Layer = nn.Conv3d | Kernel
"""A convolution with its ReLU, or the kernel of a pooling."""

Span = tuple[int, int]
"""First row or column, and the one behind the last."""

_KEPT: WeakKeyDictionary[RecurrenceNetwork, tuple[object, list[Tensor]]] = WeakKeyDictionary()
"""Of each network the state of its weights, and what its layers make of zeros."""


class ZeroOutside:
    """A network in evaluation mode, as ``explain.gradcam`` takes it: faster, the more of a VOI is 0 around the rest.

    Args:
        network: whose first VOI takes a pass more, for what its weights make of zeros.
    """

    def __init__(self, network: RecurrenceNetwork) -> None:
        self.training = network.training
        self.head = network.head
        self._network = network

    def features(self, x: Tensor) -> Tensor:
        """As ``RecurrenceNetwork.features``."""
        shown = (x != 0).flatten(0, 2).any(dim=0)
        box = [_span(shown.any(dim=1)), _span(shown.any(dim=0))]
        if box == [(0, size) for size in shown.shape]:
            return self._network.features(x)
        changed = x[..., slice(*box[0]), slice(*box[1])]
        *before, last = _of_zeros(self._network, x)
        for layer, zeros in zip(_layers(self._network), before, strict=True):
            sizes, stride = zeros.shape[-2:], _stride(layer)
            reached = [_outputs(span, size, stride) for span, size in zip(box, sizes, strict=True)]
            seen = [_inputs(span, size, stride) for span, size in zip(reached, sizes, strict=True)]
            changed, box = _applied(layer, _on(zeros, changed, box, seen)), reached
        return _on(last, changed, box, [(0, size) for size in last.shape[-2:]])


def _layers(network: RecurrenceNetwork) -> list[Layer]:
    return [layer for stage in network.stages for layer in stage if layer is not None]


def _stride(layer: Layer) -> int:
    return 1 if isinstance(layer, nn.Conv3d) else 2


@torch.no_grad()
def _of_zeros(network: RecurrenceNetwork, like: Tensor) -> list[Tensor]:
    """A VOI of zeros ``(1, 1, z, y, x)`` and what each layer makes of it; anew where weights were changed or moved."""
    state = (like.dtype, like.device, *(one._version for one in network.parameters()))
    if network not in _KEPT or _KEPT[network][0] != state:
        maps = [torch.zeros_like(like[:1])]
        for layer in _layers(network):
            whole = [(0, size) for size in maps[-1].shape[-2:]]
            ends = [_outputs(span, span[1], _stride(layer)) for span in whole]
            seen = [_inputs(end, span[1], _stride(layer)) for end, span in zip(ends, whole, strict=True)]
            found = _applied(layer, _on(maps[-1], maps[-1], whole, seen))
            pixel = found[..., :1, :1].clone()
            # of the first layers all pixels are alike: 29 MB and more need not be kept
            maps.append(pixel.expand(found.shape) if torch.equal(found, pixel.expand(found.shape)) else found)
        _KEPT[network] = state, maps
    return _KEPT[network][1]


def _span(shown: Tensor) -> Span:
    """From the first to behind the last that is true; where none is, the first, which is as good as any."""
    places = shown.nonzero()
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 1)


def _before(size: int, stride: int) -> int:
    """How many pixels TensorFlow's SAME pads before the first one."""
    return 1 if stride == 1 else size % 2


def _outputs(span: Span, size: int, stride: int) -> Span:
    """Which outputs have taps in a span."""
    first, end = (at + _before(size, stride) for at in span)
    return max(0, (first - TAPS) // stride + 1), min((end - 1) // stride + 1, -(-size // stride))


def _inputs(span: Span, size: int, stride: int) -> Span:
    """Where outputs have their taps, beyond the border, too."""
    first, end = span
    return first * stride - _before(size, stride), (end - 1) * stride + TAPS - _before(size, stride)


def _on(zeros: Tensor, changed: Tensor, box: list[Span], seen: list[Span]) -> Tensor:
    """What is changed in a box, on the maps of zeros, where it is seen; 0 beyond the border."""
    height, width = (end - first for first, end in seen)
    shape = (len(changed), *zeros.shape[1:3], height, width)
    found = torch.empty(shape, dtype=zeros.dtype, device=zeros.device, memory_format=torch.channels_last_3d).zero_()
    border = [(0, size) for size in zeros.shape[-2:]]
    within = [(max(first, 0), min(end, size)) for (first, end), (_, size) in zip(seen, border, strict=True)]
    found[_part(within, seen)] = zeros[_part(within, border)]
    found[_part(box, seen)] = changed
    return found


def _part(box: list[Span], of: list[Span]) -> tuple[EllipsisType | slice, ...]:
    """Where a box lies in maps that hold another box."""
    return (..., *(slice(first - start, end - start) for (first, end), (start, _) in zip(box, of, strict=True)))


def _applied(layer: Layer, seen: Tensor) -> Tensor:
    """The outputs that have all of their taps along rows and columns in what is given; along z as the network pads."""
    if isinstance(layer, nn.Conv3d):
        cube = layer.kernel_size == CUBE
        given = seen if cube else padded_behind(seen)
        return convolved(given, layer.weight, layer.bias, padding=(int(cube), 0, 0)).relu_()
    along_z = int(seen.shape[2] % 2 and layer[0] == TAPS)
    # values are at least 0: zeros beyond the border are never the only maximum
    return functional.max_pool3d(seen, layer, stride=2, padding=(along_z, 0, 0), ceil_mode=True)
