"""What a run is to use, chosen by the reader: selectors made from what the recipe asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.segment_names import likeliest
from HCCAssistLib.errors import InputError
from HCCAssistLib.panels.words import phase_words, place_words, time_words
from HCCAssistLib.recipes.roles import guess_role, may_be
from HCCAssistLib.scene.inputs import geometry_of_volume, points_from_markups
from HCCAssistLib.scene.marks import ALL_SEGMENTS
from HCCAssistLib.scene.modality import may_be_of
from HCCAssistLib.scene.records import PART
from HCCAssistLib.scene.roles import is_settled, role_volumes, volume_with_role
from HCCAssistLib.scene.run_inputs import ChosenInputs

_MARKUPS = {"points": "vtkMRMLMarkupsFiducialNode", "roi": "vtkMRMLMarkupsROINode"}
_CLASSES = {"volume": "vtkMRMLScalarVolumeNode", "segment": "vtkMRMLSegmentationNode", **_MARKUPS}
_INSTEAD = {"points": "or a point in it:", "roi": "or a box around it:", "segment": "or its segment:"}
_FINDINGS = {
    "points": "A point into each; a line through one measures it. Or a single line across the only one",
    "segment": "A segmentation: each of its painted segments is one",
    "roi": "A box of Slicer's Markups around the only one",
}
_TIPS = {
    "volume": "A scan that is loaded",
    "segment": "A segment of any segmentation; one whose name says it is chosen by itself",
    "points": "Click the middle of each where there is no segment",
    "roi": "A box of Slicer's Markups around it",
}


class Inputs:
    """One selector for each thing that a method asks for; alternatives stand below one another.

    The choices are kept in a node of the scene, so that a saved scene has them.

    Args:
        place: layout to be added to.
        specs: what is asked for, the main volume first.
        on_changed: the reader or the scene changed a choice.
        kept_for: what tells the choices from others that one node keeps.

    Attributes:
        ui: the selectors, ``input_post_arterial_volume`` and the like, and ``place_...`` beside those for points.
    """

    def __init__(
        self, place: Any, *, specs: Sequence[InputSpec], on_changed: Callable[[], None], kept_for: str = ""
    ) -> None:
        self._specs, self._on_changed, self._kept_for = tuple(specs), on_changed, kept_for
        self._node: Any = None
        self._form = qt.QFormLayout()
        place.addLayout(self._form)
        self._labels: list[Any] = []
        self._headings: list[Any] = []
        widgets: dict[str, Any] = {}
        headed: set[str] = set()
        volumes = [spec for spec in self._specs if spec.kind == "volume"]
        self._several = len(volumes) > 1  # then none is taken for another, and each may be missing
        times = {spec.time_point for spec in volumes}
        time = ""
        for spec in self._specs:
            if len(times) > 1 and spec.time_point != time:
                time = spec.time_point
                words = time_words(time, spec.modality)
                self._headings.append(qt.QLabel(f"<b>{words[:1].upper()}{words[1:]}</b>"))
                self._form.addRow(self._headings[-1])
            widget = self._selector(spec)
            widget.objectName = f"input_{_safe(spec)}"
            widget.toolTip = _((_FINDINGS if spec.of_lesions else _TIPS)[spec.kind])
            widgets[widget.objectName] = widget
            widget.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)  # a long name does not cut off labels
            row = widget
            if spec.kind in _MARKUPS:
                button = slicer.qSlicerMarkupsPlaceWidget()
                button.objectName = f"place_{_safe(spec)}"
                button.setMRMLScene(slicer.mrmlScene)
                widget.connect("currentNodeChanged(vtkMRMLNode*)", button.setCurrentNode)
                widgets[button.objectName] = button
                row = qt.QHBoxLayout()
                row.addWidget(widget, 1)
                row.addWidget(button)
            label = qt.QLabel(_heading(spec, str(spec) in headed, phase_alone=self._several))
            label.toolTip = widget.toolTip
            self._labels.append((label, row))
            self._form.addRow(label, row)
            headed.add(str(spec))
        self.ui = SimpleNamespace(**widgets)

    def _selector(self, spec: InputSpec) -> Any:
        if spec.kind == "segment" and not spec.of_lesions:
            widget = slicer.qMRMLSegmentSelectorWidget()
            widget.noneEnabled = not spec.required
            widget.setMRMLScene(slicer.mrmlScene)
            widget.connect("currentNodeChanged(vtkMRMLNode*)", self._changed)
            widget.connect("currentSegmentChanged(QString)", self._changed)
            return widget
        widget = slicer.qMRMLNodeComboBox()
        if spec.kind == "volume":
            widget.nodeTypes = ["vtkMRMLScalarVolumeNode"]
            widget.addEnabled = widget.removeEnabled = False
            widget.noneEnabled = self._several or not spec.required
        elif spec.kind == "segment":
            widget.nodeTypes = ["vtkMRMLSegmentationNode"]
            widget.addEnabled = widget.removeEnabled = False
            widget.noneEnabled = True
        else:
            line = ["vtkMRMLMarkupsLineNode"] if spec.kind == "points" and spec.of_lesions else []
            widget.nodeTypes = [_MARKUPS[spec.kind], *line]
            widget.baseName = spec.name.replace("_", " ").capitalize()
            widget.noneEnabled = True
        widget.setMRMLScene(slicer.mrmlScene)
        widget.connect("currentNodeChanged(vtkMRMLNode*)", self._changed)
        return widget

    @property
    def scan(self) -> Any | None:
        """The node of the first volume that is chosen, None where none is."""
        return self.chosen().main

    def chosen(self) -> ChosenInputs:
        """All choices; what is not chosen is left out."""
        volumes: dict[str, Any] = {}
        segments: dict[str, tuple[Any, str]] = {}
        points: dict[str, Any] = {}
        boxes: dict[str, Any] = {}
        for spec in self._specs:
            widget, place = self._widget(spec), str(spec)
            if spec.kind == "volume":
                volumes[place] = widget.currentNode()
            elif spec.kind == "segment":
                segments[place] = (widget.currentNode(), _segment_id(spec, widget))
            else:
                (boxes if spec.kind == "roi" else points)[place] = widget.currentNode()
        return ChosenInputs(volumes=volumes, segments=segments, points=points, boxes=boxes)

    def choose(self, nodes: Mapping[str, Sequence[Any]]) -> None:
        """Choose the nodes of an opened case by their places; what it does not hold is not chosen any more."""
        for spec in self._specs:
            widget, types = self._widget(spec), _CLASSES[spec.kind]
            node = next((one for one in nodes.get(str(spec), ()) if one.IsA(types)), None)
            widget.setCurrentNode(node)
            if node is not None and spec.kind == "segment" and not spec.of_lesions:
                widget.setCurrentSegmentID(node.GetSegmentation().GetNthSegmentID(0))

    def bind(self, node: Any | None) -> None:
        """Keep the choices in a node of the scene, and show those that it has; None keeps them nowhere."""
        self._node = None
        if node is None:
            return
        for spec in self._specs:
            kept = node.GetNodeReference(self._key(spec))
            widget = self._widget(spec)
            if kept is not None:
                widget.setCurrentNode(kept)
            if spec.kind == "segment" and not spec.of_lesions and kept is not None:
                widget.setCurrentSegmentID(node.GetParameter(self._key(spec)) or "")
        self._node = node
        self.prechoose()

    def prechoose(self) -> None:
        """Choose what a confirmed phase or a segment's name tells, where the reader has chosen nothing yet."""
        volumes = list(role_volumes(slicer.mrmlScene))
        for spec in self._specs:
            widget = self._widget(spec)
            if spec.kind == "volume" and self._node is not None and not self._node.GetNodeReference(self._key(spec)):
                suitable = [node for node in volumes if may_be_of(node, spec.modality)]
                confirmed = volume_with_role(slicer.mrmlScene, str(spec))
                named = (node for node in suitable if _may_be(node, spec))
                likely = confirmed if confirmed in suitable else next(named, None)
                if likely or not (self._several or widget.currentNode()):  # of several phases none is the first scan
                    widget.setCurrentNode(likely or next(iter(suitable or volumes), None))
        self._choose_segments()
        self._choose_points()
        self._changed()

    def _choose_points(self) -> None:
        """The points that mark the lesions of the scan, where one list alone is named after them."""
        chosen = self.chosen()
        if chosen.main is None:
            return
        for spec in (spec for spec in self._specs if spec.kind == "points" and spec.of_lesions and spec.required):
            if str(spec) in {*chosen.points, *chosen.segments, *chosen.boxes}:
                continue
            lists = slicer.util.getNodesByClass(_MARKUPS["points"])
            named = [node for node in lists if node.GetName().casefold().endswith(spec.name) and _lies_in(node, chosen)]
            if len(named) == 1:
                self._widget(spec).setCurrentNode(named[0])

    def scan_changed(self) -> None:
        """Another scan was chosen: the segments of the one before go, and those of the new one are looked for."""
        for spec in self._specs:
            widget = self._widget(spec)
            if spec.kind == "segment" and self._belongs(widget.currentNode(), spec) is False:
                widget.setCurrentNode(None)
        self._choose_segments()

    def _choose_segments(self) -> None:
        """A segment of the scan's own segmentation, by its name; of one that is nobody's where there is none.

        The lesions that a method asks for are those of the scan's segmentation where it has one alone.
        """
        nodes = list(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
        for spec in (spec for spec in self._specs if spec.kind == "segment" and spec.of_lesions and spec.required):
            mine = [node for node in nodes if self._belongs(node, spec)]
            if self._widget(spec).currentNode() is None and len(mine) == 1:
                self._widget(spec).setCurrentNode(mine[0])
        for spec in (spec for spec in self._specs if spec.kind == "segment" and not spec.of_lesions):
            widget = self._widget(spec)
            if widget.currentSegmentID():
                continue
            belongs = {node: self._belongs(node, spec) for node in nodes}
            for node in sorted((n for n in nodes if belongs[n] is not False), key=lambda n: belongs[n] is None):
                segmentation = node.GetSegmentation()
                ids = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
                found = likeliest([segmentation.GetSegment(one).GetName() or "" for one in ids], spec.name)
                if found is not None:
                    widget.setCurrentNode(node)
                    widget.setCurrentSegmentID(ids[found])
                    break

    def _belongs(self, segmentation: Any | None, spec: InputSpec) -> bool | None:
        """Whether a segmentation is of a scan that is chosen for its time point; None where that is not told."""
        chosen = self.chosen().volumes
        scans = [node for place, node in chosen.items() if place.split("/")[0] == spec.time_point]
        if segmentation is None or not scans:
            return None
        reference = segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
        return None if reference is None else any(reference is scan for scan in scans)

    def _key(self, spec: InputSpec) -> str:
        return f"HCCAssist.{self._kept_for}{_safe(spec)}"

    def _widget(self, spec: InputSpec) -> Any:
        return getattr(self.ui, f"input_{_safe(spec)}")

    def _changed(self, *_arguments: Any) -> None:
        if self._node is None:
            return
        for spec in self._specs:
            widget = self._widget(spec)
            node = widget.currentNode()
            self._node.SetNodeReferenceID(self._key(spec), node.GetID() if node is not None else None)
            if spec.kind == "segment" and not spec.of_lesions:
                self._node.SetParameter(self._key(spec), widget.currentSegmentID())
        self._on_changed()


def _lies_in(points: Any, chosen: ChosenInputs) -> bool:
    """Whether a list of points has any, all of them in the chosen scan."""
    try:
        points_from_markups(points, geometry_of_volume(chosen.main))
    except InputError:
        return False
    return points.GetAttribute(PART) is None  # what a result wrote beside its boxes is no mark


def _segment_id(spec: InputSpec, widget: Any) -> str:
    return ALL_SEGMENTS if spec.of_lesions else str(widget.currentSegmentID())


def _may_be(node: Any, spec: InputSpec) -> bool:
    """Whether the name of a scan nobody settled tells its place; a name without a time point tells the phase alone."""
    if is_settled(node):
        return False
    return may_be(guess_role(node.GetName() or ""), str(spec))


def _safe(spec: InputSpec) -> str:
    return f"{spec.time_point}_{spec.name}_{spec.kind}"


def _heading(spec: InputSpec, again: bool, *, phase_alone: bool) -> str:
    """What stands before a selector; several phases of one time point do not repeat it in a narrow panel."""
    if again:
        return str(_(_INSTEAD[spec.kind]))
    words = spec.name.replace("_", " ")
    if spec.kind == "volume":
        words = _(phase_words(spec.name)) if phase_alone else place_words(str(spec), spec.modality)
    if spec.name == "ablation":
        words = _("ablation zone")
    return f"{words[:1].upper()}{words[1:]}:"
