"""All trainings in a table, and the one that is chosen: how far it is, its curves, what it said, what can be done."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.jobs.runs.trainings import TrainingSummary
from HCCAssistLib.panels.tables import fill, fit, prepare
from HCCAssistLib.panels.training_curves import TrainingCurves
from HCCAssistLib.panels.training_watch import OPEN, Look, TrainingWatch
from HCCAssistLib.panels.training_words import about, row
from HCCAssistLib.panels.ui_files import Level, load, tell

AT_ONCE = 50
"""Rows that are written before the window is let go."""

STOPPED = ("cancelled", "lost")
"""States in which a training can go on."""

LEVELS: dict[str, Level] = {"done": "ok", "failed": "stop", "lost": "warn", "cancelled": "warn"}


class TrainingJobs:
    """Shows what the watch saw; a training survives Slicer, so nothing of it is kept here.

    Args:
        place: layout to be added to.
        watch: looks at the trainings, and does what is asked for.

    Attributes:
        unfinished: there are so many rows that ``show`` is to be called once more for the rest.
    """

    def __init__(self, place: Any, *, watch: TrainingWatch) -> None:
        self._watch = watch
        self.unfinished = False
        self._ids: list[str] = []  # of the rows
        self._shown: dict[str, tuple[str, ...]] = {}  # their texts, by id
        self._log: tuple[str, ...] = ()
        self._problem = ""  # of the last look
        self.ui = ui = load("training_jobs", place)
        headings = (_("model"), _("method"), _("state"), _("done"), _("left"), _("on"))
        prepare(ui.jobsTable, headings, stretched=0, long=True)
        self.curves = TrainingCurves(ui.curvePlace.layout(), ui.curveLegend)
        vars(ui)["trainingPlot"] = self.curves.plot
        ui.jobsTable.connect("itemSelectionChanged()", self._chosen)
        ui.jobCancelButton.connect("clicked(bool)", lambda _checked: self._do("cancel", _("Being cancelled ...")))
        ui.jobResumeButton.connect("clicked(bool)", lambda _checked: self._do("resume", _("Going on ...")))
        ui.jobRetryButton.connect("clicked(bool)", lambda _checked: self._do("retry", _("Trying again ...")))
        ui.jobRemoveButton.connect("clicked(bool)", lambda _checked: self._remove())
        ui.jobLogButton.connect("toggled(bool)", lambda _checked: self._show_log())
        ui.jobLog.visible = False
        tell(ui.jobsLabel, "")
        self.show(Look())

    def bind(self, node: Any | None) -> None:
        """The plot belongs to this node of the scene."""
        self.curves.bind(node)
        if node is not None:
            self._show_chosen(self._watch.last)

    def choose(self, training_id: str) -> None:
        """Look at a training, which need not be in the table yet."""
        self._watch.chosen = training_id
        self._watch.look_again()

    def names(self) -> set[str]:
        """Of all models that are or were trained."""
        return {summary.training.name for summary in self._watch.last.summaries}

    def show(self, look: Look) -> None:
        """Show how the trainings are; only what changed is written anew."""
        ui, table = self.ui, self.ui.jobsTable
        rows = {summary.training.id: row(summary) for summary in look.summaries}
        if list(rows) != self._ids:
            self._ids, self._shown = list(rows), {}
            blocked = table.blockSignals(True)
            table.setRowCount(len(rows))
            table.blockSignals(blocked)
        chosen = self._watch.chosen if self._watch.chosen in rows else next(iter(rows), "")
        changed = [(number, name) for number, name in enumerate(rows) if self._shown.get(name) != rows[name]]
        for number, name in changed[:AT_ONCE]:
            fill(table, number, rows[name], tip=_tip(look.summaries[number]))
            self._shown[name] = rows[name]
        self.unfinished = len(changed) > AT_ONCE
        if changed and not self.unfinished:
            fit(table)
        if chosen:
            number = self._ids.index(chosen)
            if table.currentRow() != number:
                blocked = table.blockSignals(True)
                table.selectRow(number)
                table.blockSignals(blocked)
        if chosen != self._watch.chosen:
            self.choose(chosen)
        table.visible = bool(rows)
        if not rows and not ui.jobsLabel.text:
            tell(ui.jobsLabel, _("No training was begun yet."))
        elif rows and ui.jobsLabel.text == _("No training was begun yet."):
            tell(ui.jobsLabel, "")
        self._show_chosen(look)
        if look.problem or ui.jobsLabel.text == self._problem:
            tell(ui.jobsLabel, look.problem, "stop")
        self._problem = look.problem

    def close(self) -> None:
        """The panel goes; trainings go on."""
        self.curves.close()

    def _show_chosen(self, look: Look) -> None:
        ui, status = self.ui, look.chosen
        if status is None or status.summary.training.id != self._watch.chosen:
            status = None
        ui.jobFrame.visible = status is not None
        if status is None:
            self.curves.show(None, {})
            return
        summary, acting = status.summary, self._watch.acting
        profile = summary.training.profile
        connected = bool(profile) and self._watch.executor(profile) is not None
        tell(ui.jobState, about(status, connected), LEVELS.get(summary.state, "note"))
        ui.jobProgress.visible = summary.state in OPEN
        ui.jobProgress.value = round(100 * summary.share)
        states = {
            ui.jobCancelButton: summary.state in OPEN,
            ui.jobResumeButton: summary.state in STOPPED,
            ui.jobRetryButton: summary.state == "failed",
            ui.jobRemoveButton: summary.state not in OPEN,
        }
        for button, offered in states.items():
            button.visible, button.enabled = offered, offered and not acting
        self._log = look.log
        self._show_log()
        self.curves.show(summary, look.curves)

    def _show_log(self) -> None:
        box, text = self.ui.jobLog, "\n".join(self._log)
        box.visible = self.ui.jobLogButton.checked
        if box.visible and box.toPlainText() != text:
            box.setPlainText(text)
            bar = box.verticalScrollBar()
            bar.setValue(bar.maximum)

    def _chosen(self) -> None:
        number = self.ui.jobsTable.currentRow()
        if 0 <= number < len(self._ids) and self._ids[number] != self._watch.chosen:
            self.choose(self._ids[number])
            self._show_chosen(self._watch.last)

    def _do(self, what: str, text: str) -> None:
        """Ask something of the chosen training, and of its cluster where somebody is connected to it."""
        chosen = self._watch.chosen
        training = next((one.training for one in self._watch.last.summaries if one.training.id == chosen), None)
        if training is None:
            return
        executor = self._watch.executor(training.profile) if training.profile else None
        work = getattr(self._watch.trainings, what)
        self._watch.do(lambda: work(chosen, executor), self._done, away=executor is not None)
        tell(self.ui.jobsLabel, text)
        self._show_chosen(self._watch.last)

    def _remove(self) -> None:
        chosen = self._watch.chosen
        name = next((one.training.name for one in self._watch.last.summaries if one.training.id == chosen), "")
        question = _(
            "Remove the training {name}, with its curves and its model? A model that was installed from it stays."
        ).format(name=name)
        if name and slicer.util.confirmOkCancelDisplay(question, _("HCCAssist - Remove a training")):
            self._do("remove", _("Being removed ..."))

    def _done(self, _found: Any, problem: str) -> None:
        tell(self.ui.jobsLabel, problem, "stop")


def _tip(summary: TrainingSummary) -> str:
    """What a row says where the mouse rests on it."""
    return summary.message or summary.what or summary.training.name
