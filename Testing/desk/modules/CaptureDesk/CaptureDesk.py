"""The parts that capture cases and show a cohort in a module of their own, for the tests of these parts."""

from __future__ import annotations

import qt
import slicer
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class CaptureDesk(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "Capture desk"
        self.parent.categories = ["Examples"]


class CaptureDeskLogic(ScriptedLoadableModuleLogic):
    pass


class CaptureDeskWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self):
        from HCCAssistLib.panels.capture import Capture
        from HCCAssistLib.panels.cohort_browser import CohortBrowser
        from HCCAssistLib.panels.cohort_choice import CohortChoice
        from HCCAssistLib.panels.ui_files import merged
        from HCCAssistLib.recipes.registry import RECIPES

        ScriptedLoadableModuleWidget.setup(self)
        self.logic = CaptureDeskLogic()
        self._timer = qt.QTimer(self.parent)
        self._timer.setInterval(20)
        self._timer.connect("timeout()", self.onPoll)
        settings = slicer.app.settings()
        self.choice = CohortChoice(
            self.layout, recipes=tuple(RECIPES.values()), settings=settings, on_changed=self.onChanged
        )
        self.capture = Capture(
            self.layout, choice=self.choice, settings=settings, wake=self._timer.start, on_added=self.onChanged
        )
        self.browser = CohortBrowser(self.layout, choice=self.choice, wake=self._timer.start, on_opened=self.onOpened)
        self.ui = merged(self.choice.ui, self.capture.ui, self.browser.ui)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)

    def cleanup(self):
        self._timer.stop()
        self.capture.close()
        self.browser.close()
        self.removeObservers()

    def enter(self):
        self.capture.bind(self.logic.getParameterNode())
        self.browser.refresh()

    def exit(self):
        self.capture.bind(None)

    def onSceneStartClose(self, caller, event):
        self.capture.bind(None)
        self.browser.forget()

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.enter()

    def onChanged(self):
        self.capture.refresh()
        self.browser.refresh()

    def onOpened(self, case, marked):
        self.capture.show_case(case, marked=marked)

    def onPoll(self):
        if not any([self.capture.poll(), self.browser.poll()]):
            self._timer.stop()
