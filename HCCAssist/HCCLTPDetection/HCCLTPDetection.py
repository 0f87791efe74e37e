"""Local tumour progression (LTP) after ablation: candidates in an arterial CT, reviewed one by one."""

from __future__ import annotations

from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

from HCCAssistLib.panels import inference_module_test
from HCCAssistLib.panels.inference_module import InferenceModuleLogic, InferenceModuleWidget


class HCCLTPDetection(ScriptedLoadableModule):
    """What the module is."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("HCC LTP Detection")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Oncology")]
        self.parent.contributors = ["The HCCAssist contributors"]
        self.parent.helpText = _(
            "Finds candidates for local tumour progression after ablation of a hepatocellular carcinoma in an arterial "
            "CT, and lets a reader accept or reject each. For research use only. See the "
            '<a href="https://github.com/HCCAssist/SlicerHCCAssist#readme">documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "Method: Lim S, Shin Y, Lee YH. Arterial enhancing local tumor progression detection on CT images using "
            "convolutional neural network after hepatocellular carcinoma ablation: a preliminary study. 2023."
        )


class HCCLTPDetectionWidget(InferenceModuleWidget):
    """The panel."""

    def setup(self):
        """Make the panel."""
        self.logic = HCCLTPDetectionLogic()
        InferenceModuleWidget.setup(self)


class HCCLTPDetectionLogic(InferenceModuleLogic):
    """The method's session in the scene."""

    RECIPE = "ltp"

    def method(self):
        """How the method presents itself in its panel."""
        from HCCAssistLib.panels.detection_columns import detection_columns
        from HCCAssistLib.panels.method import Method
        from HCCAssistLib.panels.nearest_cases import NearestCasesPart
        from HCCAssistLib.panels.readiness import Light

        zone = "post/ablation"
        regions = {
            "auto": _("liver where its segment is chosen, else all"),
            "volume": _("the whole scan"),
            "liver": _("the liver"),
            "ring": _("a ring around the ablation zone"),
        }

        def lights(places, options):
            if options["region"] == "ring" and zone not in places:
                yield Light("stop", _("A ring needs an ablation zone: choose its segment, or mark it with a point."))
            if options["region"] == "liver" and "post/liver" not in places:
                yield Light("stop", _("To search the liver alone, choose its segment."))

        return Method(
            recipe=self.recipe,
            inputs=tuple(one for one in self.recipe.inputs if one.name in ("arterial", "liver", "ablation")),
            verb=_("Detect"),
            columns=detection_columns,
            options={"stride": _("Search:"), "region": _("Where:"), "ring_mm": _("Ring width:")},
            choices={"region": regions},
            needs={"ring_mm": ("region", "ring")},
            absent={
                "post/liver": _("No liver segment: the whole scan is searched, with more false candidates."),
                zone: _("No ablation zone: distances to it are not told."),
            },
            added=(NearestCasesPart,),
            lights=lights,
        )


class HCCLTPDetectionTest(inference_module_test.InferenceModuleTest):
    """What Slicer runs by "Reload and Test" and in a build. A detection needs PyTorch; all else runs without."""

    LOGIC = HCCLTPDetectionLogic

    def setUp(self):
        """A scan to be searched."""
        super().setUp()
        from HCCAssistLib.scene.run_inputs import ChosenInputs

        self.chosen = ChosenInputs({"post/arterial": self.volume})

    def test_a_review_is_kept_in_the_scene(self):
        """Drawn at its place, filtered, accepted, undone, found again."""
        from HCCAssistLib.imaging.geometry import Box
        from HCCAssistLib.results.detection import Candidate, DetectionResult
        from HCCAssistLib.results.review import Verdict
        from HCCAssistLib.results.run_record import RunRecord
        from HCCAssistLib.scene.inputs import image_from_volume

        image, (r, a, s) = image_from_volume(self.volume), self.BALL_RAS
        box = Box((-r, -a, s), (20.0, 20.0, 20.0))
        rectangle = tuple(tuple(corner) for corner in box.corners()[:4])
        candidates = tuple(Candidate(n, box, p, 16, (13, 19), rectangle, 20.0) for n, p in ((1, 0.9), (2, 0.4)))
        run = RunRecord("ltp", {}, "none", (), {}, "cpu", {"post/arterial": image.digest()}, 1.0)
        review = self.logic.session.adopt(DetectionResult(candidates, 0.3, "a test", image.geometry, run), self.chosen)
        self.assertBoxAtBall(review)
        review.set_threshold(0.5)
        self.assertEqual([candidate.number for candidate in review.result.shown], [1])
        review.judge(1, Verdict.ACCEPTED, "test")
        review.judge(2, Verdict.REJECTED, "test")
        review.undo()
        found = self.restoredResult().candidates
        self.assertEqual([candidate.review.verdict.value for candidate in found], ["accepted", "pending"])

    def test_a_detection_in_the_worker(self):
        """An untrained network on a small volume, to the last event."""
        from HCCAssistLib.results.cutoff import CutOff

        cutoffs = {"patch": CutOff(0.5, "a test")}
        result = self.resultOfRun(self.chosen, {}, {"stride": "fast"}, cutoffs=cutoffs, default_cutoff="patch")
        if result:
            self.assertEqual(result.threshold, 0.5)
