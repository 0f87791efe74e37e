"""What the headers of NRRD and MetaImage files have in common, and what is checked of both."""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path, PureWindowsPath

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.formats import true_format
from HCCAssistLib.imaging.geometry import MM_PER_UNIT

HEADER_LIMIT = 1 << 16
"""Bytes of the longest header."""
NO_POSITION = "the file does not say how the volume lies in the patient"
REMEDY_POSITION = "open the file in Slicer, check left and right, and save it again as .nrrd"
EXPORT_AGAIN = "copy or export it again"
NO_SIZE = "the file does not say how large voxels are"
REMEDY_SIZE = "convert the DICOM series again, to .nii.gz or .nrrd"

_FLAT = 1e-6
"""Volume of the cube of the three unit vectors along the axes, below which they lie in one plane."""
_CHUNK = 1 << 22
_NUMBERED = re.compile(r"[^%]*%0?\d?d[^%]*")
"""Names of several files with a running number, as both formats have them."""


def check_directions(axes: list[list[float]]) -> None:
    """Refuse axes that lead nowhere, which SimpleITK refuses without saying why."""
    for number, axis in enumerate(axes, 1):
        if not all(map(math.isfinite, axis)) or not any(axis):
            what = f"the header is damaged: axis {number} of the volume has no direction"
            raise InputError(what, remedy=EXPORT_AGAIN)
    if len(axes) < 2 or any(len(axis) != len(axes) for axis in axes):
        what = "the header is damaged: directions of axes have too few or too many numbers"
        raise InputError(what, remedy=EXPORT_AGAIN)
    if abs(np.linalg.det([np.divide(axis, np.linalg.norm(axis)) for axis in axes])) < _FLAT:
        raise InputError("the header is damaged: the axes of the volume lie in one plane", remedy=EXPORT_AGAIN)


def check_place(origin: str, axes: int) -> None:
    """Refuse a place of the first voxel that has not one finite number for each axis."""
    place = numbers(origin.strip("()").replace(",", " "))
    if len(place) != axes or not all(map(math.isfinite, place)):
        raise InputError("the header is damaged: the place of the first voxel is not a number", remedy=EXPORT_AGAIN)


def numbers(values: str) -> list[float]:
    """The numbers of a field; what is none counts as NaN."""
    found = []
    for value in values.split():
        try:
            found.append(float(value))
        except ValueError:
            found.append(math.nan)
    return found


def check_voxels(content: bytes, packed: bool, size: int) -> None:
    """Compare the voxels with the header; the checksums of packed ones are verified on the way.

    Args:
        content: as stored.
        packed: whether by gzip or zlib.
        size: bytes of all voxels by the header, 0 where it cannot tell.
    """
    there = _unpacked_size(content) if packed else len(content)
    if size and there < size:
        raise InputError("the file is cut short: voxels are missing at its end", remedy=EXPORT_AGAIN)
    if size and there > size:
        raise InputError(
            f"the file holds {there:,} bytes of voxels and its header tells of {size:,}: one of the two is wrong",
            remedy=EXPORT_AGAIN,
        )


def _unpacked_size(packed: bytes) -> int:
    size, rest, more = 0, packed, True
    while more:
        unpacker = zlib.decompressobj(wbits=47)
        try:
            while rest and not unpacker.eof:
                size += len(unpacker.decompress(rest, _CHUNK))
                rest = unpacker.unconsumed_tail or unpacker.unused_data
        except zlib.error as error:
            raise InputError("the file is damaged or cut short", remedy=EXPORT_AGAIN) from error
        if not unpacker.eof:
            raise InputError("the file is damaged or cut short", remedy=EXPORT_AGAIN)
        more = rest[:2] == b"\x1f\x8b"  # gzip allows several pieces; padding may follow the last
    return size


def check_names(names: list[str]) -> None:
    """Refuse names that are none, and files with voxels outside the folder.

    A cohort that is passed on must not reach into other folders.
    """
    for name in names:
        if not all(map(str.isprintable, name.split())) or ("%" in name and not _NUMBERED.fullmatch(name.strip())):
            raise InputError("the header is damaged: the name of the file with the voxels is none", "", EXPORT_AGAIN)
        windows = PureWindowsPath(name.strip())
        if windows.drive or windows.root or ".." in windows.parts:
            raise InputError(
                "the file takes its voxels from outside its own folder",
                remedy="put both into one folder and correct the name in the header, or save it as one .nrrd file",
            )


def mm_per_unit(unit: str) -> float:
    """Millimetres in a unit; a unit that is not given is the millimetre, by custom."""
    name = unit.strip().lower()
    if name in ("", "?", "unknown", "none"):
        return 1.0
    if name not in MM_PER_UNIT:
        raise InputError(f"the file gives lengths in an unknown unit, {unit!r}", remedy="save it again in millimetres")
    return MM_PER_UNIT[name]


def product(sizes: str) -> int:
    """How many voxels sizes such as ``"512 512 60"`` make; 0 where one of them is no whole number."""
    return math.prod(int(size) if size.isdecimal() else 0 for size in sizes.split())


def not_of_kind(path: Path, content: bytes, kind: str) -> InputError:
    """Why the content is not what the name says."""
    if true := true_format(content):
        return InputError(f"the file is not a {kind} file but {true[0]}", remedy=true[1])
    if content[:2] == b"\x1f\x8b":
        return InputError(f"the whole file is packed with gzip, so it is no {kind} file", remedy="unpack it first")
    return InputError(f"the file is not a {kind} file, or it is empty or cut short", remedy=EXPORT_AGAIN)
