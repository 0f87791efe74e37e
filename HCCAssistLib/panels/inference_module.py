"""What the modules share that run one method: the widget, the logic, the parameters of the scene.

A module file imports this when Slicer starts, so everything that loads numpy is imported where it is used.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import slicer
import vtk
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic, ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

if TYPE_CHECKING:
    from HCCAssistLib.models.store import ModelStore
    from HCCAssistLib.panels.method import Method
    from HCCAssistLib.scene.run import Executor


@parameterNodeWrapper
class InferenceParameterNode:
    """What of a result is shown; the inputs and the options of a run are kept beside it by their own parts."""

    showBoxes: bool = True
    showHeat: bool = False
    opacity: Annotated[float, WithinRange(0, 1)] = 0.6


class InferenceModuleLogic(ScriptedLoadableModuleLogic):
    """A method's session in the scene.

    A module's own logic names the recipe in ``RECIPE``, and says in ``method`` how that presents itself.

    Args:
        executor: runs predictions; a worker on this computer where None is given.
        store: of installed models; the person's own where None is given.
    """

    RECIPE: str

    def __init__(self, executor: Executor | None = None, store: ModelStore | None = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        from HCCAssistLib.jobs.local import LocalExecutor
        from HCCAssistLib.models.store import ModelStore, default_store
        from HCCAssistLib.recipes.registry import get_recipe
        from HCCAssistLib.scene.session import Session

        self.recipe = get_recipe(self.RECIPE)
        self.executor = executor or LocalExecutor(python=shutil.which("PythonSlicer") or sys.executable)
        self.store = store or ModelStore(default_store())
        self.session = Session(self.recipe, self.executor)

    def getParameterNode(self) -> Any:
        """The scene's parameters, an ``InferenceParameterNode``."""
        wrapper: Any = InferenceParameterNode
        return wrapper(super().getParameterNode())

    def method(self) -> Method:
        """How the method presents itself in its panel."""
        raise NotImplementedError(f"{type(self).__name__}.method")


class InferenceModuleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel of a module: the parts that all methods share, told what this method needs.

    A module's own widget makes its logic in ``setup``, then calls this one's.

    Attributes:
        logic: of the method that is shown.
        panel: its panel.
        panels: one for each method of the module; most modules have one.
        pages: the widgets that hold them.
    """

    logic: InferenceModuleLogic

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panel: Any = None
        self.panels: list[Any] = []
        self.pages: list[Any] = []
        self._parameterNode: Any = None
        self._guiTag: Any = None

    def setup(self) -> None:
        """Make the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        self.panel = self.makePanel(self.logic)
        self.ui = self.panel.ui
        self.observeScene()
        self.initializeParameterNode()

    def makePanel(self, logic: InferenceModuleLogic) -> Any:
        """The panel of a method below what is there, in sections of the module's own .ui file."""
        from HCCAssistLib.panels.inference import InferencePanel

        uiWidget = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        panel = InferencePanel(
            slicer.util.childWidgetVariables(uiWidget),
            method=logic.method(),
            session=logic.session,
            store=logic.store,
            window=slicer.util.mainWindow() or uiWidget,
            settings=slicer.app.settings(),
        )
        self.panels.append(panel)
        self.pages.append(uiWidget)
        return panel

    def observeScene(self) -> None:
        """Follow the scene from now on."""
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartImport)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneReady)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self.addObserver(scene, event, self.onNodes)

    def cleanup(self) -> None:
        """The panel goes: so do its observers and its worker."""
        self.setParameterNode(None)
        self.removeObservers()
        for panel in self.panels:
            panel.close()

    def enter(self) -> None:
        """The reader opens the module."""
        self.panel.enter()
        self.initializeParameterNode()

    def exit(self) -> None:
        """The reader opens another module; a run goes on."""
        self.setParameterNode(None)
        self.panel.leave()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """The scene closes: nothing of it is used any more."""
        self.setParameterNode(None)
        for panel in self.panels:
            panel.forget()

    def onSceneStartImport(self, caller: Any, event: Any) -> None:
        """A saved scene is loaded: what it says of the inputs is not overwritten by what is chosen now."""
        self.setParameterNode(None)

    def onSceneReady(self, caller: Any, event: Any) -> None:
        """The scene is empty now, or a saved one was loaded, with a review perhaps."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onNodes(self, caller: Any, event: Any) -> None:
        """Nodes came or went, some of them removed by the user."""
        self.panel.scene_changed()

    def initializeParameterNode(self) -> None:
        """Take up the scene's parameters and results."""
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, node: Any) -> None:
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

    def onParameters(self, caller: Any = None, event: Any = None) -> None:
        """The reader shows or hides something."""
        p = self._parameterNode
        self.panel.display(boxes=p.showBoxes, heat=p.showHeat, opacity=p.opacity)
