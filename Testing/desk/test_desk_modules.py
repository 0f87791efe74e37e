"""Modules on the desk: loaded, used with mouse and keys, their parameters kept, their faults found."""

from __future__ import annotations

import sys

import pytest
from reading import EXAMPLE, load_ct, mark_and_count


def test_a_reader_marks_a_lesion_by_mouse_and_gets_its_box_where_it_was_clicked(desk, tmp_path):
    mark_and_count(desk)
    desk.screenshot(tmp_path / "desk.png")
    assert (tmp_path / "desk.png").stat().st_size > 10_000


def test_parameters_and_widgets_follow_each_other(desk):
    load_ct()
    widget = desk.open(EXAMPLE)
    parameters, ui = widget._parameterNode, widget.ui
    ui.radiusSlider.value = 21.5
    desk.choose(ui.qualityBox, "fine")
    ui.boxesCheck.checked = False
    assert (parameters.radius, parameters.quality, parameters.boxes) == (21.5, "fine", False)
    parameters.radius, parameters.quality, parameters.boxes = 3.0, "fast", True
    assert (ui.radiusSlider.value, ui.qualityBox.currentText, ui.boxesCheck.checked) == (3.0, "fast", True)
    assert (ui.radiusSlider.minimum, ui.radiusSlider.maximum) == (1.0, 50.0)
    assert parameters.volume.GetName() == "CT"


@pytest.mark.parametrize(("name", "value"), [("radius", 51.0), ("quality", "coarse"), ("boxes", None)])
def test_a_parameter_refuses_what_its_type_does_not_allow(desk, name, value):
    widget = desk.open(EXAMPLE)
    with pytest.raises((ValueError, TypeError)):
        setattr(widget._parameterNode, name, value)


def test_parameters_outlive_the_panel_and_are_new_after_the_scene_is_closed(desk):
    import slicer

    widget = desk.open(EXAMPLE)
    widget._parameterNode.radius = 33.0
    widget = desk.open(EXAMPLE)
    assert widget._parameterNode.radius == 33.0
    slicer.mrmlScene.Clear(False)
    assert widget._parameterNode.radius == 12.0
    assert widget.ui.radiusSlider.value == 12.0


def test_a_panel_that_was_left_does_not_listen_to_the_scene(desk):
    import slicer

    widget = desk.open(EXAMPLE)
    desk.panel.exit()
    slicer.mrmlScene.Clear(False)
    assert widget._parameterNode is None
    desk.panel.enter()
    assert widget._parameterNode.radius == 12.0


def test_a_module_tells_what_it_is_and_is_forgotten_when_it_is_closed(desk):
    import slicer

    desk.open(EXAMPLE)
    module = slicer.app.moduleManager().module("DeskExample")
    assert slicer.modules.deskexample is module
    assert (module.title, module.categories) == ("Desk example", ("Examples",))
    assert module.widgetRepresentation() is desk.panel
    desk.close_module()
    assert not hasattr(slicer.modules, "deskexample")
    assert "DeskExample" not in sys.modules


def test_closing_the_panel_ends_its_process(desk):
    load_ct()
    widget = desk.open(EXAMPLE)
    desk.choose(widget.ui.seedSelector, "Create new")
    desk.click(widget.ui.applyButton)
    process = widget.process
    process.waitForStarted()
    process.disconnect("readyReadStandardOutput()", widget.onOutput)
    process.disconnect("finished(int,QProcess::ExitStatus)", widget.onFinished)
    desk.close_module()
    process.waitForFinished(2000)
    assert process.state() == process.ProcessState.NotRunning


def test_nobody_can_click_what_is_disabled(desk):
    widget = desk.open(EXAMPLE)
    with pytest.raises(AssertionError, match="hidden or disabled"):
        desk.click(widget.ui.applyButton)
