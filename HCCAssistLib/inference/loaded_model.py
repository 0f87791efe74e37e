"""A model package with its networks built, ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.package import ModelPackage


@dataclass(frozen=True, eq=False, slots=True)
class LoadedModel:
    """A verified package and one network per fold, in evaluation mode on one device."""

    package: ModelPackage
    networks: tuple[Any, ...]
    device: str


def load_model(package: ModelPackage, *, device: str = "cpu") -> LoadedModel:
    """Build the networks of a package and fill in the weights whose digests were verified.

    Raises:
        InputError: the weights do not fit the network that model.json describes.
    """
    build = package.recipe.module("network").build
    networks = []
    for weights in package.load_weights():
        network = build(package.card.options)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(
                "the weights do not fit the network that model.json describes",
                package.card.name,
                "install the model again from its source",
            ) from error
        networks.append(network.to(device).eval())
    return LoadedModel(package, tuple(networks), device)


def choose_device(wanted: str = "auto") -> str:
    """The device to compute on: the one wanted, or a CUDA card where there is one.

    Raises:
        InputError: the device wanted is not there.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, card = wanted.partition(":")
    there = kind == "cuda" and (card or "0").isdigit() and int(card or 0) < torch.cuda.device_count()
    if wanted != "cpu" and not there:
        raise InputError(f"this computer has no device {wanted!r}", "option --device", "use cpu")
    return wanted
