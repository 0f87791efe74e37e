"""A scene as one .mrb file that Slicer opens."""

from __future__ import annotations

import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import temporary_folder

LARGEST_BUNDLE = 32 * 2**30
"""Bytes that an unpacked scene may take; a damaged or hostile file can claim any size."""


def save_mrb(scene: Any, path: Path) -> None:
    """Write a scene as ``.mrb``, whole or not at all.

    Raises:
        InputError: another ending, or a folder that is not there.
        HCCAssistError: the scene cannot be written.
    """
    path = Path(path).absolute()
    if path.suffix != ".mrb":
        raise InputError("a scene is written as .mrb", path.name)
    if not path.parent.is_dir():
        raise InputError("there is no such folder", path.parent.name, "make it first")
    # The bundle's inner folder takes the file's name, so the part lies in a folder and not under another name.
    with temporary_folder(beside=path) as part:
        bundle = part / path.name
        if not scene.WriteToMRB(str(bundle)) or not bundle.is_file():
            raise HCCAssistError(f"{path.name}: the scene could not be written. Check the space on the disk.")
        bundle.replace(path)


def load_mrb(scene: Any, path: Path) -> None:
    """Add the content of an ``.mrb`` file to a scene.

    Raises:
        InputError: not a scene, damaged, or with members that would leave its folder.
    """
    path = Path(path)
    again = "save the scene again from Slicer"
    try:
        with zipfile.ZipFile(path) as bundle, tempfile.TemporaryDirectory(prefix="hccassist-") as folder:
            _check_members(bundle, path.name)
            bundle.extractall(folder)
            scenes = sorted(Path(folder).glob("*/*.mrml"))
            if len(scenes) != 1:
                raise InputError(f"the file holds {len(scenes)} scenes, not one", path.name, again)
            scene.SetURL(str(scenes[0]))
            scene.SetRootDirectory(str(scenes[0].parent))
            if not scene.Import():
                raise InputError("the scene in the file is damaged", path.name, again)
    except FileNotFoundError as error:
        raise InputError("there is no such file", path.name) from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError) as error:
        raise InputError("the file is damaged or cut short", path.name, again) from error
    finally:
        scene.SetURL("")
        scene.SetRootDirectory("")


def _check_members(bundle: zipfile.ZipFile, where: str) -> None:
    for member in bundle.infolist():
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        leaves = any(
            path.drive or path.root or ".." in path.parts
            for path in (PurePosixPath(member.filename), PureWindowsPath(member.filename))
        )
        if leaves or is_link:
            raise InputError("a member of the file would be written outside its folder", where, "do not use this file")
    if sum(member.file_size for member in bundle.infolist()) > LARGEST_BUNDLE:
        raise InputError("the file claims to hold more than 32 GB", where, "do not use this file")
