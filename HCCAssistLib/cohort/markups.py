"""Slicer's markups files (.mrk.json): the nodes in them and the frame their numbers are in."""

from __future__ import annotations

from json import JSONDecodeError
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json
from HCCAssistLib.imaging.geometry import FloatArray

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)

_TO_LPS = {"LPS": (1.0, 1.0, 1.0), "RAS": (-1.0, -1.0, 1.0)}
_FRAMES = {"LPS": "LPS", "RAS": "RAS", "1": "LPS", "0": "RAS"}


def read_text(path: Path) -> str:
    """The text of a small annotation file.

    Raises:
        InputError: it is not there, cannot be read, or is not text.
    """
    if not path.is_file():
        raise InputError("there is no such file", path.name)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("the file is not text", path.name, "save the markups again from Slicer") from error
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", path.name) from error


def read_nodes(path: Path) -> list[dict[str, Any]]:
    """The markups nodes of a .mrk.json file; there may be several.

    Raises:
        InputError: not a markups file, or damaged.
    """
    again = "save the markups again from Slicer as .mrk.json"
    try:
        content = parse_json(read_text(path))
    except InputError:
        raise
    except ValueError as error:
        where = f" at line {error.lineno}" if isinstance(error, JSONDecodeError) else ""
        raise InputError(f"the file is damaged or cut short{where}", path.name, again) from error
    nodes = content.get("markups") if isinstance(content, dict) else None
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        raise InputError('this is not a markups file of Slicer (it has no list "markups")', path.name, again)
    if not nodes:
        raise InputError("the file holds no markups", path.name, again)
    return nodes


def frame(code: object, where: str) -> FloatArray:
    """The signs that turn ``(x, y, z)`` of a coordinate system into LPS.

    Args:
        code: ``LPS`` or ``RAS``, or Slicer's old numbers 1 (LPS) and 0 (RAS).
        where: the file, for the message.

    Raises:
        InputError: another coordinate system.
    """
    name = _FRAMES.get(str(code).strip().upper())
    if name is None or isinstance(code, bool):
        raise InputError(
            f"the coordinate system {str(code)[:20]!r} is neither LPS nor RAS",
            where,
            "save the points again from Slicer: their place in the patient cannot be told",
        )
    return np.array(_TO_LPS[name])


def node_frame(node: dict[str, Any], where: str) -> FloatArray:
    """The signs that turn a node's numbers into LPS; a node that does not say is in LPS, as Slicer reads it.

    Raises:
        InputError: an unknown coordinate system, or a unit other than the millimetre.
    """
    units = node.get("coordinateUnits", "mm")
    code = units[0] if isinstance(units, list) and units else units
    if code != "mm":
        raise InputError(f"the points are in {str(code)[:20]!r}, not in mm", where, "set Slicer's length unit to mm")
    return frame(node.get("coordinateSystem", "LPS"), where)


def three_numbers(value: object) -> tuple[float, float, float] | None:
    """``[x, y, z]`` of finite numbers, or None."""
    if not isinstance(value, list) or len(value) != 3:
        return None
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in value):
        return None
    try:
        x, y, z = (float(v) for v in value)
    except OverflowError:  # a whole number beyond what a float holds
        return None
    return (x, y, z) if np.isfinite((x, y, z)).all() else None
