"""A trained model as a folder: model.json, weights, and what else was fitted, checked before anything of it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_folder, parse_json, write_json
from HCCAssistLib.labels import Classes
from HCCAssistLib.models.model_card import EXTRA_NAME, SAFE_NAME, WEIGHTS_NAME, ModelCard, sealed
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.cutoff import CutOff

if TYPE_CHECKING:
    from torch import Tensor

    Weights = Mapping[str, Tensor]

Arrays = Mapping[str, npt.NDArray[Any]]

JSON_LIMIT = 16 * 2**20
"""Bytes of model.json and of any other JSON in a package."""

PACKAGE_LIMIT = 4 * 2**30
FILE_LIMIT = 256


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
        """Digests of all files, the weights first: member by member, and in each by the name of the network."""
        weights = [name for member in self.card.members for name in member.values()]
        return tuple(self.card.files[name] for name in (*weights, *sorted(self.card.files.keys() - set(weights))))

    def load_weights(self) -> tuple[dict[str, dict[str, Tensor]], ...]:
        """The weights of each member by the name of the network, read from the very bytes whose digest is checked here.

        Raises:
            InputError: a file changed since the package was verified, or holds no tensors.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        members = []
        for member in self.card.members:
            networks = {}
            for network, name in member.items():
                try:
                    networks[network] = load(self._verified(name))
                except SafetensorError as error:
                    raise InputError(f"{name} holds no weights ({error})", self.card.name, _REINSTALL) from error
            members.append(networks)
        return tuple(members)

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """The arrays of one of the other files, such as ``trees-0.safetensors``.

        Raises:
            InputError: there is none of that name, it changed since, or it holds anything but finite numbers.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        content = self._verified(name)
        try:
            found = load(content)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{name} is damaged ({error})", self.card.name, _REINSTALL) from error
        if not all(np.isfinite(array).all() for array in found.values()):
            raise InputError(f"{name} holds numbers that are not finite", self.card.name, _REINSTALL)
        return dict(found)

    def document(self, name: str) -> Any:
        """The content of one of the other files, such as ``curves.json``.

        Raises:
            InputError: there is none of that name, it changed since, or it is no JSON of finite numbers.
        """
        content = self._verified(name)
        try:
            found = parse_json(content)
            json.dumps(found, allow_nan=False)
        except ValueError as error:
            raise InputError(f"{name} is damaged ({error})", self.card.name, _REINSTALL) from error
        return found

    def _verified(self, name: str) -> bytes:
        if name not in self.card.files:
            raise InputError(f"the package has no {name}", self.card.name, "train the model again")
        content = _read(self.folder / name)
        if hashlib.sha256(content).hexdigest() != self.card.files[name]:
            raise InputError(_TAMPERED.format(name), self.card.name, _REINSTALL)
        return content


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
    if path.stat().st_size > JSON_LIMIT:
        raise InputError("model.json is far too large", where, _REINSTALL)
    try:
        card = ModelCard.from_json(parse_json(_read(path)))
    except InputError as error:
        (problem,) = error.problems
        raise InputError(problem.what, where, problem.remedy or _REINSTALL) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"model.json is damaged ({error})", where, _REINSTALL) from error
    wanted = get_recipe(card.recipe)
    if recipe and card.recipe != recipe:
        raise InputError(f"this is a model of the recipe {card.recipe}, not of {recipe}", where)
    card.check_recipe(wanted)
    sizes = {}
    for name in card.files:
        file = folder / name
        if file.is_symlink() or not file.is_file():
            raise InputError(f"{name} is missing", where, _REINSTALL)
        sizes[name] = file.stat().st_size
    too_long = any(size > JSON_LIMIT for name, size in sizes.items() if name.endswith(".json"))
    if too_long or len(sizes) > FILE_LIMIT or sum(sizes.values()) > PACKAGE_LIMIT:
        raise InputError("the package is far larger than a model", where, _REINSTALL)
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
    members: Sequence[Mapping[str, Weights]],
    *,
    name: str,
    recipe: Recipe,
    options: dict[str, Value],
    input_spec: dict[str, Any],
    training: dict[str, Any],
    software: dict[str, str],
    cutoffs: Mapping[str, CutOff] | None = None,
    default_cutoff: str = "",
    preset: str = "",
    metrics: dict[str, Any] | None = None,
    extras: Mapping[str, Any] | None = None,
) -> ModelPackage:
    """Write a package, sealed, whole or not at all, and verify it by reading it back.

    Args:
        folder: of the package.
        members: the weights of each member's networks by name; the only network of a member has the name ``""``.
        name: of the model.
        recipe: that it is a model of; its classes become the categories.
        options: that it was trained with.
        input_spec: what the networks expect.
        training: what it was trained on: see ``ModelCard``.
        software: versions.
        cutoffs: by name.
        default_cutoff: the name of the one that a prediction begins with.
        preset: of the recipe.
        metrics: figures for the card.
        extras: what else was fitted, by file name: arrays by name for ``trees-0.safetensors``, any JSON for
            ``curves.json``.

    Raises:
        InputError: the name is not a safe file name.
        ValueError: a network, a cut-off or an extra file that cannot be called so, or a number that is not finite.
    """
    check_name(name)
    with atomic_folder(folder) as part:
        for number, networks in enumerate(members):
            for network, weights in networks.items():
                file = f"weights-{number}-{network}.safetensors" if network else f"weights-{number}.safetensors"
                (part / _allowed(file)).write_bytes(_tensors(weights))
        for file, content in (extras or {}).items():
            if file.endswith(".json"):
                write_json(part / _allowed(file), content)
            else:
                (part / _allowed(file)).write_bytes(_arrays(content))
        card = ModelCard(
            name=name,
            recipe=recipe.id,
            options=options,
            preset=preset,
            categories=dict(recipe.label.names) if isinstance(recipe.label, Classes) else {},
            cutoffs=dict(cutoffs or {}),
            default_name=default_cutoff,
            input=input_spec,
            training=training,
            software=software,
            metrics=metrics or {},
            files={path.name: file_sha256(path) for path in sorted(part.iterdir())},
        )
        write_json(part / "model.json", sealed(card.as_json()))
    return read_package(folder, recipe=recipe.id)


def file_sha256(path: Path) -> str:
    """Digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _allowed(name: str) -> str:
    if not (WEIGHTS_NAME.fullmatch(name) or EXTRA_NAME.fullmatch(name)):
        raise ValueError(f"a package holds no file called {name!r}")
    return name


def _tensors(weights: Weights) -> bytes:
    from safetensors.torch import save

    return save({key: tensor.contiguous() for key, tensor in weights.items()})


def _arrays(content: Arrays) -> bytes:
    from safetensors.numpy import save

    # a strided view, such as a column of scikit-learn's trees, would be written as the memory behind it
    return save({key: np.ascontiguousarray(array) for key, array in content.items()})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror})", path.parent.name) from error
