"""What sees the patches before the layer that learns: an installed ResNet-50, referred to by its sha256, or none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.backbones.store import Backbone, BackboneStore, default_backbones
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.augmentation import variants
from HCCAssistLib.recipes.tace.recipe import RESNET, SMALL, with_backbone

if TYPE_CHECKING:
    from torch import Tensor

    from HCCAssistLib.models.model_card import ModelCard

STANDS_IN = (
    "a small network that was trained whole stands in for the paper's ResNet-50 with ImageNet weights: the paper's "
    "figures say nothing about it"
)
"""What every result of such a model says."""

AT_ONCE = 4
"""Patches in a pass of their six variants."""


class FrozenBody(Protocol):
    """A frozen network in evaluation mode; see ``models.backbones.resnet50``."""

    @property
    def first_center(self) -> int:
        """Pixel on which the first cell of the last map is centred."""

    def features(self, x: Tensor, /) -> Tensor:
        """The last map ``(N, 2048, 7, 7)`` of patches ``(N, 3, 224, 224)``, 0..1."""

    def pooled(self, maps: Tensor, /) -> Tensor:
        """``(N, 2048)`` from that map."""


def as_input(images: Tensor) -> Tensor:
    """Patches of 8 bits ``(n, 1 or 3, rows, columns)`` in three channels, 0..1."""
    return images.float().mul_(1 / 255).expand(-1, 3, -1, -1)


def variant_features(backbone: FrozenBody, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """What a backbone makes of the six variants of each patch, on one thread.

    Cases are read side by side, as many as there are cores, and a sum over several threads ends in other last bits:
    the samples of a cohort would be others wherever it is read.

    Args:
        backbone: on the CPU.
        images: patches ``(n, 1 or 3, 224, 224)`` of 8 bits.

    Returns:
        ``(n, 6, 2048)``.
    """
    import torch

    found, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            for patches in torch.from_numpy(images).split(AT_ONCE):
                x = as_input(variants(patches).flatten(0, 1)).contiguous(memory_format=torch.channels_last)
                features = backbone.pooled(backbone.features(x))
                found.append(features.reshape(len(patches), -1, features.shape[1]))
    finally:
        torch.set_num_threads(threads)
    kept: npt.NDArray[np.float32] = torch.cat(found).numpy()
    return kept


def settled_body(options: Mapping[str, Value]) -> dict[str, Value]:
    """The options ``body`` and ``backbone`` as this computer can follow them.

    Without a wish for a certain one, the installed ResNet-50 is taken, that of the paper's variant first; the small
    network stands in where there is none.

    Raises:
        InputError: a backbone that is asked for and not installed, or a wish that several fit.
    """
    if not with_backbone(options):
        return {"body": SMALL, "backbone": ""}
    wanted, known = str(options["backbone"]).strip(), installed()
    if not wanted:
        first = min(known, key=lambda one: (not _of_paper(one), one.name), default=None)
        return {"body": SMALL, "backbone": ""} if first is None else {"body": RESNET, "backbone": first.sha256}
    fitting = [one for one in known if one.name == wanted or one.sha256.startswith(wanted.lower())]
    if len(fitting) == 1:
        return {"body": RESNET, "backbone": fitting[0].sha256}
    what = f"{'several installed backbones fit' if fitting else 'there is no installed backbone'} {wanted!r}"
    raise InputError(what, "option backbone", "hccassist backbones list shows the installed ones")


def backbone_of(options: Mapping[str, Value], device: str = "cpu", card: ModelCard | None = None) -> FrozenBody:
    """The backbone that settled options refer to; read once in a process.

    Args:
        options: settled, or of a model.
        device: to put it on.
        card: of the model that asks for it, which knows its name.

    Raises:
        InputError: it is not installed, or damaged.
    """
    sha256 = str(options["backbone"])
    if all(one.sha256 != sha256 for one in installed()):
        told = card.input.get("backbone") if card else None
        name = str(told.get("name", "")) if isinstance(told, Mapping) else ""
        what = f"it needs the backbone {f'{name!r} ' if name else ''}with the sha256 {sha256}, which is not installed"
        where = f"model {card.name}" if card else "option backbone"
        raise InputError(what, where, "install its file: hccassist backbones install FILE")
    return _loaded(sha256, device)


def described(options: Mapping[str, Value]) -> dict[str, Any]:
    """What a model package says of the body, for its entry "input"."""
    if not with_backbone(options):
        return {"body": "a small network, trained whole"}
    names = {one.sha256: one.name for one in installed()}
    sha256 = str(options["backbone"])
    return {"body": "ResNet-50, frozen", "backbone": {"name": names.get(sha256, ""), "sha256": sha256}}


def _of_paper(one: Backbone) -> bool:
    """Whether it strides in the first convolutions of its blocks, as MATLAB's does."""
    return one.description is not None and one.description.variant.stride_in == "1x1"


def installed() -> tuple[Backbone, ...]:
    """Every backbone in the store that can be used."""
    return tuple(one for one in BackboneStore(default_backbones()).entries() if one.description is not None)


@lru_cache(maxsize=2)
def _loaded(sha256: str, device: str) -> FrozenBody:
    return BackboneStore(default_backbones()).load(sha256, device)
