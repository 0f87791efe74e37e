"""Getting ready: packages, models, the phases of the loaded scans, and a sample case."""

from __future__ import annotations

import html
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

POLL_MS = 50
SAMPLE = "LTP phantom (synthetic)"


class HCCStudy(ScriptedLoadableModule):
    """What the module is."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("HCC Study")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Oncology")]
        self.parent.contributors = ["The HCCAssist contributors"]
        self.parent.helpText = _(
            "Sets HCCAssist up, manages its models, tells which contrast phase each loaded scan shows, and loads a "
            "synthetic sample case. For research use only."
        )
        self.parent.acknowledgementText = _("PyTorch is installed by the extension PyTorch (SlicerPyTorch).")
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer the sample case in Slicer's module Sample Data."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataCategory("HCCAssist", title="HCCAssist")
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="HCCAssist",
        sampleName=SAMPLE,
        uris="hccassist:sample",  # never asked for: the case is made on this computer
        fileNames="ltp-phantom",
        nodeNames=SAMPLE,
        customDownloader=openSampleCase,
    )


def openSampleCase(source):
    """Open this module and load the sample case: what the button in Sample Data does."""
    slicer.util.selectModule("HCCStudy")
    slicer.modules.hccstudy.widgetRepresentation().self().onSample()


@parameterNodeWrapper
class HCCStudyParameterNode:
    """The reader's choices, saved in the scene."""

    lookAtVoxels: bool = True


class HCCStudyWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: shows and asks, and leaves everything else to the logic."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._guiTag = None
        self._rows = []
        self._watched = []
        self._tookRole = ""

    def setup(self):
        """Make the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HCCStudy.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = HCCStudyLogic(self.resourcePath("HCCAssistRequirements.txt"))

        self._timer = qt.QTimer(uiWidget)
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.onPoll)
        self._soon = qt.QTimer(uiWidget)  # any number of changes in the scene fill the table once
        self._soon.setSingleShot(True)
        self._soon.connect("timeout()", self.fillRoles)

        ui = self.ui
        ui.setUpButton.connect("clicked(bool)", self.onSetUp)
        ui.extensionsButton.connect("clicked(bool)", self.onExtensions)
        ui.checkButton.connect("clicked(bool)", self.onCheck)
        ui.modelTable.connect("itemSelectionChanged()", self.onModel)
        ui.installArchiveButton.connect("clicked(bool)", self.onInstallArchive)
        ui.installFolderButton.connect("clicked(bool)", self.onInstallFolder)
        ui.verifyButton.connect("clicked(bool)", self.onVerify)
        ui.removeButton.connect("clicked(bool)", self.onRemove)
        ui.cardButton.connect("toggled(bool)", self.onModel)
        ui.modelCancelButton.connect("clicked(bool)", self.onCancelModels)
        ui.sampleButton.connect("clicked(bool)", self.onSample)
        ui.sampleCancelButton.connect("clicked(bool)", self.onCancelSample)
        ui.sampleRemoveButton.connect("clicked(bool)", self.onRemoveSample)
        for table, columns in ((ui.packageTable, PACKAGES), (ui.modelTable, MODELS), (ui.roleTable, ROLES)):
            table.setColumnCount(len(columns))
            table.setHorizontalHeaderLabels([_(name) for name in columns])
            table.verticalHeader().setVisible(False)
            table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
            table.horizontalHeader().setHighlightSections(False)
        ui.packageTable.horizontalHeader().setSectionResizeMode(2, qt.QHeaderView.Stretch)
        ui.modelTable.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        ui.roleTable.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        ui.roleTable.horizontalHeader().connect("sectionResized(int,int,int)", self.fitRows)
        ui.setUpPage.visible = False
        packages = self.logic.installation.packages(None)
        ui.setUpSection.collapsed = all(package.ready for package in packages)

        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneChanged)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, event, self.onVolumes)
        self.initializeParameterNode()

    def cleanup(self):
        """The panel goes: so do its observers and its tasks."""
        self._timer.stop()
        self._soon.stop()
        self.setParameterNode(None)
        self.removeObservers()
        self.logic.close()

    def enter(self):
        """The reader opens the module."""
        self.initializeParameterNode()

    def exit(self):
        """The reader opens another module."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """The scene closes: nothing of it is used any more."""
        self.logic.forget()
        self._tookRole = ""
        self.setParameterNode(None)

    def onSceneChanged(self, caller, event):
        """The scene is empty now, or a saved one was loaded."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take up the scene's parameters, and show how things are."""
        self.setParameterNode(self.logic.getParameterNode())
        if self.logic.computer is None:
            self.logic.checkComputer()
        self.logic.verifyNew()
        self.fillPackages()
        self.fillModels()
        self.fillRoles()
        self.fillSample()

    def setParameterNode(self, node):
        """Bind the panel to other parameters, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onVolumes)
        self._parameterNode = node
        if node:
            self._guiTag = node.connectGui(self.ui)
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onVolumes)
        else:
            self.watch([])

    def onPoll(self):
        """Take up what happened since the last time."""
        for what, event in self.logic.poll():
            if event.details:
                logging.error(event.details)
            if event.kind == "progress":
                continue
            if what == "computer":
                self.fillPackages()
            elif what == "phase":
                self.fillRoles()
            elif what in ("sample", "remove_samples"):
                self.fillSample(self.said(what, event))
            else:
                self.fillModels(self.said(what, event))
        self.listen()

    def listen(self):
        """Ask the logic for news as long as there can be any."""
        if self.logic.busy() != self._timer.active:
            self._timer.stop() if self._timer.active else self._timer.start()

    def said(self, what, event):
        """What came of a task, for the person."""
        if event.kind == "failed":
            return event.message
        if event.kind == "cancelled":
            return _("Cancelled.")
        text = {
            "install": _("{name} is installed."),
            "remove": _("{name} was removed."),
            "sample": _("The sample case is loaded. It is synthetic and says nothing about patients."),
            "remove_samples": _("The kept files were removed."),
        }.get(what, "")
        return text.format(name=event.result)

    def fillPackages(self):
        """Show what is there, what is missing, and what to do."""
        installation, table = self.logic.installation, self.ui.packageTable
        packages = installation.packages(self.logic.computer)
        table.setRowCount(len(packages))
        for row, package in enumerate(packages):
            fill(table, row, (package.name, package.wanted, package.found), bold=not package.ready)
        fit(table)
        if not all(package.ready for package in packages):
            self.ui.setUpSection.collapsed = False
        self.ui.setUpLabel.text = installation.advice(packages, self.logic.computer)
        self.ui.setUpButton.enabled = bool(installation.installable(packages))
        self.ui.extensionsButton.visible = installation.needs_extension(packages)
        self.listen()

    def onSetUp(self):
        """Ask, then install what is missing."""
        installation = self.logic.installation
        missing = installation.installable(installation.packages(self.logic.computer))
        if not slicer.util.confirmOkCancelDisplay(installation.question(missing), _("HCCAssist - Set up")):
            return
        with slicer.util.WaitCursor():
            failures = installation.set_up(missing)
        self.onCheck()
        if failures:
            self.ui.setUpPage.setHtml(installation.page(failures))
            self.ui.setUpPage.visible = True

    def onExtensions(self):
        """Open Slicer's Extensions Manager."""
        slicer.app.openExtensionsManagerDialog()

    def onCheck(self):
        """Look again at what is installed."""
        self.ui.setUpPage.visible = False
        self.logic.checkComputer()
        self.fillPackages()

    def fillModels(self, message=""):
        """Show what is installed and how it is; the chosen model stays chosen."""
        ui, chosen = self.ui, self.chosenModel()
        models = self.logic.models()
        names = [model.name for model in models]
        ui.modelTable.setRowCount(len(models))
        for row, model in enumerate(models):
            fill(ui.modelTable, row, model.cells, bold=model.state == DAMAGED, toolTip=model.reason)
        fit(ui.modelTable)
        if models:
            ui.modelTable.selectRow(names.index(chosen) if chosen in names else 0)
        running = self.logic.running("install", "verify", "remove")
        for button in (ui.installArchiveButton, ui.installFolderButton):
            button.enabled = not running
        for button in (ui.verifyButton, ui.removeButton):
            button.enabled = bool(models) and not running
        ui.cardButton.enabled = ui.modelTable.visible = bool(models)
        ui.modelProgress.visible = ui.modelCancelButton.visible = running
        damaged = [model.reason for model in models if model.state == DAMAGED]
        if not models and not message:
            message = _(
                "No model is installed. Install a model package, a .zip file or a folder: train one with "
                "'hccassist train', or ask the group that published it."
            )
        ui.modelLabel.text = "\n".join(filter(None, [message, *damaged]))
        ui.modelLabel.visible = bool(ui.modelLabel.text)
        ui.storeLabel.text = self.logic.storeSummary()
        self.onModel()
        self.listen()

    def chosenModel(self):
        """The name of the model in the chosen row, or None."""
        item = self.ui.modelTable.item(self.ui.modelTable.currentRow(), 0)
        return item.text() if item is not None else None

    def onModel(self):
        """A model was chosen, or its card is wanted."""
        model = self.logic.model(self.chosenModel()) if self.ui.cardButton.checked else None
        self.ui.cardPage.visible = model is not None
        if model is not None:
            self.ui.cardPage.setHtml(self.logic.card(model))

    def onInstallArchive(self):
        """Ask for a .zip file and install it."""
        kind = _("Model packages (*.zip)")
        self.install(qt.QFileDialog.getOpenFileName(self.parent, _("Model package"), "", kind))

    def onInstallFolder(self):
        """Ask for a folder and install it."""
        self.install(qt.QFileDialog.getExistingDirectory(self.parent, _("Folder of a model package")))

    def install(self, path):
        """Install a model package; nothing happens where no path was chosen."""
        if path:
            self.logic.install(path)
            self.fillModels(_("Checking and installing ..."))

    def onVerify(self):
        """Check the files of all models."""
        self.logic.verify()
        self.fillModels()

    def onRemove(self):
        """Ask, then delete the chosen model."""
        model = self.logic.model(self.chosenModel())
        question = _("Remove the model {name}? This frees {size}. To use it again, install it from its source.")
        question = question.format(name=model.name, size=megabytes(model.size))
        if slicer.util.confirmOkCancelDisplay(question, _("HCCAssist - Remove a model")):
            self.logic.removeModel(model.name)
            self.fillModels()

    def onCancelModels(self):
        """Stop what is done with the models."""
        self.logic.cancel("install", "verify", "remove")

    def onVolumes(self, caller=None, event=None):
        """Volumes came, went or were renamed, or how to guess was changed."""
        self._soon.start(0)

    def fillRoles(self):
        """Show the role of every volume, or a guess that waits for a person."""
        if self._parameterNode is None or slicer.mrmlScene.IsBatchProcessing():
            return
        ui = self.ui
        volumes = self.logic.volumes()
        nodes = [volume.node for volume in volumes]
        self.watch(nodes)
        if [row.node for row in self._rows] != nodes:
            ui.roleTable.setRowCount(0)
            ui.roleTable.setRowCount(2 * len(nodes))
            self._rows = [RoleRow(self, ui.roleTable, row, node) for row, node in enumerate(nodes)]
        for row, volume in zip(self._rows, volumes, strict=True):
            row.show(volume)
        self.fitRows()
        for widget in (ui.roleTable, ui.voxelCheck, ui.needLabel):
            widget.visible = bool(volumes)
        ui.roleLabel.text = "\n".join(filter(None, [self._tookRole, self.logic.roleAdvice(volumes)]))
        ui.needLabel.text = self.logic.needs()
        self.logic.looks.want(volumes if self._parameterNode.lookAtVoxels else [])
        self.listen()

    def fitRows(self, *sizes):
        """Make each row as high as its words need."""
        table = self.ui.roleTable
        for row in self._rows:
            row.fit()
        fit(table)

    def watch(self, nodes):
        """Hear when these volumes are renamed or get a role, and no others."""
        for node in [node for node in self._watched if node not in nodes]:
            self.removeObserver(node, vtk.vtkCommand.ModifiedEvent, self.onVolumes)
        for node in [node for node in nodes if node not in self._watched]:
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onVolumes)
        self._watched = nodes

    def confirm(self, node, role):
        """The person says which role a volume plays."""
        before = self.logic.setRole(node, role)
        taken = _("{name} had the role {role} before. Now it plays none.")
        self._tookRole = taken.format(name=before, role=role) if before else ""
        self.fillRoles()

    def fillSample(self, message=""):
        """Show what the sample case is, and what is kept of it."""
        ui = self.ui
        running = self.logic.running("sample", "remove_samples")
        kept = self.logic.keptSampleBytes()
        ui.sampleButton.enabled = not running
        ui.sampleProgress.visible = ui.sampleCancelButton.visible = running
        ui.sampleRemoveButton.enabled = bool(kept) and not running
        ui.sampleRemoveButton.text = (
            _("Remove kept files ({size})").format(size=megabytes(kept)) if kept else _("Remove kept files")
        )
        about = _(
            "A synthetic CT after ablation with local tumour progression, with liver and ablation zones. It is made on "
            "this computer in seconds; nothing is downloaded."
        )
        where = _("Kept in {folder}").format(folder=self.logic.samples) if kept else ""
        ui.sampleLabel.text = "\n".join(filter(None, [about, message, where]))
        self.listen()

    def onSample(self):
        """Make the sample case where it is not there, and load it."""
        self.logic.makeSample()
        self.fillSample(_("Making the sample case ..."))

    def onCancelSample(self):
        """Stop it."""
        self.logic.cancel("sample")

    def onRemoveSample(self):
        """Delete what is kept of the sample case."""
        self.logic.removeSample()
        self.fillSample()


PACKAGES = ("package", "needed", "found")
MODELS = ("model", "recipe", "trained on", "size", "state")
ROLES = ("scan", "role", "")
VERIFIED, CHECKING, UNVERIFIED, DAMAGED = "verified", "checking ...", "not verified", "damaged"
NO_ROLE = "not used"
TABLE_HEIGHT = 420


def fill(table, row, texts, *, bold=False, toolTip=""):
    """Write a row of a table."""
    for column, text in enumerate(texts):
        item = qt.QTableWidgetItem(text)
        font = item.font()
        font.setBold(bold)
        item.setFont(font)
        item.setToolTip(toolTip or text)
        table.setItem(row, column, item)


def fit(table):
    """Make a table as high as its rows, up to a limit."""
    height = table.horizontalHeader().height + sum(table.rowHeight(row) for row in range(table.rowCount)) + 2
    table.setFixedHeight(min(height, TABLE_HEIGHT))


def megabytes(size):
    """Bytes as a person reads them."""
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


class RoleRow:
    """A volume in the table: its role and the button that confirms it; below, what is known of it.

    Args:
        widget: told of what the person confirms.
        table: to stand in.
        row: which of the volumes; each takes two lines of the table.
        node: the volume.
    """

    def __init__(self, widget, table, row, node):
        self.node = node
        self._widget = widget
        self._table = table
        self._volume = None
        self._chosen = None  # by the person, not confirmed yet
        self.label = qt.QLabel()
        self.label.wordWrap = True
        self.label.setMargin(4)
        self.combo = qt.QComboBox()
        self.combo.addItems([NO_ROLE, *widget.logic.roles()])
        self.combo.connect("activated(int)", self.onChoice)
        self.button = qt.QPushButton()
        self.button.connect("clicked(bool)", self.onConfirm)
        self._line = 2 * row + 1
        self._item = qt.QTableWidgetItem()
        font = self._item.font()
        font.setBold(True)
        self._item.setFont(font)
        table.setItem(2 * row, 0, self._item)
        table.setCellWidget(2 * row, 1, self.combo)
        table.setCellWidget(2 * row, 2, self.button)
        table.setSpan(self._line, 0, 1, len(ROLES))
        table.setCellWidget(self._line, 0, self.label)

    def fit(self):
        """Make the line below as high as its words need."""
        width = sum(self._table.columnWidth(column) for column in range(len(ROLES)))
        self._table.setRowHeight(self._line, self.label.heightForWidth(width))

    def show(self, volume):
        """Show how the volume is."""
        self._volume = volume
        settled = volume.role if volume.settled else volume.guess.role
        shown = self._chosen or settled or NO_ROLE
        self.combo.setCurrentIndex(self.combo.findText(shown))
        self._item.setText(volume.name)
        self._item.setToolTip(volume.name)
        reason = html.escape(volume.reason, quote=False)
        self.label.text = f"<b>{volume.state}</b>{': ' if reason else ''}{reason}"
        done = volume.settled and not volume.disputed and shown == (volume.role or NO_ROLE)
        self.button.text = _("Confirmed") if done else _("Confirm")
        self.button.enabled = not done

    def onChoice(self, index):
        """The person chose a role, and has not confirmed it yet."""
        self._chosen = self.combo.itemText(index)
        self.show(self._volume)

    def onConfirm(self):
        """The person confirms the role that is shown."""
        role, self._chosen = self.combo.currentText, None
        self._widget.confirm(self.node, None if role == NO_ROLE else role)


def torchUtils():
    """The logic of the extension PyTorch; None where it is not installed."""
    try:
        import PyTorchUtils
    except ImportError:
        return None
    return PyTorchUtils.PyTorchUtilsLogic()


class Model(NamedTuple):
    """An installed model, as the table shows it."""

    name: str
    cells: tuple[str, ...]
    state: str
    reason: str
    size: int
    entry: Any


class HCCStudyLogic(ScriptedLoadableModuleLogic):
    """MRML nodes to the library and back.

    Args:
        requirements: file with the packages that Slicer does not ship.
        tasks: runs what takes longer than a hand may wait; in processes on this computer where None is given.
        store: of installed models; the person's own where None is given.
        samples: folder of the sample case; the person's own where None is given.
    """

    def __init__(self, requirements=None, tasks=None, store=None, samples=None):
        ScriptedLoadableModuleLogic.__init__(self)
        import slicer.packaging
        from HCCAssistLib.scene.loaded_volumes import VolumeLooks

        from HCCAssistLib.installation import Installation
        from HCCAssistLib.jobs.runner import TaskRunner
        from HCCAssistLib.models.store import ModelStore, default_store
        from HCCAssistLib.phantoms.sample import sample_folder

        self.installation = Installation(requirements, slicer.packaging, torchUtils)
        self.tasks = tasks or TaskRunner(python=shutil.which("PythonSlicer") or sys.executable)
        self.store = store or ModelStore(default_store())
        self.samples = samples or sample_folder()
        self.looks = VolumeLooks(self.tasks)
        self.computer = None
        self._running = {}  # kind of each running task and what it is about
        self._verified = {}  # why a model cannot be used, empty where it can, by what tells its files from others
        self._drawing = None  # the steps of drawing the sample case

    def getParameterNode(self):
        """The scene's parameters."""
        return HCCStudyParameterNode(super().getParameterNode())

    def start(self, what, arguments=None, about=None):
        """Begin a task."""
        self._running[self.tasks.start(what, arguments)] = (what, about)

    def running(self, *kinds):
        """Whether a task of these kinds runs."""
        drawing = self._drawing is not None and "sample" in kinds
        return drawing or any(what in kinds for what, about in self._running.values())

    def cancel(self, *kinds):
        """Stop the tasks of these kinds."""
        for task, (what, _about) in self._running.items():
            if what in kinds:
                self.tasks.cancel(task)

    def busy(self):
        """Whether something goes on that the panel will show."""
        return bool(self._running) or self._drawing is not None or self.looks.busy

    def poll(self):
        """Go on with what is done in steps; what happened since the last call, as kinds of tasks with their events."""
        from HCCAssistLib.jobs.events import Event

        news = []
        for event in self.tasks.poll():
            if self.looks.took(event):
                news.append(("phase", event))
                continue
            what, about = self._running[event.job]
            if event.is_last:
                del self._running[event.job]
            if event.kind == "done" and what == "sample":
                if self._beginDrawing():
                    continue
                gone = _("The sample case was removed or damaged in the meantime. Press Load sample case again.")
                event = Event(event.job, "failed", message=gone)
            if event.kind == "done":
                self._take(what, event.result, about)
            elif event.kind == "failed" and what == "computer":
                self.computer = {"torch": None, "gpu": None, "cuda": None, "reason": event.message}
            news.append((what, event))
        if self._drawing is not None:
            drawn = next(self._drawing, None)
            if drawn is None:
                self._drawing = None
                news.append(("sample", Event(0, "done", 1.0)))
            elif drawn.IsA("vtkMRMLVolumeNode"):
                slicer.util.resetSliceViews()
        self.looks.step()
        return news

    def _take(self, what, result, about):
        """Keep what a task found out."""
        if what == "computer":
            self.computer = result
        elif what == "verify":
            self._verified |= {_stamp(entry): result[entry.name] for entry in about}
        elif what == "install":  # which verifies
            self._verified |= {_stamp(entry): "" for entry in self.store.entries() if entry.name == result}

    def forget(self):
        """The scene closes: what was done for it is for nobody."""
        self.cancel("sample")
        self._drawing = None
        self.looks.forget()

    def close(self):
        """End all tasks."""
        self.forget()
        self._running.clear()
        self.tasks.close()

    def checkComputer(self):
        """Let PyTorch start in a process of its own, where it is installed: that takes seconds."""
        from HCCAssistLib.installation import installed_version

        self.computer = None
        if installed_version("torch") is not None and not self.running("computer"):
            self.start("computer")

    def models(self):
        """The installed models."""
        found = []
        for entry in self.store.entries():
            reason = entry.reason or self._verified.get(_stamp(entry))
            state = CHECKING if self.running("verify") else UNVERIFIED
            if reason is not None:
                state = DAMAGED if reason else VERIFIED
            recipe, trained = ("?", "?") if entry.card is None else (entry.card.recipe, _patients(entry.card))
            cells = (entry.name, recipe, trained, megabytes(entry.size), state)
            found.append(Model(entry.name, cells, state, reason or "", entry.size, entry))
        return found

    def model(self, name):
        """The installed model of that name, or None."""
        return next((model for model in self.models() if model.name == name), None)

    def storeSummary(self):
        """How much the models take, and where."""
        from HCCAssistLib.files import size_on_disk

        size = size_on_disk(self.store.folder)
        text = _("{size} in {folder}") if size else _("Models will be kept in {folder}")
        return text.format(size=megabytes(size), folder=self.store.folder)

    def card(self, model):
        """All that a model says of itself, as a page."""
        from HCCAssistLib.models.card import card_rows

        installed = time.strftime("%Y-%m-%d", time.localtime(model.entry.installed))
        rows = [("Files", f"{model.state}. {model.reason}"), ("Installed", installed), ("Size", megabytes(model.size))]
        if model.entry.card is not None:
            rows += card_rows(model.entry.card, full=True)
        listed = "".join(
            f"<p><b>{html.escape(item)}</b><br>{html.escape(content).replace(chr(10), '<br>')}</p>"
            for item, content in rows
        )
        return f"<h3>{html.escape(model.name)}</h3><p><b>{_('Research use only')}</b></p>{listed}"

    def verify(self, models=None):
        """Check the files of models; of all where none are named."""
        models = self.models() if models is None else models
        entries = [model.entry for model in models if model.entry.card is not None]
        for entry in entries:
            self._verified.pop(_stamp(entry), None)
        if entries:
            names = [entry.name for entry in entries]
            self.start("verify", {"store": str(self.store.folder), "names": names}, entries)

    def verifyNew(self):
        """Check the files of models that were not checked since they came."""
        if not self.running("verify"):
            self.verify([model for model in self.models() if model.state == UNVERIFIED])

    def install(self, path):
        """Install a model package, a folder or a .zip."""
        self.start("install", {"store": str(self.store.folder), "source": str(path)})

    def removeModel(self, name):
        """Delete an installed model."""
        self.start("remove", {"store": str(self.store.folder), "name": name})

    def roles(self):
        """Every role a volume can play, those that the methods need first."""
        from HCCAssistLib.recipes.roles import all_roles

        return all_roles()

    def volumes(self):
        """The loaded volumes, with the roles that a person confirmed and guesses for the others."""
        return self.looks.loaded(slicer.mrmlScene)

    def roleAdvice(self, volumes):
        """What to do about the roles."""
        if not volumes:
            return _("No scan is loaded. Load a CT by Slicer's DICOM or Add Data, or the sample case below.")
        if any(not volume.settled or volume.disputed for volume in volumes):
            return _("A guess becomes a role only when you confirm it. Look at the images first.")
        return _("Every scan has its role, or plays none.")

    def needs(self):
        """What the methods need, and which volume serves them."""
        from HCCAssistLib.recipes.roles import needed_roles
        from HCCAssistLib.scene.roles import volume_with_role

        lines = []
        for role, titles in needed_roles().items():
            node = volume_with_role(slicer.mrmlScene, role)
            by = node.GetName() if node is not None else _("no scan yet")
            lines.append(_("{methods} needs {role}: {scan}").format(methods=", ".join(titles), role=role, scan=by))
        return "\n".join(lines)

    def setRole(self, node, role):
        """Give a volume the role that a person confirmed, None for no role.

        Returns:
            The name of the volume that had the role before, or empty.
        """
        from HCCAssistLib.scene.roles import set_role, volume_with_role

        before = volume_with_role(slicer.mrmlScene, role) if role else None
        set_role(node, role)
        return before.GetName() if before is not None and before is not node else ""

    def keptSampleBytes(self):
        """What is kept of the sample case."""
        from HCCAssistLib.phantoms.ltp.sample import kept_bytes

        return kept_bytes(self.samples)

    def makeSample(self):
        """Make the sample case where it is not there, then load it."""
        if not self.running("sample", "remove_samples"):
            self.start("sample", {"recipe": "ltp", "folder": str(self.samples)})

    def _beginDrawing(self):
        """Whether there is a case to draw."""
        from HCCAssistLib.phantoms.ltp.sample import read_sample
        from HCCAssistLib.scene.sample import draw_sample

        case = read_sample(self.samples)
        self._drawing = draw_sample(case, slicer.mrmlScene) if case is not None else None
        return case is not None

    def removeSample(self):
        """Delete what is kept of the sample case."""
        self.start("remove_samples", {"recipe": "ltp", "folder": str(self.samples)})


def _stamp(entry):
    """What tells the files of an installed model from others."""
    return entry.name, entry.size, entry.installed


def _patients(card):
    """How many a model was trained on, and whether they were patients."""
    from HCCAssistLib.models.caveats import trained_on

    return trained_on(card.training) or "?"


class HCCStudyTest(ScriptedLoadableModuleTest):
    """A short test that also runs within Slicer."""

    def setUp(self):
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all tests."""
        self.setUp()
        self.test_sampleCase()

    def test_sampleCase(self):
        """The sample case is made, loaded and gets its role; an empty store says so."""
        from HCCAssistLib.models.store import ModelStore
        from HCCAssistLib.scene.roles import volume_with_role

        with tempfile.TemporaryDirectory() as folder:
            logic = HCCStudyLogic(store=ModelStore(Path(folder) / "models"), samples=Path(folder) / "samples")
            try:
                self.assertEqual(logic.models(), [])
                self.assertIn("No scan is loaded", logic.roleAdvice(logic.volumes()))
                logic.makeSample()
                end = time.time() + 120
                while logic.busy():
                    self.assertLess(time.time(), end)
                    for _what, event in logic.poll():
                        self.assertEqual(event.kind, "done", event.message)
                    slicer.app.processEvents()
                    time.sleep(0.02)
                volume = volume_with_role(slicer.mrmlScene, "post/arterial")
                self.assertIn("synthetic", volume.GetName())
                logic.setRole(volume, None)
                self.assertIsNone(volume_with_role(slicer.mrmlScene, "post/arterial"))
            finally:
                logic.close()
        self.delayDisplay("HCCStudy: the sample case was made and loaded")
