"""The installed backbones, which models refer to by digest: how they come and go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.jobs.events import Event
from HCCAssistLib.panels.background import Background
from HCCAssistLib.panels.tables import fill, fit, megabytes, prepare
from HCCAssistLib.panels.ui_files import load

TASKS = ("backbones", "install_backbone", "remove_backbone")


class InstalledBackbones:
    """Shows the backbones of a folder, installs and removes them; their digests are computed in the background.

    Args:
        place: layout to be added to.
        folder: of the backbones.
        background: does what reads or writes weights.
    """

    def __init__(self, place: Any, *, folder: Path, background: Background) -> None:
        self._folder, self._background = folder, background
        self._listed: list[dict[str, Any]] = []
        self.ui = ui = load("backbones", place)
        prepare(ui.backboneTable, (_("backbone"), _("variant"), _("licence"), "sha256", _("size")), stretched=0)
        ui.backboneTable.connect("itemSelectionChanged()", self._show_buttons)
        ui.backboneFileButton.connect("clicked(bool)", self._install_file)
        ui.backboneFolderButton.connect("clicked(bool)", self._install_folder)
        ui.backboneRemoveButton.connect("clicked(bool)", self._remove)
        ui.backboneSection.connect("toggled(bool)", lambda _open: self.look())

    def look(self) -> None:
        """The panel is opened: what is installed is listed, where a reader looks at it."""
        if not self.ui.backboneSection.collapsed and not self._background.running(*TASKS):
            self._start("backbones", {}, "")
        self._show("")

    def _start(self, task: str, arguments: dict[str, str], done: str) -> None:
        def ended(event: Event) -> None:
            if event.kind == "done":
                self._listed = list(event.result)
            self._show({"done": done, "cancelled": _("Cancelled.")}.get(event.kind, event.message))

        self._background.start(task, {"folder": str(self._folder), **arguments}, ended)
        self._show("")

    def _show(self, message: str) -> None:
        ui = self.ui
        ui.backboneTable.setRowCount(len(self._listed))
        for row, one in enumerate(self._listed):
            texts = (one["name"], one["variant"] or _("cannot be used"), one["licence"], one["sha256"][:8])
            tip = one["reason"] or one["sha256"]
            fill(ui.backboneTable, row, (*texts, megabytes(one["size"])), bold=bool(one["reason"]), tip=tip)
        fit(ui.backboneTable)
        ui.backboneTable.visible = bool(self._listed)
        if not self._listed and not message and not self._background.running(*TASKS):
            message = _(
                "No backbone is installed. Some models stand behind a ResNet-50 with ImageNet weights, which is not a "
                "part of them: install the .tgz or folder of a TensorFlow.js ResNet-50, a torchvision .pth, or a "
                ".safetensors file of HCCAssist."
            )
        ui.backboneLabel.text = "\n".join(filter(None, [message, *(one["reason"] for one in self._listed)]))
        ui.backboneLabel.visible = bool(ui.backboneLabel.text)
        self._show_buttons()

    def _show_buttons(self) -> None:
        ui, running = self.ui, self._background.running(*TASKS)
        ui.backboneFileButton.enabled = ui.backboneFolderButton.enabled = not running
        ui.backboneRemoveButton.enabled = self._chosen() is not None and not running
        ui.backboneProgress.visible = running

    def _chosen(self) -> dict[str, Any] | None:
        row = self.ui.backboneTable.currentRow()
        return self._listed[row] if 0 <= row < len(self._listed) else None

    def _install_file(self, _checked: bool) -> None:
        kinds = _("Backbones (*.tgz *.tar.gz *.pth *.pt *.safetensors)")
        self._install(qt.QFileDialog.getOpenFileName(self.ui.Backbones, _("Backbone"), "", kinds))

    def _install_folder(self, _checked: bool) -> None:
        self._install(qt.QFileDialog.getExistingDirectory(self.ui.Backbones, _("Folder of a backbone")))

    def _install(self, source: str) -> None:
        if source:  # the dialog was not cancelled
            self._start("install_backbone", {"source": str(Path(source))}, _("The backbone is installed."))

    def _remove(self, _checked: bool) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        question = _("Remove the backbone {name}? Models that refer to it cannot be used until it is installed again.")
        if slicer.util.confirmOkCancelDisplay(question.format(name=chosen["name"]), _("HCCAssist - Remove a backbone")):
            self._start("remove_backbone", {"name": chosen["name"]}, _("The backbone was removed."))
