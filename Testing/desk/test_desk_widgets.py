"""Stand-ins of ctk and qMRML widgets: the names of the real headers and no others, and the behaviour modules use."""

from __future__ import annotations

import pytest
from reading import load_ct


def make(name):
    import ctk
    import slicer

    return getattr(ctk if name.startswith("ctk") else slicer, name)()


INVOKABLE = {"testingEnabled", "widgetRepresentation", "logic", "mrmlScene", "setMRMLScene", "mrmlPlotViewNode"}
"""Methods that Python may call although they are neither properties, slots nor signals."""


def test_every_stand_in_offers_exactly_what_its_header_declares(desk):
    from PySide6.QtCore import QObject
    from slicer_desk.surface import MANIFEST, _qt_base, stand_in

    for name, entry in MANIFEST.items():
        declared = {*entry["properties"], *entry["slots"], *(s.split("(")[0] for s in entry["signals"])}
        made = stand_in(name)
        assert all(hasattr(made, one) for one in declared), name
        own = {n for n in dir(made) if n[:1] != "_"} - set(dir(_qt_base(name))) - set(dir(QObject))
        base = entry["base"]
        while base in MANIFEST:
            declared |= {*MANIFEST[base]["properties"], *MANIFEST[base]["slots"]}
            declared |= {s.split("(")[0] for s in MANIFEST[base]["signals"]} | set(MANIFEST[base].get("enums", {}))
            base = MANIFEST[base]["base"]
        extra = own - declared - set(entry.get("enums", {})) - {"childEvent", "hitButton", "paintEvent"}
        assert extra <= INVOKABLE, (name, extra)


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("ctkSliderWidget", "setMinimum"),  # a C++ method that is no slot: PythonQt does not offer it
        ("qMRMLNodeComboBox", "setNodeTypes"),
        ("qSlicerMarkupsPlaceWidget", "setFooBar"),
        ("ctkCollapsibleButton", "setCollapsed"),
    ],
)
def test_a_name_that_pythonqt_does_not_offer_is_refused(desk, name, attribute):
    with pytest.raises(AttributeError):
        getattr(make(name), attribute)


def test_what_the_desk_cannot_do_says_so(desk):
    with pytest.raises(NotImplementedError, match="addMenuAction exists in Slicer, but the desk"):
        make("qMRMLNodeComboBox").addMenuAction(None)


def test_a_behaviour_cannot_add_a_name(desk):
    from slicer_desk.surface import behaves

    class Wrong:
        def setMinimumOfAll(self):
            pass

    with pytest.raises(TypeError, match="does not offer setMinimumOfAll"):
        behaves("ctkDoubleSlider")(Wrong)


def test_a_slider_keeps_within_its_limits_and_tells_every_change_once(desk):
    slider, got = make("ctkSliderWidget"), []
    slider.minimum, slider.maximum, slider.singleStep = 0.0, 1.0, 0.01
    slider.connect("valueChanged(double)", got.append)
    slider.value = 0.5
    slider.value = 0.5
    slider.value = 7
    slider.maximum = 0.8
    assert got == [0.5, 1.0, 0.8]
    assert slider.value == 0.8


def test_moving_the_handle_of_a_slider_moves_its_value(desk):
    from PySide6 import QtWidgets

    slider = make("ctkSliderWidget")
    slider.minimum, slider.maximum, slider.singleStep = 0.0, 1.0, 0.01
    slider.findChildren(QtWidgets.QSlider)[0].setValue(25)
    assert slider.value == pytest.approx(0.25)


def test_a_collapsible_button_hides_and_shows_what_it_holds(desk):
    import qt

    button = make("ctkCollapsibleButton")
    layout = qt.QVBoxLayout(button)
    label = qt.QLabel("content")
    layout.addWidget(label)
    got = []
    button.connect("contentsCollapsed(bool)", got.append)
    button.show()
    button.collapsed = True
    assert not label.visible
    desk.click(button)
    assert label.visible
    assert got == [True, False]


def test_a_node_selector_follows_the_scene(desk):
    import slicer

    selector, got = make("qMRMLNodeComboBox"), []
    selector.nodeTypes, selector.noneEnabled = ["vtkMRMLScalarVolumeNode"], True
    selector.setMRMLScene(slicer.mrmlScene)
    selector.connect("currentNodeChanged(vtkMRMLNode*)", got.append)
    volume = load_ct()
    assert selector.nodeCount() == 1
    assert selector.currentNode() is None
    desk.choose(selector, "CT")
    slicer.mrmlScene.RemoveNode(volume)
    assert got == [volume, None]


def test_a_node_selector_keeps_its_node_while_others_come_and_go_at_once(desk):
    import slicer

    from HCCAssistLib.scene.records import batch

    selector = make("qMRMLNodeComboBox")
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.noneEnabled = True
    selector.setMRMLScene(slicer.mrmlScene)
    volume = load_ct()
    selector.setCurrentNode(volume)
    told = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", told.append)
    with batch(slicer.mrmlScene):
        other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "other")
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
        assert selector.nodeCount() == 2
    assert selector.currentNode() is volume
    with batch(slicer.mrmlScene):
        slicer.mrmlScene.RemoveNode(other)
    assert told == []
    slicer.mrmlScene.Clear(False)
    assert told == [None]


def test_a_node_selector_without_none_takes_the_first_node_and_tells_whether_there_is_one(desk):
    import slicer

    selector, got = make("qMRMLNodeComboBox"), []
    selector.nodeTypes = ["vtkMRMLMarkupsFiducialNode"]
    selector.connect("currentNodeChanged(bool)", got.append)
    selector.setMRMLScene(slicer.mrmlScene)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "F")
    assert selector.currentNode() is node
    assert got == [True]


def test_a_node_selector_makes_nodes_with_its_attributes(desk):
    import slicer

    selector = make("qMRMLNodeComboBox")
    selector.nodeTypes, selector.noneEnabled, selector.baseName = ["vtkMRMLMarkupsFiducialNode"], True, "ablation"
    selector.addAttribute("vtkMRMLMarkupsFiducialNode", "role", "ablation")
    selector.setMRMLScene(slicer.mrmlScene)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "other")
    assert selector.nodeCount() == 0
    desk.choose(selector, "Create new")
    assert selector.currentNode().GetName() == "ablation"
    assert selector.currentNode().GetAttribute("role") == "ablation"


def test_a_deleted_selector_no_longer_listens_to_the_scene(desk):
    import slicer

    selector = make("qMRMLNodeComboBox")
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.setMRMLScene(slicer.mrmlScene)
    selector.deleteLater()
    desk.process_events()
    load_ct()


def test_a_segment_selector_follows_its_segmentation(desk):
    import slicer

    selector, got = make("qMRMLSegmentSelectorWidget"), []
    selector.setMRMLScene(slicer.mrmlScene)
    selector.connect("currentSegmentChanged(QString)", got.append)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    liver = node.GetSegmentation().AddEmptySegment("liver", "liver")
    selector.setCurrentNode(node)
    assert selector.currentSegmentID() == liver
    zone = node.GetSegmentation().AddEmptySegment("zone", "ablation zone")
    desk.choose(selector, "ablation zone")
    assert selector.segmentIDs() == (liver, zone)
    assert selector.currentSegmentID() == zone
    node.GetSegmentation().RemoveSegment(zone)
    assert got == [liver, zone, liver]


def test_ui_files_are_checked(desk, tmp_path):
    import slicer
    from reading import EXAMPLE

    text = (EXAMPLE.parent / "Resources" / "UI" / "DeskExample.ui").read_text(encoding="utf-8")
    wrong = {
        "unknown widget class ctkSlidrWidget": text.replace("ctkSliderWidget", "ctkSlidrWidget"),
        "no object 'volumSelector'": text.replace("<receiver>volumeSelector", "<receiver>volumSelector"),
        "no such signal": text.replace("mrmlSceneChanged(", "mrmlSceneChangd("),
        "two objects named seedLabel": text.replace('name="volumeLabel"', 'name="seedLabel"'),
    }
    for message, content in wrong.items():
        path = tmp_path / "wrong.ui"
        path.write_text(content, encoding="utf-8")
        with pytest.raises((RuntimeError, ValueError, AttributeError), match=message.replace("no such signal", "mrml")):
            slicer.util.loadUI(str(path))


def test_a_section_keeps_hidden_what_its_module_hid(desk):
    import ctk
    import qt

    section = ctk.ctkCollapsibleButton()
    layout = qt.QVBoxLayout(section)
    shown, hidden, later = qt.QLabel("shown"), qt.QLabel("hidden"), qt.QLabel("later")
    for label in (shown, hidden, later):
        layout.addWidget(label)
    hidden.visible = False
    section.show()
    section.collapsed = True
    assert not (shown.visible or hidden.visible or later.visible)
    later.visible = False
    section.collapsed = False
    assert (shown.visible, hidden.visible, later.visible) == (True, False, False)
    section.collapsed = True
    hidden.visible = True
    assert not hidden.visible
    section.collapsed = False
    assert hidden.visible
    section.close()
