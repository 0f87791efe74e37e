"""Voxels that cannot be Hounsfield units are told with what was measured; odd ones that can be pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from body import body_image, oblique_grid

from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.image import Image

CT = body_image(oblique_grid())
HU = CT.array.astype(np.float32)
RNG = np.random.default_rng(3)
shared = Path(__file__).resolve().parents[3] / "shared"


def windowed(low: float, high: float) -> np.ndarray:
    return np.rint((HU - low).clip(0, high - low) / (high - low) * 255).astype(np.uint8)


def mr() -> np.ndarray:
    """Bright tissue, Rayleigh noise for air."""
    signal = np.where(HU > -300, 300 + 2.0 * HU.clip(-100, 200), 0)
    return np.hypot(signal + RNG.normal(0, 8, HU.shape), RNG.normal(0, 8, HU.shape)).round().astype(np.int16)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        ((HU.clip(-1024, 1000) + 1024) / 2024, "all voxels lie between 0"),
        ((HU - HU.mean()) / HU.std(), "as after a normalisation"),
        ((HU.clip(-200, 300) - 50) / 250, "as after a normalisation"),
        ((HU.clip(-1024) + 1024).astype(np.int16), "lie above 800 (the middle one at 106"),
        ((HU + 1000).astype(np.int16), "an offset of 1,000 or 1,024"),
        (-HU, "or are they inverted"),
        (windowed(-140, 260), "a picture of 8 bits"),
        (windowed(-1000, 1000), "a picture of 8 bits"),
        (windowed(-160, 90).astype(np.int16) - 128, "from -128 to 127, as in a picture of 8 bits"),
        (mr(), "as in MR"),
        (HU - 1024, "hardly anything but air"),
        (np.full(HU.shape, -1000, np.int16), "all voxels have the value -1000"),
        (np.full(HU.shape, 0, np.uint8), "all voxels have the value 0"),
        (RNG.normal(-1000, 15, HU.shape), "hardly anything but air"),
        (np.where(HU > 0, -2048, -3024), "all voxels lie below -1200"),
    ],
)
def test_voxels_in_other_units_are_told(array: np.ndarray, says: str) -> None:
    assert says in hounsfield_objection(CT.with_array(array, "spoiled"))


def padded(value: int, array: np.ndarray = HU) -> np.ndarray:
    spoiled = array.copy()
    spoiled[:, :, :6] = value
    return spoiled


@pytest.mark.parametrize("value", [-3024, -2048, -2000, -32768])
def test_an_offset_shows_behind_padding_and_padding_alone_is_no_fault(value: int) -> None:
    assert hounsfield_objection(CT.with_array(padded(value), "padded")) == ""
    assert "an offset" in hounsfield_objection(CT.with_array(padded(value, HU + 1024), "padded"))


def crop(array: np.ndarray, mm: float = 60.0) -> Image:
    return Image(array, Geometry.from_parts(array.shape, (mm / array.shape[2],) * 3))


@pytest.mark.parametrize(
    "image",
    [
        CT,
        CT.with_array(HU.astype(np.float32), "float"),
        crop(RNG.normal(60, 12, (30, 40, 50))),  # within a liver, no air
        crop(RNG.normal(60, 45, (30, 40, 50))),  # noisier
        crop(np.where(np.arange(50) < 25, 60, 150) + np.zeros((30, 40, 50))),  # a phantom of two tissues
        crop(RNG.normal(-850, 60, (30, 40, 50)) + 900 * (np.arange(50) > 44)),  # mostly lung
        CT.with_array(np.where(RNG.random(HU.shape) < 0.01, 3071, HU), "metal"),
        CT.with_array(np.where(RNG.random(HU.shape) < 0.01, 12000, HU), "metal on an extended scale"),
        CT.with_array(HU.clip(-1024, 3071), "clamped"),
    ],
    ids=lambda image: "",
)
def test_hounsfield_units_pass_without_air_with_metal_and_in_crops(image: Image) -> None:
    assert hounsfield_objection(image) == ""


def test_one_odd_voxel_in_a_million_is_not_overlooked_when_all_are_said_to_be_equal() -> None:
    array = np.full((40, 200, 200), 60, np.int16)
    assert "all voxels have the value 60" in hounsfield_objection(crop(array))
    array[17, 31, 44] = 61
    assert hounsfield_objection(crop(array)) == ""


def test_the_storage_order_does_not_matter() -> None:
    for array in (np.asfortranarray(HU + 1024), (HU + 1024)[::-1, :, ::-1]):
        assert "an offset" in hounsfield_objection(CT.with_array(array, "stored otherwise"))


@pytest.mark.shared
def test_real_scans_are_told_apart() -> None:
    folder = shared / "data" / "ts_examples"
    if not folder.is_dir():
        pytest.skip("SKIPPED: ../shared/data/ts_examples not found")
    assert hounsfield_objection(read_image(folder / "example_ct.nii.gz")) == ""
    assert hounsfield_objection(read_image(folder / "example_ct_sm.nii.gz")) == ""
    assert "as in MR" in hounsfield_objection(read_image(folder / "example_mr_sm.nii.gz"))
