"""Risk of early recurrence: after hepatectomy from arterial CT, after ablation from MR before and after it."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

from HCCAssistLib.panels import inference_module_test
from HCCAssistLib.panels.inference_module import InferenceModuleLogic
from HCCAssistLib.panels.methods_module import MethodsModuleWidget


class HCCRecurrenceRisk(ScriptedLoadableModule):
    """What the module is."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("HCC Recurrence Risk")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Oncology")]
        self.parent.contributors = ["The HCCAssist contributors"]
        self.parent.helpText = _(
            "Predicts how probable a recurrence within two years is: after hepatectomy from arterial CT, after "
            "ablation from dynamic MR before and after it and clinical values. For research use only. See the "
            '<a href="https://github.com/HCCAssist/SlicerHCCAssist#readme">documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "Methods: Cui H, Wang KY, Li WY, et al. CT images-based 3D convolutional neural network to predict early "
            "recurrence of solitary hepatocellular carcinoma after radical hepatectomy. Diagn Interv Radiol 2022. "
            "Kong Q, Li K. Predicting early recurrence of hepatocellular carcinoma after thermal ablation based on "
            "longitudinal MRI with a deep learning approach. Oncologist 2025."
        )


class HCCRecurrenceRiskWidget(MethodsModuleWidget):
    """The panel."""

    def setup(self):
        """Make the panel of each method."""
        self.logics = HCCRecurrenceRiskLogic(), HCCRecurrenceRiskAblationLogic()
        MethodsModuleWidget.setup(self)


class HCCRecurrenceRiskLogic(InferenceModuleLogic):
    """The session of the method after hepatectomy in the scene."""

    RECIPE = "hepatectomy-recurrence"

    def method(self):
        """How the method presents itself in its panel."""
        from functools import partial

        from HCCAssistLib.panels.method import Method
        from HCCAssistLib.panels.nearest_cases import NearestCasesPart
        from HCCAssistLib.panels.result_note import ResultNote
        from HCCAssistLib.panels.risk_result import RiskResultPart
        from HCCAssistLib.panels.seen_strip import SeenStrip
        from HCCAssistLib.panels.survival_part import SurvivalPart
        from HCCAssistLib.recipes.hepatectomy.recipe import EARLY_RECURRENCE
        from HCCAssistLib.recipes.hepatectomy.seen import seen

        note = _(
            "The network saw ten slices of 1 mm, 150 mm wide. Its heat map has 10 x 10 cells of 16 mm, the same in all "
            "slices: it tells a region, and neither a structure nor a margin."
        )
        return Method(
            recipe=self.recipe,
            inputs=self.recipe.inputs,
            verb=_("Predict"),
            added=(
                partial(RiskResultPart, words={EARLY_RECURRENCE: _("the network, from arterial CT")}),
                partial(SeenStrip, made_again=seen),
                partial(ResultNote, text=note),
                SurvivalPart,
                NearestCasesPart,
            ),
        )


class HCCRecurrenceRiskAblationLogic(InferenceModuleLogic):
    """The session of the method after ablation in the scene."""

    RECIPE = "ablation-recurrence"

    def method(self):
        """How the method presents itself in its panel."""
        from functools import partial

        from HCCAssistLib.panels.clinical_form import ClinicalForm
        from HCCAssistLib.panels.margin import MarginPart
        from HCCAssistLib.panels.method import Method
        from HCCAssistLib.panels.nearest_cases import NearestCasesPart
        from HCCAssistLib.panels.phase_views import PhaseViews
        from HCCAssistLib.panels.readiness import Light
        from HCCAssistLib.panels.registration_check import RegistrationCheck
        from HCCAssistLib.panels.risk_result import RiskResultPart
        from HCCAssistLib.panels.role_grid import RoleGrid
        from HCCAssistLib.panels.seen_strip import SeenStrip
        from HCCAssistLib.panels.survival_part import SurvivalPart
        from HCCAssistLib.recipes.ablation.recipe import FIXED, PHASES, POST, SIGNATURE, ZONE
        from HCCAssistLib.recipes.ablation.seen import seen

        words = {
            "pre": _("the network, from MR before ablation"),
            "prepost": _("the network, from MR before and after ablation"),
            "clinical": _("clinical values"),
            "dl_clinical": _("clinical values and the network"),
            SIGNATURE: _("images, by the network"),
        }
        after = {f"{POST}/{phase}" for phase in PHASES}

        def lights(places, _options):
            there = after & places
            if not there:
                yield Light("warn", _("No MR after the ablation: the model for the time before it decides."))
            elif there != after:
                text = _("Choose all four phases after the ablation, or none: there are {count}.")
                yield Light("stop", text.format(count=len(there)))
            elif ZONE not in places:
                yield Light("stop", _("Mark the ablation zone: with a segment or a box, in the inputs above."))

        return Method(
            recipe=self.recipe,
            inputs=self.recipe.inputs,
            verb=_("Predict"),
            lights=lights,
            added=(
                RoleGrid,
                ClinicalForm,
                partial(RegistrationCheck, fixed=FIXED),
                partial(RiskResultPart, words=words),
                partial(SeenStrip, made_again=seen),
                partial(PhaseViews, by_time=True),
                SurvivalPart,
                NearestCasesPart,
                MarginPart,
            ),
        )


class HCCRecurrenceRiskTest(inference_module_test.InferenceModuleTest):
    """What Slicer runs by "Reload and Test" and in a build. A prediction needs PyTorch; all else runs without."""

    LOGIC = HCCRecurrenceRiskLogic
    PLACE = "pre/arterial"

    def setUp(self):
        """A scan with a tumour that is segmented."""
        super().setUp()
        from HCCAssistLib.scene.marks import ALL_SEGMENTS
        from HCCAssistLib.scene.run_inputs import ChosenInputs

        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Tumour")
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        name = segmentation.GetSegmentation().AddEmptySegment("T1", "T1")
        scan = slicer.util.arrayFromVolume(self.volume)
        slicer.util.updateSegmentBinaryLabelmapFromArray((scan > 100).astype("uint8"), segmentation, name, self.volume)
        self.chosen = ChosenInputs({self.PLACE: self.volume}, segments={"pre/tumour": (segmentation, ALL_SEGMENTS)})

    def test_a_prediction_in_the_worker(self):
        """An untrained small network on a small volume, to the last event."""
        result = self.resultOfRun(self.chosen, {"width": 0.05}, {})
        if result:
            self.assertTrue(0 < result.probability < 1)
            (box,) = result.boxes.values()
            for drawn, meant in zip(box.center, (-self.BALL_RAS[0], -self.BALL_RAS[1]), strict=False):
                self.assertAlmostEqual(drawn, meant, delta=1.5)  # a pixel

    def test_a_risk_is_kept_in_the_scene(self):
        """Drawn at its place, found again with its clinical values."""
        from HCCAssistLib.imaging.geometry import Box
        from HCCAssistLib.results.cutoff import CutOff
        from HCCAssistLib.results.risk import ClinicalValue, RiskResult
        from HCCAssistLib.results.run_record import RunRecord
        from HCCAssistLib.scene.inputs import image_from_volume

        image, (r, a, s) = image_from_volume(self.volume), self.BALL_RAS
        run = RunRecord(self.LOGIC.RECIPE, {}, "none", (), {}, "cpu", {self.PLACE: image.digest()}, 1.0)
        result = RiskResult(
            {"early_recurrence": 0.7},
            "early_recurrence",
            CutOff(0.5, "chosen before"),
            run,
            {self.PLACE: image.geometry},
            boxes={"pre/tumour": Box((-r, -a, s), (40.0, 40.0, 9.0))},
            clinical=(ClinicalValue("afp_ng_per_ml", None, None),),
        )
        self.assertBoxAtBall(self.logic.session.adopt(result, self.chosen))
        found = self.restoredResult()
        self.assertEqual((found.group, found.clinical[0].state), ("high", "missing"))
