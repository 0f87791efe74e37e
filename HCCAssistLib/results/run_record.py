"""How a result came about."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a result came about; enough to run it again.

    Attributes:
        recipe: id of the recipe.
        options: the recipe's and the run's options.
        model: name of the model package.
        weights_sha256: digests of the weights files used.
        model_sha256: the seal of its model.json, which covers cut-offs and all files.
        software: versions of what computed it.
        device: where it ran (``"cpu"``, ``"cuda:0"`` with the card's name).
        seed: of the run, None where nothing was drawn at random.
        inputs: digest of each input that the result rests on, the volume that was looked at first. By
            ``"<time point>/<name>"`` for volumes and segments, with the word ``points`` or ``roi`` behind it for those,
            and ``"clinical"`` for the clinical values.
        unused_inputs: the same of what was there and had no influence.
        seconds: wall-clock time of the computation.
        synthetic_model: whether the model learnt from synthetic cases alone.
    """

    recipe: str
    options: dict[str, Any]
    model: str
    weights_sha256: tuple[str, ...]
    software: dict[str, str]
    device: str
    inputs: dict[str, str]
    seconds: float
    seed: int | None = None
    unused_inputs: dict[str, str] = field(default_factory=dict)
    model_sha256: str = ""
    synthetic_model: bool = False

    def __post_init__(self) -> None:
        if not all(isinstance(held, dict) for held in (self.options, self.software, self.inputs, self.unused_inputs)):
            raise ValueError("options, software and inputs of a run are kept by name")
        texts = (self.recipe, self.model, self.device, self.model_sha256, *self.weights_sha256)
        digests = (*self.inputs.values(), *self.unused_inputs.values())
        if not all(isinstance(text, str) for text in (*texts, *digests)):
            raise ValueError("recipe, model, device and digests of a run are texts")
        if not isinstance(self.synthetic_model, bool):
            raise ValueError("whether a model is synthetic is true or false")
        if isinstance(self.seconds, bool) or not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"a run takes 0 seconds or more, not {self.seconds}")

    def as_json(self) -> dict[str, Any]:
        """The entry "run" of result.json."""
        return {
            "recipe": self.recipe,
            "options": self.options,
            "model": self.model,
            "model_sha256": self.model_sha256,
            "weights_sha256": list(self.weights_sha256),
            "software": self.software,
            "device": self.device,
            "inputs": self.inputs,
            "unused_inputs": self.unused_inputs,
            "seconds": self.seconds,
            "seed": self.seed,
            "synthetic_model": self.synthetic_model,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunRecord:
        """Read what ``as_json`` wrote."""
        return cls(**{**data, "weights_sha256": tuple(data["weights_sha256"])})
