"""The state of a training at the end of an epoch: enough to go on as if nothing had happened.

One safetensors file holds weights, the optimiser's moments and the random number generators; resuming it on the
same CPU gives weights identical to an uninterrupted run. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "hccassist-checkpoint/1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State after a finished epoch.

    Attributes:
        key: digest of samples, options and seed; a checkpoint only continues the training that wrote it.
        history: one entry per finished epoch.
        tensors: everything that is an array, by dotted name.
    """

    key: str
    history: tuple[dict[str, float], ...]
    tensors: Mapping[str, Tensor]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose name begins with ``prefix.``, without it."""
        return {n.removeprefix(f"{prefix}."): t for n, t in self.tensors.items() if n.startswith(f"{prefix}.")}

    def save(self, path: Path) -> None:
        """Replace the checkpoint at ``path`` in one step."""
        from safetensors.torch import save

        state: dict[str, Any] = {"format": FORMAT, "key": self.key, "history": list(self.history)}
        with atomic_file(path) as part:
            part.write_bytes(save({n: t.contiguous() for n, t in self.tensors.items()}, {"state": json.dumps(state)}))

    @classmethod
    def load(cls, path: Path, key: str) -> Checkpoint:
        """Read the checkpoint of the training named by ``key``.

        Raises:
            InputError: the file is damaged, or belongs to another training.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                state = json.loads((file.metadata() or {}).get("state", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        except (SafetensorError, OSError, ValueError) as error:
            raise InputError(
                f"the checkpoint cannot be read ({error})", path.name, "delete its folder to train from the start"
            ) from error
        if state.get("format") != FORMAT or state.get("key") != key:
            raise InputError(
                "the checkpoint belongs to another training (other cohort, options, seed or version)",
                path.parent.name,
                "choose another --out, or delete that folder to train from the start",
            )
        return cls(key, tuple(state["history"]), tensors)
