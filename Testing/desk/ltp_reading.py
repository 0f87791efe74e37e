"""A reader at work with the LTP panel: what its tests share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.jobs.events import Event

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCLTPDetection" / "HCCLTPDetection.py"
READER = "HCCAssist/Reader"
sys.path.append(str(ROOT / "Testing" / "unit"))


def ras(lps: Any) -> tuple[float, float, float]:
    return (-lps[0], -lps[1], lps[2])


def load_blobs(grid: Any = None, *, name: str = "CT", window: bool = True, role: str = "") -> Any:
    """Soft tissue with three bright balls, as the arterial CT; the first ball in the views."""
    import slicer
    from ltp_blob import BLOBS, blob_image

    from HCCAssistLib.scene.roles import set_role
    from HCCAssistLib.scene.volumes import volume_from_image

    image = blob_image(grid) if grid is not None else _straight_blobs()
    volume = volume_from_image(image, slicer.mrmlScene, name, Window(level=100, width=300) if window else None)
    if role:
        set_role(volume, role)
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras(BLOBS[0][0]))
    return volume


@cache
def _straight_blobs() -> Any:
    from ltp_blob import blob_image, straight_grid

    return blob_image(straight_grid())


def add_segments(volume: Any, names: Sequence[str] = ("Leber", "Ablationszone")) -> Any:
    """A segmentation of a scan: the first name is most of the body, the second a cube at the first ball."""
    import slicer
    from ltp_blob import BLOBS

    from HCCAssistLib.imaging.image import Image
    from HCCAssistLib.scene.inputs import geometry_of_volume
    from HCCAssistLib.scene.volumes import segmentation_from_masks

    grid = geometry_of_volume(volume)
    body, cube = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.uint8)
    body[2:-2, 10:-10, 10:-10] = 1
    i, j, k = np.rint(grid.to_index(BLOBS[0][0])).astype(int)
    cube[k - 1 : k + 2, j - 8 : j + 8, i - 8 : i + 8] = 1
    masks = dict(zip(names, (Image(body, grid), Image(cube, grid)), strict=True))
    return segmentation_from_masks(masks, volume, slicer.mrmlScene, f"{volume.GetName()} segments", surfaces=False)


def rows(ui: Any) -> list[list[str]]:
    return [[ui.table.item(r, c).text() for c in range(ui.table.columnCount)] for r in range(ui.table.rowCount)]


def column(ui: Any, title: str) -> int:
    titles = [ui.table.horizontalHeaderItem(c).text() for c in range(ui.table.columnCount)]
    return next(n for n, text in enumerate(titles) if text.startswith(title))


def cells(ui: Any, title: str) -> list[str]:
    return [row[column(ui, title)] for row in rows(ui)]


def numbers(ui: Any) -> list[int]:
    return [int(row[0]) for row in rows(ui)]


def chosen(ui: Any) -> int:
    return numbers(ui)[ui.table.currentRow()]


def unfold(ui: Any) -> None:
    """Open the sections that fold after a run."""
    ui.inputsButton.collapsed = ui.detectionButton.collapsed = False


def detect(desk: Any, ui: Any, quality: str = "fast", seconds: float = 60) -> None:
    """Press Detect and wait for the end."""
    unfold(ui)
    desk.choose(ui.option_stride, quality)
    desk.click(ui.runButton)
    desk.wait_until(lambda: not ui.cancelButton.enabled, seconds)


def chord(desk: Any, widget: Any, key: str) -> None:
    """Press Ctrl+Shift and a letter on a widget."""
    from PySide6 import QtCore

    both = QtCore.Qt.KeyboardModifier.ControlModifier | QtCore.Qt.KeyboardModifier.ShiftModifier
    desk.press(widget, f"Key_{key}", both)


def frame(desk: Any) -> Any:
    """The frame round the chosen box, or None."""
    import slicer

    found = slicer.mrmlScene.GetNodesByClass("vtkMRMLMarkupsROINode")
    nodes = [found.GetItemAsObject(n) for n in range(found.GetNumberOfItems())]
    return next((n for n in nodes if n.GetAttribute("HCCAssist.frame") and n.GetDisplayVisibility()), None)


def boxes_in(scene: Any) -> list[Any]:
    """The boxes of candidates that a scene holds, without the frame round the chosen one."""
    found = scene.GetNodesByClass("vtkMRMLMarkupsROINode")
    nodes = [found.GetItemAsObject(n) for n in range(found.GetNumberOfItems())]
    return [node for node in nodes if not node.GetAttribute("HCCAssist.frame")]


def seen_boxes(drawn: Any) -> list[int]:
    """Numbers of the boxes that are shown in slices and in 3-D."""
    displays = {number: box.GetDisplayNode() for number, box in drawn.boxes.items()}
    shown = [
        (n, d.GetVisibility() and d.GetVisibility2D(), d.GetVisibility() and d.GetVisibility3D())
        for n, d in displays.items()
    ]
    assert all(bool(flat) == bool(solid) for _, flat, solid in shown)
    return [number for number, flat, _ in shown if flat]


def texts(widget: Any) -> list[str]:
    """Every text that a panel shows, the tips of the mouse included."""
    import qt

    found: list[str] = []
    for child in widget.findChildren(qt.QWidget):
        found += [
            str(getattr(child, name)) for name in ("text", "toolTip") if isinstance(getattr(child, name, None), str)
        ]
        if isinstance(child, qt.QComboBox):
            found += [child.itemText(n) for n in range(child.count)]
    return found


class AtOnce:
    """An executor that has the result ready: the study's parts are looked at, the worker is not."""

    devices = ("cpu",)

    def __init__(self, result: Any, options: dict[str, Any] | None = None) -> None:
        self.result, self.options = result, options
        self.events: list[Event] = []
        self.study: Any = None
        self.last = 0
        self.closed = False

    def warm_up(self) -> None:
        self.events.append(Event(0, "ready"))

    def submit(self, study: Any, request: Any) -> int:
        self.study = study()
        assert self.options in (None, request.options)
        self.last += 1
        run = replace(self.result.run, inputs=self.study.digests())
        scanned = next(iter(self.study.volumes.values())).geometry
        last = Event(self.last, "done", 1.0, result=replace(self.result, run=run, geometry=scanned))
        self.events += [Event(self.last, "started"), Event(self.last, "progress", 0.4, 3.0), last]
        return self.last

    def poll(self) -> list[Event]:
        return [self.events.pop(0)] if self.events else []

    def cancel(self, job: int) -> None:
        self.events = [Event(job, "cancelled")]

    def close(self) -> None:
        self.closed = True


def drag(desk: Any, to: Any) -> None:
    """Press somewhere else in the Red view and let go at a place."""
    from PySide6 import QtCore
    from PySide6.QtTest import QTest
    from reading import position_in_view

    view = desk.layout_manager.sliceWidget("Red").sliceView()
    at, row = position_in_view(desk, "Red", to)
    left = QtCore.Qt.MouseButton.LeftButton
    QTest.mousePress(view, left, pos=QtCore.QPoint(round(at) - 40, round(row)))
    QTest.mouseRelease(view, left, pos=QtCore.QPoint(round(at), round(row)))
    desk.process_events()


def work_through(desk: Any, open_panel: Any) -> Any:
    """A short reader's work with the panel in one small view, looked at step by step; the module's widget."""
    import slicer

    scan = load_blobs(name="scan A", role="post/arterial")
    segments = add_segments(scan)
    widget = open_panel()
    ui, session = widget.ui, widget.logic.session
    assert ui.input_post_liver_segment.currentNode() is segments
    desk.choose(ui.input_post_ablation_points, "Create new")
    ui.input_post_ablation_points.currentNode().AddControlPointWorld(*ras((0, 0, 0)))
    desk.choose(ui.option_stride, "fine")
    session.executor.options = {"stride": "fine", "region": "auto"}
    desk.click(ui.runButton)
    assert not ui.runButton.enabled
    desk.wait_until(lambda: ui.table.rowCount > 0, 20)
    assert set(session.executor.study.points) == {"post/ablation"}
    assert ui.progressBar.value >= 40
    review = session.current
    assert numbers(ui) == [c.number for c in review.result.shown] == [1, 2, 3]
    assert chosen(ui) == 1
    view = desk.layout_manager.sliceWidget("Red")
    assert not review.drawn.heatmaps or view.mrmlSliceCompositeNode().GetForegroundVolumeID() is None

    # verdicts, by a button, by a key in a view, and taken back
    desk.click(ui.acceptButton)
    assert chosen(ui) == 2
    chord(desk, view.sliceView(), "O")
    ui.table.selectRow(2)
    ui.table.item(2, column(ui, "Comment")).setText("vessel")
    desk.click(ui.rejectButton)
    assert cells(ui, "Verdict") == ["accepted", "other tumour", "rejected"]
    assert review.result.candidates[0].review.reader == "R1"
    assert cells(ui, "Comment")[2] == "vessel"
    ui.table.selectRow(0)
    desk.click(ui.undoButton)
    assert chosen(ui) == 3
    assert cells(ui, "Verdict") == ["accepted", "other tumour", "to review"]

    # a click into a box; a drag that ends there is none
    ui.table.selectRow(2)
    place = ras(review.result.candidates[1].box.center)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *place)
    drag(desk, place)
    assert chosen(ui) == 3
    desk.click_in_view("Red", place)
    assert chosen(ui) == 2
    np.testing.assert_allclose(frame(desk).GetCenterWorld(), place, atol=0.01)
    desk.panel.exit()
    chord(desk, view.sliceView(), "R")
    desk.panel.enter()
    assert cells(ui, "Verdict")[1] == "other tumour"

    # the table, the threshold, the boxes
    ui.table.horizontalHeader().sectionClicked.emit(1)
    assert numbers(ui) == [3, 2, 1]
    ui.table.horizontalHeader().sectionClicked.emit(1)
    ui.thresholdSlider.value = 1.0
    assert rows(ui) == []
    desk.click(ui.cutoffButton)
    assert numbers(ui) == [1, 2, 3]
    ui.boxesCheck.checked = False
    assert seen_boxes(session.current.drawn) == []
    ui.boxesCheck.checked = True

    # a review that would be lost is asked for; another scan has its own result; the end
    unfold(ui)
    with desk.answering("Cancel"):
        desk.click(ui.runButton)
    other = load_blobs(name="scan B")
    ui.input_post_arterial_volume.setCurrentNode(other)
    assert rows(ui) == []
    desk.click(ui.runButton)
    slicer.mrmlScene.Clear(False)
    assert not session.reviews
    assert not session.running
    desk.close_module()
    assert session.executor.closed
    return widget
