"""Tests of the tests: mistakes planted into HCC Study must make a radiologist's first day with it fail on the desk."""

from __future__ import annotations

import pytest
from planting import noticed, plant_part, planted, some_of
from studying import MODULE, busy, cells, model_package, pip_failed, rest, row_of, volume, zipped

pytestmark = pytest.mark.slow

PY = "HCCStudy.py"

MISTAKES = {
    "timer misspelt": (PY, '"timeout()"', '"timedOut()"'),
    "new volumes not noticed": (PY, "(scene.NodeAddedEvent, scene.NodeRemovedEvent,", "(scene.NodeRemovedEvent,"),
    "renaming not noticed": (
        PY,
        "            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onVolumes)\n",
        "            pass\n",
    ),
    "scene closed without notice": (PY, "        self.sample.forget()\n        self.setP", "        self.setP"),
    "observers kept after the panel is closed": (PY, "        self.removeObservers()\n", ""),
    "processes kept after the panel is closed": (PY, "        self.logic.background.close()\n", ""),
    "news not asked for": (PY, "logic.background.wake = self._timer.start", "pass"),
    "set-up without asking": (
        "set_up",
        'if not slicer.util.confirmOkCancelDisplay(installation.question(missing), _("HCCAssist - Set up")):',
        "if not missing:",
    ),
    "failure not told": ("set_up", "        if failures:", "        if not failures:"),
    "cancelled dialog installs": ("model_store", "        if source:", "        if source is not None:"),
    "removed without asking": (
        "model_store",
        'if slicer.util.confirmOkCancelDisplay(question, _("HCCAssist - Remove a model")):',
        "if question:",
    ),
    "verification forgotten": ("model_store", "self._verified.update(", "list("),
    "reason of the damage not told": ("model_store", "[message, *map(self._reason, entries)]", "[message]"),
    "card of nobody": ("model_store", "self._chosen() if self.ui", "None if self.ui"),
    "guess not shown": ("phase_roles", "volume.role if volume.settled else volume.guess.role", "volume.role"),
    "what nobody confirmed shown as confirmed": ("phase_roles", "done = volume.settled and", "done ="),
    "role for another volume": ("phase_roles", "set_role(volume.node, role)", "set_role(self.nodes[0], role)"),
    "choice taken for a role": (
        "phase_roles",
        "            self.show(self._volume)",
        "            self._confirm(True)",
    ),
    "loss of a role not told": ("phase_roles", 'if moved is not None else ""', 'if False else ""'),
    "doubt not asked": ("phase_roles", "if volume.doubtful(role):", "if False:"),
    "another scan shown": ("phase_roles", "self.rows[line // LINES].node", "self.rows[0].node"),
    "voxels looked at unasked": ("phase_roles", "volumes if ui.voxelCheck.checked else []", "volumes"),
    "sample case out of view": ("sample_case", "            slicer.util.resetSliceViews()", "            pass"),
    "progress for ever": (
        "sample_case",
        "ui.sampleCancelButton.visible = busy",
        "ui.sampleCancelButton.visible = True",
    ),
    "sample not said to be synthetic": ("sample_case", "phantom (synthetic)", "phantom"),
    "another module opened": ("go_on", "slicer.util.selectModule(name)", "slicer.util.selectModule(self._without)"),
}
"""File of the module, or a part of the panels; what stands there, what is planted in its place."""


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
    from ltp_reading import MODULE as LTP
    from PySide6 import QtCore
    from PySide6.QtTest import QTest
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
    assert not busy(widget)
    with desk.choosing(archive):
        desk.click(ui.installArchiveButton)
    rest(desk, widget, 5)
    assert cells(ui.modelTable)[0][4] == "verified"
    assert (home / "models" / "blobs" / "model.json").is_file()
    desk.click(ui.storeCardButton)
    assert "Research use only" in ui.storeCard.toPlainText()
    assert "Youden index" in ui.storeCard.toPlainText()
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
    assert row_of(widget, "3: arterial").role == "post/arterial"
    assert (role_of(first), role_of(second)) == (None, None)
    second.SetName("4: arterial")
    rest(desk, widget, 5)
    row = row_of(widget, "4: arterial")
    assert row.role == "post/arterial"
    table = ui.roleTable
    at = table.visualItemRect(table.item(3, 0)).center()
    QTest.mouseClick(table.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=at)
    red = desk.layout_manager.sliceWidget("Red")
    assert red.mrmlSliceCompositeNode().GetBackgroundVolumeID() == second.GetID()
    desk.choose(row.combo, "Arterial phase, CT at diagnosis")
    rest(desk, widget, 5)
    assert (row.role, role_of(second)) == ("baseline/arterial", None)
    desk.click(row.button)
    assert role_of(second) == "baseline/arterial"
    desk.click(row_of(widget, "3: arterial").button)
    assert role_of(first) == "post/arterial"
    assert "3: arterial" in ui.needLabel.text
    desk.choose(row.combo, "Arterial phase, follow-up CT")
    desk.click(row.button)
    rest(desk, widget, 5)
    assert (role_of(first), role_of(second)) == (None, "post/arterial")
    assert "3: arterial was this before" in ui.roleLabel.text
    desk.choose(row.combo, "not used")
    desk.click(row.button)
    assert role_of(second) is None
    desk.choose(row.combo, "Delayed phase, follow-up MR")
    with desk.answering("Cancel"):
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
    widget._timer.setInterval(60_000)  # the scene closes before anybody asks what became of it
    desk.click(ui.sampleButton)
    slicer.mrmlScene.Clear(False)
    widget._timer.setInterval(20)
    rest(desk, widget, 5)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    tasks = logic.tasks
    desk.load(LTP)
    widget.goOn.refresh()
    desk.process_events()
    desk.click(widget.goOn.buttons["HCCLTPDetection"])
    assert desk.panel.moduleName == "HCCLTPDetection"
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
@pytest.mark.parametrize("mistake", some_of(MISTAKES))
def test_a_planted_mistake_is_caught(panel, ready, tmp_path, mistake, monkeypatch):
    file, right, wrong = MISTAKES[mistake]
    path = MODULE
    if file == PY:
        path = planted(MODULE, MISTAKES[mistake], tmp_path)
    else:
        plant_part(monkeypatch, file, right, wrong)
    assert noticed(panel, lambda: first_day(panel, path, ready[0], tmp_path)), f"nobody noticed: {mistake}"
