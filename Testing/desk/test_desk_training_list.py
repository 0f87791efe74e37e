"""Many trainings on the desk: listed, looked at and removed without a stall; each shown as what became of it."""

from __future__ import annotations

import signal
import sys
import time

import pytest
from studying import cells, heartbeat
from training_reading import MODULE, choose_cohort, cohort, ended, fill_small, looked, running, stored_training

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("small_view")]

STALL_S = 0.1


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test sees the trainings and models of the person who runs it."""
    import slicer

    for name in ("TRAINING", "MODELS", "PROFILES"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    slicer.app.settings().clear()
    yield tmp_path / "training"
    slicer.app.settings().clear()


def open_panel(desk, rows):
    """The panel, once it lists so many trainings."""
    widget = desk.open(MODULE)
    desk.wait_until(lambda: widget.ui.jobsTable.rowCount == rows, 60)
    looked(desk, widget)
    return widget


def choose(desk, widget, name):
    """Click the row of a training, and wait until it is shown."""
    from PySide6 import QtCore
    from PySide6.QtTest import QTest

    table = widget.ui.jobsTable
    row = [row[0] for row in cells(table)].index(name)
    table.scrollToItem(table.item(row, 0))
    at = table.visualItemRect(table.item(row, 0)).center()
    QTest.mouseClick(table.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=at)
    desk.wait_until(lambda: widget.ui.jobFrame.visible and name in widget.ui.jobState.text, 30)
    desk.process_events()


def test_two_hundred_trainings_are_listed_and_looked_at_again_without_a_stall(desk, home):
    for n in range(200):
        kind = ("done", "failed", "cancelled", "")[n % 4]
        stored_training(home, f"t{n:03d}", kind=kind, created=1.8e9 + n, epochs=30)
    widget = desk.open(MODULE)
    poll, busy, looks = widget.panel.poll, [], set()
    widget._timer.disconnect("timeout()", widget.panel.poll)

    def timed():
        began = time.thread_time()
        poll()
        busy.append(time.thread_time() - began)
        looks.add(id(widget.panel.watch.last))

    widget._timer.connect("timeout()", timed)
    with heartbeat(desk) as gaps:
        desk.wait_until(lambda: len(cells(widget.ui.jobsTable)) == 200 and not widget.panel.jobs.unfinished, 60)
        desk.wait_until(lambda: len(looks) >= 3, 60)
    assert max(busy) < STALL_S  # of this thread alone, whatever else the machine does
    assert max(gaps) < 4 * STALL_S  # a coarse bound on a machine that others use
    choose(desk, widget, "model-t150")
    assert widget.ui.jobsTable.rowCount == 200


@pytest.mark.parametrize(
    ("kind", "state", "offered", "words"),
    [
        ("done", "done", set(), ""),
        ("failed", "failed", {"jobRetryButton"}, "The disk is full."),
        ("cancelled", "cancelled", {"jobResumeButton"}, ""),
        ("", "interrupted", {"jobResumeButton"}, "Nothing that was trained is lost"),
    ],
)
def test_a_training_is_shown_as_what_became_of_it(desk, home, kind, state, offered, words):
    stored_training(home, "a1", kind=kind)
    widget = open_panel(desk, 1)
    ui = widget.ui
    desk.wait_until(lambda: ui.jobFrame.visible, 60)
    (row,) = cells(ui.jobsTable)
    assert row[:3] == ["model-a1", "ltp", state]
    assert row[4] == ""  # no time is left for what does not run
    assert state in ui.jobState.text
    assert words in ui.jobState.text
    buttons = {name for name in ("jobCancelButton", "jobResumeButton", "jobRetryButton") if getattr(ui, name).visible}
    assert buttons == offered
    assert ui.jobRemoveButton.enabled
    assert not ui.jobProgress.visible


def test_the_curves_are_those_of_the_training_that_is_chosen_and_go_with_it(desk, home):
    import slicer

    from HCCAssistLib.scene.training_plot import TRAINING

    def drawn():
        nodes = slicer.mrmlScene.GetNodes()
        return {nodes.GetItemAsObject(n).GetAttribute(TRAINING) for n in range(nodes.GetNumberOfItems())} - {None}

    stored_training(home, "a1", created=1.8e9, epochs=3)
    stored_training(home, "b2", created=1.9e9, epochs=7)
    stored_training(home, "c3", created=2.0e9, epochs=0)
    widget = open_panel(desk, 3)
    choose(desk, widget, "model-a1")
    assert drawn() == {"a1"}
    assert widget.ui.trainingPlot.visible
    choose(desk, widget, "model-b2")
    assert drawn() == {"b2"}
    choose(desk, widget, "model-c3")
    assert drawn() == set()
    assert not widget.ui.trainingPlot.visible
    choose(desk, widget, "model-b2")
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotSeriesNode") == 2
    slicer.mrmlScene.Clear(False)
    desk.wait_until(lambda: drawn() == {"b2"}, 60)
    with desk.answering("Cancel"):
        desk.click(widget.ui.jobRemoveButton)
    assert (home / "trainings" / "b2").is_dir()
    with desk.answering("OK") as asked:
        desk.click(widget.ui.jobRemoveButton)
    assert "model-b2" in asked[0]
    desk.wait_until(lambda: widget.ui.jobsTable.rowCount == 2, 60)
    desk.wait_until(lambda: drawn() != {"b2"}, 60)
    assert not (home / "trainings" / "b2").exists()
    desk.close_module()
    assert drawn() == set()


def test_a_training_that_another_program_removed_goes_from_the_list(desk, home):
    import shutil

    stored_training(home, "a1", created=1.8e9)
    stored_training(home, "b2", created=1.9e9)
    widget = open_panel(desk, 2)
    choose(desk, widget, "model-a1")
    shutil.rmtree(home / "trainings" / "a1")
    desk.wait_until(lambda: widget.ui.jobsTable.rowCount == 1, 60)
    desk.wait_until(lambda: "model-b2" in widget.ui.jobState.text, 60)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="ends a process by a signal")
def test_a_conductor_that_was_killed_is_shown_as_that_and_a_fault_of_the_cohort_in_its_words(desk, home, tmp_path):
    import os

    livers = cohort(tmp_path / "livers")
    (livers / "cases" / "c5" / "post" / "arterial.nrrd").write_bytes(b"no volume")
    widget = desk.open(MODULE)
    choose_cohort(desk, widget, livers)
    fill_small(desk, widget, "small")
    desk.click(widget.ui.trainingStartButton)
    running(desk, widget)
    (folder,) = (home / "trainings").iterdir()
    from HCCAssistLib.jobs.runs import detached

    os.kill(detached.pid_of(folder), signal.SIGKILL)
    ended(desk, widget, 60)
    ui = widget.ui
    assert cells(ui.jobsTable)[0][2] == "interrupted"
    assert "Nothing that was trained is lost" in ui.jobState.text
    desk.click(ui.jobResumeButton)
    running(desk, widget)
    ended(desk, widget, 60)
    assert cells(ui.jobsTable)[0][2] == "failed"
    assert "c5" in ui.jobState.text and "arterial.nrrd" in ui.jobState.text
    assert ui.jobRetryButton.enabled
    assert ui.trainingName.text == "ltp-1"  # the name that was given is not offered again
    desk.type(ui.trainingName, "small")
    assert "A training of this name is there already" in ui.trainingNameProblem.text
