"""Which of the segmented lesions count for the patient: a check box for each, kept with the segment."""

from __future__ import annotations

from typing import Any

import qt
import slicer

from HCCAssistLib.cohort.segment_names import names_organ
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.scene.targets import is_target, set_target


class TargetSegments(Part):
    """A list of the segments of the chosen segmentation, with those checked that are targets.

    Args:
        shared: of the panel.
        place: of the lesions, ``"pre/tumour"``.
    """

    def __init__(self, shared: Shared, place: str) -> None:
        self._shared, self._place = shared, place
        self._shown: list[tuple[str, str, bool]] = []
        self._watched: Any = None
        self._tags: list[int] = []
        self._filling = False
        self.ui = load("target_segments", shared.sections.inputsButton.layout())
        self.ui.targetList.connect("itemChanged(QListWidgetItem*)", self._checked)

    def bind(self, node: Any | None) -> None:
        """The scene's segments are watched while the panel is open."""
        if node is None:
            self._watch(None)

    def refresh(self) -> None:
        """Show the segments as they are now."""
        node, _name = self._shared.chosen().segments.get(self._place, (None, ""))
        segmentation: Any = node.GetSegmentation() if node is not None else None
        self._watch(segmentation)
        number = segmentation.GetNumberOfSegments() if segmentation is not None else 0
        segments = [(segmentation.GetNthSegmentID(n), segmentation.GetNthSegment(n)) for n in range(number)]
        titles = [(one, segment.GetName() or one) for one, segment in segments]
        targets = [(one, title, is_target(node, one)) for one, title in titles if not names_organ(title)]
        self.ui.TargetSegments.visible = len(targets) > 1
        if targets == self._shown:
            return
        self._shown, self._filling = targets, True
        self.ui.targetList.clear()
        for _one, title, target in targets:
            item = qt.QListWidgetItem(title)
            item.setFlags(qt.Qt.ItemIsUserCheckable | qt.Qt.ItemIsEnabled)
            item.setCheckState(qt.Qt.Checked if target else qt.Qt.Unchecked)
            self.ui.targetList.addItem(item)
        self._filling = False

    def _checked(self, item: Any) -> None:
        if self._filling or self._watched is None:
            return
        node, _name = self._shared.chosen().segments.get(self._place, (None, ""))
        row = self.ui.targetList.row(item)
        if node is not None and 0 <= row < len(self._shown):
            chosen = {one: target for one, _title, target in self._shown}
            chosen[self._shown[row][0]] = item.checkState() == qt.Qt.Checked
            for one, target in chosen.items():  # a tag on one alone would make all others no targets
                set_target(node, one, target=target)

    def _watch(self, segmentation: Any) -> None:
        if segmentation is self._watched:
            return
        for tag in self._tags:
            self._watched.RemoveObserver(tag)
        self._watched, self._tags = segmentation, []
        if segmentation is not None:
            of = slicer.vtkSegmentation
            for event in (of.SegmentAdded, of.SegmentRemoved, of.SegmentModified):
                self._tags.append(segmentation.AddObserver(event, lambda *_: self.refresh()))
