"""What Slicer's Qt code does for the subject hierarchy: every node gets its item.

Without it, loading a saved scene with a segmentation into a scene that has a 3-D view never returns.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk

_SHOWN = ("vtkMRMLDisplayableNode", "vtkMRMLTableNode", "vtkMRMLTextNode", "vtkMRMLTransformNode")


def keep_subject_hierarchy(scene: Any) -> None:
    """Let a scene keep its subject hierarchy complete from now on."""
    node_class = slicer.vtkMRMLSubjectHierarchyNode

    def create_item(node: Any) -> None:
        hierarchy = node_class.GetSubjectHierarchyNode(scene)
        shown = any(node.IsA(name) for name in _SHOWN) and not node.GetHideFromEditors()
        if hierarchy is not None and shown and not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(_scene: Any, _event: str, node: Any) -> None:
        if not (scene.IsBatchProcessing() or scene.IsImporting() or scene.IsRestoring()):
            create_item(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def removed(_scene: Any, _event: str, node: Any) -> None:
        hierarchy = node_class.GetSubjectHierarchyNode(scene)
        if hierarchy is None or node is hierarchy or scene.IsClosing():
            return
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def resolve(*_: Any) -> None:
        node_class.ResolveSubjectHierarchy(scene)
        for index in range(scene.GetNumberOfNodes()):
            create_item(scene.GetNthNode(index))

    events = slicer.vtkMRMLScene
    scene.AddObserver(events.NodeAddedEvent, added)
    scene.AddObserver(events.NodeAboutToBeRemovedEvent, removed)
    scene.AddObserver(events.EndImportEvent, resolve, 10.0)  # before the displayable managers
    scene.AddObserver(events.EndBatchProcessEvent, resolve, 10.0)
    scene.AddObserver(events.EndCloseEvent, resolve)
    scene.AddObserver(events.EndRestoreEvent, resolve)
    resolve()
