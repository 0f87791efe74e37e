"""The installed models: a folder of packages, each verified when it comes in and when it is used."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import folder_written_whole
from HCCAssistLib.models.package import ModelPackage, read_package

PACKAGE_LIMIT = 4 * 2**30
FILE_LIMIT = 64


def default_store() -> Path:
    """Where models are installed for this person: ``HCCASSIST_MODELS``, or the platform's place for data."""
    if chosen := os.environ.get("HCCASSIST_MODELS"):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "HCCAssist" / "models"


@dataclass(frozen=True, slots=True)
class Refused:
    """A folder in the store that is not a valid package, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelStore:
    """Installed models under one folder."""

    folder: Path

    def packages(self) -> tuple[tuple[ModelPackage, ...], tuple[Refused, ...]]:
        """The valid packages, by name, and those that cannot be used with the reason."""
        good, bad = [], []
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        for folder in sorted(path for path in folders if path.is_dir() and path.suffix != ".part"):
            try:
                good.append(read_package(folder))
            except InputError as error:
                bad.append(Refused(folder.name, str(error)))
        return tuple(good), tuple(bad)

    def get(self, name: str) -> ModelPackage:
        """The installed model of that name.

        Raises:
            InputError: none is installed under it, or it is not valid.
        """
        folder = self._folder(name)
        if not folder.is_dir():
            installed = ", ".join(package.card.name for package in self.packages()[0]) or "none"
            raise InputError(f"no model named {name!r} is installed", remedy=f"installed models: {installed}")
        return read_package(folder)

    def install(self, source: Path) -> ModelPackage:
        """Copy a package, a folder or a .zip of one, into the store.

        Raises:
            InputError: it is not a valid package, an archive that writes outside its folder, or the name is taken
                by another model.
            HCCAssistError: the disk is full or not writable.
        """
        with tempfile.TemporaryDirectory() as scratch:
            if source.is_file():
                folder = _extracted(source, Path(scratch))
            elif source.is_dir():
                folder = source
            else:
                raise InputError("there is no such file or folder", source.name)
            package = read_package(folder)
            target = self._folder(package.card.name)
            if target.is_dir():
                try:
                    installed = read_package(target)
                except InputError:
                    installed = None  # a damaged copy is what installing again is for
                if installed and installed.card.as_json() != package.card.as_json():
                    raise InputError(
                        f"another model named {package.card.name!r} is installed",
                        remedy="remove it first, or give the new one another name",
                    )
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with folder_written_whole(target) as part:
                    for name in ("model.json", *package.card.files):
                        shutil.copyfile(folder / name, part / name)
                    read_package(part)
            except OSError as error:
                raise HCCAssistError(f"the model could not be stored: {error.strerror}") from error
        return read_package(target)

    def remove(self, name: str) -> None:
        """Delete an installed model, valid or not.

        Raises:
            InputError: none of that name is there.
        """
        folder = self._folder(name)
        if not folder.is_dir():
            raise InputError(f"no model named {name!r} is installed")
        shutil.rmtree(folder)

    def _folder(self, name: str) -> Path:
        if not name or name != Path(name).name or name in {".", ".."}:
            raise InputError(f"{name!r} is not the name of a model")
        return self.folder / name


def find_model(name: str, store: ModelStore, *, recipe: str | None = None) -> ModelPackage:
    """A model by the path of its folder, or by its name in the store."""
    if Path(name).is_dir():
        return read_package(Path(name), recipe=recipe)
    package = store.get(name)
    if recipe and package.card.recipe != recipe:
        raise InputError(f"this is a model of the recipe {package.card.recipe}, not of {recipe}", name)
    return package


def _extracted(archive: Path, into: Path) -> Path:
    """Unpack a .zip of one package after looking at every entry; the folder that holds model.json."""
    try:
        with zipfile.ZipFile(archive) as file:
            entries = file.infolist()
            if len(entries) > FILE_LIMIT or sum(entry.file_size for entry in entries) > PACKAGE_LIMIT:
                raise InputError("the archive is far larger than a model", archive.name)
            for entry in entries:
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                link = (entry.external_attr >> 16) & 0o170000 == 0o120000
                if path.is_absolute() or ".." in path.parts or ":" in entry.filename or link:
                    raise InputError(
                        f"the archive would write outside its folder ({entry.filename!r})",
                        archive.name,
                        "do not use it; ask whoever sent it",
                    )
            file.extractall(into)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"the archive cannot be read ({error})", archive.name) from error
    found = [path.parent for path in into.rglob("model.json")]
    if len(found) != 1:
        raise InputError("the archive does not hold exactly one model", archive.name)
    return found[0]
