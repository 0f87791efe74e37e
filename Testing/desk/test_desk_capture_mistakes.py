"""Tests of the tests: mistakes planted into the parts that capture cases make a radiologist's work with them fail."""

from __future__ import annotations

import pytest
from capturing import MODULE, added, begin, cells, choose_data, method, patient_in_scene, rest
from planting import noticed, some_of
from test_desk_panels_mistakes import Planted, forget

MISTAKES = {
    "label not asked for": ("label_form.py", "elif not self._chosen():", "elif False:"),
    "written over without a question": (
        "capture.py",
        "if slicer.util.confirmOkCancelDisplay(outcome.text",
        "if outcome.text or slicer.util.confirmOkCancelDisplay(outcome.text",
    ),
    "label of the patient before": (
        "capture.py",
        "                self.page.show({})  # what was typed is of the patient before",
        "                pass",
    ),
    "patient not recognised": ("case_choice.py", 'if guess.kind == "known" else 0', "if False else 0"),
    "every patient a new one": (
        "case_choice.py",
        'return None if not chosen else "" if chosen == _NEW else',
        'return "" if chosen else',
    ),
    "what was added not kept in mind": ("capture.py", "own(node, place, order.case_id, order.cohort)", "pass"),
    "case of another one changed": ("case_choice.py", "ids.index(opened))", "len(ids) - 1 - ids.index(opened))"),
    "phase that was settled otherwise": (
        "capture_page.py",
        'yield Light("stop", light.text) if other else light',
        "yield light",
    ),
    "marks shown to another reader": ("cohort_browser.py", "marks=marked", "marks=True"),
    "another case opened": ("cohort_browser.py", "self._shown.cases[rows[0].row()]", "self._shown.cases[0]"),
    "table not looked at again": ("cohort_browser.py", "if key != self._key and", "if not self._key and"),
    "filter deaf": ("cohort_browser.py", "setRowHidden(row, not self._passes(one))", "setRowHidden(row, False)"),
    "signal misspelt": ("cohort_browser.py", '"itemSelectionChanged()"', '"itemSelectionsChanged()"'),
    "cohort begun unasked": ("cohort_choice.py", "folder == self._new or (folder / TABLE).is_file()", "True"),
    "method without effect": (
        "cohort_choice.py",
        "return self._recipes[self.ui.coh",
        "return self._recipes[0 * self.ui.coh",
    ),
    "widget misspelt": ("capture.py", "ui.addCaseButton.enabled =", "ui.addCaseBtn.enabled ="),
}
"""File among the parts of the panels, what stands there, what is planted in its place."""


def collect(desk, folder):
    """A radiologist collects two scans of one patient and lets another reader look at one; the Python widget."""
    import slicer

    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.scene.roles import set_role

    cohort = folder / "cohort"

    def table():
        return {case.case_id: (case.patient_id, case.values["response"]) for case in read_cohort(cohort).cases}

    patient = patient_in_scene()
    set_role(patient.node, "pre/portal")
    widget = desk.open(MODULE)
    ui = widget.ui
    method(ui, "tace-response")
    ui.cohortFolder.currentPath = str(folder / "mistyped")
    desk.process_events()
    assert "There is no cohort" in ui.cohortNote.text
    begin(desk, ui, cohort)
    page = widget.capture.page.ui
    page.input_pre_arterial_volume.setCurrentNode(patient.node)
    page.input_pre_tumour_segment.setCurrentNode(patient.segments)
    choose_data(page.label_response, "PR")
    assert not ui.addCaseButton.enabled, "it was settled as portal venous"
    set_role(patient.node, "pre/arterial")
    choose_data(page.label_response, "")
    widget.capture.refresh()
    assert not ui.addCaseButton.enabled, "there is no label"
    choose_data(page.label_response, "PR")
    assert added(desk, ui) == []
    assert table() == {"case-001": ("patient-001", "PR")}
    rest(desk, widget)
    choose_data(page.label_response, "CR")
    (asked,) = added(desk, ui, "Cancel")
    assert "case-001 would change" in asked
    assert table() == {"case-001": ("patient-001", "PR")}

    second = patient_in_scene(1)
    page.input_pre_arterial_volume.setCurrentNode(second.node)
    page.input_pre_tumour_segment.setCurrentNode(second.segments)
    desk.process_events()
    assert page.label_response.currentText == "choose ..."
    choose_data(page.label_response, "PD")
    assert added(desk, ui) == []
    assert table() == {"case-001": ("patient-001", "PR"), "case-002": ("patient-001", "PD")}
    rest(desk, widget)
    assert [row[:3] for row in cells(ui.caseTable)][1] == ["case-002", "patient-001", "PD"]
    desk.type(ui.caseFilter, "pd")
    assert len(cells(ui.caseTable)) == 1
    desk.type(ui.caseFilter, "")
    # back to the first scan, which is that of its case
    page.input_pre_arterial_volume.setCurrentNode(patient.node)
    desk.process_events()
    assert ui.oldCaseBox.currentText == "case-001"

    slicer.mrmlScene.Clear(False)
    widget.enter()
    ui.caseTable.selectRow(1)
    rest(desk, widget)
    desk.click(ui.openScansButton)
    rest(desk, widget)
    assert slicer.mrmlScene.GetFirstNodeByName("case-002 arterial before treatment") is not None
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert ui.oldCaseBox.currentText == "case-002"
    desk.close_module()
    return widget


@pytest.fixture
def shared(desk, monkeypatch, tmp_path):
    """Nothing is known on this computer, and the parts are as on disk again afterwards."""
    import slicer

    import HCCAssistLib.panels as package

    monkeypatch.setenv("HCCASSIST_PATIENTS", str(tmp_path / "own"))
    slicer.app.settings().clear()
    yield monkeypatch
    slicer.app.settings().clear()
    monkeypatch.undo()
    forget(package)


def test_the_parts_without_a_mistake_pass(desk, small_view, shared, tmp_path):
    collect(desk, tmp_path)


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(MISTAKES))
def test_a_planted_mistake_is_caught(desk, small_view, shared, tmp_path, mistake):
    (tmp_path / "parts").mkdir()
    Planted(MISTAKES[mistake], tmp_path / "parts", shared)
    assert noticed(desk, lambda: collect(desk, tmp_path)), f"nobody noticed: {mistake}"
