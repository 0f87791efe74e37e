"""What a finished training has brought, on the desk: report, comparison before it replaces another model, the store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from studying import STALL_S, cells, heartbeat
from training_reading import MODULE, cohort, looked, stored_training

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("small_view")]


@pytest.fixture(scope="module")
def livers(tmp_path_factory):
    splits = ("train", "train", "test", "test", "test", "test", "test", "test")
    return cohort(tmp_path_factory.mktemp("made") / "livers", splits)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One that finds the lesions, and one that finds nothing."""
    import torch
    from ltp_blob import blob_network, blob_package

    blind = blob_network()
    with torch.no_grad():
        blind.fc3.bias[0] = -80.0
    training = {"patients": 58, "trained_on": {"synthetic": 58, "patients": 0}, "cases": {"train": 48}}
    return {
        name: blob_package(tmp_path_factory.mktemp(name), network, training=training, name="livers").folder
        for name, network in (("sharp", blob_network()), ("blind", blind))
    }


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
def panel(desk, home, livers, models):
    """The panel with a finished training of the good model, and the poor one of the same name installed."""
    from HCCAssistLib.models.store import ModelStore

    ModelStore(home / "models").install(models["blind"])
    folder = stored_training(home / "training", "a1", name="livers", cohort=str(livers), device="cpu")
    shutil.copytree(models["sharp"], folder / "package")
    (folder / "report").mkdir()
    (folder / "report" / "report.html").write_text("<p>of the test cases</p>")
    (folder / "outcome.json").write_text(json.dumps({"report": "report/report.html", "note": ""}))
    widget = desk.open(MODULE)
    desk.wait_until(lambda: widget.ui.harvestFrame.visible, 60)
    looked(desk, widget)
    return widget


def seal(folder):
    from HCCAssistLib.models.package import read_card

    return read_card(folder).seal


@pytest.mark.slow
def test_a_model_is_compared_with_the_installed_one_in_words_before_it_replaces_it(desk, panel, home, models):
    ui = panel.ui
    assert ui.installButton.text == "Install"
    with desk.answering("Cancel") as asked:
        desk.click(ui.installButton)
    assert "A model named livers is installed, trained on 58 synthetic cases. Replace it?" in asked[0]
    assert "The two were not compared" in asked[0]
    assert seal(home / "models" / "livers") == seal(models["blind"])
    with heartbeat(desk) as gaps:
        desk.click(ui.compareButton)
        assert ui.compareProgress.visible and not ui.installButton.enabled
        desk.wait_until(lambda: not ui.compareProgress.visible, 120)
    assert max(gaps) < STALL_S
    said = ui.comparisonPage.toPlainText()
    assert "6 cases that none of the models learned from" in said
    assert "Each figure is livers (2) minus livers; intervals are 95 %." in said
    assert "Patient level, difference of AUC" in said or "Patient level, AUC" in said, said
    assert "a difference" in said
    with desk.answering("OK") as asked:
        desk.click(ui.installButton)
    assert "They were compared:" in asked[0]
    assert "Patient level" in asked[0]
    desk.wait_until(lambda: ui.installButton.text == "Installed", 30)
    assert not ui.installButton.enabled
    assert seal(home / "models" / "livers") == seal(models["sharp"])
    assert not ui.compareButton.visible  # there is no other model of the method


@pytest.mark.slow
def test_a_comparison_that_is_stopped_goes_on_from_there(desk, panel, home):
    ui = panel.ui
    desk.click(ui.compareButton)
    folder = home / "training" / "trainings" / "a1" / "comparisons" / "livers"
    desk.wait_until(lambda: len(list(folder.glob("cases-1/c?/evaluation.json"))) >= 1, 60)
    desk.click(ui.compareCancelButton)
    desk.wait_until(lambda: not ui.compareProgress.visible, 30)
    assert "The comparison was stopped" in ui.harvestLabel.text
    assert list(folder.glob("cases-1/c?/evaluation.json"))
    assert ui.compareButton.enabled


def test_a_cohort_that_moved_away_is_told(desk, panel, home, livers):
    training = home / "training" / "trainings" / "a1" / "training.json"
    training.write_text(training.read_text().replace(str(livers), str(home / "gone")))
    panel.panel.watch.look_again()
    desk.wait_until(lambda: "gone" in panel.panel.watch.last.chosen.summary.training.cohort, 20)
    assert "This model was trained on synthetic cases only (58)" in panel.ui.harvestLabel.text
    desk.click(panel.ui.compareButton)
    desk.wait_until(lambda: not panel.ui.compareProgress.visible, 60)
    assert "there is no such folder" in panel.ui.harvestLabel.text


@pytest.mark.slow
def test_the_report_is_opened_by_its_button_and_written_later_where_packages_were_missing(
    desk, panel, home, monkeypatch
):
    from PySide6 import QtGui

    ui, pages = panel.ui, []
    opened = staticmethod(lambda url: pages.append(Path(url.toLocalFile())) or True)
    monkeypatch.setattr(QtGui.QDesktopServices, "openUrl", opened)
    page = home / "training" / "trainings" / "a1" / "report" / "report.html"
    desk.click(ui.reportButton)
    assert pages == [page]
    lacking = {"jinja2"}
    installed = "HCCAssistLib.panels.training_harvest.installed_version"
    monkeypatch.setattr(installed, lambda name: None if name in lacking else "3")
    outcome = home / "training" / "trainings" / "a1" / "outcome.json"
    outcome.write_text(json.dumps({"report": "", "note": "a report needs jinja2"}))
    desk.wait_until(lambda: not ui.reportButton.enabled, 20)
    assert "jinja2 is missing. Press For reports in the module HCC Study" in ui.harvestLabel.text
    assert cells(ui.jobsTable)[0][2] == "done"
    lacking.clear()
    desk.wait_until(lambda: ui.reportButton.enabled, 20)
    assert ui.reportButton.text == "Write report"
    desk.click(ui.reportButton)
    desk.wait_until(lambda: ui.reportButton.text == "Report", 120)
    assert pages == [page, page]
    assert "patient" in page.read_text(encoding="utf-8")
    assert json.loads(outcome.read_text())["report"] == "report/report.html"
