"""Every reader survives a file that was damaged at random: it gives a sound value or says in words what is wrong.

``make fuzz`` damages each file some hundred times more often, from other seeds.
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicom_samples
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, read_points, write_points
from HCCAssistLib.cohort.segments import Segment, read_segments, write_segments
from HCCAssistLib.dicom.series import check_series
from HCCAssistLib.dicom.volume import read_volume
from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

TIMES = int(os.environ.get("HCCASSIST_FUZZ", "40"))
SEED = int(os.environ.get("HCCASSIST_FUZZ_SEED", "0"))

GRID = Geometry.from_parts(
    (5, 8, 9), (0.8, 0.7, 3.0), (-30, 40, 500), Rotation.from_euler("zx", (15, 8), degrees=True).as_matrix()
)
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
ODD = (b"", b"nan", b"inf", b"-1", b"0", b"1e99", b"99999999", b"0.0000001", b"x", b"null", b'"', b"\x00", b"\xff\xfe")


def _voxels() -> Image:
    voxels = np.random.default_rng(5).normal(60, 30, GRID.shape).astype(np.int16)
    return Image(voxels, GRID)


def _volume(path: Path) -> None:
    write_image(_voxels(), path)


def _segments(path: Path) -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[1:4, 2:6, 2:7] = 1
    write_segments([Segment("liver", Image(mask, GRID)), Segment("ablation", Image(mask, GRID))], path)


def _points(path: Path) -> None:
    x, y, z = map(float, GRID.to_world((4, 5, 3)))
    write_points(PointList("ltp", (Point("F-1", (x, y, z)), Point("F-2", (x + 1, y, z)))), path)


def _table(path: Path) -> None:
    rows = [{"case_id": f"c{n}", "patient_id": f"p{n}", "split": "train", "ltp": n % 2} for n in range(4)]
    write_cohort_table(path.parent, rows)


def _slices(path: Path) -> None:
    dicom_samples.write(dicom_samples.ct_series(6), path.parent)


def _sound_image(image: Image) -> None:
    assert image.array.shape == image.geometry.shape
    assert np.isfinite(image.array).all()
    assert np.isfinite(image.geometry.affine).all()
    assert (image.geometry.spacing > 0).all()


def _sound_points(points: PointList) -> None:
    assert np.isfinite([point.position for point in points.points]).all()


def _sound_segments(segments: tuple[Segment, ...]) -> None:
    for segment in segments:
        _sound_image(segment.mask)


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any], Callable[[Any], None]]] = {
    "a.nrrd": (_volume, read_image, _sound_image),
    "a.nii": (_volume, read_image, _sound_image),
    "a.nii.gz": (_volume, read_image, _sound_image),
    "a.mha": (_volume, read_image, _sound_image),
    "a.seg.nrrd": (_segments, read_segments, _sound_segments),
    "a.mrk.json": (_points, read_points, _sound_points),
    "cohort.csv": (_table, lambda path: read_cohort(path.parent), lambda cohort: None),
    "1.dcm": (_slices, lambda path: read_volume(path.parent), _sound_image),
    "2.dcm": (_slices, lambda path: check_series(path.parent), lambda reports: None),
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three random faults: bits turned, a part lost, doubled or zeroed, the end cut off, a number made odd."""
    for _ in range(int(rng.integers(1, 4))):
        size = len(content)
        if size < 4:
            return content
        first = int(rng.integers(0, size))
        # what a header says matters most, and it stands in front
        first = first % min(size, 600) if rng.random() < 0.6 else first
        last = min(size, first + int(rng.integers(1, 40)))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            content = content[:first] + bytes([content[first] ^ (1 << int(rng.integers(0, 8)))]) + content[first + 1 :]
        elif kind == 1:
            content = content[:first] + content[last:]
        elif kind == 2:
            content = content[:last] + content[first:]
        elif kind == 3:
            content = content[:first] + bytes(last - first) + content[last:]
        elif kind == 4:
            content = content[:first]
        else:
            numbers = list(NUMBER.finditer(content[:4000]))
            if numbers:
                one = numbers[int(rng.integers(0, len(numbers)))]
                content = content[: one.start()] + ODD[int(rng.integers(0, len(ODD)))] + content[one.end() :]
    return content


@pytest.mark.parametrize("name", KINDS)
def test_a_file_damaged_at_random_is_read_soundly_or_refused_in_words(name: str, tmp_path: Path) -> None:
    write, read, check = KINDS[name]
    whole = tmp_path / "whole"
    whole.mkdir()
    write(whole / name)
    path = whole / name
    if name.endswith(".dcm"):
        path = sorted(whole.iterdir())[2]
    content = path.read_bytes()
    for number in range(TIMES):
        rng = np.random.default_rng([SEED, number, zlib.crc32(name.encode())])
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        (folder / path.name).write_bytes(damaged(content, rng))
        where = folder / (path.name if not name.endswith(".dcm") else "any")
        try:
            found = read(where)
        except HCCAssistError as error:
            assert str(error).strip()
            assert str(tmp_path) not in str(error), "a full path may name a patient"
        else:
            check(found)
        shutil.rmtree(folder)
