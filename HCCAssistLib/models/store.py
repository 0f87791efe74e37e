"""The installed models: a folder of packages, each verified when it comes in and when it is used.

Besides, demonstration models come along with the library. They are offered where nothing of a recipe is installed, and
are neither changed nor removed.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import (
    atomic_folder,
    disk_fault,
    remove_leftovers,
    remove_whole,
    size_on_disk,
    temporary_folder,
)
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.models.package import FILE_LIMIT, PACKAGE_LIMIT, ModelPackage, read_card, read_package
from HCCAssistLib.places import data_folder

SHIPPED = Path(__file__).parent / "shipped"
"""The demonstration models; ``hccassist demo-model`` makes each of them again."""

DEMONSTRATION = "{recipe}-demonstration-synthetic"
"""What the demonstration model of a recipe is called, wherever it lies."""


def default_store() -> Path:
    """Where models are installed for this person: ``HCCASSIST_MODELS``, or the platform's place for data."""
    return data_folder("models")


@dataclass(frozen=True, slots=True)
class Refused:
    """A folder in the store that is not a valid package, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is there under a name, at a glance: its files are not verified.

    Attributes:
        name: of the folder.
        card: what model.json says, None where it cannot be read.
        reason: why it cannot be read.
        size: bytes on disk.
        installed: time in seconds since 1970.
        comes_along: whether it is a demonstration model that nobody installed.
    """

    name: str
    card: ModelCard | None
    reason: str
    size: int
    installed: float
    comes_along: bool = False


@dataclass(frozen=True, slots=True)
class ModelStore:
    """Installed models under one folder.

    Attributes:
        folder: of them.
        shipped: folder of the models that come along.
    """

    folder: Path
    shipped: Path = field(default_factory=lambda: SHIPPED)

    def entries(self) -> tuple[Entry, ...]:
        """All that is installed, by name, in no time: without reading any weights."""
        return tuple(_entry(folder) for folder in _folders(self.folder))

    def offered(self) -> tuple[Entry, ...]:
        """What can be chosen: all that is installed, and what comes along for recipes of which nothing is."""
        installed = self.entries()
        served = {entry.card.recipe for entry in installed if entry.card is not None}
        along = (replace(_entry(folder), comes_along=True) for folder in _folders(self.shipped))
        return (*installed, *(entry for entry in along if entry.card is None or entry.card.recipe not in served))

    def packages(self) -> tuple[tuple[ModelPackage, ...], tuple[Refused, ...]]:
        """The valid packages, by name, and those that cannot be used with the reason."""
        good, bad = [], []
        for folder in _folders(self.folder):
            try:
                good.append(read_package(folder))
            except InputError as error:
                bad.append(Refused(folder.name, str(error)))
        return tuple(good), tuple(bad)

    def get(self, name: str) -> ModelPackage:
        """The model of that name, installed or coming along.

        Raises:
            InputError: there is none, or it is not valid.
        """
        folder = self.find(name)
        if not folder.is_dir():
            installed = ", ".join(package.card.name for package in self.packages()[0]) or "none"
            raise InputError(f"no model named {name!r} is installed", remedy=f"installed models: {installed}")
        return read_package(folder)

    def card(self, name: str) -> ModelCard | None:
        """What the model of a name says of itself, without reading any weights; None where it cannot be read."""
        try:
            return read_card(self.find(name))
        except InputError:
            return None

    def install(self, source: Path, *, replace: bool = False) -> ModelPackage:
        """Copy a package, a folder or a .zip of one, into the store.

        Args:
            source: the package.
            replace: another model of the same name goes, because a person said so.

        Raises:
            InputError: it is not a valid package, one whose weights are not finite, an archive that writes outside
                its folder, or the name is taken by another model that is not to be replaced.
            HCCAssistError: the disk is full or not writable.
        """
        with temporary_folder() as scratch:
            if source.is_file():
                folder = _extracted(source, scratch)
            elif source.is_dir():
                folder = source
            else:
                raise InputError("there is no such file or folder", source.name)
            package = read_package(folder)
            for name in package.card.files:
                if name.endswith(".safetensors"):
                    package.arrays(name)  # that numbers are not finite is better told now than at the first patient
            target = self.path(package.card.name)
            if target.is_dir() and not replace:
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
                remove_leftovers(self.folder)
                with atomic_folder(target) as part:
                    for name in ("model.json", *package.card.files):
                        shutil.copyfile(folder / name, part / name)
                    read_package(part)
            except OSError as error:
                raise HCCAssistError(f"the model could not be stored: {disk_fault(error)}") from error
        return read_package(target)

    def remove(self, name: str) -> None:
        """Delete an installed model, valid or not.

        Raises:
            InputError: none of that name is there.
        """
        folder = self.path(name)
        if not folder.is_dir():
            along = (self.shipped / name).is_dir()
            remedy = "it comes with HCCAssist; a model that you install takes its place" if along else ""
            raise InputError(f"no model named {name!r} is installed", remedy=remedy)
        remove_whole(folder)

    def find(self, name: str) -> Path:
        """The folder of a model by its name: the installed one, or the one that comes along.

        Raises:
            InputError: not a name; see ``path``.
        """
        installed, along = self.path(name), self.shipped / name
        return along if along.is_dir() and not installed.is_dir() else installed

    def path(self, name: str) -> Path:
        """Where a model of that name is kept, or would be.

        Raises:
            InputError: not a name, such as one that would lead out of the store.
        """
        if not name or name != Path(name).name or name in {".", ".."}:
            raise InputError(f"{name!r} is not the name of a model")
        return self.folder / name


def _entry(folder: Path) -> Entry:
    card, reason = None, ""
    try:
        card = read_card(folder)
    except InputError as error:
        reason = str(error)
    path = folder / "model.json"
    return Entry(folder.name, card, reason, size_on_disk(folder), (path if path.is_file() else folder).stat().st_mtime)


def _folders(store: Path) -> list[Path]:
    folders = store.iterdir() if store.is_dir() else ()
    return sorted(path for path in folders if path.is_dir() and path.suffix != ".part")


def find_model(name: str, store: ModelStore, *, recipe: str | None = None) -> ModelPackage:
    """A model by the path of its folder, or by its name: installed in the store, or coming along."""
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
    except OSError as error:  # its text would hold paths; a full disk is no fault of the archive
        raise HCCAssistError(f"the archive {archive.name} could not be unpacked: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # zipfile says NotImplementedError of a compression it does not know, RuntimeError of a password
        raise InputError(f"the archive cannot be read ({error})", archive.name) from error
    found = [path.parent for path in into.rglob("model.json")]
    if len(found) != 1:
        raise InputError("the archive does not hold exactly one model", archive.name)
    return found[0]
