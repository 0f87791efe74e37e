"""The panel of the response to TACE with its worker: from a segment to pictures, verdict, follow-up and cohort."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from ltp_reading import chord, ras
from tace_reading import MODULE, TURNED, line, load_tumours, predict, work_through
from tace_toy import CENTER


@pytest.fixture
def tace(desk, own_tace_model):
    """The module over a store with one small untrained model, and a scan with two tumours in the scene."""
    load_tumours(targets=("yes", "no"))
    return desk.open(MODULE)


def test_tumours_are_predicted_judged_measured_and_added_to_a_cohort(desk, own_tace_model, tmp_path):
    from HCCAssistLib.cohort.segments import read_segments

    widget = work_through(desk, MODULE)
    ui, review = widget.ui, widget.logic.session.current
    chord(desk, ui.table, "N")
    ui.exportsButton.collapsed = False
    with desk.choosing(tmp_path / "cohort"):
        desk.click(ui.newCohortButton)
    with desk.answering():
        desk.click(ui.addButton)
        desk.wait_until(lambda: not widget.panel._exports._export.writing, 30)
        widget.panel.poll()
    assert "is in the cohort" in ui.exportLabel.text, ui.exportLabel.text
    table = tmp_path / "cohort" / "cohort.csv"
    (row,) = csv.DictReader(table.open(encoding="utf-8-sig"))
    assert not row.get("response"), "a prediction never becomes a label"
    (written,) = (tmp_path / "cohort" / "cases").glob("*/pre/tumour.seg.nrrd")
    assert [one.tags["target"] for one in read_segments(written)] == ["yes", "no"]
    ui.readingCaseEdit.text = row["case_id"]
    desk.click(ui.readingButton)
    desk.wait_until(lambda: "is in the cohort" in ui.readingLabel.text, 20)
    (row,) = csv.DictReader(table.open(encoding="utf-8-sig"))
    assert (row["response"], row["response_reader"], row["target_1_pre_mm"]) == ("SD", "R1", "40")
    kept = json.loads((tmp_path / "cohort" / "readings" / "R1" / "case-001.json").read_text())
    assert kept["response"] == "SD"
    assert review.result.findings[1].review.verdict == "pending"


@pytest.mark.parametrize(
    "turned",
    [
        pytest.param(None, id="straight", marks=pytest.mark.slow),
        pytest.param(TURNED, id="oblique"),
        pytest.param(np.diag([-1.0, 1.0, -1.0]), id="flipped", marks=pytest.mark.slow),
    ],
)
def test_what_the_network_saw_is_shown_and_lies_where_it_was_in_the_patient(desk, own_tace_model, turned):
    import slicer
    from slicer_desk.views import pixels

    load_tumours(turned)
    widget = desk.open(MODULE)
    predict(desk, widget)
    (tumour,) = widget.logic.session.current.result.findings
    assert len(tumour.patches) == 3
    grey = pixels(widget.ui.seenButton1)[20:100, 20:100].mean(axis=-1)
    # the toy is brighter to the left and to the back: to the right of the picture and below
    assert grey[:, -20:].mean() > grey[:, :20].mean() + 10
    assert grey[-20:].mean() > grey[:20].mean() + 3
    boxes = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
        if "classification" not in node.GetName() and node.GetSize()[0] > 1
    ]
    drawn = [node.GetCenterWorld() for node in boxes]
    for patch in tumour.patches:
        assert min(np.abs(np.subtract(at, ras(patch.box.center))).max() for at in drawn) < 0.01, "not placed back"
    desk.click(widget.ui.seenButton3)
    offset = desk.layout_manager.sliceWidget("Red").mrmlSliceNode().GetSliceOffset()
    assert offset == pytest.approx(tumour.patches[2].box.center[2], abs=2.0)


@pytest.mark.slow
def test_the_heat_is_laid_over_the_pictures_when_it_is_asked_for(desk, tace):
    from slicer_desk.views import pixels

    predict(desk, tace)
    plain = pixels(tace.ui.seenButton1)[20:100, 20:100].astype(int)
    assert np.ptp(plain, axis=-1).max() < 12, "grey without heat"
    tace.ui.heatCheck.checked = True
    desk.process_events()
    warm = pixels(tace.ui.seenButton1)[20:100, 20:100].astype(int)
    assert np.ptp(warm, axis=-1).max() > 40


def test_a_reader_says_which_tumours_count_for_the_patient(desk, tace):
    from slicer_desk.pythonqt import QtCore

    ui = tace.ui
    listed = ui.targetList
    assert [listed.item(n).text() for n in range(listed.count)] == ["T1", "T2"]
    checked = [listed.item(n).checkState() == QtCore.Qt.CheckState.Checked for n in range(2)]
    assert checked == [True, False]
    listed.item(1).setCheckState(QtCore.Qt.CheckState.Checked)
    predict(desk, tace)
    result = tace.logic.session.current.result
    assert [one.target for one in result.findings] == [True, True]
    assert ui.resultLabel.text.startswith("Patient, mean over 2 targets")


def test_a_scan_after_tace_is_refused(desk, tace):
    import slicer

    scan = tace.ui.input_pre_arterial_volume.currentNode()
    voxels = slicer.util.arrayFromVolume(scan)
    voxels[voxels > 110] += 400  # lipiodol
    slicer.util.arrayFromVolumeModified(scan)
    predict(desk, tace)
    assert tace.logic.session.current is None
    told = tace.ui.statusLabel.text + tace.ui.problemLabel.text
    assert "TACE" in told, told


def test_a_diameter_is_drawn_from_a_segment_and_is_the_readers_once_it_is_moved(desk, tace):
    ui = tace.ui
    ui.followUpButton.collapsed = False
    segmentation = ui.input_pre_tumour_segment.currentNode()
    ui.measureSegment.setCurrentNode(segmentation)
    ui.measureSegment.setCurrentSegmentID(segmentation.GetSegmentation().GetNthSegmentID(0))
    desk.click(ui.measureButton)
    desk.wait_until(lambda: ui.preLine1.currentNode() is not None, 20)
    assert float(ui.preEdit1.text) == pytest.approx(44.0, abs=3.0)
    assert "not measured at follow-up" in ui.measuredLabel.text
    node = ui.preLine1.currentNode()
    node.SetNthControlPointPositionWorld(1, *np.add(node.GetNthControlPointPositionWorld(0), (30, 0, 0)))
    assert ui.preEdit1.text == "30.0"


def test_typed_diameters_nothing_left_and_a_new_lesion(desk, tace):
    ui = tace.ui
    ui.followUpButton.collapsed = False
    desk.type(ui.preEdit1, "42,5")
    desk.click(ui.goneCheck1)
    assert ui.measuredLabel.text.startswith("Measured: CR"), ui.measuredLabel.text
    desk.click(ui.newLesionCheck)
    assert ui.measuredLabel.text.startswith("Measured: PD")
    desk.type(ui.preEdit2, "wide")
    assert "not a number" in ui.measuredLabel.text
    assert not ui.readingButton.enabled


def test_the_follow_up_is_there_again_after_the_module_was_left_and_the_scene_saved(desk, tace, tmp_path):
    import slicer

    ui = tace.ui
    ui.followUpButton.collapsed = False
    x, y, z = CENTER
    ui.preLine1.setCurrentNode(line("before", (x - 20, y, z), (x + 20, y, z)))
    desk.type(ui.postEdit1, "50")
    desk.type(ui.targetEdit1, "segment 8")
    ui.daysBox.value = 42
    assert ui.measuredLabel.text.startswith("Measured: PD")
    from HCCAssistLib.scene.mrb import save_mrb

    save_mrb(slicer.mrmlScene, tmp_path / "scene.mrb")
    slicer.mrmlScene.Clear(0)
    desk.process_events()
    assert ui.measuredLabel.text == "" and ui.preLine1.currentNode() is None
    slicer.app._host.load(tmp_path / "scene.mrb")
    desk.process_events()
    assert ui.measuredLabel.text.startswith("Measured: PD"), ui.measuredLabel.text
    assert (ui.targetEdit1.text, ui.daysBox.value, ui.preEdit1.text) == ("segment 8", 42, "40.0")


def test_what_is_typed_in_one_scene_is_not_lost_to_a_line_of_another(desk, tace, tmp_path):
    import slicer

    from HCCAssistLib.scene.mrb import save_mrb

    ui = tace.ui
    ui.followUpButton.collapsed = False
    desk.type(ui.preEdit1, "33")
    save_mrb(slicer.mrmlScene, tmp_path / "typed.mrb")
    ui.preLine1.setCurrentNode(line("before", (0, 0, 0), (40, 0, 0)))
    assert ui.preEdit1.text == "40.0" and ui.preEdit1.readOnly
    slicer.mrmlScene.Clear(0)
    slicer.app._host.load(tmp_path / "typed.mrb")
    desk.process_events()
    assert ui.preEdit1.text == "33" and not ui.preEdit1.readOnly


def test_a_reading_is_refused_without_cohort_or_case_and_asked_for_before_it_is_replaced(desk, tace, tmp_path):
    from HCCAssistLib.cohort.cohort import write_cohort_table

    (tmp_path / "cohort").mkdir()
    write_cohort_table(
        tmp_path / "cohort", [{"case_id": "case-001", "patient_id": "p1", "split": "", "response": "SD"}]
    )
    ui = tace.ui
    ui.followUpButton.collapsed = False
    desk.type(ui.preEdit1, "40")
    desk.type(ui.postEdit1, "20")
    desk.click(ui.readingButton)
    assert "no cohort is chosen" in ui.readingLabel.text
    ui.cohortPath.currentPath = str(tmp_path / "cohort")
    desk.click(ui.readingButton)
    assert "no case is named" in ui.readingLabel.text
    desk.type(ui.readingCaseEdit, "case-009")
    desk.click(ui.readingButton)
    desk.wait_until(lambda: "there is no case" in ui.readingLabel.text, 20)
    desk.type(ui.readingCaseEdit, "case-001")
    with desk.answering("Cancel"):
        desk.click(ui.readingButton)
        desk.wait_until(lambda: "Nothing was written" in ui.readingLabel.text, 20)
    with desk.answering("OK") as asked:
        desk.click(ui.readingButton)
        desk.wait_until(lambda: "is in the cohort" in ui.readingLabel.text, 20)
    assert "'SD' already" in str(asked)
    (row,) = csv.DictReader((tmp_path / "cohort" / "cohort.csv").open(encoding="utf-8-sig"))
    assert row["response"] == "PR"
