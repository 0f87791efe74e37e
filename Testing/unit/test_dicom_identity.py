"""Identifiers, patients, file headers and kinds of objects: what is read, and what each refusal says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_samples import (
    COLUMNS,
    IDENTIFIERS,
    ROWS,
    SLICES,
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

from HCCAssistLib.dicom.series import check_series, read_series
from HCCAssistLib.errors import InputError

Series = list[FileDataset]
TRUTH = np.stack([hounsfield(k) for k in range(SLICES)])


def each(*fields: str) -> Series:
    """A series anonymised file by file: some fields have another value in each slice."""
    slices = ct_series()
    for k, d in enumerate(slices):
        for field in fields:
            setattr(d, field, k + 1 if field == "SeriesNumber" else f"x{k}" if "Patient" in field else generate_uid())
        d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
    return slices


@pytest.mark.parametrize(
    "fields",
    [
        ("FrameOfReferenceUID",),
        ("SeriesInstanceUID",),
        ("StudyInstanceUID",),
        ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID", "SeriesNumber"),
    ],
)
def test_slices_anonymised_one_by_one_are_one_volume_with_a_warning(fields: tuple[str, ...], tmp_path: Path) -> None:
    image, warnings = read_series(write(each(*fields), tmp_path))
    assert np.array_equal(image.array, TRUTH)
    (warning,) = warnings
    assert "16 different" in warning.what
    assert "anonymising each file" in warning.what


def test_phases_anonymised_one_by_one_are_still_two_volumes(tmp_path: Path) -> None:
    slices = phases_in_one_series(2)
    for d in slices:
        d.SeriesInstanceUID = generate_uid()
    write(slices, tmp_path)
    assert [report.slices for report in check_series(tmp_path)] == [SLICES, SLICES]


def test_a_slice_missing_among_those_anonymised_one_by_one_is_found(tmp_path: Path) -> None:
    slices = each("SeriesInstanceUID")
    del slices[6]
    with pytest.raises(InputError, match="1 slice\\(s\\) missing near slice 6") as refused:
        read_series(write(slices, tmp_path))
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(
    "fields", [("PatientID",), ("PatientName",), ("PatientID", "SeriesInstanceUID"), ("PatientID", "StudyInstanceUID")]
)
def test_slices_that_name_different_patients_are_refused_in_one_line(fields: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="16 different patients") as refused:
        read_series(write(each(*fields), tmp_path))
    assert len(refused.value.problems) == 1
    assert "x3" not in str(refused.value)


@pytest.mark.parametrize("field", ["PatientID", "PatientName"])
def test_two_patients_under_one_series_identifier_are_two_volumes(field: str, tmp_path: Path) -> None:
    slices = ct_series(2 * SLICES)
    for d in slices[SLICES:]:
        setattr(d, field, "another")
    write(slices, tmp_path)
    assert [report.slices for report in check_series(tmp_path)] == [SLICES, SLICES]
    with pytest.raises(InputError, match="2 volumes in one folder"):
        read_series(tmp_path)


@pytest.mark.parametrize("field", ["PatientID", "PatientName", "FrameOfReferenceUID"])
def test_fields_that_were_emptied_in_some_slices_do_not_take_a_series_apart(field: str, tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices[::3]:
        setattr(d, field, "")
    image, warnings = read_series(write(slices, tmp_path))
    assert warnings == ()
    assert np.array_equal(image.array, TRUTH)


def test_two_frames_of_reference_are_named_as_the_reason(tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices[8:]:
        d.FrameOfReferenceUID = "1.2.3"
    with pytest.raises(InputError, match=r"frame of reference 1: 8 CT slices.*frame of reference 2: 8 CT slices"):
        read_series(write(slices, tmp_path))


def test_a_volume_beside_a_faulty_one_must_be_chosen(tmp_path: Path) -> None:
    write(ct_series(), tmp_path / "sound")
    write([d for k, d in enumerate(ct_series()) if k != 7], tmp_path / "faulty")
    with pytest.raises(
        InputError, match=r"2 volumes in one folder \(.*15 CT slices, cannot be read.*16 CT slices, 2.00"
    ):
        read_series(tmp_path)


def test_copies_of_files_are_left_out_with_a_warning(tmp_path: Path) -> None:
    slices = ct_series()
    write(slices, tmp_path)
    write(slices[:5], tmp_path / "again")
    image, warnings = read_series(tmp_path)
    assert np.array_equal(image.array, TRUTH)
    assert ["copy of another file" in w.what for w in warnings] == [True]
    assert "and 4 more files" in warnings[0].where


def test_images_with_one_identifier_that_are_not_copies_are_read_and_named(tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    image, warnings = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, TRUTH)
    assert ["15 files have the identifier (UID) of another" in w.what for w in warnings] == [True]


def test_a_missing_series_identifier_is_named(tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        del d.SeriesInstanceUID
    image, warnings = read_series(write(slices, tmp_path))
    assert np.array_equal(image.array, TRUTH)
    assert ["empty identifiers" in w.what for w in warnings] == [True]


def without_meta(syntax: str) -> Callable[[Path], None]:
    """Save as a bare data set: it begins with the first element of group 8."""

    def change(file: Path) -> None:
        d = pydicom.dcmread(file)
        bare = pydicom.Dataset(dict(d.items()))
        if syntax == "1.2.840.10008.1.2.2":
            bare.PixelData = np.frombuffer(bare.PixelData, "<u2").astype(">u2").tobytes()
        implicit, little = syntax.endswith(".1.2"), not syntax.endswith(".2.2")
        pydicom.dcmwrite(file, bare, implicit_vr=implicit, little_endian=little)

    return change


WITHOUT_PREAMBLE: dict[str, Callable[[Path], object]] = {
    "first element": lambda file: file.write_bytes(file.read_bytes()[132:]),
    "letters DICM first": lambda file: file.write_bytes(file.read_bytes()[128:]),
    "preamble without letters": lambda file: file.write_bytes(bytes(128) + file.read_bytes()[132:]),
    "bare, implicit": without_meta("1.2.840.10008.1.2"),
    "bare, explicit": without_meta("1.2.840.10008.1.2.1"),
    "bare, big endian": without_meta("1.2.840.10008.1.2.2"),
    "bare after an empty preamble": lambda file: (
        without_meta("1.2.840.10008.1.2")(file),
        file.write_bytes(bytes(128) + file.read_bytes()),
    ),
}


@pytest.mark.parametrize("kind", WITHOUT_PREAMBLE)
@pytest.mark.parametrize("ending", [".dcm", ""])
def test_files_without_their_header_are_read(kind: str, ending: str, tmp_path: Path) -> None:
    for file in sorted(write(ct_series(), tmp_path).iterdir()):
        WITHOUT_PREAMBLE[kind](file)
        file.rename(file.with_suffix(ending))
    image, warnings = read_series(tmp_path)
    assert warnings == ()
    assert np.array_equal(image.array, TRUTH)


def test_a_packed_or_multi_frame_file_without_preamble_is_read(tmp_path: Path) -> None:
    packed = ct_series()
    for d in packed:
        d.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    for name, slices in (("packed", packed), ("frames", [enhanced()])):
        folder = write(slices, tmp_path / name)
        for file in folder.iterdir():
            file.write_bytes(file.read_bytes()[132:])
        assert np.array_equal(read_series(folder)[0].array, TRUTH)


def test_a_file_without_preamble_that_is_cut_short_is_named(tmp_path: Path) -> None:
    for file in write(ct_series(), tmp_path).iterdir():
        file.write_bytes(file.read_bytes()[132:-10])
    with pytest.raises(InputError, match=r"000\.dcm and 15 more files: is cut short") as refused:
        read_series(tmp_path)
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize("left", [20, 300])
def test_many_damaged_files_are_one_line(left: int, tmp_path: Path) -> None:
    for file in write(ct_series(), tmp_path).iterdir():
        file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(InputError, match=r"000\.dcm and 15 more files") as refused:
        read_series(tmp_path)
    assert len(refused.value.problems) == 1


def saved_again(rescale: bool = True, place: bool = True) -> Series:
    slices = ct_series()
    for d in slices:
        d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        d.ImageType = ["DERIVED", "SECONDARY"]
        if not rescale:
            del d.RescaleSlope, d.RescaleIntercept
        if not place:
            del d.ImagePositionPatient, d.ImageOrientationPatient
    return slices


def test_secondary_captures_that_say_where_they_lie_are_read_with_a_warning(tmp_path: Path) -> None:
    image, warnings = read_series(write(saved_again(), tmp_path))
    assert np.array_equal(image.array, TRUTH)
    assert ["secondary captures" in w.what for w in warnings] == [True]


@pytest.mark.parametrize("missing", ["rescale", "place"])
def test_secondary_captures_that_cannot_be_used_are_refused_as_what_they_are(missing: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="secondary captures") as refused:
        read_series(write(saved_again(**{missing: False}), tmp_path))
    assert len(refused.value.problems) == 1


def test_a_secondary_capture_beside_the_series_is_no_slice_of_it(tmp_path: Path) -> None:
    slices = ct_series()
    picture = saved_again()[0]
    picture.StudyInstanceUID, picture.SeriesInstanceUID = slices[0].StudyInstanceUID, slices[0].SeriesInstanceUID
    picture.FrameOfReferenceUID = slices[0].FrameOfReferenceUID
    image, _ = read_series(write([*slices, picture], tmp_path))
    assert np.array_equal(image.array, TRUTH)


@pytest.mark.parametrize(
    ("modality", "words"),
    [("PT", "only 16 files of PET"), ("SEG", "SEG"), ("RTSTRUCT", "RTSTRUCT"), ("SR", "reports"), ("US", "US")],
)
def test_a_folder_of_other_objects_is_refused_naming_what_they_are(modality: str, words: str, tmp_path: Path) -> None:
    slices = ct_series()
    for d in slices:
        d.Modality = modality
    with pytest.raises(InputError, match=words) as refused:
        read_series(write(slices, tmp_path))
    assert "no CT or MR images" in str(refused.value)
    assert len(refused.value.problems) == 1


def as_mr(slices: Series) -> Series:
    for d in slices:
        d.Modality, d.SOPClassUID, d.file_meta.MediaStorageSOPClassUID = "MR", MRImageStorage, MRImageStorage
    return slices


def test_a_series_of_another_modality_is_refused_in_words_before_its_faults(tmp_path: Path) -> None:
    read_series(write(as_mr(ct_series()), tmp_path / "sound"), modality="MR")
    faulty = as_mr(ct_series())
    del faulty[7]
    for name, slices in (("sound", []), ("faulty", faulty)):
        with pytest.raises(InputError, match="this is an MR series, and the method needs CT") as refused:
            read_series(write(slices, tmp_path / name), modality="CT", name="case 7")
        assert refused.value.problems[0].where == "case 7"
    with pytest.raises(InputError, match="this is a CT series, and the method needs MR"):
        read_series(write(ct_series(), tmp_path / "ct"), modality="MR")


def test_a_modality_that_the_kind_of_object_contradicts_is_refused(tmp_path: Path) -> None:
    slices = as_mr(ct_series())
    for d in slices:
        d.Modality = "CT"
    with pytest.raises(InputError, match="the modality is CT, the kind of object MR Image Storage"):
        read_series(write(slices, tmp_path))


def phased(**fields: object) -> Series:
    slices = ct_series()
    for d in slices:
        for field, value in fields.items():
            setattr(d, field, value)
    return slices


@pytest.mark.parametrize(
    ("fields", "phase", "words"),
    [
        ({"ContrastBolusAgentPhase": "PORTAL_VENOUS"}, "arterial", "portal venous.*coded.*confidence high"),
        ({"SeriesDescription": "P.Venous 3.0 B40f"}, "arterial", "portal venous.*series description.*medium"),
        ({"SeriesDescription": "LIVER 3 PHASE (AP)"}, "portal", "late arterial"),
        ({"ContrastBolusAgentPhase": "IMMEDIATE"}, "late arterial", "early arterial"),
        ({"ProtocolName": "native abdomen"}, "arterial", "unenhanced.*confidence low"),
        ({"SeriesDescription": "MIP art"}, "arterial", "no phase image"),
    ],
)
def test_headers_that_contradict_the_phase_are_told_with_their_evidence(
    fields: dict[str, object], phase: str, words: str, tmp_path: Path
) -> None:
    folder = write(phased(**fields), tmp_path)
    _, warnings = read_series(folder, phase=phase)
    (warning,) = warnings
    assert warning.level == "WARN"
    assert re.search(words, warning.what)
    assert read_series(folder)[1] == ()


@pytest.mark.parametrize(
    ("fields", "phase"),
    [
        ({"ContrastBolusAgentPhase": "ARTERIAL"}, "arterial"),
        ({"ContrastBolusAgentPhase": "IMMEDIATE"}, "arterial"),
        ({"SeriesDescription": "180 sec Delay"}, "delayed"),
        ({"SeriesDescription": "AXIAL"}, "arterial"),
        ({"ContrastBolusAgentPhase": "ARTERIAL"}, "planning"),
        ({"ContrastBolusAgentPhase": "PORTAL_VENOUS"}, "Portal "),
    ],
)
def test_headers_that_agree_or_do_not_know_say_nothing(fields: dict[str, object], phase: str, tmp_path: Path) -> None:
    assert read_series(write(phased(**fields), tmp_path), phase=phase)[1] == ()


def test_nothing_that_names_a_patient_is_in_what_is_said_of_identifiers(tmp_path: Path) -> None:
    for n, slices in enumerate((each("PatientID"), each("SeriesInstanceUID"), saved_again())):
        folder = write(slices, tmp_path / str(n))
        said = str([(str(r), repr(r), r.problems) for r in check_series(folder)])
        assert not any(identifier in said for identifier in IDENTIFIERS)


def test_a_number_of_frames_beyond_reason_is_damage(tmp_path: Path) -> None:
    slices = ct_series()
    slices[3].NumberOfFrames = 2_000_000_000
    with pytest.raises(InputError, match=r"003\.dcm"):
        read_series(write(slices, tmp_path))


def test_single_images_of_several_series_beside_a_volume_stay_single(tmp_path: Path) -> None:
    monitoring = ct_series(1)
    more = []
    for n in range(5):
        d = new_instance(monitoring[0])
        d.SeriesInstanceUID, d.SeriesNumber = generate_uid(), 10 + n
        set_pixels(d, np.full((ROWS, COLUMNS), 1024 + n))
        more.append(d)
    write(ct_series(), tmp_path)
    write(more, tmp_path / "monitoring")
    image, warnings = read_series(tmp_path)
    assert np.array_equal(image.array, TRUTH)
    assert ["5 image(s)" in w.what for w in warnings] == [True]
