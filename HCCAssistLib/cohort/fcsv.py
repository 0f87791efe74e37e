"""Slicer's older point files (.fcsv), from Slicer 3 to 5."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

import numpy as np

from HCCAssistLib.cohort.markups import frame
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray

SLICER3_COLUMNS = ("label", "x", "y", "z", "sel", "vis")
SLICER4_COLUMNS = (
    *("id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label", "desc", "associatedNodeID"),
    # Slicer 5 writes this column without naming it in the header: 2 is a point that was placed.
    "positionStatus",
)

_AGAIN = "load the file in Slicer and save the points as .mrk.json"
_JOIN = "if it is the rest of a description, join it to the line above in a text editor: Slicer makes a point of it"


class Row(NamedTuple):
    """One line of the file."""

    label: str
    position: tuple[float, float, float]
    description: str
    visible: bool
    placed: bool


def read_rows(text: str, where: str) -> list[Row]:
    """The points of a .fcsv file, in LPS.

    Args:
        text: the file's content.
        where: its name, for messages.

    Raises:
        InputError: a line that is not a point, an unknown or (since Slicer 4) missing coordinate system.
    """
    lines = text.splitlines()
    header = {
        key.strip().lower(): value.strip()
        for key, _, value in (line[1:].partition("=") for line in lines if line.startswith("#"))
    }
    versioned = "markups fiducial file version" in header
    if not versioned and not header:
        raise InputError("this is not a point file of Slicer (it has no header)", where, _AGAIN)
    signs = _signs(header, versioned, where)
    columns = list(SLICER4_COLUMNS if versioned else SLICER3_COLUMNS)
    if header.get("columns"):
        named = [name.strip() for name in header["columns"].split(",")]
        columns = [*named, *SLICER4_COLUMNS[len(named) :]] if versioned else named
    if not {"label", "x", "y", "z"} <= set(columns):
        raise InputError("the header does not name the columns label, x, y and z", where, _AGAIN)
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            cells = dict(zip(columns, next(csv.reader([line])), strict=False))
            rows.append(_row(cells, signs, f"{where}, line {number}"))
    return rows


def _signs(header: dict[str, str], versioned: bool, where: str) -> FloatArray:
    if "coordinatesystem" in header:
        return frame(header["coordinatesystem"], where)
    if versioned:
        raise InputError("the file does not say whether its points are LPS or RAS", where, _AGAIN)
    return frame("RAS", where)  # Slicer 3 knew nothing else


def _row(cells: dict[str, str], signs: FloatArray, where: str) -> Row:
    try:
        position = np.array([float(cells[axis]) for axis in "xyz"]) * signs
    except (KeyError, ValueError) as error:
        raise InputError("this line is not a point with x, y and z", where, _JOIN) from error
    if not np.isfinite(position).all():
        raise InputError("the point has no finite position", where, "place it again in Slicer")
    return Row(
        label=cells.get("label", "").strip(),
        position=(float(position[0]), float(position[1]), float(position[2])),
        description=cells.get("desc", "").strip(),
        visible=not re.fullmatch(r"\s*0\s*", cells.get("vis", "1")),
        placed=cells.get("positionStatus", "2").strip() in ("", "2"),
    )
