"""Heat maps over volumes: foreground of the slice views, with their own colours and legend."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
from scipy.spatial import cKDTree
from vtk.util.numpy_support import vtk_to_numpy

from HCCAssistLib.imaging.geometry import Box, FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.scene.colors import heat_color_node
from HCCAssistLib.scene.inputs import geometry_of_volume
from HCCAssistLib.scene.records import composites
from HCCAssistLib.scene.volumes import volume_from_image

THRESHOLD = 0.3
"""Heat below it is transparent."""

NEAR_MM = 16.0
"""Within it the nearest finding is looked for first."""

SHOWN = "HCCAssist.shown"
"""Attribute of a heat map: the numbers of the findings whose heat is shown."""


def add_heatmap(heatmap: Image, name: str, scene: Any) -> Any:
    """A new volume node of heat 0 to 1; heat below ``THRESHOLD`` is transparent."""
    node = volume_from_image(heatmap, scene, name, Window(level=0.5, width=1.0))
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(heat_color_node(scene).GetID())
    display.SetInterpolate(True)
    display.SetAutoThreshold(False)
    display.SetThreshold(THRESHOLD, 1e6)
    display.SetApplyThreshold(True)
    return node


def heat_of(node: Any) -> Image:
    """The heat map of a node from ``add_heatmap``, with what is hidden."""
    grid = geometry_of_volume(node)
    scalars = node.GetImageData().GetPointData().GetScalars()
    return Image(np.abs(vtk_to_numpy(scalars)).reshape(grid.shape), grid)


@dataclass(frozen=True, eq=False, slots=True)
class HeatmapAssignment:
    """Which finding the heat of a map belongs to: the one nearest to it.

    Attributes:
        voxels: flat index of every voxel that is not cold.
        numbers: of the finding that each belongs to.
        heated: the numbers of the findings with heat to see in their boxes.
    """

    voxels: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]
    heated: frozenset[int]

    @classmethod
    def of(cls, node: Any, boxes: Mapping[int, Box]) -> HeatmapAssignment:
        """Assign the heat of a node from ``add_heatmap`` to findings by the boxes of their numbers, one at least."""
        grid: Geometry = geometry_of_volume(node)
        heat = vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())
        warm = np.flatnonzero(heat != 0)
        # millimetres along the grid's own axes: distances are the same, and nothing needs to be turned
        centers = grid.to_index([box.center for box in boxes.values()]) * grid.spacing
        nearest = _nearest(centers, warm, grid)
        order = np.argsort(nearest, kind="stable")
        ends = np.searchsorted(nearest[order], np.arange(len(boxes) + 1))
        heated = set()
        for at, (number, box) in enumerate(boxes.items()):
            own = warm[order[ends[at] : ends[at + 1]]]
            k, j, i = np.unravel_index(own[np.abs(heat[own]) >= THRESHOLD], grid.shape)
            if box.contains(grid.to_world(np.stack([i, j, k], axis=-1))).any():
                heated.add(number)
        return cls(warm, np.array(list(boxes), dtype=np.int64)[nearest], frozenset(heated))


def _nearest(centers: FloatArray, voxels: npt.NDArray[np.int64], grid: Geometry) -> npt.NDArray[np.int16]:
    """Which centre (mm along the grid's axes) is nearest to each voxel, given by its flat index.

    A tree would hold the reader up: most heat lies near its centre, where blocks of voxels are compared at once.
    """
    axes = [step * np.arange(size) for step, size in zip(grid.spacing, grid.size_ijk, strict=True)]
    closest = np.zeros(grid.shape, dtype=np.float32)  # zeros take no memory where nothing is written
    nearest = np.zeros(grid.shape, dtype=np.int16)
    for number, center in enumerate(centers, start=1):
        x, y, z = (
            slice(*np.searchsorted(axis, (place - NEAR_MM, place + NEAR_MM)))
            for axis, place in zip(axes, center, strict=True)
        )
        i, j, k = (
            np.square(axis[part] - place).astype(np.float32)
            for axis, part, place in zip(axes, (x, y, z), center, strict=True)
        )
        close = (np.float32(NEAR_MM**2) - k)[:, None, None] - j[:, None] - i
        nearer = close > closest[z, y, x]
        np.copyto(closest[z, y, x], close, where=nearer)
        np.copyto(nearest[z, y, x], number, where=nearer)
    found: npt.NDArray[np.int16] = nearest.ravel()[voxels] - np.int16(1)
    if len(far := np.flatnonzero(found < 0)):
        k, j, i = np.unravel_index(voxels[far], grid.shape)
        found[far] = cKDTree(centers).query(np.stack([i, j, k], axis=-1) * grid.spacing)[1]
    return found


def show_heat_of(node: Any, assignment: HeatmapAssignment, numbers: Collection[int]) -> None:
    """Show the heat of some findings, by their numbers, and hide the others': heat without a box misleads.

    What is hidden turns negative, so that it is transparent in every view and nothing is lost when the scene is saved.
    """
    shown = " ".join(map(str, sorted(numbers)))
    if node.GetAttribute(SHOWN) == shown:
        return
    node.SetAttribute(SHOWN, shown)
    scalars = node.GetImageData().GetPointData().GetScalars()
    heat = vtk_to_numpy(scalars)
    signs = np.where(np.isin(assignment.numbers, list(numbers)), 1, -1)
    heat[assignment.voxels] = signs * np.abs(heat[assignment.voxels])
    scalars.Modified()
    node.Modified()


def show_layer(volumes: Mapping[str, Any], heatmaps: Mapping[str, Any], scene: Any, *, opacity: float) -> None:
    """Lay heat maps over their volumes, in the slice views that show these; an opacity of 0 takes them away.

    What else lies over a volume, such as another method's heat, is only put aside by heat that is to be seen.
    """
    over = {volumes[place].GetID(): heatmap for place, heatmap in heatmaps.items() if place in volumes}
    ours = {heatmap.GetID() for heatmap in heatmaps.values()}
    for view in composites(scene):
        heatmap = over.get(view.GetBackgroundVolumeID()) if opacity > 0 else None
        if heatmap is not None:
            view.SetForegroundVolumeID(heatmap.GetID())
            view.SetForegroundOpacity(opacity)
            _add_legend(heatmap)
        elif view.GetForegroundVolumeID() in ours:
            view.SetForegroundVolumeID(None)
    for heatmap in heatmaps.values():
        legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(heatmap)
        if legend is not None:
            legend.SetVisibility(opacity > 0)


def _add_legend(heatmap: Any) -> None:
    """A legend beside a heat map, in the views that show it; made after it is shown, or Slicer does not draw it."""
    logic = slicer.vtkSlicerColorLogic
    if logic.GetColorLegendDisplayNode(heatmap) is not None:
        return
    legend = logic.AddDefaultColorLegendDisplayNode(heatmap)
    legend.SetTitleText("Grad-CAM")
    legend.SetNumberOfLabels(6)
    legend.SetLabelFormat("%.1f")
    legend.SetSize(0.05, 0.25)
    legend.SetPosition(0.98, 0.9)


def show_volumes(volumes: Sequence[Any], scene: Any) -> None:
    """Show the first of some volumes in all slice views, unless a view shows one of them already."""
    views = list(composites(scene))
    ids = [volume.GetID() for volume in volumes]
    if ids and not any(view.GetBackgroundVolumeID() in ids for view in views):
        for view in views:
            view.SetBackgroundVolumeID(ids[0])
