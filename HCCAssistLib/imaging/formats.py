"""What a file is by its first bytes."""

from __future__ import annotations

import re
import zlib

_HEAD, _PACKED_HEAD = 1 << 10, 1 << 16


def true_format(content: bytes) -> tuple[str, str] | None:
    """What a file is by its first bytes, whatever its name says, and what to do; None for what is not known."""
    packed = content[:2] == b"\x1f\x8b"
    head = _first_unpacked(content) if packed else content[:_HEAD]
    if head[:2] == b"\x1f\x8b":
        return "packed with gzip twice", "unpack it once"
    if head[344:347] == b"n+1" or head[4:7] == b"n+2":
        ending = ".nii.gz" if packed else ".nii"
        return f"a NIfTI file{' packed with gzip' * packed}", f"rename it to end in {ending}"
    unpack = "unpack it and " if packed else ""
    if head[:4] == b"NRRD":
        return f"a NRRD file{' packed with gzip' * packed}", f"{unpack}rename it to end in .nrrd"
    if re.match(rb"\s*(?:ObjectType|NDims)\s*=", head):
        return f"a MetaImage file{' packed with gzip' * packed}", f"{unpack}rename it to end in .mha"
    if head[128:132] == b"DICM":
        return "a single DICOM file", "give the folder that holds the whole series"
    return None


def _first_unpacked(content: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=47).decompress(content[:_PACKED_HEAD], _HEAD)
    except zlib.error:
        return b""
