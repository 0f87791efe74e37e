"""The sample case: one synthetic case after ablation, made on this computer, kept as arrays that open at once."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import folder_written_whole, remove_leftovers, size_on_disk, stored, write_json
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.places import data_folder

FORMAT = "hccassist-sample/1"
SEED = (0, 31)
"""Two ablation zones, one with a nodule of 19 mm on its margin and one without."""

CASE = "ltp-0-31-v1"
"""Folder of the case; another name wherever the phantoms change, so that an old one is not taken for the new."""

IMAGE, MASKS = "arterial", ("liver", "ablation")


@dataclass(frozen=True, eq=False, slots=True)
class SampleCase:
    """The sample case, its voxels on disk until they are used.

    Attributes:
        image: the late arterial phase.
        masks: liver and ablation zones, each on a grid cut to it.
    """

    image: Image
    masks: dict[str, Image]


def sample_folder() -> Path:
    """Where the sample case is kept for this person: ``HCCASSIST_SAMPLES``, or the platform's place for data."""
    return data_folder("samples")


def make_sample(folder: Path) -> Path:
    """Make the sample case in a folder, whole or not at all, unless it is there; the folder of the case.

    Raises:
        HCCAssistError: the folder cannot be written.
    """
    from HCCAssistLib.phantoms.liver.storage import AXIAL
    from HCCAssistLib.phantoms.ltp.cases import make_case

    case = folder / CASE
    if _readable(case):
        return case
    with stored("the sample case"):
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        with folder_written_whole(case) as part:
            phantom = make_case(SEED, has_ltp=True, storage=AXIAL)
            images = {IMAGE: phantom.image, "liver": _cut(phantom.liver), "ablation": _cut(phantom.ablation)}
            for name, image in images.items():
                np.save(part / f"{name}.npy", image.array, allow_pickle=False)
            grids = {name: image.geometry.as_json() for name, image in images.items()}
            truth = phantom.as_json()
            write_json(part / "case.json", {"format": FORMAT, "synthetic": True, "grids": grids, "truth": truth})
    return case


def read_sample(folder: Path) -> SampleCase | None:
    """The sample case that was made in a folder; None where there is none, or a damaged one."""
    return _readable(folder / CASE)


def kept_bytes(folder: Path) -> int:
    """What sample cases take on the disk, older ones and half-written ones included."""
    return sum(size_on_disk(case) for case in _kept(folder))


def remove_sample(folder: Path) -> None:
    """Delete what ``make_sample`` made in a folder, and nothing else.

    Raises:
        HCCAssistError: a file cannot be deleted.
    """
    try:
        for case in _kept(folder):
            shutil.rmtree(case)
    except OSError as error:
        raise HCCAssistError(f"the sample case cannot be removed: {error.strerror}. Close what uses it.") from error


def _kept(folder: Path) -> list[Path]:
    return [path for path in folder.glob("ltp-*-v*") if path.is_dir() and not path.is_symlink()]


def _readable(case: Path) -> SampleCase | None:
    try:
        data = json.loads((case / "case.json").read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return None
        images = {name: _image(case, name, data["grids"][name]) for name in (IMAGE, *MASKS)}
    except (OSError, ValueError, KeyError, TypeError, EOFError, InputError):
        return None
    return SampleCase(images.pop(IMAGE), images)


def _image(case: Path, name: str, grid: dict[str, Any]) -> Image:
    array = np.load(case / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return Image(array, Geometry.from_json(grid), f"{name}, synthetic")


def _cut(mask: Image) -> Image:
    """A mask on the part of its grid that holds something: a tenth of the voxels."""
    filled = np.argwhere(mask.array)
    start = filled.min(axis=0)
    return crop(mask, start[::-1].tolist(), (filled.max(axis=0) + 1 - start).tolist(), outside=0)
