"""Local tumour progression (LTP) after ablation: candidates in an arterial CT, reviewed one by one."""

from __future__ import annotations

import csv
import importlib.util
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

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
POLL_MS = 50


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
    ring: bool = False
    ringWidth: Annotated[float, WithinRange(1, 100)] = 20.0
    model: str = ""
    quality: Annotated[str, Choice(["fast", "standard", "fine"])] = "standard"
    device: Annotated[str, Choice(["auto", "cpu", "cuda"])] = "auto"
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
        ui.zonePointsSelector.connect("currentNodeChanged(vtkMRMLNode*)", ui.placeWidget.setCurrentNode)
        ui.liverSelector.connect("currentSegmentChanged(QString)", self.onSegments)
        ui.zoneSelector.connect("currentSegmentChanged(QString)", self.onSegments)
        ui.modelBox.connect("currentIndexChanged(int)", self.onModel)
        ui.detectButton.connect("clicked(bool)", self.onDetect)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)
        ui.acceptButton.connect("clicked(bool)", self.onAccept)
        ui.rejectButton.connect("clicked(bool)", self.onReject)
        ui.undoButton.connect("clicked(bool)", self.onUndo)
        ui.previousButton.connect("clicked(bool)", self.onPrevious)
        ui.nextButton.connect("clicked(bool)", self.onNext)
        ui.exportButton.connect("clicked(bool)", self.onExport)
        ui.table.connect("itemSelectionChanged()", self.onRow)
        ui.table.connect("cellChanged(int,int)", self.onCell)
        ui.table.setColumnCount(len(COLUMNS))
        ui.table.setHorizontalHeaderLabels([_(name) for name in COLUMNS])
        ui.table.verticalHeader().setVisible(False)
        ui.table.horizontalHeader().setStretchLastSection(True)
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

    def exit(self):
        """The reader opens another module."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """The scene closes: nothing of it is used any more."""
        self._timer.stop()
        self.logic.forget()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        """The scene is empty now."""
        if self.parent.isEntered:
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
            self._parameterNode.volume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")

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
            self.onModel()
            self.fillTable()
            self.onParameters()

    def fillModels(self):
        """Offer the installed models."""
        names = [package.card.name for package in self.logic.models()]
        if names != [self.ui.modelBox.itemText(n) for n in range(self.ui.modelBox.count)]:
            self.ui.modelBox.clear()
            self.ui.modelBox.addItems(names)

    def onModel(self):
        """A model was chosen: show its card."""
        if self._parameterNode:
            self._parameterNode.model = self.ui.modelBox.currentText
            self.ui.modelCard.text = self.logic.describe(self.ui.modelBox.currentText)

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
        self.ui.detectButton.enabled = not (missing or running)
        self.ui.detectButton.toolTip = missing or _("Search the scan for candidates")
        self.ui.cancelButton.enabled = running
        if not running and missing:
            self.ui.statusLabel.text = missing
        elif not running and self.logic.drawn is None:
            self.ui.statusLabel.text = _("Ready: press Detect.")
        if self.logic.drawn is not None:
            if self.logic.drawn.result.threshold != p.threshold:
                self.logic.setThreshold(p.threshold)
                self.fillTable()
            self.logic.show(boxes=p.showBoxes, heatmap=p.showHeatmap, opacity=p.opacity)

    def onDetect(self):
        """Start a detection."""
        with slicer.util.tryWithErrorDisplay(_("The detection could not start.")):
            self.ui.progressBar.value = 0
            self.ui.statusLabel.text = _("Starting ...")
            try:
                self.logic.detect(self._parameterNode)
            except ValueError as error:  # what the library says of an input that cannot be used
                self.ui.statusLabel.text = str(error)
                return
            self._timer.start()
            self.onParameters()

    def onCancel(self):
        """Stop it."""
        self.logic.cancel()

    def onPoll(self):
        """Show what the worker said since the last time."""
        for event in self.logic.poll():
            if event.kind == "progress":
                self.ui.progressBar.value = round(100 * event.share)
                self.ui.statusLabel.text = (
                    _("Searching ...")
                    if event.remaining_s is None
                    else _("Searching, {seconds} s left").format(seconds=max(1, round(event.remaining_s)))
                )
            elif event.kind in ("done", "cancelled", "failed"):
                self.onFinished(event)

    def onFinished(self, event):
        """The last word of a job."""
        self._timer.stop()
        if event.kind == "done":
            self.ui.progressBar.value = 100
            if self.logic.drawn is not None:
                self._parameterNode.threshold = self.logic.drawn.result.threshold
        self.fillTable()
        self.onParameters()
        if event.kind == "cancelled":
            self.ui.progressBar.value = 0
            self.ui.statusLabel.text = _("Cancelled.")
        elif event.kind == "failed":
            self.ui.progressBar.value = 0
            self.ui.statusLabel.text = event.message
            if event.details:
                logging.error(event.details)

    def fillTable(self):
        """Show the candidates at the threshold; the chosen one stays chosen."""
        chosen = self.chosen()
        candidates = self.logic.drawn.result.shown if self.logic.drawn is not None else ()
        self._filling = True
        try:
            self.ui.table.setRowCount(len(candidates))
            for row, candidate in enumerate(candidates):
                for column, text in enumerate(self.logic.row(candidate)):
                    item = qt.QTableWidgetItem(text)
                    if column != COMMENT:
                        item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
                    self.ui.table.setItem(row, column, item)
                if candidate.number == chosen:
                    self.ui.table.selectRow(row)
            self.ui.table.resizeColumnsToContents()
        finally:
            self._filling = False
        for button in (self.ui.acceptButton, self.ui.rejectButton, self.ui.previousButton, self.ui.nextButton):
            button.enabled = bool(candidates)
        self.ui.undoButton.enabled = self.logic.canUndo()
        self.ui.exportButton.enabled = self.logic.drawn is not None
        if self.logic.drawn is not None:
            result = self.logic.drawn.result
            text = _("{shown} of {all} candidates at or above {threshold:.2f} ({source})").format(
                shown=len(candidates),
                all=len(result.candidates),
                threshold=result.threshold,
                source=result.threshold_source,
            )
            self.ui.statusLabel.text = "\n".join([text, *(str(warning) for warning in result.warnings)])

    def chosen(self):
        """The number of the candidate in the chosen row, or None."""
        item = self.ui.table.item(self.ui.table.currentRow(), 0)
        return int(item.text()) if item is not None else None

    def onRow(self):
        """A row was chosen: go there."""
        if not self._filling and self.chosen() is not None:
            self.logic.jump(self.chosen())

    def onCell(self, row, column):
        """A comment was written."""
        if not self._filling and column == COMMENT:
            self.logic.comment(int(self.ui.table.item(row, 0).text()), self.ui.table.item(row, column).text())

    def onAccept(self):
        """The chosen candidate is progression."""
        self.review("accepted")

    def onReject(self):
        """The chosen candidate is not."""
        self.review("rejected")

    def review(self, verdict):
        """Give the chosen candidate a verdict."""
        if self.chosen() is not None:
            self.logic.review(self.chosen(), verdict)
            self.fillTable()

    def onUndo(self):
        """Take the last verdict or comment back."""
        if self.logic.canUndo():
            self.logic.undo()
            self.fillTable()

    def onPrevious(self):
        """Go to the candidate before."""
        self.move(-1)

    def onNext(self):
        """Go to the next candidate."""
        self.move(1)

    def move(self, step):
        """Choose the row before or after."""
        rows = self.ui.table.rowCount
        if rows:
            row = self.ui.table.currentRow() + step
            self.ui.table.selectRow(min(max(row, 0), rows - 1))

    def onExport(self):
        """Ask for a folder and write the result into it."""
        folder = qt.QFileDialog.getExistingDirectory(self.parent, _("Folder for the result"))
        if folder:
            with slicer.util.tryWithErrorDisplay(_("The result could not be written."), waitCursor=True):
                self.logic.export(Path(folder))


COLUMNS = ("no.", "prob.", "slice", "mm", "to zone", "verdict", "comment")
CSV_COLUMNS = ("number", "probability", "slice", "diameter_mm", "distance_to_ablation_mm", "verdict", "comment")
COMMENT = COLUMNS.index("comment")


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

        self.executor = executor or LocalExecutor(python=shutil.which("PythonSlicer") or sys.executable)
        self.store = store or ModelStore(default_store())
        self.drawn = None
        self.job = None
        self._volume = None
        self._undo = []

    def getParameterNode(self):
        """The scene's parameters."""
        return HCCLTPDetectionParameterNode(super().getParameterNode())

    def models(self):
        """The installed models of this method."""
        return [package for package in self.store.packages()[0] if package.card.recipe == "ltp"]

    def describe(self, name):
        """The model card in a few lines; what to do where there is no model."""
        package = next((package for package in self.models() if package.card.name == name), None)
        if package is None:
            return _("No model is installed. Install a model package, then open this module again.")
        card = package.card
        cutoff = card.scan_cutoff or card.cutoff
        return "\n".join(
            [
                _("Recipe: {title}").format(title=package.recipe.title),
                _("Trained on: {patients} patients").format(patients=card.training.get("patients", "?")),
                _("Cut-off: {value:.2f} ({source})").format(value=cutoff.value, source=cutoff.source),
                _("Research use only."),
            ]
        )

    def missing(self, parameters):
        """What to do before a detection can start; empty where it can."""
        if not parameters.volume:
            return _("Load an arterial CT of the liver and choose it.")
        if not parameters.model:
            return _("Install a model package first.")
        if parameters.ring and not (parameters.zoneSegment or parameters.zonePoints):
            return _("A ring needs an ablation zone: choose its segment, or mark it with a point.")
        return ""

    def detect(self, parameters):
        """Start a detection.

        Raises:
            InputError: a node that cannot be used.
        """
        from HCCAssistLib.inference.study import Study
        from HCCAssistLib.jobs.requests import Request
        from HCCAssistLib.scene.inputs import image_from_volume, mask_from_segment, points_from_markups

        volume = parameters.volume
        image = image_from_volume(volume, name="arterial CT")
        masks, points = {}, {}
        for key, node, segment in (
            (LIVER, parameters.liver, parameters.liverSegment),
            (ABLATION, parameters.zone, parameters.zoneSegment),
        ):
            if node and segment:
                masks[key] = mask_from_segment(node, segment, volume)
        if parameters.zonePoints:
            points[ABLATION] = points_from_markups(parameters.zonePoints, image.geometry)
        options = {"stride": parameters.quality}
        if parameters.ring:
            options.update(region="ring", ring_mm=parameters.ringWidth)
        study = Study("case", {ARTERIAL: image}, points, masks)
        request = Request(self.store.get(parameters.model).folder, options, parameters.device)
        self._volume = volume
        self.job = self.executor.submit(study, request)

    def cancel(self):
        """Stop the running job."""
        if self.job is not None:
            self.executor.cancel(self.job)

    def poll(self):
        """Events of the running job; a result is drawn, unless its volume went in the meantime."""
        from HCCAssistLib.scene.drawing import draw_detection

        events = [event for event in self.executor.poll() if event.job == self.job]
        for event in events:
            if event.kind not in ("done", "cancelled", "failed"):
                continue
            self.job = None
            if event.result is not None and self._volume.GetScene() is slicer.mrmlScene:
                self._undo.clear()
                self.drawn = draw_detection(event.result, self._volume, slicer.mrmlScene)
        return events

    def forget(self):
        """The scene closes: a running job is for nobody."""
        self.cancel()
        self.job = self.drawn = self._volume = None
        self._undo.clear()

    def close(self):
        """End the worker."""
        self.forget()
        self.executor.close()

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

        self.drawn = apply_threshold(self.drawn, threshold)

    def row(self, candidate):
        """The cells of a candidate."""
        distance = candidate.distance_to_ablation_mm
        return (
            str(candidate.number),
            f"{candidate.probability:.3f}",
            str(candidate.slice),
            f"{candidate.diameter_mm:.1f}",
            "" if distance is None else f"{distance:.1f}",
            candidate.verdict.value,
            candidate.comment,
        )

    def review(self, number, verdict):
        """Give a candidate a verdict."""
        from HCCAssistLib.inference.findings import Verdict

        candidate = self._candidate(number)
        self._undo.append((number, candidate.verdict, candidate.comment))
        self._set(number, Verdict(verdict), candidate.comment)

    def comment(self, number, text):
        """Give a candidate a comment."""
        candidate = self._candidate(number)
        if text != candidate.comment:
            self._undo.append((number, candidate.verdict, candidate.comment))
            self._set(number, candidate.verdict, text)

    def canUndo(self):
        """Whether there is a verdict or comment to take back."""
        return bool(self._undo)

    def undo(self):
        """Take the last verdict or comment back."""
        self._set(*self._undo.pop())

    def jump(self, number):
        """Show a candidate in all views."""
        from HCCAssistLib.scene.navigation import jump_to

        jump_to(self._candidate(number), slicer.mrmlScene)

    def show(self, *, boxes, heatmap, opacity):
        """Show or hide boxes and heat map, without drawing them anew."""
        from HCCAssistLib.scene.heatmap import composites

        for node in [*self.drawn.boxes.values(), *([self.drawn.labels] if self.drawn.labels is not None else [])]:
            node.GetDisplayNode().SetVisibility2D(boxes)
            node.GetDisplayNode().SetVisibility3D(boxes)
        if self.drawn.heatmap is not None:
            for view in composites(slicer.mrmlScene):
                if view.GetForegroundVolumeID() == self.drawn.heatmap.GetID():
                    view.SetForegroundOpacity(opacity if heatmap else 0.0)

    def export(self, folder):
        """Write the result folder (result.json, heatmap.nrrd) and candidates.csv.

        Raises:
            OSError: the folder cannot be written.
        """
        from HCCAssistLib.inference.results import write_result

        write_result(self.drawn.result, folder)
        with (folder / "candidates.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(CSV_COLUMNS)
            writer.writerows(self.row(candidate) for candidate in self.drawn.result.candidates)

    def _candidate(self, number):
        return next(candidate for candidate in self.drawn.result.candidates if candidate.number == number)

    def _set(self, number, verdict, comment):
        from HCCAssistLib.scene.drawing import set_verdict

        self.drawn = set_verdict(self.drawn, number, verdict, comment=comment)


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
        from HCCAssistLib.inference.findings import Candidate, DetectionResult, RunRecord
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
            verdicts = [candidate.verdict.value for candidate in again.drawn.result.candidates]
        finally:
            again.close()
        self.assertEqual(verdicts, ["accepted", "pending"])

    def test_a_detection_in_the_worker(self):
        """An untrained network on a small volume, to the last event; left out, with a sentence, without PyTorch."""
        absent = [name for name in ("torch", "safetensors") if importlib.util.find_spec(name) is None]
        if absent:
            self.delayDisplay(f"The detection itself is not tested: {' and '.join(absent)} not installed.")
            return
        from HCCAssistLib.evaluation.result import CutOff
        from HCCAssistLib.models.package import write_package
        from HCCAssistLib.recipes.ltp.network import build
        from HCCAssistLib.recipes.registry import get_recipe

        recipe = get_recipe("ltp")
        options = recipe.resolve({})
        package = write_package(
            Path(self.folder.name) / "untrained",
            [build(options).state_dict()],
            name="untrained",
            recipe=recipe,
            options=options,
            cutoff=CutOff(0.5, "a test"),
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
