"""Qt objects behave as PythonQt's do, and what PythonQt refuses is refused."""

from __future__ import annotations

import pytest


@pytest.fixture
def qt(desk):
    import qt

    return qt


def test_properties_are_values_that_can_be_set(qt):
    button = qt.QPushButton()
    button.text, button.enabled, button.checkable = "Detect", False, True
    assert (button.text, button.enabled, button.checkable) == ("Detect", False, True)
    assert isinstance(button.width, int)
    button.name = "detect"
    assert button.objectName == button.name == "detect"


def test_numbers_and_paths_are_converted_as_pythonqt_does(qt, tmp_path):
    import numpy as np

    bar, box, line = qt.QProgressBar(), qt.QDoubleSpinBox(), qt.QLineEdit()
    bar.value = 40.7
    box.value = 3
    line.text = tmp_path
    assert (bar.value, box.value, line.text) == (40, 3.0, str(tmp_path))
    bar.value = np.int64(12)
    assert bar.value == 12


def test_lists_of_strings_come_back_as_tuples(qt):
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    assert selector.nodeTypes == ("vtkMRMLScalarVolumeNode",)


@pytest.mark.parametrize(
    ("name", "value"), [("enabld", True), ("enabled", None), ("value", "much"), ("width", 3), ("myOwn", 1)]
)
def test_a_wrong_attribute_or_value_is_refused(qt, name, value):
    with pytest.raises(AttributeError):
        setattr(qt.QProgressBar(), name, value)


def test_reading_what_is_not_there_is_refused(qt):
    with pytest.raises(AttributeError, match="QLabel has no attribute named 'txt'"):
        qt.QLabel().txt  # noqa: B018


def test_dynamic_properties_and_named_children_are_attributes(qt):
    parent = qt.QWidget()
    child = qt.QLabel(parent)
    child.name = "resultLabel"
    child.setProperty("SlicerParameterName", "threshold")
    assert parent.resultLabel is child
    assert child.SlicerParameterName == "threshold"


def test_a_python_subclass_may_have_attributes_of_its_own(qt):
    class Panel(qt.QWidget):
        pass

    panel = Panel()
    panel.logic = 3
    assert panel.logic == 3


def test_a_slot_gets_as_many_arguments_as_it_takes(qt):
    button, got = qt.QPushButton(), []
    button.checkable = True
    button.connect("toggled(bool)", lambda on: got.append(on))
    button.connect("toggled(bool)", lambda: got.append("nothing"))
    button.toggle()
    assert got == [True, "nothing"]


@pytest.mark.parametrize("signal", ["cliked(bool)", "clicked(QString)", "clicked", "enabled(bool)", ""])
def test_a_signal_that_is_not_there_is_refused(qt, signal):
    with pytest.raises((ValueError, AttributeError)):
        qt.QPushButton().connect(signal, print)


def test_a_slot_that_needs_more_than_the_signal_gives_is_refused(qt):
    with pytest.raises(TypeError, match="needs 2 arguments"):
        qt.QPushButton().connect("clicked()", lambda one, two: None)


def test_a_slot_can_be_named_by_receiver_and_signature(qt):
    box, bar = qt.QSpinBox(), qt.QProgressBar()
    box.connect("valueChanged(int)", bar, "setValue(int)")
    box.value = 7
    assert bar.value == 7


def test_disconnect_takes_the_same_arguments_and_says_whether_there_was_anything(qt):
    button, got = qt.QPushButton(), []
    button.connect("clicked()", got.clear)
    button.connect("clicked(bool)", got.append)
    assert button.disconnect("clicked(bool)", got.append)
    assert not button.disconnect("clicked(bool)", got.append)
    button.click()
    assert got == []


def test_timers_and_processes_run_while_the_desk_waits(qt, desk):
    import sys

    ticks, out = [], []
    timer = qt.QTimer()
    timer.interval = 5
    timer.connect("timeout()", lambda: ticks.append(1))
    timer.start()
    process = qt.QProcess()
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: out.append(code))
    process.start(sys.executable, ["-c", "import time; time.sleep(0.1); raise SystemExit(3)"])
    desk.wait_until(lambda: bool(out))
    timer.stop()
    assert out == [3]
    assert len(ticks) > 3


def test_an_exception_in_a_slot_or_a_vtk_observer_is_a_fault(qt, expected_faults):
    import vtk

    button, node = qt.QPushButton(), vtk.vtkObject()
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    node.AddObserver("ModifiedEvent", lambda *_: {}["missing"])
    node.Modified()
    division, missing = expected_faults()
    assert "ZeroDivisionError" in division
    assert "KeyError: 'missing'" in missing


def test_an_error_of_vtk_is_a_fault(desk, expected_faults):
    import vtk

    reader = vtk.vtkPNGReader()
    reader.SetFileName("not-there.png")
    reader.Update()
    assert any("not-there.png" in fault for fault in expected_faults())
