"""The sample case of a method: a synthetic case made on this computer, kept as arrays that open at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import atomic_folder, remove_leftovers, size_on_disk, stored, write_json
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.places import data_folder

FORMAT = "hccassist-sample/3"


@dataclass(frozen=True, eq=False, slots=True)
class SampleCase:
    """A sample case, its voxels on disk until they are used.

    Attributes:
        volumes: by ``"<time point>/<phase>"``, the one to look at first.
        masks: by ``"<time point>/<name>"``, each on a grid cut to it.
        points: by ``"<time point>/<name>"``, those that a reader would click.
    """

    volumes: Mapping[str, Image]
    masks: Mapping[str, Image] = field(default_factory=dict)
    points: Mapping[str, PointList] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a method's sample case is, and where it is kept.

    Attributes:
        prefix: of the folders of this and of older versions of the case.
        case: the folder; another name wherever the phantoms change, so that an old one is not taken for the new.
        parts: makes it: volumes, masks and points, and the truth.
    """

    prefix: str
    case: str
    parts: Callable[[], tuple[SampleCase, Mapping[str, Any]]]

    def make(self, folder: Path) -> Path:
        """Make the sample case in a folder, whole or not at all, unless it is there; the folder of the case.

        Raises:
            HCCAssistError: the folder cannot be written.
        """
        case = folder / self.case
        if _readable(case):
            return case
        with stored("the sample case"):
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            with atomic_folder(case) as part:
                made, truth = self.parts()
                about: dict[str, Any] = {"format": FORMAT, "synthetic": True, "truth": dict(truth)}
                masks = {place: _cut(mask) for place, mask in made.masks.items()}
                for kind, images in (("volumes", made.volumes), ("masks", masks)):
                    about[kind] = {place: image.geometry.as_json() for place, image in images.items()}
                    for place, image in images.items():
                        np.save(part / _file(place), image.array, allow_pickle=False)
                about["points"] = {
                    place: {one.label: [*one.position, one.description] for one in made_points.points}
                    for place, made_points in made.points.items()
                }
                write_json(part / "case.json", about)
        return case

    def read(self, folder: Path) -> SampleCase | None:
        """The sample case that was made in a folder; None where there is none, or a damaged one."""
        return _readable(folder / self.case)

    def kept_bytes(self, folder: Path) -> int:
        """What sample cases take on the disk, older ones and half-written ones included."""
        return sum(size_on_disk(case) for case in self._kept(folder))

    def remove(self, folder: Path) -> None:
        """Delete what ``make`` made in a folder, and nothing else.

        Raises:
            HCCAssistError: a file cannot be deleted.
        """
        try:
            for case in self._kept(folder):
                shutil.rmtree(case)
        except OSError as error:
            what = f"the sample case cannot be removed: {error.strerror}. Close what uses it."
            raise HCCAssistError(what) from error

    def _kept(self, folder: Path) -> list[Path]:
        found = folder.glob(f"{self.prefix}-*-v*")
        return [path for path in found if path.is_dir() and not path.is_symlink()]


def sample_folder() -> Path:
    """Where sample cases are kept for this person: ``HCCASSIST_SAMPLES``, or the platform's place for data."""
    return data_folder("samples")


def _readable(case: Path) -> SampleCase | None:
    try:
        data = json.loads((case / "case.json").read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return None
        volumes, masks = (
            {place: _image(case, place, grid) for place, grid in data[kind].items()} for kind in ("volumes", "masks")
        )
        points = {
            place: PointList(
                place.rpartition("/")[2],
                tuple(Point(label, (x, y, z), description) for label, (x, y, z, description) in listed.items()),
            )
            for place, listed in data["points"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, InputError):
        return None
    return SampleCase(volumes, masks, points)


def _file(place: str) -> str:
    return f"{place.replace('/', '-')}.npy"


def _image(case: Path, place: str, grid: dict[str, Any]) -> Image:
    array = np.load(case / _file(place), mmap_mode="r", allow_pickle=False)
    return Image(array, Geometry.from_json(grid), f"{place.rpartition('/')[2]}, synthetic")


def _cut(mask: Image) -> Image:
    """A mask on the part of its grid that holds something: a tenth of the voxels."""
    filled = np.argwhere(mask.array)
    start = filled.min(axis=0)
    return crop(mask, start[::-1].tolist(), (filled.max(axis=0) + 1 - start).tolist(), fill_value=0)
