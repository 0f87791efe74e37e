"""The same scan is found however it was stored, and no two others are taken for one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import dicom_samples
import numpy as np
import pytest

from HCCAssistLib.cohort.fingerprints import fingerprint, same_scan
from HCCAssistLib.dicom.volume import read_volume
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

pytestmark = pytest.mark.heavy

SHAPE = (24, 64, 56)


def image(array: np.ndarray, spacing: tuple[float, float, float] = (0.8, 0.8, 3.0)) -> Image:
    return Image(array, Geometry.from_parts(array.shape, spacing))


def scan(seed: int, shape: tuple[int, int, int] = SHAPE, noise_hu: float = 12.0) -> np.ndarray:
    """Soft tissue in air, both with noise; the body is that of every other seed."""
    rng = np.random.default_rng(seed)
    j, i = np.indices(shape[1:])
    inside = np.hypot(j / shape[1] - 0.5, i / shape[2] - 0.5) < 0.42
    tissue, air = 60 + rng.normal(0, noise_hu, shape), -1000 + rng.normal(0, 8, shape)
    return np.where(inside, tissue, air).round().clip(-1024).astype(np.int16)


SCAN = scan(1)
STORED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as floats": lambda a: a.astype(np.float32),
    "as 32-bit integers": lambda a: a.astype(np.int32),
    "with 1024 added": lambda a: (a + 1024).astype(np.uint16),
    "ten times larger": lambda a: a.astype(np.int32) * 10,
    "in steps of a thousandth": lambda a: (a / 1000).astype(np.float32),
    "between 0 and 1": lambda a: ((a + 1024) / 4095).astype(np.float32),
    "with a slope and its rounding": lambda a: ((a + 1024) * 4).astype(np.uint16) * np.float32(0.25) - 1024,
    "rounded from floats": lambda a: a + np.random.default_rng(9).uniform(-0.4, 0.4, a.shape).astype(np.float32),
    "axes in another order": lambda a: a.transpose(2, 0, 1),
    "axes turned": lambda a: a[::-1, :, ::-1],
    "axes in another order and turned": lambda a: a.transpose(1, 2, 0)[::-1, ::-1],
    "margins of air": lambda a: np.pad(a, ((0, 0), (30, 9), (12, 0)), constant_values=-1024),
    "margins of 0": lambda a: np.pad(a, ((0, 0), (30, 9), (12, 0)), constant_values=0),
    "margins of -3024": lambda a: np.pad(a, ((0, 0), (30, 9), (12, 0)), constant_values=-3024),
    "slices of air": lambda a: np.pad(a, ((7, 3), (0, 0), (0, 0)), constant_values=-1000),
    "slices and margins as floats": lambda a: np.pad(a.astype(np.float32), 6, constant_values=-2000),
    "margins of -1 between 0 and 1": lambda a: np.pad((a + 1024) / np.float32(4095), 5, constant_values=-1),
    "margins cut": lambda a: a[:, 4:-5, 6:],
    "slices cut": lambda a: a[5:-1],
    "half of the slices": lambda a: a[: a.shape[0] * 2 // 3],
    "slices cut and margins added": lambda a: np.pad(a[6:], ((0, 0), (9, 0), (0, 9)), constant_values=-1024),
}


@pytest.mark.parametrize("how", STORED)
def test_a_scan_is_known_again(how: str) -> None:
    again = fingerprint(image(STORED[how](SCAN), spacing=(1.5, 1.0, 5.0)))
    assert same_scan(fingerprint(image(SCAN)), again)
    assert same_scan(again, fingerprint(image(SCAN)))
    assert not same_scan(again, fingerprint(image(scan(2))))


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_scan_is_known_in_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    write_image(image(SCAN), tmp_path / f"scan{ending}")
    assert same_scan(fingerprint(image(SCAN)), fingerprint(read_image(tmp_path / f"scan{ending}")))


def test_a_scan_is_known_as_a_folder_of_dicom_slices(tmp_path: Path) -> None:
    slices = dicom_samples.ct_series(SHAPE[0])
    for number, one in enumerate(slices):
        dicom_samples.set_pixels(one, SCAN[number] + 1024)
    found = fingerprint(read_volume(dicom_samples.write(slices, tmp_path / "arterial")))
    assert same_scan(fingerprint(image(SCAN)), found)


def test_a_scan_with_a_lesion_drawn_into_it_is_the_same_scan() -> None:
    drawn = SCAN.copy()
    drawn[8:14, 20:30, 20:30] += 90
    assert same_scan(fingerprint(image(SCAN)), fingerprint(image(drawn)))


@pytest.mark.parametrize(
    ("shape", "noise_hu"), [(SHAPE, 12.0), (SHAPE, 4.0), ((8, 32, 32), 12.0), ((12, 14, 8), 30.0), ((60, 40, 40), 8.0)]
)
def test_other_scans_are_others(shape: tuple[int, int, int], noise_hu: float) -> None:
    found = [fingerprint(image(scan(seed, shape, noise_hu))) for seed in range(60)]
    assert all(found)
    assert [pair for pair in combinations(range(60), 2) if same_scan(found[pair[0]], found[pair[1]])] == []


def test_the_same_body_with_other_noise_is_another_scan() -> None:
    noisier = SCAN + np.random.default_rng(5).normal(0, 6, SHAPE).round().astype(np.int16)
    assert not same_scan(fingerprint(image(SCAN)), fingerprint(image(noisier)))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(SHAPE, np.int16),
        np.full(SHAPE, -1024, np.int16),
        (SCAN > 0).astype(np.uint8),
        np.where(SCAN > -500, 60, -1000).astype(np.int16),
        np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.int32),
        np.pad(SCAN[10:12, 30:32, 30:32], 20, constant_values=-1024),
    ],
    ids=["empty", "air", "mask", "no noise", "a ramp", "almost nothing but air"],
)
def test_of_a_volume_without_noise_nothing_is_said(array: np.ndarray) -> None:
    assert fingerprint(image(array)) == ()
    assert not same_scan(fingerprint(image(array)), fingerprint(image(array)))


def test_a_fingerprint_is_short_and_survives_json() -> None:
    found = fingerprint(image(SCAN))
    assert tuple(json.loads(json.dumps(found))) == found
    assert sum(map(len, found)) < 1000


def test_a_fingerprint_of_a_large_scan_takes_a_moment() -> None:
    noise = np.random.default_rng(0).standard_normal((60, 512, 512), dtype=np.float32)
    large = image((60 + 12 * noise).astype(np.int16))
    began = time.process_time()
    assert fingerprint(large)
    assert time.process_time() - began < 0.3
