"""Heat maps over volumes: foreground of the slice views, with their own colours and legend."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
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

SOME = 64
"""Of so many voxels one is looked at before all are."""

SHOWN, HEATED = "HCCAssist.shown", "HCCAssist.heated"
"""Attributes of a heat map: the numbers of the findings whose heat is shown, and of those that have any to see."""

Owned = tuple[Mapping[int, npt.NDArray[np.int64]], frozenset[int]]

_THREAD = ThreadPoolExecutor(max_workers=1)


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


class HeatmapAssignment:
    """Which finding the heat of a map belongs to: the one nearest to it.

    It is found out in a thread, since a large map would hold the reader up; who asks before it is known waits.

    Args:
        owned: what the thread finds, as ``_owned`` returns it.
        heated: the numbers of the findings with heat in their boxes, where that is known already.
    """

    def __init__(self, owned: Future[Owned], heated: frozenset[int] | None = None) -> None:
        self._owned, self._heated = owned, heated

    @classmethod
    def of(cls, node: Any, boxes: Mapping[int, Box]) -> HeatmapAssignment:
        """Assign the heat of a node from ``add_heatmap`` to findings by the boxes of their numbers, one at least."""
        grid: Geometry = geometry_of_volume(node)
        heat = vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())
        known = node.GetAttribute(HEATED)
        heated = None if known is None else frozenset(int(number) for number in known.split() if number.isdigit())
        return cls(_THREAD.submit(_owned, heat.reshape(grid.shape), grid, dict(boxes)), heated)

    @property
    def voxels(self) -> Mapping[int, npt.NDArray[np.int64]]:
        """Flat indices of the voxels that belong to each finding, by its number; none of those that are cold."""
        return self._owned.result()[0]

    @property
    def heated(self) -> frozenset[int]:
        """The numbers of the findings with heat to see in their boxes."""
        return self._owned.result()[1] if self._heated is None else self._heated

    def keep_in(self, node: Any) -> None:
        """Let the node of the map tell which findings have heat, so that nobody waits when it is found again."""
        node.SetAttribute(HEATED, " ".join(map(str, sorted(self.heated))))


def _owned(heat: npt.NDArray[Any], grid: Geometry, boxes: Mapping[int, Box]) -> Owned:
    """The voxels of each finding and the numbers of those with heat to see; ``heat`` may be negative."""
    warm = np.flatnonzero(heat != 0)  # of truth values it is quicker
    # millimetres along the grid's own axes: distances are the same, and nothing needs to be turned
    centers = grid.to_index([box.center for box in boxes.values()]) * grid.spacing
    nearest = _nearest(centers, warm, grid)
    owner = nearest.ravel()[warm]
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(1, len(boxes) + 2))
    voxels = {number: warm[order[ends[at] : ends[at + 1]]] for at, number in enumerate(boxes)}
    numbered = enumerate(boxes.items(), start=1)
    return voxels, frozenset(n for at, (n, box) in numbered if _is_heated(box, heat, nearest, at, grid))


def _is_heated(box: Box, heat: npt.NDArray[Any], nearest: npt.NDArray[np.int16], at: int, grid: Geometry) -> bool:
    """Whether a box holds heat to see that is nearest to its own centre, which has the number ``at`` in ``nearest``."""
    corners = grid.to_index(box.corners())
    low, high = np.maximum((np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) + 1), 0).astype(int)
    i, j, k = map(slice, low, high)
    own = (np.abs(heat[k, j, i]) >= THRESHOLD) & (nearest[k, j, i] == at)
    found = np.flatnonzero(own)
    for some in (found[::SOME], found):  # most of them lie in the box
        index = np.stack(np.unravel_index(some, own.shape)[::-1], axis=-1) + low
        if box.contains(grid.to_world(index)).any():
            return True
    return False


def _nearest(centers: FloatArray, voxels: npt.NDArray[np.int64], grid: Geometry) -> npt.NDArray[np.int16]:
    """Which centre (mm along the grid's axes) is nearest to each voxel, counted from 1: an array of the grid's shape.

    Of voxels that are not given (by their flat indices) and far from all centres it is 0.

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
    if len(far := voxels[nearest.ravel()[voxels] == 0]):
        from scipy.spatial import cKDTree  # in the thread: nobody waits for it when the panel opens

        k, j, i = np.unravel_index(far, grid.shape)
        nearest.ravel()[far] = cKDTree(centers).query(np.stack([i, j, k], axis=-1) * grid.spacing)[1] + 1
    return nearest


def show_heat_of(node: Any, assignment: HeatmapAssignment, numbers: Collection[int]) -> None:
    """Show the heat of some findings, by their numbers, and hide the others': heat without a box misleads.

    What is hidden turns negative, so that it is transparent in every view and nothing is lost when the scene is saved.
    """
    shown = " ".join(map(str, sorted(numbers)))
    before = node.GetAttribute(SHOWN)
    if before == shown:
        return
    node.SetAttribute(SHOWN, shown)
    was_shown = set(assignment.voxels) if before is None else {int(number) for number in before.split()}
    scalars = node.GetImageData().GetPointData().GetScalars()
    heat = vtk_to_numpy(scalars)
    for number, voxels in assignment.voxels.items():
        if (number in numbers) != (number in was_shown):
            heat[voxels] = np.abs(heat[voxels]) * (1 if number in numbers else -1)
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
