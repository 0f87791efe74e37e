"""What a training that is done has brought: its report, its model beside the installed one, its installation."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.errors import InputError
from HCCAssistLib.installation import installed_version
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.runs.trainings import Trainings, TrainingStatus
from HCCAssistLib.models.caveats import model_warnings, trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.models.package import read_card
from HCCAssistLib.models.store import Entry, ModelStore
from HCCAssistLib.panels.background import Background
from HCCAssistLib.panels.training_watch import Look
from HCCAssistLib.panels.ui_files import Level, tell
from HCCAssistLib.recipes.registry import get_recipe

FOR_REPORTS = ("matplotlib", "jinja2")


class TrainingHarvest:
    """Buttons below the training that is chosen.

    Args:
        ui: widgets of ``training_jobs.ui``.
        trainings: of this computer.
        store: that models are installed in.
        background: runs comparisons and installs.
    """

    def __init__(self, ui: Any, *, trainings: Trainings, store: ModelStore, background: Background) -> None:
        self.ui, self._trainings, self._store, self._background = ui, trainings, store, background
        self._status: TrainingStatus | None = None
        self._page = ""
        self._compared: dict[str, tuple[str, list[str]]] = {}  # with what, and how it went, by the id of the training
        self._told: dict[str, tuple[str, Level]] = {}  # the last word and its level, by the id of the training
        ui.reportButton.connect("clicked(bool)", lambda _checked: self._report())
        ui.compareButton.connect("clicked(bool)", lambda _checked: self._compare())
        ui.compareCancelButton.connect("clicked(bool)", lambda _checked: background.cancel("compare", "report"))
        ui.installButton.connect("clicked(bool)", lambda _checked: self._install())
        self.show(Look())

    def show(self, look: Look) -> None:
        """Show what can be done with the training that is chosen."""
        self._status = look.chosen if look.chosen and look.chosen.package else None
        self._refresh()

    def _refresh(self) -> None:
        ui, status = self.ui, self._status
        ui.harvestFrame.visible = status is not None
        if status is None or status.package is None:
            return
        training_id, entries = status.summary.training.id, self._entries(status.summary.training.recipe)
        card = _card(status.package)
        same = next(
            (entry for entry in entries if card and entry.card and entry.card.as_json() == card.as_json()), None
        )
        others = [entry.name for entry in entries if entry is not same]
        box = ui.compareWith
        if [box.itemText(n) for n in range(box.count)] != others:
            chosen = str(box.currentText)
            box.clear()
            box.addItems(others)
            name = status.summary.training.name
            box.setCurrentIndex(max(0, box.findText(chosen), box.findText(name)))
        missing = [name for name in FOR_REPORTS if installed_version(name) is None]
        running = self._background.running("compare", "report")
        working = running or self._background.running("install")
        ui.compareWithLabel.visible = box.visible = len(others) > 1
        ui.compareButton.visible = bool(others)
        ui.compareButton.enabled = not working
        ui.compareProgress.visible = ui.compareCancelButton.visible = running
        ui.reportButton.text = _("Report") if status.report is not None else _("Write report")
        ui.reportButton.enabled = status.report is not None or not (missing or working)
        ui.installButton.enabled = same is None and not working
        ui.installButton.text = _("Installed") if same is not None else _("Install")
        words = "".join(f"<p>{html.escape(line)}</p>" for line in self._compared.get(training_id, ("", []))[1])
        ui.comparisonPage.visible = bool(words)
        if words != self._page:
            self._page = words
            ui.comparisonPage.setHtml(words)
        text, level = self._told.get(training_id, ("", "note"))
        lines = [text] if text else []
        doubts = [f"{one.what[:1].upper()}{one.what[1:]}." for one in (model_warnings(card) if card else ())]
        if doubts:
            lines += doubts
            level = "warn" if level == "note" else level
        if status.report is None:
            lines.append(_no_report(status.note, missing))
        tell(ui.harvestLabel, "\n".join(lines), level)

    def _entries(self, recipe: str) -> list[Entry]:
        return [one for one in self._store.entries() if one.card is not None and one.card.recipe == recipe]

    def _say(self, training_id: str, text: str, level: Level = "note") -> None:
        self._told[training_id] = text, level
        self._refresh()

    def _report(self) -> None:
        status = self._status
        if status is None:
            return
        if status.report is not None:
            _open(status.report)
            return
        training_id = status.summary.training.id

        def ended(event: Event) -> None:
            if event.kind == "done":
                _open(Path(event.result))
            texts = {"done": _("The report is written."), "cancelled": _("Cancelled.")}
            self._say(training_id, texts.get(event.kind, event.message), "stop" if event.kind == "failed" else "note")

        self._begin("report", {"training": str(self._trainings.folder(training_id))}, ended)
        self._say(training_id, _("The test cases are being looked at ..."))

    def _begin(self, kind: str, arguments: Mapping[str, Any], ended: Callable[[Event], None]) -> None:
        def progress(share: float) -> None:
            self.ui.compareProgress.value = round(100 * share)

        progress(0.0)
        self._background.start(kind, arguments, ended, progress)

    def _compare(self) -> None:
        status = self._status
        if status is None or status.package is None:
            return
        training, control = status.summary.training, str(self.ui.compareWith.currentText)
        out = self._trainings.folder(training.id) / "comparisons" / control
        arguments = {
            "cohort": training.cohort,
            "models": [str(self._store.path(control)), str(status.package)],
            "out": str(out),
            "device": training.device,
        }

        def ended(event: Event) -> None:
            if event.kind == "done":
                self._compared[training.id] = control, event.result["words"]
            texts = {"done": "", "cancelled": _("The comparison was stopped; it goes on from there.")}
            self._say(training.id, texts.get(event.kind, event.message), "stop" if event.kind == "failed" else "note")

        self._begin("compare", arguments, ended)
        self._say(training.id, _("Being compared with {name} ...").format(name=control))

    def _install(self) -> None:
        status = self._status
        if status is None or status.package is None:
            return
        training = status.summary.training
        there = next((one for one in self._store.entries() if one.name == training.name), None)
        if there is not None and not slicer.util.confirmOkCancelDisplay(
            self._question(there, training.id), _("HCCAssist - Replace a model")
        ):
            return
        arguments = {"store": str(self._store.folder), "source": str(status.package), "replace": there is not None}

        def ended(event: Event) -> None:
            done = _("Installed. {module} offers {name}.").format(
                module=get_recipe(training.recipe).panel, name=event.result
            )
            texts = {"done": done, "cancelled": _("Cancelled.")}
            levels: dict[str, Level] = {"done": "ok", "failed": "stop"}
            self._say(training.id, texts.get(event.kind, event.message), levels.get(event.kind, "note"))

        self._background.start("install", arguments, ended)
        self._say(training.id, _("Being checked and installed ..."))

    def _question(self, there: Entry, training_id: str) -> str:
        text = _("A model named {name} is installed").format(name=there.name)
        if there.card is not None:
            text += _(", trained on {data}").format(data=trained_on(there.card.training) or "?")
        control, words = self._compared.get(training_id, ("", []))
        known = (
            _("They were compared:\n{words}").format(words="\n".join(words))
            if control == there.name
            else _("The two were not compared: press Cancel, then Compare with installed, to know which is better.")
        )
        return f"{text}. {_('Replace it? It is deleted.')}\n\n{known}"


def _card(package: Path) -> ModelCard | None:
    """What a model that was trained says of itself; None where it is damaged."""
    try:
        return read_card(package)
    except InputError:
        return None


def _open(page: Path) -> None:
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(page)))


def _no_report(note: str, missing: Sequence[str]) -> str:
    """Why there is no report, and what to do."""
    if missing:
        text = _("No report: {names} is missing. Press For reports in the module HCC Study, then Write report here.")
        return str(text.format(names=_(" and ").join(missing)))
    return str(_("No report: {reason}").format(reason=note or _("nobody wrote one yet.")))
