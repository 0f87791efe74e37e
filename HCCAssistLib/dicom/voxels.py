"""The voxels of slices: decoded one file at a time, each slice with its own rescale values and its own padding."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage, SecondaryCaptureImageStorage

from HCCAssistLib.dicom.frames import Slice
from HCCAssistLib.dicom.opening import open_dicom
from HCCAssistLib.dicom.padding import Padding

DECODING_ERRORS = (RuntimeError, ValueError, TypeError, KeyError, AttributeError, IndexError, OSError, EOFError)
"""What pydicom and SimpleITK raise for voxels that do not fit their headers."""

_PIXEL_FIELDS = (
    *("BitsAllocated", "BitsStored", "Columns", "HighBit", "NumberOfFrames", "PhotometricInterpretation"),
    *("PixelRepresentation", "PlanarConfiguration", "Rows", "SamplesPerPixel"),
)
_PLAIN_SYNTAXES = {
    (True, True): pydicom.uid.ImplicitVRLittleEndian,
    (False, True): pydicom.uid.ExplicitVRLittleEndian,
    (False, False): pydicom.uid.ExplicitVRBigEndian,
}
_FIELDS = (*_PIXEL_FIELDS, "PixelData", "PixelPaddingRangeLimit", "PixelPaddingValue")


def read_voxels(slices: Sequence[Slice]) -> tuple[np.ndarray, Padding]:
    """The values of sorted slices of one size, and the padding that was found in them.

    Stored values are multiplied with the slope and added to the intercept of their own slice: no slice decides for
    another. Padding becomes air in CT, see ``Padding``.

    Returns:
        ``(k, j, i)``: 16-bit integers where all values fit, wider ones where not, 32-bit floats where a slope or an
        intercept is no integer; and what was done to the padding.

    Raises:
        RuntimeError, ValueError: a file cannot be decoded.
    """
    planes: list[np.ndarray | None] = [None] * len(slices)
    padding = Padding(slices[0].text("Modality"))
    wanted: dict[Path, list[int]] = defaultdict(list)
    for k, item in enumerate(slices):
        wanted[item.file].append(k)
    is_whole = all(float(value).is_integer() for item in slices for value in _rescale(item))
    for file, numbers in wanted.items():
        header, stored = read_stored(file)
        for k in numbers:
            plane = stored[slices[k].frame]
            slope, intercept = _rescale(slices[k])
            if is_whole:
                values = plane.astype(_integers(plane, slope, intercept)) * int(slope) + int(intercept)
            else:
                values = plane * np.float64(slope) + np.float64(intercept)
            values = padding.replaced(values, plane, header)
            planes[k] = _narrow(values) if is_whole else values.astype(np.float32)
    volume = np.stack([plane for plane in planes if plane is not None])
    return (_narrow(volume) if volume.dtype.kind in "iu" and volume.dtype != np.int16 else volume), padding


def _rescale(item: Slice) -> tuple[float, float]:
    return item.rescale or (1.0, 0.0)


def _integers(stored: np.ndarray, slope: float, intercept: float) -> type[np.signedinteger]:
    """A type that no product or sum leaves."""
    largest = 2.0 ** (8 * stored.itemsize) * abs(slope) + abs(intercept)
    return np.int32 if largest < 2**31 else np.int64


def _narrow(values: np.ndarray) -> np.ndarray:
    """Integers as 16-bit ones where all fit, signed ones first."""
    lowest, highest = values.min(), values.max()
    fits = (t for t in (np.int16, np.uint16) if lowest >= np.iinfo(t).min and highest <= np.iinfo(t).max)
    return values.astype(next(fits, values.dtype))


def read_stored(file: Path) -> tuple[FileDataset, np.ndarray]:
    """The header of a file and its stored values, ``(frames, rows, columns)``, before any rescale.

    Raises:
        RuntimeError, ValueError: the voxels cannot be decoded.
    """
    stream, without_header = open_dicom(file)
    with stream:
        data = pydicom.dcmread(stream, specific_tags=list(_FIELDS), force=without_header)
    if data.file_meta.get("TransferSyntaxUID") is None:
        data.file_meta.TransferSyntaxUID = _PLAIN_SYNTAXES[data.original_encoding]
    bits = data.BitsAllocated
    usual = {"SamplesPerPixel": 1, "PixelRepresentation": 0, "PhotometricInterpretation": "MONOCHROME2"}
    for name, value in {**usual, "BitsStored": bits, "HighBit": data.get("BitsStored", bits) - 1}.items():
        if data.get(name) is None:
            setattr(data, name, value)
    is_packed = data.file_meta.TransferSyntaxUID.is_encapsulated
    stored = _unpacked(data) if is_packed else pixel_array(data)
    return data, stored.reshape(-1, *stored.shape[-2:])


def _unpacked(data: FileDataset) -> np.ndarray:
    """Packed voxels, unpacked by GDCM from a file that holds nothing else: no rescale, which it would apply."""
    plain = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    for name in _PIXEL_FIELDS:
        if name in data:
            plain[name] = data[name]
    is_multiframe = int(data.get("NumberOfFrames") or 1) > 1
    kind = MultiFrameGrayscaleWordSecondaryCaptureImageStorage if is_multiframe else SecondaryCaptureImageStorage
    plain.SOPClassUID = plain.file_meta.MediaStorageSOPClassUID = kind
    plain.SOPInstanceUID = plain.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    plain.file_meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    plain.PixelData = data.PixelData
    plain["PixelData"].is_undefined_length = True
    import SimpleITK as sitk  # here and not above: most files need no unpacking, and a check reads no voxels

    from HCCAssistLib.imaging.itk import quiet

    with tempfile.TemporaryDirectory(prefix="hccassist-") as folder, quiet():
        path = Path(folder) / "packed.dcm"
        plain.save_as(path, enforce_file_format=True)
        return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
