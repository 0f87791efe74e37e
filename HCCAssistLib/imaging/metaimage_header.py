"""Faults of MetaImage files that SimpleITK reads without a word, or that it does not survive."""

from __future__ import annotations

import math
import re
from pathlib import Path

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.header_checks import (
    EXPORT_AGAIN,
    HEADER_LIMIT,
    NO_POSITION,
    NO_SIZE,
    REMEDY_POSITION,
    REMEDY_SIZE,
    check_directions,
    check_names,
    check_place,
    check_voxels,
    mm_per_unit,
    not_of_kind,
    numbers,
    product,
)

_META_BYTES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8}

MOST_AXES = 4
_FIELD = re.compile(r"[a-z][a-z0-9_:./ -]*")
_COUNT = re.compile(r"[1-9]\d{0,17}")
_ELEMENT_TYPES = {
    f"MET_{kind}"
    for kind in (
        *("CHAR", "UCHAR", "SHORT", "USHORT", "INT", "UINT", "LONG", "ULONG", "LONG_LONG", "ULONG_LONG"),
        *("FLOAT", "DOUBLE"),
    )
} | {f"MET_{kind}_ARRAY" for kind in ("CHAR", "UCHAR", "SHORT", "USHORT", "INT", "UINT", "FLOAT", "DOUBLE")}


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
        if end == 0 or not equals or end > HEADER_LIMIT:
            raise not_of_kind(path, content, "MetaImage")
        name = key.strip().lower()
        if fields.get(name, value.strip()) != value.strip():
            raise InputError("the header is damaged: it gives one field twice, with two values", remedy=EXPORT_AGAIN)
        fields[name] = value.strip()
    if not fields.keys() & {"transformmatrix", "orientation", "rotation"} or not fields.keys() & {
        "offset",
        "origin",
        "position",
    }:
        raise InputError(NO_POSITION, remedy=REMEDY_POSITION)
    _check_fields(fields)
    _check_metaimage_grid(fields)
    _check_metaimage_scaling(fields)
    skipped = fields.get("headersize", "0")
    if not re.fullmatch(r"-1|\d+", skipped):
        raise InputError(f"the header is damaged: voxels cannot begin at byte {skipped[:20]}", remedy=EXPORT_AGAIN)
    named = fields["elementdatafile"]
    is_list = named.upper().split()[:1] == ["LIST"]
    check_names(content[end:].decode("latin-1").split("\n") if is_list else [named])
    each = _META_BYTES.get(fields.get("elementtype", "").upper().removeprefix("MET_").removesuffix("_ARRAY").lower(), 0)
    channels = int(fields["elementnumberofchannels"]) if fields.get("elementnumberofchannels", "").isdecimal() else 1
    size = product(fields.get("dimsize", "")) * channels * each
    packed = fields.get("compresseddata", "").lower() == "true"
    if named.upper() == "LOCAL":
        if int(skipped) > 0:
            what = f"the header is damaged: it says that the voxels begin at byte {skipped}, and they follow the header"
            raise InputError(what, remedy=EXPORT_AGAIN)
        check_voxels(content[end:], packed, size)
    elif not is_list and "%" not in named:
        voxels = path.parent / named
        if not voxels.is_file():
            raise InputError(
                "the file with the voxels is missing", remedy="keep the .mhd and .raw or .zraw files together"
            )
        check_voxels(_behind(voxels.read_bytes(), int(skipped), 0 if packed else size), packed, size)
    return mm_per_unit(fields.get("distanceunits", ""))


def _behind(content: bytes, skipped: int, size: int) -> bytes:
    """The voxels in a file with a header of its own: behind so many bytes; the last ``size`` ones for -1."""
    if skipped < 0:
        return content[-size:]
    if skipped and skipped >= len(content):
        raise InputError(
            f"the file is cut short: the voxels are said to begin at byte {skipped} of {len(content)}",
            remedy=EXPORT_AGAIN,
        )
    return content[skipped:]


def _check_fields(fields: dict[str, str]) -> None:
    """Refuse fields whose form is wrong: the reader takes a file by its header's word, whatever comes of it."""
    damaged = next((name for name in fields if not _FIELD.fullmatch(name)), None)
    if damaged is not None:
        raise InputError(f"the header is damaged: there is no field {damaged[:20]!r}", remedy=EXPORT_AGAIN)
    sizes = fields.get("dimsize", "").split()
    if not 2 <= len(sizes) <= MOST_AXES or not all(_COUNT.fullmatch(size) for size in sizes):
        raise InputError("the header is damaged: the volume has no size", remedy=EXPORT_AGAIN)
    if fields.get("ndims", "") != str(len(sizes)):
        given = fields.get("ndims", "")[:20]
        what = f"the header is damaged: {given or 'no number of'} axes with {len(sizes)} sizes"
        raise InputError(what, remedy=EXPORT_AGAIN)
    if fields.get("elementtype", "").upper() not in _ELEMENT_TYPES:
        what = f"the header is damaged: voxels of the type {fields.get('elementtype', '')[:20]!r}"
        raise InputError(what, remedy=EXPORT_AGAIN)
    for name in ("elementnumberofchannels", "compresseddatasize"):
        if name in fields and not _COUNT.fullmatch(fields[name]):
            raise InputError(f"the header is damaged: {name} is {fields[name][:20]!r}", remedy=EXPORT_AGAIN)
    for name in ("centerofrotation", "elementsize", "elementspacing"):
        if name in fields and len(numbers(fields[name])) != len(sizes):
            raise InputError(f"the header is damaged: {name} has not {len(sizes)} numbers", remedy=EXPORT_AGAIN)


def _check_metaimage_grid(fields: dict[str, str]) -> None:
    spacing = fields.get("elementspacing", fields.get("elementsize"))
    if spacing is None:
        raise InputError(NO_SIZE, remedy=REMEDY_SIZE)
    sizes = numbers(spacing)
    if len(sizes) != len(fields.get("dimsize", "").split()) or not all(0 < size < math.inf for size in sizes):
        raise InputError(f"the header is damaged: voxels of {spacing[:40]} mm", remedy=REMEDY_SIZE)
    matrix = next(fields[key] for key in ("transformmatrix", "orientation", "rotation") if key in fields)
    axes = len(sizes)
    entries = numbers(matrix)
    if len(entries) != axes * axes:
        raise InputError(f"the header is damaged: {len(entries)} numbers for {axes} directions", remedy=EXPORT_AGAIN)
    check_place(next(fields[key] for key in ("offset", "origin", "position") if key in fields), axes)
    check_directions([entries[start : start + axes] for start in range(0, len(entries), axes)])


def _check_metaimage_scaling(fields: dict[str, str]) -> None:
    for key, neutral in (("slope", 1.0), ("offset", 0.0)):
        value = fields.get(f"elementtointensityfunction{key}", str(neutral))
        if numbers(value) != [neutral]:
            raise InputError(
                f"the file asks for a scaling of grey values ({key} {value[:20]}), which is not applied here",
                remedy="save it again with the scaling applied, or convert the DICOM series again",
            )
