"""A small fictitious archive of DICOM files as a hospital exports it, with names of people and files of all kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from dicom_samples import ct_series, new_instance, set_pixels
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

from HCCAssistLib.imaging.image import Image

PLANTED = {
    "PatientName": "Quastenflosser^Wilhelmine",
    "PatientID": "PID-471199",
    "AccessionNumber": "ACC-081522",
    "PatientBirthDate": "19470319",
    "InstitutionName": "Klinik Abendruh",
    "ReferringPhysicianName": "Zwiebelfisch^Hugo",
    "IssuerOfPatientID": "ISSUER-77",
    "StudyID": "STUDY-3141",
    "StudyDescription": "CT Quastenflosser nach Unfall",
    "StationName": "SCANNER-55",
}
"""Fields that name somebody, and what must be found nowhere."""


def series(
    patient: str = "PID-1",
    description: str = "arterial 2.0",
    *,
    date: str = "20230104",
    study: str = "",
    number: int = 4,
    slices: int = 11,
    **fields: object,
) -> list[FileDataset]:
    """A faultless series of one patient; further fields by keyword."""
    made = ct_series(slices)
    study = study or made[0].StudyInstanceUID
    for d in made:
        d.PatientID, d.PatientName, d.PatientBirthDate = patient, f"Name {patient}", "19600101"
        d.SeriesDescription, d.StudyDate, d.StudyInstanceUID, d.SeriesNumber = description, date, study, number
        for name, value in fields.items():
            setattr(d, name, value)
    return made


def oblique(made: list[FileDataset], degrees: float = 12.0) -> tuple[list[FileDataset], np.ndarray]:
    """The slices tilted in the patient, with one bright voxel in one corner; and where that voxel lies, LPS mm."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    row, column = np.array([c, s, 0.0]), np.array([-s * c, c * c, s])
    normal = np.cross(row, column)
    for k, d in enumerate(made):
        d.ImageOrientationPatient = [round(float(v), 9) for v in (*row, *column)]
        d.ImagePositionPatient = [round(float(v), 6) for v in np.array([-31.0, 17.0, -90.0]) + 2.0 * k * normal]
        stored = np.full((12, 10), 1024 - 900)
        if k == 2:
            stored[3, 8] = 1024 + 700
        set_pixels(d, stored)
    first = np.array(made[2].ImagePositionPatient, dtype=float)
    return made, first + 8 * 0.8 * row + 3 * 0.8 * column


def showing(image: Image, **fields: object) -> list[FileDataset]:
    """A volume in Hounsfield units as a series, wherever it lies."""
    made = series(slices=image.array.shape[0], **fields)  # type: ignore[arg-type]
    for k, (d, plane) in enumerate(zip(made, image.array, strict=True)):
        d.PixelSpacing = [float(image.geometry.spacing[1]), float(image.geometry.spacing[0])]
        d.SliceThickness = float(image.geometry.spacing[2])
        d.ImageOrientationPatient = [float(v) for v in image.geometry.directions[:, :2].T.ravel()]
        d.AcquisitionTime = f"12{k // 60:02d}{k % 60:02d}"
        d.ImagePositionPatient = [float(v) for v in image.geometry.to_world([0, 0, k])]
        set_pixels(d, np.clip(plane, -1024, None).astype(int) + 1024)
    return made


def other_objects(like: FileDataset) -> list[FileDataset]:
    """A report, a dose picture without a place, a localizer, and a PET slice."""
    report, dose, scout, pet = (new_instance(like) for _ in range(4))
    report.Modality, dose.Modality, pet.Modality = "SR", "CT", "PT"
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedSRStorage
    dose.SOPClassUID = dose.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    del dose.ImagePositionPatient, dose.ImageOrientationPatient
    dose.ImageType = ["DERIVED", "SECONDARY"]
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    for d in (report, dose, scout, pet):
        d.SeriesInstanceUID = generate_uid()
    return [report, dose, scout, pet]


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
