"""Reading NIfTI-1 and NIfTI-2 files.

ITK (and so SimpleITK 2.5) fills a truncated file with zeros without a word, replaces a sheared sform by the qform
where there is one, and refuses an sform that is off by 0.0001 radians. Here the file is read whole, checked, and its
position taken as written. Writing goes through SimpleITK.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.formats import true_format
from HCCAssistLib.imaging.geometry import MM_PER_UNIT, FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import compact

_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_NOT_GREY = {32: "complex", 1792: "complex", 128: "colour", 2304: "colour"}
_HIGHEST_SCALED = 1e9
"""No grey value of a scan is larger; one that a scaling makes larger is damage."""
_UNITS = {0: "", 1: "metres", 2: "millimetres", 3: "micrometres"}
_AGAIN = "copy or export it again"
_PAIR = "give a single .nii or .nii.gz file, best converted from the DICOM series again"
_REMEDY_POSITION = "open the file in Slicer, check left and right, and save it as .nrrd"


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields of a NIfTI header that matter here."""

    byte_order: str
    dims: tuple[int, ...]
    datatype: int
    pixdim: tuple[float, ...]
    offset: int
    slope: float
    intercept: float
    unit: str
    qform: tuple[float, ...] | None
    sform: tuple[float, ...] | None


def read_nifti(path: Path, name: str = "") -> Image:
    """The volume of a ``.nii`` or ``.nii.gz`` file; stored integers stay integers where the scaling allows it.

    Raises:
        InputError: a damaged file, several volumes, colours, or a position that is missing, contradictory or sheared,
            or a unit that makes a patient of the wrong size.
    """
    content = _content(path)
    header = _parse(content)
    dims = list(header.dims)
    while len(dims) > 3 and dims[-1] == 1:
        dims.pop()
    if len(dims) > 4 or (len(dims) == 4 and dims[3] > 1):
        raise InputError(
            f"the file holds {math.prod(dims[3:])} volumes (phases or time points), not one",
            remedy="save the one volume to use as its own file",
        )
    if len(dims) < 3:
        raise InputError("the file holds a flat picture, not a volume", remedy="give the whole series of slices")
    geometry = Geometry((dims[2], dims[1], dims[0]), _affine(header, dims))
    geometry.check_size(header.unit)
    return Image(_voxels(content, header, geometry), geometry, name)


def _content(path: Path) -> bytes:
    """All bytes of the file, unpacked whatever its name says; the checksums of gzip are verified on the way."""
    packed = path.read_bytes()
    if packed[:2] != b"\x1f\x8b":
        return packed
    try:
        return gzip.decompress(packed)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError("the file is damaged or cut short", remedy=_AGAIN) from error


def _parse(content: bytes) -> _Header:
    for order in "<>":
        if content[:4] == struct.pack(order + "i", 348) and content[344:347] == b"n+1":
            return _parse_1(content, order)
        if content[:4] == struct.pack(order + "i", 540) and content[4:7] == b"n+2" and len(content) >= 540:
            return _parse_2(content, order)
    header_size, magic = content[:4], content[344:348]
    if magic in (b"ni1\0", b"ni2\0") or content[4:8] in (b"ni1\0", b"ni2\0"):
        raise InputError("the file is the header of a NIfTI pair (.hdr and .img) without voxels", remedy=_PAIR)
    if header_size in (struct.pack("<i", 348), struct.pack(">i", 348)) and len(content) >= 348:
        raise InputError("the file is of the old Analyze format, which does not say left and right", remedy=_PAIR)
    if true := true_format(content):
        raise InputError(f"the file is not a NIfTI file but {true[0]}", remedy=true[1])
    raise InputError("the file is not a NIfTI file, or it is cut short", remedy=_AGAIN)


def _parse_1(content: bytes, order: str) -> _Header:
    def field(form: str, offset: int) -> tuple:
        return struct.unpack_from(order + form, content, offset)

    dim = field("8h", 40)
    qform_code, sform_code = field("2h", 252)
    offset, slope, intercept = field("3f", 108)
    if not math.isfinite(offset) or offset != int(offset):
        raise InputError("the file's header is damaged", remedy=_AGAIN)
    _check_offset(content, int(offset), 352, order)
    return _Header(
        byte_order=order,
        dims=_dims(dim),
        datatype=field("h", 70)[0],
        pixdim=field("8f", 76),
        offset=int(offset),
        slope=slope,
        intercept=intercept,
        unit=_unit(content[123]),
        qform=field("6f", 256) if qform_code > 0 else None,
        sform=field("12f", 280) if sform_code > 0 else None,
    )


def _parse_2(content: bytes, order: str) -> _Header:
    def field(form: str, offset: int) -> tuple:
        return struct.unpack_from(order + form, content, offset)

    _check_offset(content, field("q", 168)[0], 544, order)
    qform_code, sform_code = field("2i", 344)
    slope, intercept = field("2d", 176)
    return _Header(
        byte_order=order,
        dims=_dims(field("8q", 16)),
        datatype=field("h", 12)[0],
        pixdim=field("8d", 104),
        offset=field("q", 168)[0],
        slope=slope,
        intercept=intercept,
        unit=_unit(field("i", 500)[0]),
        qform=field("6d", 352) if qform_code > 0 else None,
        sform=field("12d", 400) if sform_code > 0 else None,
    )


def _check_offset(content: bytes, offset: int, header: int, order: str) -> None:
    """Refuse voxels that begin within the header or within the extensions that may follow it."""
    end = header
    while content[header - 4 : header - 3] not in (b"", b"\0") and end + 8 <= len(content):
        size = struct.unpack_from(order + "i", content, end)[0]
        if size < 16 or size % 16 or end + size > len(content):
            break
        end += size
    if offset < end:
        raise InputError(
            f"the header is damaged: the voxels are said to begin at byte {offset}, inside the header of {end} bytes",
            remedy=_AGAIN,
        )
    if offset >= len(content):
        raise InputError(
            f"the file is cut short: the voxels are said to begin at byte {offset} of {len(content)}", remedy=_AGAIN
        )


def _unit(code: int) -> str:
    """The unit of length in words; nothing where the file gives none (it is millimetres then, by custom)."""
    if code & 7 not in _UNITS:
        raise InputError(
            f"the file gives lengths in an unknown unit (code {code & 7})", remedy="save it again in millimetres"
        )
    return _UNITS[code & 7]


def _dims(dim: tuple[int, ...]) -> tuple[int, ...]:
    sizes = dim[1 : dim[0] + 1]
    if not 1 <= dim[0] <= 7:
        raise InputError("the file's header is damaged", remedy=_AGAIN)
    if min(sizes) < 1:
        raise InputError(f"the volume is empty: {' x '.join(map(str, sizes))} voxels")
    return sizes


def _affine(header: _Header, dims: list[int]) -> FloatArray:
    """Index to LPS mm; the sform where there is one, as the standard recommends.

    Raises:
        InputError: no position, or an sform and a qform that put the volume at different places.
    """
    shape = (dims[2], dims[1], dims[0])
    sform = None if header.sform is None else _lps(np.reshape(header.sform, (3, 4)), header)
    qform = None if header.qform is None else _lps(_from_quaternion(header), header)
    # A program that writes only one of the two may leave the other empty and yet marked as valid.
    if sform is not None and qform is not None and _is_empty(sform) != _is_empty(qform):
        sform, qform = (None, qform) if _is_empty(sform) else (sform, None)
    if sform is None and qform is None:
        raise InputError("the file does not say how the volume lies in the patient", remedy=_REMEDY_POSITION)
    if sform is not None and qform is not None:
        straight = Geometry(shape, sform)
        if not straight.matches(Geometry(shape, qform), tolerance_mm=float(straight.spacing.min()) / 2):
            raise InputError(
                "the file gives two different positions for the volume (sform and qform)", remedy=_REMEDY_POSITION
            )
    chosen = sform if sform is not None else qform
    assert chosen is not None  # noqa: S101 - one of the two exists, see above
    return chosen


def _lps(rows: FloatArray, header: _Header) -> FloatArray:
    """A 4x4 in LPS millimetres from rows in RAS and the file's unit."""
    affine: FloatArray = np.vstack([rows * MM_PER_UNIT.get(header.unit, 1.0), (0, 0, 0, 1)])
    affine[:2] *= -1
    return affine


def _is_empty(affine: FloatArray) -> bool:
    """Whether an axis has no length."""
    return bool((np.abs(affine[:3, :3]).max(axis=0) == 0).any())


def _from_quaternion(header: _Header) -> FloatArray:
    """The rows of the qform, NIfTI-1 standard, method 2."""
    assert header.qform is not None  # noqa: S101 - called where there is one
    b, c, d, *offset = header.qform
    if not b * b + c * c + d * d <= 1.01:
        raise InputError("the file's header is damaged: its rotation (qform) is none", remedy=_AGAIN)
    a = math.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    handedness = -1.0 if header.pixdim[0] < 0 else 1.0
    spacing = np.abs(header.pixdim[1:4]) * (1.0, 1.0, handedness)
    return np.column_stack([rotation * spacing, offset])


def _voxels(content: bytes, header: _Header, geometry: Geometry) -> np.ndarray:
    if header.datatype in _NOT_GREY:
        raise InputError(
            f"the voxels are {_NOT_GREY[header.datatype]} values, not one grey value each",
            remedy="give the original images, not a colour picture",
        )
    if header.datatype not in _TYPES:
        raise InputError(f"voxels of NIfTI type {header.datatype} are not supported", remedy="save it as .nrrd")
    stored = np.dtype(header.byte_order + _TYPES[header.datatype])
    count = math.prod(geometry.shape)
    if header.offset < 0 or len(content) < header.offset + count * stored.itemsize:
        raise InputError("the file is cut short: voxels are missing at its end", remedy=_AGAIN)
    array: npt.NDArray[Any] = np.frombuffer(content, stored, count, header.offset).reshape(geometry.shape)
    array = array.astype(stored.newbyteorder("="), copy=False)
    slope, intercept = header.slope, header.intercept
    if math.isnan(slope) or slope == 0 or (slope == 1 and intercept == 0):
        return compact(array)
    if not math.isfinite(slope) or not math.isfinite(intercept):
        raise InputError("the file's scaling of grey values is damaged", remedy=_AGAIN)
    largest = max(abs(float(end) * slope + intercept) for end in (array.min(), array.max()))
    if _HIGHEST_SCALED < largest < math.inf:
        what = f"the file's scaling of grey values is damaged: it makes voxels of {largest:.2g}"
        raise InputError(what, remedy=_AGAIN)
    is_whole = slope == int(slope) and intercept == int(intercept) and max(abs(slope), abs(intercept)) < 1e6
    if array.dtype.kind in "iu" and is_whole:
        return compact(array.astype(np.int64) * int(slope) + int(intercept))
    precise: npt.NDArray[Any] = array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32)
    with np.errstate(over="ignore"):  # what overflows becomes infinite, which an Image refuses
        return precise * slope + intercept
