"""Tests of the tests: mistakes planted into the LTP panel must make a reader's work with it fail on the desk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ltp_reading import MODULE, AtOnce, add_to_cohort, frame, load_blobs, ras, rows, seen_boxes
from planting import noticed, planted
from reading import position_in_view

from HCCAssistLib.inference.study import Study

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
    "verdict overwrites the comment": (PY, "Verdict(verdict), candidate.review.comment)", 'Verdict(verdict), "")'),
    "undo takes the oldest back": (PY, "self._undo.pop()", "self._undo.pop(0)"),
    "undo forgets": (PY, "self._undo.append((number, candidate.review.verdict, candidate.review.comment))", "pass"),
    "row taken for the number": (PY, "self.choose(self.number(self.ui.table.currentRow()))", "self.choose(1)"),
    "next goes back": (PY, "self.move(1)", "self.move(-1)"),
    "threshold without effect": (PY, "self.logic.setThreshold(p.threshold)", "pass"),
    "threshold of the result not shown": (PY, "self.getParameterNode().threshold = self.drawn", "_ = self.drawn"),
    "result drawn into no volume": (PY, "drawn_in_steps(result, self._volume,", "drawn_in_steps(result, None,"),
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
    "RAS taken for LPS": (PY, "place = ras_to_lps(", "place = tuple("),
    "frame of another candidate": (PY, "self._candidate(number) if is_shown", "self._candidate(1) if is_shown"),
    "frame kept when boxes are hidden": (PY, "and self.getParameterNode().showBoxes", ""),
    "clicks in the views not heard": (PY, "        self.watchViews()\n", ""),
    "drag taken for a click": (PY, "CLICK_PIXELS = 3", "CLICK_PIXELS = 3000"),
    "view heard after the panel is left": (PY, "self.removeObserver(interactor,", "str("),
    "sorting by text": (
        PY,
        "key=lambda candidate: _sortKeys(candidate)[column]",
        "key=lambda c: str(-_sortKeys(c)[column])",
    ),
    "numbers follow the sorting": (PY, "return int(item.text())", "return row + 1"),
    "old result left in the scene": (PY, "alone=True", "alone=False"),
    "review lost without a question": (PY, "if reviewed and not", "if False and not"),
    "changed scan not noticed": (PY, "elif not self._captured.is_unchanged():", "elif False:"),
    "quality not handed over": (PY, '{"stride": parameters.quality}', "{}"),
    "points of the zone forgotten": (PY, "segments=read, points=points", "segments=read, points={}"),
    "phantom taken for a patient": (PY, 'return {"synthetic": "1"} if', 'return {"synthetic": ""} if'),
    "missed lesions forgotten": (PY, "training_points(result, missed)", "training_points(result)"),
    "rejected ones not exported": (PY, "points={**points, **zone}", "points={POSITIVES: points[POSITIVES]}"),
    "name of the patient let through": (PY, "check_pseudonym(name, patient_names(volume))", "pass"),
    "case overwritten unasked": (PY, "replace=replaceCase", "replace=True"),
    "written files never told": (PY, "        self.showWritten()\n", ""),
    "undo of a hidden choice": (PY, "self._chosen = self.logic.undo()", "self.logic.undo()"),
    "worker not closed": (PY, "        self.executor.close()", "        pass"),
}
"""File, what stands there, what is planted in its place."""


@pytest.fixture(scope="session")
def ready(tmp_path_factory):
    """A store with a model, and what it finds."""
    from ltp_blob import blob_image, blob_model, straight_grid

    from HCCAssistLib.recipes.ltp.prediction import predict

    folder = tmp_path_factory.mktemp("store")
    study = Study("case", {"post/arterial": blob_image(straight_grid())})
    result = predict(study, blob_model(folder), {"stride": "fast"})
    away = (9.0, 12.0, 100.0)
    candidates = tuple(replace(c, distance_to_ablation_mm=d) for c, d in zip(result.candidates, away, strict=True))
    return folder, replace(result, candidates=candidates, threshold=0.4321)  # not the panel's own default


def read(desk, path, result, tmp_path, asked):
    """A reader's work with the panel, looked at step by step; the module's widget."""
    import slicer
    from ltp_blob import BLOBS

    volume = load_blobs()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Mustermann^Erika")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), patient)
    volume.SetAttribute("HCCAssist.Synthetic", "1")
    widget = desk.open(path)
    ui, logic = widget.ui, widget.logic

    # mark the zone and detect
    desk.choose(ui.zonePointsSelector, "Create new")
    desk.click(ui.placeWidget.placeButton())
    desk.click_in_view("Red", ras(BLOBS[0][0]))
    desk.choose(ui.qualityBox, "fine")
    seen = []
    ui.progressBar.connect("valueChanged(int)", seen.append)
    desk.click(ui.detectButton)
    assert not ui.detectButton.enabled
    desk.wait_until(lambda: ui.table.rowCount > 0, 5)
    assert seen[-2:] == [40, 100]
    assert set(logic.executor.study.points) == {"post/ablation"}
    assert [row[0] for row in rows(ui)] == [str(c.number) for c in result.shown]
    assert ui.thresholdSlider.value == pytest.approx(result.threshold)

    # look and review
    ui.table.selectRow(1)
    box = result.shown[1].box.center
    column, row = position_in_view(desk, "Red", ras(box))
    view = desk.layout_manager.sliceWidget("Red").sliceView()
    assert abs(column - view.width / 2) + abs(row - view.height / 2) < 4
    np.testing.assert_allclose(frame(desk).GetCenterWorld(), ras(box), atol=0.01)
    desk.click(ui.acceptButton)
    desk.click(ui.nextButton)
    ui.table.item(2, 6).setText("vessel")
    desk.click(ui.rejectButton)
    assert [row[5:] for row in rows(ui)[1:3]] == [["accepted", ""], ["rejected", "vessel"]]
    ui.table.selectRow(0)
    desk.click(ui.undoButton)
    assert [row[5:] for row in rows(ui)[1:3]] == [["accepted", ""], ["to review", "vessel"]]
    assert ui.table.currentRow() == 2

    # a click into a box; a drag that ends there is none
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras(box))
    chosen = []
    show = logic.highlight
    logic.highlight = lambda number: chosen.append(number) or show(number)
    drag(desk, ras(box))
    assert chosen == []
    desk.click_in_view("Red", ras(box))
    assert chosen == [2, 2]
    assert ui.table.currentRow() == 1
    desk.panel.exit()
    desk.click_in_view("Red", ras(box))
    assert chosen == [2, 2]
    desk.panel.enter()
    logic.highlight = show

    # sort
    header = ui.table.horizontalHeader()
    header.sectionClicked.emit(4)
    assert [row[0] for row in rows(ui)] == ["1", "2", "3"]
    header.sectionClicked.emit(4)
    assert [row[0] for row in rows(ui)] == ["3", "2", "1"]
    ui.table.selectRow(0)
    assert logic.drawn.boxes[3].GetCenterWorld() == pytest.approx(frame(desk).GetCenterWorld(), abs=0.01)
    header.sectionClicked.emit(1)
    ui.table.selectRow(1)

    # threshold, boxes and heat
    ui.thresholdSlider.value = 1.0
    assert rows(ui) == [row for row in rows(ui) if float(row[1]) >= 1.0]
    assert len(rows(ui)) < len(result.shown)
    ui.thresholdSlider.value = result.threshold
    assert len(rows(ui)) == len(result.shown)
    ui.table.selectRow(1)
    ui.boxesCheck.checked = False
    assert seen_boxes(logic.drawn) == []
    assert frame(desk) is None
    ui.boxesCheck.checked = True
    composite = desk.layout_manager.sliceWidget("Red").mrmlSliceCompositeNode()
    ui.heatmapCheck.checked = False
    assert composite.GetForegroundOpacity() == 0.0
    ui.heatmapCheck.checked = True

    # export
    desk.click(ui.exportsButton)
    with desk.choosing(tmp_path / "result"):
        desk.click(ui.exportButton)
    desk.wait_until(lambda: "was written" in ui.exportLabel.text, 5)
    assert (tmp_path / "result" / "candidates.csv").read_text().count("accepted") == 1
    ui.table.selectRow(2)
    desk.click(ui.rejectButton)
    add_to_cohort(desk, ui, tmp_path / "cohort", "erika", 5)
    assert (tmp_path / "cohort" / "cases" / "case-001" / "post" / "rejected.mrk.json").is_file()
    assert (tmp_path / "cohort" / "cases" / "case-001" / "post" / "ltp.mrk.json").read_text().count('"label"') == 2
    assert (tmp_path / "cohort" / "cohort.csv").read_text(encoding="utf-8-sig").splitlines()[1].endswith(",1,1")
    desk.click(ui.addButton)
    desk.wait_until(lambda: "already" in ui.exportLabel.text, 5)

    # leave and come back; detect again; close
    record = logic.drawn.record
    logic.drawn = None
    desk.panel.exit()
    desk.panel.enter()
    assert logic.drawn.record is record
    assert [row[5:] for row in rows(ui)[1:3]] == [["accepted", ""], ["rejected", "vessel"]]
    logic.executor.result = replace(result, run=replace(result.run, model="another"))
    desk.click(ui.detectButton)
    desk.wait_until(lambda: not ui.cancelButton.enabled, 5)
    assert len(asked) == 1
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 1
    desk.click(ui.detectButton)
    slicer.util.arrayFromVolume(volume)[0] = 7
    slicer.util.arrayFromVolumeModified(volume)
    desk.wait_until(lambda: not ui.cancelButton.enabled, 5)
    assert "changed while it was searched" in ui.statusLabel.text
    desk.click(ui.detectButton)
    slicer.mrmlScene.Clear(False)
    assert logic.drawn is logic.job is None
    desk.close_module()
    assert logic.executor.closed
    return widget


def drag(desk, to):
    """Press somewhere else in the Red view and let go at a place."""
    from PySide6 import QtCore
    from PySide6.QtTest import QTest

    view = desk.layout_manager.sliceWidget("Red").sliceView()
    column, row = position_in_view(desk, "Red", to)
    left = QtCore.Qt.MouseButton.LeftButton
    QTest.mousePress(view, left, pos=QtCore.QPoint(round(column) - 40, round(row)))
    QTest.mouseRelease(view, left, pos=QtCore.QPoint(round(column), round(row)))
    desk.process_events()


@pytest.fixture
def asked(monkeypatch):
    import slicer

    questions = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, *_, **__: questions.append(text) or True)
    return questions


@pytest.fixture
def panel(desk, ready, monkeypatch):
    import slicer

    from HCCAssistLib.jobs import local

    folder, result = ready
    monkeypatch.setenv("HCCASSIST_MODELS", str(folder))
    monkeypatch.setattr(local, "LocalExecutor", lambda **_: AtOnce(result, {"stride": "fine"}))
    desk.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    size = desk.window.size
    desk.window.resize(720, 320)  # one small view is drawn five times as fast
    yield desk
    desk.window.resize(size)


def test_the_panel_without_a_mistake_passes(panel, ready, tmp_path, asked):
    read(panel, MODULE, ready[1], tmp_path, asked)


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(panel, ready, tmp_path, mistake, asked):
    path = planted(MODULE, MISTAKES[mistake], tmp_path)
    assert noticed(panel, lambda: read(panel, path, ready[1], tmp_path, asked)), f"nobody noticed: {mistake}"
