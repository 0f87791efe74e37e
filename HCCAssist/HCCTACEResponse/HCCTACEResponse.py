"""Response to TACE: predicted from the CT before it, and measured at the follow-up, each in a section of its own."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

from HCCAssistLib.panels import inference_module_test
from HCCAssistLib.panels.inference_module import InferenceModuleLogic, InferenceModuleWidget


class HCCTACEResponse(ScriptedLoadableModule):
    """What the module is."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("HCC TACE Response")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Oncology")]
        self.parent.contributors = ["The HCCAssist contributors"]
        self.parent.helpText = _(
            "Predicts the response of segmented tumours to a first transarterial chemoembolization (complete, partial, "
            "stable, progressive) from the arterial CT before it, and measures the response at the follow-up by "
            "mRECIST. For research use only. See the "
            '<a href="https://github.com/HCCAssist/SlicerHCCAssist#readme">documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "Method: Peng J, Kang S, Ning Z, et al. Residual convolutional neural network for predicting response of "
            "transarterial chemoembolization in hepatocellular carcinoma from CT imaging. Eur Radiol 2020."
        )


class HCCTACEResponseWidget(InferenceModuleWidget):
    """The panel."""

    def setup(self):
        """Make the panel."""
        self.logic = HCCTACEResponseLogic()
        InferenceModuleWidget.setup(self)


class HCCTACEResponseLogic(InferenceModuleLogic):
    """The method's session in the scene."""

    RECIPE = "tace-response"

    def method(self):
        """How the method presents itself in its panel."""
        from functools import partial

        from HCCAssistLib.panels.classification_columns import classification_columns
        from HCCAssistLib.panels.follow_up import FollowUpPart
        from HCCAssistLib.panels.method import Method
        from HCCAssistLib.panels.nearest_cases import NearestCasesPart
        from HCCAssistLib.panels.result_note import ResultNote
        from HCCAssistLib.panels.seen_strip import SeenStrip
        from HCCAssistLib.panels.target_segments import TargetSegments
        from HCCAssistLib.recipes.tace.recipe import GROUPS, TUMOURS
        from HCCAssistLib.recipes.tace.seen import seen

        note = _(
            "Predicted before the treatment, and never the measured response. The paper states no cut-off for an "
            "objective response. In its two cohorts from elsewhere, decision curves showed a gain over treating all "
            "or none from thresholds of about 2 % and 4 % on."
        )
        return Method(
            recipe=self.recipe,
            inputs=self.recipe.inputs,
            verb=_("Predict"),
            columns=partial(classification_columns, categories=self.recipe.label.names, groups=GROUPS),
            added=(
                partial(TargetSegments, place=TUMOURS),
                partial(SeenStrip, made_again=seen),
                partial(ResultNote, text=note),
                NearestCasesPart,
                FollowUpPart,
            ),
        )


class HCCTACEResponseTest(inference_module_test.InferenceModuleTest):
    """What Slicer runs by "Reload and Test" and in a build. A prediction needs PyTorch; all else runs without."""

    LOGIC = HCCTACEResponseLogic
    PLACE = "pre/arterial"

    def setUp(self):
        """A scan with a tumour that is segmented."""
        super().setUp()
        from HCCAssistLib.scene.marks import ALL_SEGMENTS
        from HCCAssistLib.scene.run_inputs import ChosenInputs

        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Tumours")
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        name = segmentation.GetSegmentation().AddEmptySegment("T1", "T1")
        scan = slicer.util.arrayFromVolume(self.volume)
        slicer.util.updateSegmentBinaryLabelmapFromArray((scan > 100).astype("uint8"), segmentation, name, self.volume)
        self.chosen = ChosenInputs({self.PLACE: self.volume}, segments={"pre/tumour": (segmentation, ALL_SEGMENTS)})

    def test_a_prediction_in_the_worker(self):
        """An untrained small network on a small volume, to the last event."""
        result = self.resultOfRun(self.chosen, {"body": "small"}, {})
        if result:
            (tumour,) = result.findings
            self.assertEqual(tumour.label, "T1")
            self.assertTrue(1 <= len(tumour.patches) <= 3)
            for drawn, meant in zip(tumour.box.center, (-self.BALL_RAS[0], -self.BALL_RAS[1]), strict=False):
                self.assertAlmostEqual(drawn, meant, delta=1.5)  # a pixel

    def test_a_follow_up_is_measured(self):
        """Lines of 40 and 24 mm are a partial response, which the scene keeps."""
        from HCCAssistLib.scene.follow_up import POST, PRE, FollowUp

        measured = FollowUp()
        for when, mm in ((PRE, 40), (POST, 24)):
            line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", when)
            line.AddControlPointWorld(0, 0, 0)
            line.AddControlPointWorld(mm, 0, 0)
            measured.lesions[0].lines[when] = line
        node = self.logic.getParameterNode().parameterNode
        measured.keep_in(node)
        self.assertEqual(FollowUp.of(node).reading("test").response.category, "PR")
