"""Liver masses in one to three phases of a CT: a category for each mass that a reader marks."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class HCCMassClassification(ScriptedLoadableModule):
    """What the module is."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("HCC Mass Classification")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Oncology")]
        self.parent.contributors = ["The HCCAssist contributors"]
        self.parent.helpText = _(
            "Tells how probable five categories (classic HCC, other malignant mass, indeterminate mass, haemangioma, "
            "cyst) are for each liver mass that a reader marks in unenhanced, arterial and delayed CT. For research "
            'use only. See the <a href="https://github.com/HCCAssist/SlicerHCCAssist#readme">documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "Method: Yasaka K, Akai H, Abe O, Kiryu S. Deep learning with convolutional neural network for "
            "differentiation of liver masses at dynamic contrast-enhanced CT: a preliminary study. Radiology 2018."
        )


@parameterNodeWrapper
class HCCMassClassificationParameterNode:
    """What of a result is shown; the inputs and the options of a run are kept beside it by their own parts."""

    showBoxes: bool = True
    showHeat: bool = False
    opacity: Annotated[float, WithinRange(0, 1)] = 0.6


class HCCMassClassificationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: the parts that all methods share, told what this method needs."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = self.panel = None
        self._parameterNode = self._guiTag = None

    def setup(self):
        """Make the panel."""
        from HCCAssistLib.panels.inference import InferencePanel

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HCCMassClassification.ui"))
        self.layout.addWidget(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = HCCMassClassificationLogic()
        self.panel = InferencePanel(
            slicer.util.childWidgetVariables(uiWidget),
            method=self.logic.method(),
            session=self.logic.session,
            store=self.logic.store,
            window=slicer.util.mainWindow() or uiWidget,
            settings=slicer.app.settings(),
        )
        self.ui = self.panel.ui
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartImport)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneReady)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self.addObserver(scene, event, self.onNodes)
        self.initializeParameterNode()

    def cleanup(self):
        """The panel goes: so do its observers and its worker."""
        self.setParameterNode(None)
        self.removeObservers()
        self.panel.close()

    def enter(self):
        """The reader opens the module."""
        self.panel.enter()
        self.initializeParameterNode()

    def exit(self):
        """The reader opens another module; a running classification goes on."""
        self.setParameterNode(None)
        self.panel.leave()

    def onSceneStartClose(self, caller, event):
        """The scene closes: nothing of it is used any more."""
        self.setParameterNode(None)
        self.panel.forget()

    def onSceneStartImport(self, caller, event):
        """A saved scene is loaded: what it says of the inputs is not overwritten by what is chosen now."""
        self.setParameterNode(None)

    def onSceneReady(self, caller, event):
        """The scene is empty now, or a saved one was loaded, with a review perhaps."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onNodes(self, caller, event):
        """Nodes came or went, some of them removed by the user."""
        self.panel.scene_changed()

    def initializeParameterNode(self):
        """Take up the scene's parameters and results."""
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, node):
        """Bind the panel to other parameters, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParameters)
        self._parameterNode = node
        self.panel.bind(node.parameterNode if node else None)
        if node:
            self._guiTag = node.connectGui(self.ui)
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onParameters)
            self.onParameters()

    def onParameters(self, caller=None, event=None):
        """The reader shows or hides something."""
        p = self._parameterNode
        self.panel.display(boxes=p.showBoxes, heat=p.showHeat, opacity=p.opacity)


class HCCMassClassificationLogic(ScriptedLoadableModuleLogic):
    """The method's session in the scene.

    Args:
        executor: runs predictions; a worker on this computer where None is given.
        store: of installed models; the person's own where None is given.
    """

    def __init__(self, executor=None, store=None):
        ScriptedLoadableModuleLogic.__init__(self)
        from HCCAssistLib.jobs.local import LocalExecutor
        from HCCAssistLib.models.store import ModelStore, default_store
        from HCCAssistLib.recipes.registry import get_recipe
        from HCCAssistLib.scene.session import Session

        self.recipe = get_recipe("liver-mass")
        self.executor = executor or LocalExecutor(python=shutil.which("PythonSlicer") or sys.executable)
        self.store = store or ModelStore(default_store())
        self.session = Session(self.recipe, self.executor)

    def getParameterNode(self):
        """The scene's parameters."""
        return HCCMassClassificationParameterNode(super().getParameterNode())

    def method(self):
        """How the method presents itself in its panel."""
        from functools import partial

        from HCCAssistLib.panels.classification_columns import classification_columns
        from HCCAssistLib.panels.method import Method
        from HCCAssistLib.recipes.liver_mass.recipe import MALIGNANT

        return Method(
            recipe=self.recipe,
            inputs=self.recipe.inputs,
            verb=_("Classify"),
            columns=partial(
                classification_columns, categories=self.recipe.label.names, groups={"malignant": MALIGNANT}
            ),
            phase_views=True,
        )


class HCCMassClassificationTest(ScriptedLoadableModuleTest):
    """What Slicer runs by "Reload and Test" and in a build. A classification needs PyTorch; all else runs without."""

    MASS_RAS = (12.0, -9.0, 18.0)
    PLACE = "baseline/arterial"

    def setUp(self):
        """An empty scene, an empty store of models, one phase with a mass that is marked by a point."""
        from HCCAssistLib.models.store import ModelStore
        from HCCAssistLib.scene.run_inputs import ChosenInputs

        slicer.mrmlScene.Clear(0)
        self.folder = tempfile.TemporaryDirectory()
        self.logic = HCCMassClassificationLogic(store=ModelStore(Path(self.folder.name) / "models"))
        self.volume = self.makeVolume()
        self.points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Masses")
        self.points.AddControlPoint(*self.MASS_RAS, "mass 1")
        self.points.SetNthControlPointDescription(0, "16 mm")
        self.chosen = ChosenInputs({self.PLACE: self.volume}, points={"baseline/masses": self.points})
        self.logic.session.choose(self.volume)

    def tearDown(self):
        """No worker and no file stays."""
        self.logic.session.close()
        self.folder.cleanup()
        slicer.mrmlScene.Clear(0)

    def makeVolume(self):
        """Soft tissue with a bright ball of 8 mm; voxels of 1.5 x 1.5 x 3 mm, stored as most scanners do."""
        import numpy as np

        ijkToRas = np.array([[-1.5, 0, 0, 60.0], [0, -1.5, 0, 55.0], [0, 0, 3.0, -30.0], [0, 0, 0, 1.0]])
        k, j, i = np.indices((24, 72, 80))
        ras = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ ijkToRas.T
        away = np.linalg.norm(ras[..., :3] - self.MASS_RAS, axis=-1)
        return slicer.util.addVolumeFromArray(np.where(away < 8, 150, 60).astype(np.int16), ijkToRas, name="CT")

    def test_a_review_is_kept_in_the_scene(self):
        """Drawn at its place, judged, found again."""
        import numpy as np

        from HCCAssistLib.imaging.geometry import Box
        from HCCAssistLib.results.classification import ClassificationResult, Finding
        from HCCAssistLib.results.review import Verdict
        from HCCAssistLib.results.run_record import RunRecord
        from HCCAssistLib.scene.inputs import image_from_volume

        image, (r, a, s) = image_from_volume(self.volume), self.MASS_RAS
        scores = {"A": 0.6, "B": 0.2, "C": 0.1, "D": 0.05, "E": 0.05}
        mass = Finding(1, "mass 1", (-r, -a, s), scores, Box((-r, -a, s), (40.0, 40.0, 3.0)), 16)
        run = RunRecord("liver-mass", {}, "none", (), {}, "cpu", {self.PLACE: image.digest()}, 1.0)
        names = self.logic.recipe.label.names
        result = ClassificationResult(names, (mass,), {self.PLACE: image.geometry}, run)
        review = self.logic.session.adopt(result, self.chosen)
        self.assertLess(abs(np.subtract(review.drawn.boxes[1].GetCenterWorld(), self.MASS_RAS)).max(), 0.01)
        review.judge(1, Verdict.OTHER, "test", category="C")
        again = HCCMassClassificationLogic(store=self.logic.store)
        try:
            again.session.restore()
            found = again.session.review_of(self.volume).result.findings
        finally:
            again.session.close()
        self.assertEqual([(one.review.verdict.value, one.review.category) for one in found], [("other", "C")])

    def test_a_classification_in_the_worker(self):
        """An untrained network on a small volume, to the last event; left out, with a sentence, without PyTorch."""
        absent = [name for name in ("torch", "safetensors") if importlib.util.find_spec(name) is None]
        if absent:
            self.delayDisplay(f"The classification itself is not tested: {' and '.join(absent)} not installed.")
            return
        from HCCAssistLib.jobs.requests import Request
        from HCCAssistLib.models.package import write_package

        recipe = self.logic.recipe
        options = recipe.resolve({"phases": "arterial", "width": 0.1})
        package = write_package(
            Path(self.folder.name) / "untrained",
            [{"": recipe.module("network").build(options).state_dict()}],
            name="untrained",
            recipe=recipe,
            options=options,
            input_spec={},
            training={},
            software={},
        )
        session, events, end = self.logic.session, [], time.monotonic() + 120
        session.run(self.chosen, Request(package.folder, {}, "cpu"))
        while session.running and time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.02)
            events += session.poll()
        self.assertEqual(events[-1].kind, "done", events[-1].message)
        (mass,) = session.current.result.findings
        self.assertEqual((mass.label, mass.diameter_mm), ("mass 1", 16.0))
