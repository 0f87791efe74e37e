"""Faults of NRRD and MetaImage files that SimpleITK reads without a word."""

from __future__ import annotations

import zlib
from pathlib import Path

from HCCAssistLib.errors import InputError

_LIMIT = 1 << 16
_SPACES = {"left-posterior-superior", "right-anterior-superior", "left-anterior-superior", "lps", "ras", "las"}
_NO_POSITION = "the file does not say how the volume lies in the patient"
_REMEDY_POSITION = "open the file in Slicer, check left and right, and save it again as .nrrd"


def check_nrrd(path: Path) -> None:
    """Refuse what SimpleITK would guess: a missing or unnamed space, axes without a direction.

    Raises:
        InputError: not a NRRD file, or its position is incomplete.
    """
    with path.open("rb") as file:
        head = file.read(_LIMIT)
    if head[:4] != b"NRRD":
        raise InputError("the file is not a NRRD file, or it is empty", remedy="copy or export it again")
    lines = head.replace(b"\r\n", b"\n").split(b"\n\n")[0].decode("latin-1").split("\n")
    fields = {
        key.strip().lower(): value.strip() for key, colon, value in (line.partition(": ") for line in lines) if colon
    }
    if fields.get("space dimension") == "4":
        return  # ITK's own way to write several volumes, in LPS; refused by their number
    has_space = fields.get("space", "").lower() in _SPACES and fields.keys() >= {"space directions", "space origin"}
    is_scalar = len(fields.get("sizes", "").split()) <= 3
    if not has_space or (is_scalar and "none" in fields["space directions"].lower()):
        raise InputError(_NO_POSITION, remedy=_REMEDY_POSITION)


def check_metaimage(path: Path) -> None:
    """Refuse what SimpleITK would guess: a missing position; and packed voxels that are damaged.

    Raises:
        InputError: not a MetaImage file, its position is missing, or its packed voxels fail their checksum.
    """
    content = path.read_bytes()
    fields: dict[str, str] = {}
    end = 0
    while "elementdatafile" not in fields:
        start, end = end, content.find(b"\n", end) + 1
        key, equals, value = content[start:end].decode("latin-1").partition("=")
        if end == 0 or not equals or end > _LIMIT:
            raise InputError("the file is not a MetaImage file, or it is cut short", remedy="copy or export it again")
        fields[key.strip().lower()] = value.strip()
    if not fields.keys() & {"transformmatrix", "orientation", "rotation"} or not fields.keys() & {
        "offset",
        "origin",
        "position",
    }:
        raise InputError(_NO_POSITION, remedy=_REMEDY_POSITION)
    if fields.get("compresseddata", "").lower() != "true":
        return
    if fields["elementdatafile"].upper() != "LOCAL":
        voxels = path.with_name(Path(fields["elementdatafile"]).name)
        if not voxels.is_file():
            raise InputError("the file with the voxels is missing", remedy="keep the .mhd and .zraw files together")
        packed = voxels.read_bytes()
    else:
        packed = content[end:]
    try:
        unpacker = zlib.decompressobj(wbits=47)
        unpacker.decompress(packed)
    except zlib.error as error:
        raise InputError("the file is damaged", remedy="copy or export it again") from error
    if not unpacker.eof:
        raise InputError("the file is cut short", remedy="copy or export it again")
