"""Getting ready: packages, models, the phases of the loaded scans, and a sample case."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import qt
import slicer
import vtk
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


class HCCStudy(ScriptedLoadableModule):
    """What the module is."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("HCC Study")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Oncology")]
        self.parent.contributors = ["The HCCAssist contributors"]
        self.parent.helpText = _(
            "Sets HCCAssist up, manages its models, tells which contrast phase each loaded scan shows, and loads a "
            "synthetic sample case. For research use only. See the "
            '<a href="https://github.com/HCCAssist/SlicerHCCAssist#readme">documentation</a>.'
        )
        self.parent.acknowledgementText = _("PyTorch is installed by the extension PyTorch (SlicerPyTorch).")
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer the sample case of each method in Slicer's module Sample Data."""
    import SampleData

    from HCCAssistLib.panels.sample_case import sample_title
    from HCCAssistLib.recipes.registry import RECIPES

    SampleData.SampleDataLogic.registerCustomSampleDataCategory("HCCAssist", title="HCCAssist")
    for recipe in RECIPES.values():
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="HCCAssist",
            sampleName=sample_title(recipe),
            uris=f"hccassist:{recipe.id}",  # never asked for: the case is made on this computer
            fileNames=f"{recipe.id}-phantom",
            nodeNames=sample_title(recipe),
            customDownloader=openSampleCase,
        )


def openSampleCase(source):
    """Open this module and load a sample case: what its button in Sample Data does."""
    slicer.util.selectModule("HCCStudy")
    slicer.modules.hccstudy.widgetRepresentation().self().sample.load(source.sampleName)


@parameterNodeWrapper
class HCCStudyParameterNode:
    """The reader's choices, saved in the scene."""

    lookAtVoxels: bool = True


class HCCStudyWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: its parts, told when the scene changes and asked for news while something goes on.

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
        self._watched = []

    def setup(self):
        """Make the panel."""
        from HCCAssistLib.panels.backbones import InstalledBackbones
        from HCCAssistLib.panels.go_on import GoOn
        from HCCAssistLib.panels.model_store import InstalledModels
        from HCCAssistLib.panels.phase_roles import PhaseRoles
        from HCCAssistLib.panels.sample_case import SampleCases
        from HCCAssistLib.panels.set_up import SetUp
        from HCCAssistLib.panels.ui_files import merged
        from HCCAssistLib.recipes.registry import RECIPES

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HCCStudy.ui"))
        self.layout.addWidget(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = logic = self.logic or HCCStudyLogic()
        self._timer = qt.QTimer(uiWidget)
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.onPoll)
        self._soon = qt.QTimer(uiWidget)  # any number of changes in the scene fill the table once
        self._soon.setSingleShot(True)
        self._soon.connect("timeout()", self.onRoles)
        logic.background.wake = self._timer.start

        scene, place, background = slicer.mrmlScene, uiWidget.layout(), logic.background
        files = [self.resourcePath(f"HCCAssist{name}.txt") for name in ("Requirements", "Reports", "Clusters")]
        self.packages = SetUp(place, installation=logic.installation(*files), background=background)
        self.models = InstalledModels(place, store=logic.store, background=background)
        self.backbones = InstalledBackbones(place, folder=logic.backbones, background=background)
        self.roles = PhaseRoles(place, scene=scene, inspector=logic.inspector, background=background)
        self.sample = SampleCases(
            place, recipes=tuple(RECIPES.values()), folder=logic.samples, scene=scene, background=background
        )
        self.goOn = GoOn(place, without=self.moduleName)
        parts = (self.packages, self.models, self.backbones, self.roles, self.sample)
        self.ui = merged(*(part.ui for part in parts))
        self.ui.voxelCheck.connect("toggled(bool)", self.onVolumes)

        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneChanged)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, event, self.onVolumes)

    def cleanup(self):
        """The panel goes: so do its observers and its tasks."""
        self._timer.stop()
        self._soon.stop()
        self.setParameterNode(None)
        self.removeObservers()
        self.logic.background.wake = lambda: None
        self.roles.forget()
        self.logic.background.close()

    def enter(self):
        """The reader opens the module."""
        self.initializeParameterNode()

    def exit(self):
        """The reader opens another module."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """The scene closes: nothing of it is used any more."""
        self.roles.forget()
        self.sample.forget()
        self.setParameterNode(None)

    def onSceneChanged(self, caller, event):
        """The scene is empty now, or a saved one was loaded."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take up the scene's parameters, and show how things are."""
        self.setParameterNode(self.logic.getParameterNode())
        self.packages.refresh()
        self.models.look()
        self.backbones.look()
        self.onRoles()
        self.sample.refresh()
        self.goOn.refresh()

    def setParameterNode(self, node):
        """Bind the panel to other parameters, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
        self._parameterNode = node
        if node:
            self._guiTag = node.connectGui(self.ui)
        else:
            self.watch([])

    def onVolumes(self, caller=None, event=None):
        """Volumes came, went or were renamed, or how to guess was changed."""
        self._soon.start(0)

    def onRoles(self):
        """Show the scans as they are now."""
        if self._parameterNode and not slicer.mrmlScene.IsBatchProcessing():
            self.roles.refresh()
            self.watch(self.roles.nodes)

    def watch(self, nodes):
        """Be told when these volumes are renamed or get a role, and no others."""
        for node in [node for node in self._watched if node not in nodes]:
            self.removeObserver(node, vtk.vtkCommand.ModifiedEvent, self.onVolumes)
        for node in [node for node in nodes if node not in self._watched]:
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onVolumes)
        self._watched = nodes

    def onPoll(self):
        """Take up what happened since the last time, as long as there can be anything."""
        running = self.logic.background.poll(self.onInspected)
        if not any([running, self.roles.poll(), self.sample.poll()]):
            self._timer.stop()

    def onInspected(self, event):
        """Whether an event tells of a scan that was looked at; if so, show what was found."""
        told = self.logic.inspector.handle(event)
        if told and event.is_last:
            self.onRoles()
        return told


class HCCStudyLogic(ScriptedLoadableModuleLogic):
    """What the parts of the panel share.

    Args:
        tasks: runs what would block the window; in processes on this computer where None is given.
        store: of installed models; the person's own where None is given.
        samples: folder of the sample cases; the person's own where None is given.
    """

    def __init__(self, tasks=None, store=None, samples=None):
        ScriptedLoadableModuleLogic.__init__(self)
        from HCCAssistLib.jobs.runner import TaskRunner
        from HCCAssistLib.models.store import ModelStore, default_store
        from HCCAssistLib.panels.background import Background
        from HCCAssistLib.places import data_folder
        from HCCAssistLib.scene.phase_inspector import PhaseInspector

        self.tasks = tasks or TaskRunner(python=shutil.which("PythonSlicer") or sys.executable)
        self.background = Background(self.tasks)
        self.inspector = PhaseInspector(self.tasks)
        self.store = store or ModelStore(default_store())
        self.samples = samples or data_folder("samples")
        self.backbones = data_folder("backbones")

    def getParameterNode(self):
        """The scene's parameters."""
        return HCCStudyParameterNode(super().getParameterNode())

    def installation(self, requirements, reports, clusters):
        """The packages that are needed in this Slicer, and those that only reports or clusters need."""
        import slicer.packaging

        from HCCAssistLib.installation import Installation
        from HCCAssistLib.panels.set_up import torch_utils

        extras = {"reports": reports, "clusters": clusters}
        return Installation(requirements, slicer.packaging, torch_utils, extras)


class HCCStudyTest(ScriptedLoadableModuleTest):
    """A short test that also runs within Slicer; the long ones lie in Testing/desk."""

    def setUp(self):
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all tests."""
        self.setUp()
        self.test_sampleCase()

    def test_sampleCase(self):
        """The sample case is made, loaded and gets its role."""
        from HCCAssistLib.models.store import ModelStore
        from HCCAssistLib.panels.sample_case import SampleCases
        from HCCAssistLib.recipes.registry import get_recipe
        from HCCAssistLib.scene.roles import volume_with_role

        holder = qt.QWidget()
        place = qt.QVBoxLayout(holder)
        with tempfile.TemporaryDirectory() as folder:
            logic = HCCStudyLogic(store=ModelStore(Path(folder) / "models"), samples=Path(folder) / "samples")
            recipes, background, scene = [get_recipe("ltp")], logic.background, slicer.mrmlScene
            sample = SampleCases(place, recipes=recipes, folder=logic.samples, scene=scene, background=background)
            try:
                sample.load()
                end = time.time() + 120
                while sample.busy:
                    self.assertLess(time.time(), end)
                    background.poll(lambda event: False)
                    sample.poll()
                    slicer.app.processEvents()
                    time.sleep(0.02)
                self.assertIn("is loaded", sample.ui.sampleLabel.text)
                volume = volume_with_role(slicer.mrmlScene, "post/arterial")
                self.assertIn("synthetic", volume.GetName())
            finally:
                background.close()
        self.delayDisplay("HCCStudy: the sample case was made and loaded")
