"""A module as Slicer's template makes them, for the tests of the desk: mark lesions, count them in another process."""

from __future__ import annotations

import sys
from typing import Annotated

import qt
import slicer
import vtk
from slicer import vtkMRMLMarkupsFiducialNode, vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

COUNT = "import time\nfor step in range(1, 6):\n    print('progress', 20 * step, flush=True)\n    time.sleep(0.03)"


class DeskExample(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Desk example")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Examples")]
        self.parent.helpText = _("Marks lesions.")


@parameterNodeWrapper
class DeskExampleParameterNode:
    volume: vtkMRMLScalarVolumeNode
    seeds: vtkMRMLMarkupsFiducialNode
    radius: Annotated[float, WithinRange(1, 50)] = 12.0
    quality: Annotated[str, Choice(["fast", "fine"])] = "fast"
    boxes: bool = True


class DeskExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.process = None
        self._parameterNode = None
        self._guiTag = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/DeskExample.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = DeskExampleLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.seedSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.ui.placeWidget.setCurrentNode)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.ui.table.setColumnCount(2)
        self.ui.table.setHorizontalHeaderLabels([_("number"), _("place")])
        self.ui.table.connect("itemSelectionChanged()", self.onRow)
        self.initializeParameterNode()

    def cleanup(self):
        if self.process is not None:
            self.process.kill()
        self.removeObservers()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.volume:
            self._parameterNode.volume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")

    def setParameterNode(self, node):
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
        self._parameterNode = node
        if self._parameterNode:
            self._guiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
            self._checkCanApply()

    def _checkCanApply(self, caller=None, event=None):
        ready = bool(self._parameterNode.volume and self._parameterNode.seeds)
        self.ui.applyButton.enabled = ready and self.process is None
        self.ui.applyButton.toolTip = _("Count") if ready else _("Select a volume and seeds")

    def onApply(self):
        self.ui.progressBar.value = 0
        self.process = qt.QProcess()
        self.process.connect("readyReadStandardOutput()", self.onOutput)
        self.process.connect("finished(int,QProcess::ExitStatus)", self.onFinished)
        self.process.start(sys.executable, ["-c", COUNT])
        self._checkCanApply()

    def onOutput(self):
        while self.process.canReadLine():  # half a line may come first
            self.ui.progressBar.value = int(self.process.readLine().data().decode().split()[1])

    def onFinished(self, exitCode, status):
        self.process = None
        self.logic.draw(self._parameterNode.seeds, self._parameterNode.radius, self._parameterNode.boxes)
        self.ui.table.setRowCount(0)
        for number, place in enumerate(self.logic.places(self._parameterNode.seeds)):
            self.ui.table.insertRow(number)
            for column, text in enumerate((str(number + 1), "{:.0f} {:.0f} {:.0f}".format(*place))):
                self.ui.table.setItem(number, column, qt.QTableWidgetItem(text))
        self.ui.resultLabel.text = _("{count} lesion(s)").format(count=self.ui.table.rowCount)
        self._checkCanApply()

    def onRow(self):
        if self.ui.table.currentRow() >= 0:
            self.logic.jump(self._parameterNode.seeds, self.ui.table.currentRow())


class DeskExampleLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return DeskExampleParameterNode(super().getParameterNode())

    def places(self, seeds):
        return [seeds.GetNthControlPointPositionWorld(n) for n in range(seeds.GetNumberOfControlPoints())]

    def draw(self, seeds, radius, visible):
        for number, place in enumerate(self.places(seeds)):
            box = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", f"box {number + 1}")
            box.CreateDefaultDisplayNodes()
            box.SetCenter(place)
            box.SetSize(2 * radius, 2 * radius, 2 * radius)
            box.SetLocked(True)
            box.GetDisplayNode().SetFillVisibility(False)
            box.GetDisplayNode().SetSelectedColor(1, 1, 0)
            box.SetDisplayVisibility(visible)

    def jump(self, seeds, number):
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *seeds.GetNthControlPointPositionWorld(number))
