"""A reviewed scan written into a folder or a cohort by the LTP panel: what was run, and nothing unasked."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from ltp_reading import (
    MODULE,
    add_segments,
    cells,
    chord,
    chosen,
    column,
    detect,
    load_blobs,
    numbers,
    ras,
    unfold,
)

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

pytestmark = pytest.mark.usefixtures("small_view")


def reviewed(desk, panel, **volume):
    """All candidates judged, the section for exports open; the module's widget."""
    widget = panel(**volume)
    ui = widget.ui
    for button in (ui.acceptButton, ui.rejectButton, ui.acceptButton):
        desk.click(button)
    ui.exportsButton.collapsed = False
    return widget


def add(desk, ui, cohort, *answers, case="", patient="", seconds=20):
    """Choose the cohort, or begin one; press Add, answer what is asked, wait for the end; the questions."""
    if not (cohort / "cohort.csv").is_file() and ui.cohortPath.currentPath != str(cohort):
        cohort.mkdir()
        with desk.choosing(cohort):
            desk.click(ui.newCohortButton)
    ui.cohortPath.currentPath = str(cohort)
    if case:
        ui.caseEdit.text = case
    ui.patientEdit.text = patient
    with desk.answering(*answers) as asked:
        desk.click(ui.addButton)
        desk.wait_until(lambda: ui.exportLabel.text not in ("", "Writing ...") and ui.exportButton.enabled, seconds)
    return asked


def table_of(cohort):
    with (cohort / "cohort.csv").open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_a_case_written_while_another_scan_is_looked_at_is_not_possible(desk, at_once, tmp_path):
    """What is exported is what was run: neither the other scan nor its segments."""
    one, other = load_blobs(name="scan A"), load_blobs(name="scan B")
    first = add_segments(one)
    add_segments(other, ("liver", "zone"))
    widget = at_once(desk)
    ui = widget.ui
    ui.input_post_arterial_volume.setCurrentNode(one)
    detect(desk, ui)
    for _ in range(3):
        desk.click(ui.acceptButton)
    ui.exportsButton.collapsed = False
    unfold(ui)
    ui.input_post_arterial_volume.setCurrentNode(other)
    assert not ui.addButton.enabled
    assert not ui.exportButton.enabled
    ui.input_post_arterial_volume.setCurrentNode(one)
    ui.input_post_liver_segment.setCurrentNode(None)  # of the next run, not of this one
    assert widget.logic.session.current.chosen_inputs.segments["post/liver"][0] is first
    assert ui.exportButton.enabled


def test_a_dead_button_says_why_and_what_an_export_came_to_goes_with_its_result(desk, panel, tmp_path):
    import slicer

    widget = reviewed(desk, panel)
    ui = widget.ui
    assert not ui.addButton.enabled
    assert ui.addButton.toolTip == ui.cohortLabel.text == "Choose the folder of a cohort, or press New cohort."
    add(desk, ui, tmp_path / "cohort")
    assert "with the verdicts" in ui.addButton.toolTip
    assert not ui.cohortLabel.visible
    assert "case-001 is in the cohort" in ui.exportLabel.text
    slicer.app._host.clear()
    desk.process_events()
    assert not ui.exportLabel.visible, "it was of the scan before"
    assert ui.addButton.toolTip == "There is no result of this scan yet."
    assert not (ui.inputsButton.collapsed or ui.detectionButton.collapsed), "the next scan is to be chosen"


def test_the_same_scan_added_twice_becomes_a_second_patient_only_when_asked(desk, panel, tmp_path):
    ui = reviewed(desk, panel).ui
    assert add(desk, ui, tmp_path / "cohort") == []
    asked = add(desk, ui, tmp_path / "cohort", "Cancel", case="case-002")
    assert "in the cohort already, as case case-001" in asked[0]
    assert len(table_of(tmp_path / "cohort")) == 1
    add(desk, ui, tmp_path / "cohort", "OK", case="case-002")
    assert [row["case_id"] for row in table_of(tmp_path / "cohort")] == ["case-001", "case-002"]


def test_a_result_in_the_folder_is_not_overwritten_unasked(desk, panel, tmp_path):
    from HCCAssistLib.results.files import read_result

    ui = reviewed(desk, panel).ui
    folder = tmp_path / "result"

    def write(*answers):
        with desk.answering(*answers) as asked, desk.choosing(folder):
            desk.click(ui.exportButton)
            desk.wait_until(lambda: ui.exportButton.enabled)
        return asked

    assert write() == []
    ui.table.selectRow(0)
    desk.click(ui.rejectButton)
    assert "Overwrite it?" in write("Cancel")[0]
    assert read_result(folder).candidates[0].review.verdict.value == "accepted"
    write("OK")
    assert read_result(folder).candidates[0].review.verdict.value == "rejected"


def test_a_mistyped_or_vanished_cohort_is_not_made_anew(desk, panel, tmp_path):
    import shutil

    ui = reviewed(desk, panel).ui
    for wrong in (tmp_path / "cohrot", tmp_path / "nowhere" / "cohort"):
        ui.cohortPath.currentPath = str(wrong)
        assert "There is no cohort in" in ui.cohortLabel.text
        assert not ui.addButton.enabled
    add(desk, ui, tmp_path / "cohort")
    shutil.rmtree(tmp_path / "cohort")
    desk.click(ui.addButton)
    assert "There is no cohort in cohort" in ui.cohortLabel.text
    assert list(tmp_path.iterdir()) == []


def test_the_points_of_the_zone_are_not_taken_for_missed_lesions(desk, at_once, tmp_path):
    load_blobs()
    widget = at_once(desk)
    ui = widget.ui
    desk.choose(ui.input_post_ablation_points, "Create new")
    ui.input_post_ablation_points.currentNode().AddControlPointWorld(0, 0, 0)
    detect(desk, ui)
    for _ in range(3):
        desk.click(ui.acceptButton)
    ui.exportsButton.collapsed = False
    ui.missedSelector.setCurrentNode(ui.input_post_ablation_points.currentNode())
    add(desk, ui, tmp_path / "cohort")
    assert "not missed lesions" in ui.exportLabel.text
    assert list((tmp_path / "cohort").iterdir()) == []


def test_an_unfinished_review_is_not_exported_as_free_of_progression(desk, panel, tmp_path):
    ui = panel().ui
    ui.exportsButton.collapsed = False
    add(desk, ui, tmp_path / "cohort")
    assert "3 candidates are still to review" in ui.exportLabel.text
    assert list((tmp_path / "cohort").iterdir()) == []


def test_points_that_cannot_all_be_lesions_are_told_before_anything_is_written(desk, panel, tmp_path):
    import slicer

    ui = reviewed(desk, panel).ui
    missed = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "missed")
    for x in (10.0, 12.0):
        missed.AddControlPointWorld(ras((x, 12.0, 3.0)))
    ui.missedSelector.setCurrentNode(missed)
    add(desk, ui, tmp_path / "cohort")
    assert "are 2.0 mm apart: one place is marked twice" in ui.exportLabel.text
    assert list((tmp_path / "cohort").iterdir()) == []


def test_a_lesion_outside_the_liver_is_told_before_anything_is_written(desk, at_once, tmp_path):
    import slicer

    from HCCAssistLib.scene.inputs import geometry_of_volume
    from HCCAssistLib.scene.volumes import segmentation_from_masks

    scan = load_blobs()
    grid = geometry_of_volume(scan)
    liver = np.zeros(grid.shape, np.uint8)
    liver[2:26, 10:60, 10:60] = 1  # a corner of the scan, far from everything
    segmentation_from_masks({"Leber": Image(liver, grid)}, scan, slicer.mrmlScene, "segments", surfaces=False)
    ui = at_once(desk).ui
    detect(desk, ui)
    for _ in range(3):
        desk.click(ui.acceptButton)
    ui.exportsButton.collapsed = False
    missed = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "missed")
    missed.AddControlPointWorld(ras((10.0, 12.0, 3.0)))
    ui.missedSelector.setCurrentNode(missed)
    add(desk, ui, tmp_path / "cohort")
    assert "more than 30 mm outside the liver's segment" in ui.exportLabel.text
    assert "missed 1" in ui.exportLabel.text
    assert list((tmp_path / "cohort").iterdir()) == []


@pytest.mark.parametrize("turned", [pytest.param("flipped", marks=pytest.mark.slow), "oblique"])
def test_an_exported_case_has_its_points_where_they_were(desk, models, tmp_path, turned):
    import slicer
    from imaging_samples import rotation
    from ltp_blob import BLOBS

    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.cohort.points import read_points
    from HCCAssistLib.imaging.files import read_image
    from HCCAssistLib.scene.inputs import image_from_volume

    directions = np.diag([-1.0, -1.0, 1.0]) @ (np.diag([1, 1, -1]) if turned == "flipped" else rotation(6, -9, 12))
    size, spacing = np.array((190, 180, 40)), np.array((0.8, 0.7, 3.2))
    grid = Geometry.from_parts(size[::-1], spacing, (-directions @ ((size - 1) * spacing / 2)).tolist(), directions)
    volume = load_blobs(grid)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Mustermann^Erika")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), patient)
    widget = desk.open(MODULE)
    ui = widget.ui
    detect(desk, ui)
    boxes = [c.box for c in widget.logic.session.current.result.candidates[:3]]
    centers = [np.array(box.center) for box in boxes]
    # from the screen to the box along its own axes, just within its edge and just beyond it
    for number, box in enumerate(boxes[1:], start=2):
        edge = np.array(box.axes[1]) * box.size[1] / 2
        for share, wanted in ((1.15, 1), (0.85, number)):
            ui.table.selectRow(0)
            place = ras(np.array(box.center) + share * edge)
            slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *place)
            desk.click_in_view("Red", place)
            assert chosen(ui) == wanted
    ui.table.selectRow(0)
    desk.click(ui.acceptButton)
    desk.click(ui.rejectButton)
    ui.exportsButton.collapsed = False
    missed = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Dr Who saw")
    missed.AddControlPointWorld(ras((10.0, 12.0, 3.0)))
    ui.missedSelector.setCurrentNode(missed)
    ui.caseEdit.text = "mustermann-1"
    assert "part of the patient's name" in ui.cohortLabel.text
    assert not ui.addButton.enabled
    add(desk, ui, tmp_path / "cohort", case="case-001")
    assert "still to review" in ui.exportLabel.text
    assert "1 candidate" in ui.exportLabel.text

    (case,) = read_cohort(tmp_path / "cohort").cases
    assert (case.case_id, case.patient_id, case.split, case.values["ltp"]) == ("case-001", "case-001", "", "1")
    positives = read_points(case.annotation_path("post", "ltp", "points"))
    negatives = read_points(case.annotation_path("post", "rejected", "points"))
    np.testing.assert_allclose(positives.positions, [centers[0], (10, 12, 3)], atol=1e-6)
    np.testing.assert_allclose(negatives.positions, [centers[1]], atol=1e-6)
    for center in centers[:2]:
        assert min(np.linalg.norm(center - blob) for blob, _ in BLOBS) < 6
    image, shown = read_image(case.volume_path("post", "arterial")), image_from_volume(volume)
    np.testing.assert_allclose(image.geometry.to_world(image.geometry.to_index(centers[0])), centers[0], atol=1e-6)
    for center in centers[:2]:
        ours, theirs = (np.rint(i.geometry.to_index(center)).astype(int)[::-1] for i in (image, shown))
        assert image.array[tuple(ours)] == shown.array[tuple(theirs)] > 100
    assert "Who" not in "".join(path.read_text() for path in case.folder.rglob("*.json"))


class Counter:
    """Counts what a person does: presses of the mouse and of keys."""

    def __init__(self, desk):
        self.desk, self.clicks, self.keys = desk, 0, 0

    def click(self, widget):
        self.clicks += 1
        self.desk.click(widget)

    def chord(self, widget, key):
        self.keys += 1
        chord(self.desk, widget, key)


def test_a_confirmed_scan_takes_three_clicks_and_a_key_to_a_verdict_and_six_to_a_cohort(desk, at_once, tmp_path):
    """Two of the clicks open the module in Slicer's module selector, which the desk does not have."""
    import slicer

    from HCCAssistLib.cohort.cohort import write_cohort_table

    scan = load_blobs(role="post/arterial")
    add_segments(scan)
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    write_cohort_table(cohort, [{"case_id": "case-001", "patient_id": "p1", "split": "", "ltp": "0"}])
    slicer.app.settings().setValue("HCCAssist/Cohort", str(cohort))  # of the case before
    person = Counter(desk)
    person.clicks += 2
    ui = at_once(desk).ui
    person.click(ui.runButton)
    desk.wait_until(lambda: not ui.cancelButton.enabled)
    view = desk.layout_manager.sliceWidget("Red").sliceView()
    person.chord(view, "A")
    assert cells(ui, "Verdict")[0] == "accepted"
    assert (person.clicks, person.keys) == (3, 1)
    person.chord(view, "R")
    person.chord(view, "O")
    person.click(ui.exportsButton)
    person.click(ui.addButton)
    desk.wait_until(lambda: ui.exportLabel.text not in ("", "Writing ..."), 20)
    assert "case-002 is in the cohort" in ui.exportLabel.text
    assert person.clicks <= 6
    assert person.keys == len(numbers(ui)) == 3
    assert [row["case_id"] for row in table_of(cohort)] == ["case-001", "case-002"]


def test_comments_and_readers_stay_out_of_a_cohort(desk, panel, tmp_path):
    widget = reviewed(desk, panel)
    ui = widget.ui
    ui.table.item(0, column(ui, "Comment")).setText("Frau Mustermann, siehe Befund")
    add(desk, ui, tmp_path / "cohort")
    written = "".join(p.read_text() for p in (tmp_path / "cohort").rglob("*") if p.suffix in (".json", ".csv"))
    assert "Mustermann" not in written
    assert replace(widget.logic.session.current.result.candidates[0].review, comment="").reader == "R1"
