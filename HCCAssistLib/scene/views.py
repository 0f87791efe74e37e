"""Off-screen views on slicer-core: what Slicer's Qt widgets add to its slice and 3-D logics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

SLICE_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
PNG_LEVEL = 2
"""A tenth larger than at VTK's 5, in half the time."""

SAMPLES = 8
"""Of each pixel, so that lines are smooth."""

THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLThreeDReformatDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)


class View:
    """A render window with Slicer's displayable managers in it.

    Attributes:
        window: the off-screen vtkRenderWindow.
        renderer: its main vtkRenderer.
    """

    def __init__(self, application_logic: Any, factory: Any, managers: tuple[str, ...], size: tuple[int, int]) -> None:
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.ShowWindowOff()
        self.window.SetOffScreenRendering(1)
        self.window.SetDPI(72)  # a point is a pixel, wherever the picture is made
        self.resize(size)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.Initialize()
        factory.SetMRMLApplicationLogic(application_logic)
        for name in managers:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.managers = slicer.vtkMRMLDisplayableManagerGroup()
        self.managers.SetRenderer(self.renderer)
        self.managers.Initialize(factory, self.renderer)

    def resize(self, size: tuple[int, int], samples: int = SAMPLES) -> None:
        """Draw from now on in a size in pixels, and with so many samples of each."""
        self.window.SetSize(*size)
        self.window.SetMultiSamples(samples)

    def picture(self) -> npt.NDArray[np.uint8]:
        """What the view shows now: ``(rows, columns, 3)``, first row on top."""
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.ShouldRerenderOff()  # it was just rendered
        grab.Update()
        columns, rows, _ = grab.GetOutput().GetDimensions()
        pixels = vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars())
        upright: npt.NDArray[np.uint8] = pixels.reshape(rows, columns, -1)[::-1].copy()
        return upright


class SliceView(View):
    """A slice view on a slice logic, with the image that Slicer draws through CTK's light box."""

    def __init__(self, application_logic: Any, logic: Any, size: tuple[int, int]) -> None:
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        super().__init__(application_logic, factory, SLICE_MANAGERS, size)
        self.logic = logic
        self.node = logic.GetSliceNode()
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self.renderer.SetBackground(0, 0, 0)
        overlay = vtk.vtkRenderer()  # the displayable managers draw on a layer of their own where there is one
        overlay.GetActiveCamera().ParallelProjectionOn()
        overlay.SetLayer(1)
        self.window.SetNumberOfLayers(2)
        self.window.AddRenderer(overlay)
        self.window.SetAlphaBitPlanes(1)
        self._image_mapper = vtk.vtkImageMapper()
        self._image_mapper.SetColorWindow(255)
        self._image_mapper.SetColorLevel(127.5)
        self._image = vtk.vtkActor2D()
        self._image.SetMapper(self._image_mapper)
        self._image.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(self._image)
        logic.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._show_image())
        self._style = slicer.vtkMRMLSliceViewInteractorStyle()
        self._style.SetSliceLogic(logic)
        self._style.SetDisplayableManagers(self.managers)
        self.managers.SetMRMLDisplayableNode(self.node)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self._style.SetInteractor(self.interactor)
        logic.ResizeSliceNode(*size)
        self._show_image()

    def close(self) -> None:
        """Show nothing any more."""
        self.managers.SetMRMLDisplayableNode(None)
        self._style.SetInteractor(None)
        self._style.SetSliceLogic(None)
        self.window.Finalize()

    def _show_image(self) -> None:
        connection = self.logic.GetImageDataConnection()
        self._image_mapper.SetInputConnection(connection)
        self._image.SetVisibility(connection is not None)


class ThreeDView(View):
    """A 3-D view on a view node."""

    def __init__(self, application_logic: Any, node: Any, size: tuple[int, int]) -> None:
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        super().__init__(application_logic, factory, THREE_D_MANAGERS, size)
        self.node = node
        self._style = slicer.vtkMRMLThreeDViewInteractorStyle()
        self._style.SetDisplayableManagers(self.managers)
        self._style.SetInteractor(self.interactor)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyle3D())
        self.managers.SetMRMLDisplayableNode(self.node)


def write_png(picture: npt.NDArray[np.uint8], path: Path) -> None:
    """Write a picture ``(rows, columns, 3)`` as PNG, whole or not at all."""
    from vtk.util.numpy_support import numpy_to_vtk

    from HCCAssistLib.files import atomic_file

    rows, columns, components = picture.shape
    image = vtk.vtkImageData()
    image.SetDimensions(columns, rows, 1)
    image.GetPointData().SetScalars(numpy_to_vtk(picture[::-1].reshape(-1, components).copy(), deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetInputData(image)
    writer.WriteToMemoryOn()
    writer.SetCompressionLevel(PNG_LEVEL)
    writer.Write()
    with atomic_file(path) as part:
        part.write_bytes(bytes(vtk_to_numpy(writer.GetResult())))
