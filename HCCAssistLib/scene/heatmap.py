"""A heat map over the volume: foreground of the slice views, with its own colours and legend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import slicer

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.scene.colors import heat_color_node
from HCCAssistLib.scene.volumes import volume_from_image


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
