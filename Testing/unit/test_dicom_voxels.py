"""Every voxel is its stored value with the rescale of its own slice; padding is air, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_samples import COLUMNS, ROWS, SLICES, ct_series, enhanced, hounsfield, set_pixels, write
from pydicom.dataset import FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import MRImageStorage

from HCCAssistLib.dicom.series import check_series, read_series
from HCCAssistLib.errors import InputError

pytestmark = pytest.mark.heavy

Series = list[FileDataset]


def as_mr(slices: Series) -> Series:
    for d in slices:
        d.Modality, d.SOPClassUID, d.file_meta.MediaStorageSOPClassUID = "MR", MRImageStorage, MRImageStorage
    return slices


def rescaled(slices: Series, slopes: list[str], intercepts: list[str], seed: int = 0) -> np.ndarray:
    """Give slices random stored values and rescale values in turn; the true values."""
    random, truth = np.random.default_rng(seed), []
    for k, d in enumerate(slices):
        slope, intercept = slopes[k % len(slopes)], intercepts[k % len(intercepts)]
        stored = random.integers(0, 4000, (ROWS, COLUMNS))
        d.RescaleSlope, d.RescaleIntercept = slope, intercept
        set_pixels(d, stored)
        truth.append(stored * float(slope) + float(intercept))
    return np.array(truth)


@pytest.mark.parametrize(
    ("modality", "slopes", "intercepts"),
    [
        ("CT", ["1"], ["0", "-1024"]),
        ("CT", ["1", "0.25", "0.25"], ["-1024"]),
        ("CT", ["0.5"], ["-1024.5"]),
        ("CT", ["2", "1"], ["-1024", "-8192"]),
        ("CT", ["-1"], ["1000"]),
        ("MR", ["1", "0.004", "0.004"], ["0"]),
        ("MR", ["0.004", "1"], ["0"]),
        ("MR", ["1.53", "2.71"], ["3"]),
        ("MR", ["40"], ["0"]),
    ],
)
@pytest.mark.parametrize("descending", [False, True])
def test_each_slice_is_read_with_its_own_rescale_values(
    modality: str, slopes: list[str], intercepts: list[str], descending: bool, tmp_path: Path
) -> None:
    slices = ct_series() if modality == "CT" else as_mr(ct_series())
    truth = rescaled(slices, slopes, intercepts)
    truth = np.maximum(truth, -1024) if modality == "CT" else truth
    image, warnings = read_series(write(slices[::-1] if descending else slices, tmp_path))
    assert np.allclose(image.array, truth, rtol=1e-6, atol=1e-3)
    different = len(set(zip(slopes * len(intercepts), intercepts * len(slopes), strict=True))) > 1
    assert sum("each slice is read with its own" in w.what for w in warnings) == different


def test_signed_and_unsigned_slices_and_slices_of_other_bits_are_mixed_as_their_headers_say(tmp_path: Path) -> None:
    slices = ct_series()
    for k, d in enumerate(slices):
        if k % 3 == 1:  # signed, stored as Hounsfield units
            d.PixelRepresentation, d.RescaleIntercept = 1, "0"
            set_pixels(d, hounsfield(k))
        if k % 3 == 2:  # 12 bits, with something else in the bits above
            d.BitsStored, d.HighBit = 12, 11
            set_pixels(d, (hounsfield(k) + 1024) | 0xA000)
    image, _ = read_series(write(slices, tmp_path))
    assert image.array.dtype == np.int16
    assert np.array_equal(image.array, [hounsfield(k) for k in range(SLICES)])


def test_signed_values_of_12_bits_keep_their_sign(tmp_path: Path) -> None:
    slices = ct_series()
    for k, d in enumerate(slices):
        d.PixelRepresentation, d.RescaleIntercept, d.BitsStored, d.HighBit = 1, "0", 12, 11
        d.PixelData = (hounsfield(k).astype("<i2").view("<u2") & 0x0FFF).tobytes()
    image, _ = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, [hounsfield(k) for k in range(SLICES)])


@pytest.mark.parametrize("packed", [False, True])
def test_values_beyond_16_bits_are_kept(packed: bool, tmp_path: Path) -> None:
    slices = as_mr(ct_series())
    for k, d in enumerate(slices):
        d.RescaleIntercept = "0"
        set_pixels(d, np.full((ROWS, COLUMNS), 60_000 + k))
        if packed:
            d.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    image, _ = read_series(write(slices, tmp_path))
    assert image.array.dtype == np.uint16
    assert (image.array == 60_000 + np.arange(SLICES)[:, None, None]).all()


def test_packed_slices_are_read_with_their_own_rescale_values_too(tmp_path: Path) -> None:
    slices = ct_series()
    truth = rescaled(slices, ["1", "0.25"], ["-1024", "0"])
    for d in slices:
        d.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    image, _ = read_series(write(slices, tmp_path))
    assert np.allclose(image.array, truth)


@pytest.mark.parametrize("packed", [False, True])
def test_frames_of_one_file_are_read_each_with_its_own_rescale_values(packed: bool, tmp_path: Path) -> None:
    order = [*range(5, SLICES), *range(4, -1, -1)]
    d = enhanced(lambda n: order)
    slopes = {k: 1.0 if k % 2 else 0.5 for k in range(SLICES)}
    del d.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    for k, frame in zip(order, d.PerFrameFunctionalGroupsSequence, strict=True):
        values = pydicom.Dataset()
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = str(slopes[k]), "-1024", "HU"
        frame.PixelValueTransformationSequence = Sequence([values])
    if packed:
        d.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    image, warnings = read_series(write([d], tmp_path))
    truth = [(hounsfield(k) + 1024) * slopes[k] - 1024 for k in range(SLICES)]
    assert np.allclose(image.array, truth)
    assert sum("2 different rescale factors" in w.what for w in warnings) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d, k: k == 3 and delattr(d, "RescaleSlope"), "1 of 16 slices have no rescale values"),
        (lambda d, k: setattr(d, "RescaleSlope", "0"), "rescale slope of 0"),
    ],
)
def test_rescale_values_that_cannot_be_used_are_refused(
    change: Callable[[FileDataset, int], object], words: str, tmp_path: Path
) -> None:
    slices = as_mr(ct_series())
    for k, d in enumerate(slices):
        change(d, k)
    with pytest.raises(InputError, match=words):
        read_series(write(slices, tmp_path))


def test_a_map_made_from_ct_is_no_ct(tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        d.RescaleType = "MGML"
    with pytest.raises(InputError, match=r"no Hounsfield units \(MGML\)"):
        read_series(write(slices, tmp_path))


@pytest.mark.parametrize("place", ["shared", "every frame", "one frame"])
@pytest.mark.parametrize("unit", ["Z_EFF", "MGML"])
def test_a_map_in_a_multi_frame_file_is_no_ct_either(place: str, unit: str, tmp_path: Path) -> None:
    d = enhanced()
    shared, frames = d.SharedFunctionalGroupsSequence[0], d.PerFrameFunctionalGroupsSequence
    if place == "shared":
        shared.PixelValueTransformationSequence[0].RescaleType = unit
    for frame in {"shared": [], "every frame": frames, "one frame": frames[5:6]}[place]:
        values = pydicom.Dataset.from_json(shared.PixelValueTransformationSequence[0].to_json())
        values.RescaleType = unit
        frame.PixelValueTransformationSequence = Sequence([values])
    with pytest.raises(InputError, match=f"no Hounsfield units .{unit}."):
        read_series(write([d], tmp_path))


@pytest.mark.parametrize("named", [14, 17])
def test_frames_that_are_not_all_described_are_refused_in_one_line(named: int, tmp_path: Path) -> None:
    d = enhanced()
    d.NumberOfFrames = named
    with pytest.raises(InputError) as refused:
        read_series(write([d], tmp_path))
    (problem,) = refused.value.problems
    assert problem.what == f"its header names {named} frames and describes 16"


def round_field(slices: Series, padding: int, *, intercept: int, signed: bool, declare: bool = True) -> np.ndarray:
    """A round field of view with padding around it, and one voxel of the padding's value inside; the true values."""
    j, i = np.indices((ROWS, COLUMNS))
    outside = np.hypot((j - 5.5) / 6.5, (i - 4.5) / 5.5) > 1
    truth = []
    for k, d in enumerate(slices):
        inside = np.asarray(30 + k + j % 3)
        inside[6, 5] = padding + intercept
        d.PixelRepresentation, d.RescaleIntercept = int(signed), str(intercept)
        if declare:
            d.PixelPaddingValue = padding
        set_pixels(d, np.where(outside, padding, inside - intercept))
        truth.append(np.where(outside, -1024, inside))
    return np.array(truth)


@pytest.mark.parametrize(
    ("padding", "intercept", "signed"),
    [(0, 0, True), (1024, -1024, False), (1100, -1024, False), (4095, -1024, False)],
)
@pytest.mark.parametrize("kind", ["files", "frames", "packed"])
def test_padding_becomes_air_outside_and_the_same_value_inside_stays(
    padding: int, intercept: int, signed: bool, kind: str, tmp_path: Path
) -> None:
    slices = ct_series()
    truth = round_field(slices, padding, intercept=intercept, signed=signed)
    if kind == "frames":
        stored = b"".join(d.PixelData for d in slices)
        pad, representation = slices[0].PixelPaddingValue, int(signed)
        slices = [enhanced()]
        slices[0].PixelRepresentation, slices[0].PixelPaddingValue, slices[0].PixelData = representation, pad, stored
        values = slices[0].SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence[0]
        values.RescaleIntercept = str(intercept)
    if kind == "packed":
        for d in slices:
            d.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    image, warnings = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, truth)
    (warning,) = warnings
    assert warning.what.startswith(f"padding value {padding} ({padding + intercept:g} HU): ")
    assert "became air (-1024 HU)" in warning.what
    assert f"{SLICES} voxels inside hold the same value and were left as they are" in warning.what


@pytest.mark.parametrize(("padding", "signed"), [(-2000, True), (63536, False)])
def test_padding_beyond_the_scale_is_air_wherever_it_lies(padding: int, signed: bool, tmp_path: Path) -> None:
    slices = ct_series()
    truth = round_field(slices, padding, intercept=0, signed=signed)
    truth[:, 6, 5] = -1024
    image, warnings = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, truth)
    assert f"padding value {padding} ({padding:g} HU)" in warnings[0].what
    assert "inside" not in warnings[0].what


def test_padding_written_against_the_type_of_the_voxels_is_understood(tmp_path: Path) -> None:
    slices = ct_series()
    truth = round_field(slices, -2000, intercept=0, signed=True)
    truth[:, 6, 5] = -1024
    for d in slices:
        d.add_new("PixelPaddingValue", "US", 63536)
    image, _ = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, truth)


def test_a_range_of_padding_is_air_up_to_its_limit(tmp_path: Path) -> None:
    slices = ct_series()
    for k, d in enumerate(slices):
        d.PixelRepresentation, d.RescaleIntercept, d.PixelPaddingValue, d.PixelPaddingRangeLimit = 1, "0", 10, 0
        stored = np.full((ROWS, COLUMNS), 60 + k)
        stored[:3] = np.arange(COLUMNS)
        set_pixels(d, stored)
    image, _ = read_series(write(slices, tmp_path))
    assert (image.array[:, :3] == -1024).all()
    assert (image.array[:, 3:] == 60 + np.arange(SLICES)[:, None, None]).all()


def test_each_slice_has_its_own_padding(tmp_path: Path) -> None:
    slices = ct_series()
    truth = np.concatenate(
        [
            round_field(slices[:5], 0, intercept=0, signed=True),
            round_field(slices[5:10], 1100, intercept=-1024, signed=False),
            round_field(slices[10:], 0, intercept=0, signed=True, declare=False),
        ]
    )
    truth[10:][truth[10:] == -1024] = 0  # nothing says that this is padding
    image, warnings = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, truth)
    assert any("padding values 0 (0 HU), 1100 (76 HU)" in w.what for w in warnings)


def test_padding_that_the_headers_do_not_name_is_left_and_told(tmp_path: Path) -> None:
    slices = ct_series()
    truth = round_field(slices, 0, intercept=0, signed=True, declare=False)
    image, warnings = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, np.where(truth == -1024, 0, truth))
    assert ["all voxels are 0 HU, like padding that the headers do not name" in w.what for w in warnings] == [True]


@pytest.mark.parametrize("named", [None, 0, -2000])
@pytest.mark.parametrize(
    ("value", "said"), [(-3024, "below -1024 HU (down to -3024 HU)"), (31_000, "above 30,710 HU (up to 31000 HU)")]
)
def test_values_beyond_the_scale_that_no_header_names_become_air(
    value: int, said: str, named: int | None, tmp_path: Path
) -> None:
    slices = ct_series()
    truth = round_field(slices, value, intercept=0, signed=True, declare=False)
    truth[:, 6, 5] = -1024
    for d in slices:
        if named is not None:
            d.PixelPaddingValue = named
    image, warnings = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, truth)
    (warning,) = warnings
    assert said in warning.what and "became air (-1024 HU)" in warning.what
    share = float(re.match(r"([\d.]+) % of the voxels", warning.what)[1])  # type: ignore[index]
    assert share == pytest.approx(100 * (truth == -1024).mean(), rel=0.05)


def test_unsigned_padding_beyond_the_scale_becomes_air_and_mr_is_left_alone(tmp_path: Path) -> None:
    slices = ct_series()
    truth = round_field(slices, 63_536, intercept=-1024, signed=False, declare=False)
    truth[:, 6, 5] = -1024
    image, (warning,) = read_series(write(slices, tmp_path / "ct"))
    assert np.array_equal(image.array, truth)
    assert "up to 62512 HU" in warning.what
    mr, _ = read_series(write(as_mr(slices), tmp_path / "mr"))
    assert mr.array.max() == 62_512


def test_fields_that_only_say_the_usual_may_be_missing(tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        del d.SamplesPerPixel, d.PixelRepresentation, d.HighBit, d.BitsStored
    image, _ = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, [hounsfield(k) for k in range(SLICES)])


@pytest.mark.parametrize("implicit", [False, True])
def test_padding_is_read_whatever_the_transfer_syntax(implicit: bool, tmp_path: Path) -> None:
    slices = ct_series()
    truth = round_field(slices, 0, intercept=0, signed=True)
    for n, d in enumerate(slices):
        d.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
        pydicom.dcmwrite(
            tmp_path / f"{n}.dcm",
            pydicom.dataset.FileDataset("", dict(d.items()), file_meta=d.file_meta, preamble=b"\0" * 128),
            implicit_vr=implicit,
            little_endian=True,
        )
    image, _ = read_series(tmp_path)
    assert np.array_equal(image.array, truth)


@pytest.mark.parametrize("padding", [24, 0])
def test_padding_that_is_not_there_or_is_air_already_is_not_mentioned(padding: int, tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        d.PixelPaddingValue = padding  # -1000 and -1024 HU
        stored = np.frombuffer(d.PixelData, "<u2").reshape(ROWS, COLUMNS).copy()
        stored[:2] = padding
        set_pixels(d, stored)
    image, warnings = read_series(write(slices, tmp_path))
    assert warnings == ()
    assert (image.array[:, :2] == padding - 1024).all()


def test_single_voxels_of_tissue_on_the_border_are_no_padding(tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        stored = np.full((ROWS, COLUMNS), 50)
        stored[0, 4] = stored[7, -1] = 0
        d.PixelRepresentation, d.RescaleIntercept, d.PixelPaddingValue = 1, "0", 0
        set_pixels(d, stored)
    image, warnings = read_series(write(slices, tmp_path))
    assert warnings == ()
    assert (image.array[:, 0, 4] == 0).all()


def test_padding_of_mr_becomes_no_signal(tmp_path: Path) -> None:
    slices = as_mr(ct_series())
    truth = round_field(slices, 4000, intercept=0, signed=False)
    truth[truth == -1024] = 0
    image, warnings = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, truth)
    assert "became 0" in warnings[0].what
    assert "HU" not in warnings[0].what


def test_a_file_that_cannot_be_decoded_is_refused_in_one_line(tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        d.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    body = slices[4].PixelData
    slices[4].PixelData = body[:8] + bytes(len(body) - 16) + body[-8:] if len(body) > 16 else body
    with pytest.raises(InputError) as refused:
        read_series(write(slices, tmp_path))
    assert len(refused.value.problems) == 1
    assert str(tmp_path) not in str(refused.value)


def test_the_check_reads_no_voxels_and_the_report_names_each_frame(tmp_path: Path) -> None:
    order = [*range(5, SLICES), *range(4, -1, -1)]
    (report,) = check_series(write([enhanced(lambda n: order)], tmp_path))
    assert [order[frame] for frame in report.frames] == list(range(SLICES))
    assert [file.name for file in report.files] == ["000.dcm"]
