"""Parts of a network that do not learn: they keep weights and running statistics while the rest is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def freeze(network: nn.Module) -> None:
    """Freeze the parts that a network names in its attribute ``frozen``, a tuple of names of submodules."""
    for name in getattr(network, "frozen", ()):
        network.get_submodule(name).requires_grad_(False)


def set_training(network: nn.Module) -> None:
    """Training mode, but for the frozen parts: those named, and every one whose weights are all frozen.

    There, neither may a running statistic of a normalisation move nor a value drop out.
    """
    _set_training(network)
    for name in getattr(network, "frozen", ()):
        network.get_submodule(name).eval()


def _set_training(module: nn.Module) -> None:
    frozen = [not parameter.requires_grad for parameter in module.parameters()]
    if frozen and all(frozen):
        module.eval()
        return
    module.training = True
    for child in module.children():
        _set_training(child)


def learning(network: nn.Module) -> list[nn.Parameter]:
    """The weights that learn.

    Raises:
        ValueError: there are none.
    """
    found = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not found:
        raise ValueError("all parts of the network are frozen, so there is nothing to train")
    return found
