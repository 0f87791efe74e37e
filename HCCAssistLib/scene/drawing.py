"""A detection drawn into the scene: boxes, heat map, table, and the record that finds them again.

Everything hangs on one text node, the record: it holds result.json and refers to the nodes that were drawn. So a
drawing can be found again after the scene was saved and loaded, replaced when the same run is drawn anew, and
removed without leaving anything.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import slicer

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.review import Review
from HCCAssistLib.scene.boxes import NUMBER, add_box, add_labels, show_labels, show_verdict
from HCCAssistLib.scene.heatmap import HeatOwners, add_heatmap, add_legend, show_heat_of, show_layers
from HCCAssistLib.scene.inputs import geometry_of_volume, voxels_of_volume
from HCCAssistLib.scene.records import (
    BOX,
    HEATMAP,
    LABELS,
    RUN,
    TABLE,
    VOLUME,
    batch,
    records,
    references,
    remove_record,
    removed_in_steps,
    run_identity,
)
from HCCAssistLib.scene.table import fill_table

SAME_PLACE_MM = 0.1
"""Two readers of the same files (the library and Slicer) round positions differently by less than this."""

HEAT_THRESHOLD = 0.3
"""Heat below it is transparent."""

BOXES_AT_ONCE = 3
"""Drawn in one step: the views take some milliseconds for each, and more at once the more there are."""

Steps = Generator[None, None, "DrawnDetection"]


@dataclass(frozen=True, eq=False, slots=True)
class DrawnDetection:
    """A result and the nodes that show it.

    Attributes:
        result: as it is shown now, with its threshold and verdicts.
        record: text node with result.json.
        volume: the volume node it was found in, None where that was removed.
        boxes: ROI node by the candidate's number; without those that were removed.
        labels: point list with the numbers beside the boxes, None where it was removed.
        heatmap: volume node, or None.
        owners: which candidate the heat belongs to, None where there is no heat.
        table: table node, or None where it was removed.
    """

    result: DetectionResult
    record: Any
    volume: Any | None
    boxes: Mapping[int, Any]
    labels: Any | None
    heatmap: Any | None
    owners: HeatOwners | None
    table: Any | None


def draw_detection(result: DetectionResult, volume_node: Any, scene: Any) -> DrawnDetection:
    """Draw a result into the scene, in a folder beside its volume; an older drawing of the same run goes.

    Args:
        result: of a run on ``volume_node``; its places are in the world, parent transforms included.
        volume_node: the scalar volume node.
        scene: the vtkMRMLScene that holds it.

    Raises:
        InputError: the volume is no longer in the scene, or the result belongs to another volume.
    """
    steps = drawn_in_steps(result, volume_node, scene)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            drawn: DrawnDetection = end.value
            return drawn


def drawn_in_steps(
    result: DetectionResult, volume_node: Any, scene: Any, *, heat_opacity: float = 0.6, alone: bool = False
) -> Steps:
    """What ``draw_detection`` does, in steps that are short for a person; the drawing is the generator's value.

    Until the last step it is no drawing yet that could be found again. Where a step fails, or the generator is closed
    before, all of it goes.

    Args:
        result, volume_node, scene: as for ``draw_detection``.
        heat_opacity: of the heat map over the volume.
        alone: older drawings on the volume go, whichever run they are of.
    """
    check_volume(result, volume_node, scene)
    kind, run = result.run.recipe.upper(), run_identity(result)
    old = [
        record
        for record in records(scene)
        if record.GetNodeReference(VOLUME) is volume_node and (alone or record.GetAttribute(RUN) == run)
    ]
    record = scene.AddNewNodeByClass("vtkMRMLTextNode", f"{kind} result.json")
    record.SetForceCreateStorageNode(slicer.vtkMRMLTextNode.CreateStorageNodeAlways)
    record.SetNodeReferenceID(VOLUME, volume_node.GetID())
    try:
        for before in old:
            before.RemoveAttribute(RUN)
            yield from removed_in_steps(before)
        boxes: list[Any] = []
        for start in range(0, len(result.candidates), BOXES_AT_ONCE):
            with batch(scene):
                for candidate in result.candidates[start : start + BOXES_AT_ONCE]:
                    boxes.append(add_box(candidate, kind, scene))
                    boxes[-1].SetDisplayVisibility(candidate.probability >= result.threshold)
                    record.AddNodeReferenceID(BOX, boxes[-1].GetID())
            yield
        labels = add_labels(result.candidates, kind, scene)
        record.SetNodeReferenceID(LABELS, labels.GetID())
        yield
        heatmap = owners = None
        if result.heatmap is not None:
            heatmap = add_heatmap(result.heatmap, f"{kind} Grad-CAM", scene, threshold=HEAT_THRESHOLD)
            record.SetNodeReferenceID(HEATMAP, heatmap.GetID())
            yield
            owners = HeatOwners.of(heatmap, result.candidates) if result.candidates else None
            yield
        table = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{kind} candidates")
        record.SetNodeReferenceID(TABLE, table.GetID())
        check_volume(result, volume_node, scene)
        show_layers(volume_node, heatmap, scene, opacity=heat_opacity)
        if heatmap is not None:
            add_legend(heatmap)
        yield
        _gather(volume_node, [*boxes, labels, heatmap, table, record], f"{kind} detection", scene)
        record.SetAttribute(RUN, run)
        return _show(record, result, owners)
    except BaseException:
        remove_record(record)
        raise


def check_volume(result: DetectionResult, volume_node: Any, scene: Any) -> None:
    """Refuse a volume that is not the one a result is about.

    Raises:
        InputError: it is no longer in the scene, another one, or it was moved since.
    """
    if volume_node is None or volume_node.GetScene() is not scene:
        raise InputError("the volume of this result is no longer in the scene", remedy="load it again and run again")
    if not _cover_the_same(geometry_of_volume(volume_node), result.geometry):
        raise InputError(
            "the result belongs to another volume, or the volume was moved since",
            volume_node.GetName(),
            "choose the volume that was searched, or run again",
        )


def apply_threshold(drawn: DrawnDetection, threshold: float, source: str = "set by the reader") -> DrawnDetection:
    """Show the candidates at another threshold: boxes appear and vanish, nothing is computed or drawn anew.

    Raises:
        InputError: the drawing is no longer in the scene.
    """
    return _show(drawn.record, replace(drawn.result, threshold=threshold, threshold_source=source), drawn.owners)


def set_review(drawn: DrawnDetection, number: int, review: Review) -> DrawnDetection:
    """Give a candidate a reader's verdict and comment.

    Raises:
        KeyError: no candidate has that number.
        InputError: the drawing is no longer in the scene.
    """
    changed = _show(drawn.record, drawn.result.reviewed(number, review), drawn.owners)
    candidate = next(c for c in changed.result.candidates if c.number == number)
    if number in changed.boxes:
        show_verdict(changed.boxes[number], candidate)
    return changed


def restore(scene: Any) -> tuple[DrawnDetection, ...]:
    """The detections drawn in a scene, as after loading it from a file.

    Raises:
        InputError: the record of one is damaged.
    """
    return tuple(_found(record) for record in records(scene))


def remove(drawn: DrawnDetection) -> None:
    """Take a drawing out of the scene, with all that came with it; the volume stays."""
    remove_record(drawn.record)


def _cover_the_same(one: Geometry, other: Geometry) -> bool:
    """Whether two grids have the same voxels; Slicer stores left-handed files with their slices reversed."""
    corners = [
        grid.to_world(np.stack(np.meshgrid(*((0, n - 1) for n in grid.size_ijk)), axis=-1).reshape(-1, 3))
        for grid in (one, other)
    ]
    apart = np.linalg.norm(corners[0][:, None] - corners[1][None], axis=-1)
    same_voxels = np.allclose(np.sort(one.spacing), np.sort(other.spacing), rtol=1e-3)
    return bool(same_voxels and apart.min(axis=1).max() <= SAME_PLACE_MM)


def _show(record: Any, result: DetectionResult, owners: HeatOwners | None) -> DrawnDetection:
    """Bring boxes, numbers, heat, table and record in line with a result."""
    if record.GetScene() is None:
        raise InputError("the drawing is no longer in the scene", remedy="draw the result again")
    drawn = _drawn(record, result, owners)
    shown = {candidate.number for candidate in result.shown}
    for number, box in drawn.boxes.items():
        box.SetDisplayVisibility(number in shown)
    if drawn.labels is not None:
        show_labels(drawn.labels, shown)
    if drawn.heatmap is not None and owners is not None:
        show_heat_of(drawn.heatmap, owners, sorted(shown))
    if drawn.table is not None:
        fill_table(drawn.table, result.shown)
    record.SetText(json.dumps(result.as_json(), allow_nan=False))
    return drawn


def _drawn(record: Any, result: DetectionResult, owners: HeatOwners | None) -> DrawnDetection:
    """A result with the nodes of its record that are in the scene now: a person may delete any of them."""
    return DrawnDetection(
        result=result,
        record=record,
        volume=record.GetNodeReference(VOLUME),
        boxes={int(box.GetAttribute(NUMBER)): box for box in references(record, BOX)},
        labels=record.GetNodeReference(LABELS),
        heatmap=record.GetNodeReference(HEATMAP),
        owners=owners,
        table=record.GetNodeReference(TABLE),
    )


def _found(record: Any) -> DrawnDetection:
    """The drawing that a record tells of."""
    try:
        data = json.loads(record.GetText() or "")
    except ValueError as error:
        raise InputError("the stored result is damaged", record.GetName(), "delete it and run again") from error
    heatmap = record.GetNodeReference(HEATMAP)
    image = None if heatmap is None else Image(np.abs(voxels_of_volume(heatmap)), geometry_of_volume(heatmap))
    result = DetectionResult.from_json(data if isinstance(data, dict) else {}, {} if image is None else {"": image})
    owners = HeatOwners.of(heatmap, result.candidates) if heatmap is not None and result.candidates else None
    return _drawn(record, result, owners)


def _gather(volume: Any, nodes: list[Any], name: str, scene: Any) -> None:
    """Put nodes into a folder beside the volume in the subject hierarchy."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)

    def item(node: Any) -> int:
        found: int = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        return found

    folder = hierarchy.CreateFolderItem(hierarchy.GetItemParent(item(volume)), name)
    for node in nodes:
        if node is not None:
            hierarchy.SetItemParent(item(node), folder)
