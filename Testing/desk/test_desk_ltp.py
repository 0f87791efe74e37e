"""The LTP panel used as a reader does, on the desk."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from ltp_reading import (
    MODULE,
    AtOnce,
    add_to_cohort,
    detect,
    frame,
    load_blobs,
    numbers,
    ras,
    rows,
    seen_boxes,
    warm_places,
)

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    from ltp_blob import blob_model

    folder = tmp_path_factory.mktemp("store")
    blob_model(folder)
    return folder


@pytest.fixture
def ct(desk, store, monkeypatch):
    monkeypatch.setenv("HCCASSIST_MODELS", str(store))
    return load_blobs()


@pytest.fixture(scope="session")
def found(store):
    """What the model finds: three candidates, and two below its cut-off."""
    from ltp_blob import blob_image, straight_grid

    from HCCAssistLib.inference.loaded_model import load_model
    from HCCAssistLib.models.package import read_package
    from HCCAssistLib.recipes.ltp.prediction import predict

    study = Study("case", {"post/arterial": blob_image(straight_grid())})
    result = predict(study, load_model(read_package(store / "blobs")), {"stride": "fast"})
    assert len(result.candidates) == 3
    return result


@pytest.fixture
def panel(desk, ct, found, monkeypatch):
    """The panel with a worker that has the result ready; opens it and detects."""
    from HCCAssistLib.jobs import local

    def opened(result=found):
        monkeypatch.setattr(local, "LocalExecutor", lambda **_: AtOnce(result))
        widget = desk.open(MODULE)
        detect(desk, widget.ui)
        return widget

    return opened


def test_a_reader_detects_reviews_saves_and_exports(desk, ct, tmp_path):
    import slicer
    from ltp_blob import BLOBS

    from HCCAssistLib.results.files import read_result
    from HCCAssistLib.scene.mrb import save_mrb

    widget = desk.open(MODULE)
    ui = widget.ui
    assert "Research use only." in ui.modelSummary.text
    desk.click(ui.cardButton)
    for heading in ("Recipe", "Trained on", "Figures", "Cut-off", "Research use only"):
        assert heading in ui.modelCard.text
    desk.screenshot(tmp_path / "0-card.png")
    desk.click(ui.cardButton)
    desk.choose(ui.zonePointsSelector, "Create new")
    desk.click(ui.placeWidget.placeButton())
    desk.click_in_view("Red", ras(BLOBS[0][0]))
    assert ui.zonePointsSelector.currentNode().GetNumberOfDefinedControlPoints() == 1
    desk.screenshot(tmp_path / "1-marked.png")

    shown = []
    ui.progressBar.connect("valueChanged(int)", shown.append)
    detect(desk, ui, "standard")
    desk.screenshot(tmp_path / "2-detected.png")
    found = widget.logic.drawn.result
    assert any(0 < share < 100 for share in shown)
    assert ui.progressBar.value == 100
    assert ui.thresholdSlider.value == pytest.approx(found.threshold)
    probabilities = [float(row[1]) for row in rows(ui)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len(probabilities) == len(found.shown) >= 3
    assert numbers(ui)[0] == ui.table.currentRow() + 1 == 1, "the first candidate is shown at once"

    ui.table.selectRow(1)
    center = found.shown[1].box.center
    for name, axis in (("Red", 2), ("Yellow", 0), ("Green", 1)):
        plane = desk.layout_manager.sliceWidget(name).mrmlSliceNode().GetSliceToRAS()
        assert plane.GetElement(axis, 3) == pytest.approx(ras(center)[axis], abs=0.01), name

    desk.click(ui.acceptButton)
    desk.click(ui.nextButton)
    assert ui.table.currentRow() == 2
    desk.click(ui.rejectButton)
    ui.table.item(2, 6).setText("vessel")
    assert [row[5:] for row in rows(ui)[1:3]] == [["accepted", ""], ["rejected", "vessel"]]
    assert ui.countsLabel.text == "1 accepted, 1 rejected, 1 to review"
    desk.click(ui.undoButton)
    desk.click(ui.undoButton)
    assert rows(ui)[2][5:] == ["to review", ""]
    desk.click(ui.rejectButton)
    desk.screenshot(tmp_path / "3-reviewed.png")

    before = len(rows(ui))
    ui.thresholdSlider.value = 1.0
    assert rows(ui) == []
    assert not ui.acceptButton.enabled
    assert "This does not exclude progression. 3 below it" in ui.resultLabel.text
    desk.click(ui.cutoffButton)
    assert ui.thresholdSlider.value == found.threshold
    assert len(rows(ui)) == before
    assert "set by hand for a test" in ui.resultLabel.text

    desk.click(ui.exportsButton)
    with desk.choosing(tmp_path / "result"):
        desk.click(ui.exportButton)
    desk.wait_until(lambda: "candidates.csv" in ui.exportLabel.text)
    written = read_result(tmp_path / "result")
    assert [c.review.verdict.value for c in written.shown[1:3]] == ["accepted", "rejected"]
    np.testing.assert_array_equal(written.heatmap.array, found.heatmap.array)
    with (tmp_path / "result" / "candidates.csv").open(encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    assert [row["verdict"] for row in table[1:3]] == ["accepted", "rejected"]
    assert float(table[1]["diameter_mm"]) == written.shown[1].diameter_mm
    assert json.loads((tmp_path / "result" / "result.json").read_text())["research_use_only"] is True

    reviewed = rows(ui)
    save_mrb(slicer.mrmlScene, tmp_path / "case.mrb")
    slicer.mrmlScene.Clear(False)
    assert rows(ui) == []
    slicer.app._host.load(tmp_path / "case.mrb")
    desk.process_events()
    assert rows(ui) == reviewed
    assert widget.logic.drawn.volume is ui.volumeSelector.currentNode()
    desk.screenshot(tmp_path / "4-restored.png")


def test_keys_review_the_chosen_candidate_but_not_while_a_comment_is_typed(desk, panel):
    ui = panel().ui
    desk.window.activateWindow()
    ui.table.setFocus()
    desk.press(ui.table, "Key_A")
    desk.press(ui.table, "Key_N")
    desk.press(ui.table, "Key_R")
    assert [row[5] for row in rows(ui)] == ["accepted", "rejected", "to review"]
    desk.press(ui.table, "Key_U")
    desk.press(ui.table, "Key_P")
    assert rows(ui)[1][5] == "to review"
    assert ui.table.currentRow() == 0
    import qt

    ui.table.editItem(ui.table.item(0, 6))
    editor = next(e for e in ui.table.findChildren(qt.QLineEdit) if e.visible)
    for key in ("Key_A", "Key_R", "Key_U"):
        desk.press(editor, key)
    desk.press(editor, "Key_Return")
    assert rows(ui)[0][5:] == ["accepted", "aru"]
    assert [row[5] for row in rows(ui)[1:]] == ["to review", "to review"]


def test_boxes_and_heat_follow_the_threshold_and_the_check_boxes(desk, panel):
    widget = panel()
    ui, logic = widget.ui, widget.logic
    probabilities = [c.probability for c in logic.drawn.result.candidates]
    assert seen_boxes(logic.drawn) == warm_places(logic.drawn) == numbers(ui) == [1, 2, 3]
    for shown in (1, 2, 3):
        ui.thresholdSlider.value = probabilities[shown - 1] - 0.001
        assert seen_boxes(logic.drawn) == warm_places(logic.drawn) == numbers(ui) == list(range(1, shown + 1))
    ui.table.selectRow(2)
    ui.boxesCheck.checked = False
    assert seen_boxes(logic.drawn) == []
    assert not logic.drawn.labels.GetDisplayNode().GetVisibility2D()
    assert frame(desk) is None
    ui.boxesCheck.checked = True
    assert seen_boxes(logic.drawn) == [1, 2, 3]
    assert frame(desk) is not None
    red = desk.layout_manager.sliceWidget("Red").mrmlSliceCompositeNode()
    ui.opacitySlider.value = 0.3
    assert red.GetForegroundOpacity() == pytest.approx(0.3)
    ui.heatmapCheck.checked = False
    assert red.GetForegroundOpacity() == 0
    assert logic.job is None


def test_the_chosen_box_is_framed_and_a_click_into_a_box_chooses_its_row(desk, panel):
    import slicer
    from reading import position_in_view

    widget = panel()
    ui, boxes = widget.ui, widget.logic.drawn.result.candidates
    ui.table.selectRow(1)
    np.testing.assert_allclose(frame(desk).GetCenterWorld(), ras(boxes[1].box.center), atol=0.01)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras(boxes[2].box.center))
    desk.click_in_view("Red", ras(boxes[2].box.center))
    assert numbers(ui)[ui.table.currentRow()] == 3
    np.testing.assert_allclose(frame(desk).GetCenterWorld(), ras(boxes[2].box.center), atol=0.01)
    column, row = position_in_view(desk, "Red", ras(boxes[2].box.center))
    outside = np.add(boxes[2].box.center, (boxes[2].box.size[0], 0, 0))
    desk.click_in_view("Red", ras(outside))
    assert numbers(ui)[ui.table.currentRow()] == 3, "a click beside the boxes changes nothing"
    assert position_in_view(desk, "Red", ras(boxes[2].box.center)) == (column, row), "the clicked view stays"
    ui.thresholdSlider.value = 1.0
    assert frame(desk) is None


def test_the_table_sorts_by_any_column_and_numbers_stay(desk, panel, found):
    away = (3.0, None, 12.0)
    candidates = tuple(replace(c, distance_to_ablation_mm=d) for c, d in zip(found.candidates, away, strict=True))
    widget = panel(replace(found, candidates=candidates))
    ui, header = widget.ui, widget.ui.table.horizontalHeader()
    by_probability = numbers(ui)
    assert by_probability == [1, 2, 3]
    header.sectionClicked.emit(4)
    assert [row[4] for row in rows(ui)] == ["3", "12", ""]
    assert numbers(ui)[ui.table.currentRow()] == 1, "the chosen one stays chosen"
    header.sectionClicked.emit(4)
    assert [row[4] for row in rows(ui)] == ["12", "3", ""]
    header.sectionClicked.emit(1)
    assert numbers(ui) == by_probability
    header.sectionClicked.emit(1)
    assert numbers(ui) == by_probability[::-1]
    desk.click(ui.acceptButton)
    assert [c.review.verdict.value for c in widget.logic.drawn.result.candidates] == ["accepted", "pending", "pending"]


def test_a_running_search_is_cancelled_and_the_panel_stays_alive(desk, ct):
    ui = desk.open(MODULE).ui
    desk.choose(ui.qualityBox, "fine")
    desk.click(ui.detectButton)
    assert not ui.detectButton.enabled
    beats = []
    last = time.perf_counter()

    def cancelled():
        nonlocal last
        beats.append(time.perf_counter() - last)
        last = time.perf_counter()
        return not ui.cancelButton.enabled

    desk.click(ui.cancelButton)
    began = time.perf_counter()
    desk.wait_until(cancelled)
    assert time.perf_counter() - began < 1.0
    assert max(beats) < 0.5  # a coarse bound for a machine that others use; the goal is 0.1 s
    assert ui.statusLabel.text == "Cancelled."
    assert ui.detectButton.enabled
    assert desk.panel.self().logic.drawn is None


def test_a_worker_killed_in_mid_run_is_said_and_the_next_search_works(desk, ct):
    import psutil

    widget = desk.open(MODULE)
    ui, executor = widget.ui, widget.logic.executor
    desk.choose(ui.qualityBox, "fine")
    desk.click(ui.detectButton)
    desk.wait_until(lambda: ui.statusLabel.text.startswith("Searching"), 60)
    died = executor.pid
    psutil.Process(died).kill()
    desk.wait_until(lambda: not ui.cancelButton.enabled, 10)
    assert ui.statusLabel.text.startswith("The computing process ended unexpectedly")
    assert widget.logic.drawn is None
    detect(desk, ui)
    assert len(rows(ui)) == 3
    assert executor.pid not in (None, died)


@pytest.mark.parametrize("change", ["removed", "changed", "moved"])
def test_a_scan_that_is_no_longer_what_was_searched_gets_no_boxes(desk, ct, found, monkeypatch, change):
    import slicer

    from HCCAssistLib.jobs import local

    executor = AtOnce(found)
    monkeypatch.setattr(local, "LocalExecutor", lambda **_: executor)
    ui = desk.open(MODULE).ui
    desk.wait_until(lambda: not executor.events)
    desk.click(ui.detectButton)
    if change == "removed":
        slicer.mrmlScene.RemoveNode(ct)
    elif change == "changed":
        slicer.util.arrayFromVolume(ct)[:] = 0
        slicer.util.arrayFromVolumeModified(ct)
    else:
        ct.SetSpacing(1, 1, 1)
    desk.wait_until(lambda: not ui.cancelButton.enabled)
    said = {"removed": "Load an arterial CT", "changed": "changed while it was searched", "moved": "moved since"}
    assert said[change] in ui.statusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == 0
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTextNode") == 0


def test_a_result_cancelled_while_it_is_drawn_leaves_nothing(desk, ct, found, monkeypatch):
    import slicer

    from HCCAssistLib.jobs import local

    monkeypatch.setattr(local, "LocalExecutor", lambda **_: AtOnce(found))
    widget = desk.open(MODULE)
    ui, logic = widget.ui, widget.logic
    before = slicer.mrmlScene.GetNumberOfNodes()
    monkeypatch.setattr(logic, "_draw", lambda: next(logic._drawing[0]) or [])  # one step at a time
    desk.click(ui.detectButton)
    desk.wait_until(lambda: slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") > 0)
    desk.click(ui.cancelButton)
    desk.wait_until(lambda: ui.statusLabel.text == "Cancelled.")
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert ui.detectButton.enabled


def test_a_result_that_cannot_be_drawn_is_told_once_and_leaves_nothing(desk, ct, found, monkeypatch):
    import slicer

    from HCCAssistLib.jobs import local
    from HCCAssistLib.scene import drawing

    def fail(*_):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(local, "LocalExecutor", lambda **_: AtOnce(found))
    monkeypatch.setattr(drawing, "add_labels", fail)
    widget = desk.open(MODULE)
    ui = widget.ui
    before = slicer.mrmlScene.GetNumberOfNodes()
    desk.click(ui.detectButton)
    desk.wait_until(lambda: "could not be shown (RuntimeError)" in ui.statusLabel.text)
    desk.wait_until(lambda: not widget.logic.busy())
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    monkeypatch.undo()
    desk.click(ui.detectButton)
    desk.wait_until(lambda: widget.logic.drawn is not None)


def test_a_scene_closed_in_mid_run_gets_nothing_of_it(desk, ct):
    import slicer

    ui = desk.open(MODULE).ui
    desk.click(ui.detectButton)
    slicer.mrmlScene.Clear(False)
    for _ in range(30):
        desk.process_events()
        time.sleep(0.02)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == 0
    assert ui.statusLabel.text == "Load an arterial CT of the liver and choose it."


def test_a_search_goes_on_while_the_reader_looks_at_another_module(desk, ct, found, monkeypatch):
    from HCCAssistLib.jobs import local

    monkeypatch.setattr(local, "LocalExecutor", lambda **_: AtOnce(found))
    widget = desk.open(MODULE)
    desk.click(widget.ui.detectButton)
    desk.panel.exit()
    desk.wait_until(lambda: widget.logic.drawn is not None)
    desk.panel.enter()
    assert numbers(widget.ui) == [1, 2, 3]
    assert widget.ui.statusLabel.text.startswith("Done in")


def test_a_new_search_replaces_the_old_one_and_asks_before_a_review_is_lost(desk, panel):
    import slicer

    widget = panel()
    with desk.answering():
        detect(desk, widget.ui, "standard")  # nothing was reviewed yet
    assert len(list(slicer.util.getNodesByClass("vtkMRMLTableNode"))) == 1
    desk.click(widget.ui.acceptButton)
    with desk.answering("Cancel") as asked:
        desk.click(widget.ui.detectButton)
    assert "1 accepted, 0 rejected, 2 to review" in asked[0]
    assert rows(widget.ui)[0][5] == "accepted"
    with desk.answering("OK"):
        detect(desk, widget.ui, "fine")
    assert rows(widget.ui)[0][5] == "to review"
    assert not widget.ui.undoButton.enabled


def test_a_reader_may_delete_what_was_drawn(desk, panel):
    import slicer

    widget = panel()
    ui, drawn = widget.ui, widget.logic.drawn
    for node in (drawn.boxes[1], drawn.labels, drawn.heatmap, drawn.table):
        slicer.mrmlScene.RemoveNode(node)
    ui.boxesCheck.checked = False
    ui.boxesCheck.checked = True
    ui.table.selectRow(0)
    desk.click(ui.acceptButton)
    ui.thresholdSlider.value = 0.2
    assert rows(ui)[0][5] == "accepted"
    slicer.mrmlScene.RemoveNode(drawn.record)
    ui.thresholdSlider.value = 0.3
    desk.panel.exit()
    desk.panel.enter()
    assert rows(ui) == []
    assert ui.resultLabel.text == "No result yet."
    detect(desk, ui)
    assert numbers(ui) == [1, 2, 3]


def test_empty_states_say_what_to_do(desk, ct, monkeypatch, tmp_path):
    import slicer

    ui = desk.open(MODULE).ui
    assert ui.resultLabel.text == "No result yet."
    ui.ringCheck.checked = True
    assert "choose its segment, or mark it with a point" in ui.statusLabel.text
    assert not ui.detectButton.enabled
    ui.ringCheck.checked = False
    assert ui.statusLabel.text == "Ready: press Detect."
    slicer.mrmlScene.RemoveNode(ct)
    assert ui.statusLabel.text == "Load an arterial CT of the liver and choose it."
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "empty"))
    ui = desk.open(MODULE).ui
    assert ui.modelSummary.text.startswith("No model is installed. Install one in the module HCC Study")
    load_blobs()
    assert "HCC Study" in ui.statusLabel.text


def test_finding_nothing_is_said_with_what_it_does_not_mean(desk, panel, found):
    ui = panel(replace(found, candidates=(), heatmap=None)).ui
    text = "No candidate at or above 0.5. This does not exclude progression.\nThreshold: set by hand for a test."
    assert ui.resultLabel.text == text
    assert rows(ui) == []


def test_a_worker_that_cannot_start_is_said_before_anybody_waits_for_it(desk, ct, monkeypatch):
    import shutil

    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: which("false") if name == "PythonSlicer" else which(name))
    ui = desk.open(MODULE).ui
    desk.wait_until(lambda: "PyTorch may not be installed" in ui.statusLabel.text)
    assert "HCC Study" in ui.statusLabel.text


def test_bad_input_is_said_in_the_panel(desk, ct):
    import slicer

    ui = desk.open(MODULE).ui
    slicer.util.updateVolumeFromArray(ct, np.full((30, 180, 190), np.nan, np.float32))
    detect(desk, ui)
    assert "NaN" in ui.statusLabel.text
    assert ui.detectButton.enabled


def test_the_arterial_scan_is_taken_and_another_phase_is_warned_of(desk, ct, panel):
    from HCCAssistLib.scene.roles import set_role

    arterial = load_blobs()
    set_role(ct, "post/portal")
    set_role(arterial, "post/arterial")
    ui = desk.open(MODULE).ui
    assert ui.volumeSelector.currentNode() is arterial
    assert not ui.roleLabel.visible
    ui.volumeSelector.setCurrentNode(ct)
    assert "marked as post/portal" in ui.roleLabel.text
    assert ui.roleLabel.visible


def test_only_devices_that_are_there_are_offered(desk, ct):
    widget = desk.open(MODULE)
    box = widget.ui.deviceBox
    assert [box.itemText(n) for n in range(box.count)] == ["auto", "cpu"]
    desk.wait_until(lambda: widget.logic.executor.devices, 30)
    widget.logic.executor._devices = ("cpu", "cuda")
    widget.fillDevices()
    desk.choose(box, "cuda")
    assert widget.logic.getParameterNode().device == "cuda"
    widget.logic.executor._devices = ("cpu",)
    desk.panel.exit()
    desk.panel.enter()
    assert box.currentText == "auto", "a scene from a computer with another card"


@pytest.mark.parametrize("turned", ["flipped", "oblique"])
def test_an_exported_case_has_its_points_where_they_were(desk, store, monkeypatch, tmp_path, turned):
    import slicer
    from imaging_samples import rotation
    from ltp_blob import BLOBS

    from HCCAssistLib.cohort.case_files import check_files
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.cohort.points import read_points
    from HCCAssistLib.imaging.files import read_image
    from HCCAssistLib.recipes.registry import get_recipe
    from HCCAssistLib.scene.inputs import image_from_volume

    monkeypatch.setenv("HCCASSIST_MODELS", str(store))
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
    boxes = [c.box for c in widget.logic.drawn.result.candidates[:3]]
    centers = [np.array(box.center) for box in boxes]
    # from the screen to the box along its own axes, just within its edge and just beyond it
    for number, box in enumerate(boxes[1:], start=2):
        edge = np.array(box.axes[1]) * box.size[1] / 2
        for share, chosen in ((1.15, 1), (0.85, number)):
            ui.table.selectRow(0)
            place = ras(np.array(box.center) + share * edge)
            slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *place)
            desk.click_in_view("Red", place)
            assert numbers(ui)[ui.table.currentRow()] == chosen
    ui.table.selectRow(0)
    desk.click(ui.acceptButton)
    desk.click(ui.nextButton)
    desk.click(ui.rejectButton)
    desk.click(ui.exportsButton)
    add_to_cohort(desk, ui, tmp_path / "cohort", "mustermann-1", 30)
    assert "1 candidate is still to review" in ui.exportLabel.text
    desk.screenshot(tmp_path / "exported.png")

    (case,) = read_cohort(tmp_path / "cohort").cases
    assert (case.case_id, case.patient_id, case.split, case.values["ltp"]) == ("case-001", "case-001", "", "1")
    assert check_files(case, get_recipe("ltp").inputs).problems == []
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
    desk.click(ui.addButton)
    desk.wait_until(lambda: "case-001 already" in ui.exportLabel.text, 30)


def test_an_unfinished_review_is_not_exported_as_free_of_progression(desk, panel, tmp_path):
    ui = panel().ui
    desk.click(ui.exportsButton)
    ui.cohortPath.currentPath = str(tmp_path / "cohort")
    desk.click(ui.addButton)
    assert "3 candidates are still to review" in ui.exportLabel.text
    assert not (tmp_path / "cohort").exists()


def test_points_that_cannot_all_be_lesions_are_told_before_anything_is_written(desk, ct, panel, tmp_path):
    import slicer

    from HCCAssistLib.scene.inputs import geometry_of_volume
    from HCCAssistLib.scene.volumes import segmentation_from_masks

    ui = panel().ui
    for _ in range(3):
        desk.click(ui.acceptButton)
        desk.click(ui.nextButton)
    missed = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "missed")
    for x in (10.0, 12.0):
        missed.AddControlPointWorld(ras((x, 12.0, 3.0)))
    ui.missedSelector.setCurrentNode(missed)
    desk.click(ui.exportsButton)
    ui.cohortPath.currentPath = str(tmp_path / "cohort")
    desk.click(ui.addButton)
    desk.wait_until(lambda: "are 2.0 mm apart: one place is marked twice" in ui.exportLabel.text, 30)
    assert not (tmp_path / "cohort").exists()

    missed.RemoveNthControlPoint(1)  # the candidates themselves lie as far from the corner
    grid = geometry_of_volume(ct)
    liver = np.zeros(grid.shape, np.uint8)
    liver[2:26, 10:60, 10:60] = 1  # a corner of the scan, far from the missed lesion
    node = segmentation_from_masks({"Leber": Image(liver, grid)}, ct, slicer.mrmlScene, "segments")
    ui.liverSelector.setCurrentNode(node)
    ui.liverSelector.setCurrentSegmentID(node.GetSegmentation().GetNthSegmentID(0))
    desk.click(ui.addButton)
    desk.wait_until(lambda: "more than 30 mm outside the liver's segment" in ui.exportLabel.text, 30)
    assert "missed 1" in ui.exportLabel.text
    assert not (tmp_path / "cohort").exists()


@pytest.mark.slow
def test_a_large_scan_never_holds_the_panel_up(desk, store, monkeypatch):
    import qt
    import slicer

    from HCCAssistLib.imaging.image import Image
    from HCCAssistLib.imaging.windows import Window
    from HCCAssistLib.scene.volumes import volume_from_image

    monkeypatch.setenv("HCCASSIST_MODELS", str(store))
    grid = Geometry.from_parts((300, 512, 512), (0.75, 0.75, 1.0), (-191, -191, -150))
    body = np.full(grid.shape, -1000, np.int16)
    body[:, 90:420, 70:440] = 60
    for k, j, i in ((90, 200, 150), (150, 260, 300), (220, 180, 360)):
        body[k - 8 : k + 8, j - 9 : j + 9, i - 9 : i + 9] = 150
    volume_from_image(Image(body, grid), slicer.mrmlScene, "CT", Window(level=100, width=300))
    widget = desk.open(MODULE)
    ui = widget.ui
    desk.layout_manager._viewport.hide()  # drawn by software here: only the panel's own time counts
    try:
        desk.wait_until(lambda: not widget.logic.busy(), 60)
        beats = []
        heart = qt.QTimer()
        heart.setInterval(5)
        heart.connect("timeout()", lambda: beats.append(time.perf_counter()))
        heart.start()
        desk.click(ui.detectButton)
        desk.wait_until(lambda: not ui.cancelButton.enabled, 120)
        last = len(beats)
        desk.wait_until(lambda: len(beats) > last)
        heart.stop()
    finally:
        desk.layout_manager._viewport.show()
    assert len(rows(ui)) >= 3
    assert np.diff(beats).max() < 0.4  # a coarse bound for a machine that others use; the benchmark tells of 0.1 s
