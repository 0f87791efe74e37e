"""What a radiologist met in HCC Study; each test clicks what once went wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest
from studying import MODULE, rest, row_of, volume


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """No test sees what the person who runs it has installed, and none starts the real PyTorch."""
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HCCASSIST_SAMPLES", str(tmp_path / "samples"))
    monkeypatch.setattr("HCCAssistLib.panels.set_up.installed_version", lambda name: None)


@pytest.fixture
def study(desk, small_view):
    """The open panel, which looks at no voxels."""
    widget = desk.open(MODULE)
    widget.ui.voxelCheck.checked = False
    rest(desk, widget)
    return widget


def ct(name, low=-1000, **attributes):
    """A scan as Add Data loads it: Slicer spreads its grey values over the whole range."""
    import slicer

    node = volume(name)
    array = slicer.util.arrayFromVolume(node)
    array[:] = np.linspace(low, 1500, array.size).reshape(array.shape)
    slicer.util.arrayFromVolumeModified(node)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(True)
    for key, value in attributes.items():
        node.SetAttribute(f"DICOM.{key}", value)
    return node


def click_name(desk, widget, name, line=0):
    """Click the name of a scan in the table, or the words below it."""
    from PySide6 import QtCore
    from PySide6.QtTest import QTest

    table = widget.ui.roleTable
    row = 3 * widget.roles.nodes.index(next(n for n in widget.roles.nodes if n.GetName() == name)) + line
    at = (
        table.visualItemRect(table.item(row, 0)).center()
        if line == 0
        else table.visualRect(table.model().index(row, 0)).center()
    )
    QTest.mouseClick(table.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=at)
    desk.process_events()


def background(desk):
    import slicer

    view = desk.layout_manager.sliceWidget("Red").mrmlSliceCompositeNode().GetBackgroundVolumeID()
    return slicer.mrmlScene.GetNodeByID(view)


@pytest.mark.parametrize("line", [0, 2])
def test_a_click_on_a_scan_shows_it_in_the_views(desk, study, line):
    first, second = ct("3: arterial"), ct("4: delayed")
    rest(desk, study)
    for node in (second, first):
        click_name(desk, study, node.GetName(), line)
        assert background(desk) is node


def test_a_scan_that_is_shown_gets_a_window_in_which_a_nodule_can_be_seen(desk, study):
    node = ct("3: arterial")
    rest(desk, study)
    click_name(desk, study, "3: arterial")
    display = node.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (150, 70)
    assert not display.GetAutoWindowLevel()


def test_a_window_that_a_person_chose_stays(desk, study):
    node = ct("3: arterial")
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevel(1800, 400)
    rest(desk, study)
    click_name(desk, study, "3: arterial")
    assert (node.GetDisplayNode().GetWindow(), node.GetDisplayNode().GetLevel()) == (1800, 400)


def test_a_scan_that_is_no_ct_gets_no_window_of_a_ct(desk, study):
    node = ct("T1 arterial", low=0)
    rest(desk, study)
    click_name(desk, study, "T1 arterial")
    assert background(desk) is node
    assert node.GetDisplayNode().GetAutoWindowLevel()


def test_a_phase_against_the_name_is_asked_and_its_reason_stays(desk, study):
    from HCCAssistLib.scene.roles import role_of

    node = ct("5: portal venous 70 s")
    rest(desk, study)
    row = row_of(study, node.GetName())
    assert row.role == "post/portal"
    desk.choose(row.combo, "Arterial phase, follow-up CT")
    with desk.answering("Cancel") as asked:
        desk.click(row.button)
    assert "portal" in asked[0]
    assert "Arterial phase, follow-up CT" in asked[0]
    assert role_of(node) is None
    assert row.button.enabled
    desk.choose(row.combo, "Arterial phase, follow-up CT")
    with desk.answering("OK"):
        desk.click(row.button)
    rest(desk, study)
    assert role_of(node) == "post/arterial"
    row = row_of(study, node.GetName())
    assert row.label.text.startswith("<b>Confirmed, doubtful</b>: ")
    assert "portal" in row.label.text
    assert row.button.text == "Confirmed"


@pytest.mark.parametrize(
    ("name", "words", "asks"),
    [
        ("3: arterial", "Arterial phase, follow-up CT", False),
        ("3: arterial", "not used", False),
        ("5: CT 3.0", "Arterial phase, follow-up CT", False),
        ("3: arterial before TACE", "Arterial phase, follow-up CT", True),
        ("Topogram 0.6", "Arterial phase, follow-up CT", True),
        ("arterial portal venous", "Portal venous phase, follow-up CT", True),
    ],
)
def test_only_what_speaks_against_a_phase_is_asked(desk, study, name, words, asks):
    ct(name)
    rest(desk, study)
    row = row_of(study, name)
    desk.choose(row.combo, words)
    with desk.answering(*(["OK"] if asks else [])):
        desk.click(row.button)
    rest(desk, study)
    assert ("doubtful" in row_of(study, name).label.text) == asks


def test_no_place_of_the_library_stands_in_the_panel(desk, study):
    from ltp_reading import texts

    for name in ("3: arterial", "4: portal venous", "5: CT"):
        ct(name)
    rest(desk, study)
    for row in study.roles.rows:
        if row.role is not None:
            desk.click(row.button)
    rest(desk, study)
    shown = "\n".join(texts(study.parent))
    assert re.findall(r"\b(?:post|pre|baseline)/\w+", shown) == []
    assert "Arterial phase, follow-up CT" in shown


def test_the_sample_case_loaded_twice_is_there_once(desk, study):
    import slicer

    ui = study.ui
    counts = []
    for _ in range(2):
        desk.click(ui.sampleButton)
        rest(desk, study, 60)
        scene = slicer.mrmlScene
        counts.append(
            [scene.GetNumberOfNodesByClass(f"vtkMRML{kind}Node") for kind in ("ScalarVolume", "Segmentation")]
        )
    assert counts == [[1, 1], [1, 1]]
    assert "is loaded" in ui.sampleLabel.text
    assert not ui.sampleProgress.visible


def test_nothing_empty_is_painted_while_nothing_goes_on(desk, study):
    for name in (
        "sampleProgress",
        "sampleCancelButton",
        "modelProgress",
        "modelCancelButton",
        "setUpPage",
        "storeCard",
    ):
        assert not getattr(study.ui, name).visible, name


def test_a_button_leads_on_to_the_module_of_a_method(desk, study):
    from ltp_reading import MODULE as LTP

    assert study.goOn.buttons == {}
    desk.load(LTP)
    desk.panel.exit()
    desk.panel.enter()
    button = study.goOn.buttons["HCCLTPDetection"]
    assert "HCC LTP Detection" in button.text
    desk.process_events()
    desk.click(button)
    assert desk.panel.moduleName == "HCCLTPDetection"


def test_what_only_reports_need_is_offered_apart_and_asked(desk, small_view, tmp_path):
    from slicer_desk.machine import Machine, sitting_at
    from studying import cells

    with sitting_at(Machine("jinja2", "matplotlib", "statsmodels")) as machine:
        widget = desk.open(MODULE)
        ui = widget.ui
        assert ui.setUpSection.collapsed  # nothing that is needed is missing
        assert not ui.setUpButton.enabled
        ui.setUpSection.collapsed = False
        assert "Reports need Jinja2, matplotlib, statsmodels besides" in ui.setUpLabel.text
        with desk.answering("Cancel"):
            desk.click(ui.reportsButton)
        assert machine.calls == []
        with desk.answering("OK") as asked:
            desk.click(ui.reportsButton)
        assert "matplotlib" in asked[0]
        assert "Nothing about you" in asked[0]
        by_pip = [arg for module, args in machine.calls if module == "pip" for arg in args]
        assert any(arg.startswith("matplotlib") for arg in by_pip)
        assert not any(arg.startswith(("scikit-learn", "torch")) for arg in by_pip)
        assert not ui.reportsButton.visible
        assert "missing" not in {row[2] for row in cells(ui.packageTable)}
        desk.close_module()
