"""The panel of a module with several methods: one of them is shown, each has a session and parameters of its own."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget

from HCCAssistLib.panels.inference_module import InferenceModuleLogic, InferenceModuleWidget


class MethodsModuleWidget(InferenceModuleWidget):
    """A chooser, and below it the panel of the method that is chosen.

    A module's own widget makes its logics in ``setup``, then calls this one's.

    Attributes:
        logics: of the methods.
        chooser: shows which one is chosen, and why.
    """

    logics: tuple[InferenceModuleLogic, ...]

    def setup(self) -> None:
        """Make the chooser and the panels; those that are not shown take no room."""
        import qt

        from HCCAssistLib.panels.method_chooser import MethodChooser

        ScriptedLoadableModuleWidget.setup(self)
        self._later = qt.QTimer(self.parent)  # what is added is looked at when it holds its images
        self._later.setSingleShot(True)
        self._later.connect("timeout()", self._loadedScansChanged)
        recipes = [logic.recipe for logic in self.logics]
        self.chooser = MethodChooser(self.layout, recipes=recipes, on_chosen=self.onMethodChosen)
        for logic in self.logics:
            self.makePanel(logic)
        self._turnTo(0)
        self.observeScene()
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """The panels go, with their observers and workers."""
        self._later.stop()
        InferenceModuleWidget.cleanup(self)

    def onMethodChosen(self, recipeId: str) -> None:
        """The reader chooses a method by hand, which the scene keeps."""
        from HCCAssistLib.panels.method_chooser import KEPT

        self._kept().SetParameter(KEPT, recipeId)
        self.initializeParameterNode()

    def onNodes(self, caller: Any, event: Any) -> None:
        """Nodes came or went, some of them removed by the user."""
        InferenceModuleWidget.onNodes(self, caller, event)
        self._later.start(0)

    def initializeParameterNode(self) -> None:
        """Turn to the method that the scene asks for, and take up its parameters and results."""
        self._chooseMethod()
        InferenceModuleWidget.initializeParameterNode(self)

    def _loadedScansChanged(self) -> None:
        if self._parameterNode is not None and self._chooseMethod():
            InferenceModuleWidget.initializeParameterNode(self)

    def _chooseMethod(self) -> bool:
        """Whether another method is shown now; none takes the place of one that runs, or whose result is seen."""
        from HCCAssistLib.panels.method_chooser import KEPT, method_for

        ids = [logic.recipe.id for logic in self.logics]
        kept = self._kept().GetParameter(KEPT)
        found, reason = method_for([logic.recipe for logic in self.logics], slicer.mrmlScene, kept)
        session, before = self.logic.session, ids.index(self.logic.recipe.id)
        busy = not kept and (session.running or session.current is not None)
        chosen = before if busy or not found else ids.index(found)
        if not (busy and found != ids[before]):
            self.chooser.show(ids[chosen], reason, asks=not found)
        if chosen == before:
            return False
        self._turnTo(chosen)
        return True

    def _turnTo(self, index: int) -> None:
        if self.panel is not None:
            self.setParameterNode(None)
            self.logic.session.choose(None)  # what it drew is not for the other method
            if self.parent.isEntered:
                self.panel.leave()
        self.logic, self.panel = self.logics[index], self.panels[index]
        self.ui = self.panel.ui
        for number, page in enumerate(self.pages):
            page.visible = number == index
        if self.parent.isEntered:
            self.panel.enter()

    def _kept(self) -> Any:
        """What the scene keeps of the choice."""
        return self.logics[0].getParameterNode().parameterNode
