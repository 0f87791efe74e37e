"""The record of a drawing: one text node that holds result.json and refers to all nodes of one result.

A record names its recipe and kind, so that each panel finds its own and leaves the others alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import slicer

from HCCAssistLib.results.result import Result
from HCCAssistLib.scene.colors import HEAT_TABLE

RUN = "HCCAssist.run"
"""Attribute of a complete record: identifies the run and its inputs."""

RECIPE, KIND = "HCCAssist.recipe", "HCCAssist.kind"
"""Attributes of a record: id of the recipe, kind of the result."""

VOLUME = "HCCAssist.volume."
"""Role of a reference to a volume that was looked at; its place (``post/arterial``) follows."""

PLACES = "HCCAssist.places"
"""Attribute of a record: the places of its volumes, the main one first, as JSON."""

TRANSFORM = "HCCAssist.transform."
"""Role of a reference to a transform that a person gave for the volume of a place."""

SEGMENTATION, POINTS, BOX = "HCCAssist.segmentation.", "HCCAssist.points.", "HCCAssist.box."
"""Roles of references to the other nodes that the run used; the place (``post/liver``) follows."""

SEGMENT = "HCCAssist.segment."
"""Attribute of a record: id of the segment that was used of the segmentation of a place."""

VALUES = "HCCAssist.values"
"""Attribute of a record: the clinical values that were used, as JSON."""

DRAWN = "HCCAssist.drawn."
"""Role of a reference to a node that was drawn; the name of the part follows."""

PART = "HCCAssist.part"
"""Attribute of a node that was drawn: it belongs to a result, and is no image of a patient."""

NODES_AT_ONCE = 2
"""Removed in one step."""


def run_identity(result: Result) -> str:
    """A digest of what was computed from what; not of when and on which machine."""
    run = result.run
    what = [run.recipe, run.options, run.model, run.weights_sha256, run.inputs]
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


def new_record(result: Result, volumes: Mapping[str, Any], name: str, scene: Any) -> Any:
    """A text node for a result; it counts as a record once it has the attribute ``RUN``."""
    record = scene.AddNewNodeByClass("vtkMRMLTextNode", name)
    record.SetForceCreateStorageNode(slicer.vtkMRMLTextNode.CreateStorageNodeAlways)
    record.SetAttribute(RECIPE, result.run.recipe)
    record.SetAttribute(KIND, result.kind)
    record.SetAttribute(PLACES, json.dumps(list(volumes)))
    for place, node in volumes.items():
        record.SetNodeReferenceID(VOLUME + place, node.GetID())
    return record


def records(scene: Any, recipe_id: str | None = None) -> Iterator[Any]:
    """The complete records in a scene, of one recipe or of all."""
    nodes = scene.GetNodesByClass("vtkMRMLTextNode")
    for index in range(nodes.GetNumberOfItems()):
        node = nodes.GetItemAsObject(index)
        if node.GetAttribute(RUN) and recipe_id in (None, node.GetAttribute(RECIPE)):
            yield node


def add_drawn(record: Any, part: str, node: Any) -> Any:
    """Let a node belong to a record, as one of the nodes of a part; the node."""
    node.SetAttribute(PART, part)
    record.AddNodeReferenceID(DRAWN + part, node.GetID())
    return node


def drawn_nodes(record: Any, part: str) -> list[Any]:
    """The nodes of a part that are still in the scene."""
    return _references(record, DRAWN + part)


def drawn_node(record: Any, part: str) -> Any | None:
    """The node of a part that has one; None where it has none or it was deleted."""
    return next(iter(drawn_nodes(record, part)), None)


def volumes_of(record: Any) -> dict[str, Any]:
    """The volumes of a record by their places, the main one first, without those that were deleted."""
    found = ((place, record.GetNodeReference(VOLUME + place)) for place in _places(record))
    return {place: node for place, node in found if node is not None}


def scan_of(record: Any) -> Any | None:
    """The main volume of a record: its result is that of this scan; None where it was deleted."""
    return record.GetNodeReference(VOLUME + next(iter(_places(record)), ""))


def everything_drawn(record: Any, scene: Any) -> list[Any]:
    """All nodes that were drawn with a record and are still in the scene, even where the record itself was deleted."""
    roles = [record.GetNthNodeReferenceRole(n) for n in range(record.GetNumberOfNodeReferenceRoles())]
    nodes = [
        scene.GetNodeByID(record.GetNthNodeReferenceID(role, n) or "")
        for role in roles
        if role.startswith(DRAWN)
        for n in range(record.GetNumberOfNodeReferences(role))
    ]
    return [node for node in nodes if node is not None and node.GetAttribute(PART)]


def _places(record: Any) -> list[str]:
    places = stored(record, PLACES)
    return [place for place in places if isinstance(place, str)] if isinstance(places, list) else []


def stored(record: Any, attribute: str) -> Any:
    """What stands as JSON in an attribute of a record; None where that is nothing, or damaged."""
    try:
        return json.loads(record.GetAttribute(attribute) or "null")
    except ValueError:
        return None


def _references(record: Any, role: str) -> list[Any]:
    nodes = [record.GetNthNodeReference(role, n) for n in range(record.GetNumberOfNodeReferences(role))]
    return [node for node in nodes if node is not None]


@contextmanager
def batch(scene: Any) -> Iterator[None]:
    """Let the views take many new or removed nodes at once: a hundred boxes in a third of a second."""
    scene.StartState(slicer.vtkMRMLScene.BatchProcessState)
    try:
        yield
    finally:
        scene.EndState(slicer.vtkMRMLScene.BatchProcessState)


def remove_record(record: Any) -> None:
    """Take a record and all that was drawn with it out of the scene; volumes and other inputs stay."""
    for _ in removed_in_steps(record):
        pass


def removed_in_steps(record: Any) -> Iterator[None]:
    """What ``remove_record`` does, in steps that are short for a person."""
    scene = record.GetScene()
    if scene is None:
        return
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(record))
    yield from nodes_removed_in_steps([*everything_drawn(record, scene), record], scene)
    if folder != hierarchy.GetSceneItemID() and not hierarchy.GetNumberOfItemChildren(folder):
        hierarchy.RemoveItem(folder, False, False)


def nodes_removed_in_steps(nodes: list[Any], scene: Any) -> Iterator[None]:
    """Remove nodes with what only served them, a few at a time; those that are gone already are passed over."""
    for start in range(0, len(nodes), NODES_AT_ONCE):
        for node in nodes[start : start + NODES_AT_ONCE]:
            if node.GetScene() is scene:
                _leave_views(node, scene)
                _remove_node(node)
        yield
    colors = scene.GetNodesByClassByName("vtkMRMLColorTableNode", HEAT_TABLE)
    for index in range(colors.GetNumberOfItems()):
        if not _is_used(colors.GetItemAsObject(index), scene):
            _remove_node(colors.GetItemAsObject(index))


def _leave_views(node: Any, scene: Any) -> None:
    """A view that still names a volume which is gone shows the next one that gets its id."""
    if node.IsA("vtkMRMLVolumeNode"):
        for view in composites(scene):
            if view.GetForegroundVolumeID() == node.GetID():
                view.SetForegroundVolumeID(None)


def _is_used(colors: Any, scene: Any) -> bool:
    displays = scene.GetNodesByClass("vtkMRMLScalarVolumeDisplayNode")
    return any(
        displays.GetItemAsObject(n).GetColorNodeID() == colors.GetID() for n in range(displays.GetNumberOfItems())
    )


def _remove_node(node: Any) -> None:
    """Remove a node and what only served it: how it is displayed and stored."""
    scene = node.GetScene()
    owned = [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    if node.IsA("vtkMRMLDisplayableNode"):
        # the legend, which comes last, needs the display that it belongs to
        owned += [node.GetNthDisplayNode(n) for n in reversed(range(node.GetNumberOfDisplayNodes()))]
    for one in [*owned, node]:
        if one is not None:
            scene.RemoveNode(one)


def composites(scene: Any) -> Iterator[Any]:
    """The nodes that say which volumes each slice view shows."""
    nodes = scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
    for index in range(nodes.GetNumberOfItems()):
        yield nodes.GetItemAsObject(index)
