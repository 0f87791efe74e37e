"""The installed models: their state, their cards, how they come and go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.files import size_on_disk
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.store import Entry, ModelStore
from HCCAssistLib.panels.background import Background
from HCCAssistLib.panels.model_card import card_page
from HCCAssistLib.panels.tables import fill, fit, megabytes, prepare
from HCCAssistLib.panels.ui_files import load

Stamp = tuple[str, int, float]
"""What tells the files of an installed model from others."""


class InstalledModels:
    """Shows the models of a store, installs, verifies and removes them.

    Args:
        place: layout to be added to.
        store: of the models.
        background: does what reads or writes weights.
    """

    def __init__(self, place: Any, *, store: ModelStore, background: Background) -> None:
        self._store = store
        self._background = background
        self._verified: dict[Stamp, str] = {}  # why it cannot be used, empty where it can
        self._entries: tuple[Entry, ...] = ()
        self.ui = ui = load("model_store", place)
        headings = (_("model"), _("recipe"), _("trained on"), _("size"), _("state"))
        prepare(ui.modelTable, headings, stretched=0)
        ui.modelTable.connect("itemSelectionChanged()", self._show_card)
        ui.installArchiveButton.connect("clicked(bool)", self._install_archive)
        ui.installFolderButton.connect("clicked(bool)", self._install_folder)
        ui.verifyButton.connect("clicked(bool)", lambda _checked: self._verify(self._entries))
        ui.removeButton.connect("clicked(bool)", self._remove)
        ui.storeCardButton.connect("toggled(bool)", self._show_card)
        ui.modelCancelButton.connect("clicked(bool)", lambda _checked: background.cancel("install", "verify", "remove"))

    def look(self) -> None:
        """The panel is opened: what came or changed since then is verified."""
        self._entries = self._store.entries()
        if not self._background.running("verify"):
            self._verify([entry for entry in self._entries if _stamp(entry) not in self._verified])
        self.refresh()

    def refresh(self, message: str = "") -> None:
        """Show what is installed and how it is; the chosen model stays chosen."""
        ui, chosen = self.ui, self._chosen()
        self._entries = entries = self._store.entries()
        names = [entry.name for entry in entries]
        ui.modelTable.setRowCount(len(entries))
        for row, entry in enumerate(entries):
            texts = (entry.name, _recipe(entry), _trained(entry), megabytes(entry.size), self._state(entry))
            fill(ui.modelTable, row, texts, bold=bool(self._reason(entry)), tip=self._reason(entry) or "")
        fit(ui.modelTable)
        if entries:
            ui.modelTable.selectRow(names.index(chosen.name) if chosen and chosen.name in names else 0)
        running = self._background.running("install", "verify", "remove")
        for button in (ui.installArchiveButton, ui.installFolderButton):
            button.enabled = not running
        for button in (ui.verifyButton, ui.removeButton):
            button.enabled = bool(entries) and not running
        ui.storeCardButton.enabled = ui.modelTable.visible = bool(entries)
        ui.modelProgress.visible = ui.modelCancelButton.visible = running
        if not entries and not message:
            message = _(
                "No model is installed. Install a model package, a .zip file or a folder: train one in HCC Training, "
                "or ask the group that published it. Until then the modules offer demonstration models, which were "
                "trained on synthetic cases only and say nothing about patients."
            )
        ui.modelLabel.text = "\n".join(filter(None, [message, *map(self._reason, entries)]))
        ui.modelLabel.visible = bool(ui.modelLabel.text)
        size = size_on_disk(self._store.folder)
        kept = _("{size} in {folder}") if size else _("Models will be kept in {folder}")
        ui.storeLabel.text = kept.format(size=megabytes(size), folder=self._store.folder)
        self._show_card()

    def _chosen(self) -> Entry | None:
        row = self.ui.modelTable.currentRow()
        item = self.ui.modelTable.item(row, 0)
        return next((entry for entry in self._entries if item is not None and entry.name == item.text()), None)

    def _reason(self, entry: Entry) -> str | None:
        """Why a model cannot be used; empty where it can, None where that is not known."""
        return entry.reason or self._verified.get(_stamp(entry))

    def _state(self, entry: Entry) -> str:
        reason = self._reason(entry)
        if reason is None:
            return _("checking ...") if self._background.running("verify") else _("not verified")
        return _("damaged") if reason else _("verified")

    def _show_card(self, _checked: bool = False) -> None:
        entry = self._chosen() if self.ui.storeCardButton.checked else None
        self.ui.storeCard.visible = entry is not None
        if entry is not None:
            rows = (
                (_("Files"), f"{self._state(entry)}. {self._reason(entry) or ''}"),
                (_("Installed"), time.strftime("%Y-%m-%d", time.localtime(entry.installed))),
                (_("Size"), megabytes(entry.size)),
            )
            self.ui.storeCard.setHtml(card_page(entry.name, entry.card, rows))

    def _install_archive(self, _checked: bool) -> None:
        kind = _("Model packages (*.zip)")
        self._install(qt.QFileDialog.getOpenFileName(self.ui.ModelStore, _("Model package"), "", kind))

    def _install_folder(self, _checked: bool) -> None:
        self._install(qt.QFileDialog.getExistingDirectory(self.ui.ModelStore, _("Folder of a model package")))

    def _install(self, source: str) -> None:
        if source:  # the dialog was not cancelled
            arguments = {"store": str(self._store.folder), "source": str(Path(source))}
            self._background.start("install", arguments, self._installed)
            self.refresh(_("Checking and installing ..."))

    def _installed(self, event: Event) -> None:
        if event.kind == "done":  # which verified it
            self._verified |= {_stamp(entry): "" for entry in self._store.entries() if entry.name == event.result}
        self._ended(event, _("{name} is installed."))

    def _verify(self, entries: Sequence[Entry]) -> None:
        asked = [entry for entry in entries if entry.card is not None]
        for entry in asked:
            self._verified.pop(_stamp(entry), None)
        if asked:

            def verified(event: Event) -> None:
                if event.kind == "done":
                    self._verified.update((_stamp(entry), event.result[entry.name]) for entry in asked)
                self._ended(event, "")

            arguments = {"store": str(self._store.folder), "names": [entry.name for entry in asked]}
            self._background.start("verify", arguments, verified)
            self.refresh()

    def _remove(self, _checked: bool) -> None:
        entry = self._chosen()
        if entry is None:
            return
        question = _("Remove the model {name}? This frees {size}. To use it again, install it from its source.")
        question = question.format(name=entry.name, size=megabytes(entry.size))
        if slicer.util.confirmOkCancelDisplay(question, _("HCCAssist - Remove a model")):
            arguments = {"store": str(self._store.folder), "name": entry.name}
            self._background.start("remove", arguments, lambda event: self._ended(event, _("{name} was removed.")))
            self.refresh()

    def _ended(self, event: Event, done: str) -> None:
        texts = {"done": done.format(name=event.result), "cancelled": _("Cancelled.")}
        self.refresh(texts.get(event.kind, event.message))


def _stamp(entry: Entry) -> Stamp:
    return entry.name, entry.size, entry.installed


def _recipe(entry: Entry) -> str:
    return entry.card.recipe if entry.card is not None else "?"


def _trained(entry: Entry) -> str:
    return (trained_on(entry.card.training) if entry.card is not None else "") or "?"
