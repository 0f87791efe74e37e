"""What a reader meets while reviewing in the LTP panel; each test clicks what once went wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ltp_reading import (
    add_segments,
    boxes_in,
    cells,
    chord,
    chosen,
    column,
    detect,
    frame,
    load_blobs,
    numbers,
    ras,
    rows,
    seen_boxes,
    texts,
    unfold,
)

pytestmark = pytest.mark.usefixtures("small_view")


def two_scans(desk, at_once):
    """Two scans, A searched and its first candidate accepted; the widget, and both."""
    one = load_blobs(name="scan A")
    other = load_blobs(name="scan B")
    widget = at_once(desk)
    widget.ui.input_post_arterial_volume.setCurrentNode(one)
    detect(desk, widget.ui)
    desk.click(widget.ui.acceptButton)
    return widget, one, other


def choose_scan(desk, widget, scan):
    unfold(widget.ui)
    widget.ui.input_post_arterial_volume.setCurrentNode(scan)
    desk.process_events()


def test_another_scan_shows_its_own_result_and_never_that_of_the_one_before(desk, at_once):
    import slicer

    widget, one, other = two_scans(desk, at_once)
    ui = widget.ui
    assert "scan A" in ui.scanLabel.text
    assert "blobs" in ui.scanLabel.text
    drawn = widget.logic.session.current.drawn
    choose_scan(desk, widget, other)
    assert rows(ui) == []
    assert not ui.acceptButton.enabled
    assert not ui.exportButton.enabled
    assert not ui.addButton.enabled
    assert "No result of this scan yet" in ui.scanLabel.text
    assert seen_boxes(drawn) == []
    view = desk.layout_manager.sliceWidget("Red").mrmlSliceCompositeNode()
    assert view.GetBackgroundVolumeID() == other.GetID()
    choose_scan(desk, widget, one)
    assert cells(ui, "Verdict") == ["accepted", "to review", "to review"]
    assert seen_boxes(drawn) == [1, 2, 3]
    assert view.GetBackgroundVolumeID() == one.GetID()
    assert len(boxes_in(slicer.mrmlScene)) == 3


def test_a_review_is_asked_for_before_a_later_search_of_its_scan_replaces_it(desk, at_once):
    widget, one, other = two_scans(desk, at_once)
    ui = widget.ui
    choose_scan(desk, widget, other)
    detect(desk, ui)
    choose_scan(desk, widget, one)
    with desk.answering("Cancel") as asked:
        desk.click(ui.runButton)
    assert "1 accepted" in asked[0]
    assert cells(ui, "Verdict")[0] == "accepted"
    with desk.answering("OK"):
        detect(desk, ui)
    assert cells(ui, "Verdict")[0] == "to review"
    assert not ui.undoButton.enabled


def test_a_typed_comment_gives_no_verdict(desk, panel):
    import qt
    from PySide6.QtTest import QTest

    ui = panel().ui
    for row, text in enumerate(("artefact", "no tumour", "pur")):
        ui.table.selectRow(row)
        ui.table.setFocus()
        item = ui.table.item(row, column(ui, "Comment"))
        QTest.keyClicks(ui.table, text[:2])  # typed before the cell is open
        ui.table.editItem(item)
        editor = next(e for e in ui.table.findChildren(qt.QLineEdit) if e.visible)
        editor.clear()
        QTest.keyClicks(editor, text)
        desk.press(editor, "Key_Return")
    assert cells(ui, "Comment") == ["artefact", "no tumour", "pur"]
    assert cells(ui, "Verdict") == ["to review"] * 3


def test_keys_give_verdicts_after_a_click_in_a_view_too(desk, panel, found):
    import slicer

    widget = panel()
    ui, view = widget.ui, desk.layout_manager.sliceWidget("Red").sliceView()
    place = ras(found.candidates[0].box.center)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *place)
    desk.click_in_view("Red", place)
    size = desk.layout_manager.sliceWidget("Red").mrmlSliceNode().GetFieldOfView()
    chord(desk, view, "A")
    chord(desk, view, "R")
    chord(desk, view, "O")
    assert cells(ui, "Verdict") == ["accepted", "rejected", "other tumour"]
    chord(desk, view, "U")
    assert cells(ui, "Verdict")[2] == "to review"
    assert chosen(ui) == 3
    chord(desk, view, "P")
    assert chosen(ui) == 2
    assert desk.layout_manager.sliceWidget("Red").mrmlSliceNode().GetFieldOfView() == size
    desk.panel.exit()
    chord(desk, view, "A")
    desk.panel.enter()
    assert cells(ui, "Verdict") == ["accepted", "rejected", "to review"], "the keys are another module's now"


def test_a_panel_that_is_closed_leaves_no_keys_to_the_window(desk, panel):
    from PySide6.QtGui import QShortcut

    before = len(desk.window.findChildren(QShortcut))
    panel()
    assert len(desk.window.findChildren(QShortcut)) > before
    desk.close_module()
    desk.process_events()
    assert len(desk.window.findChildren(QShortcut)) == before


def test_a_verdict_leads_to_the_next_one_to_review_and_next_passes_the_judged(desk, panel):
    ui = panel().ui
    assert chosen(ui) == 1
    desk.click(ui.acceptButton)
    assert chosen(ui) == 2
    ui.table.selectRow(2)
    desk.click(ui.rejectButton)
    assert chosen(ui) == 2, "round the end to the only one that is left"
    ui.table.selectRow(0)
    desk.click(ui.nextButton)
    assert chosen(ui) == 2
    desk.click(ui.acceptButton)
    assert cells(ui, "Verdict") == ["accepted", "accepted", "rejected"]


def test_a_verdict_carries_its_readers_name_which_is_asked_for_once(desk, panel):
    import slicer
    from ltp_reading import READER

    widget = panel()
    ui = widget.ui
    ui.readerEdit.text = ""
    desk.click(ui.acceptButton)
    assert cells(ui, "Verdict")[0] == "to review"
    assert "initials" in ui.problemLabel.text
    desk.press(ui.readerEdit, "Key_X")
    desk.press(ui.readerEdit, "Key_Return")
    assert slicer.app.settings().value(READER) == "x"
    desk.click(ui.acceptButton)
    assert widget.logic.session.current.result.candidates[0].review.reader == "x"
    assert not ui.problemLabel.visible


def test_another_tumour_far_from_the_zone_is_marked_and_is_neither_positive_nor_negative(desk, panel, found):
    from HCCAssistLib.recipes.registry import get_recipe

    away = (3.0, 34.0, 12.0)
    candidates = tuple(replace(c, distance_to_ablation_mm=d) for c, d in zip(found.candidates, away, strict=True))
    widget = panel(replace(found, candidates=candidates))
    ui = widget.ui
    assert cells(ui, "To zone") == ["3", "34 far", "12"]
    desk.click(ui.acceptButton)
    desk.click(ui.otherButton)
    desk.click(ui.rejectButton)
    assert "1 accepted, 1 rejected, 1 other tumour, 0 to review" in ui.countsLabel.text
    taught = get_recipe("ltp").module("review").training_annotations(widget.logic.session.current.result)
    listed = {place: [p.position for p in points.points] for place, points in taught.points.items()}
    assert [len(listed["post/ltp"]), len(listed["post/rejected"]), len(listed["post/ignored"])] == [1, 1, 1]
    np.testing.assert_allclose(listed["post/ignored"][0], candidates[1].box.center)


def heat_opacity(desk, widget):
    """How opaque the heat map is in the Red view; 0 where it is not there."""
    view = desk.layout_manager.sliceWidget("Red").mrmlSliceCompositeNode()
    (heatmap,) = widget.logic.session.current.drawn.heatmaps.values()
    return view.GetForegroundOpacity() if view.GetForegroundVolumeID() == heatmap.GetID() else 0


def test_heat_is_shown_only_when_it_is_asked_for_and_says_whose_it_is(desk, panel):
    import slicer

    widget = panel()
    ui, view = widget.ui, desk.layout_manager.sliceWidget("Red").sliceView()
    assert not ui.heatCheck.checked
    assert heat_opacity(desk, widget) == 0
    chord(desk, view, "H")
    assert ui.heatCheck.checked
    assert heat_opacity(desk, widget) == pytest.approx(0.6)
    assert ui.heatLabel.text == "Heat map of 1, 2, 3."
    ui.opacitySlider.value = 0.3
    assert heat_opacity(desk, widget) == pytest.approx(0.3)
    chord(desk, view, "H")
    assert heat_opacity(desk, widget) == 0
    assert not ui.heatLabel.visible
    (heatmap,) = widget.logic.session.current.drawn.heatmaps.values()
    assert not slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(heatmap).GetVisibility(), "a legend of nothing"


def test_columns_tell_a_score_and_an_image_counted_from_one_and_no_size(desk, panel, found):
    ui = panel().ui
    titles = [ui.table.horizontalHeaderItem(n).text().split("\n")[0] for n in range(ui.table.columnCount)]
    assert [title.rstrip(" ▾") for title in titles] == ["No.", "Score", "Image", "To zone", "Verdict", "Comment"]
    assert cells(ui, "Image") == [str(c.slice + 1) for c in found.candidates]
    assert cells(ui, "Score") == [f"{c.probability:.3f}" for c in found.candidates]


def test_no_place_of_the_library_is_shown_to_a_radiologist(desk, panel):
    ui = panel().ui
    shown = texts(desk.panel)
    assert not [text for text in shown if "post/" in text]
    assert "Arterial phase, follow-up CT:" in shown
    assert ui.scanLabel.text in shown


def test_the_row_that_was_just_judged_shows_the_colour_of_its_verdict(desk, panel):
    from slicer_desk.views import pixels

    widget = panel()
    ui, verdict = widget.ui, column(widget.ui, "Verdict")
    desk.click(ui.acceptButton)
    ui.table.selectRow(0)
    desk.process_events()
    color = np.array(widget.logic.session.current.color(1))
    box = ui.table.visualItemRect(ui.table.item(0, verdict))
    shown = pixels(ui.table.viewport())[box.top() : box.bottom(), box.left() : box.right()]
    assert (np.abs(shown.astype(int) - color).max(axis=-1) < 6).sum() > 50
    pending = np.array(widget.logic.session.current.color(2))
    assert np.abs(color - pending).max() > 60


def test_a_comment_of_several_lines_stays_in_its_row(desk, panel):
    widget = panel()
    ui = widget.ui
    ui.table.item(1, column(ui, "Comment")).setText("a vessel,\nseen before\tas well")
    assert cells(ui, "Comment")[1] == "a vessel, seen before as well"
    table = widget.logic.session.current.drawn.table
    assert table.GetNumberOfRows() == 3
    assert widget.logic.session.current.result.candidates[1].review.comment == "a vessel, seen before as well"


def test_a_scan_that_was_moved_takes_no_verdict(desk, panel):
    import slicer

    widget = panel()
    ui = widget.ui
    scan, drawn = ui.input_post_arterial_volume.currentNode(), widget.logic.session.current.drawn
    scan.SetOrigin(0, 0, 0)
    desk.panel.exit()
    desk.panel.enter()
    assert "moved" in ui.problemLabel.text
    assert not ui.acceptButton.enabled
    slicer.mrmlScene.RemoveNode(scan)
    desk.process_events()
    assert not ui.acceptButton.enabled
    assert rows(ui) == []
    assert seen_boxes(drawn) == []


def test_the_table_empties_when_somebody_deletes_the_result_and_accept_does_nothing(desk, panel):
    import slicer

    widget = panel()
    ui = widget.ui
    slicer.mrmlScene.RemoveNode(widget.logic.session.current.drawn.record)
    desk.process_events()
    assert rows(ui) == []
    assert not ui.acceptButton.enabled
    chord(desk, ui.table, "A")
    detect(desk, ui)
    assert numbers(ui) == [1, 2, 3]


def test_a_reader_may_delete_what_was_drawn(desk, panel):
    import slicer

    widget = panel()
    ui, drawn = widget.ui, widget.logic.session.current.drawn
    for node in (drawn.boxes[1], *drawn.heatmaps.values(), drawn.table):
        slicer.mrmlScene.RemoveNode(node)
    ui.boxesCheck.checked = False
    ui.boxesCheck.checked = True
    ui.table.selectRow(0)
    desk.click(ui.acceptButton)
    ui.thresholdSlider.value = 0.2
    assert cells(ui, "Verdict")[0] == "accepted"


def test_finding_nothing_in_a_ring_says_that_only_the_ring_was_searched(desk, panel, found):
    searched = replace(found.searched, region="ring of 20 mm around the ablation zone")
    ui = panel(replace(found, candidates=(), heatmap=None, searched=searched)).ui
    assert "This does not exclude a tumour." in ui.resultLabel.text
    assert "Only the ring of 20 mm around the ablation zone was searched." in ui.resultLabel.text
    assert rows(ui) == []
    assert not ui.acceptButton.enabled


def test_rows_and_verdicts_show_together_on_a_laptop(desk, panel):
    from PySide6 import QtCore

    size = desk.window.size
    width = desk._scroll.width
    desk.window.resize(1366, 640)  # of 768 lines, what the title, menu and tool bars of Slicer leave
    desk._scroll.setFixedWidth(450)
    try:
        ui = panel().ui
        for _ in range(4):
            desk.process_events()
        seen = desk._scroll.viewport().rect
        for widget in (ui.scanLabel, ui.table, ui.acceptButton, ui.otherButton, ui.undoButton, ui.heatCheck):
            corner = widget.mapTo(desk._scroll.viewport(), QtCore.QPoint(0, 0))
            assert seen.contains(QtCore.QRect(corner, widget.size)), f"{widget.objectName} is out of sight"
        assert ui.inputsButton.collapsed
        assert ui.detectionButton.collapsed
    finally:
        desk.window.resize(size)
        desk._scroll.setFixedWidth(width)


def test_nothing_empty_is_painted_under_export(desk, panel):
    ui = panel().ui
    ui.exportsButton.collapsed = False
    desk.process_events()
    assert not ui.exportLabel.text
    assert not ui.exportLabel.visible


def test_a_scan_as_add_data_loads_it_is_shown_in_a_window_that_shows_a_nodule(desk, at_once):
    import slicer

    from HCCAssistLib.panels.header import LIVER_WINDOW

    scan = load_blobs(window=False)
    slicer.util.arrayFromVolume(scan)[:, :20] = -1000
    slicer.util.arrayFromVolumeModified(scan)
    display = scan.GetDisplayNode()
    display.SetAutoWindowLevel(True)
    at_once(desk)
    assert (display.GetWindow(), display.GetLevel()) == (LIVER_WINDOW.width, LIVER_WINDOW.level)
    assert not display.GetAutoWindowLevel()
    display.SetWindowLevel(300, 90)
    desk.panel.exit()
    desk.panel.enter()
    assert (display.GetWindow(), display.GetLevel()) == (300, 90), "what a reader sets stays"


def test_what_is_doubtful_stands_in_the_panel_before_the_run(desk, at_once):
    from HCCAssistLib.scene.roles import set_role

    scan = load_blobs(name="CT portal venous")
    ui = at_once(desk).ui
    told = ui.readinessLabel.text
    assert "portal venous phase" in told
    assert "No liver segment" in told
    assert ui.runButton.enabled
    set_role(scan, "post/portal")
    desk.panel.exit()
    desk.panel.enter()
    assert "marked as portal venous phase, follow-up CT" in ui.readinessLabel.text
    set_role(scan, "post/arterial")
    add_segments(scan)
    desk.process_events()
    told = ui.readinessLabel.text
    assert "Phase confirmed: arterial phase, follow-up CT." in told
    assert "No liver" not in told
    assert "#c62828" not in told
    desk.choose(ui.option_region, "a ring")
    ui.input_post_ablation_segment.setCurrentNode(None)
    assert "A ring needs an ablation zone" in ui.readinessLabel.text
    assert "#c62828" in ui.readinessLabel.text
    assert not ui.runButton.enabled


def test_a_warning_is_painted_as_one(desk, panel, found):
    from slicer_desk.views import pixels

    from HCCAssistLib.errors import Problem

    ui = panel(replace(found, warnings=(Problem("WARN", "the phase is not sure", "scan"),))).ui
    desk.process_events()
    assert "the phase is not sure" in ui.warningsLabel.text
    shown = pixels(ui.warningsLabel).reshape(-1, 3)
    assert (shown == (0xFF, 0xF3, 0xCD)).all(axis=-1).mean() > 0.5


def test_segments_are_chosen_by_their_names_and_follow_the_scan(desk, at_once):
    one = load_blobs(name="scan A")
    other = load_blobs(name="scan B")
    first, second = add_segments(one), add_segments(other, ("liver", "ablation zone"))
    widget = at_once(desk)
    ui = widget.ui
    for scan, segments, liver in ((one, first, "Leber"), (other, second, "liver")):
        choose_scan(desk, widget, scan)
        assert ui.input_post_liver_segment.currentNode() is segments
        name = segments.GetSegmentation().GetSegment(ui.input_post_liver_segment.currentSegmentID()).GetName()
        assert name == liver
        assert ui.input_post_ablation_segment.currentNode() is segments


def test_boxes_follow_the_threshold_and_the_check_box(desk, panel):
    widget = panel()
    ui, review = widget.ui, widget.logic.session.current
    probabilities = [c.probability for c in review.result.candidates]
    assert seen_boxes(review.drawn) == numbers(ui) == [1, 2, 3]
    for shown in (1, 2, 3):
        ui.thresholdSlider.value = probabilities[shown - 1] - 0.001
        drawn = widget.logic.session.current.drawn
        assert seen_boxes(drawn) == numbers(ui) == list(range(1, shown + 1))
    ui.table.selectRow(2)
    ui.boxesCheck.checked = False
    assert seen_boxes(widget.logic.session.current.drawn) == []
    assert frame(desk) is None
    ui.boxesCheck.checked = True
    assert seen_boxes(widget.logic.session.current.drawn) == [1, 2, 3]
    assert frame(desk) is not None
    assert (ui.thresholdSlider.minimum, ui.thresholdSlider.maximum) == (0, 1)
    ui.thresholdSlider.value = 1.0
    assert rows(ui) == []
    assert frame(desk) is None
    assert "3 below it" in ui.resultLabel.text
    desk.click(ui.cutoffButton)
    assert "set by hand for a test" in ui.resultLabel.text
    assert numbers(ui) == [1, 2, 3]


def test_the_chosen_box_is_framed_and_a_click_into_a_box_chooses_its_row(desk, panel, found):
    import slicer
    from reading import position_in_view

    ui, boxes = panel().ui, found.candidates
    ui.table.selectRow(1)
    np.testing.assert_allclose(frame(desk).GetCenterWorld(), ras(boxes[1].box.center), atol=0.01)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras(boxes[2].box.center))
    desk.click_in_view("Red", ras(boxes[2].box.center))
    assert chosen(ui) == 3
    np.testing.assert_allclose(frame(desk).GetCenterWorld(), ras(boxes[2].box.center), atol=0.01)
    before = position_in_view(desk, "Red", ras(boxes[2].box.center))
    outside = np.add(boxes[2].box.center, (boxes[2].box.size[0], 0, 0))
    desk.click_in_view("Red", ras(outside))
    assert chosen(ui) == 3, "a click beside the boxes changes nothing"
    assert position_in_view(desk, "Red", ras(boxes[2].box.center)) == before, "the clicked view stays"


def test_the_table_sorts_by_any_column_and_numbers_stay(desk, panel, found):
    away = (3.0, None, 12.0)
    candidates = tuple(replace(c, distance_to_ablation_mm=d) for c, d in zip(found.candidates, away, strict=True))
    widget = panel(replace(found, candidates=candidates))
    ui, header = widget.ui, widget.ui.table.horizontalHeader()
    zone = column(ui, "To zone")
    assert numbers(ui) == [1, 2, 3]
    header.sectionClicked.emit(zone)
    assert cells(ui, "To zone") == ["3", "12", ""]
    assert chosen(ui) == 1, "the chosen one stays chosen"
    header.sectionClicked.emit(zone)
    assert cells(ui, "To zone") == ["12", "3", ""]
    header.sectionClicked.emit(1)
    assert numbers(ui) == [1, 2, 3]
    header.sectionClicked.emit(1)
    assert numbers(ui) == [3, 2, 1]
    desk.click(ui.acceptButton)
    verdicts = [c.review.verdict.value for c in widget.logic.session.current.result.candidates]
    assert verdicts == ["accepted", "pending", "pending"]
