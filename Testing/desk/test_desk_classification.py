"""The shared panels read a classification: masses marked in several ways, several phases, categories to choose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from classifying import PLACES, Reading, add_points, findings, load_phases
from ltp_reading import cells, chord, chosen, column, numbers, rows
from planting import plant_part


@pytest.fixture
def reading(desk: Any) -> Iterator[Any]:
    opened: list[Reading] = []

    def begin(*stored: str) -> Reading:
        opened.append(Reading(desk, *stored))
        return opened[0]

    yield begin
    for one in opened:
        one.close()


@pytest.fixture
def read(reading: Any) -> Any:
    """Three masses in three phases, classified."""
    load_phases()
    points = add_points()
    one = reading()
    one.ui.input_baseline_masses_points.setCurrentNode(points)
    one.classify()
    return one


def test_points_are_chosen_by_their_name_where_one_list_alone_lies_in_the_scan(reading):
    import slicer

    load_phases()
    points = add_points()
    points.SetName("Patient 1 masses")
    away = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "other masses")
    away.AddControlPoint(900.0, 0.0, 0.0)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "masses")  # an empty one
    one = reading()
    assert one.ui.input_baseline_masses_points.currentNode() is points
    assert one.ui.runButton.enabled
    again = add_points()
    again.SetName("masses of another reader: masses")
    one.ui.input_baseline_masses_points.setCurrentNode(None)
    one.panel._inputs.prechoose()
    assert one.ui.input_baseline_masses_points.currentNode() is None, "two may be meant"


def test_several_points_of_one_list_are_several_findings_with_the_words_of_a_classification(read):
    ui = read.ui
    assert sorted(numbers(ui)) == [1, 2, 3]
    assert (
        "3 findings by highest score: 1 A (classic HCC), 1 B (other malignant mass), 1 E (cyst)" in ui.resultLabel.text
    )
    assert "unenhanced phase, arterial phase, delayed phase" in ui.resultLabel.text
    assert "candidate" not in ui.resultLabel.text
    assert sorted(cells(ui, "Predicted")) == ["A class…", "B other…", "E cyst"]
    told = {int(row[0]): [row[column(ui, title)] for title in ("A", "Malignant", "Networks")] for row in rows(ui)}
    assert told[1] == ["▆.70", "0.85", "0.70–0.70"]
    assert told[2] == ["▃.30", "0.65", "0.30–0.35 !"]
    assert ui.countsLabel.text == "0 agreed, 0 unsure, 3 to review"
    assert numbers(ui) == [1, 2, 3]
    read.panel._review.choose(2)
    assert ui.findingLabel.text == (
        "2: B, other malignant mass: 0.35; A, classic HCC: 0.30; malignant 0.65. The networks disagree. "
        "No calibrated set."
    )
    shown = ui.table.horizontalHeader()
    assert shown.sectionPosition(column(ui, "E")) + shown.sectionSize(column(ui, "E")) <= ui.table.viewport().width
    assert not ui.ThresholdBar.visible
    assert not ui.Missed.visible
    assert not ui.otherButton.visible


def assert_sets_are_told(read):
    """In the table and of the chosen finding, with level and n."""
    ui = read.ui
    told = {int(row[0]): row[column(ui, "Set")] for row in rows(ui)}
    assert told == {1: "A B", 2: "", 3: "E ?"}
    read.panel._review.choose(1)
    basis = "(90 %, calibrated on 412 findings of 105 patients)."
    assert ui.findingLabel.text.endswith(f"Set: A or B {basis}")
    read.panel._review.choose(3)
    assert ui.findingLabel.text.endswith(f"Set: unlike anything seen, at best E {basis}")
    table = read.session.current.drawn.table
    (place,) = [n for n in range(table.GetNumberOfColumns()) if table.GetColumnName(n) == "category set"]
    assert [table.GetCellText(n, place) for n in (0, 1)] == ["A or B", "no calibrated set"]


def test_the_categories_that_cannot_be_excluded_are_told_with_their_level_and_n(read):
    assert_sets_are_told(read)


MISTAKES = {
    "all categories taken for the set": ("classification_columns", "found.codes", "found.p_values"),
    "unlike anything seen not marked": ("classification_columns", "' ?' if found.unlike else ''", "''"),
}
"""Part, what stands there, what is planted in its place."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_planted_into_the_column_of_sets_is_caught(reading, monkeypatch, mistake):
    plant_part(monkeypatch, *MISTAKES[mistake])
    load_phases()
    points, one = add_points(), reading()
    one.ui.input_baseline_masses_points.setCurrentNode(points)
    one.classify()
    with pytest.raises(AssertionError):
        assert_sets_are_told(one)


def test_a_reader_agrees_chooses_another_category_or_is_unsure_and_takes_it_back(desk, read):
    ui = read.ui
    order = numbers(ui)
    first, second, third = order
    desk.click(ui.acceptButton)
    assert findings(read)[first].review.verdict == "accepted"
    assert chosen(ui) == second
    desk.choose(ui.categoryBox, next(t for t in texts_of(ui.categoryBox) if t.startswith("C:")))
    assert (findings(read)[second].review.verdict, findings(read)[second].review.category) == ("other", "C")
    assert chosen(ui) == third
    desk.click(ui.rejectButton)
    assert ui.rejectButton.text == "Unsure"
    assert findings(read)[third].review.verdict == "unsure"
    assert ui.countsLabel.text == "1 agreed, 1 other category, 1 unsure, 0 to review"
    assert sorted(cells(ui, "Verdict")) == ["C instead", "agreed", "unsure"]
    desk.click(ui.undoButton)
    assert findings(read)[third].review.verdict == "pending"


def test_number_keys_choose_a_category_and_agree_where_it_is_the_predicted_one(desk, read):
    view = desk.layout_manager.sliceWidget("HCCAssist2").sliceView()
    read.panel._review.choose(1)
    chord(desk, view, "1")
    assert findings(read)[1].review.verdict == "accepted"
    read.panel._review.choose(2)
    chord(desk, view, "4")
    assert findings(read)[2].review.category == "D"
    read.panel._review.choose(3)
    chord(desk, view, "R")
    assert findings(read)[3].review.verdict == "unsure"


def test_each_phase_stands_in_a_view_of_its_own_at_the_finding_and_the_layout_comes_back(desk, read):
    import slicer

    manager = slicer.app.layoutManager()
    volumes = list(read.session.current.drawn.volumes.values())
    read.panel._review.choose(2)
    shown = [manager.sliceWidget(f"HCCAssist{n}") for n in (1, 2, 3)]
    for widget, volume in zip(shown, volumes, strict=True):
        assert widget.visible
        assert widget.mrmlSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()
        assert widget.sliceLogic().GetSliceOffset() == pytest.approx(PLACES[1][2], abs=0.01)
        assert widget.mrmlSliceNode().GetOrientation() == "Axial"
        width, height, _depth = widget.mrmlSliceNode().GetFieldOfView()
        assert min(width, height) == pytest.approx(100)
        assert (volume.GetDisplayNode().GetWindow(), volume.GetDisplayNode().GetLevel()) == (150, 70)
    coronal = manager.sliceWidget("HCCAssistCoronal")
    assert coronal.visible
    assert coronal.mrmlSliceNode().GetOrientation() == "Coronal"
    assert coronal.mrmlSliceCompositeNode().GetBackgroundVolumeID() == volumes[1].GetID(), "the arterial phase"
    assert coronal.sliceLogic().GetSliceOffset() == pytest.approx(-PLACES[1][1], abs=1), "through the mass"
    assert not manager.sliceWidget("Red").visible
    read.panel.display(boxes=True, heat=True, opacity=0.5)
    heat = read.session.current.drawn.heatmaps
    over = [widget.mrmlSliceCompositeNode().GetForegroundVolumeID() for widget in shown]
    assert over == [heat[f"baseline/{name}"].GetID() for name in ("unenhanced", "arterial", "delayed")]
    chord(desk, shown[1].sliceView(), "V")
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    assert manager.sliceWidget("Red").visible
    assert not shown[0].visible
    chord(desk, manager.sliceWidget("Red").sliceView(), "V")
    assert shown[0].visible
    read.panel.leave()
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    read.panel.enter()
    read.panel.bind(read.node)
    assert shown[0].visible


def texts_of(box: Any) -> list[str]:
    return [box.itemText(n) for n in range(box.count)]


def test_the_fullest_model_of_the_present_phases_is_taken_and_told(desk, reading):
    loaded = load_phases("arterial", "delayed")
    points = add_points()
    points.SetName("what a reader marked")
    one = reading()
    assert one.ui.modelBox.currentText == "arterial-delayed"
    assert "It uses: arterial phase, delayed phase." in one.ui.modelSummary.text
    assert "A fuller model is installed that needs also: unenhanced phase." in one.ui.modelSummary.text
    assert "Trained on 40 patients." in one.ui.modelSummary.text
    assert not one.ui.runButton.enabled
    assert "Mark the masses" in one.ui.readinessLabel.text
    one.ui.input_baseline_masses_points.setCurrentNode(points)
    assert one.ui.runButton.enabled
    one.ui.input_baseline_delayed_volume.setCurrentNode(None)
    assert one.ui.modelBox.currentText == "arterial"
    one.ui.input_baseline_delayed_volume.setCurrentNode(loaded["delayed"])
    assert one.ui.modelBox.currentText == "arterial-delayed"
    desk.choose(one.ui.modelBox, "arterial")
    one.classify()
    assert list(one.executor.study.volumes) == ["baseline/arterial"]
    one.panel.bind(None)  # another module, and back
    one.panel.bind(one.node)
    assert one.ui.modelBox.currentText == "arterial"
    assert one.session.current.scan is loaded["arterial"]
    assert numbers(one.ui)


def test_a_model_whose_phase_is_not_there_cannot_run(desk, reading):
    load_phases("arterial")
    points = add_points()
    one = reading("triphasic")
    one.ui.input_baseline_masses_points.setCurrentNode(points)
    assert not one.ui.runButton.enabled
    assert "unenhanced" in one.ui.readinessLabel.text


@pytest.mark.parametrize("way", ["segment", "roi", "line"])
def test_masses_are_marked_by_a_segmentation_a_box_or_a_line_instead(desk, reading, way):
    import numpy as np
    import slicer

    from HCCAssistLib.imaging.image import Image
    from HCCAssistLib.scene.inputs import geometry_of_volume
    from HCCAssistLib.scene.volumes import segmentation_from_masks

    loaded = load_phases()
    x, y, z = PLACES[0]
    if way == "segment":
        grid = geometry_of_volume(loaded["arterial"])
        masks = {}
        for number, place in enumerate(PLACES[:2], 1):
            i, j, k = np.rint(grid.to_index(place)).astype(int)
            array = np.zeros(grid.shape, np.uint8)
            array[k - 1 : k + 2, j - 3 : j + 4, i - 3 : i + 4] = 1
            masks[f"mass {number}"] = Image(array, grid)
        node = segmentation_from_masks(masks, loaded["arterial"], slicer.mrmlScene, "masses", surfaces=False)
    elif way == "roi":
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "mass")
        node.SetCenter(-x, -y, z)
        node.SetSize(20, 22, 24)
    else:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "mass")
        node.AddControlPoint(-x - 9, -y, z)
        node.AddControlPoint(-x + 9, -y, z)
    one = reading()
    name = "points" if way == "line" else way
    getattr(one.ui, f"input_baseline_masses_{name}").setCurrentNode(node)
    assert one.ui.runButton.enabled, one.ui.readinessLabel.text
    one.classify()
    found = findings(one)
    assert len(found) == (2 if way == "segment" else 1), one.ui.statusLabel.text
    np.testing.assert_allclose(found[1].center, PLACES[0], atol=2.1)
    if way == "line":
        assert found[1].diameter_mm == pytest.approx(18.0)
    if way == "roi":
        node.SetSize(30, 22, 24)
        one.panel.refresh()
        assert "masses" in one.ui.changedLabel.text


def test_a_reviewed_case_goes_into_a_cohort_with_the_readers_categories_and_the_next_id_is_suggested(
    desk, read, tmp_path
):
    from HCCAssistLib.cohort.points import read_points

    ui, panel = read.ui, read.panel
    for number, key in ((1, "A"), (2, "4"), (3, "R")):
        panel._review.choose(number)
        chord(desk, ui.table, key)
    ui.exportsButton.collapsed = False
    with desk.choosing(tmp_path):
        desk.click(ui.newCohortButton)
    assert ui.caseEdit.text == "case-001"
    with desk.answering():
        desk.click(ui.addButton)
        desk.wait_until(lambda: not panel._exports._export.writing)
        panel.poll()
    assert "case-001 is in the cohort" in ui.exportLabel.text, ui.exportLabel.text
    written = read_points(tmp_path / "cases" / "case-001" / "baseline" / "masses.mrk.json")
    assert [(point.label, point.description) for point in written.points] == [("mass 1", "A"), ("mass 2", "D")]
    assert len(list((tmp_path / "cases" / "case-001" / "baseline").glob("*.nrrd"))) == 3
    assert ui.caseEdit.text == "case-002"
    assert ui.patientEdit.text == ""


def test_phases_without_a_told_time_point_are_chosen_by_their_names_and_told_as_such(desk, reading):
    loaded = load_phases()
    for name, node in loaded.items():
        node.SetName(f"4: {name}")
        node.RemoveAttribute("HCCAssist.Role")
    one = reading()
    for name, node in loaded.items():
        assert getattr(one.ui, f"input_baseline_{name}_volume").currentNode() is node
    assert one.ui.readinessLabel.text.count("by its name it is") == 3
    assert "follow-up" not in one.ui.readinessLabel.text
