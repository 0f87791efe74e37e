"""Tests of the tests: mistakes planted into HCC Study must make a radiologist's first day with it fail on the desk."""

from __future__ import annotations

import pytest
from planting import noticed, planted
from studying import MODULE, cells, model_package, pip_failed, rest, row_of, volume, zipped

PY, UI = "HCCStudy.py", "Resources/UI/HCCStudy.ui"

MISTAKES = {
    "signal misspelt": (PY, '"itemSelectionChanged()"', '"itemSelectionChange()"'),
    "signal with other arguments": (PY, '"sectionResized(int,int,int)"', '"sectionResized(int,int)"'),
    "timer misspelt": (PY, '"timeout()"', '"timedOut()"'),
    "slot needs too many arguments": (PY, "def onVerify(self):", "def onVerify(self, checked, again):"),
    "property misspelt": (PY, "ui.sampleButton.enabled", "ui.sampleButton.enable"),
    "property called like a method": (PY, "range(table.rowCount))", "range(table.rowCount()))"),
    "method that PythonQt does not offer": (PY, "self.ui.cardPage.setHtml(", "self.ui.cardPage.setHTML("),
    "widget misspelt": (PY, "ui.needLabel.text", "ui.needsLabel.text"),
    "set-up without asking": (PY, '_("HCCAssist - Set up")):\n            return', '_("Set up")):\n            pass'),
    "failure not told": (PY, "        if failures:", "        if not failures:"),
    "failure told for good": (
        PY,
        "        self.ui.setUpPage.visible = False\n        self.logic.check",
        "        self.logic.check",
    ),
    "set-up while everything is here": (PY, "bool(installation.installable(packages))", "True"),
    "removed without asking": (
        PY,
        'if slicer.util.confirmOkCancelDisplay(question, _("HCCAssist - Remove a model")):',
        "if question:",
    ),
    "archive button asks for a folder": (PY, "ui.installArchiveButton.connect", "ui.installFolderButton.connect"),
    "cancelled dialog installs": (PY, "        if path:\n", "        if path is not None:\n"),
    "another store": (PY, '"store": str(self.store.folder), "source"', '"store": str(self.samples), "source"'),
    "damaged called verified": (PY, "state = DAMAGED if reason else VERIFIED", "state = VERIFIED"),
    "verification forgotten": (PY, 'elif what == "verify":', 'elif what == "verified":'),
    "reason of the damage not told": (PY, "[message, *damaged]", "[message]"),
    "card of nobody": (PY, "self.logic.model(self.chosenModel()) if self", "self.logic.model(None) if self"),
    "not said to be for research": (PY, "{_('Research use only')}", ""),
    "guess not shown": (PY, "volume.role if volume.settled else volume.guess.role", "volume.role"),
    "what nobody confirmed shown as confirmed": (PY, "done = volume.settled and", "done ="),
    "role for another volume": (PY, "confirm(self.node,", "confirm(self._widget._rows[0].node,"),
    "choice taken for a role": (PY, "self.show(self._volume)", "self.onConfirm()"),
    "choice forgotten": (PY, "self._chosen = self.combo.itemText(index)", "self._chosen = None"),
    "no role called not used": (PY, "None if role == NO_ROLE else role", "role"),
    "loss of a role not told": (PY, 'self._tookRole = taken.format(name=before, role=role) if before else ""', "pass"),
    "renaming not noticed": (
        PY,
        "            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onVolumes)\n        self._watched",
        "            pass\n        self._watched",
    ),
    "new volumes not noticed": (PY, "(scene.NodeAddedEvent, scene.NodeRemovedEvent,", "(scene.NodeRemovedEvent,"),
    "voxels never looked at": (PY, "        self.looks.step()\n", ""),
    "voxels looked at unasked": (PY, "volumes if self._parameterNode.lookAtVoxels else []", "volumes"),
    "sample case in no scene": (PY, "draw_sample(case, slicer.mrmlScene)", "draw_sample(case, None)"),
    "sample case out of view": (PY, "                slicer.util.resetSliceViews()", "                pass"),
    "progress for ever": (PY, "ui.sampleCancelButton.visible = running", "ui.sampleCancelButton.visible = True"),
    "sample not said to be synthetic": (PY, 'SAMPLE = "LTP phantom (synthetic)"', 'SAMPLE = "LTP case"'),
    "sample not offered": (PY, '"startupCompleted()", registerSampleData', '"startupCompleted()", print'),
    "scene closed without notice": (
        PY,
        "        self.logic.forget()\n        self._tookRole",
        "        self._tookRole",
    ),
    "observers kept after the panel is closed": (PY, "        self.removeObservers()\n", ""),
    "processes kept after the panel is closed": (PY, "        self.logic.close()\n", ""),
    "parameter misspelt in the .ui": (UI, "<string>lookAtVoxels</string>", "<string>lookAtVoxel</string>"),
    "parameter forgotten in the .ui": (UI, "<string>lookAtVoxels</string>", "<string></string>"),
    "class misspelt in the .ui": (UI, "ctkCollapsibleButton", "ctkCollapsableButton"),
    "two widgets of one name in the .ui": (UI, 'name="sampleRemoveButton"', 'name="removeButton"'),
}


class AtOnce:
    """Tasks done in this process, the moment they are asked for."""

    def __init__(self, **_how):
        self.events, self.last, self.closed = [], 0, False
        self.phases = 0

    def prepare(self):
        from pathlib import Path
        from tempfile import mkdtemp

        return Path(mkdtemp(dir=self.folder))

    def start(self, name, arguments=None, *, folder=None):
        from HCCAssistLib.errors import InputError
        from HCCAssistLib.jobs.events import Event
        from HCCAssistLib.jobs.tasks import TASKS

        self.last += 1
        self.phases += name == "phase"
        canned = {"computer": {"torch": "2.13.0", "gpu": None, "cuda": None, "python": "3.12"}}
        try:
            result = canned[name] if name in canned else TASKS[name](lambda share: None, **(arguments or {}))
            self.events.append(Event(self.last, "done", 1.0, result=result))
        except InputError as error:
            self.events.append(Event(self.last, "failed", message=str(error)))
        return self.last

    def cancel(self, task):
        from HCCAssistLib.jobs.events import Event

        if any(event.job == task for event in self.events):
            self.events = [Event(e.job, "cancelled") if e.job == task else e for e in self.events]

    def poll(self):
        events, self.events = self.events, []
        return events

    def close(self):
        self.closed = True


@pytest.fixture(scope="session")
def ready(tmp_path_factory):
    """A model as .zip and the sample case."""
    from HCCAssistLib.phantoms.ltp.sample import make_sample

    folder = tmp_path_factory.mktemp("ready")
    package = model_package(folder)
    make_sample(folder / "samples")
    return zipped(package, folder / "blobs.zip"), folder / "samples"


def first_day(desk, path, archive, home):
    """A radiologist's first day with the panel, looked at step by step; the module's widget."""
    import slicer
    from slicer_desk.machine import Machine, sitting_at

    from HCCAssistLib.scene.roles import role_of, volume_with_role

    # nothing is installed yet, and at first there is no internet
    with sitting_at(Machine("torch", "torchvision", "scikit-learn", "safetensors", online=False)) as machine:
        slicer.modules.sampleDataSources = {}
        widget = desk.open(path)
        ui, logic = widget.ui, widget.logic
        slicer.app.startupCompleted.emit()
        source = slicer.modules.sampleDataSources["HCCAssist"][-1]
        assert "synthetic" in source.sampleName
        assert source.customDownloader.__module__ == "HCCStudy"
        with desk.answering("Cancel"):
            desk.click(ui.setUpButton)
        assert machine.calls == []
        with desk.answering("OK", "OK", *pip_failed()):
            desk.click(ui.setUpButton)
        assert "The set-up did not finish" in ui.setUpPage.toPlainText()
        assert ui.setUpPage.visible
        machine.online = True
        with desk.answering("OK", "OK"):
            desk.click(ui.setUpButton)
        rest(desk, widget, 5)
        assert "Everything is here." in ui.setUpLabel.text
        assert not (ui.setUpPage.visible or ui.setUpButton.enabled)

    # a model
    with desk.choosing(""):
        desk.click(ui.installArchiveButton)
    assert not logic.busy()
    with desk.choosing(archive):
        desk.click(ui.installArchiveButton)
    rest(desk, widget, 5)
    assert cells(ui.modelTable)[0][4] == "verified"
    assert (home / "models" / "blobs" / "model.json").is_file()
    desk.click(ui.cardButton)
    assert "Research use only" in ui.cardPage.toPlainText()
    assert "Youden index" in ui.cardPage.toPlainText()
    weights = home / "models" / "blobs" / "weights-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    desk.click(ui.verifyButton)
    rest(desk, widget, 5)
    assert cells(ui.modelTable)[0][4] == "damaged"
    assert "sha256 differs" in ui.modelLabel.text
    with desk.answering("Cancel"):
        desk.click(ui.removeButton)
    rest(desk, widget, 5)
    assert weights.is_file()
    with desk.answering("OK"):
        desk.click(ui.removeButton)
    rest(desk, widget, 5)
    assert not weights.exists()

    # the phases of some scans
    ui.voxelCheck.checked = False
    first, second = volume("3: arterial"), volume("4: delayed")
    rest(desk, widget, 5)
    assert logic.tasks.phases == 0
    assert row_of(widget, "3: arterial").combo.currentText == "post/arterial"
    assert (role_of(first), role_of(second)) == (None, None)
    second.SetName("4: arterial")
    rest(desk, widget, 5)
    row = row_of(widget, "4: arterial")
    assert row.combo.currentText == "post/arterial"
    desk.choose(row.combo, "baseline/arterial")
    rest(desk, widget, 5)
    assert (row.combo.currentText, role_of(second)) == ("baseline/arterial", None)
    desk.click(row.button)
    assert role_of(second) == "baseline/arterial"
    desk.click(row_of(widget, "3: arterial").button)
    assert role_of(first) == "post/arterial"
    assert "3: arterial" in ui.needLabel.text
    desk.choose(row.combo, "post/arterial")
    desk.click(row.button)
    rest(desk, widget, 5)
    assert (role_of(first), role_of(second)) == (None, "post/arterial")
    assert "3: arterial had the role" in ui.roleLabel.text
    desk.choose(row.combo, "not used")
    desk.click(row.button)
    assert role_of(second) is None
    third = volume("CT")
    rest(desk, widget, 5)
    assert row_of(widget, "CT").button.enabled
    ui.voxelCheck.checked = True
    rest(desk, widget, 5)
    assert logic.tasks.phases == 1
    assert "voxels" in row_of(widget, "CT").label.text
    assert role_of(third) is None

    # the sample case
    desk.click(ui.sampleButton)
    rest(desk, widget, 5)
    node = volume_with_role(slicer.mrmlScene, "post/arterial")
    assert "synthetic" in node.GetName()
    assert not (ui.sampleProgress.visible or ui.sampleCancelButton.visible)
    red = desk.layout_manager.sliceWidget("Red").mrmlSliceNode()
    assert min(red.GetFieldOfView()[:2]) > 250
    desk.click(ui.sampleButton)
    slicer.mrmlScene.Clear(False)
    rest(desk, widget, 5)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    tasks = logic.tasks
    desk.close_module()
    assert tasks.closed
    return widget


@pytest.fixture
def panel(desk, ready, tmp_path, monkeypatch):
    import slicer
    from slicer_desk.machine import sample_data_folder

    from HCCAssistLib.jobs import runner

    AtOnce.folder = tmp_path
    monkeypatch.setattr(runner, "TaskRunner", AtOnce)
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HCCASSIST_SAMPLES", str(ready[1]))
    monkeypatch.syspath_prepend(str(sample_data_folder()))
    desk.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    size = desk.window.size
    desk.window.resize(720, 320)  # one small view is drawn five times as fast
    yield desk
    desk.window.resize(size)


def test_the_panel_without_a_mistake_passes(panel, ready, tmp_path):
    first_day(panel, MODULE, ready[0], tmp_path)


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(panel, ready, tmp_path, mistake):
    path = planted(MODULE, MISTAKES[mistake], tmp_path)
    assert noticed(panel, lambda: first_day(panel, path, ready[0], tmp_path)), f"nobody noticed: {mistake}"
