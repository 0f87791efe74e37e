"""A slice: a file of its own, or one frame of a multi-frame file whose fields stand in functional groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset

# Functional group, its field, and the field of single-frame files that says the same (PS3.3 C.7.6.16 and C.8.13).
_FIELDS_OF_FRAMES = (
    ("FrameContentSequence", "TemporalPositionIndex", "TemporalPositionIndex"),
    ("FrameContentSequence", "StackID", "StackID"),
    ("FrameContentSequence", "FrameAcquisitionNumber", "AcquisitionNumber"),
    ("FrameContentSequence", "FrameAcquisitionDateTime", "AcquisitionDateTime"),
    ("TemporalPositionSequence", "TemporalPositionTimeOffset", "TemporalPositionTimeOffset"),
    ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", "TriggerTime"),
    ("ContrastBolusUsageSequence", "ContrastBolusAgentPhase", "ContrastBolusAgentPhase"),
    ("PixelValueTransformationSequence", "RescaleType", "RescaleType"),
    ("MREchoSequence", "EffectiveEchoTime", "EchoTime"),
    ("MRDiffusionSequence", "DiffusionBValue", "DiffusionBValue"),
    ("MRImageFrameTypeSequence", "FrameType", "ImageType"),
    ("CTImageFrameTypeSequence", "FrameType", "ImageType"),
    ("CTXRayDetailsSequence", "KVP", "KVP"),
    ("CTReconstructionSequence", "ConvolutionKernel", "ConvolutionKernel"),
)
MOST_FRAMES = 20_000


class FrameCountError(ValueError):
    """A file that describes another number of frames than it says to hold; the message names both."""


@dataclass(frozen=True, eq=False, slots=True)
class Slice:
    """One slice: a file, or one frame of a multi-frame file.

    Attributes:
        file: where it lies.
        frame: number of the frame in the file, from 0.
        header: the fields that are read of the file.
        position: LPS mm of the first voxel's centre, None where it is missing.
        orientation: unit vectors along the rows and along the columns, ``(2, 3)``, None where missing.
        spacing: mm between rows and between columns, None where missing.
        rescale: slope and intercept, None where missing.
        thickness: of the slice in mm, None where missing.
        is_complete: whether the file holds all its voxels.
        fields: what the functional groups of a frame say, under the names that single-frame files have for it.
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
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def file_label(self) -> str:
        """The file's name for messages."""
        return label(self.file)

    def text(self, name: str) -> str:
        """A field as plain text, the frame's own before the file's; empty where it is missing."""
        return self.fields.get(name) or text(self.header, name)

    def own_header(self) -> pydicom.Dataset:
        """The file's header with what only this frame says."""
        if not self.fields:
            return self.header
        header = pydicom.Dataset(dict(self.header.items()))
        for name in ("ContrastBolusAgentPhase", "AcquisitionDateTime"):
            if self.fields.get(name):
                setattr(header, name, self.fields[name])
        if moment := re.match(r"\d{8}(\d{6}(?:\.\d+)?)", self.fields.get("AcquisitionDateTime", "")):
            header.AcquisitionTime = moment[1]
        return header


def label(file: Path) -> str:
    """A file's name for messages; of an identifier (UID) in it, only the last five digits."""
    return re.sub(r"\d+(?:\.\d+){4,}", lambda uid: f"...{uid[0][-5:]}", file.name)


def text(header: pydicom.Dataset, name: str) -> str:
    """A field as plain text, empty where it is missing or unreadable."""
    try:
        value = header.get(name)
    except (ValueError, TypeError):
        return ""
    return "" if value is None else str(value).strip()


def numbers(header: pydicom.Dataset, name: str, count: int) -> np.ndarray | None:
    """A field as so many finite numbers; None where it is missing or is something else."""
    try:
        values = np.array(header.get(name), dtype=np.float64).ravel()
    except (ValueError, TypeError):
        return None
    return values if values.shape == (count,) and np.isfinite(values).all() else None


def number(header: pydicom.Dataset, name: str) -> float | None:
    """A field as one finite number; None where it is missing or is something else."""
    values = numbers(header, name, 1)
    return None if values is None else float(values[0])


def frames(file: Path, header: FileDataset, is_complete: bool) -> Iterator[Slice]:
    """The slices of a file, in the order they are stored.

    Raises:
        ValueError: more frames than any file has.
        FrameCountError: the header describes another number of frames than it names.
    """
    shared = header.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or [pydicom.Dataset()]
    count = int(number(header, "NumberOfFrames") or 1)
    if count > MOST_FRAMES:
        raise ValueError(f"{count} frames")
    if count != len(per_frame):
        if header.get("PerFrameFunctionalGroupsSequence"):
            what = f"its header names {count} frame{'s' * (count != 1)} and describes {len(per_frame)}"
            raise FrameCountError(what)
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
            fields=_fields(frame, shared[0]),
        )


def _fields(frame: pydicom.Dataset, shared: pydicom.Dataset) -> dict[str, str]:
    found = {}
    for sequence, name, plain in _FIELDS_OF_FRAMES:
        for source in (frame, shared):
            if source.get(sequence) and (value := text(source[sequence][0], name)):
                found[plain] = value
                break
    return found
