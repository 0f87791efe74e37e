"""Tests of the tests: mistakes planted into HCC Training must make a look at it fail on the desk."""

from __future__ import annotations

import json
import shutil
import sys
import threading

import pytest
from planting import noticed, plant_part, planted, some_of
from studying import cells
from training_reading import MODULE, choose_cohort, cohort, fill_small, looked, stored_training

pytestmark = pytest.mark.slow

PY = "HCCTraining.py"

MISTAKES = {
    "timer misspelt": (PY, '"timeout()"', '"timedOut()"'),
    "stop not heeded": ("training_form", "not known.stops and", ""),
    "facts of another cohort": ("training_facts", "self._known[0] == question", "True"),
    "fault of a setting not told": (
        "option_form",
        "tell(self._faults[name], field.problem,",
        'tell(self._faults[name], "",',
    ),
    "preset forgotten": ("option_form", "field.show(self._base[name])", "field.show(field.option.default)"),
    "two trainings of one name": ("training_form", "elif name in self._taken():", "elif False:"),
    "removed without asking": (
        "training_jobs",
        'if name and slicer.util.confirmOkCancelDisplay(question, _("HCCAssist - Remove a training")):',
        "if name:",
    ),
    "reason of a failure not told": ("training_words", "if summary.message:", "if False:"),
    "curves of the one before": ("training_curves", "forget_training(scene, but=asked", "list(asked"),
    "another training looked at": ("training_jobs", "self.choose(self._ids[number])", "self.choose(self._ids[0])"),
    "replaced without asking": ("training_harvest", "if there is not None and not slicer", "if False and not slicer"),
    "not compared and not told": ("training_harvest", "if control == there.name", "if True"),
    "installed by nobody": ("training_harvest", 'self._background.start("install", arguments, ended)', "pass"),
    "a stranger taken for the host": ("cluster_prompts", "if question.answer is None:", "if False:"),
    "password shown": (
        "cluster_prompts",
        "qt.QLineEdit.Password if asked.hidden",
        "qt.QLineEdit.Normal if asked.hidden",
    ),
    "password left in the field": ("cluster_prompts", 'self.ui.promptEdit.text = ""', "pass"),
    "asked where nobody is": ("cluster_prompts", "        self._attended.clear()\n", ""),
    "question that nobody waits for": ("cluster_prompts", "        self._answer(None)\n", ""),
    "fault of a profile not told": ("profile_form", "else problems.get(name", "else '' and problems.get(name"),
    "observers kept after the panel is closed": (PY, "        self.removeObservers()\n", ""),
}
"""File of the module, or a part of the panels; what stands there, what is planted in its place."""


@pytest.fixture(scope="module")
def livers(tmp_path_factory):
    return cohort(tmp_path_factory.mktemp("made") / "livers")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Two models of one name."""
    from ltp_blob import blob_network, blob_package

    training = {"trained_on": {"synthetic": 58, "patients": 0}}
    return [
        blob_package(
            tmp_path_factory.mktemp("one"), blob_network(), training={**training, "seed": n}, name="livers"
        ).folder
        for n in range(2)
    ]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, packages):
    """Four trainings and a model of somebody else than who runs the tests."""
    import slicer

    from HCCAssistLib.models.store import ModelStore

    for name in ("TRAINING", "MODELS", "PROFILES", "PATIENTS"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    slicer.app.settings().clear()
    for number, kind in enumerate(("done", "cancelled", "", "failed")):
        more = {"name": "livers"} if kind == "done" else {}
        folder = stored_training(
            tmp_path / "training", f"a{number}", kind=kind, created=1.8e9 - number, epochs=3 + number, **more
        )
        if kind == "done":
            shutil.copytree(packages[1], folder / "package")
            (folder / "outcome.json").write_text(json.dumps({"report": "", "note": "the cohort has no test cases."}))
    ModelStore(tmp_path / "models").install(packages[0])
    yield tmp_path
    slicer.app.settings().clear()


def look_at_it(desk, path, home, livers):
    """Somebody's look at everything that the panel shows; its widget."""
    import slicer

    from HCCAssistLib.scene.training_plot import TRAINING

    widget = desk.open(path)
    ui = widget.ui
    desk.wait_until(lambda: ui.jobsTable.rowCount == 4 and ui.jobFrame.visible, 8)
    the_form(desk, widget, livers, home)
    states = {"livers": "done", "model-a1": "cancelled", "model-a2": "interrupted", "model-a3": "failed"}
    assert {row[0]: row[2] for row in cells(ui.jobsTable)} == states
    buttons = {"model-a1": "jobResumeButton", "model-a2": "jobResumeButton", "model-a3": "jobRetryButton"}
    for row, name in enumerate(states):
        ui.jobsTable.selectRow(row)
        desk.wait_until(lambda name=name: name in ui.jobState.text, 5)
        offered = {one for one in ("jobCancelButton", "jobResumeButton", "jobRetryButton") if getattr(ui, one).visible}
        assert offered == {buttons[name]} if name in buttons else not offered
        series = slicer.mrmlScene.GetNodesByClass("vtkMRMLPlotSeriesNode")
        drawn = {series.GetItemAsObject(n).GetAttribute(TRAINING) for n in range(series.GetNumberOfItems())}
        assert drawn == {f"a{row}"}
    assert "The disk is full." in ui.jobState.text
    slicer.mrmlScene.Clear(False)
    desk.wait_until(lambda: slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotSeriesNode") == 2, 5)
    with desk.answering("Cancel"):
        desk.click(ui.jobRemoveButton)
    with desk.answering("OK"):
        desk.click(ui.jobRemoveButton)
    desk.wait_until(lambda: ui.jobsTable.rowCount == 3, 5)
    the_harvest(desk, widget, home)
    the_cluster(desk, widget)
    return widget


def the_form(desk, widget, livers, home):
    ui = widget.ui
    ui.trainingSection.collapsed = False
    choose_cohort(desk, widget, livers)
    assert "8 cases" in ui.trainingFacts.text
    fill_small(desk, widget, "new")
    assert ui.trainingStartButton.enabled
    form = widget.panel.form.form
    assert form.fields["patience"].widget.text == "8"
    desk.type(form.fields["batch"].widget, "1")
    assert "outside 2 to 4096" in form._faults["batch"].text
    desk.type(form.fields["batch"].widget, "64")
    ui.trainingName.text = "livers"
    assert not ui.trainingStartButton.enabled
    ui.trainingName.text = "new"
    ui.trainingFolds.value = 6
    looked(desk, widget)
    assert not ui.trainingStartButton.enabled
    ui.trainingFolds.value = 1
    (home / "other").mkdir(exist_ok=True)
    (home / "other" / "cohort.csv").write_text("case_id,ltp\n")
    ui.cohortFolder.currentPath = str(home / "other")
    assert "8 cases" not in ui.trainingFacts.text  # not even until the new ones are known
    looked(desk, widget)
    desk.choose(ui.trainingPreset, "as in the paper")
    assert form.fields["hard_negatives"].widget.text == "0"
    ui.trainingSection.collapsed = True


def the_harvest(desk, widget, home):
    from HCCAssistLib.models.package import read_card

    ui, store = widget.ui, home / "models" / "livers"
    ui.jobsTable.selectRow(0)
    desk.wait_until(lambda: ui.harvestFrame.visible, 5)
    desk.process_events()
    before = read_card(store).seal
    with desk.answering("Cancel") as asked:
        desk.click(ui.installButton)
    assert "The two were not compared" in asked[0]
    assert read_card(store).seal == before
    with desk.answering("OK"):
        desk.click(ui.installButton)
    desk.wait_until(lambda: ui.installButton.text == "Installed", 20)
    assert read_card(store).seal != before


def the_cluster(desk, widget):
    from HCCAssistLib.errors import Cancelled
    from HCCAssistLib.jobs.cluster.prompts import UnknownHost

    ui, prompts = widget.ui, widget.panel.prompts
    answers = []

    def ask(what, *, seen=True):
        def work():
            try:
                answers.append(what())
            except Cancelled:
                answers.append("given up")

        threading.Thread(target=work, daemon=True).start()
        if seen:
            desk.wait_until(lambda: ui.ClusterPrompts.visible, 5)

    def answered(number):
        desk.wait_until(lambda: len(answers) == number, 5)

    host = UnknownHost("login.example.org", "ssh-ed25519", "SHA256:abc")
    ask(lambda: prompts.confirm_host(host))
    assert "SHA256:abc" in ui.promptLabel.text
    desk.click(ui.promptNoButton)
    answered(1)
    ask(lambda: prompts.secret("Password:"))
    assert ui.promptEdit.echoMode == ui.promptEdit.EchoMode.Password
    desk.type(ui.promptEdit, "secret")
    desk.click(ui.promptYesButton)
    answered(2)
    assert ui.promptEdit.text == ""
    ask(lambda: prompts.answers("", "Code", [("Token:", True)]))
    desk.panel.exit()
    answered(3)
    ask(lambda: prompts.secret("Password:"), seen=False)
    answered(4)
    assert answers == ["given up", "secret", "given up", "given up"]
    desk.panel.enter()
    assert not ui.ClusterPrompts.visible
    ui.clusterSection.collapsed = False
    form = widget.panel.clusters.form
    desk.type(form.widgets["cpus"], "many")
    assert form._faults["cpus"].visible


def test_the_look_itself_finds_nothing_wrong(desk, small_view, home, livers):
    assert noticed(desk, lambda: look_at_it(desk, MODULE, home, livers)) == []


@pytest.mark.parametrize("mistake", some_of(MISTAKES))
def test_a_planted_mistake_is_noticed(desk, small_view, mistake, home, livers, monkeypatch, tmp_path):
    file, right, wrong = MISTAKES[mistake]
    path = MODULE
    if file == PY:
        path = planted(MODULE, MISTAKES[mistake], tmp_path)
    else:
        plant_part(monkeypatch, file, right, wrong)
        for name in [
            one for one in sys.modules if one.startswith("HCCAssistLib.panels.") and not one.endswith(f".{file}")
        ]:
            monkeypatch.delitem(sys.modules, name)  # parts that had imported the right one
    assert noticed(desk, lambda: look_at_it(desk, path, home, livers)), f"nobody noticed: {mistake}"
