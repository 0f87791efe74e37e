"""Faults of NRRD and MetaImage files that SimpleITK reads without a word."""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path, PureWindowsPath

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.formats import true_format
from HCCAssistLib.imaging.geometry import MM_PER_UNIT

_LIMIT = 1 << 16
_FLAT = 1e-6
"""Volume of the cube of the three unit vectors along the axes, below which they lie in one plane."""
_CHUNK = 1 << 22
_SPACES = {"left-posterior-superior", "right-anterior-superior", "left-anterior-superior", "lps", "ras", "las"}
_NO_POSITION = "the file does not say how the volume lies in the patient"
_REMEDY_POSITION = "open the file in Slicer, check left and right, and save it again as .nrrd"
_AGAIN = "copy or export it again"
_NO_SIZE = "the file does not say how large voxels are"
_REMEDY_SIZE = "convert the DICOM series again, to .nii.gz or .nrrd"
_VOLUMES = {"list", "time"}
"""Kinds of a NRRD axis that number volumes."""
_IN_SPACE = {"???", "none", "domain", "space"}
"""Kinds of a NRRD axis that say nothing, or that it lies in space."""

_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(
        ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"), 4
    ),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t", "ulonglong", "uint64", "uint64_t", "double"), 8),
}
_META_BYTES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8}


def check_nrrd(path: Path) -> float:
    """Refuse what SimpleITK would guess: a missing or unnamed space, axes without a direction, damaged voxels.

    Returns:
        What the file's lengths must be multiplied by, because SimpleITK takes every unit as the millimetre.

    Raises:
        InputError: not a NRRD file, its position is incomplete, its unit unknown, or its voxels are not all there.
    """
    fields, end = _nrrd_header(path)
    _check_nrrd_voxels(path, fields, end)
    if fields.get("space dimension") == "4":
        return 1.0  # ITK's own way to write several volumes, in LPS; refused by their number
    has_space = fields.get("space", "").lower() in _SPACES and fields.keys() >= {"space directions", "space origin"}
    is_scalar = len(fields.get("sizes", "").split()) <= 3
    if not has_space or (is_scalar and "none" in fields["space directions"].lower()):
        raise InputError(_NO_POSITION, remedy=_REMEDY_POSITION)
    _check_directions([_numbers(axis[1:-1].replace(",", " ")) for axis in _axes(fields) if axis != "none"])
    _check_place(fields["space origin"], 3)
    units = re.findall(r'"([^"]*)"', fields.get("space units", ""))
    factors = {_mm_per_unit(unit) for unit in units}
    if len(factors) > 1:
        raise InputError(
            f"the file gives lengths in different units ({', '.join(units)})", remedy="save it again in millimetres"
        )
    return factors.pop() if factors else 1.0


def check_one_volume(path: Path) -> None:
    """Refuse a NRRD file of several volumes, which SimpleITK takes for a picture with several colours.

    Raises:
        InputError: a volume sequence, or a segmentation of several layers.
    """
    fields, _ = _nrrd_header(path)
    sizes, kinds, axes = fields.get("sizes", "").split(), fields.get("kinds", "").lower().split(), _axes(fields)
    if len(sizes) < 4:
        return
    is_said = not _IN_SPACE.issuperset(kinds)
    kinds += ["???"] * (len(sizes) - len(kinds))
    if len(axes) != len(sizes) or "none" not in axes:  # nothing says which axis it is; by custom the last one
        axes = ["()"] * (len(sizes) - 1) + ["none"]
    several = [
        int(size)
        for size, kind, axis in zip(sizes, kinds, axes, strict=False)
        if size.isdecimal() and (kind in _VOLUMES if is_said else axis == "none")
    ]
    if math.prod(several) < 2:
        return
    if any(key.startswith("segment0_") for key in fields):
        raise InputError(
            f"the file is a segmentation of {several[0]} layers, not a scan",
            remedy="choose the scan; segments belong to its liver or ablation zone",
        )
    raise InputError(
        f"the file is a volume sequence of {several[0]} volumes (phases or time points), not one",
        remedy="in Slicer, choose the volume with the Sequences module and save that one as its own .nrrd file",
    )


def _axes(fields: dict[str, str]) -> list[str]:
    """The direction of each NRRD axis as it is written; ``none`` for axes that do not lie in space."""
    return re.findall(r"\([^)]*\)|none", fields.get("space directions", "").lower())


def check_metaimage(path: Path) -> float:
    """Refuse what SimpleITK would guess: a missing position; and voxels that are damaged or too many.

    Returns:
        What the file's lengths must be multiplied by, because SimpleITK takes every unit as the millimetre.

    Raises:
        InputError: not a MetaImage file, its position, its voxels' size or its directions are missing or damaged, its
            unit is unknown, its values are scaled, or its voxels fail their check.
    """
    content = path.read_bytes()
    fields: dict[str, str] = {}
    end = 0
    while "elementdatafile" not in fields:
        start, end = end, content.find(b"\n", end) + 1
        key, equals, value = content[start:end].decode("latin-1").partition("=")
        if end == 0 or not equals or end > _LIMIT:
            raise _not(path, content, "MetaImage")
        name = key.strip().lower()
        if fields.get(name, value.strip()) != value.strip():
            raise InputError("the header is damaged: it gives one field twice, with two values", remedy=_AGAIN)
        fields[name] = value.strip()
    if not fields.keys() & {"transformmatrix", "orientation", "rotation"} or not fields.keys() & {
        "offset",
        "origin",
        "position",
    }:
        raise InputError(_NO_POSITION, remedy=_REMEDY_POSITION)
    _check_metaimage_grid(fields)
    _check_metaimage_scaling(fields)
    skipped = fields.get("headersize", "0")
    if not re.fullmatch(r"-1|\d+", skipped):
        raise InputError(f"the header is damaged: voxels cannot begin at byte {skipped[:20]}", remedy=_AGAIN)
    named = fields["elementdatafile"]
    is_list = named.upper().split()[:1] == ["LIST"]
    _check_names(content[end:].decode("latin-1").split("\n") if is_list else [named])
    each = _META_BYTES.get(fields.get("elementtype", "").upper().removeprefix("MET_").removesuffix("_ARRAY").lower(), 0)
    channels = int(fields["elementnumberofchannels"]) if fields.get("elementnumberofchannels", "").isdecimal() else 1
    size = _product(fields.get("dimsize", "")) * channels * each
    packed = fields.get("compresseddata", "").lower() == "true"
    if named.upper() == "LOCAL":
        if int(skipped) > 0:
            what = f"the header is damaged: it says that the voxels begin at byte {skipped}, and they follow the header"
            raise InputError(what, remedy=_AGAIN)
        _check_voxels(content[end:], packed, size)
    elif not is_list and "%" not in named:
        voxels = path.parent / named
        if not voxels.is_file():
            raise InputError(
                "the file with the voxels is missing", remedy="keep the .mhd and .raw or .zraw files together"
            )
        _check_voxels(_behind(voxels.read_bytes(), int(skipped), 0 if packed else size), packed, size)
    return _mm_per_unit(fields.get("distanceunits", ""))


def _behind(content: bytes, skipped: int, size: int) -> bytes:
    """The voxels in a file with a header of its own: behind so many bytes; the last ``size`` ones for -1."""
    if skipped < 0:
        return content[-size:]
    if skipped and skipped >= len(content):
        raise InputError(
            f"the file is cut short: the voxels are said to begin at byte {skipped} of {len(content)}", remedy=_AGAIN
        )
    return content[skipped:]


def _check_metaimage_grid(fields: dict[str, str]) -> None:
    spacing = fields.get("elementspacing", fields.get("elementsize"))
    if spacing is None:
        raise InputError(_NO_SIZE, remedy=_REMEDY_SIZE)
    sizes = _numbers(spacing)
    if len(sizes) != len(fields.get("dimsize", "").split()) or not all(0 < size < math.inf for size in sizes):
        raise InputError(f"the header is damaged: voxels of {spacing[:40]} mm", remedy=_REMEDY_SIZE)
    matrix = next(fields[key] for key in ("transformmatrix", "orientation", "rotation") if key in fields)
    axes = len(sizes)
    entries = _numbers(matrix)
    if len(entries) != axes * axes:
        raise InputError(f"the header is damaged: {len(entries)} numbers for {axes} directions", remedy=_AGAIN)
    _check_place(next(fields[key] for key in ("offset", "origin", "position") if key in fields), axes)
    _check_directions([entries[start : start + axes] for start in range(0, len(entries), axes)])


def _check_directions(axes: list[list[float]]) -> None:
    """Refuse axes that lead nowhere, which SimpleITK refuses without saying why."""
    for number, axis in enumerate(axes, 1):
        if not all(map(math.isfinite, axis)) or not any(axis):
            raise InputError(f"the header is damaged: axis {number} of the volume has no direction", remedy=_AGAIN)
    if any(len(axis) != len(axes) for axis in axes):
        raise InputError("the header is damaged: directions of axes have too few or too many numbers", remedy=_AGAIN)
    if abs(np.linalg.det([np.divide(axis, np.linalg.norm(axis)) for axis in axes])) < _FLAT:
        raise InputError("the header is damaged: the axes of the volume lie in one plane", remedy=_AGAIN)


def _check_place(origin: str, axes: int) -> None:
    place = _numbers(origin.strip("()").replace(",", " "))
    if len(place) != axes or not all(map(math.isfinite, place)):
        raise InputError("the header is damaged: the place of the first voxel is not a number", remedy=_AGAIN)


def _check_metaimage_scaling(fields: dict[str, str]) -> None:
    for key, neutral in (("slope", 1.0), ("offset", 0.0)):
        value = fields.get(f"elementtointensityfunction{key}", str(neutral))
        if _numbers(value) != [neutral]:
            raise InputError(
                f"the file asks for a scaling of grey values ({key} {value[:20]}), which is not applied here",
                remedy="save it again with the scaling applied, or convert the DICOM series again",
            )


def _numbers(values: str) -> list[float]:
    """The numbers of a field; what is none counts as NaN."""
    found = []
    for value in values.split():
        try:
            found.append(float(value))
        except ValueError:
            found.append(math.nan)
    return found


def _nrrd_header(path: Path) -> tuple[dict[str, str], int]:
    """The fields, keys in small letters, and where the voxels begin; the names of a list are in ``data file``."""
    with path.open("rb") as file:
        head = file.read(_LIMIT)
    if head[:4] != b"NRRD":
        raise _not(path, head, "NRRD")
    blank = re.search(rb"\r?\n\r?\n", head)
    text = head[: blank.start() if blank else None].decode("latin-1").replace("\r\n", "\n")
    fields: dict[str, str] = {}
    lines = text.split("\n")
    for number, line in enumerate(lines):
        key, colon, value = line.partition(":=") if ":=" in line else line.partition(": ")
        if not colon or line.startswith("#"):
            continue
        key = key.strip().lower().replace("datafile", "data file").replace("byteskip", "byte skip")
        fields[key.replace("lineskip", "line skip")] = value.strip()
        if key == "data file" and value.strip().upper().startswith("LIST"):
            fields[key] = "\n".join(["LIST", *lines[number + 1 :]])
            break
    return fields, blank.end() if blank else len(head)


def _check_nrrd_voxels(path: Path, fields: dict[str, str], end: int) -> None:
    """Check that the voxels of one block are all there and no more; files of a list are left to SimpleITK."""
    named = fields.get("data file", "")
    is_list = named.startswith("LIST\n")
    _check_names(named.split("\n")[1:] if is_list else [named])
    if is_list or "%" in named:
        return
    voxels = path.parent / named if named else path
    if not voxels.is_file():
        raise InputError("the file with the voxels is missing", remedy="keep the .nhdr file and its voxels together")
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gz", "gzip"):
        return
    size = _product(fields.get("sizes", "")) * _NRRD_BYTES.get(fields.get("type", "").lower(), 0)
    has_skips = any(fields.get(skip, "0") != "0" for skip in ("byte skip", "line skip"))
    content = voxels.read_bytes()[0 if named else end :]
    _check_voxels(content, encoding != "raw", 0 if has_skips else size)


def _check_voxels(content: bytes, packed: bool, size: int) -> None:
    """Compare the voxels with the header; the checksums of packed ones are verified on the way.

    Args:
        content: as stored.
        packed: whether by gzip or zlib.
        size: bytes of all voxels by the header, 0 where it cannot tell.
    """
    there = _unpacked_size(content) if packed else len(content)
    if size and there < size:
        raise InputError("the file is cut short: voxels are missing at its end", remedy=_AGAIN)
    if size and there > size:
        raise InputError(
            f"the file holds {there:,} bytes of voxels and its header tells of {size:,}: one of the two is wrong",
            remedy=_AGAIN,
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
            raise InputError("the file is damaged or cut short", remedy=_AGAIN) from error
        if not unpacker.eof:
            raise InputError("the file is damaged or cut short", remedy=_AGAIN)
        more = rest[:2] == b"\x1f\x8b"  # gzip allows several pieces; padding may follow the last
    return size


def _check_names(names: list[str]) -> None:
    """Refuse files with voxels outside the folder: a cohort that is passed on must not reach into other folders."""
    for name in names:
        windows = PureWindowsPath(name.strip())
        if windows.drive or windows.root or ".." in windows.parts:
            raise InputError(
                "the file takes its voxels from outside its own folder",
                remedy="put both into one folder and correct the name in the header, or save it as one .nrrd file",
            )


def _mm_per_unit(unit: str) -> float:
    """Millimetres in a unit; a unit that is not given is the millimetre, by custom."""
    name = unit.strip().lower()
    if name in ("", "?", "unknown", "none"):
        return 1.0
    if name not in MM_PER_UNIT:
        raise InputError(f"the file gives lengths in an unknown unit, {unit!r}", remedy="save it again in millimetres")
    return MM_PER_UNIT[name]


def _product(sizes: str) -> int:
    return math.prod(int(size) if size.isdecimal() else 0 for size in sizes.split())


def _not(path: Path, content: bytes, kind: str) -> InputError:
    """Why the content is not what the name says."""
    if true := true_format(content):
        return InputError(f"the file is not a {kind} file but {true[0]}", remedy=true[1])
    if content[:2] == b"\x1f\x8b":
        return InputError(f"the whole file is packed with gzip, so it is no {kind} file", remedy="unpack it first")
    return InputError(f"the file is not a {kind} file, or it is empty or cut short", remedy=_AGAIN)
