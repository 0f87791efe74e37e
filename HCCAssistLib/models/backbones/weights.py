"""The weights of a backbone with what must be known to use them, as one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.backbones.variant import Variant
from HCCAssistLib.models.model_card import SAFE_NAME

if TYPE_CHECKING:
    from torch import Tensor

    from HCCAssistLib.models.backbones.resnet50 import ResNet50

FORMAT = "hccassist-backbone"
"""Key of the file's metadata. One key holds all: of several, safetensors writes now one first and now another."""

ARCHITECTURE, VERSION = "resnet50", 1

FILE_LIMIT = 512 * 2**20
HEADER_LIMIT = 2**20

FAR = 30.0
"""Inputs that are scaled otherwise change the variance of the first maps by some thousand times; pictures by a few."""


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a backbone beside its weights.

    Attributes:
        name: for people.
        variant: which of the networks called ResNet-50.
        licence: of the weights, ``""`` where the source does not tell.
        source: where they come from, in words.
    """

    name: str
    variant: Variant
    licence: str
    source: str

    def __post_init__(self) -> None:
        if not SAFE_NAME.fullmatch(self.name):
            raise InputError(f"{self.name!r} is not a safe name for a backbone")

    def as_json(self) -> dict[str, Any]:
        """For the metadata of the file, and for ``hccassist backbones --json``."""
        return {
            "version": VERSION,
            "architecture": ARCHITECTURE,
            "name": self.name,
            "variant": self.variant.as_json(),
            "licence": self.licence,
            "source": self.source,
        }

    @classmethod
    def from_json(cls, data: Any) -> Description:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: it is none, or of another version or architecture.
        """
        if not isinstance(data, Mapping) or data.get("version") != VERSION or data.get("architecture") != ARCHITECTURE:
            raise InputError("the file does not say which ResNet-50 it holds the weights of")
        variant = data.get("variant")
        texts = [data.get(key) for key in ("name", "licence", "source")]
        if not isinstance(variant, Mapping) or not all(isinstance(text, str) for text in texts):
            raise InputError("the variant of the network is not told in full")
        return cls(texts[0], Variant.from_json(variant), texts[1], texts[2])  # type: ignore[arg-type]


def packed(weights: Mapping[str, Tensor], description: Description) -> bytes:
    """The file's content, the same bytes for the same weights and description."""
    from safetensors.torch import save

    told = json.dumps(description.as_json(), sort_keys=True)
    content: bytes = save({name: weights[name].contiguous() for name in sorted(weights)}, {FORMAT: told})
    return content


def read_description(path: Path) -> Description:
    """What a file says of itself; its weights are not read.

    Raises:
        InputError: it is not the file of a backbone.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size > FILE_LIMIT or not 2 <= length <= min(HEADER_LIMIT, size - 8):
            raise InputError("this is not a safetensors file of a backbone", path.name)
        header = file.read(length)
    try:
        told = json.loads(json.loads(header)["__metadata__"][FORMAT])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = "the file does not say which ResNet-50 it holds the weights of"
        raise InputError(what, path.name, "install the source that the weights came from") from error
    return Description.from_json(told)


def unpacked(content: bytes, description: Description, where: str) -> ResNet50:
    """The network with the weights of a file.

    Raises:
        InputError: the file holds no tensors, or they are not those of this network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        weights = load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the file is damaged ({error})", where, "install the backbone again") from error
    return filled(weights, description.variant, where)


def filled(weights: Mapping[str, Tensor], variant: Variant, where: str) -> ResNet50:
    """A ResNet-50 with given weights, frozen and in evaluation mode.

    Raises:
        InputError: names or shapes are not those of a ResNet-50, a number is not finite, or the weights expect inputs
            that are scaled otherwise.
    """
    import torch

    from HCCAssistLib.models.backbones.resnet50 import ResNet50

    with torch.device("meta"):  # no weights are drawn that are replaced at once
        network = ResNet50(variant)
    wanted = network.state_dict()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}  # of no use once trained
    if missing := sorted(wanted.keys() - counters - weights.keys()):
        raise InputError(f"these are not the weights of a ResNet-50: there is no {missing[0]}", where)
    if unknown := sorted(weights.keys() - wanted.keys()):
        raise InputError(f"these are not the weights of a ResNet-50, which has no {unknown[0]}", where)
    given = {name: weights[name].float() for name in wanted if name not in counters}
    for name, tensor in given.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)} instead of {tuple(wanted[name].shape)}"
            raise InputError(f"these are not the weights of a ResNet-50: {name} is {shapes}", where)
        if not tensor.isfinite().all():
            raise InputError(f"the weights hold numbers that are not finite ({name})", where)
    network.load_state_dict({**given, **{name: torch.tensor(0) for name in counters}}, assign=True)
    network.requires_grad_(False).eval()
    _check_scaling(network, where)
    return network


def _check_scaling(network: ResNet50, where: str) -> None:
    """Refuse weights whose first normalisation saw maps of quite another size than this scaling of the input makes.

    A smooth picture of random colours stands for a photograph: what its first maps vary by is that of photographs up
    to a factor of a few, and another scaling changes it by 58 squared.
    """
    import torch

    seen: Tensor = network.state_dict()["bn1.running_var"]
    with torch.inference_mode():
        maps = network.stem(_clouds())
    ratio = float((maps.var((0, 2, 3)) / seen.clamp_min(torch.finfo(seen.dtype).tiny)).log().nanmedian().exp())
    if not 1 / FAR < ratio < FAR:
        what = (
            f"these weights do not belong to inputs scaled as {network.variant.scaling}: the first maps would vary "
            f"{ratio:.2g} times as much as in their training"
        )
        raise InputError(what, where, "install the source that they were converted from")


def _clouds() -> Any:
    """Pictures ``(4, 3, 224, 224)`` whose frequencies fall off as those of photographs do, the same each time."""
    import torch

    generator = torch.Generator().manual_seed(0)
    shared = torch.randn((4, 1, 224, 224), generator=generator)
    noise = torch.fft.rfft2(0.9 * shared + 0.45 * torch.randn((4, 3, 224, 224), generator=generator))
    rows, columns = torch.fft.fftfreq(224)[:, None], torch.fft.rfftfreq(224)[None]
    noise /= torch.hypot(rows, columns).clamp_min(1 / 224)
    clouds = torch.fft.irfft2(noise, s=(224, 224))
    return (0.45 + 0.23 * clouds / clouds.std()).clamp(0, 1)
