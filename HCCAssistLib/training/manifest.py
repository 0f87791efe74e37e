"""The manifest of a pack: what its files hold and their digests, so that it is whole and the same wherever it lies."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file, parse_json

FORMAT = "hccassist-pack/1"
MANIFEST = "manifest.json"
READ_AT_ONCE = 1 << 20

_NAME = re.compile(r"samples\.safetensors|studies/C\d{4,}\.safetensors")


class BadPack(InputError):
    """A pack that cannot be trained on: it is not there, damaged or another one."""

    def __init__(self, what: str, where: str = MANIFEST) -> None:
        super().__init__(f"the data of the training {what}", where, "send them again")


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file of a pack.

    Attributes:
        sha256: of its bytes.
        size: bytes.
        arrays: type and shape of each array by its name, as safetensors writes them: ``["I16", [64, 32, 32]]``.
    """

    sha256: str
    size: int
    arrays: Mapping[str, tuple[str, tuple[int, ...]]]

    @classmethod
    def of(cls, path: Path) -> PackedFile:
        """A file as it is.

        Raises:
            OSError, ValueError: not there, or not a safetensors file.
        """
        from safetensors import SafetensorError, safe_open

        sha, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while data := file.read(READ_AT_ONCE):
                sha.update(data)
                size += len(data)
        try:
            with safe_open(path, framework="numpy") as file:
                slices = {name: file.get_slice(name) for name in sorted(file.keys())}
                arrays = {name: (one.get_dtype(), tuple(one.get_shape())) for name, one in slices.items()}
        except SafetensorError as error:
            raise ValueError(str(error)) from error
        return cls(sha.hexdigest(), size, arrays)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PackedFile:
        """The entry of a file.

        Raises:
            TypeError, ValueError: with other keys, or none.
        """
        found = cls(**data)
        arrays = {str(n): (str(kind), tuple(map(int, shape))) for n, (kind, shape) in found.arrays.items()}
        return cls(str(found.sha256), int(found.size), arrays)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pack holds.

    Attributes:
        recipe: that its samples were made for.
        files: by their path in the pack, with ``/``.
    """

    recipe: str
    files: Mapping[str, PackedFile]

    @classmethod
    def of(cls, folder: Path, recipe: str) -> Manifest:
        """The manifest of the files that lie in a folder."""
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.safetensors")}
        return cls(recipe, {name: PackedFile.of(path) for name, path in sorted(paths.items())})

    def content(self) -> bytes:
        """As its file holds it: the same bytes for the same pack."""
        data = {"format": FORMAT, **asdict(self)}
        return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    @property
    def digest(self) -> str:
        """The name of the pack: sha256 of ``content``."""
        return hashlib.sha256(self.content()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write it into the folder of the pack."""
        with atomic_file(folder / MANIFEST) as part:
            part.write_bytes(self.content())

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest in a folder.

        Raises:
            BadPack: none there, damaged, of another format, or with something in it that is not known.
        """
        try:
            data = parse_json((folder / MANIFEST).read_bytes())
            if data.pop("format") != FORMAT:
                raise ValueError("unknown format")
            if odd := [name for name in data["files"] if not _NAME.fullmatch(name)]:
                raise ValueError(f"{len(odd)} files of an unknown name")
            files = {name: PackedFile.from_json(one) for name, one in data.pop("files").items()}
            return cls(str(data.pop("recipe")), files, **data)
        except FileNotFoundError as error:
            raise BadPack("are not there") from error
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadPack(f"have a manifest that cannot be read ({type(error).__name__})") from error


def verified(folder: Path, digest: str) -> Manifest:
    """The manifest of a pack of which every byte is as it was packed.

    Args:
        folder: of the pack.
        digest: its name.

    Raises:
        BadPack: a file is missing, cut, changed or too many, or the pack is another one.
    """
    manifest = Manifest.read(folder)
    if hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest() != digest:
        raise BadPack("are others than those that the training was planned for")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")}
    if odd := sorted(there ^ manifest.files.keys()):
        raise BadPack(f"{'hold a file too many' if odd[0] in there else 'lack a file'}", odd[0])
    for name, file in manifest.files.items():
        if (folder / name).stat().st_size != file.size:
            raise BadPack("are cut short", name)
        try:
            found = PackedFile.of(folder / name)
        except ValueError as error:
            raise BadPack("are damaged", name) from error
        if found != file:
            raise BadPack("are damaged", name)
    return manifest
