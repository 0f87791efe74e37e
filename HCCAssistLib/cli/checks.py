"""What can be refused is refused before the work: folders, numbers and devices that a command line names."""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from HCCAssistLib.cohort.case import CASES, TABLE
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import disk_fault, disk_is_full

LARGEST_SEED = 2**32 - 1
DRIVERS = ("libcuda.so.1", "nvcuda.dll")


def folder(text: str) -> Path:
    """The folder that an option names, as a whole path; for ``argparse``."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError("no folder is named")
    return Path(os.path.abspath(text))  # noqa: PTH100  "." and "out/.." have a name then, and a link keeps its own


def output_folder(
    path: Path, *, apart_from: Iterable[Path] = (), accept: Callable[[Path], bool] = lambda path: False
) -> None:
    """Refuse a folder that cannot be written to, holds something already or lies in what is read.

    Args:
        path: new or empty; folders above it may be missing.
        apart_from: inputs that must stay as they are: cohorts, cases, series, model packages.
        accept: whether the content of a folder is such that the work can go on in it.

    Raises:
        InputError: it cannot be used.
        HCCAssistError: the disk is full.
    """
    where = f"option --out {path.name}"
    try:
        if path.is_dir():
            if any(path.iterdir()) and not accept(path):
                raise InputError("there is something already", where, "choose a new folder")
        elif os.path.lexists(path):
            raise InputError("this is a file, not a folder", where, "choose a new folder")
        for source in apart_from:
            _refuse_inside(path, source, where)
        above = next(folder for folder in (path, *path.parents) if folder.exists())
        with tempfile.TemporaryFile(dir=above) as file:  # permissions alone do not tell on network disks
            file.write(bytes(4096))
    except OSError as error:
        if disk_is_full(error):
            raise HCCAssistError(disk_fault(error)) from error
        raise InputError("nothing can be written there", where, f"choose another folder ({error.strerror})") from error


def is_of_the_system(name: str) -> bool:
    """Whether a file is one that Finder or Explorer leave in each folder that somebody opens."""
    return name.lower() in (".ds_store", "thumbs.db", "desktop.ini") or name.startswith("._")


def _refuse_inside(path: Path, source: Path, where: str) -> None:
    path, source = path.resolve(), source.resolve()
    kept = source / CASES if (source / TABLE).is_file() and path != source else source
    if path == kept or kept in path.parents or path in source.parents:
        raise InputError("this would be mixed with what is read", where, "choose a folder of its own")


def number(value: int, lowest: int, highest: int, what: str) -> None:
    """Refuse a number out of bounds.

    Args:
        value: as given.
        lowest: that is possible.
        highest: that is possible.
        what: such as ``"option --folds"``.
    """
    if not lowest <= value <= highest:
        raise InputError(f"{value} is not possible", what, f"give {lowest} to {highest}")


def seed(value: int) -> None:
    """Refuse a seed that the generators do not take."""
    number(value, 0, LARGEST_SEED, "option --seed")


def device(wanted: str, *, here: bool = True) -> None:
    """Refuse a device that cannot be there, without the seconds that it takes to ask PyTorch.

    Args:
        wanted: as given.
        here: of this computer; what another one has is not known.

    Raises:
        InputError: not a device, or a CUDA card where there is no driver of one.
    """
    known = re.fullmatch(r"auto|cpu|cuda(:\d{1,2})?", wanted)
    if not known or (here and wanted.startswith("cuda") and not _has_driver()):
        remedy = "use cpu" if known else "use auto, cpu or cuda"
        raise InputError(f"this computer has no device {wanted!r}", "option --device", remedy)


def _has_driver() -> bool:
    for name in DRIVERS:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return Path("/dev/kfd").exists()  # AMD's cards, which PyTorch calls cuda too
