"""What the names and shapes of a ResNet-50's weights do not tell, and without which they give wrong answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from HCCAssistLib.errors import InputError

Scaling = Literal["caffe", "torch"]

_KNOWN = frozenset({("1x1", 1e-3, "caffe"), ("3x3", 1e-5, "torch")})
"""Those of Keras and of torchvision; another mixture is a slip."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the networks that are all called ResNet-50 and whose weights have equal names and shapes.

    Attributes:
        stride_in: the convolution of a block that halves the picture: ``"1x1"`` in the paper of He (2015) and in Keras,
            called v1; ``"3x3"`` in torchvision, called v1.5.
        epsilon: of the batch normalisations.
        scaling: of the input. ``"caffe"``: grey values 0 to 255 less the means of ImageNet; ``"torch"``: 0 to 1, less
            their means, divided by their deviations.
        pool_padding: pixels around the map before the first pooling. The model of MATLAB R2018a prints 0, today's and
            Keras' have 1; features of the two are alike (cosine 0.98-0.99) and not the same.
    """

    stride_in: Literal["1x1", "3x3"]
    epsilon: float
    scaling: Scaling
    pool_padding: Literal[0, 1] = 1

    def __post_init__(self) -> None:
        kind = (self.stride_in, self.epsilon, self.scaling)
        if kind not in _KNOWN or self.pool_padding not in (0, 1):
            raise InputError(
                f"no ResNet-50 is known that strides in {self.stride_in}, has the epsilon {self.epsilon:g}, inputs "
                f"scaled as {self.scaling} and {self.pool_padding} pixels around the first pooling"
            )

    @property
    def title(self) -> str:
        """In words: ``v1 (stride in the 1x1 convolution), epsilon 0.001, input caffe, pool padding 1``."""
        version = "v1" if self.stride_in == "1x1" else "v1.5"
        return (
            f"{version} (stride in the {self.stride_in} convolution), epsilon {self.epsilon:g}, input {self.scaling}, "
            f"pool padding {self.pool_padding}"
        )

    def as_json(self) -> dict[str, Any]:
        """For the metadata of a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Variant:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: it is none, or none that is known.
        """
        try:
            return cls(str(data["stride_in"]), float(data["epsilon"]), data["scaling"], data["pool_padding"])  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("the variant of the network is not told in full") from error


KERAS, TORCHVISION = Variant("1x1", 1e-3, "caffe"), Variant("3x3", 1e-5, "torch")
