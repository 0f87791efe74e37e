"""The installed backbones: one file each, known by the sha256 of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import atomic_file, disk_fault, remove, remove_leftovers
from HCCAssistLib.models.backbones.tfjs import read_tfjs
from HCCAssistLib.models.backbones.variant import TORCHVISION
from HCCAssistLib.models.backbones.weights import (
    FILE_LIMIT,
    Description,
    filled,
    packed,
    read_description,
    unpacked,
)
from HCCAssistLib.places import data_folder

if TYPE_CHECKING:
    from torch import Tensor

    from HCCAssistLib.models.backbones.resnet50 import ResNet50

ENDING = ".safetensors"
SHORT = 8
"""First characters of a sha256 that may stand for it."""


def default_backbones() -> Path:
    """Where backbones are installed for this person: ``HCCASSIST_BACKBONES``, or the platform's place for data."""
    return data_folder("backbones")


@dataclass(frozen=True, slots=True)
class Backbone:
    """An installed backbone.

    Attributes:
        path: of its file.
        sha256: of the file's bytes, by which models refer to it.
        description: None where the file cannot be read.
        reason: why it cannot.
    """

    path: Path
    sha256: str
    description: Description | None
    reason: str = ""

    @property
    def name(self) -> str:
        """As it is installed."""
        return self.path.stem


@dataclass(frozen=True, slots=True)
class BackboneStore:
    """Backbones in one folder."""

    folder: Path

    def entries(self) -> tuple[Backbone, ...]:
        """All that is installed, by name, those that cannot be used with the reason."""
        files = sorted(self.folder.glob(f"*{ENDING}")) if self.folder.is_dir() else ()
        return tuple(_entry(path) for path in files if path.is_file())

    def get(self, wanted: str) -> Backbone:
        """The installed backbone of a name, of a sha256 or of its first 8 characters or more.

        Raises:
            InputError: there is none, it cannot be used, or several are meant.
        """
        entries = self.entries()
        short = len(wanted) >= SHORT
        found = [one for one in entries if one.name == wanted or (short and one.sha256.startswith(wanted.lower()))]
        if len(found) != 1:
            what = f"{'several backbones fit' if found else 'there is no installed backbone'} {wanted!r}"
            names = ", ".join(f"{one.name} ({one.sha256[:SHORT]})" for one in entries) or "none"
            raise InputError(what, remedy=f"installed are: {names}")
        if found[0].description is None:
            raise InputError(found[0].reason, found[0].name, "remove it, and install it again")
        return found[0]

    def install(self, source: Path) -> Backbone:
        """Check weights and store them as one file: the same bytes for the same source.

        Args:
            source: a folder or .tgz of a TensorFlow.js model, a torchvision ``.pth``, or the file of a backbone.

        Raises:
            InputError: no weights of a ResNet-50, or of a variant that is not known.
            HCCAssistError: the disk is full or not writable.
        """
        weights, description = _read(source)
        filled(weights, description.variant, source.name)
        kept = {name: tensor.float() for name, tensor in weights.items() if not name.endswith("num_batches_tracked")}
        content = packed(kept, description)
        path = self.folder / f"{description.name}{ENDING}"
        sha256 = hashlib.sha256(content).hexdigest()
        if path.exists() and _entry(path).description is not None and _digest_of(path) != sha256:
            what = f"another backbone named {description.name!r} is installed"
            raise InputError(what, source.name, f"remove it first: hccassist backbones remove {description.name}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.folder)
            with atomic_file(path) as part:
                part.write_bytes(content)
        except OSError as error:
            raise HCCAssistError(f"the backbone could not be stored: {disk_fault(error)}") from error
        return _entry(path)

    def remove(self, wanted: str) -> Backbone:
        """Delete an installed backbone, usable or not; models that refer to it ask for it from then on.

        Raises:
            InputError: there is none of that name.
        """
        found = next((one for one in self.entries() if one.name == wanted), None) or self.get(wanted)
        remove(found.path)
        return found

    def load(self, sha256: str, device: str = "cpu") -> ResNet50:
        """The network of an installed backbone, frozen, from the very bytes whose sha256 is checked here.

        Raises:
            InputError: it is not installed, or changed since.
        """
        entry = self.get(sha256)
        content = entry.path.read_bytes()
        if entry.description is None or hashlib.sha256(content).hexdigest() != entry.sha256:
            raise InputError("the file changed while it was read", entry.name, "install the backbone again")
        return unpacked(content, entry.description, entry.name).to(device)


def _read(source: Path) -> tuple[Mapping[str, Tensor], Description]:
    if not source.exists():
        raise InputError("there is no such file or folder", source.name)
    if source.is_dir() or source.name.endswith((".tgz", ".tar.gz")):
        return read_tfjs(source)
    if source.stat().st_size > FILE_LIMIT:
        raise InputError("the file is far larger than a backbone", source.name)
    if source.suffix in (".pth", ".pt"):
        return _torchvision(source), Description("resnet50-torchvision", TORCHVISION, "", "a torchvision .pth file")
    if source.suffix == ENDING:
        from safetensors import SafetensorError
        from safetensors.torch import load

        description = read_description(source)
        try:
            return load(source.read_bytes()), description
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"the file is damaged ({error})", source.name) from error
    raise InputError("this is no file of a backbone", source.name, "give a .tgz or folder, a .pth or a .safetensors")


def _torchvision(source: Path) -> Mapping[str, Tensor]:
    """The tensors of a file by their names; ``weights_only`` builds nothing else and runs nothing of the file."""
    import torch

    try:
        found = torch.load(source, map_location="cpu", weights_only=True)
    except PermissionError:  # the file may be sound
        raise
    except Exception as error:  # damaged files end in errors of many kinds, a wrong size in one of memory
        what = "the file holds something else than weights, is damaged, or needs more memory; nothing of it was run"
        raise InputError(what, source.name, "save the network's state_dict, or get the file again") from error
    if not isinstance(found, Mapping) or not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise InputError("the file holds no weights by name", source.name, "save the network's state_dict")
    return found


def _entry(path: Path) -> Backbone:
    try:
        return Backbone(path, _digest_of(path), read_description(path))
    except InputError as error:
        return Backbone(path, _digest_of(path), None, error.problems[0].what)


def _digest_of(path: Path) -> str:
    state = path.stat()
    return _digest(path, state.st_mtime_ns, state.st_size, state.st_ino)


@lru_cache(maxsize=16)
def _digest(path: Path, *_state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
