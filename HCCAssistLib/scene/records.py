"""The record of a drawing: one text node that holds result.json and refers to all nodes that were drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer

from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.scene.colors import HEAT_TABLE
from HCCAssistLib.scene.heatmap import composites

RUN = "HCCAssist.run"
"""Attribute of a record: tells the run and its inputs apart from others."""

VOLUME, BOX, LABELS = "HCCAssist.volume", "HCCAssist.box", "HCCAssist.labels"
HEATMAP, TABLE = "HCCAssist.heatmap", "HCCAssist.table"

NODES_AT_ONCE = 3
"""Removed in one step."""


def run_identity(result: DetectionResult) -> str:
    """A digest of what was computed from what; not of when and on which machine."""
    run = result.run
    what = [run.recipe, run.options, run.model, run.weights_sha256, run.inputs]
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


def records(scene: Any) -> Iterator[Any]:
    """The records in a scene."""
    nodes = scene.GetNodesByClass("vtkMRMLTextNode")
    for index in range(nodes.GetNumberOfItems()):
        if nodes.GetItemAsObject(index).GetAttribute(RUN):
            yield nodes.GetItemAsObject(index)


def references(record: Any, role: str) -> list[Any]:
    """The nodes that a record refers to in a role, without those that were removed."""
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
    """Take a record and all that it refers to, but for the volume, out of the scene."""
    for _ in removed_in_steps(record):
        pass


def removed_in_steps(record: Any) -> Iterator[None]:
    """What ``remove_record`` does, in steps that are short for a person."""
    scene = record.GetScene()
    if scene is None:
        return
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(record))
    heatmap = record.GetNodeReference(HEATMAP)
    for view in composites(scene):
        if heatmap is not None and view.GetForegroundVolumeID() == heatmap.GetID():
            view.SetForegroundVolumeID(None)
    nodes = [*(node for role in (BOX, LABELS, HEATMAP, TABLE) for node in references(record, role)), record]
    for start in range(0, len(nodes), NODES_AT_ONCE):
        with batch(scene):
            for node in nodes[start : start + NODES_AT_ONCE]:
                _remove_node(node)
        yield
    if not any(other.GetNodeReference(HEATMAP) for other in records(scene)):
        colors = scene.GetNodesByClassByName("vtkMRMLColorTableNode", HEAT_TABLE)
        for index in range(colors.GetNumberOfItems()):
            _remove_node(colors.GetItemAsObject(index))
    if folder != hierarchy.GetSceneItemID() and not hierarchy.GetNumberOfItemChildren(folder):
        hierarchy.RemoveItem(folder, False, False)


def _remove_node(node: Any) -> None:
    """Remove a node and what only served it: how it is displayed and stored."""
    scene = node.GetScene()
    servants = [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    if node.IsA("vtkMRMLDisplayableNode"):
        # the legend, which comes last, looks for the display that it belongs to
        servants += [node.GetNthDisplayNode(n) for n in reversed(range(node.GetNumberOfDisplayNodes()))]
    for servant in [*servants, node]:
        if servant is not None:
            scene.RemoveNode(servant)
