"""What a trained member gives: its weights, and what figures and cut-offs are computed from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file
from HCCAssistLib.training.loop import Fit, Logits
from HCCAssistLib.training.samples import Samples, origins_from_json

if TYPE_CHECKING:
    from torch import Tensor

RESULT = "result.safetensors"
FORMAT = "hccassist-member-result/2"

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False, slots=True)
class MemberResult:
    """A finished member.

    Attributes:
        weights: of each of its networks by name, ``""`` where it has only one.
        fits: best epoch and course of each network, by the same names.
        validation: the samples that it was not trained on, without what the network is given.
        outputs: ``(n, ...)`` of the network for these samples.
        facts: what else the recipe's own stages found, as JSON.
        kept: the same as arrays.
    """

    weights: Mapping[str, Mapping[str, Tensor]]
    fits: Mapping[str, dict[str, Any]]
    validation: Samples
    outputs: Logits
    facts: Mapping[str, Any] = field(default_factory=dict)
    kept: Arrays = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        fits: Mapping[str, Fit],
        validation: Samples,
        outputs: Logits,
        facts: Mapping[str, Any] | None = None,
        kept: Arrays | None = None,
    ) -> MemberResult:
        """The result of the fits of its networks, by name."""
        return cls(
            weights={name: found.weights for name, found in fits.items()},
            fits={
                n: {"best_epoch": f.best_epoch, "precision": f.precision, "history": list(f.history)}
                for n, f in fits.items()
            },
            validation=validation.without_inputs(),
            outputs=outputs,
            facts=facts or {},
            kept=kept or {},
        )

    def save(self, path: Path, key: str) -> None:
        """Write one file, whole or not at all.

        Args:
            path: the file.
            key: of the plan that it is the result of.
        """
        import torch
        from safetensors.torch import save

        validation = self.validation
        tensors = {f"weights/{n}/{part}": t.contiguous() for n, one in self.weights.items() for part, t in one.items()}
        tensors |= {f"validation/{name}": torch.from_numpy(array) for name, array in validation.arrays.items()}
        tensors |= {f"kept/{n}": torch.from_numpy(np.ascontiguousarray(array)) for n, array in self.kept.items()}
        tensors["outputs"] = torch.from_numpy(np.ascontiguousarray(self.outputs))
        header = {
            "format": FORMAT,
            "key": key,
            "fits": dict(self.fits),
            "facts": dict(self.facts),
            "origins": validation.origins,
        }
        with atomic_file(path) as part:
            part.write_bytes(save(tensors, {"header": json.dumps(header)}))

    @classmethod
    def load(cls, path: Path, key: str) -> MemberResult | None:
        """What ``save`` wrote; None where it is the result of another plan.

        Raises:
            InputError: the file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                header = json.loads((file.metadata() or {}).get("header", "{}"))
                if header.get("format") != FORMAT or header.get("key") != key:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
            arrays, kept = (
                {n.split("/", 1)[1]: t.numpy() for n, t in tensors.items() if n.startswith(f"{part}/")}
                for part in ("validation", "kept")
            )
            weights: dict[str, dict[str, Tensor]] = {name: {} for name in header["fits"]}
            for name, tensor in tensors.items():
                if name.startswith("weights/"):
                    _, network, parameter = name.split("/", 2)
                    weights[network][parameter] = tensor
            validation = Samples(arrays, origins_from_json(header["origins"]))
            return cls(weights, header["fits"], validation, tensors["outputs"].numpy(), header["facts"], kept)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"a trained member cannot be read ({error})", path.parent.name, "delete its folder to train it again"
            ) from error
