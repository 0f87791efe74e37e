"""Tests of the tests: mistakes planted into the LTP panel must make a reader's work with it fail on the desk."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from reading import position_in_view

from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.inference.study import Study
from HCCAssistLib.jobs.local import Event

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCLTPDetection" / "HCCLTPDetection.py"
PY, UI = "HCCLTPDetection.py", "Resources/UI/HCCLTPDetection.ui"

MISTAKES = {
    "signal misspelt": (PY, '"currentIndexChanged(int)"', '"currentIndexChange(int)"'),
    "signal with other arguments": (PY, '"cellChanged(int,int)"', '"cellChanged(int)"'),
    "signal of another class": (PY, '"currentSegmentChanged(QString)"', '"currentSegmentIDChanged(QString)"'),
    "timer misspelt": (PY, '"timeout()"', '"timedOut()"'),
    "slot needs too many arguments": (PY, "def onAccept(self):", "def onAccept(self, checked, again):"),
    "property misspelt": (PY, "ui.detectButton.enabled", "ui.detectButton.enable"),
    "property of another type": (PY, "round(100 * event.share)", "str(event.share)"),
    "property called like a method": (PY, "rows = self.ui.table.rowCount", "rows = self.ui.table.rowCount()"),
    "method that PythonQt does not offer": (PY, "self._timer.start()", "self.ui.thresholdSlider.setMaximum(1)"),
    "widget misspelt": (PY, "ui.undoButton.enabled", "ui.undoBtn.enabled"),
    "exception in a slot": (PY, 'self.review("rejected")', 'self.review("refused")'),
    "verdicts swapped": (PY, 'self.review("accepted")', 'self.review("rejected")'),
    "verdict overwrites the comment": (PY, "Verdict(verdict), candidate.comment)", 'Verdict(verdict), "")'),
    "undo takes the oldest back": (PY, "self._undo.pop()", "self._undo.pop(0)"),
    "undo forgets": (PY, "self._undo.append((number, candidate.verdict, candidate.comment))", "pass"),
    "row taken for the number": (PY, "self.logic.jump(self.chosen())", "self.logic.jump(1)"),
    "next goes back": (PY, "self.move(1)", "self.move(-1)"),
    "threshold without effect": (PY, "self.logic.setThreshold(p.threshold)", "pass"),
    "threshold of the result not shown": (
        PY,
        "self._parameterNode.threshold = self.logic.drawn",
        "_ = self.logic.drawn",
    ),
    "result drawn into no volume": (
        PY,
        "draw_detection(event.result, self._volume,",
        "draw_detection(event.result, None,",
    ),
    "boxes hidden in slices only": (PY, "node.GetDisplayNode().SetVisibility3D(boxes)", "pass"),
    "MRML method misspelt": (PY, "SetForegroundOpacity", "SetForegroundAlpha"),
    "heat map never hidden": (PY, "opacity if heatmap else 0.0", "opacity"),
    "review not restored": (PY, "self.drawn = found[-1] if found else None", "self.drawn = None"),
    "scene closed without notice": (PY, "        self.logic.forget()\n", "        pass\n"),
    "observer kept after the panel is closed": (PY, "        self.removeObservers()", "        pass"),
    "export without the table": (PY, "candidates.csv", "candidates.txt"),
    "number column first no more": (PY, "str(candidate.number),", "str(candidate.slice),"),
    "parameter misspelt in the .ui": (UI, "<string>threshold</string>", "<string>treshold</string>"),
    "parameter forgotten in the .ui": (UI, "<string>showBoxes</string>", "<string></string>"),
    "class misspelt in the .ui": (UI, "qMRMLSegmentSelectorWidget", "qMRMLSegmentsSelectorWidget"),
    "connection forgotten in the .ui": (UI, "<receiver>zonePointsSelector", "<receiver>volumeSelector"),
}
"""File, what stands there, what is planted in its place."""


class AtOnce:
    """An executor that has the result ready."""

    def __init__(self, result):
        self.result = result
        self.events = []
        self.closed = False

    def submit(self, study, request):
        assert set(study.volumes) == {"post/arterial"}
        assert set(study.points) == {"post/ablation"}
        assert request.options == {"stride": "fine"}
        self.events = [Event(1, "started"), Event(1, "progress", 0.4, 3.0), Event(1, "done", 1.0, result=self.result)]
        return 1

    def poll(self):
        return [self.events.pop(0)] if self.events else []

    def cancel(self, job):
        self.events = [Event(job, "cancelled")]

    def close(self):
        self.closed = True


@pytest.fixture(scope="session")
def ready(tmp_path_factory):
    """A store with a model, and what it finds."""
    sys.path.append(str(ROOT / "Testing" / "unit"))
    from ltp_blob import blob_image, blob_model, straight_grid

    from HCCAssistLib.recipes.ltp.prediction import predict

    folder = tmp_path_factory.mktemp("store")
    study = Study("case", {"post/arterial": blob_image(straight_grid())})
    result = predict(study, blob_model(folder), {"stride": "fast"})
    return folder, replace(result, threshold=0.4321)  # not the panel's own default


def rows(ui):
    return [[ui.table.item(r, c).text() for c in range(ui.table.columnCount)] for r in range(ui.table.rowCount)]


def read(desk, path, result, tmp_path):
    """A reader's work with the panel, looked at step by step; the module's widget."""
    import slicer
    from ltp_blob import BLOBS, blob_image, straight_grid

    from HCCAssistLib.scene.volumes import volume_from_image

    volume = volume_from_image(blob_image(straight_grid()), slicer.mrmlScene, "CT", Window(level=100, width=300))
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    x, y, z = BLOBS[0][0]
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, -x, -y, z)
    widget = desk.open(path)
    ui, logic = widget.ui, widget.logic
    desk.choose(ui.zonePointsSelector, "Create new")
    desk.click(ui.placeWidget.placeButton())
    desk.click_in_view("Red", (-x, -y, z))
    desk.choose(ui.qualityBox, "fine")
    seen = []
    ui.progressBar.connect("valueChanged(int)", seen.append)
    desk.click(ui.detectButton)
    assert not ui.detectButton.enabled
    desk.wait_until(lambda: ui.table.rowCount > 0, 2)
    assert seen[-2:] == [40, 100]
    assert [row[0] for row in rows(ui)] == [str(c.number) for c in result.shown]
    assert ui.thresholdSlider.value == pytest.approx(result.threshold)
    ui.table.selectRow(1)
    box = result.shown[1].box.center
    column, row = position_in_view(desk, "Red", (-box[0], -box[1], box[2]))
    view = desk.layout_manager.sliceWidget("Red").sliceView()
    assert abs(column - view.width / 2) + abs(row - view.height / 2) < 4
    desk.click(ui.acceptButton)
    desk.click(ui.nextButton)
    ui.table.item(2, 6).setText("vessel")
    desk.click(ui.rejectButton)
    assert [row[5:] for row in rows(ui)[1:3]] == [["accepted", ""], ["rejected", "vessel"]]
    desk.click(ui.undoButton)
    assert [row[5:] for row in rows(ui)[1:3]] == [["accepted", ""], ["pending", "vessel"]]
    ui.thresholdSlider.value = 1.0
    assert rows(ui) == [row for row in rows(ui) if float(row[1]) >= 1.0]
    assert len(rows(ui)) < len(result.shown)
    ui.thresholdSlider.value = result.threshold
    assert len(rows(ui)) == len(result.shown)
    display = next(iter(logic.drawn.boxes.values())).GetDisplayNode()
    ui.boxesCheck.checked = False
    assert not (display.GetVisibility2D() or display.GetVisibility3D())
    logic.show(boxes=True, heatmap=True, opacity=0.6)
    if logic.drawn.heatmap is not None:
        composite = desk.layout_manager.sliceWidget("Red").mrmlSliceCompositeNode()
        ui.heatmapCheck.checked = False
        assert composite.GetForegroundOpacity() == 0.0
    logic.export(tmp_path / "result")
    assert (tmp_path / "result" / "candidates.csv").read_text().count("accepted") == 1
    record = logic.drawn.record
    logic.drawn = None
    desk.panel.exit()
    desk.panel.enter()
    assert logic.drawn.record is record
    assert [row[5:] for row in rows(ui)[1:3]] == [["accepted", ""], ["pending", "vessel"]]
    slicer.mrmlScene.Clear(False)
    assert logic.drawn is None
    return widget


@pytest.fixture
def panel(desk, ready, monkeypatch):
    import slicer

    from HCCAssistLib.jobs import local

    folder, result = ready
    monkeypatch.setenv("HCCASSIST_MODELS", str(folder))
    monkeypatch.setattr(local, "LocalExecutor", lambda **_: AtOnce(result))
    desk.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    size = desk.window.size
    desk.window.resize(720, 320)  # one small view is drawn five times as fast
    yield desk
    desk.window.resize(size)


def test_the_panel_without_a_mistake_passes(panel, ready, tmp_path):
    widget = read(panel, MODULE, ready[1], tmp_path)
    panel.close_module()
    assert widget.logic.executor.closed


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(panel, ready, tmp_path, mistake, monkeypatch):
    import slicer
    from slicer_desk import faults

    file, right, wrong = MISTAKES[mistake]
    shutil.copytree(MODULE.parent, tmp_path / "HCCLTPDetection")
    path = tmp_path / "HCCLTPDetection" / file
    text = path.read_text(encoding="utf-8")
    assert right in text, "the panel changed: adapt this mistake"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    caught, widget = [], None
    try:
        widget = read(panel, tmp_path / "HCCLTPDetection" / PY, ready[1], tmp_path)
    except Exception as error:
        caught.append(repr(error))
    panel.tidy()
    slicer.mrmlScene.Clear(False)  # what still listens is heard now
    caught += faults.take()
    if widget is not None:
        widget.removeObservers()
    sys.path[:] = [folder for folder in sys.path if not folder.startswith(str(tmp_path))]
    assert caught, f"nobody noticed: {mistake}"
