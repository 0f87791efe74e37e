"""Training: from a cohort to an installed model, on this computer or on a cluster."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

POLL_MS = 50


class HCCTraining(ScriptedLoadableModule):
    """What the module is."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("HCC Training")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Oncology")]
        self.parent.contributors = ["The HCCAssist contributors"]
        self.parent.helpText = _(
            "Trains the models of HCCAssist on a cohort of your own, on this computer or on a cluster, shows how the "
            "training goes, compares the new model with the installed one, and installs it. For research use only. See "
            'the <a href="https://github.com/HCCAssist/SlicerHCCAssist#readme">documentation</a>.'
        )
        self.parent.acknowledgementText = _("PyTorch is installed by the extension PyTorch (SlicerPyTorch).")


@parameterNodeWrapper
class HCCTrainingParameterNode:
    """What of a training is shown; trainings themselves belong to no scene."""

    showLog: bool = False


class HCCTrainingWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: its parts, asked for news while the module is open.

    Args:
        parent: of the panel.
        logic: what the parts share; made in ``setup`` where None is given.
    """

    def __init__(self, parent=None, logic=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = logic
        self._parameterNode = None
        self._guiTag = None

    def setup(self):
        """Make the panel."""
        from HCCAssistLib.panels.training import TrainingPanel
        from HCCAssistLib.panels.ui_files import merged

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HCCTraining.ui"))
        self.layout.addWidget(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = logic = self.logic or HCCTrainingLogic()
        self._timer = qt.QTimer(uiWidget)
        self._timer.setInterval(POLL_MS)
        sections = slicer.util.childWidgetVariables(uiWidget)
        self.panel = TrainingPanel(
            sections,
            trainings=logic.trainings,
            store=logic.store,
            background=logic.background,
            settings=slicer.app.settings(),
        )
        self._timer.connect("timeout()", self.panel.poll)
        self.ui = merged(sections, *(part.ui for part in self.panel.parts))
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneReady)

    def cleanup(self):
        """The panel goes; trainings go on."""
        self._timer.stop()
        self.setParameterNode(None)
        self.removeObservers()
        self.panel.close()

    def enter(self):
        """The reader opens the module."""
        self.initializeParameterNode()
        self.panel.enter()
        self._timer.start()

    def exit(self):
        """The reader opens another module; nobody looks at the trainings, which go on."""
        self._timer.stop()
        self.setParameterNode(None)
        self.panel.leave()

    def onSceneStartClose(self, caller, event):
        """The scene closes, and the plot with it."""
        self.setParameterNode(None)

    def onSceneReady(self, caller, event):
        """The scene is empty now, or a saved one was loaded."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take up the scene's parameters."""
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, node):
        """Bind the panel to other parameters, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
        self._parameterNode = node
        if node:
            self._guiTag = node.connectGui(self.ui)
        self.panel.bind(node.parameterNode if node else None)


class HCCTrainingLogic(ScriptedLoadableModuleLogic):
    """What the parts of the panel share.

    Args:
        root: of trainings; the person's own where None is given.
        store: of installed models; the person's own where None is given.
    """

    def __init__(self, root=None, store=None):
        ScriptedLoadableModuleLogic.__init__(self)
        from HCCAssistLib.jobs.runner import TaskRunner
        from HCCAssistLib.jobs.runs.trainings import Trainings
        from HCCAssistLib.models.store import ModelStore, default_store
        from HCCAssistLib.panels.background import Background

        python = shutil.which("PythonSlicer") or sys.executable
        self.tasks = TaskRunner(python=python)
        self.background = Background(self.tasks)
        self.trainings = Trainings(root, python=python)
        self.store = store or ModelStore(default_store())

    def getParameterNode(self):
        """The scene's parameters."""
        return HCCTrainingParameterNode(super().getParameterNode())


class HCCTrainingTest(ScriptedLoadableModuleTest):
    """A short test that also runs within Slicer; the long ones lie in Testing/desk."""

    def setUp(self):
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all tests."""
        self.setUp()
        self.test_tableOfACohort()

    def test_tableOfACohort(self):
        """The facts of a cohort are read in the background, and a fault stops the training."""
        from HCCAssistLib.panels.training_facts import Question, TrainingFacts
        from HCCAssistLib.recipes.registry import get_recipe

        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "cases" / "a").mkdir(parents=True)
            (Path(folder) / "cohort.csv").write_text("case_id,ltp\na,1\n")
            label, browser = qt.QLabel(), qt.QTextBrowser()
            facts = TrainingFacts(label, browser)
            question = Question(Path(folder), "ltp", get_recipe("ltp").resolve({}), 1, 0)
            facts.look(question)
            end = time.time() + 60
            while facts.poll():
                self.assertLess(time.time(), end)
                time.sleep(0.02)
            found = facts.show(question, "")
            self.assertEqual(found.counts["cases"], 1)
            self.assertTrue(found.stops)
            facts.close()
        self.delayDisplay("HCCTraining: the table of a cohort was read")
