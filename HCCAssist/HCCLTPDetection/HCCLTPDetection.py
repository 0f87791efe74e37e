"""Local tumour progression (LTP) after ablation: candidates in an arterial CT, reviewed one by one."""

from __future__ import annotations

import getpass
import html
import importlib.util
import logging
import shutil
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import ctk
import numpy as np
import qt
import slicer
import vtk
from slicer import vtkMRMLMarkupsFiducialNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

ARTERIAL, LIVER, ABLATION = "post/arterial", "post/liver", "post/ablation"
POLL_MS = 20
STEP_SECONDS = 0.02
"""How long the drawing of a result may go on before the reader's hand is heard again."""
COLUMNS = ("No.", "Prob.", "Slice", "Box\nmm", "To zone\nmm", "Verdict", "Comment")
COLUMN_TIPS = (
    "Number of the box: 1 is the most probable of the search. It stays, however the table is sorted",
    "The network's score, 0 to 1, a mean over small shifts of the place. It is no risk of this patient",
    "Slice of the scan as stored, counted from 0, as in Slicer's data probe (last of IJK)",
    "Longest edge of the box in the axial plane, in millimetres: at least that of the network's patch, not the size "
    "of a lesion",
    "From the middle of the box to the surface of the ablation zone, in millimetres; negative inside. "
    "Needs the zone's segment",
    "What the reader said: to review, accepted (progression) or rejected (something else)",
    "Free text. It stays in this scene and in the result; it is not exported to a cohort",
)
VERDICT, COMMENT = 5, 6
VERDICTS = {"pending": "to review", "accepted": "accepted", "rejected": "rejected"}
COHORT_SETTING = "HCCAssist/Cohort"
SCAN = "arterial CT"
"""How messages call the scan: the name of its node may tell the patient."""
NO_MODEL = "No model is installed. Install one in the module HCC Study, then come back."


class HCCLTPDetection(ScriptedLoadableModule):
    """What the module is."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("HCC LTP Detection")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Oncology")]
        self.parent.contributors = ["The HCCAssist contributors"]
        self.parent.helpText = _(
            "Finds candidates for local tumour progression after ablation of a hepatocellular carcinoma in an arterial "
            "CT, and lets a reader accept or reject each. For research use only."
        )
        self.parent.acknowledgementText = _(
            "Method: Lim S, Shin Y, Lee YH. Arterial enhancing local tumor progression detection on CT images using "
            "convolutional neural network after hepatocellular carcinoma ablation: a preliminary study. 2023."
        )


@parameterNodeWrapper
class HCCLTPDetectionParameterNode:
    """The reader's choices, saved in the scene."""

    volume: vtkMRMLScalarVolumeNode
    liver: vtkMRMLSegmentationNode
    liverSegment: str = ""
    zone: vtkMRMLSegmentationNode
    zoneSegment: str = ""
    zonePoints: vtkMRMLMarkupsFiducialNode
    missed: vtkMRMLMarkupsFiducialNode
    ring: bool = False
    ringWidth: Annotated[float, WithinRange(1, 100)] = 20.0
    model: str = ""
    quality: Annotated[str, Choice(["fast", "standard", "fine"])] = "standard"
    device: str = "auto"
    threshold: Annotated[float, WithinRange(0, 1)] = 0.5
    showBoxes: bool = True
    showHeatmap: bool = True
    opacity: Annotated[float, WithinRange(0, 1)] = 0.6


class HCCLTPDetectionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: shows and asks, and leaves everything else to the logic."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._guiTag = None
        self._filling = False
        self._shown = None
        self._chosen = None
        self._order = (1, True)
        self._pressed = {}
        self._said = ""

    def setup(self):
        """Make the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HCCLTPDetection.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = HCCLTPDetectionLogic()

        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneImported)

        self._timer = qt.QTimer(uiWidget)
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.onPoll)
        ui = self.ui
        for selector, place in ((ui.zonePointsSelector, ui.placeWidget), (ui.missedSelector, ui.missedPlaceWidget)):
            selector.connect("currentNodeChanged(vtkMRMLNode*)", place.setCurrentNode)
        ui.liverSelector.connect("currentSegmentChanged(QString)", self.onSegments)
        ui.zoneSelector.connect("currentSegmentChanged(QString)", self.onSegments)
        ui.modelBox.connect("currentIndexChanged(int)", self.onModel)
        ui.deviceBox.connect("activated(int)", self.onDevice)
        ui.detectButton.connect("clicked(bool)", self.onDetect)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)
        ui.cutoffButton.connect("clicked(bool)", self.onCutoff)
        ui.acceptButton.connect("clicked(bool)", self.onAccept)
        ui.rejectButton.connect("clicked(bool)", self.onReject)
        ui.undoButton.connect("clicked(bool)", self.onUndo)
        ui.previousButton.connect("clicked(bool)", self.onPrevious)
        ui.nextButton.connect("clicked(bool)", self.onNext)
        ui.exportButton.connect("clicked(bool)", self.onExport)
        ui.cohortPath.filters = ctk.ctkPathLineEdit.Dirs
        ui.cohortPath.connect("currentPathChanged(QString)", self.onCohort)
        ui.addButton.connect("clicked(bool)", self.onAdd)
        ui.table.connect("itemSelectionChanged()", self.onRow)
        ui.table.connect("cellClicked(int,int)", self.onClicked)
        ui.table.connect("cellChanged(int,int)", self.onCell)
        ui.table.setColumnCount(len(COLUMNS))
        ui.table.setHorizontalHeaderLabels([_(name) for name in COLUMNS])
        for column, tip in enumerate(COLUMN_TIPS):
            ui.table.horizontalHeaderItem(column).setToolTip(_(tip))
        ui.table.verticalHeader().setVisible(False)
        header = ui.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(COMMENT, qt.QHeaderView.Stretch)
        header.setMinimumSectionSize(24)
        header.setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        header.connect("sectionClicked(int)", self.onHeader)
        for key, slot in (
            ("A", self.onAccept),
            ("R", self.onReject),
            ("U", self.onUndo),
            ("P", self.onPrevious),
            ("N", self.onNext),
        ):
            shortcut = qt.QShortcut(qt.QKeySequence(key), ui.resultsButton)
            shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
            shortcut.connect("activated()", slot)
        ui.cohortPath.currentPath = slicer.app.settings().value(COHORT_SETTING, "")
        self.initializeParameterNode()

    def cleanup(self):
        """The panel goes: so do its observers and its worker."""
        self._timer.stop()
        self.setParameterNode(None)
        self.removeObservers()
        self.logic.close()

    def enter(self):
        """The reader opens the module."""
        self.initializeParameterNode()
        self.watchViews()
        slicer.app.layoutManager().connect("layoutChanged(int)", self.watchViews)
        self.logic.warmUp()
        self._timer.start()

    def exit(self):
        """The reader opens another module; a running detection goes on."""
        slicer.app.layoutManager().disconnect("layoutChanged(int)", self.watchViews)
        for method in (self.onViewPressed, self.onViewReleased):
            for interactor in list(self._pressed):
                self.removeObserver(interactor, VIEW_EVENTS[method.__name__], method)
        self._pressed.clear()
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """The scene closes: nothing of it is used any more."""
        self.logic.forget()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        """The scene is empty now."""
        if self.parent.isEntered:
            self._said = ""
            self.initializeParameterNode()

    def onSceneImported(self, caller, event):
        """A saved scene was loaded, with a review perhaps."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take up the scene's parameters and its latest result."""
        self.fillModels()
        if self.logic.drawn is None:
            with slicer.util.tryWithErrorDisplay(_("The saved result cannot be shown.")):
                self.logic.restore()
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.volume:
            self._parameterNode.volume = self.logic.likelyVolume()

    def setParameterNode(self, node):
        """Bind the panel to other parameters, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParameters)
        self._parameterNode = None
        if node:
            self.ui.liverSelector.setCurrentNode(node.liver)
            self.ui.liverSelector.setCurrentSegmentID(node.liverSegment)
            self.ui.zoneSelector.setCurrentNode(node.zone)
            self.ui.zoneSelector.setCurrentSegmentID(node.zoneSegment)
            if node.model:
                self.ui.modelBox.setCurrentIndex(self.ui.modelBox.findText(node.model))
            self._parameterNode = node
            self._guiTag = node.connectGui(self.ui)
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onParameters)
            self.fillDevices()
            self.onModel()
            self.fillTable()
            self.onParameters()

    def fillModels(self):
        """Offer the installed models."""
        names = self.logic.models()
        if names != [self.ui.modelBox.itemText(n) for n in range(self.ui.modelBox.count)]:
            self.ui.modelBox.clear()
            self.ui.modelBox.addItems(names)

    def fillDevices(self):
        """Offer what the worker can compute on; until it says so, only what every computer has."""
        box = self.ui.deviceBox
        devices = self.logic.devices()
        if devices != [box.itemText(n) for n in range(box.count)]:
            box.clear()
            box.addItems(devices)
        if self._parameterNode:
            box.setCurrentIndex(max(0, box.findText(self._parameterNode.device)))

    def onDevice(self):
        """The reader chose what to compute on."""
        self._parameterNode.device = self.ui.deviceBox.currentText

    def onModel(self):
        """A model was chosen: show its card."""
        if self._parameterNode:
            self._parameterNode.model = self.ui.modelBox.currentText
            self.ui.modelSummary.text, self.ui.modelCard.text = self.logic.describe(self.ui.modelBox.currentText)

    def onSegments(self):
        """A segment was chosen."""
        if self._parameterNode:
            self._parameterNode.liver = self.ui.liverSelector.currentNode()
            self._parameterNode.liverSegment = self.ui.liverSelector.currentSegmentID()
            self._parameterNode.zone = self.ui.zoneSelector.currentNode()
            self._parameterNode.zoneSegment = self.ui.zoneSelector.currentSegmentID()

    def onParameters(self, caller=None, event=None):
        """The parameters changed: what they show follows, and what cannot be done yet says why."""
        p = self._parameterNode
        running = self.logic.job is not None
        missing = self.logic.missing(p)
        ui = self.ui
        ui.detectButton.enabled = not (missing or running)
        ui.detectButton.toolTip = missing or _("Search the scan for candidates")
        ui.cancelButton.enabled = ui.progressBar.visible = running
        ui.ringSlider.enabled = p.ring
        self.showText(ui.roleLabel, self.logic.roleWarning(p.volume))
        if not running:
            ui.statusLabel.text = missing or self._said or _("Ready: press Detect.")
        if self.logic.drawn is not None:
            if abs(self.logic.drawn.result.threshold - p.threshold) > THRESHOLD_STEP:
                self.logic.setThreshold(p.threshold)
                self.fillTable()
            self.logic.show(boxes=p.showBoxes, heatmap=p.showHeatmap, opacity=p.opacity)
            self.logic.highlight(self._chosen)

    def showText(self, label, text):
        """A note that is there only when there is something to say."""
        label.text = text
        label.visible = bool(text)

    def onDetect(self):
        """Start a detection."""
        p = self._parameterNode
        reviewed = self.logic.reviewed(p.volume)
        question = _("The review of this scan ({review}) will be replaced. Export it first to keep it.")
        if reviewed and not slicer.util.confirmOkCancelDisplay(question.format(review=reviewed)):
            return
        with slicer.util.tryWithErrorDisplay(_("The detection could not start.")):
            self.ui.progressBar.value = 0
            try:
                self.logic.detect(p)
            except ValueError as error:  # what the library says of an input that cannot be used
                self.say(str(error))
                return
            self.say("")
            self.ui.statusLabel.text = _("Handing the scan over ...")
            self._timer.start()

    def onCancel(self):
        """Stop it."""
        self.logic.cancel()

    def say(self, text):
        """Tell how the last detection ended."""
        self._said = text
        if self._parameterNode:
            self.onParameters()

    def onPoll(self):
        """Show what happened since the last time."""
        for event in self.logic.poll():
            if event.kind == "ready":
                self.fillDevices()
            elif event.kind == "progress":
                self.ui.progressBar.value = round(100 * event.share)
                self.ui.statusLabel.text = (
                    _("Searching ...")
                    if event.remaining_s is None
                    else _("Searching, {seconds} s left").format(seconds=max(1, round(event.remaining_s)))
                )
            elif event.kind in ("done", "cancelled", "failed"):
                self.onFinished(event)
        if self.logic.drawn is not self._shown and self._parameterNode:
            self.fillTable()
        self.showWritten()
        if not self.logic.busy():
            self._timer.stop()

    def onFinished(self, event):
        """The last word of a job, or of a worker that could not start."""
        self.ui.progressBar.value = 100 if event.kind == "done" else 0
        if event.details:
            logging.error(event.details)
        took = event.result.run.seconds if event.kind == "done" else 0
        done = _("Done in {seconds:.0f} s.").format(seconds=took)
        self.say({"done": done, "cancelled": _("Cancelled.")}.get(event.kind, event.message))
        if event.kind == "done" and self._parameterNode:
            self.fillTable()
            self.suggestCase()
            self.onNext()

    def fillTable(self):
        """Show the candidates at the threshold; the chosen one stays chosen."""
        self._shown = self.logic.drawn
        candidates = self.logic.candidates(*self._order)
        ui = self.ui
        self._filling = True
        try:
            ui.table.clearSelection()
            ui.table.setRowCount(len(candidates))
            for row, candidate in enumerate(candidates):
                for column, text in enumerate(self.logic.row(candidate)):
                    item = qt.QTableWidgetItem(text)
                    if column != COMMENT:
                        item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
                    if column == VERDICT:
                        item.setBackground(qt.QBrush(qt.QColor(*self.logic.color(candidate))))
                        item.setForeground(qt.QBrush(qt.QColor(0, 0, 0)))
                    ui.table.setItem(row, column, item)
            numbers = [candidate.number for candidate in candidates]
            if self._chosen not in numbers:
                self._chosen = None
            else:
                ui.table.selectRow(numbers.index(self._chosen))
            for column, name in enumerate(COLUMNS):
                mark = (" ▾" if self._order[1] else " ▴") if column == self._order[0] else ""
                ui.table.horizontalHeaderItem(column).setText(_(name) + mark)
            for column in range(COMMENT):
                ui.table.resizeColumnToContents(column)
        finally:
            self._filling = False
        self.logic.highlight(self._chosen)
        for button in (ui.acceptButton, ui.rejectButton, ui.previousButton, ui.nextButton):
            button.enabled = bool(candidates)
        there = self.logic.drawn is not None
        ui.undoButton.enabled = self.logic.canUndo()
        for widget in (ui.exportButton, ui.cutoffButton, ui.thresholdSlider):
            widget.enabled = there
        ui.addButton.enabled = there and bool(ui.cohortPath.currentPath) and not self.logic.writing()
        ui.resultLabel.text = self.logic.summary()
        self.showText(ui.countsLabel, self.logic.counts())
        self.showText(ui.warningsLabel, self.logic.warnings())

    def choose(self, number, jump=True):
        """Let a candidate be the one that keys and buttons are about."""
        self._chosen = number
        self.logic.highlight(number)
        if jump and number is not None:
            self.logic.jump(number)

    def number(self, row):
        """The number of the candidate in a row, None where there is none."""
        item = self.ui.table.item(row, 0)
        return int(item.text()) if item is not None else None

    def onRow(self):
        """A row was chosen: go there."""
        if not self._filling:
            self.choose(self.number(self.ui.table.currentRow()))

    def onClicked(self, row, column):
        """A row was clicked, the chosen one perhaps: go there again."""
        self.choose(self.number(row))

    def onCell(self, row, column):
        """A comment was written."""
        if not self._filling and column == COMMENT:
            self.logic.review.comment(self.number(row), self.ui.table.item(row, column).text())
            self._shown = self.logic.drawn
            self.ui.undoButton.enabled = self.logic.canUndo()

    def onHeader(self, column):
        """Sort by another column, or the other way round."""
        self._order = (column, not self._order[1]) if column == self._order[0] else (column, column == 1)
        self.fillTable()

    def onAccept(self):
        """The chosen candidate is progression."""
        self.review("accepted")

    def onReject(self):
        """The chosen candidate is not."""
        self.review("rejected")

    def review(self, verdict):
        """Give the chosen candidate a verdict."""
        if self._chosen is not None:
            self.logic.review(self._chosen, verdict)
            self.fillTable()

    def onUndo(self):
        """Take the last verdict or comment back."""
        if self.logic.canUndo():
            self._chosen = self.logic.undo()
            self.fillTable()

    def onPrevious(self):
        """Go to the candidate before."""
        self.move(-1)

    def onNext(self):
        """Go to the next candidate."""
        self.move(1)

    def move(self, step):
        """Choose the row before or after; the first one where none is chosen."""
        rows = self.ui.table.rowCount
        if rows:
            row = 0 if self._chosen is None else self.ui.table.currentRow() + step
            self.ui.table.selectRow(min(max(row, 0), rows - 1))

    def onCutoff(self):
        """Back to the threshold of the model."""
        self._parameterNode.threshold = self.logic.cutoff()

    def watchViews(self):
        """Hear clicks in the slice views."""
        manager = slicer.app.layoutManager()
        for name in manager.sliceViewNames():
            interactor = manager.sliceWidget(name).sliceView().interactor()
            if interactor not in self._pressed:
                self._pressed[interactor] = (name, None)
                for method in (self.onViewPressed, self.onViewReleased):
                    # before the view's own: what the reader does there goes on as ever
                    self.addObserver(interactor, VIEW_EVENTS[method.__name__], method, priority=100.0)

    def onViewPressed(self, caller, event):
        """A mouse button went down in a slice view."""
        self._pressed[caller] = (self._pressed[caller][0], caller.GetEventPosition())

    def onViewReleased(self, caller, event):
        """It went up: at the same place that was a click, and a box clicked into is chosen."""
        name, pressed = self._pressed[caller]
        position = caller.GetEventPosition()
        if pressed is None or max(abs(a - b) for a, b in zip(pressed, position, strict=True)) > CLICK_PIXELS:
            return
        node = slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode()
        number = self.logic.candidateAt(node, position)
        if number is not None and number != self._chosen:
            self.choose(number, jump=False)
            self.fillTable()

    def onExport(self):
        """Ask for a folder and write the result into it."""
        folder = qt.QFileDialog.getExistingDirectory(self.parent, _("Folder for the result"))
        if folder:
            self.logic.export(Path(folder))
            self.showWriting()

    def onCohort(self):
        """Another cohort: suggest the next case."""
        slicer.app.settings().setValue(COHORT_SETTING, self.ui.cohortPath.currentPath)
        self.suggestCase()
        self.fillTable()

    def suggestCase(self):
        """A pseudonym that is free."""
        path = self.ui.cohortPath.currentPath
        self.ui.caseEdit.text = self.logic.nextCase(Path(path)) if path else ""
        self.ui.patientEdit.text = ""
        self.ui.replaceCheck.checked = False

    def onAdd(self):
        """Add the reviewed case to the cohort."""
        ui = self.ui
        with slicer.util.tryWithErrorDisplay(_("The case could not be added.")):
            try:
                self.logic.addToCohort(
                    self._parameterNode,
                    Path(ui.cohortPath.currentPath),
                    ui.caseEdit.text.strip(),
                    ui.patientEdit.text.strip(),
                    replaceCase=ui.replaceCheck.checked,
                )
            except ValueError as error:
                self.showText(ui.exportLabel, str(error))
                return
            self.showWriting()

    def showWriting(self):
        """Files are being written."""
        self.showText(self.ui.exportLabel, _("Writing ..."))
        self.ui.addButton.enabled = self.ui.exportButton.enabled = False
        self._timer.start()

    def showWritten(self):
        """Tell what was written, once."""
        told = self.logic.written()
        if told:
            self.showText(self.ui.exportLabel, told)
            self.ui.replaceCheck.checked = False
            self.fillTable()


VIEW_EVENTS = {
    "onViewPressed": vtk.vtkCommand.LeftButtonPressEvent,
    "onViewReleased": vtk.vtkCommand.LeftButtonReleaseEvent,
}
CLICK_PIXELS = 3
THRESHOLD_STEP = 0.00005
"""The slider shows four decimals: a threshold is another one only when these change."""


class HCCLTPDetectionLogic(ScriptedLoadableModuleLogic):
    """MRML nodes to the library and back.

    Args:
        executor: runs predictions; a worker on this computer where None is given.
        store: of installed models; the person's own where None is given.
    """

    def __init__(self, executor=None, store=None):
        ScriptedLoadableModuleLogic.__init__(self)
        from HCCAssistLib.jobs.local import LocalExecutor
        from HCCAssistLib.models.store import ModelStore, default_store

        self.executor = executor or LocalExecutor(python=shutil.which("PythonSlicer") or sys.executable, recipe="ltp")
        self.store = store or ModelStore(default_store())
        self._drawn = None
        self.job = None
        self._volume = None
        self._captured = None
        self._dropped = ""
        self._drawing = None
        self._late = []
        self._undo = []
        self._looked = None, None
        self._warming = False
        self._writer = ThreadPoolExecutor(max_workers=1)  # what it began to write is written, even when Slicer closes
        self._writing = None

    @property
    def drawn(self):
        """The detection that is shown; None where there is none, or where a person deleted its record."""
        return self._drawn if self._drawn is not None and self._drawn.record.GetScene() is not None else None

    @drawn.setter
    def drawn(self, drawn):
        self._drawn = drawn

    def getParameterNode(self):
        """The scene's parameters."""
        return HCCLTPDetectionParameterNode(super().getParameterNode())

    def likelyVolume(self):
        """The arterial scan after treatment, as said in HCC Study; else the first scan; None where there is none."""
        from HCCAssistLib.scene.roles import role_volumes, volume_with_role

        return volume_with_role(slicer.mrmlScene, ARTERIAL) or next(role_volumes(slicer.mrmlScene), None)

    def roleWarning(self, volume):
        """What to say where a scan was marked as another phase; empty where it was not."""
        from HCCAssistLib.scene.roles import role_of

        role = role_of(volume) if volume else None
        if role in (None, ARTERIAL):
            return ""
        return _(
            "In HCC Study this scan is marked as {role}. This method needs the late arterial phase after ablation."
        ).format(role=role)

    def warmUp(self):
        """Start the worker, so that the first detection need not wait for it."""
        if self.models():
            self._warming = True
            self.executor.warm_up()

    def models(self):
        """The names of the installed models of this method."""
        return [entry.name for entry in self.store.entries() if entry.card is not None and entry.card.recipe == "ltp"]

    def devices(self):
        """What a detection can run on, as far as is known."""
        return ["auto", *(self.executor.devices or ("cpu",))]

    def describe(self, name):
        """A model in a line, and its card as a page; what to do where there is no model."""
        from HCCAssistLib.models.card import card_rows

        card = next((entry.card for entry in self.store.entries() if entry.name == name), None)
        if card is None:
            return (_("Choose a model.") if self.models() else NO_MODEL), ""
        rows = dict(card_rows(card))
        cells = "".join(
            f"<tr><td><b>{html.escape(item)}</b></td><td>{html.escape(text).replace(chr(10), '<br>')}</td></tr>"
            for item, text in rows.items()
        )
        line = _("Trained on {data}. Research use only.").format(data=rows["Trained on"])
        return line, f"<table cellpadding='2'>{cells}</table>"

    def missing(self, parameters):
        """What to do before a detection can start; empty where it can."""
        if not parameters.volume:
            return _("Load an arterial CT of the liver and choose it.")
        if not parameters.model:
            return _("Choose a model.") if self.models() else NO_MODEL
        if parameters.ring and not (parameters.zoneSegment or parameters.zonePoints):
            return _("A ring needs an ablation zone: choose its segment, or mark it with a point.")
        return ""

    def detect(self, parameters):
        """Start a detection. The voxels are read while the reader goes on.

        Raises:
            InputError: a node that cannot be used.
        """
        from HCCAssistLib.jobs.requests import Request
        from HCCAssistLib.scene.inputs import capture_volume

        captured = capture_volume(parameters.volume, name=SCAN)
        segments, points = self._annotations(parameters, captured.geometry)
        options = {"stride": parameters.quality}
        if parameters.ring:
            options.update(region="ring", ring_mm=parameters.ringWidth)

        values = self._values(parameters.volume)

        def gather():
            return self._study(SCAN, captured, segments, points, values)

        device = parameters.device if parameters.device in self.devices() else "auto"
        self._volume, self._captured, self._dropped = parameters.volume, captured, ""
        self.job = self.executor.submit(gather, Request(self.store.path(parameters.model), options, device))

    def _annotations(self, parameters, geometry):
        """The chosen segments, not read yet, and the points of the ablation zone."""
        from HCCAssistLib.scene.inputs import capture_segment, points_from_markups

        chosen = {
            LIVER: (parameters.liver, parameters.liverSegment),
            ABLATION: (parameters.zone, parameters.zoneSegment),
        }
        segments = {key: capture_segment(node, name) for key, (node, name) in chosen.items() if node and name}
        node = parameters.zonePoints
        points = {ABLATION: points_from_markups(node, geometry)} if node else {}
        return segments, points

    def _study(self, name, captured, segments, points, values):
        """A study of what was captured, judged as a cohort's files are; it may be called in any thread."""
        from HCCAssistLib.inference.study import judged_study
        from HCCAssistLib.recipes.registry import get_recipe

        read = {key: segment() for key, segment in segments.items()}
        volumes = {ARTERIAL: captured.read()}
        return judged_study(name, get_recipe("ltp"), volumes=volumes, segments=read, points=points, values=values)

    def _values(self, volume):
        """What is known of a scan beside its voxels: a phantom must not pass for a patient."""
        from HCCAssistLib.scene.roles import SYNTHETIC

        return {"synthetic": "1"} if volume.GetAttribute(SYNTHETIC) else {}

    def cancel(self):
        """Stop the running job, or the drawing of its result."""
        if self._drawing is not None:
            steps, event = self._drawing
            steps.close()
            self._late.append(replace(event, kind="cancelled", result=None))
            self._end()
        elif self.job is not None:
            self.executor.cancel(self.job)

    def busy(self):
        """Whether something goes on that the panel will show."""
        return self._warming or self.job is not None or self._writing is not None or bool(self._late)

    def poll(self):
        """Events since the last call. A result is drawn, a step at a time, before it is told."""
        said, self._late = self._late, []
        for event in self.executor.poll():
            if event.job == 0:
                self._warming = False
                said.append(event)
            elif event.job == self.job and event.kind == "done" and not self._gone():
                self._drawing = self._steps(event.result), event
            elif event.job == self.job:
                last = event.kind in ("done", "cancelled", "failed")
                said.append(replace(event, kind="failed", message=self._dropped) if last and self._dropped else event)
                if last:
                    self._end()
        if self.job is not None and self._drawing is None and not self._dropped and self._gone():
            self.executor.cancel(self.job)
        if self._drawing is not None:
            said += self._draw()
        return said

    def _gone(self):
        """Whether the scan of the running job is no longer what it was; why is kept for its last word."""
        if self._volume.GetScene() is not slicer.mrmlScene:
            self._dropped = _("The scan was removed while it was searched, so the result was dropped.")
        elif not self._captured.is_unchanged():
            self._dropped = _("The scan changed while it was searched, so the result was dropped. Press Detect again.")
        return bool(self._dropped)

    def _steps(self, result):
        from HCCAssistLib.scene.drawing import drawn_in_steps

        if self.drawn is not None and self.drawn.volume is self._volume:
            self.drawn = None
            self._undo.clear()
        opacity = self.getParameterNode().opacity
        return drawn_in_steps(result, self._volume, slicer.mrmlScene, heat_opacity=opacity, alone=True)

    def _draw(self):
        """Draw a little more; the job's last word where that was the end."""
        steps, event = self._drawing
        end = time.monotonic() + STEP_SECONDS
        try:
            while time.monotonic() < end:
                next(steps)
        except StopIteration as finished:
            self.drawn = finished.value
            self._undo.clear()
            self.getParameterNode().threshold = self.drawn.result.threshold
        except ValueError as error:  # the volume went or was moved in the meantime
            event = replace(event, kind="failed", message=str(error), result=None)
        except Exception as error:
            message = _("The result could not be shown ({error}). Please report this.")
            message = message.format(error=type(error).__name__)
            event = replace(event, kind="failed", message=message, details=traceback.format_exc(), result=None)
        else:
            return []
        self._end()
        return [event]

    def _end(self):
        self.job = self._drawing = self._captured = self._volume = None

    def forget(self):
        """The scene closes: a running job is for nobody."""
        if self.job is not None:
            self.executor.cancel(self.job)
        self._end()
        self.drawn = None
        self._undo.clear()

    def close(self):
        """End the worker."""
        self.forget()
        self.executor.close()
        self._writer.shutdown(wait=False)

    def restore(self):
        """Find the latest detection in the scene again."""
        from HCCAssistLib.scene.drawing import restore

        found = restore(slicer.mrmlScene)
        self.drawn = found[-1] if found else None
        if self.drawn is not None:
            self.getParameterNode().threshold = self.drawn.result.threshold

    def setThreshold(self, threshold):
        """Show the candidates at another threshold."""
        from HCCAssistLib.scene.drawing import apply_threshold

        found = self._cutoff()
        source = {"source": found.source} if found and found.value == threshold else {}
        self.drawn = apply_threshold(self.drawn, threshold, **source)

    def cutoff(self):
        """The threshold that the model of the result asks for; the present one where it is no longer installed."""
        found = self._cutoff()
        return self.drawn.result.threshold if found is None else found.value

    def _cutoff(self):
        """Of the model that made the result; looked up once, since a slider asks at every step."""
        run = self.drawn.result.run
        if self._looked[0] is not run:
            cards = [entry.card for entry in self.store.entries() if entry.name == run.model and entry.card]
            known = [card for card in cards if set(card.files.values()) == set(run.weights_sha256)]
            self._looked = run, known[0].default_cutoff if known else None
        return self._looked[1]

    def candidates(self, column=1, falling=True):
        """The candidates at the threshold, sorted by a column of the table; without a value last."""
        if self.drawn is None:
            return []
        shown = self.drawn.result.shown
        known = [candidate for candidate in shown if _sortKeys(candidate)[column] is not None]
        rest = [candidate for candidate in shown if candidate not in known]
        return [*sorted(known, key=lambda candidate: _sortKeys(candidate)[column], reverse=falling), *rest]

    def row(self, candidate):
        """The cells of a candidate."""
        distance = candidate.distance_to_ablation_mm
        return (
            str(candidate.number),
            f"{candidate.probability:.3f}",
            str(candidate.slice),
            f"{candidate.diameter_mm:.0f}",
            "" if distance is None else f"{distance:.0f}",
            _(VERDICTS[candidate.review.verdict.value]),
            candidate.review.comment,
        )

    def color(self, candidate):
        """Red, green and blue, 0 to 255, of a candidate's box."""
        from HCCAssistLib.scene.colors import box_color

        return tuple(round(255 * channel) for channel in box_color(candidate))

    def summary(self):
        """How many candidates there are at the threshold, and what that does not mean."""
        from HCCAssistLib.results.cutoff import CutOff, cutoff_value

        if self.drawn is None:
            return _("No result yet.")
        result = self.drawn.result
        cutoff = CutOff(result.threshold, result.threshold_source)
        value, shown, found = cutoff_value(cutoff), len(result.shown), len(result.candidates)
        text = _("{shown} of {found} candidates at or above {value}.").format(shown=shown, found=found, value=value)
        if not shown:
            text = _("No candidate at or above {value}. This does not exclude progression.").format(value=value)
            text += _(" {found} below it: move the threshold to see them.").format(found=found) if found else ""
        return text + "\n" + _("Threshold: {source}.").format(source=cutoff.source)

    def counts(self):
        """How far the review is."""
        if self.drawn is None or not self.drawn.result.candidates:
            return ""
        result = self.drawn.result
        said = [candidate.review.verdict.value for candidate in result.candidates]
        pending = sum(candidate.review.verdict.value == "pending" for candidate in result.shown)
        text = _("{accepted} accepted, {rejected} rejected, {pending} to review").format(
            accepted=said.count("accepted"), rejected=said.count("rejected"), pending=pending
        )
        hidden = sum(c.review.verdict.value != "pending" for c in result.candidates if c not in result.shown)
        return text + (_("; {hidden} reviewed below the threshold").format(hidden=hidden) if hidden else "")

    def warnings(self):
        """What a reader must know before trusting the result."""
        return "\n".join(f"\N{BULLET} {warning}" for warning in self.drawn.result.warnings) if self.drawn else ""

    def reviewed(self, volume):
        """How far the review of a volume's result is; empty where nothing was said about it."""
        if self.drawn is None or self.drawn.volume is not volume:
            return ""
        said = any(c.review.verdict.value != "pending" or c.review.comment for c in self.drawn.result.candidates)
        return self.counts() if said else ""

    def review(self, number, verdict):
        """Give a candidate a verdict."""
        from HCCAssistLib.results.review import Verdict

        candidate = self._candidate(number)
        self._undo.append((number, candidate.review.verdict, candidate.review.comment))
        self._set(number, Verdict(verdict), candidate.review.comment)

    def comment(self, number, text):
        """Give a candidate a comment."""
        candidate = self._candidate(number)
        if text != candidate.review.comment:
            self._undo.append((number, candidate.review.verdict, candidate.review.comment))
            self._set(number, candidate.review.verdict, text)

    def canUndo(self):
        """Whether there is a verdict or comment to take back."""
        return bool(self._undo)

    def undo(self):
        """Take the last verdict or comment back; the number of its candidate."""
        last = self._undo.pop()
        self._set(*last)
        return last[0]

    def jump(self, number):
        """Show a candidate in all views."""
        from HCCAssistLib.scene.navigation import jump_to

        jump_to(self._candidate(number), slicer.mrmlScene)

    def highlight(self, number):
        """Let a candidate's box stand out, or none."""
        from HCCAssistLib.scene.boxes import frame_box

        is_shown = number is not None and number in self.drawn.boxes and self.getParameterNode().showBoxes
        frame_box(self._candidate(number) if is_shown else None, slicer.mrmlScene)

    def candidateAt(self, sliceNode, position):
        """The number of the shown candidate whose box a pixel of a slice view lies in, or None."""
        from HCCAssistLib.scene.transforms import ras_to_lps

        mode = slicer.app.applicationLogic().GetInteractionNode().GetCurrentInteractionMode()
        if self.drawn is None or mode == slicer.vtkMRMLInteractionNode.Place:
            return None
        place = ras_to_lps(sliceNode.GetXYToRAS().MultiplyPoint((*position, 0, 1))[:3])
        hit = [c for c in self.drawn.result.shown if c.number in self.drawn.boxes and c.box.contains(place)]
        nearest = min(hit, key=lambda c: np.linalg.norm(np.subtract(c.box.center, place)), default=None)
        return None if nearest is None else nearest.number

    def show(self, *, boxes, heatmap, opacity):
        """Show or hide boxes and heat map, without drawing them anew."""
        from HCCAssistLib.scene.heatmap import composites

        for node in [*self.drawn.boxes.values(), self.drawn.labels]:
            if node is not None and node.GetScene() is not None:  # a person may delete any of them
                node.GetDisplayNode().SetVisibility2D(boxes)
                node.GetDisplayNode().SetVisibility3D(boxes)
        if self.drawn.heatmap is not None:
            for view in composites(slicer.mrmlScene):
                if view.GetForegroundVolumeID() == self.drawn.heatmap.GetID():
                    view.SetForegroundOpacity(opacity if heatmap else 0.0)

    def export(self, folder):
        """Begin to write the result folder: result.json, heatmap.nrrd and candidates.csv."""
        from HCCAssistLib.results.files import write_result
        from HCCAssistLib.results.tables import write_findings

        result = self.drawn.result

        def write():
            write_result(result, folder)
            write_findings(result, folder / "candidates.csv")
            return _("The result was written into {folder}: result.json, candidates.csv and the heat map.").format(
                folder=folder.name
            )

        self._writing = self._writer.submit(write)

    def nextCase(self, cohort):
        """A pseudonym for the next case of a cohort."""
        from HCCAssistLib.cohort.additions import next_case_id

        return next_case_id(cohort)

    def addToCohort(self, parameters, cohort, caseId, patientId, *, replaceCase):
        """Begin to add the reviewed case to a cohort: accepted ones as positives, rejected ones as hard negatives.

        Raises:
            InputError: an id that names the patient, an unfinished review, or a node that cannot be used.
        """
        from HCCAssistLib.cohort.additions import add_case, check_pseudonym
        from HCCAssistLib.recipes.ltp.review import HARD_NEGATIVES, POSITIVES, training_points
        from HCCAssistLib.scene.drawing import check_volume
        from HCCAssistLib.scene.inputs import capture_volume, points_from_markups
        from HCCAssistLib.scene.patients import patient_names

        result, volume = self.drawn.result, self.drawn.volume
        check_volume(result, volume, slicer.mrmlScene)
        for name in (caseId, patientId):
            check_pseudonym(name, patient_names(volume))
        captured = capture_volume(volume, name=caseId)
        node = parameters.missed
        placed = node is not None and node.GetNumberOfDefinedControlPoints() > 0
        missed = points_from_markups(node, captured.geometry) if placed else None
        points, values, warnings = training_points(result, missed)
        segments, zone = self._annotations(parameters, captured.geometry)
        known = self._values(volume)
        counts = len(points[POSITIVES].points), len(points[HARD_NEGATIVES].points)

        def write():
            # empty lists are written as well: they replace those of a case that is there
            marked = {key: listed for key, listed in {**points, **zone}.items() if listed.points}
            study = self._study(caseId, captured, segments, marked, values)
            case = add_case(
                cohort,
                caseId,
                volumes=study.volumes,
                points={**points, **zone},
                masks=study.masks,
                values={**values, **known},
                patient_id=patientId,
                replace=replaceCase,
            )
            told = _("{case} is in the cohort {cohort}: {positives} positive(s), {negatives} hard negative(s).")
            told = told.format(case=case.case_id, cohort=cohort.name, positives=counts[0], negatives=counts[1])
            return "\n".join([told, *map(str, (*warnings, *study.warnings))])

        self._writing = self._writer.submit(write)

    def writing(self):
        """Whether files are being written."""
        return self._writing is not None

    def written(self):
        """What became of the files that were written, once; empty while that is not known."""
        if self._writing is None or not self._writing.done():
            return ""
        writing, self._writing = self._writing, None
        try:
            return writing.result()
        except OSError as error:
            return _("The files could not be written: {reason}.").format(reason=error.strerror or error)
        except Exception as error:
            from HCCAssistLib.errors import HCCAssistError

            if not isinstance(error, HCCAssistError):
                logging.exception("The files could not be written")
            return str(error)

    def _candidate(self, number):
        return next(candidate for candidate in self.drawn.result.candidates if candidate.number == number)

    def _set(self, number, verdict, comment):
        from HCCAssistLib.results.review import Review
        from HCCAssistLib.scene.drawing import set_review

        self.drawn = set_review(self.drawn, number, Review(verdict, getpass.getuser(), comment))


def _sortKeys(candidate):
    """What the columns of the table are sorted by."""
    return (
        candidate.number,
        candidate.probability,
        candidate.slice,
        candidate.diameter_mm,
        candidate.distance_to_ablation_mm,
        candidate.review.verdict.value,
        candidate.review.comment,
    )


class HCCLTPDetectionTest(ScriptedLoadableModuleTest):
    """What Slicer runs by "Reload and Test" and in a build. A detection needs PyTorch; all else runs without."""

    BALL_RAS = (12.0, -9.0, 18.0)

    def setUp(self):
        """An empty scene, an empty store of models."""
        from HCCAssistLib.models.store import ModelStore

        slicer.mrmlScene.Clear(0)
        self.folder = tempfile.TemporaryDirectory()
        self.logic = HCCLTPDetectionLogic(store=ModelStore(Path(self.folder.name) / "models"))

    def tearDown(self):
        """No worker and no file stays."""
        self.logic.close()
        self.folder.cleanup()
        slicer.mrmlScene.Clear(0)

    def makeVolume(self):
        """Soft tissue with a bright ball of 8 mm; voxels of 1.5 x 1.5 x 3 mm, stored as most scanners do."""
        ijkToRas = np.array([[-1.5, 0, 0, 60.0], [0, -1.5, 0, 55.0], [0, 0, 3.0, -30.0], [0, 0, 0, 1.0]])
        k, j, i = np.indices((24, 72, 80))
        ras = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ ijkToRas.T
        away = np.linalg.norm(ras[..., :3] - self.BALL_RAS, axis=-1)
        voxels = np.where(away < 8, 150, 60).astype(np.int16)
        return slicer.util.addVolumeFromArray(voxels, ijkToRAS=ijkToRas, name="CT")

    def makeResult(self, volume):
        """Two candidates, the likelier one at the ball."""
        from HCCAssistLib.imaging.geometry import Box
        from HCCAssistLib.results.detection import Candidate, DetectionResult
        from HCCAssistLib.results.run_record import RunRecord
        from HCCAssistLib.scene.inputs import image_from_volume

        image = image_from_volume(volume)
        candidates = []
        for number, probability, shift in ((1, 0.9, 0.0), (2, 0.4, 30.0)):
            r, a, s = self.BALL_RAS
            box = Box((shift - r, -a, s), (20.0, 20.0, 20.0))
            slice_ = round(float(image.geometry.to_index(box.center)[2]))
            rectangle = tuple(tuple(corner) for corner in box.corners()[:4])
            candidates.append(Candidate(number, box, probability, slice_, (slice_ - 3, slice_ + 3), rectangle, 20.0))
        run = RunRecord("ltp", {}, "none", (), {}, "cpu", {"post/arterial": image.digest()}, 1.0)
        return DetectionResult(tuple(candidates), 0.3, "a test", image.geometry, run)

    def test_what_is_missing_is_said(self):
        """The panel tells what to do next."""
        parameters = self.logic.getParameterNode()
        self.assertIn("arterial CT", self.logic.missing(parameters))
        parameters.volume = self.makeVolume()
        self.assertIn("model", self.logic.missing(parameters))
        parameters.model = "some model"
        self.assertEqual(self.logic.missing(parameters), "")
        parameters.ring = True
        self.assertIn("ablation zone", self.logic.missing(parameters))

    def test_voxels_and_points_reach_the_library_in_place(self):
        """Slicer's RAS becomes LPS once, not twice."""
        from HCCAssistLib.scene.inputs import image_from_volume, points_from_markups

        image = image_from_volume(self.makeVolume())
        k, j, i = np.argwhere(image.array > 100).mean(axis=0)
        r, a, s = self.BALL_RAS
        self.assertLess(np.abs(image.geometry.to_world((i, j, k)) - (-r, -a, s)).max(), 1.5)
        markups = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
        markups.AddControlPointWorld(vtk.vtkVector3d(r, a, s))
        (point,) = points_from_markups(markups, image.geometry).points
        self.assertLess(np.abs(np.array(point.position) - (-r, -a, s)).max(), 0.01)

    def test_a_review_is_kept_in_the_scene(self):
        """Drawn, filtered, accepted, undone, found again."""
        from HCCAssistLib.scene.drawing import draw_detection

        volume = self.makeVolume()
        self.logic.drawn = draw_detection(self.makeResult(volume), volume, slicer.mrmlScene)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode"), 2)
        for place, wanted in zip(self.logic.drawn.boxes[1].GetCenterWorld(), self.BALL_RAS, strict=True):
            self.assertAlmostEqual(place, wanted, places=3)
        self.logic.setThreshold(0.5)
        self.assertEqual([candidate.number for candidate in self.logic.drawn.result.shown], [1])
        self.logic.review(1, "accepted")
        self.logic.review(2, "rejected")
        self.logic.undo()
        again = HCCLTPDetectionLogic(store=self.logic.store)
        try:
            again.restore()
            verdicts = [candidate.review.verdict.value for candidate in again.drawn.result.candidates]
        finally:
            again.close()
        self.assertEqual(verdicts, ["accepted", "pending"])

    def test_a_detection_in_the_worker(self):
        """An untrained network on a small volume, to the last event; left out, with a sentence, without PyTorch."""
        absent = [name for name in ("torch", "safetensors") if importlib.util.find_spec(name) is None]
        if absent:
            self.delayDisplay(f"The detection itself is not tested: {' and '.join(absent)} not installed.")
            return
        from HCCAssistLib.models.package import write_package
        from HCCAssistLib.recipes.ltp.network import build
        from HCCAssistLib.recipes.registry import get_recipe
        from HCCAssistLib.results.cutoff import CutOff

        recipe = get_recipe("ltp")
        options = recipe.resolve({})
        package = write_package(
            Path(self.folder.name) / "untrained",
            [{"": build(options).state_dict()}],
            name="untrained",
            recipe=recipe,
            options=options,
            cutoffs={"candidate": CutOff(0.5, "a test")},
            default_cutoff="candidate",
            input_spec={},
            training={},
            software={},
        )
        self.logic.store.install(package.folder)
        parameters = self.logic.getParameterNode()
        parameters.volume = self.makeVolume()
        parameters.model, parameters.quality, parameters.device = "untrained", "fast", "cpu"
        self.logic.detect(parameters)
        events, end = [], time.monotonic() + 120
        while self.logic.job is not None and time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.02)
            events += self.logic.poll()
        self.assertEqual(events[-1].kind, "done", events[-1].message)
        self.assertIn("progress", {event.kind for event in events})
        self.assertIs(self.logic.drawn.volume, parameters.volume)
