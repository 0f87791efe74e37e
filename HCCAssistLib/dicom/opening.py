"""DICOM files as they are found: with the 128 bytes before their first element, or without."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

_PREAMBLE, _PREFIX = b"\0" * 128, b"DICM"
_FIRST_GROUPS = (0x0002, 0x0008)
_LAST_FIRST_ELEMENT = 0x0018
"""Files begin with the group's length, a character set, the image type, or at the latest with an identifier."""


def open_dicom(file: Path) -> tuple[BinaryIO, bool]:
    """A stream that pydicom can read, and whether it must be told to read it although it has no file header.

    Older scanners and archives write files without preamble, without the letters ``DICM``, or without both.
    """
    stream = file.open("rb")
    start = stream.read(140)
    stream.seek(0)
    if start[128:132] == _PREFIX:
        return stream, False
    if start[:4] == _PREFIX:
        skip, head = 4, _PREAMBLE + _PREFIX
    else:
        skip = next((at for at in (0, 128) if _is_first_element(start[at : at + 8])), -1)
        head = _PREAMBLE + _PREFIX if start[skip : skip + 2] == b"\2\0" else b""
    if skip < 0:
        return stream, False  # pydicom says that it is no DICOM file
    with stream:
        return io.BytesIO(head + stream.read()[skip:]), not head


def _is_first_element(start: bytes) -> bool:
    """Whether eight bytes are the beginning of a first element, in any plain transfer syntax."""
    if len(start) < 8:
        return False
    for order in "<>":
        group, element = struct.unpack(f"{order}HH", start[:4])
        if group in _FIRST_GROUPS and element <= _LAST_FIRST_ELEMENT:
            return bool(start[4:6].isalpha() and start[4:6].isupper()) or struct.unpack("<I", start[4:])[0] < 1024
    return False
