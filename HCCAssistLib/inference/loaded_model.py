"""A model package with its networks built, ready to run."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.inference.torch_import import import_torch
from HCCAssistLib.models.caveats import is_synthetic_model
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.models.trees import TreeEnsemble
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.run_record import RunRecord

if TYPE_CHECKING:
    from HCCAssistLib.inference.study import Study

_TREES = re.compile(r"trees(?:-([a-z][a-z0-9_]*))?\.safetensors")


@dataclass(frozen=True, eq=False, slots=True)
class LoadedModel:
    """A verified package with its networks in evaluation mode on one device.

    Attributes:
        package: the package.
        members: the networks of each member (fold, repeat) by name; the only network of a member has the name ``""``.
        device: that they are on.
        trees: decision trees by name: ``"clinical"`` of the file ``trees-clinical.safetensors``.
    """

    package: ModelPackage
    members: tuple[Mapping[str, Any], ...]
    device: str
    trees: Mapping[str, TreeEnsemble] = field(default_factory=dict)

    @property
    def networks(self) -> tuple[Any, ...]:
        """The only network of each member."""
        return self.named("")

    def named(self, name: str) -> tuple[Any, ...]:
        """The network of that name of each member.

        Raises:
            KeyError: the members have none of that name.
        """
        return tuple(member[name] for member in self.members)

    def run_record(
        self,
        study: Study,
        used: Collection[str],
        options: Mapping[str, Value],
        *,
        began: float,
        clinical: Collection[str] = (),
    ) -> RunRecord:
        """How a result of this model came about.

        Args:
            study: that it was applied to.
            used: names of the inputs that the result rests on, as ``Study.recorded`` takes them.
            options: of the run, resolved; the model's own are added.
            began: what ``time.perf_counter`` said then.
            clinical: columns of the clinical values that are asked for.
        """
        inputs, unused = study.recorded(used, clinical)
        return RunRecord(
            recipe=self.package.recipe.id,
            options={**self.package.card.options, **options},
            model=self.package.card.name,
            model_sha256=self.package.card.seal,
            weights_sha256=self.package.weights_sha256,
            software=software_versions(),
            device=self.device,
            inputs=inputs,
            unused_inputs=unused,
            seconds=time.perf_counter() - began,
            synthetic_model=is_synthetic_model(self.package.card),
        )


def load_model(package: ModelPackage, *, device: str = "cpu") -> LoadedModel:
    """Build the networks of a package and fill in the weights whose digests were verified.

    Where a member has several networks, the recipe's ``build`` is told which one to build.

    Raises:
        InputError: the weights do not fit the networks that model.json describes, or are not finite; or the trees are
            damaged.
    """
    build = package.recipe.module("network").build
    members = []
    for weights_of in package.load_weights():
        networks = {}
        for name, weights in weights_of.items():
            network = build(package.card.options, name) if name else build(package.card.options)
            _fill(network, weights, package)
            networks[name] = network.to(device).eval()
        members.append(networks)
    names = {name: found[1] or "" for name in package.card.files if (found := _TREES.fullmatch(name))}
    trees = {name: TreeEnsemble.from_arrays(package.arrays(file)) for file, name in names.items()}
    return LoadedModel(package, tuple(members), device, trees)


def _fill(network: Any, weights: Mapping[str, Any], package: ModelPackage) -> None:
    name, remedy = package.card.name, "install the model again from its source"
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError("the weights do not fit the network that model.json describes", name, remedy) from error
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise InputError("the weights hold numbers that are not finite", name, "train the model again")


def choose_device(wanted: str = "auto") -> str:
    """The device to compute on: the one wanted, or a CUDA card where there is one.

    Raises:
        InputError: the device wanted is not there.
    """
    import_torch()
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, card = wanted.partition(":")
    there = kind == "cuda" and (card or "0").isdigit() and int(card or 0) < torch.cuda.device_count()
    if wanted != "cpu" and not there:
        raise InputError(f"this computer has no device {wanted!r}", "option --device", "use cpu")
    return wanted
