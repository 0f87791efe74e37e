"""The label of each finding that is marked: a row with a choice, which is kept with the mark in the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from HCCAssistLib.labels import Classes
from HCCAssistLib.panels.readiness import Light
from HCCAssistLib.panels.tables import fit, prepare
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.scene.finding_marks import FindingMark, marks_in
from HCCAssistLib.scene.run_inputs import ChosenInputs

TITLES = 3
"""Named of those that lack a label."""


class FindingLabelTable:
    """A row for each finding.

    Args:
        place: layout to be added to.
        where: place of the lesions, ``"baseline/masses"``.
        classes: that they may have.
        chosen: the inputs that the reader chose.
        changed: called where a label was changed, or a mark came or went.
    """

    def __init__(
        self,
        place: Any,
        *,
        where: str,
        classes: Classes,
        chosen: Callable[[], ChosenInputs],
        changed: Callable[[], None],
    ) -> None:
        self._where, self._classes, self._chosen, self._changed = where, classes, chosen, changed
        self._marks: list[FindingMark] = []
        self._combos: list[Any] = []
        self._watched: list[tuple[Any, int]] = []
        self._filling = False
        self._codes = tuple(dict.fromkeys([*classes.names, *classes.subclasses]))
        self.ui = load("finding_label_table", place)
        column = classes.column.replace("_", " ")
        self.ui.findingLabelTitle.text = _("{column} of each, which a model is to learn:").format(
            column=f"{column[:1].upper()}{column[1:]}"
        )
        prepare(self.ui.findingLabelTable, [_("Marked"), column.capitalize()], stretched=1)
        self.ui.findingLabelTable.connect("cellClicked(int,int)", self._show)

    def listen(self, on: bool) -> None:
        """Be told when marks of the chosen nodes come, go or are renamed, or no longer."""
        for node, tag in self._watched:
            node.RemoveObserver(tag)
        self._watched = []
        if not on:
            return
        chosen = self._chosen()
        segmentation = chosen.segments.get(self._where, (None, ""))[0]
        nodes = [chosen.points.get(self._where), chosen.boxes.get(self._where)]
        markups = slicer.vtkMRMLMarkupsNode
        events = (markups.PointPositionDefinedEvent, markups.PointRemovedEvent, vtk.vtkCommand.ModifiedEvent)
        for node in (one for one in nodes if one is not None):
            self._watched += [(node, node.AddObserver(event, self._heard)) for event in events]
        if segmentation is not None:
            of = slicer.vtkSegmentation
            segments = segmentation.GetSegmentation()
            for event in (of.SegmentAdded, of.SegmentRemoved, of.SegmentModified):
                self._watched.append((segments, segments.AddObserver(event, self._heard)))

    def refresh(self) -> None:
        """Show the marks as they are now."""
        marks = list(marks_in(self._chosen(), self._where, self._classes))
        self.ui.FindingLabelTable.visible = bool(marks)
        table, self._filling = self.ui.findingLabelTable, True
        if [one.title for one in marks] != [one.title for one in self._marks] or len(marks) != len(self._combos):
            table.setRowCount(len(marks))
            self._combos = [self._combo(row) for row in range(len(marks))]
        self._marks = marks
        for row, (mark, combo) in enumerate(zip(marks, self._combos, strict=True)):
            table.setItem(row, 0, qt.QTableWidgetItem(mark.title))
            combo.setCurrentIndex(self._codes.index(mark.label) + 1 if mark.label in self._codes else 0)
        fit(table)
        self._filling = False

    def lights(self) -> Iterator[Light]:
        """Findings without a label."""
        lacking = [mark.title for mark in self._marks if not mark.label]
        if lacking:
            text = _("Choose the {column} of {titles}.")
            shown = ", ".join(lacking[:TITLES])
            if len(lacking) > TITLES:
                shown = _("{titles} and {n} more").format(titles=shown, n=len(lacking) - TITLES)
            yield Light("stop", text.format(column=self._classes.column.replace("_", " "), titles=shown))

    def _combo(self, row: int) -> Any:
        combo = qt.QComboBox()
        combo.addItem(_("choose ..."), "")
        for code in self._codes:
            name = self._classes.names.get(code) or self._classes.names[self._classes.code_of(code)]
            combo.addItem(f"{code}: {_(name)}", code)
        combo.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        combo.connect("activated(int)", lambda index, row=row: self._chose(row, index))
        self.ui.findingLabelTable.setCellWidget(row, 1, combo)
        return combo

    def _chose(self, row: int, index: int) -> None:
        if index:
            self._marks[row].set_label(self._codes[index - 1])
        self.refresh()
        self._changed()

    def _heard(self, *_arguments: Any) -> None:
        if not self._filling:
            self.refresh()
            self._changed()

    def _show(self, row: int, _column: int) -> None:
        ras = self._marks[row].ras
        if ras is not None:
            slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras)
