"""Behaviour of the qMRML widgets that modules use."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtWidgets

from slicer_desk.scene_observer import SceneObserver
from slicer_desk.surface import behaves

_EVENTS = slicer.vtkMRMLScene
_CHANGES = (
    _EVENTS.NodeAddedEvent,
    _EVENTS.NodeRemovedEvent,
    _EVENTS.EndBatchProcessEvent,
    _EVENTS.EndImportEvent,
    _EVENTS.EndCloseEvent,
)


class _HasScene:
    """Keeps the scene and hands it on."""

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


@behaves("qSlicerWidget", also=("mrmlScene",))
class SlicerWidget:
    setMRMLScene = _HasScene.setMRMLScene

    def mrmlScene(self) -> Any:
        return self.__dict__.get("_scene")


@behaves("qMRMLWidget")
class MRMLWidget:
    setMRMLScene = _HasScene.setMRMLScene

    def mrmlScene(self) -> Any:
        return self.__dict__.get("_scene")


@behaves(
    "qMRMLNodeComboBox",
    defaults={
        "addEnabled": True,
        "removeEnabled": True,
        "showChildNodeTypes": True,
        "noneDisplay": "None",
        "selectNodeUponCreation": True,
    },
)
class NodeComboBox:
    def __init__(self, parent: Any = None) -> None:
        QtWidgets.QWidget.__init__(self, parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo = QtWidgets.QComboBox()
        layout.addWidget(self._combo)
        self._scene: Any = None
        self._current: Any = None
        self._known: list[Any] = []
        self._attributes: list[tuple[str, str, str | None]] = []
        self._labels: dict[str, str] = {}
        self._observer = SceneObserver(self, self._refresh, _CHANGES)
        self._combo.activated.connect(self._chosen)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self._observer.watch(scene)
        self._refresh()

    def mrmlScene(self) -> Any:
        return self._scene

    def currentNode(self) -> Any:
        return self._current

    def setCurrentNode(self, node: Any) -> None:
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node)
        self._select(node if node in self._nodes() else None)

    def setCurrentNodeID(self, node_id: str) -> None:
        self.setCurrentNode(self._scene.GetNodeByID(node_id) if node_id else None)

    def nodeCount(self) -> int:
        return len(self._nodes())

    def addAttribute(self, node_type: str, attribute: str, value: str | None = None) -> None:
        self._attributes.append((node_type, attribute, value))
        self._refresh()

    def setNodeTypeLabel(self, label: str, node_type: str) -> None:
        self._labels[node_type] = label
        self._refresh()

    def addNode(self, node_type: str = "") -> Any:
        node_type = node_type or self.nodeTypes[0]
        name = self.baseName or _short(node_type)
        node = self._scene.AddNewNodeByClass(node_type, self._scene.GenerateUniqueName(name))
        for kind, attribute, value in self._attributes:
            if node.IsA(kind):
                node.SetAttribute(attribute, value or "")
        if self.selectNodeUponCreation:
            self._refresh()
            self._select(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        if self._current is not None:
            self._scene.RemoveNode(self._current)

    def _nodes(self) -> list[Any]:
        if self._scene is None:
            return []
        # each property is asked for once and not for each node: every box looks again whenever a node comes
        types, children, hidden = self.nodeTypes, self.showChildNodeTypes, self.showHidden

        def offers(node: Any) -> bool:
            if not any(node.IsA(t) if children else node.GetClassName() == t for t in types):
                return False
            return (hidden or not node.GetHideFromEditors()) and all(
                node.GetAttribute(attribute) is not None and value in (None, node.GetAttribute(attribute))
                for kind, attribute, value in self._attributes
                if node.IsA(kind)
            )

        if len(types) != 1:
            return [node for node in self._scene.GetNodes() if offers(node)]
        nodes = self._scene.GetNodesByClass(types[0])
        nodes.UnRegister(self._scene)
        return [node for node in nodes if offers(node)]

    def _refresh(self) -> None:
        if self._scene is not None and (self._scene.IsClosing() or self._scene.IsImporting()):
            return  # the real one waits for the end, too, and goes on as ever while nodes come in a batch
        nodes = self._nodes()
        self._combo.clear()
        if self.noneEnabled:
            self._combo.addItem(self.noneDisplay, "")
        for node in nodes:
            self._combo.addItem(node.GetName() or "", node.GetID())
        if self.addEnabled:
            for node_type in self.nodeTypes:
                label = self._labels.get(node_type) or _short(node_type)
                self._combo.addItem(f"Create new {label}", f"+{node_type}")
        if self.removeEnabled:
            self._combo.addItem("Delete current", "-")
        if self._current not in nodes:
            # Like Qt's own box: without None the first node that comes is chosen, and a neighbour of one that goes,
            # but a box that was emptied by setCurrentNode(None) stays empty.
            choose = nodes and not self.noneEnabled and (self._current is not None or not self._known)
            self._select(nodes[0] if choose else None)
        else:
            self._select(self._current)
        self._known = nodes

    def _select(self, node: Any) -> None:
        self._combo.setCurrentIndex(self._combo.findData("" if node is None else node.GetID()))
        if node is not self._current:
            self._current = node
            self.currentNodeChanged.emit(node)
            self.currentNodeIDChanged.emit("" if node is None else node.GetID())

    def _chosen(self, index: int) -> None:
        choice = self._combo.itemData(index)
        if choice.startswith("+"):
            self.addNode(choice[1:])
        elif choice == "-":
            self.removeCurrentNode()
        else:
            self._select(self._scene.GetNodeByID(choice) if choice else None)
        self._select(self._current)

    def _changed(self, _value: Any) -> None:
        if self._scene is not None:
            self._refresh()

    _on_nodeTypes = _on_noneEnabled = _on_addEnabled = _on_removeEnabled = _changed
    _on_showChildNodeTypes = _on_showHidden = _on_noneDisplay = _changed


@behaves("qMRMLSegmentSelectorWidget", defaults={"segmentationNodeSelectorVisible": True})
class SegmentSelectorWidget:
    def __init__(self, parent: Any = None) -> None:
        QtWidgets.QWidget.__init__(self, parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._node_selector = slicer.qMRMLNodeComboBox(self)
        self._node_selector.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._node_selector.addEnabled = self._node_selector.removeEnabled = False
        self._node_selector.noneEnabled = True
        self._combo = QtWidgets.QComboBox()
        layout.addWidget(self._node_selector)
        layout.addWidget(self._combo)
        events = slicer.vtkSegmentation
        self._observer = SceneObserver(
            self, self._refresh, (events.SegmentAdded, events.SegmentRemoved, events.SegmentModified)
        )
        self._node_selector.currentNodeChanged.connect(self._node_changed)
        self._combo.activated.connect(lambda index: self.setCurrentSegmentID(self._combo.itemData(index)))
        self._segment = ""

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self._node_selector.setMRMLScene(scene)
        self.mrmlSceneChanged.emit(scene)

    def currentNode(self) -> Any:
        return self._node_selector.currentNode()

    def currentNodeID(self) -> str:
        return self.currentNode().GetID() if self.currentNode() is not None else ""

    def setCurrentNode(self, node: Any) -> None:
        self._node_selector.setCurrentNode(node)

    def setCurrentNodeID(self, node_id: str) -> None:
        self._node_selector.setCurrentNodeID(node_id)

    def currentSegmentID(self) -> str:
        return self._segment

    def setCurrentSegmentID(self, segment_id: str) -> None:
        segment_id = segment_id if segment_id in self.segmentIDs() else ""
        self._combo.setCurrentIndex(self._combo.findData(segment_id))
        if segment_id != self._segment:
            self._segment = segment_id
            self.currentSegmentChanged.emit(segment_id)

    def segmentIDs(self) -> tuple[str, ...]:
        if self.currentNode() is None:
            return ()
        ids = vtk.vtkStringArray()
        self.currentNode().GetSegmentation().GetSegmentIDs(ids)
        return tuple(ids.GetValue(n) for n in range(ids.GetNumberOfValues()))

    def _node_changed(self, node: Any) -> None:
        self._observer.watch(node.GetSegmentation() if node is not None else None)
        self._refresh()
        self.currentNodeChanged.emit(node)

    def _refresh(self) -> None:
        self._combo.clear()
        if self.noneEnabled:
            self._combo.addItem("None", "")
        for segment_id in self.segmentIDs():
            self._combo.addItem(self.currentNode().GetSegmentation().GetSegment(segment_id).GetName(), segment_id)
        ids = self.segmentIDs()
        first = ids[0] if ids and not self.noneEnabled else ""
        self.setCurrentSegmentID(self._segment if self._segment in ids else first)

    def _on_noneEnabled(self, _value: bool) -> None:
        self._refresh()

    def _on_segmentationNodeSelectorVisible(self, visible: bool) -> None:
        self._node_selector.setVisible(visible)


@behaves("qSlicerMarkupsPlaceWidget", defaults={"buttonsVisible": True})
class MarkupsPlaceWidget:
    def __init__(self, parent: Any = None) -> None:
        QtWidgets.QWidget.__init__(self, parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._button = QtWidgets.QToolButton()
        self._button.setText("Place")
        self._button.setCheckable(True)
        layout.addWidget(self._button)
        self._node: Any = None
        self._observer = SceneObserver(
            self, self._mode_changed, [slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent]
        )
        self._button.clicked.connect(self.setPlaceModeEnabled)
        self._button.setEnabled(False)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self._observer.watch(slicer.app.applicationLogic().GetInteractionNode() if scene is not None else None)
        self.mrmlSceneChanged.emit(scene)

    def placeButton(self) -> Any:
        return self._button

    def currentNode(self) -> Any:
        return self._node

    def setCurrentNode(self, node: Any) -> None:
        self._node = node
        self._button.setEnabled(node is not None)

    def setPlaceModeEnabled(self, on: bool) -> None:
        logic = slicer.app.applicationLogic()
        interaction, selection = logic.GetInteractionNode(), logic.GetSelectionNode()
        if on and self._node is not None:
            selection.SetReferenceActivePlaceNodeClassName(self._node.GetClassName())
            selection.SetActivePlaceNodeID(self._node.GetID())
            interaction.SetPlaceModePersistence(int(self.placeModePersistency))
            interaction.SetCurrentInteractionMode(interaction.Place)
        else:
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)

    def _mode_changed(self) -> None:
        logic = slicer.app.applicationLogic()
        interaction, selection = logic.GetInteractionNode(), logic.GetSelectionNode()
        placing = self._node is not None and selection.GetActivePlaceNodeID() == self._node.GetID()
        on = placing and interaction.GetCurrentInteractionMode() == interaction.Place
        self._button.setChecked(on)
        self.__dict__.setdefault("_values", {})["placeModeEnabled"] = on
        self.activeMarkupsPlaceModeChanged.emit(on)


def _short(node_type: str) -> str:
    return node_type.removeprefix("vtkMRML").removesuffix("Node")
