"""A heat map over the volume: foreground of the slice views, with its own colours and legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import slicer
from scipy.spatial import cKDTree
from vtk.util.numpy_support import vtk_to_numpy

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.findings import Candidate
from HCCAssistLib.scene.colors import heat_color_node
from HCCAssistLib.scene.inputs import geometry_of_volume
from HCCAssistLib.scene.volumes import volume_from_image

SHOWN = "HCCAssist.shown"
"""Attribute of a heat map: the numbers of the candidates whose heat is shown."""


def add_heatmap(heatmap: Image, name: str, scene: Any, *, threshold: float) -> Any:
    """A new volume node of heat 0 to 1; heat below the threshold is transparent."""
    node = volume_from_image(heatmap, scene, name)
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(heat_color_node(scene).GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetInterpolate(True)
    display.SetAutoThreshold(False)
    display.SetThreshold(threshold, 1e6)
    display.SetApplyThreshold(True)
    return node


def show_heat_of(node: Any, shown: Sequence[Candidate], candidates: Sequence[Candidate]) -> None:
    """Show the heat of some candidates only: heat without a box misleads.

    Heat belongs to the candidate nearest to it. What is hidden turns negative, so that it is transparent in every
    view and nothing is lost, whether the scene is saved or not.

    Args:
        node: from ``add_heatmap``.
        shown: those whose heat is to be seen.
        candidates: all of the result.
    """
    numbers = " ".join(str(candidate.number) for candidate in shown)
    if node.GetAttribute(SHOWN) == numbers or not candidates:
        return
    node.SetAttribute(SHOWN, numbers)
    data = node.GetImageData()
    scalars = data.GetPointData().GetScalars()
    heat = vtk_to_numpy(scalars)
    warm = np.flatnonzero(heat)
    places = geometry_of_volume(node).to_world(
        np.stack(np.unravel_index(warm, data.GetDimensions()[::-1])[::-1], axis=-1)
    )
    nearest = cKDTree([candidate.box.center for candidate in candidates]).query(places)[1]
    is_shown = np.isin([candidate.number for candidate in candidates], [candidate.number for candidate in shown])
    heat[warm] = np.where(is_shown[nearest], 1, -1) * np.abs(heat[warm])
    scalars.Modified()
    node.Modified()


def add_legend(heatmap: Any) -> None:
    """A legend beside a heat map, in the views that show it; made after it is shown, or Slicer overlooks it."""
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(heatmap)
    legend.SetTitleText("Grad-CAM")
    legend.SetNumberOfLabels(6)
    legend.SetLabelFormat("%.1f")
    legend.SetSize(0.05, 0.25)
    legend.SetPosition(0.98, 0.9)


def show_layers(volume: Any, heatmap: Any | None, scene: Any, *, opacity: float) -> None:
    """Show a volume with its heat map in every slice view that shows the volume, or in all where none does."""
    views = list(composites(scene))
    showing = [view for view in views if view.GetBackgroundVolumeID() == volume.GetID()]
    for view in showing or views:
        view.SetBackgroundVolumeID(volume.GetID())
        view.SetForegroundVolumeID(heatmap.GetID() if heatmap is not None else None)
        view.SetForegroundOpacity(opacity)


def composites(scene: Any) -> Iterator[Any]:
    """The nodes that say which volumes each slice view shows."""
    nodes = scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
    for index in range(nodes.GetNumberOfItems()):
        yield nodes.GetItemAsObject(index)
