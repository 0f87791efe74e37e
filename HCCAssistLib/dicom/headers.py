"""The headers of a folder's slices: only the fields that are needed, none that names a patient."""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from HCCAssistLib.errors import Problem

# PatientID serves only to tell two patients' slices apart; it is never shown.
# fmt: off
TAGS = (
    "AcquisitionDateTime", "AcquisitionNumber", "AcquisitionTime", "BitsAllocated", "Columns", "ContentTime",
    "ContrastBolusAgent", "ContrastBolusAgentPhase", "ContrastBolusStartTime", "DiffusionBValue",
    "EchoNumbers", "EchoTime", "FrameOfReferenceUID", "ImageOrientationPatient", "ImagePositionPatient",
    "ImageType", "InstanceNumber", "LossyImageCompression", "Modality", "NumberOfFrames", "PatientID",
    "PerFrameFunctionalGroupsSequence", "PhotometricInterpretation", "PixelPaddingValue", "PixelSpacing",
    "ProtocolName", "RescaleIntercept", "RescaleSlope", "Rows", "SamplesPerPixel", "SeriesDescription",
    "SeriesInstanceUID", "SeriesNumber", "SharedFunctionalGroupsSequence", "SliceThickness", "SOPClassUID",
    "SOPInstanceUID", "StudyInstanceUID", "TemporalPositionIdentifier", "TemporalPositionIndex",
    "TriggerTime",
)
# fmt: on

_DICOM_ENDINGS = {".dcm", ".dicom", ".ima"}
_UNREADABLE = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError),
    *(struct.error, BytesLengthException),
)
_RESEND = "send or export the series again"


@dataclass(frozen=True, eq=False, slots=True)
class Slice:
    """One slice: a file, or one frame of a multi-frame file.

    Attributes:
        file: where it lies.
        frame: number of the frame in the file, from 0.
        header: the fields of ``TAGS``.
        position: LPS mm of the first voxel's centre, None where it is missing.
        orientation: unit vectors along the rows and along the columns, ``(2, 3)``, None where missing.
        spacing: mm between rows and between columns, None where missing.
        rescale: slope and intercept, None where missing.
        thickness: of the slice in mm, None where missing.
        is_complete: whether the file holds all its voxels.
    """

    file: Path
    frame: int
    header: FileDataset
    position: np.ndarray | None
    orientation: np.ndarray | None
    spacing: np.ndarray | None
    rescale: tuple[float, float] | None
    thickness: float | None
    is_complete: bool

    @property
    def file_label(self) -> str:
        """The file's name for messages."""
        return label(self.file)

    def text(self, field: str) -> str:
        """A field as plain text, empty where it is missing."""
        return text(self.header, field)


def label(file: Path) -> str:
    """A file's name for messages; of an identifier (UID) in it, only the last five digits."""
    return re.sub(r"\d+(?:\.\d+){4,}", lambda uid: f"...{uid[0][-5:]}", file.name)


def text(header: pydicom.Dataset, field: str) -> str:
    """A field as plain text, empty where it is missing or unreadable."""
    try:
        value = header.get(field)
    except (ValueError, TypeError):
        return ""
    return "" if value is None else str(value).strip()


def numbers(header: pydicom.Dataset, field: str, count: int) -> np.ndarray | None:
    """A field as so many finite numbers; None where it is missing or is something else."""
    try:
        values = np.array(header.get(field), dtype=np.float64).ravel()
    except (ValueError, TypeError):
        return None
    return values if values.shape == (count,) and np.isfinite(values).all() else None


def number(header: pydicom.Dataset, field: str) -> float | None:
    """A field as one finite number; None where it is missing or is something else."""
    values = numbers(header, field, 1)
    return None if values is None else float(values[0])


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep pydicom from writing odd values, perhaps a name, to stderr; fields are read when they are asked for."""
    with pydicom.config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_headers(folder: Path) -> tuple[list[Slice], list[Problem]]:
    """The CT and MR slices below a folder, and the files that are damaged.

    Files of other kinds (text, pictures, DICOMDIR, segmentations, reports) are left aside.
    """
    slices: list[Slice] = []
    damaged: list[Problem] = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.name.upper() == "DICOMDIR" or file.name.startswith("."):
            continue
        try:
            slices += _read(file)
        except InvalidDicomError:
            if _should_be_dicom(file):
                damaged.append(Problem("STOP", "is not a DICOM file, or it is damaged", label(file), _RESEND))
        except EOFError:
            damaged.append(Problem("STOP", "is cut short", label(file), _RESEND))
        except _UNREADABLE as error:
            what = f"its header cannot be read ({type(error).__name__})"
            damaged.append(Problem("STOP", what, label(file), _RESEND))
    return slices, damaged


def _should_be_dicom(file: Path) -> bool:
    ending = file.suffix.lower()
    if ending in _DICOM_ENDINGS or file.stat().st_size == 0:
        return True
    if ending[1:].isalpha():
        return False
    with file.open("rb") as stream:
        return b"\0" in stream.read(1024)


def _read(file: Path) -> list[Slice]:
    with file.open("rb") as stream:
        header = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=list(TAGS))
        _decode(header)
        modality = _modality(header)
        if modality not in ("CT", "MR", ""):
            return []
        if "Rows" not in header or "Columns" not in header:
            raise EOFError
        is_complete = _holds_all_voxels(stream, header)
    return list(_frames(file, header, is_complete))


def _decode(header: FileDataset) -> None:
    """Decode all fields now, so that damage shows here; a single odd number counts as missing."""
    for tag in list(header.keys()):
        with suppress(ValueError, TypeError):
            header[tag]


def _modality(header: FileDataset) -> str:
    """The modality; from the kind of object where the field is empty; empty where neither says it."""
    modality = text(header, "Modality")
    kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    if not modality and kind:
        known = (m for m in ("CT", "MR") if kind.name.startswith((f"{m} ", f"Enhanced {m} ")))
        header.Modality = modality = next(known, "other")
    return modality


def _frames(file: Path, header: FileDataset, is_complete: bool) -> Iterator[Slice]:
    shared = header.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or [pydicom.Dataset()]
    count = int(number(header, "NumberOfFrames") or 1)
    if count != len(per_frame):
        per_frame = [pydicom.Dataset()] * count

    for index, frame in enumerate(per_frame):

        def group(sequence: str, frame: pydicom.Dataset = frame) -> pydicom.Dataset:
            """The functional group of this frame, or the header itself for plain slices."""
            for source in (frame, shared[0]):
                if source.get(sequence):
                    return source[sequence][0]
            return header

        measures = group("PixelMeasuresSequence")
        values = group("PixelValueTransformationSequence")
        slope, intercept = number(values, "RescaleSlope"), number(values, "RescaleIntercept")
        orientation = numbers(group("PlaneOrientationSequence"), "ImageOrientationPatient", 6)
        yield Slice(
            file=file,
            frame=index,
            header=header,
            position=numbers(group("PlanePositionSequence"), "ImagePositionPatient", 3),
            orientation=None if orientation is None else orientation.reshape(2, 3),
            spacing=numbers(measures, "PixelSpacing", 2),
            rescale=None if slope is None or intercept is None else (slope, intercept),
            thickness=number(measures, "SliceThickness"),
            is_complete=is_complete,
        )


def _holds_all_voxels(stream: BinaryIO, header: FileDataset) -> bool:
    """Whether the voxels behind the header are all there; ``stream`` stands at their element."""
    syntax = header.file_meta.get("TransferSyntaxUID", pydicom.uid.ImplicitVRLittleEndian)
    if syntax == DeflatedExplicitVRLittleEndian:
        return True  # a cut file fails to unpack
    start = stream.tell() + (8 if syntax.is_implicit_VR else 12)  # tag, type and length of the element
    left = os.fstat(stream.fileno()).st_size - start
    if syntax.is_encapsulated:
        return _fragments_complete(stream, start, left)
    fields = ("Rows", "Columns", "BitsAllocated", "SamplesPerPixel", "NumberOfFrames")
    voxels: Any = np.prod([number(header, field) or 1 for field in fields])
    return bool(left >= voxels // 8)


def _fragments_complete(stream: BinaryIO, start: int, left: int) -> bool:
    """Walk along the packed fragments up to the end mark of the sequence."""
    stream.seek(start)
    fragments = -1  # the first item is the table of offsets
    while left >= 8:
        tag, length = struct.unpack("<II", stream.read(8))
        if tag == 0xE0DDFFFE:
            return fragments > 0
        if tag != 0xE000FFFE or length > left - 8:
            return False
        stream.seek(length, os.SEEK_CUR)
        left -= 8 + length
        fragments += 1
    return left == 0 and fragments > 0  # some writers leave the end mark out
