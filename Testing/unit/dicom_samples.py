"""Small fictitious DICOM series for tests: an asymmetric CT whose every slice and voxel can be told apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS, SLICES = 12, 10, 16
SPACING = (0.8, 0.8)
STEP_MM = 2.0
ORIGIN = np.array([-30.0, -20.0, -100.0])
IDENTIFIERS = ("Muster^Maria", "PID-4711", "19991231", "ACC-0815", "1.2.826.0.1")


def hounsfield(k: int) -> np.ndarray:
    """The true values of slice ``k``."""
    j, i = np.indices((ROWS, COLUMNS))
    return np.asarray(-900 + 40 * k + 3 * j + i)


def ct_series(slices: int = SLICES) -> list[FileDataset]:
    """A faultless axial series, foot to head."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    return [_slice(k, study, series, frame) for k in range(slices)]


def _slice(k: int, study: str, series: str, frame: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    d = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    d.SOPClassUID, d.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, frame
    d.PatientName, d.PatientID, d.StudyDate, d.AccessionNumber = IDENTIFIERS[:4]
    d.Modality, d.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    d.SeriesNumber, d.AcquisitionNumber, d.InstanceNumber = 4, 1, k + 1
    d.AcquisitionTime = f"1200{k:02d}"
    d.SliceThickness, d.PixelSpacing = STEP_MM, list(SPACING)
    d.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + STEP_MM * k]
    d.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 0
    d.RescaleSlope, d.RescaleIntercept = "1", "-1024"
    set_pixels(d, hounsfield(k) + 1024)
    return d


def set_pixels(d: FileDataset, stored: np.ndarray) -> None:
    """Put stored values into a slice."""
    d.Rows, d.Columns = stored.shape
    d.PixelData = stored.astype("<i2" if d.PixelRepresentation else "<u2").tobytes()


def new_instance(d: FileDataset) -> FileDataset:
    """A copy of a slice with an identifier of its own."""
    copy = pydicom.Dataset.from_json(d.to_json())
    other = FileDataset("", copy, file_meta=FileMetaDataset(d.file_meta), preamble=b"\0" * 128)
    other.PixelData = d.PixelData
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return other


def phases_in_one_series(count: int = 3) -> list[FileDataset]:
    """The same positions once per phase, told apart by the acquisition's number; phase n is 10 n HU brighter."""
    base, slices = ct_series(), []
    for phase in range(count):
        for k, d in enumerate(base):
            copy = new_instance(d)
            copy.AcquisitionNumber = phase + 1
            copy.AcquisitionTime = f"12{phase * 10:02d}{k:02d}"
            copy.InstanceNumber = phase * len(base) + k + 1
            set_pixels(copy, hounsfield(k) + 1024 + 10 * phase)
            slices.append(copy)
    return slices


def enhanced(order: Callable[[int], list[int]] = lambda n: list(range(n))) -> FileDataset:
    """One multi-frame CT object whose frames are stored in any order."""
    base = ct_series()
    d = new_instance(base[0])
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    for field in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(d, field)
    shared = pydicom.Dataset()
    shared.PlaneOrientationSequence = Sequence([_with(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])])
    shared.PixelMeasuresSequence = Sequence([_with(PixelSpacing=list(SPACING), SliceThickness=STEP_MM)])
    values = _with(RescaleSlope="1", RescaleIntercept="-1024", RescaleType="HU")
    shared.PixelValueTransformationSequence = Sequence([values])
    d.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = [base[k] for k in order(len(base))]
    positions = [_with(ImagePositionPatient=list(f.ImagePositionPatient)) for f in frames]
    d.PerFrameFunctionalGroupsSequence = Sequence([_with(PlanePositionSequence=Sequence([p])) for p in positions])
    d.NumberOfFrames = len(frames)
    d.PixelData = b"".join(f.PixelData for f in frames)
    return d


def _with(**fields: object) -> pydicom.Dataset:
    d = pydicom.Dataset()
    for name, value in fields.items():
        setattr(d, name, value)
    return d


def write(slices: list[FileDataset], folder: Path) -> Path:
    """Save slices as 000.dcm, 001.dcm, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, d in enumerate(slices):
        d.save_as(folder / f"{n:03d}.dcm", enforce_file_format=bool(d.SOPInstanceUID))
    return folder
