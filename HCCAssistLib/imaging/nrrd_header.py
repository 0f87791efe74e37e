"""Faults of NRRD files that SimpleITK reads without a word."""

from __future__ import annotations

import math
import re
from pathlib import Path

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.header_checks import (
    HEADER_LIMIT,
    NO_POSITION,
    REMEDY_POSITION,
    check_directions,
    check_names,
    check_place,
    check_voxels,
    mm_per_unit,
    not_of_kind,
    numbers,
    product,
)

_SPACES = {"left-posterior-superior", "right-anterior-superior", "left-anterior-superior", "lps", "ras", "las"}
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
        raise InputError(NO_POSITION, remedy=REMEDY_POSITION)
    check_directions([numbers(axis[1:-1].replace(",", " ")) for axis in _axes(fields) if axis != "none"])
    check_place(fields["space origin"], 3)
    units = re.findall(r'"([^"]*)"', fields.get("space units", ""))
    factors = {mm_per_unit(unit) for unit in units}
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


def _nrrd_header(path: Path) -> tuple[dict[str, str], int]:
    """The fields, keys in small letters, and where the voxels begin; the names of a list are in ``data file``."""
    with path.open("rb") as file:
        head = file.read(HEADER_LIMIT)
    if head[:4] != b"NRRD":
        raise not_of_kind(path, head, "NRRD")
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
    check_names(named.split("\n")[1:] if is_list else [named])
    if is_list or "%" in named:
        return
    voxels = path.parent / named if named else path
    if not voxels.is_file():
        raise InputError("the file with the voxels is missing", remedy="keep the .nhdr file and its voxels together")
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gz", "gzip"):
        return
    size = product(fields.get("sizes", "")) * _NRRD_BYTES.get(fields.get("type", "").lower(), 0)
    has_skips = any(fields.get(skip, "0") != "0" for skip in ("byte skip", "line skip"))
    content = voxels.read_bytes()[0 if named else end :]
    check_voxels(content, encoding != "raw", 0 if has_skips else size)
