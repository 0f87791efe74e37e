"""The numbers beside the boxes: in every slice view at each box that it cuts, in 3-D where they do not overlap.

Each view has a point list of its own, with a point per finding. They belong to the record of the result, so they are
saved and removed with it. ``LabelKeeper`` moves them while a reader scrolls.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import vtk

from HCCAssistLib.imaging.geometry import Box, FloatArray
from HCCAssistLib.scene.boxes import hide_glyphs, paint
from HCCAssistLib.scene.colors import LABEL
from HCCAssistLib.scene.presenters.presenter import Label
from HCCAssistLib.scene.records import add_drawn, drawn_nodes
from HCCAssistLib.scene.transforms import from_vtk, lps_to_ras

PART = "labels"

VIEW = "HCCAssist.view"
"""Attribute of a list of labels: the id of its slice view, or ``SPACE`` for the 3-D views."""

SPACE = "3-D"

TEXT_SCALE = 4.0

LABEL_SIZE = (0.14, 0.04)
"""Width and height that a text needs in a 3-D view, as parts of the view's height."""

SAME_PLACE_MM = 1e-3
"""A number that moves by less stays: views take milliseconds for each that is touched."""

EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1]
"""Pairs of a box's corners, as ``Box.corners`` orders them."""


def add_label_lists(record: Any, scene: Any) -> Iterator[str]:
    """Make the lists of those views that have none yet, one at a time; gives the view of each for ``place_labels``."""
    there = {node.GetAttribute(VIEW) for node in drawn_nodes(record, PART)}
    for view in [SPACE, *(node.GetID() for node in slice_nodes(scene))]:
        if view not in there:
            add_drawn(record, PART, _new_list(f"{record.GetName().split()[0]} numbers", view, scene))
            yield view


def place_labels(record: Any, labels: Sequence[Label], chosen: int | None, scene: Any, *, view: str = "") -> None:
    """Write the numbers into the views as these are now.

    Args:
        record: of the result.
        labels: of the boxes that are shown, the most important one first; the others get none.
        chosen: the one that 3-D views show first.
        scene: of the views.
        view: id of the slice view that changed, or ``SPACE``; all where it is empty.
    """
    for node in drawn_nodes(record, PART):
        of = node.GetAttribute(VIEW)
        slice_node = scene.GetNodeByID(of)
        if view in ("", of) and of == SPACE:
            readable = readable_in_space(labels, chosen, camera_of(scene))
            _show(node, [(label, corner_in_space(label.box)) for label in readable])
        elif view in ("", of) and slice_node is not None:
            _show(node, _in_section(labels, slice_node))


def _in_section(labels: Sequence[Label], slice_node: Any) -> list[tuple[Label, FloatArray]]:
    if not labels:
        return []
    to_ras = from_vtk(slice_node.GetSliceToRAS())
    # what a view does not cut is passed over at once: this is asked for at every turn of the mouse wheel
    z = (np.stack([_corners(label.box) for label in labels]) - to_ras[:3, 3]) @ to_ras[:3, 2]
    cut = (z.min(axis=1) <= 0) & (z.max(axis=1) >= 0)
    found = ((label, section_corner(label.box, to_ras)) for label, there in zip(labels, cut, strict=True) if there)
    return [(label, place) for label, place in found if place is not None]


def section_corner(box: Box, slice_to_ras: npt.NDArray[np.float64]) -> FloatArray | None:
    """RAS of the upper right corner of a box's section by a slice, None where the slice does not cut it.

    Args:
        box: LPS mm.
        slice_to_ras: of the slice view, 4x4: x to its right, y upwards, z towards the reader.
    """
    local = (_corners(box) - slice_to_ras[:3, 3]) @ slice_to_ras[:3, :3]
    z = local[:, 2]
    if z.min() > 0 or z.max() < 0:
        return None
    crossing = [local[a] + (local[b] - local[a]) * (z[a] / (z[a] - z[b])) for a, b in EDGES if z[a] * z[b] < 0]
    points = np.array([*crossing, *local[z == 0]])
    best = points[np.argmax(points[:, 0] + points[:, 1])]
    place: FloatArray = slice_to_ras[:3, :3] @ best + slice_to_ras[:3, 3]
    return place


@lru_cache(maxsize=1000)
def _corners(box: Box) -> FloatArray:
    """The corners of a box in RAS."""
    return lps_to_ras(box.corners())


@lru_cache(maxsize=1000)
def corner_in_space(box: Box) -> FloatArray:
    """RAS of the corner at the patient's upper left in an axial picture, at the height of the box's middle."""
    axes = np.array(box.axes)
    arms = axes * np.array(box.size)[:, None] / 2
    in_plane = np.argsort(np.abs(axes[:, 2]))[:2]
    to_left_anterior = np.array([1.0, -1.0, 0.0])
    steps = [arm * (1 if arm @ to_left_anterior > 0 else -1) for arm in arms[in_plane]]
    return lps_to_ras(np.array(box.center) + np.sum(steps, axis=0))


def readable_in_space(labels: Sequence[Label], chosen: int | None, camera: Any | None) -> list[Label]:
    """Those that can be read in a 3-D view: the chosen one, then each that covers none of those before it."""
    if not labels:
        return []
    ordered = sorted(labels, key=lambda one: one.number != chosen)  # the order is kept but for the chosen one
    places = np.array([corner_in_space(label.box) for label in ordered]) @ _screen(camera).T / LABEL_SIZE
    readable: list[int] = []
    for index, place in enumerate(places):
        if (np.abs(places[readable] - place).max(axis=1, initial=0) >= 1).all():
            readable.append(index)
    return [ordered[index] for index in readable]


def _screen(camera: Any | None) -> FloatArray:
    """Right and up of a camera's picture in RAS, as rows, in parts of its height per millimetre."""
    if camera is None:  # as Slicer looks at first: from in front, half a metre high
        return np.array([[-1.0, 0, 0], [0, 0, 1.0]]) / 500
    position, focus, up = (
        np.array(vector) for vector in (camera.GetPosition(), camera.GetFocalPoint(), camera.GetViewUp())
    )
    away = focus - position
    distance = max(float(np.linalg.norm(away)), 1e-6)
    if camera.GetParallelProjection():
        height = 2 * camera.GetParallelScale()
    else:
        height = 2 * distance * np.tan(np.radians(camera.GetViewAngle()) / 2)
    right = np.cross(away / distance, up)
    right = right / max(float(np.linalg.norm(right)), 1e-6)
    return np.array([right, np.cross(right, away / distance)]) / max(float(height), 1e-6)


class LabelKeeper:
    """Keeps the numbers of one result where they belong while a reader scrolls and turns. ``close`` it at the end."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._record: Any = None
        self._labels: Sequence[Label] = ()
        self._chosen: int | None = None
        self._observed: list[tuple[Any, int]] = []
        self._waiting = False

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Write the numbers once at the end, however often the views and what they show change before."""
        before, self._waiting = self._waiting, True
        try:
            yield
        finally:
            self._waiting = before
            self._place()

    def keep(self, record: Any | None, labels: Sequence[Label] = (), chosen: int | None = None) -> None:
        """Care for the numbers of another result, or of none, and write them now."""
        other, self._record, self._labels, self._chosen = record is not self._record, record, labels, chosen
        if other:
            self.views_changed()
        else:
            self._place()

    def views_changed(self) -> None:
        """There are other views than before."""
        self._forget_views()
        if self._record is None or self._record.GetScene() is None:
            return
        list(add_label_lists(self._record, self._scene))
        keeper = weakref.ref(self)  # a view must not keep alive, or call, a keeper that nobody closed

        def on_view(node: Any, _event: str) -> None:
            if (alive := keeper()) is not None:
                alive._place(node.GetID() if node.IsA("vtkMRMLSliceNode") else SPACE)

        seen_through = (node.GetCamera() for node in cameras(self._scene))
        for node in (*slice_nodes(self._scene), *seen_through):
            self._observed.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, on_view)))
        self._place()

    def close(self) -> None:
        """Look at no view any more."""
        self.keep(None)

    def _forget_views(self) -> None:
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed.clear()

    def _place(self, view: str = "") -> None:
        if not self._waiting and self._record is not None and self._record.GetScene() is not None:
            place_labels(self._record, self._labels, self._chosen, self._scene, view=view)


def slice_nodes(scene: Any) -> Iterator[Any]:
    """The slice views of a scene."""
    return _nodes(scene, "vtkMRMLSliceNode")


def cameras(scene: Any) -> Iterator[Any]:
    """The cameras of the 3-D views of a scene."""
    return _nodes(scene, "vtkMRMLCameraNode")


def camera_of(scene: Any) -> Any | None:
    """The camera of the first 3-D view, None where there is none."""
    node = next(cameras(scene), None)
    return node.GetCamera() if node is not None else None


def _nodes(scene: Any, class_name: str) -> Iterator[Any]:
    nodes = scene.GetNodesByClass(class_name)
    for index in range(nodes.GetNumberOfItems()):
        yield nodes.GetItemAsObject(index)


def _new_list(name: str, view: str, scene: Any) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    node.SetAttribute(VIEW, view)
    node.CreateDefaultDisplayNodes()
    node.SetLocked(True)
    display = node.GetDisplayNode()
    paint(display, LABEL)
    display.SetTextScale(TEXT_SCALE)
    hide_glyphs(display)
    if view == SPACE:
        display.SetVisibility2D(False)
        display.SetOccludedVisibility(True)  # readable through the liver's surface
        display.SetOccludedOpacity(1.0)
    else:
        display.SetVisibility3D(False)
        display.AddViewNodeID(view)
    return node


def _show(node: Any, places: Sequence[tuple[Label, FloatArray]]) -> None:
    """Show the labels of some findings at their places (RAS), and hide the others."""
    blocked = node.StartModify()
    known = {int(node.GetNthControlPointDescription(n)): n for n in range(node.GetNumberOfControlPoints())}
    for label, place in places:
        index = known.pop(label.number, None)
        if index is None:
            index = node.AddControlPoint(vtk.vtkVector3d(*place), label.text)
            node.SetNthControlPointDescription(index, str(label.number))
        elif math.dist(node.GetNthControlPointPosition(index), place) > SAME_PLACE_MM:
            node.SetNthControlPointPosition(index, vtk.vtkVector3d(*place))
        if not node.GetNthControlPointVisibility(index):
            node.SetNthControlPointVisibility(index, True)
    for index in known.values():
        if node.GetNthControlPointVisibility(index):
            node.SetNthControlPointVisibility(index, False)
    node.EndModify(blocked)


def visible_numbers(node: Any) -> Collection[int]:
    """The numbers that a list of labels shows now."""
    return [
        int(node.GetNthControlPointDescription(index))
        for index in range(node.GetNumberOfControlPoints())
        if node.GetNthControlPointVisibility(index)
    ]
