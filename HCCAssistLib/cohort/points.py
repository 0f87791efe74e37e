"""Points and boxes that a reader placed in Slicer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.cohort import fcsv
from HCCAssistLib.cohort.described_size import described_size
from HCCAssistLib.cohort.markups import SCHEMA, node_frame, read_nodes, read_text, three_numbers
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.geometry import Box, FloatArray

POINT_TYPES = ("Fiducial", "PointList")


@dataclass(frozen=True, slots=True)
class Point:
    """A point in the patient.

    Attributes:
        label: what the reader sees beside it.
        position: LPS millimetres ``(x, y, z)``.
        description: free text of the reader.
        visible: whether Slicer shows it.
    """

    label: str
    position: tuple[float, float, float]
    description: str = ""
    visible: bool = True

    def __post_init__(self) -> None:
        if len(self.position) != 3 or not np.isfinite(self.position).all():
            raise ValueError(f"the point {self.label!r} needs three finite coordinates, not {self.position}")
        x, y, z = (float(v) for v in self.position)
        object.__setattr__(self, "position", (x, y, z))


@dataclass(frozen=True, slots=True)
class PointList:
    """The points of one file.

    Attributes:
        name: of the list.
        points: in the order of the file; no two carry the same label, so that a message can name one.
        warnings: what was left out when the file was read.
    """

    name: str
    points: tuple[Point, ...]
    warnings: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        if len({point.label for point in self.points}) != len(self.points):
            raise ValueError(f"two points of {self.name!r} carry the same label")

    @property
    def positions(self) -> FloatArray:
        """LPS millimetres, shape ``(n, 3)``."""
        return np.array([point.position for point in self.points], dtype=np.float64).reshape(-1, 3)

    def digest(self) -> str:
        """sha256 of the positions and of sizes written beside them, in micrometres: names no patient."""
        sizes = np.array([described_size(point.description) for point in self.points], dtype=np.float64)
        numbers = [self.positions, np.nan_to_num(sizes)] if np.isfinite(sizes).any() else [self.positions]
        sha = hashlib.sha256()
        for part in numbers:
            sha.update(np.round(part * 1000).astype("<i8").tobytes())
        return sha.hexdigest()


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A box that a reader drew, with its label."""

    label: str
    box: Box


def read_points(path: Path) -> PointList:
    """The points of a .mrk.json file (all point lists in it) or a .fcsv file, in LPS.

    Points that were never placed are left out with a warning. Labels that repeat get a number, as in ``F-1 (2)``.

    Raises:
        InputError: not a point file, damaged, without a placed point, or with a position that is not finite.
    """
    path = Path(path)
    if path.name.lower().endswith(".fcsv"):
        rows = fcsv.read_rows(read_text(path), path.name)
        warnings = [_left_out(row.label, path.name) for row in rows if not row.placed]
        placed = [Point(row.label, row.position, row.description, row.visible) for row in rows if row.placed]
    elif path.name.lower().endswith(".json"):
        nodes = read_nodes(path)
        wanted = _nodes_of_type(nodes, POINT_TYPES, "points", path.name)
        others = sorted({str(node.get("type")) for node in nodes} - set(POINT_TYPES))
        warnings = [Problem("WARN", f"markups of type {other} are left out", path.name) for other in others]
        placed = [point for node in wanted for point in _points_of(node, path.name, warnings)]
    else:
        raise InputError(
            "points are read from .mrk.json or .fcsv files", path.name, "save them from Slicer as .mrk.json"
        )
    if not placed:
        raise InputError(
            "the file holds no placed point",
            path.name,
            "place the points in Slicer, or delete the file if there are none",
        )
    name = path.name.removesuffix(".json").removesuffix(".mrk").removesuffix(".fcsv")
    return PointList(name, with_own_labels(placed), tuple(warnings))


def write_points(points: PointList, path: Path) -> None:
    """Write a .mrk.json file that Slicer 5 loads as one point list, whole or not at all.

    Raises:
        InputError: another file name.
    """
    path = Path(path)
    if not path.name.endswith(".mrk.json"):
        raise InputError("points are written as .mrk.json", path.name)
    control_points = [
        {
            "id": str(number),
            "label": point.label,
            "description": point.description,
            "associatedNodeID": "",
            "position": list(point.position),
            "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],  # the patient's RAS axes, seen in LPS
            "selected": True,
            "locked": False,
            "visibility": point.visible,
            "positionStatus": "defined",
        }
        for number, point in enumerate(points.points, start=1)
    ]
    node = {
        "type": "Fiducial",
        "name": points.name,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "fixedNumberOfControlPoints": False,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(control_points),
        "controlPoints": control_points,
        "measurements": [],
    }
    write_json(path, {"@schema": SCHEMA, "markups": [node]})


def write_rois(boxes: Sequence[LabelledBox], path: Path) -> None:
    """Write a .mrk.json file that Slicer 5 loads as ROIs and ``read_rois`` reads, whole or not at all.

    Raises:
        InputError: another file name.
    """
    path = Path(path)
    if not path.name.endswith(".mrk.json"):
        raise InputError("boxes are written as .mrk.json", path.name)
    nodes = []
    for one in boxes:
        axes = np.array(one.box.axes, dtype=np.float64)
        if np.linalg.det(axes) < 0:
            axes[2] *= -1  # a box looks the same from both ends, and Slicer wants a right-handed one
        center = list(one.box.center)
        point = {"id": "1", "label": one.label, "position": center, "positionStatus": "defined"}
        nodes.append(
            {
                "type": "ROI",
                "name": one.label,
                "coordinateSystem": "LPS",
                "coordinateUnits": "mm",
                "locked": False,
                "roiType": "Box",
                "center": center,
                "orientation": axes.T.ravel().tolist(),
                "size": list(one.box.size),
                "insideOut": False,
                "controlPoints": [point],
                "measurements": [],
            }
        )
    write_json(path, {"@schema": SCHEMA, "markups": nodes})


def read_rois(path: Path) -> tuple[LabelledBox, ...]:
    """The boxes (ROI markups) of a .mrk.json file, in LPS.

    Raises:
        InputError: no box in the file, damaged, or a box that was never placed.
    """
    path = Path(path)
    boxes = []
    for number, node in enumerate(_nodes_of_type(read_nodes(path), ("ROI",), "boxes", path.name), start=1):
        signs = node_frame(node, path.name)
        center, size = three_numbers(node.get("center")), three_numbers(node.get("size"))
        if center is None or size is None or min(size) <= 0:
            raise InputError(f"box {number} has no place or no size", path.name, "draw it again in Slicer")
        # Columns are the box's axes in the file's frame; without them the axes are the patient's.
        orientation = node.get("orientation", np.diag(signs).ravel().tolist())
        try:
            axes = (np.array(orientation, dtype=np.float64).reshape(3, 3) * signs[:, None]).T
            x, y, z = np.array(center) * signs
            box = Box((x, y, z), size, tuple(tuple(axis) for axis in axes))
        except (TypeError, ValueError) as error:
            raise InputError(f"box {number} is not valid ({error})", path.name, "draw it again in Slicer") from error
        labels = [point.get("label") for point in _control_points(node, path.name)]
        label = str(node.get("name") or (labels[0] if labels else "") or f"box {number}")
        boxes.append(LabelledBox(label, box))
    return tuple(boxes)


def with_own_labels(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points with a number where a label repeats, as in ``F-1 (2)``, and ``point 3`` where it is empty."""
    taken: set[str] = set()
    unique = []
    for number, point in enumerate(points, start=1):
        base = point.label or f"point {number}"
        label, repeat = base, 2
        while label in taken:
            label, repeat = f"{base} ({repeat})", repeat + 1
        taken.add(label)
        unique.append(Point(label, point.position, point.description, point.visible))
    return tuple(unique)


def _nodes_of_type(
    nodes: list[dict[str, Any]], types: tuple[str, ...], wanted: str, where: str
) -> list[dict[str, Any]]:
    found = [node for node in nodes if node.get("type") in types]
    if not found:
        kinds = ", ".join(sorted({str(node.get("type")) for node in nodes}))
        remedy = "in Slicer's Markups module use a point list" if wanted == "points" else "use an ROI"
        raise InputError(f"the file holds {kinds}, not {wanted}", where, remedy)
    return found


def _control_points(node: dict[str, Any], where: str) -> list[dict[str, Any]]:
    control_points = node.get("controlPoints", [])
    if not isinstance(control_points, list) or not all(isinstance(point, dict) for point in control_points):
        raise InputError("the list of control points is damaged", where, "save the markups again from Slicer")
    return control_points


def _points_of(node: dict[str, Any], where: str, warnings: list[Problem]) -> Iterable[Point]:
    signs = node_frame(node, where)
    if isinstance(node.get("coordinateSystem"), int):
        # Slicer 5 itself overlooks a bare number and takes LPS; its table says 0 is RAS.
        warnings.append(
            Problem("WARN", "the coordinate system is given as a number", where, "check the points' places")
        )
    for number, item in enumerate(_control_points(node, where), start=1):
        label = str(item.get("label") or f"point {number}")
        if item.get("positionStatus", "defined") != "defined" or item.get("position") in ("", None):
            warnings.append(_left_out(label, where))
            continue
        position = three_numbers(item.get("position"))
        if position is None:
            raise InputError(
                f"the point {label!r} has no finite position", where, "place it again in Slicer, or delete it"
            )
        x, y, z = np.array(position) * signs
        yield Point(label, (x, y, z), str(item.get("description") or ""), bool(item.get("visibility", True)))


def _left_out(label: str, where: str) -> Problem:
    return Problem("WARN", f"the point {label!r} was never placed and is left out", where, "place it or delete it")
