"""Slicer's scene without the Slicer application, on the slicer-core package: nodes, logics and off-screen views."""

from __future__ import annotations

import sys
import tempfile
import types
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.scene.hierarchy import keep_subject_hierarchy
from HCCAssistLib.scene.mrb import load_mrb
from HCCAssistLib.scene.rendering import in_slicer, rendering_available

if TYPE_CHECKING:
    from HCCAssistLib.scene.views import SliceView, ThreeDView

SLICES = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
"""Slicer's own slice views, so that a saved scene shows the same in the application."""

MODULES = {
    "Volumes": "vtkSlicerVolumesLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
}


class Host:
    """One scene with the logics that Slicer's application gives it. Get it from ``off_screen_host``.

    Attributes:
        scene: the vtkMRMLScene, also ``slicer.mrmlScene``.
        application_logic: the vtkSlicerApplicationLogic.
        logics: module logics by the module's name, also under ``slicer.modules``.
        slice_logics: vtkMRMLSliceLogic by view: Red (axial), Yellow (sagittal), Green (coronal).
    """

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="hccassist-scene-")
        self.scene = slicer.vtkMRMLScene()
        self.application_logic = slicer.vtkSlicerApplicationLogic()
        self.application_logic.SetTemporaryPath(self._temporary.name)
        # The wheel brings none of Slicer's colour files; an empty folder keeps the logics from complaining.
        (Path(self._temporary.name) / "share" / "ColorFiles").mkdir(parents=True)
        self.application_logic.SetHomeDirectory(self._temporary.name)
        self.application_logic.SetShareDirectory("share")
        # The colours come before all others: volumes that load without them render black.
        self.logics: dict[str, Any] = {"Colors": slicer.vtkSlicerColorLogic()}
        self.logics["Colors"].SetMRMLApplicationLogic(self.application_logic)
        self.application_logic.SetColorLogic(self.logics["Colors"])
        self.application_logic.SetMRMLScene(self.scene)
        self.logics["Colors"].SetMRMLScene(self.scene)
        self.application_logic.SetModuleLogic("Colors", self.logics["Colors"])
        self.application_logic.SetSliceLogics(vtk.vtkCollection())
        self.application_logic.SetViewLogics(vtk.vtkCollection())
        for name, class_name in MODULES.items():
            logic = getattr(slicer, class_name)()
            logic.SetMRMLApplicationLogic(self.application_logic)
            logic.SetMRMLScene(self.scene)
            self.application_logic.SetModuleLogic(name, logic)
            self.logics[name] = logic
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self._publish()
        keep_subject_hierarchy(self.scene)
        self._add_file_cache()
        self.slice_logics = {name: self._slice_logic(name, orientation) for name, orientation in SLICES.items()}
        self._view_logic = slicer.vtkMRMLViewLogic()
        self._view_logic.SetMRMLApplicationLogic(self.application_logic)
        self.application_logic.GetViewLogics().AddItem(self._view_logic)
        self._view_logic.SetMRMLScene(self.scene)
        self._view_node = self._view_logic.AddViewNode("1")  # the logic forgets it when the scene is emptied
        self._view_node.SetMappedInLayout(1)
        self._slice_views: dict[str, SliceView] = {}
        self._three_d_view: ThreeDView | None = None

    def clear(self) -> None:
        """Empty the scene; the views stay."""
        self.scene.Clear(False)

    def load(self, path: Path) -> None:
        """Add the content of an ``.mrb`` file to the scene; its views show what they showed when it was saved.

        Raises:
            InputError: not a scene, damaged, or with members that would leave its folder.
        """
        load_mrb(self.scene, path)
        for view in self._slice_views.values():
            view.logic.ResizeSliceNode(*view.window.GetSize())
            view.node.Modified()  # without it the outlines of segments are missing

    def slice_view(self, name: str = "Red", size: tuple[int, int] = (768, 768)) -> SliceView:
        """The view Red, Yellow or Green, or a further axial one of any other name, of a size in pixels.

        Raises:
            HCCAssistError: pictures cannot be made on this machine.
        """
        self._check_rendering()
        from HCCAssistLib.scene.views import SliceView

        if name not in self.slice_logics:
            self.slice_logics[name] = self._slice_logic(name, "Axial")
        if name not in self._slice_views:
            self._slice_views[name] = SliceView(self.application_logic, self.slice_logics[name], size)
        view = self._slice_views[name]
        view.resize(size)
        view.logic.ResizeSliceNode(*size)
        return view

    def drop_slice_view(self, name: str) -> None:
        """Take a further view out of the scene: the time that each node takes grows with the square of their number."""
        view, logic = self._slice_views.pop(name), self.slice_logics.pop(name)
        node, composite, display = logic.GetSliceNode(), logic.GetSliceCompositeNode(), logic.GetSliceDisplayNode()
        nodes = (node, composite, display, logic.GetSliceModelNode(), logic.GetSliceModelTransformNode())
        view.close()
        self.application_logic.GetSliceLogics().RemoveItem(logic)
        logic.SetMRMLScene(None)
        for own in nodes:
            self.scene.RemoveNode(own)

    def three_d_view(self, size: tuple[int, int] = (768, 768)) -> ThreeDView:
        """The 3-D view, of a size in pixels.

        Raises:
            HCCAssistError: pictures cannot be made on this machine.
        """
        self._check_rendering()
        from HCCAssistLib.scene.views import ThreeDView

        if self._three_d_view is None:
            self._three_d_view = ThreeDView(self.application_logic, self._view_node, size)
        self._three_d_view.resize(size)
        return self._three_d_view

    def _check_rendering(self) -> None:
        problem = rendering_available()
        if problem is not None:
            raise HCCAssistError(str(problem))

    def _slice_logic(self, name: str, orientation: str) -> Any:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(self.application_logic)
        self.application_logic.GetSliceLogics().AddItem(logic)
        logic.SetMRMLScene(self.scene)
        node = logic.AddSliceNode(name)
        node.SetOrientation(orientation)
        node.SetMappedInLayout(1)
        return logic

    def _publish(self) -> None:
        """Give Slicer's Python helpers (slicer.util) the names that the application defines."""
        modules = types.ModuleType("slicer.modules")
        for name, logic in self.logics.items():
            setattr(modules, name.lower(), types.SimpleNamespace(name=name, logic=lambda logic=logic: logic))
        sys.modules["slicer.modules"] = modules
        slicer.modules = modules
        slicer.mrmlScene = self.scene
        slicer.app = types.SimpleNamespace(
            applicationLogic=lambda: self.application_logic, mrmlScene=lambda: self.scene
        )

    def _add_file_cache(self) -> None:
        """Readers of a saved scene ask for a cache; its folder goes with the process."""
        self._remote = slicer.vtkMRMLRemoteIOLogic()
        self._remote.SetMRMLScene(self.scene)
        self._remote.SetMRMLApplicationLogic(self.application_logic)
        cache_folder = Path(self._temporary.name) / "cache"
        cache_folder.mkdir()
        (cache_folder / ".slicer-cache").touch()  # Slicer's mark that the folder may be emptied
        self._remote.GetCacheManager().SetRemoteCacheDirectory(str(cache_folder))
        self._data_io = slicer.vtkDataIOManagerLogic()
        self._data_io.SetMRMLScene(self.scene)
        self._data_io.SetMRMLApplicationLogic(self.application_logic)
        self._data_io.SetAndObserveDataIOManager(self._remote.GetDataIOManager())
        self._remote.AddDataIOToScene()


@cache
def off_screen_host() -> Host:
    """The host of this process: slicer-core keeps global state, so there is one.

    Raises:
        HCCAssistError: inside the Slicer application, which is a host itself.
    """
    if in_slicer():
        raise HCCAssistError("the off-screen scene is for use outside Slicer; inside, use the application's own scene")
    rendering_available()  # names the off-screen window that works before VTK opens its first one
    return Host()
