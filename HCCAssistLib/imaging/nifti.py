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
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import compact

_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_NOT_GREY = {32: "complex", 1792: "complex", 128: "colour", 2304: "colour"}
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
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
    mm_per_unit: float
    qform: tuple[float, ...] | None
    sform: tuple[float, ...] | None


def read_nifti(path: Path, name: str = "") -> Image:
    """The volume of a ``.nii`` or ``.nii.gz`` file; stored integers stay integers where the scaling allows it.

    Raises:
        InputError: a damaged file, several volumes, colours, or a position that is missing, contradictory or sheared.
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
    return Image(_voxels(content, header, geometry), geometry, name)


def _content(path: Path) -> bytes:
    """All bytes of the file, unpacked; the checksums of gzip are verified on the way."""
    packed = path.read_bytes()
    if not path.name.lower().endswith(".gz"):
        return packed
    if packed[:2] != b"\x1f\x8b":
        raise InputError("the file is not a gzip file, whatever its name says", remedy="copy or export it again")
    try:
        return gzip.decompress(packed)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError("the file is damaged or cut short", remedy="copy or export it again") from error


def _parse(content: bytes) -> _Header:
    for order in "<>":
        if content[:4] == struct.pack(order + "i", 348) and content[344:347] == b"n+1":
            return _parse_1(content, order)
        if content[:4] == struct.pack(order + "i", 540) and content[4:7] == b"n+2" and len(content) >= 540:
            return _parse_2(content, order)
    raise InputError("the file is not a NIfTI file, or it is cut short", remedy="copy or export it again")


def _parse_1(content: bytes, order: str) -> _Header:
    def field(form: str, offset: int) -> tuple:
        return struct.unpack_from(order + form, content, offset)

    dim = field("8h", 40)
    qform_code, sform_code = field("2h", 252)
    offset, slope, intercept = field("3f", 108)
    if not math.isfinite(offset):
        raise InputError("the file's header is damaged", remedy="copy or export it again")
    return _Header(
        byte_order=order,
        dims=_dims(dim),
        datatype=field("h", 70)[0],
        pixdim=field("8f", 76),
        offset=int(offset),
        slope=slope,
        intercept=intercept,
        mm_per_unit=_MM_PER_UNIT.get(content[123] & 7, 1.0),
        qform=field("6f", 256) if qform_code > 0 else None,
        sform=field("12f", 280) if sform_code > 0 else None,
    )


def _parse_2(content: bytes, order: str) -> _Header:
    def field(form: str, offset: int) -> tuple:
        return struct.unpack_from(order + form, content, offset)

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
        mm_per_unit=_MM_PER_UNIT.get(field("i", 500)[0] & 7, 1.0),
        qform=field("6d", 352) if qform_code > 0 else None,
        sform=field("12d", 400) if sform_code > 0 else None,
    )


def _dims(dim: tuple[int, ...]) -> tuple[int, ...]:
    sizes = dim[1 : dim[0] + 1]
    if not 1 <= dim[0] <= 7:
        raise InputError("the file's header is damaged", remedy="copy or export it again")
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
    affine: FloatArray = np.vstack([rows * header.mm_per_unit, (0, 0, 0, 1)])
    affine[:2] *= -1
    return affine


def _from_quaternion(header: _Header) -> FloatArray:
    """The rows of the qform, NIfTI-1 standard, method 2."""
    assert header.qform is not None  # noqa: S101 - called where there is one
    b, c, d, *offset = header.qform
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
        raise InputError("the file is cut short: voxels are missing at its end", remedy="copy or export it again")
    array: npt.NDArray[Any] = np.frombuffer(content, stored, count, header.offset).reshape(geometry.shape)
    array = array.astype(stored.newbyteorder("="), copy=False)
    slope, intercept = header.slope, header.intercept
    if not math.isfinite(slope) or slope == 0 or (slope == 1 and intercept == 0):
        return compact(array)
    if not math.isfinite(intercept):
        raise InputError("the file's scaling of grey values is damaged", remedy="copy or export it again")
    is_whole = slope == int(slope) and intercept == int(intercept) and max(abs(slope), abs(intercept)) < 1e6
    if array.dtype.kind in "iu" and is_whole:
        return compact(array.astype(np.int64) * int(slope) + int(intercept))
    precise: npt.NDArray[Any] = array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32)
    with np.errstate(over="ignore"):  # what overflows becomes infinite, which an Image refuses
        return precise * slope + intercept
