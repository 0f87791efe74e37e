"""Cases added to a cohort by clicks: what is missing is said, nothing is written unasked, and the check passes."""

from __future__ import annotations

import json

import pytest
from capturing import (
    MODULE,
    added,
    begin,
    cells,
    choose_data,
    faults,
    hepatectomy_in_scene,
    method,
    patient_in_scene,
    rest,
)

pytestmark = pytest.mark.usefixtures("small_view")


@pytest.fixture
def opened(desk, tmp_path, monkeypatch):
    """Opens the panel for a method; nobody on this computer has captured anything yet."""
    import slicer

    monkeypatch.setenv("HCCASSIST_PATIENTS", str(tmp_path / "own"))
    slicer.app.settings().clear()

    def panel(recipe_id="tace-response"):
        widget = desk.open(MODULE)
        method(widget.ui, recipe_id)
        desk.process_events()
        return widget

    yield panel
    slicer.app.settings().clear()


def page(widget):
    """The widgets of the page of the method."""
    return widget.capture.page.ui


def rows(cohort):
    from HCCAssistLib.cohort.cohort import read_cohort

    return {case.case_id: dict(case.values) for case in read_cohort(cohort).cases}


def test_three_phantoms_become_a_cohort_that_passes_its_check(desk, opened, tmp_path, capsys):
    import slicer

    from HCCAssistLib.cli.main import main
    from HCCAssistLib.cohort.additions import put_values

    widget = opened("hepatectomy-recurrence")
    ui, cohort = widget.ui, tmp_path / "cohort"
    for number, (early, months) in enumerate(((True, "11"), (False, "40,5"), (True, "23"))):
        slicer.mrmlScene.Clear(False)
        desk.process_events()
        hepatectomy_in_scene(number, early=early)
        widget.enter()
        if number == 0:
            begin(desk, ui, cohort)
        assert not ui.addCaseButton.enabled
        assert "Choose what is true" in faults(widget)
        desk.choose(page(widget).label_event, "recurrence" if early else "no recurrence until the last visit")
        desk.type(page(widget).label_follow_up_months, months)
        if number:
            assert "Choose whose case it is" in faults(widget)
            desk.choose(ui.patientOfCaseBox, "a new patient")
        assert added(desk, ui) == []
        assert f"case-00{number + 1} of patient-00{number + 1} is in the cohort" in ui.captureLabel.text
        rest(desk, widget)
        assert [row[0] for row in cells(ui.caseTable)] == [f"case-00{n + 1}" for n in range(number + 1)]
    table = rows(cohort)
    assert [row["follow_up_months"] for row in table.values()] == ["11", "40.5", "23"]
    assert [row["synthetic"] for row in table.values()] == ["1", "1", "1"], "a phantom is never a patient"
    assert "3 cases of 3 patients; patients by label: early 2, not early 1" in ui.balanceLabel.text
    for case_id in table:
        put_values(cohort, case_id, {"split": "test"})
    assert main(["check", str(cohort), "--recipe", "hepatectomy-recurrence", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["labels"] == {"early": 2, "not early": 1}
    assert [p for p in found["problems"] if p["level"] == "STOP"] == []


def test_what_is_missing_is_said_until_it_is_there(desk, opened, tmp_path):
    widget = opened()
    ui = widget.ui
    assert not ui.addCaseButton.enabled
    for text in (
        "Load a scan and choose it",
        "Mark the tumour",
        "Choose what is true",
        "Choose the folder of a cohort",
    ):
        assert text in faults(widget)
    patient_in_scene()
    widget.enter()
    assert "Load a scan" not in faults(widget)
    assert "Mark the tumour" not in faults(widget)
    begin(desk, ui, tmp_path / "cohort")
    desk.choose(page(widget).label_response, "SD: stable disease")
    assert ui.addCaseButton.enabled, faults(widget)
    desk.choose(page(widget).label_response, "choose ...")
    assert not ui.addCaseButton.enabled
    desk.choose(page(widget).label_response, "not known yet")
    assert ui.addCaseButton.enabled
    assert "not known yet: no model can be trained" in faults(widget)
    ui.newCaseEdit.text = "Mustermann-1"
    assert "part of the patient's name" in faults(widget)
    assert not ui.addCaseButton.enabled
    assert not (tmp_path / "cohort" / "cohort.csv").exists()


def test_a_value_out_of_range_is_said_while_it_is_typed(desk, opened):
    widget = opened("ablation-recurrence")
    field, note = page(widget).clinical_total_protein_g_per_l, page(widget).clinicalLabel
    desk.type(field, "7.1")
    assert "is it in g/dL?" in note.text
    assert "Correct the clinical values" in faults(widget)
    desk.type(field, "71")
    assert note.text == ""
    desk.choose(page(widget).label_event, "recurrence")
    desk.type(page(widget).label_follow_up_months, "400")
    assert "outside 0 to 300 months" in page(widget).labelNote.text
    assert not widget.ui.addCaseButton.enabled


def test_a_scan_that_was_settled_as_another_phase_is_not_added(desk, opened):
    from HCCAssistLib.scene.roles import set_role

    patient = patient_in_scene()
    set_role(patient.node, "pre/portal")
    widget = opened()
    page(widget).input_pre_arterial_volume.setCurrentNode(patient.node)
    desk.process_events()
    assert "is marked as portal venous phase" in faults(widget)
    choose_data(page(widget).label_response, "CR")
    assert not widget.ui.addCaseButton.enabled


def captured(desk, opened, tmp_path, **whose):
    """The panel with a cohort of one case."""
    patient = patient_in_scene(**whose)
    widget = opened()
    begin(desk, widget.ui, tmp_path / "cohort")
    desk.choose(page(widget).label_response, "PR: partial response")
    added(desk, widget.ui)
    assert "case-001 of patient-001" in widget.ui.captureLabel.text, widget.ui.captureLabel.text
    rest(desk, widget)
    return widget, patient


def test_added_again_a_case_is_a_new_version_after_a_yes_that_names_what_changes(desk, opened, tmp_path):
    widget, _ = captured(desk, opened, tmp_path)
    ui, cohort = widget.ui, tmp_path / "cohort"
    assert ui.captureKindBox.currentText == "a new version of a case"
    assert ui.oldCaseBox.currentText == "case-001"
    assert added(desk, ui) == []
    assert "nothing was written" in ui.captureLabel.text
    desk.choose(page(widget).label_response, "CR: complete response")
    (asked,) = added(desk, ui, "Cancel")
    assert "response PR \N{RIGHTWARDS ARROW} CR" in asked
    assert rows(cohort)["case-001"]["response"] == "PR"
    assert not (cohort / "revisions").exists()
    assert len(added(desk, ui, "OK")) == 1
    assert rows(cohort)["case-001"]["response"] == "CR"
    assert (cohort / "revisions" / "case-001" / "001" / "pre" / "arterial.nrrd").is_file()


def test_the_next_scan_of_the_same_patient_is_proposed_as_his(desk, opened, tmp_path):
    widget, _ = captured(desk, opened, tmp_path)
    ui = widget.ui
    second = patient_in_scene(1)
    page(widget).input_pre_arterial_volume.setCurrentNode(second.node)
    page(widget).input_pre_tumour_segment.setCurrentNode(second.segments)
    desk.process_events()
    assert ui.captureKindBox.currentText == "a new case"
    assert ui.newCaseEdit.text == "case-002"
    assert ui.patientOfCaseBox.currentText == "patient-001, who has case-001"
    assert "this is the patient of case-001" in ui.patientNote.text
    assert page(widget).label_response.currentText == "choose ...", "what is true of one scan is not of the next"
    desk.choose(page(widget).label_response, "PD: progressive disease")
    desk.choose(ui.patientOfCaseBox, "a new patient")
    (asked,) = added(desk, ui, "Cancel")
    assert "By the patient's number in DICOM" in asked
    choose_data(ui.patientOfCaseBox, "of patient-001")
    assert added(desk, ui) == []
    assert {row["patient_id"] for row in rows(tmp_path / "cohort").values()} == {"patient-001"}


def test_another_reader_marks_the_scans_alone(desk, opened, tmp_path):
    import slicer

    from HCCAssistLib.scene.volumes import segmentation_from_masks

    widget, patient = captured(desk, opened, tmp_path)
    ui, cohort = widget.ui, tmp_path / "cohort"
    before = {p: p.read_bytes() for p in (cohort / "cases").rglob("*") if p.is_file()}
    slicer.mrmlScene.Clear(False)
    widget.enter()
    ui.caseTable.selectRow(0)
    rest(desk, widget)
    desk.click(ui.openScansButton)
    rest(desk, widget)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert ui.captureKindBox.currentText == "another reader's marks in a case"
    assert page(widget).label_response.currentText == "choose ..."
    scan = slicer.util.getNode("case-001 arterial*")
    segmentation_from_masks({"mine": patient.mask}, scan, slicer.mrmlScene, "mine", surfaces=False)
    widget.enter()
    desk.choose(page(widget).label_response, "SD: stable disease")
    assert "Write your initials" in faults(widget)
    desk.type(ui.captureReaderEdit, "R2")
    assert added(desk, ui) == []
    assert "by R2 is kept" in ui.captureLabel.text
    folder = cohort / "readings" / "R2" / "case-001"
    assert (folder / "pre" / "tumour.seg.nrrd").is_file()
    assert json.loads((folder / "labels.json").read_text())["labels"] == {"response": "SD"}
    assert {p: p.read_bytes() for p in (cohort / "cases").rglob("*") if p.is_file()} == before


def test_a_case_that_is_opened_shows_its_marks_and_label_and_is_the_same_when_added_again(desk, opened, tmp_path):
    import slicer

    widget, _ = captured(desk, opened, tmp_path)
    ui = widget.ui
    slicer.mrmlScene.Clear(False)
    widget.enter()
    ui.caseTable.selectRow(0)
    rest(desk, widget)
    assert "arterial phase, CT before treatment" in ui.caseLabel.text
    desk.click(ui.openCaseButton)
    rest(desk, widget)
    assert page(widget).input_pre_arterial_volume.currentNode().GetName() == "case-001 arterial before treatment"
    assert page(widget).input_pre_tumour_segment.currentNode().GetName() == "case-001 tumour before treatment"
    assert page(widget).label_response.currentText == "PR: partial response"
    assert added(desk, ui) == []
    assert "nothing was written" in ui.captureLabel.text


def test_a_cohort_of_another_method_chooses_that_method_and_refuses_others(desk, opened, tmp_path):
    widget, _ = captured(desk, opened, tmp_path)
    ui = widget.ui
    method(ui, "ltp")
    desk.process_events()
    assert "one of 'Response to TACE" in ui.cohortNote.text
    assert not ui.addCaseButton.enabled
    ui.cohortFolder.currentPath = ""
    ui.cohortFolder.currentPath = str(tmp_path / "cohort")
    desk.process_events()
    assert widget.choice.recipe.id in ("tace-response", "ltp")
    missing = tmp_path / "chort"
    ui.cohortFolder.currentPath = str(missing)
    desk.process_events()
    assert "There is no cohort in chort" in ui.cohortNote.text
    assert not missing.exists()


def test_a_folder_that_cannot_be_written_is_said(desk, opened, tmp_path):
    patient_in_scene()
    widget = opened()
    blocked = tmp_path / "blocked"
    begin(desk, widget.ui, blocked)
    blocked.rmdir()
    blocked.write_text("a file where the folder was")  # rights do not hold for whoever runs tests as root
    desk.choose(page(widget).label_response, "PR: partial response")
    widget.capture.refresh()
    added(desk, widget.ui)
    assert "blocked" in widget.ui.captureLabel.text
    assert blocked.read_text() == "a file where the folder was"


def test_labels_of_masses_are_chosen_for_each_and_kept_with_the_mark(desk, opened, tmp_path):
    from HCCAssistLib.cohort.points import read_points
    from HCCAssistLib.scene.roles import set_role

    patient = patient_in_scene()
    set_role(patient.node, "baseline/arterial")
    patient.points.SetNthControlPointDescription(0, "")
    widget = opened("liver-mass")
    ui = page(widget)
    ui.input_baseline_masses_points.setCurrentNode(patient.points)
    begin(desk, widget.ui, tmp_path / "cohort")
    assert "marked in several ways" in faults(widget), "the scan's own segmentation was chosen, too"
    ui.input_baseline_masses_segment.setCurrentNode(None)
    assert ui.findingLabelTable.rowCount == 2
    assert "Choose the category of" in faults(widget)
    combo = ui.findingLabelTable.cellWidget(0, 1)
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    desk.process_events()
    assert patient.points.GetNthControlPointDescription(0) == "A"
    assert "Choose the category" not in faults(widget)
    assert added(desk, widget.ui) == []
    listed = read_points(tmp_path / "cohort" / "cases" / "case-001" / "baseline" / "masses.mrk.json")
    assert [one.description for one in listed.points] == ["A", "B, 23.0 mm"]


def test_the_table_is_filtered_and_tells_what_is_missing(desk, opened, tmp_path):
    widget, _ = captured(desk, opened, tmp_path)
    ui, cohort = widget.ui, tmp_path / "cohort"
    (cohort / "cases" / "case-001" / "pre" / "tumour.seg.nrrd").unlink()
    with (cohort / "cohort.csv").open("a", encoding="utf-8") as file:
        file.write("case-002,patient-002,train,CR,\n")
    (cohort / "cases" / "case-002" / "pre").mkdir(parents=True)
    for name in ("arterial.nrrd", "tumour.seg.nrrd"):
        (cohort / "cases" / "case-002" / "pre" / name).write_bytes(b"never opened")
    widget.onChanged()
    rest(desk, widget)
    assert cells(ui.caseTable) == [
        ["case-001", "patient-001", "PR", "", "no tumour"],
        ["case-002", "patient-002", "CR", "train", ""],
    ]
    desk.type(ui.caseFilter, "train cr")
    assert [row[0] for row in cells(ui.caseTable)] == ["case-002"]
    desk.type(ui.caseFilter, "")
    desk.click(ui.faultsOnlyCheck)
    assert [row[0] for row in cells(ui.caseTable)] == ["case-001"]
    assert "Split: train 1, not set 1" in ui.balanceLabel.text
    ui.caseTable.selectRow(1)
    rest(desk, widget)
    assert "damaged" in ui.caseLabel.text
    desk.click(ui.openCaseButton)
    rest(desk, widget)
    assert "case-002" in ui.caseLabel.text


def test_nobody_waits_while_a_large_scan_is_written_or_opened(desk, opened, tmp_path):
    import numpy as np
    import slicer
    from studying import STALL_S, heartbeat

    from HCCAssistLib.imaging.geometry import Geometry
    from HCCAssistLib.imaging.image import Image
    from HCCAssistLib.scene.roles import set_role
    from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

    grid = Geometry.from_parts((120, 256, 256), (0.8, 0.8, 2.5))
    voxels = np.random.default_rng(0).integers(0, 120, grid.shape, dtype=np.int16)
    mask = np.zeros(grid.shape, np.uint8)
    mask[50:70, 100:140, 90:150] = 1
    node = volume_from_image(Image(voxels, grid, "large"), slicer.mrmlScene, "CT arterial")
    set_role(node, "pre/arterial")
    segmentation_from_masks({"tumour": Image(mask, grid, "t")}, node, slicer.mrmlScene, "tumours", surfaces=False)
    widget = opened()
    begin(desk, widget.ui, tmp_path / "cohort")
    desk.choose(page(widget).label_response, "CR: complete response")
    with heartbeat(desk) as gaps:
        added(desk, widget.ui)
        rest(desk, widget)
    assert "case-001 of patient-001" in widget.ui.captureLabel.text, widget.ui.captureLabel.text
    assert max(gaps) < STALL_S, f"the window stood still for {max(gaps):.2f} s"
    widget.ui.caseTable.selectRow(0)
    rest(desk, widget)
    with heartbeat(desk) as gaps:
        desk.click(widget.ui.openCaseButton)
        rest(desk, widget)
    assert max(gaps) < STALL_S, f"the window stood still for {max(gaps):.2f} s"
    print(f"longest gap {max(gaps):.3f} s")


def test_a_cohort_of_500_cases_is_shown_in_a_moment_and_no_image_is_opened(desk, opened, tmp_path):
    import time

    from studying import STALL_S, heartbeat

    cohort = tmp_path / "cohort"
    lines = ["case_id,patient_id,split,response"]
    for number in range(500):
        folder = cohort / "cases" / f"case-{number:03d}" / "pre"
        folder.mkdir(parents=True)
        for name in ("arterial.nrrd", "tumour.seg.nrrd")[: 1 + number % 2 if number < 10 else 2]:
            (folder / name).write_bytes(b"never opened")
        split = ("train", "validation", "test")[number // 2 % 3]
        lines.append(f"case-{number:03d},patient-{number // 2:03d},{split},{('CR', 'PR', 'SD', 'PD')[number % 4]}")
    (cohort / "cohort.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    widget = opened()
    ui = widget.ui
    with heartbeat(desk) as gaps:
        begun = time.perf_counter()
        ui.cohortFolder.currentPath = str(cohort)
        rest(desk, widget)
        took = time.perf_counter() - begun
    print(f"{took:.2f} s, longest gap {max(gaps):.3f} s")
    assert ui.caseTable.rowCount == 500
    assert "500 cases of 250 patients; patients by label: CR 125, PR 125, SD 125, PD 125" in ui.balanceLabel.text
    desk.click(ui.faultsOnlyCheck)
    assert [row[4] for row in cells(ui.caseTable)] == ["no tumour"] * 5
    assert took < 5, "1 s is meant, on a machine of one's own"
    assert max(gaps) < STALL_S
