"""ResNet-50 under torchvision's names of the weights, in the variants that go by this name."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.models.backbones.variant import KERAS, Scaling, Variant

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Inner channels and number of blocks."""

FEATURES, CLASSES = 2048, 1000
BODY_WEIGHTS, ALL_WEIGHTS = 23_508_032, 25_557_032

SCALES: dict[Scaling, tuple[float, tuple[float, float, float], tuple[float, float, float]]] = {
    "caffe": (255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
    "torch": (1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Factor, means and deviations of red, green and blue."""


class ResNet50(nn.Module):
    """He K, Zhang X, Ren S, Sun J. Deep residual learning for image recognition. CVPR 2016.

    >>> network = ResNet50()
    >>> sum(weights.numel() for weights in network.parameters())
    25557032

    Args:
        variant: which of the networks of this name.
    """

    def __init__(self, variant: Variant = KERAS) -> None:
        super().__init__()
        self.variant = variant
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64, eps=variant.epsilon)
        incoming = 64
        for number, (inner, count) in enumerate(STAGES, start=1):
            blocks = []
            for block in range(count):
                stride = 2 if block == 0 and number > 1 else 1
                blocks.append(_Block(incoming, inner, stride, variant, shortcut=block == 0))
                incoming = 4 * inner
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.fc = nn.Linear(FEATURES, CLASSES)

    @property
    def first_center(self) -> int:
        """Pixel of the picture on which the first cell of ``features`` is centred; the next one is 32 pixels further.

        Where convolutions and poolings stride, a cell looks symmetrically around one pixel, and not around the middle
        of the 32 pixels that its number suggests, 15.5 further on.
        """
        return 2 * (1 - self.variant.pool_padding)

    def stem(self, x: Tensor) -> Tensor:
        """The first convolution's maps, before their normalisation, of pictures ``(N, 3, h, w)`` in RGB, 0 to 1."""
        factor, *scale = SCALES[self.variant.scaling]
        means, deviations = (x.new_tensor(each).view(1, 3, 1, 1) for each in scale)
        maps: Tensor = self.conv1((x * factor - means) / deviations)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """The last map after its ReLU: what Grad-CAM explains.

        Args:
            x: pictures ``(N, 3, 224, 224)`` in RGB, 0 to 1; they are scaled as the weights expect.

        Returns:
            ``(N, 2048, 7, 7)``.
        """
        x = functional.relu_(self.bn1(self.stem(x)))
        x = functional.max_pool2d(x, 3, 2, self.variant.pool_padding)
        for number in range(1, len(STAGES) + 1):
            x = getattr(self, f"layer{number}")(x)
        return x

    def pooled(self, maps: Tensor) -> Tensor:
        """Means over the map ``(N, 2048, 7, 7)``: ``(N, 2048)``."""
        return maps.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, 1000)`` of the classes of ImageNet."""
        logits: Tensor = self.fc(self.pooled(self.features(x)))
        return logits


class _Block(nn.Module):
    def __init__(self, incoming: int, inner: int, stride: int, variant: Variant, *, shortcut: bool) -> None:
        super().__init__()
        first, second = (stride, 1) if variant.stride_in == "1x1" else (1, stride)
        epsilon, outgoing = variant.epsilon, 4 * inner
        self.conv1 = nn.Conv2d(incoming, inner, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(inner, eps=epsilon)
        self.conv2 = nn.Conv2d(inner, inner, 3, second, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner, eps=epsilon)
        self.conv3 = nn.Conv2d(inner, outgoing, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outgoing, eps=epsilon)
        self.downsample = (
            nn.Sequential(nn.Conv2d(incoming, outgoing, 1, stride, bias=False), nn.BatchNorm2d(outgoing, eps=epsilon))
            if shortcut
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        short = x if self.downsample is None else self.downsample(x)
        # in place, which spares a twelfth of the time
        x = functional.relu_(self.bn1(self.conv1(x)))
        x = functional.relu_(self.bn2(self.conv2(x)))
        return functional.relu_(self.bn3(self.conv3(x)).add_(short))
