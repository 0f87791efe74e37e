"""Liver masses in one to three phases of a CT: a category for each mass that a reader marks."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

from HCCAssistLib.panels import inference_module_test
from HCCAssistLib.panels.inference_module import InferenceModuleLogic, InferenceModuleWidget


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


class HCCMassClassificationWidget(InferenceModuleWidget):
    """The panel."""

    def setup(self):
        """Make the panel."""
        self.logic = HCCMassClassificationLogic()
        InferenceModuleWidget.setup(self)


class HCCMassClassificationLogic(InferenceModuleLogic):
    """The method's session in the scene."""

    RECIPE = "liver-mass"

    def method(self):
        """How the method presents itself in its panel."""
        from functools import partial

        from HCCAssistLib.panels.classification_columns import classification_columns
        from HCCAssistLib.panels.method import Method
        from HCCAssistLib.panels.nearest_cases import NearestCasesPart
        from HCCAssistLib.panels.phase_views import PhaseViews
        from HCCAssistLib.panels.seen_strip import SeenStrip
        from HCCAssistLib.recipes.liver_mass.recipe import MALIGNANT
        from HCCAssistLib.recipes.liver_mass.seen import seen

        return Method(
            recipe=self.recipe,
            inputs=self.recipe.inputs,
            verb=_("Classify"),
            columns=partial(
                classification_columns,
                categories=self.recipe.label.names,
                groups={"malignant": MALIGNANT},
                sets=True,
            ),
            added=(PhaseViews, partial(SeenStrip, made_again=seen), NearestCasesPart),
        )


class HCCMassClassificationTest(inference_module_test.InferenceModuleTest):
    """What Slicer runs by "Reload and Test" and in a build. A classification needs PyTorch; all else runs without."""

    LOGIC = HCCMassClassificationLogic
    PLACE = "baseline/arterial"

    def setUp(self):
        """One phase with a mass that is marked by a point."""
        super().setUp()
        from HCCAssistLib.scene.run_inputs import ChosenInputs

        points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Masses")
        points.AddControlPoint(*self.BALL_RAS, "mass 1")
        points.SetNthControlPointDescription(0, "16 mm")
        self.chosen = ChosenInputs({self.PLACE: self.volume}, points={"baseline/masses": points})

    def test_a_review_is_kept_in_the_scene(self):
        """Drawn at its place, judged, found again."""
        from HCCAssistLib.imaging.geometry import Box
        from HCCAssistLib.results.classification import ClassificationResult, Finding
        from HCCAssistLib.results.review import Verdict
        from HCCAssistLib.results.run_record import RunRecord
        from HCCAssistLib.scene.inputs import image_from_volume

        image, (r, a, s) = image_from_volume(self.volume), self.BALL_RAS
        scores = {"A": 0.6, "B": 0.2, "C": 0.1, "D": 0.05, "E": 0.05}
        mass = Finding(1, "mass 1", (-r, -a, s), scores, Box((-r, -a, s), (40.0, 40.0, 3.0)), 16)
        run = RunRecord("liver-mass", {}, "none", (), {}, "cpu", {self.PLACE: image.digest()}, 1.0)
        names = self.logic.recipe.label.names
        result = ClassificationResult(names, (mass,), {self.PLACE: image.geometry}, run)
        review = self.logic.session.adopt(result, self.chosen)
        self.assertBoxAtBall(review)
        review.judge(1, Verdict.OTHER, "test", category="C")
        (found,) = self.restoredResult().findings
        self.assertEqual((found.review.verdict.value, found.review.category), ("other", "C"))

    def test_a_classification_in_the_worker(self):
        """An untrained network on a small volume, to the last event."""
        result = self.resultOfRun(self.chosen, {"phases": "arterial", "width": 0.1}, {})
        if result:
            (mass,) = result.findings
            self.assertEqual((mass.label, mass.diameter_mm), ("mass 1", 16.0))
