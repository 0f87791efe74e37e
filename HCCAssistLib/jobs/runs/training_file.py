"""What a training is, as ``trainings/<id>/training.json`` holds it on this computer alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, write_json

Engine = Literal["background", "slurm"]

FORMAT = "hccassist-training/1"
TRAININGS = "trainings"
TRAINING = "training.json"


@dataclass(frozen=True, slots=True)
class Training:
    """One training: what was asked for, in the words of ``training.job.Job``.

    Attributes:
        id: of its folder.
        name: of the model.
        recipe: id of the method.
        options: of the recipe, resolved.
        cohort: folder that it is trained on.
        created: seconds since 1970.
        engine: ``"background"``: this computer; ``"slurm"``: the cluster of ``profile``.
        preset: that the options came from, ``""`` where none.
        folds, repeats, seed, device: as in ``Job``.
        threads: of the processor for each member; 0 for all.
        profile: name of the cluster's profile, ``""`` where there is none.
    """

    id: str
    name: str
    recipe: str
    options: dict[str, Any]
    cohort: str
    created: float
    engine: Engine = "background"
    preset: str = ""
    folds: int = 1
    repeats: int = 1
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    profile: str = ""

    @property
    def members(self) -> int:
        """How many networks, or sets of them, are trained."""
        return self.folds * self.repeats

    def is_like(self, other: Training) -> bool:
        """Whether both ask for the same."""
        return {**asdict(self), "id": "", "created": 0} == {**asdict(other), "id": "", "created": 0}

    def write(self, folder: Path) -> None:
        """Write it into the folder of the training."""
        write_json(folder / TRAINING, {"format": FORMAT, **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> Training:
        """The training of a folder.

        Raises:
            InputError: none there, damaged or of another format.
        """
        try:
            data = parse_json((folder / TRAINING).read_text(encoding="utf-8"))
            if data.pop("format") != FORMAT:
                raise ValueError("unknown format")
            found = cls(**data)
            if found.engine not in get_args(Engine) or not isinstance(found.options, dict) or not found.cohort:
                raise ValueError("unknown content")
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"the training cannot be read ({type(error).__name__})", folder.name) from error
        return found
