"""The scan's header, the model and the export in a method's panel; each test clicks what once went wrong."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from ltp_reading import AtOnce, chord, load_blobs, unfold

pytestmark = pytest.mark.usefixtures("small_view")


@pytest.fixture(autouse=True)
def of_this_scan(monkeypatch):
    """The result that is ready tells of the scan that was sent, so that it can be exported."""

    def submit(self, study, request):
        def sent():
            sha = study_sent.digests()["post/arterial"]
            self.result = replace(self.result, run=replace(self.result.run, inputs={"post/arterial": sha}))
            return study_sent

        study_sent = study()
        return submit_as_it_is(self, sent, request)

    submit_as_it_is = AtOnce.submit
    monkeypatch.setattr(AtOnce, "submit", submit)


def judged(desk, panel):
    """The panel with a result in which every candidate has a verdict, its export opened."""
    widget = panel()
    for _ in range(len(widget.logic.session.current.result.findings)):
        chord(desk, widget.ui.table, "A")
    unfold(widget.ui)
    widget.ui.exportsButton.collapsed = False
    desk.process_events()
    return widget


def written(desk, ui, *answers):
    """Press Add and wait for what becomes of it; the texts that were asked."""
    with desk.answering(*answers) as asked:
        desk.click(ui.addButton)
        desk.wait_until(lambda: ui.exportLabel.text not in ("", "Writing ..."))
    return asked


def begin(desk, ui, folder):
    folder.mkdir(exist_ok=True)
    with desk.choosing(folder):
        desk.click(ui.newCohortButton)


def table(cohort):
    with (cohort / "cohort.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_cohort_is_begun_only_by_its_own_button(desk, panel, tmp_path):
    widget = judged(desk, panel)
    ui = widget.ui
    mistyped = tmp_path / "chort"
    ui.cohortPath.currentPath = str(mistyped)
    desk.process_events()
    assert not ui.addButton.enabled
    assert "There is no cohort in chort" in ui.cohortLabel.text
    assert not mistyped.exists()
    begin(desk, ui, tmp_path / "cohort")
    assert ui.cohortLabel.text == ""
    assert ui.caseEdit.text == "case-001"
    assert written(desk, ui) == []
    assert "case-001 is in the cohort" in ui.exportLabel.text
    assert [row["case_id"] for row in table(tmp_path / "cohort")] == ["case-001"]
    assert not mistyped.exists()


def test_a_case_is_replaced_only_after_a_yes(desk, panel, tmp_path):
    ui = judged(desk, panel).ui
    cohort = tmp_path / "cohort"
    begin(desk, ui, cohort)
    written(desk, ui)
    ui.caseEdit.text = "case-001"
    (asked,) = written(desk, ui, "Cancel")
    assert "case case-001 already" in asked
    assert len(written(desk, ui, "OK")) == 1
    assert len(table(cohort)) == 1


def test_a_patients_name_is_refused_as_an_id_while_it_is_typed(desk, panel, tmp_path):
    import slicer

    widget = judged(desk, panel)
    ui, scan = widget.ui, widget.logic.session.current.scan
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Mustermann^Erika")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(scan), patient)
    begin(desk, ui, tmp_path / "cohort")
    assert ui.addButton.enabled
    ui.caseEdit.text = "mustermann-1"
    assert "patient's name" in ui.cohortLabel.text
    assert not ui.addButton.enabled
    ui.caseEdit.text = "case-001"
    assert ui.addButton.enabled


def test_the_busy_bar_is_there_only_while_something_is_written(desk, panel, tmp_path):
    ui = judged(desk, panel).ui
    assert not ui.exportProgress.visible
    begin(desk, ui, tmp_path / "cohort")
    desk.click(ui.addButton)
    seen = ui.exportProgress.visible
    desk.wait_until(lambda: ui.exportLabel.text not in ("", "Writing ..."))
    assert seen
    assert not ui.exportProgress.visible


def test_the_last_cohort_is_there_again_the_next_time(desk, panel, at_once, tmp_path):
    ui = judged(desk, panel).ui
    begin(desk, ui, tmp_path / "cohort")
    written(desk, ui)
    ui = at_once(desk).ui
    assert ui.cohortPath.currentPath == str(tmp_path / "cohort")
    assert ui.caseEdit.text == "case-002"


def test_the_header_tells_whose_scan_it_is_when_asked_and_whether_its_phase_was_confirmed(desk, at_once):
    import slicer

    from HCCAssistLib.scene.roles import set_role

    scan = load_blobs(name="7: portal venous")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "P-017")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(scan), patient)
    hierarchy.SetItemAttribute(patient, "DICOM.PatientName", "Musterfrau^Erika")
    hierarchy.SetItemAttribute(patient, "DICOM.PatientBirthDate", "19480321")
    ui = at_once(desk).ui
    ui.input_post_arterial_volume.setCurrentNode(scan)
    desk.process_events()
    assert ui.headerLabel.text == "7: portal venous"
    assert not ui.patientLabel.visible
    desk.click(ui.patientButton)
    assert ui.patientLabel.text == "Musterfrau^Erika, born 19480321"
    desk.click(ui.patientButton)
    assert not ui.patientLabel.visible
    scan.SetName("Musterfrau portal venous")
    desk.click(ui.patientButton)
    ui.input_post_arterial_volume.setCurrentNode(None)
    ui.input_post_arterial_volume.setCurrentNode(scan)
    assert ui.headerLabel.text == "scan (its name tells the patient)"
    assert not ui.patientButton.checked
    scan.SetName("7: portal venous")
    assert not ui.phaseLabel.visible  # what is guessed is told once, with what speaks against a run
    ui.detectionButton.collapsed = False
    assert ui.readinessLabel.text.count("portal venous phase") == 1
    set_role(scan, "post/arterial")
    ui.input_post_arterial_volume.setCurrentNode(None)
    ui.input_post_arterial_volume.setCurrentNode(scan)
    desk.process_events()
    assert ui.phaseLabel.text.startswith("Confirmed as arterial phase, follow-up CT, but: name: 'portal'")


def test_the_header_offers_the_methods_windows_and_a_narrow_one_for_the_liver(desk, at_once):
    scan = load_blobs()
    ui = at_once(desk).ui
    ui.input_post_arterial_volume.setCurrentNode(scan)
    desk.process_events()
    offered = [ui.windowBox.itemText(n) for n in range(ui.windowBox.count)]
    assert {"Narrow liver (150/70)", "Liver (400/60)", "Ablation (60/80)"} <= set(offered)
    for text, shown in (("Narrow liver", (150, 70)), ("Ablation", (60, 80))):
        desk.choose(ui.windowBox, text)
        assert (scan.GetDisplayNode().GetWindow(), scan.GetDisplayNode().GetLevel()) == shown


def test_the_model_tells_what_it_was_trained_on_and_its_card_folds_out(desk, at_once):
    load_blobs()
    ui = at_once(desk).ui
    unfold(ui)
    desk.process_events()
    assert "Research use only" in ui.modelSummary.text
    assert not ui.modelCard.visible
    desk.click(ui.cardButton)
    assert ui.modelCard.visible
    assert "Research use only" in ui.modelCard.toPlainText()
    desk.click(ui.cardButton)
    assert not ui.modelCard.visible
