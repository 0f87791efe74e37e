"""Several volumes in one series are told apart, whatever separates them; one volume is never taken apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_samples import ORIGIN, SLICES, STEP_MM, ct_series, enhanced, hounsfield, new_instance, set_pixels, write
from pydicom.dataset import FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import MRImageStorage

from HCCAssistLib.dicom.series import check_series, read_series, read_stack
from HCCAssistLib.errors import InputError

pytestmark = pytest.mark.heavy

Series = list[FileDataset]
COUNT = 10


def two_phases(shift: float, phases: int = 2, modality: str = "CT", descending: bool = False) -> Series:
    """Phases of 10 slices, each shifted by ``shift`` mm against the one before and 50 HU brighter."""
    slices = []
    base = ct_series(COUNT)
    for phase in range(phases):
        for k in range(COUNT):
            d = new_instance(base[k])
            place = COUNT - 1 - k if descending else k
            d.AcquisitionNumber, d.InstanceNumber = phase + 1, phase * COUNT + place + 1
            d.AcquisitionTime = f"12{10 * phase:02d}{place:02d}"
            d.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + STEP_MM * k + shift * phase]
            set_pixels(d, 1024 + np.full((12, 10), 60 + 50 * phase) + np.arange(10))
            if modality == "MR":
                d.Modality, d.SOPClassUID, d.file_meta.MediaStorageSOPClassUID = "MR", MRImageStorage, MRImageStorage
            slices.append(d)
    return slices


def only(field: str) -> Callable[[Series], Series]:
    """Leave but one field to tell the phases apart."""

    def change(slices: Series) -> Series:
        for n, d in enumerate(slices):
            number = d.AcquisitionNumber
            if field != "AcquisitionNumber":
                d.AcquisitionNumber = 1
            if field != "AcquisitionTime":
                d.AcquisitionTime = "120000"
            if field != "InstanceNumber":
                d.InstanceNumber = n // COUNT + 2 * (n % COUNT) + 1
            if field == "ContrastBolusAgentPhase":
                d.ContrastBolusAgentPhase = ("ARTERIAL", "PORTAL_VENOUS", "DELAYED")[number - 1]
            if field in ("TemporalPositionIndex", "TemporalPositionIdentifier"):
                setattr(d, field, number)
        return slices

    return change


TELLING = (
    *("AcquisitionNumber", "AcquisitionTime", "InstanceNumber", "ContrastBolusAgentPhase"),
    *("TemporalPositionIndex", "TemporalPositionIdentifier"),
)


@pytest.mark.parametrize(
    ("shift", "field"),
    [
        *((shift, "AcquisitionNumber") for shift in (0.0, 0.1, 0.4, 0.9, 1.0, 1.1, 1.9, 2.9)),
        *((shift, field) for shift in (0.4, 1.0) for field in TELLING[1:]),
    ],
)
def test_two_phases_shifted_by_any_share_of_a_slice_are_two_volumes(shift: float, field: str, tmp_path: Path) -> None:
    write(only(field)(two_phases(shift)), tmp_path)
    reports = check_series(tmp_path)
    assert [report.slices for report in reports] == [COUNT, COUNT]
    for phase, report in enumerate(reports):
        image, _ = read_stack(report)
        assert (image.array[:, 0, 0] == 60 + 50 * phase).all()
        assert np.isclose(image.geometry.origin[2], ORIGIN[2] + shift * phase)
    with pytest.raises(InputError, match="2 volumes in one folder") as refused:
        read_series(tmp_path)
    assert len(refused.value.problems) == 1
    assert "check-series" in str(refused.value)


@pytest.mark.parametrize("phases", [2, 3])
@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", ["AcquisitionNumber", "AcquisitionTime"])
def test_phases_that_make_one_even_stack_are_told_apart(
    phases: int, modality: str, descending: bool, field: str, tmp_path: Path
) -> None:
    write(only(field)(two_phases(STEP_MM / phases, phases, modality, descending)), tmp_path)
    reports = check_series(tmp_path)
    assert [report.slices for report in reports] == [COUNT] * phases
    for phase, report in enumerate(reports):
        assert (read_stack(report)[0].array[:, 0, 0] == 60 + 50 * phase).all()


@pytest.mark.parametrize("shift", [0.4, 1.0])
def test_a_phase_scanned_up_and_one_scanned_down_are_told_apart_by_the_pause(shift: float, tmp_path: Path) -> None:
    slices = only("AcquisitionTime")(two_phases(shift))
    for n, d in enumerate(slices):
        d.InstanceNumber = 1
        if n >= COUNT:
            d.AcquisitionTime = f"1210{2 * COUNT - n:02d}"
    write(slices, tmp_path)
    reports = check_series(tmp_path)
    assert [set(read_stack(report)[0].array[:, 0, 0]) for report in reports] == [{60}, {110}]


def test_interleaved_phases_that_no_field_tells_apart_are_told_by_their_voxels(tmp_path: Path) -> None:
    write(only("nothing")(two_phases(1.0)), tmp_path)
    _, warnings = read_series(tmp_path)
    assert any("two phases may lie interleaved" in w.what for w in warnings)


def test_a_coded_phase_stands_in_each_volume(tmp_path: Path) -> None:
    write(only("ContrastBolusAgentPhase")(two_phases(1.0)), tmp_path)
    with pytest.raises(InputError, match=r"phase: late arterial; .* phase: portal venous"):
        read_series(tmp_path)


def overlapping() -> Series:
    """One helical scan, 5 mm thick every 2.5 mm."""
    slices = ct_series(20)
    for k, d in enumerate(slices):
        d.SliceThickness, d.ImagePositionPatient = 5, [*ORIGIN[:2], ORIGIN[2] + 2.5 * k]
    return slices


def in_blocks() -> Series:
    """Two breath holds, one above the other."""
    slices = ct_series(20)
    for d in slices[10:]:
        d.AcquisitionNumber, d.AcquisitionTime = 2, f"1230{int(d.InstanceNumber):02d}"
    return slices


def sequential() -> Series:
    """An acquisition for each slice."""
    slices = ct_series(20)
    for k, d in enumerate(slices):
        d.AcquisitionNumber = k + 1
    return slices


def odd_slices_first() -> Series:
    """MR, scanned odd slices first, in two breath holds that are numbered."""
    slices = ct_series(20)
    for k, d in enumerate(slices):
        d.Modality, d.SOPClassUID, d.file_meta.MediaStorageSOPClassUID = "MR", MRImageStorage, MRImageStorage
        d.AcquisitionNumber, d.AcquisitionTime = 1 + k % 2, f"12{10 * (k % 2):02d}{k:02d}"
        d.InstanceNumber = 10 * (k % 2) + k // 2 + 1
    return slices


def reconstructed_in_any_order() -> Series:
    slices = ct_series(20)
    for k, d in enumerate(slices):
        d.AcquisitionTime, d.ContentTime = "120000", f"1201{(k * 7) % 20:02d}"
    return slices


@pytest.mark.parametrize("make", [overlapping, in_blocks, sequential, odd_slices_first, reconstructed_in_any_order])
def test_one_volume_stays_one(make: Callable[[], Series], tmp_path: Path) -> None:
    (report,) = check_series(write(make(), tmp_path))
    assert report.is_readable
    assert report.slices == 20
    _, warnings = read_series(tmp_path)
    assert not any("interleaved" in w.what for w in warnings)


def two_positions(order: Callable[[int], list[int]], coded: bool = False, by: str = "TemporalPositionIndex"):
    """A multi-frame object with two time points at each place; the second is 10 HU brighter."""
    d = enhanced(order)
    frames, pixels, step = [], [], len(d.PixelData) // SLICES
    for n, k in enumerate(order(SLICES)):
        for time in (1, 2):
            frame = pydicom.Dataset()
            frame.PlanePositionSequence = d.PerFrameFunctionalGroupsSequence[n].PlanePositionSequence
            content, usage, cardiac = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
            content.StackID = "1"
            if by == "TemporalPositionIndex":
                content.TemporalPositionIndex = time
            if by == "FrameAcquisitionDateTime":
                content.FrameAcquisitionDateTime = f"202601011{time}{k:02d}00"
            cardiac.NominalCardiacTriggerDelayTime = 100.0 * time if by == "trigger" else 0.0
            usage.ContrastBolusAgentPhase = ("ARTERIAL", "PORTAL_VENOUS")[time - 1] if coded else ""
            frame.FrameContentSequence = Sequence([content])
            frame.ContrastBolusUsageSequence = Sequence([usage])
            frame.CardiacSynchronizationSequence = Sequence([cardiac])
            frames.append(frame)
            stored = np.frombuffer(d.PixelData[n * step : (n + 1) * step], "<u2") + 10 * (time - 1)
            pixels.append(stored.astype("<u2").tobytes())
    d.PerFrameFunctionalGroupsSequence, d.NumberOfFrames = Sequence(frames), len(frames)
    d.PixelData = b"".join(pixels)
    return d


@pytest.mark.parametrize("order", [lambda n: list(range(n)), lambda n: [*range(5, n), *range(4, -1, -1)]])
@pytest.mark.parametrize("by", ["TemporalPositionIndex", "trigger", "FrameAcquisitionDateTime"])
def test_time_points_of_a_multi_frame_object_are_volumes_of_their_own(
    order: Callable[[int], list[int]], by: str, tmp_path: Path
) -> None:
    reports = check_series(write([two_positions(order, by=by)], tmp_path))
    assert [report.slices for report in reports] == [SLICES, SLICES]
    for time, report in enumerate(reports):
        image, warnings = read_stack(report)
        assert warnings == ()
        assert np.array_equal(image.array, [hounsfield(k) + 10 * time for k in range(SLICES)])
        assert [order(SLICES)[frame // 2] for frame in report.frames] == list(range(SLICES))


def test_the_coded_phase_of_a_frame_is_the_phase_of_its_volume(tmp_path: Path) -> None:
    reports = check_series(write([two_positions(lambda n: list(range(n)), coded=True, by="none")], tmp_path))
    assert [str(report.phase.phase) for report in reports] == ["late arterial", "portal venous"]


def test_two_fields_together_tell_volumes_apart(tmp_path: Path) -> None:
    slices = []
    for phase in (1, 2):
        for kind in ("W", "F"):
            for k, base in enumerate(ct_series()):
                d = new_instance(base)
                d.SeriesInstanceUID, d.StudyInstanceUID, d.FrameOfReferenceUID = "1.2.3.4", "1.2.3", "1.2.5"
                d.AcquisitionNumber, d.ImageType = phase, ["ORIGINAL", "PRIMARY", "DIXON", kind]
                d.AcquisitionTime = "120000"
                set_pixels(d, hounsfield(k) + 1024 + 100 * phase + (kind == "F"))
                slices.append(d)
    reports = check_series(write(slices, tmp_path))
    assert [report.slices for report in reports] == [SLICES] * 4
    assert len({int(read_stack(report)[0].array[0, 0, 0]) for report in reports}) == 4


def test_two_multi_frame_files_of_one_series_are_two_volumes_or_one_that_they_share(tmp_path: Path) -> None:
    one, other = enhanced(), enhanced()
    for d in (one, other):
        d.SeriesInstanceUID, d.StudyInstanceUID, d.FrameOfReferenceUID = "1.2.3.4", "1.2.3", "1.2.5"
    other.PixelData = (np.frombuffer(other.PixelData, "<u2") + 10).astype("<u2").tobytes()
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "1.2.9"
    reports = check_series(write([one, other], tmp_path / "same place"))
    assert [report.slices for report in reports] == [SLICES, SLICES]
    assert [int(read_stack(report)[0].array[0, 0, 0]) for report in reports] == [-900, -890]
    for n, frame in enumerate(other.PerFrameFunctionalGroupsSequence):
        z = ORIGIN[2] + STEP_MM * (SLICES + n)
        frame.PlanePositionSequence[0].ImagePositionPatient = [*ORIGIN[:2], z]
    image, _ = read_series(write([other, one], tmp_path / "above"))
    assert image.array[:, 0, 0].tolist() == [hounsfield(k)[0, 0] + 10 * (n > 0) for n in (0, 1) for k in range(SLICES)]


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ([5.0] * 20 + [6.4] * 20, True),
        ([5.0] * 10 + [5.5] * 10, True),
        ([2.0, 2.3] * 12, False),
        ([1.0] * 12 + [1.3] * 12, True),
        ([0.7, 0.6, 0.6] * 12, False),
        ([2.0] * 12 + [2.02] * 12, False),
    ],
)
def test_slices_further_from_an_even_grid_than_stated_are_refused(
    steps: list[float], refused: bool, tmp_path: Path
) -> None:
    slices = ct_series(len(steps))
    for d, z in zip(slices, np.cumsum(steps), strict=True):
        d.ImagePositionPatient, d.SliceThickness = [*ORIGIN[:2], round(ORIGIN[2] + z, 2)], float(np.mean(steps))
    write(slices, tmp_path)
    if refused:
        with pytest.raises(InputError, match=r"slice spacing varies .* off an even grid"):
            read_series(tmp_path)
        return
    image, warnings = read_series(tmp_path)
    away = max(abs(image.geometry.to_world((0, 0, k))[2] - d.ImagePositionPatient[2]) for k, d in enumerate(slices))
    assert away <= 0.5
    assert any("slice spacing varies" in w.what for w in warnings) == (away > 0.1)
