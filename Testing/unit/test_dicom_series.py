"""Faulty series are named before anything reads them; sound ones are read right."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_samples import (
    COLUMNS,
    IDENTIFIERS,
    ORIGIN,
    ROWS,
    SLICES,
    STEP_MM,
    ct_series,
    enhanced,
    hounsfield,
    new_instance,
    phases_in_one_series,
    set_pixels,
    write,
)
from pydicom.dataset import FileDataset
from pydicom.uid import MRImageStorage, SecondaryCaptureImageStorage, generate_uid

from HCCAssistLib.dicom.series import check_series, read_series, read_stack
from HCCAssistLib.dicom.volume import read_volume
from HCCAssistLib.errors import InputError

shared = Path(__file__).resolve().parents[3] / "shared"
Series = list[FileDataset]


def tilted(degrees: float = 15) -> Series:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return _each(lambda d: setattr(d, "ImageOrientationPatient", [1, 0, 0, 0, c, -s]))


def _each(change: Callable[[FileDataset], object]) -> Series:
    slices = ct_series()
    for d in slices:
        change(d)
    return slices


def without(field: str) -> Series:
    return _each(lambda d: delattr(d, field))


def with_field(field: str, value: object) -> Series:
    return _each(lambda d: setattr(d, field, value))


def missing(*which: int) -> Series:
    return [d for k, d in enumerate(ct_series()) if k not in which]


def changing_spacing() -> Series:
    slices, z = ct_series(), ORIGIN[2]
    for k, d in enumerate(slices):
        d.ImagePositionPatient = [*ORIGIN[:2], z]
        z += 2 if k < SLICES // 2 else 5
    return slices


def duplicated() -> Series:
    slices = ct_series()
    return [*slices, new_instance(slices[4])]


def shifted_sideways() -> Series:
    slices = ct_series()
    slices[7].ImagePositionPatient = [ORIGIN[0] + 4, ORIGIN[1], ORIGIN[2] + 7 * STEP_MM]
    return slices


def one_of_another_matrix() -> Series:
    slices = ct_series()
    set_pixels(slices[5], (hounsfield(5) + 1024)[::2, ::2])
    return slices


def two_frames_of_reference() -> Series:
    slices = ct_series()
    for d in slices[8:]:
        d.FrameOfReferenceUID = "1.2.3"
    return slices


def unpackable() -> Series:
    slices = ct_series()
    for d in slices:
        d.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.201"  # HTJ2K
        d.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" * 20])
        d["PixelData"].is_undefined_length = True
    return slices


STOPS: dict[str, tuple[Callable[[], Series], str]] = {
    "gantry tilt": (tilted, "gantry tilt: the slices are sheared by 15.0 degrees"),
    "one missing slice": (lambda: missing(8), "1 slice(s) missing near slice 8: the spacing jumps from 2.00 to 4.00"),
    "three missing slices": (lambda: missing(8, 9, 10), "3 slice(s) missing near slice 8"),
    "missing slices at two places": (lambda: missing(3, 9, 10), "3 slice(s) missing near slice 3"),
    "changing spacing": (changing_spacing, "slice spacing varies from 2.00 to 5.00 mm"),
    "duplicate slice": (duplicated, "1 slice lies on a position already taken"),
    "slice out of line": (shifted_sideways, "shifted sideways against each other by 4.0 mm"),
    "inverted grey values": (lambda: with_field("PhotometricInterpretation", "MONOCHROME1"), "inverted (MONOCHROME1)"),
    "no orientation": (lambda: without("ImageOrientationPatient"), "without position or orientation"),
    "no position": (lambda: without("ImagePositionPatient"), "without position or orientation"),
    "no pixel spacing": (lambda: without("PixelSpacing"), "no pixel spacing"),
    "no rescale": (lambda: without("RescaleIntercept"), "no Hounsfield units"),
    "slice of another matrix": (one_of_another_matrix, "1 slice(s) missing near slice 5"),
    "crooked axes": (
        lambda: with_field("ImageOrientationPatient", [1, 0, 0, 0.3, 0.954, 0]),
        "not at right angles",
    ),
    "single slice": (lambda: ct_series(1), "a single slice is not a volume"),
    "unknown packing": (unpackable, "packed in a way that cannot be read"),
}


@pytest.mark.parametrize("fault", STOPS)
def test_a_faulty_series_is_refused_with_the_fault_in_plain_words(fault: str, tmp_path: Path) -> None:
    make, words = STOPS[fault]
    write(make(), tmp_path)
    with pytest.raises(InputError) as refused:
        read_series(tmp_path)
    assert words in str(refused.value)
    assert all(problem.level == "STOP" for problem in refused.value.problems)
    assert not any(identifier in str(refused.value) for identifier in (*IDENTIFIERS, str(tmp_path)))


def padded() -> Series:
    def pad(d: FileDataset) -> None:
        stored = pydicom.pixels.pixel_array(d).astype(int) - 1024
        stored[:2] = -2000
        d.PixelRepresentation, d.RescaleIntercept, d.PixelPaddingValue = 1, "0", -2000
        set_pixels(d, stored)

    return _each(pad)


def differing_rescale() -> Series:
    slices = ct_series()
    for k, d in enumerate(slices):
        slope = 1 + k % 2
        d.RescaleSlope, d.RescaleIntercept = str(slope), "-1024"
        set_pixels(d, (hounsfield(k) + 1024) // slope)
    return slices


def empty_uids() -> Series:
    return _each(lambda d: (setattr(d, "SOPInstanceUID", ""), setattr(d, "SeriesInstanceUID", "")))


WARNINGS: dict[str, tuple[Callable[[], Series], str]] = {
    "padding": (padded, "padding value -2000"),
    "differing rescale": (differing_rescale, "2 different rescale factors"),
    "pixels not square": (lambda: with_field("PixelSpacing", [0.8, 1.2]), "not square (1.2 x 0.8 mm)"),
    "thick slices": (lambda: with_field("SliceThickness", 3.2), "3.2 mm thick but 2.00 mm apart (they overlap)"),
    "empty identifiers": (empty_uids, "empty identifiers (UIDs)"),
    "few slices": (lambda: ct_series(4), "only 4 slices"),
    "loss": (lambda: with_field("LossyImageCompression", "01"), "compressed with loss"),
}


@pytest.mark.parametrize("fault", WARNINGS)
def test_a_lesser_fault_is_read_right_and_comes_back_as_a_warning(fault: str, tmp_path: Path) -> None:
    make, words = WARNINGS[fault]
    slices = make()
    write(slices, tmp_path)
    image, warnings = read_series(tmp_path)
    assert [w.level for w in warnings] == ["WARN"]
    assert words in warnings[0].what
    _assert_every_voxel_where_its_header_says(image, slices)


def _assert_every_voxel_where_its_header_says(image, slices: Series) -> None:
    assert image.array.shape[0] == len(slices)
    for d in slices:
        index = image.geometry.to_index(np.array(d.ImagePositionPatient, dtype=float))
        k = round(index[2])
        assert np.abs(index - [0, 0, k]).max() < 1e-3
        stored = np.frombuffer(d.PixelData, "<i2" if d.PixelRepresentation else "<u2").reshape(d.Rows, d.Columns)
        truth = stored * float(d.RescaleSlope) + float(d.RescaleIntercept)
        truth[stored == d.get("PixelPaddingValue")] = -1024
        assert np.array_equal(image.array[k], truth)
    corner = image.geometry.to_world((COLUMNS - 1, ROWS - 1, 0)) - image.geometry.origin
    d = slices[0]
    row, column = np.array(d.ImageOrientationPatient, dtype=float).reshape(2, 3)
    truth = row * d.PixelSpacing[1] * (COLUMNS - 1) + column * d.PixelSpacing[0] * (ROWS - 1)
    assert np.allclose(corner, truth, atol=1e-6)


def oblique() -> Series:
    row, column = np.array([0.96, 0.0, 0.28]), np.array([0.0, 1.0, 0.0])
    normal = np.cross(row, column)

    def turn(d: FileDataset) -> None:
        d.ImageOrientationPatient = [*row, *column]
        d.ImagePositionPatient = [round(v, 6) for v in ORIGIN + normal * STEP_MM * (d.InstanceNumber - 1)]

    return _each(turn)


def jittered() -> Series:
    random = np.random.default_rng(0)

    def shake(d: FileDataset) -> None:
        d.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + STEP_MM * (d.InstanceNumber - 1) + random.normal(0, 1e-4)]

    return _each(shake)


SOUND: dict[str, Callable[[], Series]] = {
    "plain": ct_series,
    "descending": lambda: ct_series()[::-1],
    "shuffled": lambda: sorted(ct_series(), key=lambda d: (d.InstanceNumber * 7) % SLICES),
    "jitter of a micrometre": jittered,
    "oblique": oblique,
    "coronal": lambda: _coronal(),
    "odd decimals": lambda: with_field("PixelSpacing", ["08.00E-01", " 0.8 "]),
}


def _coronal() -> Series:
    def turn(d: FileDataset) -> None:
        d.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        d.ImagePositionPatient = [-30, -20 + STEP_MM * (d.InstanceNumber - 1), 50]

    return _each(turn)


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_series_is_read_without_a_word(case: str, tmp_path: Path) -> None:
    slices = SOUND[case]()
    write(slices, tmp_path)
    image, warnings = read_series(tmp_path, name="case 7")
    assert warnings == ()
    assert image.name == "case 7"
    assert image.array.dtype == np.int16
    _assert_every_voxel_where_its_header_says(image, slices)


def test_a_file_cut_in_half_is_named(tmp_path: Path) -> None:
    write(ct_series(), tmp_path)
    file = tmp_path / "007.dcm"
    file.write_bytes(file.read_bytes()[: file.stat().st_size - 20])
    with pytest.raises(InputError, match=r"007\.dcm: is cut short"):
        read_series(tmp_path)


@pytest.mark.parametrize("bytes_left", [0, 140, 300, 700])
def test_a_file_cut_within_its_header_is_named(bytes_left: int, tmp_path: Path) -> None:
    write(ct_series(), tmp_path)
    file = tmp_path / "015.dcm"
    file.write_bytes(file.read_bytes()[:bytes_left])
    with pytest.raises(InputError, match=r"015\.dcm"):
        read_series(tmp_path)


def test_identifiers_in_file_names_are_shortened(tmp_path: Path) -> None:
    write(ct_series(), tmp_path)
    (tmp_path / "003.dcm").rename(tmp_path / "CT.1.2.826.0.1.3680043.123456789")
    file = tmp_path / "CT.1.2.826.0.1.3680043.123456789"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"CT\.\.\.\.56789: is cut short"):
        read_series(tmp_path)


@pytest.mark.parametrize("same_size", [True, False])
def test_a_scout_in_the_series_is_set_aside(same_size: bool, tmp_path: Path) -> None:
    slices = ct_series()
    scout = new_instance(slices[0])
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.ImageOrientationPatient, scout.ImagePositionPatient = [1, 0, 0, 0, 0, -1], [-250, 0, -600]
    set_pixels(scout, np.full((ROWS, COLUMNS) if same_size else (7, 9), 3000))
    write([scout, *slices], tmp_path)
    (report,) = check_series(tmp_path)
    assert report.set_aside == 1
    image, warnings = read_series(tmp_path)
    assert warnings == ()
    _assert_every_voxel_where_its_header_says(image, slices)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"SOPClassUID": SecondaryCaptureImageStorage}, "saved again as a picture (secondary capture)"),
        ({"Modality": "MR", "SOPClassUID": MRImageStorage}, "of modality MR"),
        ({"SeriesInstanceUID": "1.2.3"}, "of another study or series"),
        ({"PatientID": "PID-1"}, "of another patient"),
        ({"FrameOfReferenceUID": "1.2.3"}, "of another frame of reference"),
        ({"PixelSpacing": [0.5, 0.5]}, "of another size or orientation"),
    ],
)
def test_a_single_image_that_is_left_out_is_called_what_it_is(
    fields: dict[str, object], said: str, tmp_path: Path
) -> None:
    slices = ct_series()
    single = new_instance(slices[3])
    for name, value in fields.items():
        setattr(single, name, value)
    single.file_meta.MediaStorageSOPClassUID = single.SOPClassUID
    write([*slices, single], tmp_path)
    image, warnings = read_series(tmp_path)
    assert f"1 image(s) {said} left out" in [w.what for w in warnings]
    assert image.array.shape[0] == len(slices)


def test_an_unmarked_scout_is_left_out_with_a_warning(tmp_path: Path) -> None:
    slices = ct_series()
    scout = new_instance(slices[0])
    scout.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    write([scout, *slices], tmp_path)
    image, warnings = read_series(tmp_path)
    assert [w.what for w in warnings] == ["1 image(s) of another size or orientation left out"]
    _assert_every_voxel_where_its_header_says(image, slices)


def _without_acquisition_number(slices: Series) -> Series:
    for d in slices:
        d.AcquisitionNumber = 1
    return slices


def _with_unequal_cover(slices: Series) -> Series:
    return slices[SLICES // 2 :]


def _off_by_a_little(slices: Series) -> Series:
    for d in slices:
        x, y, z = d.ImagePositionPatient
        d.ImagePositionPatient = [x, y, z + 0.3 * d.AcquisitionNumber]
    return slices


@pytest.mark.parametrize("variant", [lambda s: s, _without_acquisition_number, _with_unequal_cover, _off_by_a_little])
def test_phases_in_one_series_are_told_apart_and_one_must_be_chosen(
    variant: Callable[[Series], Series], tmp_path: Path
) -> None:
    slices = variant(phases_in_one_series())
    write(slices, tmp_path)
    with pytest.raises(InputError, match="3 volumes in one folder") as refused:
        read_series(tmp_path)
    assert "choose one of them" in str(refused.value).lower()
    reports = check_series(tmp_path)
    assert [report.is_readable for report in reports] == [True, True, True]
    assert len({report.label for report in reports}) == 3
    for phase, report in enumerate(reports):
        image, _ = read_stack(report)
        z = image.geometry.origin[2]
        k = round((z - ORIGIN[2]) // STEP_MM)
        assert np.array_equal(image.array[0], hounsfield(k) + 10 * phase)
        assert image.array.shape[0] == SLICES - k


def test_a_slice_missing_from_one_of_three_phases_is_found_in_that_phase(tmp_path: Path) -> None:
    slices = phases_in_one_series()
    del slices[SLICES + 6]
    write(slices, tmp_path)
    reports = check_series(tmp_path)
    assert [report.is_readable for report in reports] == [True, False, True]
    assert "1 slice(s) missing near slice 6" in reports[1].problems[0].what


def test_a_gap_between_two_acquisitions_is_a_gap_not_two_volumes(tmp_path: Path) -> None:
    slices = missing(8)
    for d in slices[8:]:
        d.AcquisitionNumber = 2
    write(slices, tmp_path)
    (report,) = check_series(tmp_path)
    assert "missing" in report.problems[0].what


def test_two_patients_in_one_folder_are_never_mixed(tmp_path: Path) -> None:
    one, other = ct_series(), ct_series()
    for d in other:
        d.PatientID, d.SeriesInstanceUID = "another", ""
    for d in one:
        d.SeriesInstanceUID = ""
    write(one + other, tmp_path)
    assert [report.slices for report in check_series(tmp_path)] == [SLICES, SLICES]
    with pytest.raises(InputError, match="2 volumes in one folder"):
        read_series(tmp_path)


def test_slices_of_two_frames_of_reference_are_not_joined(tmp_path: Path) -> None:
    write(two_frames_of_reference(), tmp_path)
    with pytest.raises(InputError, match="2 volumes in one folder"):
        read_series(tmp_path)


def test_a_multi_frame_object_is_read_whatever_the_order_of_its_frames(tmp_path: Path) -> None:
    truth = np.stack([hounsfield(k) for k in range(SLICES)])
    for n, order in enumerate((lambda n: list(range(n)), lambda n: [*range(5, n), *range(4, -1, -1)])):
        write([enhanced(order)], tmp_path / str(n))
        image, warnings = read_series(tmp_path / str(n))
        assert warnings == ()
        assert np.array_equal(image.array, truth)
        assert np.allclose(image.geometry.origin, ORIGIN)
        assert np.allclose(image.geometry.spacing, (0.8, 0.8, STEP_MM))


def test_a_multi_frame_object_with_a_missing_frame_is_refused(tmp_path: Path) -> None:
    write([enhanced(lambda n: [k for k in range(n) if k != 6])], tmp_path)
    with pytest.raises(InputError, match="missing near slice 6"):
        read_series(tmp_path)


def test_other_files_in_the_folder_are_left_aside(tmp_path: Path) -> None:
    slices = ct_series()
    write(slices, tmp_path)
    (tmp_path / "LICENSE").write_text("free")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "DICOMDIR").write_bytes(b"")
    structures = new_instance(slices[0])
    structures.Modality = "SEG"
    structures.save_as(tmp_path / "seg.dcm")
    image, warnings = read_series(tmp_path)
    assert warnings == ()
    assert image.array.shape == (SLICES, ROWS, COLUMNS)


def test_a_text_file_named_dcm_is_refused(tmp_path: Path) -> None:
    write(ct_series(), tmp_path)
    (tmp_path / "016.dcm").write_text("not a slice")
    with pytest.raises(InputError, match=r"016\.dcm: is not a DICOM file"):
        read_series(tmp_path)


def test_a_folder_without_images_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no CT or MR images"):
        read_series(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_series(tmp_path / "nowhere")


def test_the_series_is_read_by_read_volume_with_its_warnings_in_the_history(tmp_path: Path) -> None:
    write(ct_series(4), tmp_path)
    image = read_volume(tmp_path, name="case 7")
    assert image.array.shape == (4, ROWS, COLUMNS)
    assert any("only 4 slices" in step for step in image.history)


def test_nothing_that_names_a_patient_leaves_the_reader(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    slices = ct_series()
    for d in slices:
        d.SeriesDescription = "Muster Maria late art"
    folder = write(slices, tmp_path / "Muster^Maria")
    image, _ = read_series(folder)
    (report,) = check_series(folder)
    said = f"{image.history} {image.name} {report} {report.phase} {report.problems} {report!r} {capfd.readouterr()}"
    assert "late arterial" in said
    assert not any(identifier in said for identifier in (*IDENTIFIERS, "Muster"))


@pytest.mark.shared
def test_a_real_portal_series_is_read_with_its_padding_named(tmp_path: Path) -> None:
    image, warnings = _read_shared("crlm_ct_1004/CRLM-CT-1004.zip", tmp_path)
    assert image.array.shape == (41, 512, 512)
    assert image.array.dtype == np.int16
    assert [w.what[:19] for w in warnings] == ["padding value -2000"]
    assert np.allclose(image.geometry.spacing, (0.796875, 0.796875, 5.0))
    _assert_agrees_with_itk(image, tmp_path)


@pytest.mark.shared
def test_a_real_series_in_jpeg_2000_without_identifiers_is_read(tmp_path: Path) -> None:
    image, warnings = _read_shared("ts_examples/example_ct_dicom.zip", tmp_path)
    assert image.array.shape == (20, 512, 512)
    assert np.allclose(image.geometry.spacing[2], 2.0)
    assert ["overlap" in w.what or "UIDs" in w.what for w in warnings] == [True, True]
    (report,) = check_series(tmp_path)
    assert (report.phase.phase, report.phase.confidence) == ("portal venous", "medium")


def _read_shared(path: str, folder: Path):
    archive = shared / "data" / path
    if not archive.is_file():
        pytest.skip(f"SKIPPED: ../shared/data/{path} not found")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return read_series(folder)


def _assert_agrees_with_itk(image, folder: Path) -> None:
    inner = next(path.parent for path in folder.rglob("*.dcm"))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(inner)))
    volume = reader.Execute()
    assert np.array_equal(np.maximum(sitk.GetArrayFromImage(volume), -1024), image.array)
    assert np.allclose(volume.GetOrigin(), image.geometry.origin)
    assert np.allclose(np.reshape(volume.GetDirection(), (3, 3)), image.geometry.directions)


REFUSED = {
    "d2n_failing/gantrytilting/001": "gantry tilt",
    "d2n_failing/notavolume/001": "position already taken",
    "d2n_failing/sliceincrement/001": "missing near slice 3",
    "d2n_failing/sliceincrement/002": "gantry tilt",
    "d2n_failing/sliceorientation/001": "2 volumes in one folder",
}


@pytest.mark.shared
@pytest.mark.parametrize("folder", REFUSED)
def test_real_faulty_series_are_refused(folder: str) -> None:
    with pytest.raises(InputError, match=REFUSED[folder]):
        read_series(_odd(folder))


@pytest.mark.shared
@pytest.mark.parametrize(
    "folder",
    [
        *(f"d2n_compressed/compressed{kind}/001" for kind in ("", "_j2k", "_jpeg", "_jpegls", "_rle")),
        *(f"d2n_enhanced/{kind}_anatomical/001" for kind in ("hyperfine", "philips", "siemens")),
        "d2n_enhanced/philips_anatomical/001_implicit",
    ],
)
def test_real_compressed_and_multi_frame_series_are_read(folder: str) -> None:
    image, warnings = read_series(_odd(folder))
    assert any("only" in w.what for w in warnings)
    assert np.ptp(image.array) > 100


def _odd(folder: str) -> Path:
    path = shared / "data/dicom_odd" / folder
    if not path.is_dir():
        pytest.skip(f"SKIPPED: ../shared/data/dicom_odd/{folder} not found")
    return path


def test_a_truncated_compressed_file_is_found(tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        d.compress(pydicom.uid.RLELossless)
        d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    write(slices, tmp_path)
    image, warnings = read_series(tmp_path)
    assert warnings == ()
    assert np.array_equal(image.array[3], hounsfield(3))
    file = tmp_path / "003.dcm"
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"003\.dcm: is cut short"):
        read_series(tmp_path)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"])
def test_every_plain_transfer_syntax_is_read(syntax: str, tmp_path: Path) -> None:
    slices = ct_series()
    for n, d in enumerate(slices):
        if syntax == "1.2.840.10008.1.2.2":  # big endian
            d.PixelData = np.frombuffer(d.PixelData, "<u2").astype(">u2").tobytes()
        d.file_meta.TransferSyntaxUID = syntax
        target = pydicom.Dataset(dict(d.items()))
        plain = FileDataset("", target, file_meta=d.file_meta, preamble=b"\0" * 128)
        is_big = syntax == "1.2.840.10008.1.2.2"
        pydicom.dcmwrite(
            tmp_path / f"{n:03d}.dcm", plain, implicit_vr=syntax.endswith(".1.2"), little_endian=not is_big
        )
    image, warnings = read_series(tmp_path)
    assert warnings == ()
    assert np.array_equal(image.array, [hounsfield(k) for k in range(SLICES)])


def test_odd_numbers_in_fields_that_do_not_matter_do_no_harm(tmp_path: Path) -> None:
    def odd(d: FileDataset) -> None:
        with pydicom.config.disable_value_validation():
            d.add_new("SeriesNumber", "LO", "4.5")
            d.add_new("AcquisitionNumber", "LO", "many")
            d.add_new("SliceThickness", "LO", "thin")
            d.add_new("WindowCenter", "DS", [40, 400])

    write(_each(odd), tmp_path)
    image, warnings = read_series(tmp_path)
    assert warnings == ()
    assert image.array.shape[0] == SLICES


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_damaged_headers_never_crash_and_never_pass_a_path_on(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    write(ct_series(), tmp_path)
    file = tmp_path / "005.dcm"
    sound = file.read_bytes()
    refused = 0
    for _ in range(120):
        damaged = bytearray(sound)
        for place in random.integers(132, len(sound) - 2 * ROWS * COLUMNS, 3):
            damaged[place] = random.integers(256)
        file.write_bytes(damaged)
        try:
            read_series(tmp_path)
        except InputError as error:
            refused += 1
            assert str(tmp_path) not in str(error)
    assert refused > 40


ACQUIRED = {
    "date and time": ({"AcquisitionDate": "20250131", "AcquisitionTime": "142500.5"}, "20250131142500"),
    "one field for both": ({"AcquisitionDateTime": "20250131142501.25+0100"}, "20250131142501"),
    "the day of the study alone": ({"StudyDate": "20250131"}, "20250131"),
    "none": ({}, ""),
}


@pytest.mark.parametrize("known", ACQUIRED)
def test_day_and_time_of_a_scan_come_with_its_volume(known: str, tmp_path: Path) -> None:
    fields, wanted = ACQUIRED[known]
    slices = ct_series()
    for d in slices:
        for name in ("AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "StudyDate"):
            if name in d:
                delattr(d, name)
        for name, value in fields.items():
            setattr(d, name, value)
    image, _ = read_series(write(slices, tmp_path))
    assert image.acquired == wanted and image.with_array(image.array, "step").acquired == wanted
