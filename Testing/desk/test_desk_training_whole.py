"""From a scene to a trained model on the desk: cases are captured, the table follows, a cluster trains them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from capturing import added, begin, hepatectomy_in_scene
from studying import cells
from training_reading import MODULE, ROOT, choose_cohort, cohort, ended, fill_small, looked

sys.path.append(str(ROOT / "Testing" / "slurm"))

from private_cluster import PrivateCluster, unavailable

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("small_view")]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test sees the trainings, models and clusters of the person who runs it."""
    import slicer

    for name in ("TRAINING", "MODELS", "PROFILES", "PATIENTS"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    slicer.app.settings().clear()
    yield tmp_path
    slicer.app.settings().clear()


def test_a_case_that_is_captured_is_in_the_table_that_is_trained_on(desk, home):
    import slicer

    widget = desk.open(MODULE)
    ui = widget.ui
    desk.choose(ui.cohortMethodBox, "Early recurrence after hepatectomy")
    ui.captureSection.collapsed = ui.casesSection.collapsed = False
    begin(desk, ui, home / "cohort")
    looked(desk, widget)
    assert "holds no case yet" in ui.trainingFacts.text
    assert not ui.trainingStartButton.enabled
    hepatectomy_in_scene(1, early=True)
    desk.panel.exit()
    desk.panel.enter()
    page = widget.panel.capture.page.ui
    desk.choose(page.label_event, "recurrence")
    desk.type(page.label_follow_up_months, "11")
    added(desk, ui)
    assert "is in the cohort" in ui.captureLabel.text
    desk.wait_until(lambda: "1 case of 1 patient" in ui.trainingFacts.text, 30)
    desk.wait_until(lambda: [row[0] for row in cells(ui.caseTable)] == ["case-001"], 30)
    assert not ui.trainingStartButton.enabled  # one patient is nothing to train on
    assert ui.trainingFaults.visible
    slicer.mrmlScene.Clear(False)
    ui.caseTable.selectRow(0)
    desk.process_events()
    desk.click(ui.openCaseButton)
    desk.wait_until(lambda: slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1, 60)
    desk.wait_until(lambda: not widget.panel.cases.busy, 30)


@pytest.fixture
def cluster():
    if reason := unavailable():
        pytest.skip(f"SKIPPED: {reason}")
    folder = Path(tempfile.mkdtemp(prefix="hcc-slurm-"))  # short: a socket's path has at most 107 characters
    made = PrivateCluster(folder)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_cluster_trains_what_was_begun_here_and_the_model_comes_back(desk, home, cluster):
    from HCCAssistLib.jobs.cluster.profile import Profile, keep_profile

    keep_profile("private", Profile.from_json(cluster.profile))
    widget = desk.open(MODULE)
    ui = widget.ui
    choose_cohort(desk, widget, cohort(home / "livers"))
    fill_small(desk, widget, "small", epochs="4")
    desk.choose(ui.trainingEngine, "cluster private")
    desk.click(ui.trainingStartButton)
    desk.wait_until(lambda: ui.clusterLabel.text == "Connected to private.", 60)
    desk.wait_until(lambda: ui.jobFrame.visible and cells(ui.jobsTable)[0][5] == "private", 60)
    desk.wait_until(lambda: cluster.slurm("squeue", "--noheader", "--format=%j").startswith("hcc-"), 120)
    desk.panel.exit()  # somebody reads a case meanwhile
    desk.panel.enter()
    ended(desk, widget, 280)
    assert cells(ui.jobsTable)[0][:4] == ["small", "ltp", "done", "100 %"]
    assert ui.trainingPlot.visible
    desk.click(ui.installButton)
    desk.wait_until(lambda: ui.installButton.text == "Installed", 60)
