"""A trained model as a folder: model.json and weights-<k>.safetensors, checked before anything of it is used.

model.json holds the sha256 of the weights and is sealed itself: the entry "seal" is the sha256 of everything else in
it, so that a cut-off, a figure or a name that was changed afterwards is noticed. A seal is no signature: it tells a
package that was damaged or edited by hand, not who wrote it, and whoever can edit the file can seal it anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import folder_written_whole, parse_json, write_json
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.cutoff import CutOff

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "hccassist-model/2"
UNSEALED_FORMAT = "hccassist-model/1"
"""The format before model.json was sealed: still read, but a warning goes with everything the model says."""

WEIGHTS_NAME = re.compile(r"weights-\d{1,3}\.safetensors")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
MODEL_JSON_LIMIT = 16 * 2**20


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What model.json says.

    Attributes:
        name: pseudonymous, a safe file name.
        recipe: id of the recipe.
        options: the recipe's options it was trained with.
        cutoff: of single samples, with its source.
        scan_cutoff: of the candidates of a detector's scan, where another one than of single samples serves it.
            What a prediction begins with is ``default_cutoff``.
        input: windows, patch and spacing the weights expect.
        metrics: figures with intervals, n and unit, as the evaluation wrote them.
        training: cohort digest, numbers of cases, digests of the images it has seen, course of the loss.
        software: versions that trained it.
        licence: of the weights.
        files: name to sha256.
        seal: sha256 of all of this as it stands in model.json; empty where model.json is not sealed.
    """

    name: str
    recipe: str
    options: dict[str, Value]
    cutoff: CutOff
    scan_cutoff: CutOff | None
    input: dict[str, Any]
    training: dict[str, Any]
    software: dict[str, str]
    files: dict[str, str]
    metrics: dict[str, Any] = field(default_factory=dict)
    licence: str = "not stated"
    seal: str = ""

    @property
    def default_cutoff(self) -> CutOff:
        """The cut-off that a prediction begins with: what every command, panel and report calls the model's own."""
        return self.scan_cutoff or self.cutoff

    def as_json(self) -> dict[str, Any]:
        """The content of model.json."""
        return {
            "format": FORMAT if self.seal else UNSEALED_FORMAT,
            "research_use_only": True,
            "name": self.name,
            "recipe": self.recipe,
            "options": self.options,
            "cutoff": self.cutoff.as_json(),
            "scan_cutoff": self.scan_cutoff.as_json() if self.scan_cutoff else None,
            "input": self.input,
            "metrics": self.metrics,
            "training": self.training,
            "software": self.software,
            "licence": self.licence,
            "files": self.files,
            **({"seal": self.seal} if self.seal else {}),
        }


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A verified model on disk."""

    folder: Path
    card: ModelCard

    @property
    def recipe(self) -> Recipe:
        """The recipe that it is a model of."""
        return get_recipe(self.card.recipe)

    @property
    def weights_sha256(self) -> tuple[str, ...]:
        """Digests of the weights, in the order of the folds."""
        return tuple(self.card.files[name] for name in sorted(self.card.files, key=_fold))

    def load_weights(self) -> tuple[dict[str, Tensor], ...]:
        """The weights of each fold, read from the very bytes whose digest is checked here.

        Raises:
            InputError: a file changed since the package was verified, or holds no tensors.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        found = []
        for name in sorted(self.card.files, key=_fold):
            content = _read(self.folder / name)
            if hashlib.sha256(content).hexdigest() != self.card.files[name]:
                raise InputError(_TAMPERED.format(name), self.card.name, _REINSTALL)
            try:
                found.append(load(content))
            except SafetensorError as error:
                raise InputError(f"{name} holds no weights ({error})", self.card.name, _REINSTALL) from error
        return tuple(found)


_REINSTALL = "install the model again from its source"
_TAMPERED = "{} is not the file that model.json describes (its sha256 differs): changed, damaged or cut short"


def read_package(folder: Path, *, recipe: str | None = None) -> ModelPackage:
    """Open and verify a model package.

    Args:
        folder: with model.json.
        recipe: the recipe wanted, if only one will do.

    Raises:
        InputError: not a package, tampered with, cut short, of another recipe, or naming files outside itself.
    """
    card = read_card(folder, recipe=recipe)
    for name, sha in card.files.items():
        if file_sha256(folder / name) != sha:
            raise InputError(_TAMPERED.format(name), folder.name, _REINSTALL)
    return ModelPackage(folder, card)


def read_card(folder: Path, *, recipe: str | None = None) -> ModelCard:
    """What a package says of itself; its files are there, but their content is not verified.

    Args:
        folder: with model.json.
        recipe: the recipe wanted, if only one will do.

    Raises:
        InputError: not a package, changed since it was sealed, of another recipe, lacking files, or naming files
            outside itself.
    """
    where = folder.name
    path = folder / "model.json"
    if not path.is_file():
        raise InputError("there is no model.json", where, "name the folder of a model package")
    if path.stat().st_size > MODEL_JSON_LIMIT:
        raise InputError("model.json is far too large", where, _REINSTALL)
    try:
        data = parse_json(_read(path))
        if not isinstance(data, dict) or data.get("format") not in (FORMAT, UNSEALED_FORMAT):
            raise InputError("model.json is of an unknown format", where, "update HCCAssist or the model")
        # a format without a seal that carries one was written with it and changed since
        if (data["format"] == FORMAT or "seal" in data) and data != sealed(data):
            raise InputError(
                "model.json was changed after the model was written: its seal is broken", where, _REINSTALL
            )
        card = ModelCard(
            name=str(data["name"]),
            recipe=str(data["recipe"]),
            options=dict(data["options"]),
            cutoff=_cutoff(data["cutoff"]),
            scan_cutoff=_cutoff(data["scan_cutoff"]) if data["scan_cutoff"] else None,
            input=dict(data["input"]),
            metrics=dict(data["metrics"]),
            training=dict(data["training"]),
            software=dict(data["software"]),
            licence=str(data["licence"]),
            files={str(name): str(sha) for name, sha in data["files"].items()},
            seal=str(data.get("seal", "")),
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"model.json is damaged ({error})", where, _REINSTALL) from error
    if not SAFE_NAME.fullmatch(card.name):
        raise InputError("the model's name is not a safe file name", where)
    wanted = get_recipe(card.recipe)
    if recipe and card.recipe != recipe:
        raise InputError(f"this is a model of the recipe {card.recipe}, not of {recipe}", where)
    wanted.resolve(card.options)
    if not card.files:
        raise InputError("the package has no weights", where, _REINSTALL)
    for name in card.files:
        if not WEIGHTS_NAME.fullmatch(name):
            raise InputError(f"the package names a file that is none of its own: {name!r}", where, _REINSTALL)
        weights = folder / name
        if weights.is_symlink() or not weights.is_file():
            raise InputError(f"{name} is missing", where, _REINSTALL)
    return card


def check_name(name: str) -> None:
    """Refuse a name that is not a safe file name everywhere.

    Raises:
        InputError: what a name may hold.
    """
    if not SAFE_NAME.fullmatch(name):
        raise InputError(f"{name!r} is not a safe name for a model", remedy="use letters, digits, '-', '_' and '.'")


def write_package(
    folder: Path,
    weights: Sequence[Mapping[str, Tensor]],
    *,
    name: str,
    recipe: Recipe,
    options: dict[str, Value],
    cutoff: CutOff,
    scan_cutoff: CutOff | None = None,
    input_spec: dict[str, Any],
    training: dict[str, Any],
    software: dict[str, str],
    metrics: dict[str, Any] | None = None,
) -> ModelPackage:
    """Write a package, sealed, whole or not at all, and verify it by reading it back.

    Raises:
        InputError: the name is not a safe file name.
    """
    from safetensors.torch import save

    check_name(name)
    with folder_written_whole(folder) as part:
        files = {}
        for fold, tensors in enumerate(weights):
            path = part / f"weights-{fold}.safetensors"
            path.write_bytes(save({key: tensor.contiguous() for key, tensor in tensors.items()}))
            files[path.name] = file_sha256(path)
        card = ModelCard(
            name=name,
            recipe=recipe.id,
            options=options,
            cutoff=cutoff,
            scan_cutoff=scan_cutoff,
            input=input_spec,
            training=training,
            software=software,
            metrics=metrics or {},
            files=files,
        )
        write_json(part / "model.json", sealed(card.as_json()))
    return read_package(folder, recipe=recipe.id)


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of model.json in the sealed format, with the seal that belongs to it.

    The seal is the sha256 of the JSON with sorted keys, without spaces, as ASCII: it rests on what is said, and not
    on how a line is wrapped.

    Raises:
        ValueError: a number that is not finite.
    """
    said = {**json.loads(json.dumps(content, allow_nan=False)), "format": FORMAT}
    said.pop("seal", None)
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return {**said, "seal": hashlib.sha256(text.encode()).hexdigest()}


def file_sha256(path: Path) -> str:
    """Digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cutoff(data: dict[str, Any]) -> CutOff:
    value = float(data["value"])
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"a cut-off lies between 0 and 1, not {value}")
    return CutOff(value, str(data["source"]), tuple(map(float, data["ties"])), str(data["data_sha256"]))


def _fold(name: str) -> int:
    return int(name.removeprefix("weights-").removesuffix(".safetensors"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror})", path.parent.name) from error
