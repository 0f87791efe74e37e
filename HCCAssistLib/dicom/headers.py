"""The headers of a folder's slices: only the fields that are needed, none that names a patient."""

from __future__ import annotations

import filecmp
import io
import struct
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from HCCAssistLib.dicom.frames import FrameCountError, Slice, frames, label, number, text
from HCCAssistLib.dicom.opening import open_dicom
from HCCAssistLib.errors import Problem

# What names a patient serves only to tell two patients' slices apart; it is never shown.
# fmt: off
TAGS = (
    "AcquisitionDate", "AcquisitionDateTime", "AcquisitionNumber", "AcquisitionTime", "BitsAllocated", "Columns",
    "ContentTime",
    "ContrastBolusAgent", "ContrastBolusAgentPhase", "ContrastBolusStartTime", "ConvolutionKernel", "DiffusionBValue",
    "EchoNumbers", "EchoTime", "FrameOfReferenceUID", "ImageOrientationPatient", "ImagePositionPatient",
    "ImageType", "InstanceNumber", "IssuerOfPatientID", "KVP", "LossyImageCompression", "Modality", "NumberOfFrames",
    "PatientBirthDate",
    "PatientID", "PatientName", "PerFrameFunctionalGroupsSequence", "PhotometricInterpretation", "PixelSpacing",
    "ProtocolName", "RescaleIntercept", "RescaleSlope", "RescaleType", "Rows", "SamplesPerPixel", "SeriesDescription",
    "SeriesInstanceUID", "SeriesNumber", "SharedFunctionalGroupsSequence", "SliceThickness", "SOPClassUID",
    "SOPInstanceUID", "StudyDate", "StudyDescription", "StudyInstanceUID", "StudyTime", "TemporalPositionIdentifier",
    "TemporalPositionIndex", "TriggerTime",
)
# fmt: on

_DICOM_ENDINGS = {".dcm", ".dicom", ".ima"}
_UNREADABLE = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError),
    *(struct.error, BytesLengthException),
)
_RESEND = "send or export the series again"


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep pydicom from writing odd values, perhaps a name, to stderr; fields are read when they are asked for."""
    with pydicom.config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True, slots=True)
class Headers:
    """What files hold.

    Attributes:
        slices: of CT and MR images, in the order of their files.
        damaged: files that cannot be used, by what is wrong with them.
        copies: files that are the same as one before, byte for byte; they are left out.
        others: how many DICOM objects of other modalities there are.
        foreign: how many files are no DICOM files and do not look like one.
    """

    slices: list[Slice]
    damaged: Mapping[str, list[Path]]
    copies: list[Path]
    others: Counter[str]
    foreign: int

    @property
    def problems(self) -> list[Problem]:
        """One for each kind of damage, and one for the copies."""
        problems = [Problem("STOP", what, label_of_many(files), _RESEND) for what, files in self.damaged.items()]
        if self.copies:
            what = "is a copy of another file, and left out"
            problems.append(Problem("WARN", what, label_of_many(self.copies)))
        return problems


def read_headers(folder: Path) -> Headers:
    """The CT and MR slices below a folder, the files that are damaged, and what else there is."""
    return read_files(sorted(path for path in folder.rglob("*") if path.is_file()))


def read_files(files: Iterable[Path]) -> Headers:
    """The same of some files, in their order.

    Files of other kinds (text, pictures, DICOMDIR, segmentations, reports) are left aside.
    """
    slices: list[Slice] = []
    damaged: dict[str, list[Path]] = defaultdict(list)
    others: Counter[str] = Counter()
    seen: dict[str, Path] = {}
    copies: list[Path] = []
    foreign = 0
    for file in files:
        if file.name.upper() == "DICOMDIR" or file.name.startswith("."):
            foreign += 1
            continue
        try:
            found, other = _read(file)
            original = seen.setdefault(found[0].text("SOPInstanceUID"), file) if found else file
            if original != file and filecmp.cmp(original, file, shallow=False):
                copies.append(file)
                continue
            slices += found
            others.update([other] if other else [])
        except InvalidDicomError:
            if _should_be_dicom(file):
                damaged["is not a DICOM file, or it is damaged"].append(file)
            else:
                foreign += 1
        except EOFError:
            damaged["is cut short"].append(file)
        except FrameCountError as error:
            damaged[str(error)].append(file)
        except _UNREADABLE as error:
            damaged[f"its header cannot be read ({type(error).__name__})"].append(file)
    return Headers(slices, damaged, copies, others, foreign)


def label_of_many(files: Iterable[Path]) -> str:
    """The first file's name for messages, and how many more there are."""
    first, *more = dict.fromkeys(files)
    return f"{label(first)} and {len(more)} more file{'s' * (len(more) > 1)}" if more else label(first)


def _should_be_dicom(file: Path) -> bool:
    ending = file.suffix.lower()
    if ending in _DICOM_ENDINGS or file.stat().st_size == 0:
        return True
    if ending[1:].isalpha():
        return False
    with file.open("rb") as stream:
        return b"\0" in stream.read(1024)


def _read(file: Path) -> tuple[list[Slice], str]:
    """The slices of a file; or the modality that it is of instead."""
    stream, without_header = open_dicom(file)
    with stream:
        header = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=list(TAGS), force=without_header)
        _decode(header)
        modality = _modality(header)
        if without_header and not modality and not _kind_of_object(header):
            raise InvalidDicomError  # it only began like one
        if modality not in ("CT", "MR", ""):
            return [], modality
        if "Rows" not in header or "Columns" not in header:
            if "Image" in _kind_of_object(header) or not modality:
                raise EOFError
            return [], _kind_of_object(header) or "unknown"
        is_complete = _holds_all_voxels(stream, header)
    return list(frames(file, header, is_complete)), ""


def _decode(header: FileDataset) -> None:
    """Decode all fields now, so that damage shows here; a single odd number counts as missing."""
    for tag in list(header.keys()):
        with suppress(ValueError, TypeError):
            header[tag]


def _kind_of_object(header: FileDataset) -> str:
    kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    return getattr(kind, "name", "")


def _modality(header: FileDataset) -> str:
    """The modality; from the kind of object where the field is empty; empty where neither says it."""
    modality = text(header, "Modality").upper()
    kind = _kind_of_object(header)
    if not modality and kind:
        known = (m for m in ("CT", "MR") if kind.startswith((f"{m} ", f"Enhanced {m} ")))
        modality = next(known, "other")
    if modality:
        header.Modality = modality
    return modality


def _holds_all_voxels(stream: BinaryIO, header: FileDataset) -> bool:
    """Whether the voxels behind the header are all there; ``stream`` stands at their element."""
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax == DeflatedExplicitVRLittleEndian:
        return True  # a cut file fails to unpack
    is_implicit, _ = header.original_encoding
    start = stream.tell() + (8 if is_implicit else 12)  # tag, type and length of the element
    left = stream.seek(0, io.SEEK_END) - start
    if syntax is not None and syntax.is_encapsulated:
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
        stream.seek(length, io.SEEK_CUR)
        left -= 8 + length
        fragments += 1
    return left == 0 and fragments > 0  # some writers leave the end mark out
