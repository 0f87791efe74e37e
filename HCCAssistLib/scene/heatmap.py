"""A heat map over the volume: foreground of the slice views, with its own colours and legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
from scipy.spatial import cKDTree
from vtk.util.numpy_support import vtk_to_numpy

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.results.detection import Candidate
from HCCAssistLib.scene.colors import heat_color_node
from HCCAssistLib.scene.inputs import geometry_of_volume
from HCCAssistLib.scene.volumes import volume_from_image

SHOWN = "HCCAssist.shown"
"""Attribute of a heat map: the numbers of the candidates whose heat is shown."""


def add_heatmap(heatmap: Image, name: str, scene: Any, *, threshold: float) -> Any:
    """A new volume node of heat 0 to 1; heat below the threshold is transparent."""
    node = volume_from_image(heatmap, scene, name, Window(level=0.5, width=1.0))
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(heat_color_node(scene).GetID())
    display.SetInterpolate(True)
    display.SetAutoThreshold(False)
    display.SetThreshold(threshold, 1e6)
    display.SetApplyThreshold(True)
    return node


@dataclass(frozen=True, eq=False, slots=True)
class HeatOwners:
    """Which candidate the heat of a map belongs to: the one nearest to it.

    Attributes:
        voxels: flat index of every voxel that is not cold.
        numbers: of the candidate that each belongs to.
    """

    voxels: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]

    @classmethod
    def of(cls, node: Any, candidates: Sequence[Candidate]) -> HeatOwners:
        """Find the owners in a node from ``add_heatmap``; there is at least one candidate."""
        data = node.GetImageData()
        warm = np.flatnonzero(vtk_to_numpy(data.GetPointData().GetScalars()))
        k, j, i = np.unravel_index(warm, data.GetDimensions()[::-1])
        grid = geometry_of_volume(node)
        centers = grid.to_index([candidate.box.center for candidate in candidates])
        # millimetres along the grid's own axes: distances are the same, and nothing needs to be turned
        places = np.stack([i, j, k], axis=-1) * grid.spacing
        nearest = cKDTree(centers * grid.spacing).query(places)[1]
        return cls(warm, np.array([candidate.number for candidate in candidates])[nearest])


def show_heat_of(node: Any, owners: HeatOwners, numbers: Sequence[int]) -> None:
    """Show the heat of some candidates, by their numbers, and hide the others': heat without a box misleads.

    What is hidden turns negative, so that it is transparent in every view and nothing is lost when the scene is saved.
    """
    shown = " ".join(map(str, sorted(numbers)))
    if node.GetAttribute(SHOWN) == shown:
        return
    node.SetAttribute(SHOWN, shown)
    scalars = node.GetImageData().GetPointData().GetScalars()
    heat = vtk_to_numpy(scalars)
    heat[owners.voxels] = np.where(np.isin(owners.numbers, numbers), 1, -1) * np.abs(heat[owners.voxels])
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
