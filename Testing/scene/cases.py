"""Volumes in which every mistake of orientation shows: oblique, flipped, anisotropic, with an asymmetric blob."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.detection import Candidate, DetectionResult
from HCCAssistLib.results.result import Result
from HCCAssistLib.results.review import Review
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.scene.transforms import lps_to_ras, to_vtk


def rotation(axis: tuple[float, float, float], degrees: float) -> npt.NDArray[np.float64]:
    """Rodrigues' formula."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


SHAPE = (22, 44, 50)  # k, j, i
SPACING = (1.7, 2.1, 4.0)
ORIGIN = (-31.0, 17.5, -140.25)

DIRECTIONS = {
    "straight": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([1.0, 1.0, -1.0]),
    "oblique": rotation((1, 2, 3), 14) @ np.diag([-1.0, 1.0, -1.0]),
    "oblique left-handed": rotation((2, -1, 1), 12) @ np.diag([1.0, -1.0, 1.0]),
    "sagittal slices": rotation((1, 1, 0), 7) @ np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]),
}


def geometry(kind: str) -> Geometry:
    return Geometry.from_parts(SHAPE, SPACING, ORIGIN, DIRECTIONS[kind])


def blob_center(grid: Geometry) -> npt.NDArray[np.float64]:
    """LPS, well away from the middle along every axis."""
    return grid.to_world((33.0, 14.0, 13.0))


def image(kind: str) -> Image:
    """Soft tissue (0 HU) with a bright ball of 9 mm at ``blob_center``; the voxels are whole numbers."""
    grid = geometry(kind)
    k, j, i = np.indices(grid.shape)
    places = grid.to_world(np.stack([i, j, k], axis=-1))
    distance = np.linalg.norm(places - blob_center(grid), axis=-1)
    voxels = np.where(distance < 9, 300, 0) + (i + 2 * j + 3 * k) % 7
    return Image(voxels.astype(np.int16), grid, kind)


def candidate(number: int, center: npt.ArrayLike, probability: float, grid: Geometry) -> Candidate:
    x, y, z = np.asarray(center, dtype=float)
    box = Box((x, y, z), (22.0, 26.0, 20.0), tuple(tuple(axis) for axis in grid.directions.T))
    index = round(float(grid.to_index(box.center)[grid.axial_axis]))
    return Candidate(
        number=number,
        box=box,
        probability=probability,
        slice=index,
        slices=(index - 1, index + 2),
        rectangle=tuple(tuple(corner) for corner in box.corners()[:4]),
        diameter_mm=26.0,
        distance_to_ablation_mm=None if number == 2 else 3.25,
    )


def result(volume: Image, *, threshold: float = 0.5, model: str = "demo") -> DetectionResult:
    """Candidate 1 (0.93) round the blob, 2 (0.71) and 3 (0.30) elsewhere; heat of 1 in the blob."""
    grid = volume.geometry
    heat = grid.crop((20, 3, 8), (10, 24, 26))
    k, j, i = np.indices(heat.shape)
    distance = np.linalg.norm(heat.to_world(np.stack([i, j, k], axis=-1)) - blob_center(grid), axis=-1)
    return DetectionResult(
        candidates=(
            candidate(1, blob_center(grid), 0.93, grid),
            candidate(2, grid.to_world((12.0, 31.0, 6.0)), 0.71, grid),
            candidate(3, grid.to_world((36.0, 35.0, 17.0)), 0.30, grid),
        ),
        threshold=threshold,
        threshold_source="validation set",
        geometry=grid,
        run=RunRecord("ltp", {"pools": 2}, model, ("0" * 64,), {}, "cpu", {"post/arterial": volume.digest()}, 1.5),
        heatmap=Image(np.exp(-((distance / 12.0) ** 2)).astype(np.float32), heat),
    )


def assert_same_voxels(one: Image, other: Image, tolerance_voxels: float = 1e-3) -> None:
    """The same value at the same place in the patient, whatever the order in which the voxels are stored."""
    assert sorted(one.geometry.shape) == sorted(other.geometry.shape)
    k, j, i = np.indices(one.geometry.shape)
    index = other.geometry.to_index(one.geometry.to_world(np.stack([i, j, k], axis=-1)))
    nearest = np.rint(index)
    assert np.abs(index - nearest).max() < tolerance_voxels
    i, j, k = np.moveaxis(nearest.astype(int), -1, 0)
    np.testing.assert_array_equal(one.array, other.array[k, j, i])


def nodes(scene: Any) -> list[str]:
    """All nodes, hidden ones too."""
    return sorted(scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes()))


def world_corners(roi: Any) -> np.ndarray:
    """RAS corners of a box as Slicer places it."""
    matrix = roi.GetObjectToWorldMatrix()
    size = [0.0, 0.0, 0.0]
    roi.GetSizeWorld(size)
    corners = [
        matrix.MultiplyPoint((*(sign * side / 2 for sign, side in zip(signs, size, strict=True)), 1))[:3]
        for signs in itertools.product((-1, 1), repeat=3)
    ]
    return np.array(sorted(np.round(corners, 3).tolist()))


def expected_corners(lps_corners: np.ndarray) -> np.ndarray:
    return np.array(sorted(np.round(lps_corners * (-1, -1, 1), 3).tolist()))


def table_rows(node: Any) -> list[list[str]]:
    table = node.GetTable()
    return [
        [table.GetColumn(c).GetVariantValue(r).ToString() for c in range(table.GetNumberOfColumns())]
        for r in range(table.GetNumberOfRows())
    ]


def visible(drawn: Any) -> list[int]:
    return [number for number, box in drawn.boxes.items() if box.GetDisplayVisibility()]


PLACE = "post/arterial"


def draw_on(node: Any, found: Result, scene: Any, *, heat: float = 0.0) -> Any:
    """A detection drawn on the one volume it is about, and that volume shown, perhaps with the heat over it."""
    from HCCAssistLib.scene.drawing import draw
    from HCCAssistLib.scene.heatmap import show_layer, show_volumes

    drawn = draw(found, {PLACE: node}, scene)
    show_volumes([node], scene)
    show_layer(drawn.volumes, drawn.heatmaps, scene, opacity=heat)
    return drawn


def at_threshold(drawn: Any, value: float) -> Any:
    from HCCAssistLib.scene.drawing import refresh

    return refresh(drawn, replace(drawn.result, threshold=value, threshold_source="set by the reader"))


def set_review(drawn: Any, number: int, review: Review) -> Any:
    from HCCAssistLib.scene.drawing import refresh

    return refresh(drawn, drawn.result.reviewed(number, review))


def labelled(drawn: Any) -> dict[str, dict[int, str]]:
    """Texts beside boxes by number, in the order of the numbers, by view: Red, Yellow, Green and 3-D."""
    from HCCAssistLib.scene.records import drawn_nodes
    from HCCAssistLib.scene.view_labels import VIEW, visible_numbers

    found = {}
    for node in drawn_nodes(drawn.record, "labels"):
        texts = {
            int(node.GetNthControlPointDescription(n)): node.GetNthControlPointLabel(n)
            for n in range(node.GetNumberOfControlPoints())
        }
        shown = sorted(visible_numbers(node))
        found[node.GetAttribute(VIEW).removeprefix("vtkMRMLSliceNode")] = {n: texts[n] for n in shown}
    return found


def turned(node: Any, scene: Any, axis: tuple[float, float, float] = (1, -2, 1)) -> Any:
    """Put a node under a turned and shifted transform; its matrix."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation(axis, 25), (5, -7, 11)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turn")
    transform.SetMatrixTransformToParent(to_vtk(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return matrix


def line(scene: Any, *ends: Any) -> Any:
    """A line between places, LPS mm."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "diameter")
    for end in ends:
        node.AddControlPoint(*lps_to_ras(end))
    return node
