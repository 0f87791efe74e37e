"""Trainings watched on the desk: begun, drawn as they go, stopped, gone on with, installed, and used."""

from __future__ import annotations

from pathlib import Path

import pytest
from studying import cells
from training_reading import MODULE, choose_cohort, cohort, ended, fill_small, running

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("small_view")]


@pytest.fixture(scope="module")
def livers(tmp_path_factory):
    return cohort(tmp_path_factory.mktemp("made") / "livers")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test sees the trainings and models of the person who runs it."""
    import slicer

    for name in ("TRAINING", "MODELS", "PROFILES"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    slicer.app.settings().clear()
    yield tmp_path
    slicer.app.settings().clear()


@pytest.fixture
def panel(desk, home, livers):
    widget = desk.open(MODULE)
    choose_cohort(desk, widget, livers)
    return widget


def curve(widget):
    """Epochs and losses of the first network's validation; empty before they are drawn."""
    from vtk.util.numpy_support import vtk_to_numpy

    node = widget.ui.trainingPlot.mrmlPlotViewNode()
    chart = node.GetPlotChartNode() if node else None
    if chart is None or not widget.ui.trainingPlot.visible:
        return []
    table = chart.GetNthPlotSeriesNode(1).GetTableNode().GetTable()
    return [vtk_to_numpy(table.GetColumnByName(name)).tolist() for name in ("epoch", "loss")]


@pytest.mark.slow
def test_a_model_is_trained_watched_stopped_finished_installed_and_used(desk, panel, home, opened):
    import slicer

    ui = panel.ui
    fill_small(desk, panel, "small")
    desk.click(ui.trainingStartButton)
    running(desk, panel)
    desk.wait_until(lambda: curve(panel) and len(curve(panel)[0]) >= 2, 60)
    epochs, losses = curve(panel)
    assert epochs == list(range(1, len(epochs) + 1))
    assert all(0 < loss < 5 for loss in losses)
    desk.click(ui.jobCancelButton)
    ended(desk, panel)
    assert cells(ui.jobsTable)[0][:3] == ["small", "ltp", "cancelled"]
    assert not ui.harvestFrame.visible
    desk.click(ui.jobResumeButton)
    running(desk, panel)
    desk.open(MODULE)  # the panel is closed in mid-run, and Slicer with it
    panel = desk.panel.self()
    ui = panel.ui
    running(desk, panel)
    slicer.mrmlScene.Clear(False)
    ended(desk, panel, 120)
    assert cells(ui.jobsTable)[0][:4] == ["small", "ltp", "done", "100 %"]
    epochs, again = curve(panel)
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert again[: len(losses)] == losses  # it went on where it stopped
    desk.click(ui.jobLogButton)
    assert "epoch 6" in ui.jobLog.toPlainText()
    desk.click(ui.reportButton)
    (page,) = opened
    assert "patient" in page.read_text(encoding="utf-8")
    assert not ui.compareButton.visible  # nothing is installed
    desk.click(ui.installButton)
    desk.wait_until(lambda: ui.installButton.text == "Installed", 30)
    assert "HCC LTP Detection offers small" in ui.harvestLabel.text
    with_new_model(desk, "small")


def with_new_model(desk, name):
    """Detect with a model in the module of its method, at once."""
    from ltp_reading import MODULE as LTP
    from ltp_reading import detect, load_blobs

    load_blobs(role="post/arterial")
    widget = desk.open(LTP)
    assert widget.ui.modelBox.currentText == name
    detect(desk, widget.ui)
    result = widget.logic.session.current.result
    assert result.run.model == name


@pytest.fixture
def opened(monkeypatch):
    """The pages that the browser was asked to show."""
    from PySide6 import QtGui

    pages = []
    monkeypatch.setattr(
        QtGui.QDesktopServices, "openUrl", staticmethod(lambda url: pages.append(Path(url.toLocalFile())) or True)
    )
    return pages
